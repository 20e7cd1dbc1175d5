// What the sandbox holds, kept up to date by long polling, and the things one can ask of it.

export const world = { n: 0, resets: null, chats: new Map(), requests: [], webhooks: [], reachable: true };
const KEPT = 200;

export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(`/sandbox/${path}`, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error || `${answer.status}`);
  return content;
}

function take(news) {
  if (world.resets !== null && news.resets !== world.resets) {
    world.chats.clear();
    world.requests = [];
    world.webhooks = [];
  }
  world.resets = news.resets;
  world.n = news.n;
  for (const [id, chat] of Object.entries(news.chats)) {
    const known = world.chats.get(id);
    const messages = known ? known.messages.concat(chat.messages.filter((m) => m.n > known.last)) : chat.messages;
    const last = messages.length ? messages[messages.length - 1].n : 0;
    world.chats.set(id, { ...known, ...chat, id, messages, last, bornAt: known?.bornAt ?? Date.now() });
  }
  world.requests = world.requests.concat(news.requests).slice(-KEPT);
  world.webhooks = world.webhooks.concat(news.webhooks).slice(-KEPT);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Calls `changed` after every piece of news, for as long as the page lives.
export async function follow(changed) {
  for (;;) {
    try {
      const wait = world.reachable && world.resets !== null ? 25 : 0;
      take(await ask(`events?since=${world.n}&wait=${wait}`));
      world.reachable = true;
      changed();
      await pause(60); // several things often happen together: one repaint for all
    } catch {
      world.reachable = false;
      changed();
      await pause(1000);
      world.n = 0; // the sandbox may have started anew
      world.resets = -1;
    }
  }
}
