// The chat with a company's bots: who is there, what was said, and what can be said.

import { completions } from "./completing.js";
import { arrange, node } from "./nodes.js";
import { Line } from "./socket.js";
import { inOrder, Talk } from "./talk.js";

const { company, socket, guest, name: called } = document.body.dataset;
const korean = document.documentElement.lang === "ko";
const t = (ko, en) => (korean ? ko : en);
const at = (id) => document.getElementById(id);
const [say, offered] = [at("say"), at("completions")];
const wide = matchMedia("(min-width: 48.01rem)");

const HOUSE = ""; // what is no bot's: Maru itself
const OURS = [
  { name: t("/도움말", "/help"), usage: t("/도움말", "/help"), help: t("할 수 있는 것을 알려 드려요", "what can be said"), bot: HOUSE },
  { name: t("/구독", "/subscribe"), usage: t("/구독 주제", "/subscribe topic"), help: t("소식을 여기로 받아요", "hear of it here"), bot: HOUSE },
  { name: t("/구독해지", "/unsubscribe"), usage: t("/구독해지 주제", "/unsubscribe topic"), help: t("그만 받아요", "hear no more of it"), bot: HOUSE },
];
const PAGE_LINES = 30; // a chat with fewer lines asks for those before
const HINTS = 8;

let bots = null; // null: not known yet
let chosen = null;
const rooms = new Map(); // by bot: { lines: id → line, claimed: ids of lines, unread, typing, more, asked }
const waiting = new Map(); // said here, not seen in the chat yet: id → { id, to, text, before, kept, why }
let pointed = -1; // the completion that is chosen
const talk = new Talk(at("talk"));

function room(name) {
  if (!rooms.has(name)) rooms.set(name, { lines: new Map(), claimed: new Set(), unread: 0, typing: false, more: true, asked: false });
  return rooms.get(name);
}

// --- what this browser remembers ---

function kept(store, name) {
  try {
    return store().getItem(`maru:${company}:${name}`) ?? "";
  } catch {
    return ""; // storage may be forbidden; the page works without
  }
}

function keep(store, name, value) {
  try {
    store().setItem(`maru:${company}:${name}`, value);
  } catch {
    return; // as above
  }
}

const browser = () => localStorage;
const tab = () => sessionStorage;
if (!kept(browser, "began")) keep(browser, "began", new Date().toISOString());
const lastRead = (name) => kept(browser, `read:${name}`) || kept(browser, "began");

// --- the line ---

function unsaid() {
  try {
    return JSON.parse(kept(tab, "unsaid") || "[]");
  } catch {
    return [];
  }
}

const line = new Line(company, socket, {
  kept: unsaid(),
  keep: (all) => keep(tab, "unsaid", JSON.stringify(all)),
  on: {
    welcome: (frame) => {
      for (const one of rooms.values()) one.typing = false; // we are told anew
      takeBots(frame.bots);
      askForEarlier();
    },
    bots: (frame) => takeBots(frame.bots),
    line: (frame) => takeLine(frame),
    typing: (frame) => {
      room(frame.to).typing = frame.on;
      drawRoom();
    },
    kept: (frame) => {
      const said = waiting.get(frame.id);
      if (!said) return;
      said.kept = true;
      seeSaid(said.to);
      drawRoom();
    },
    no: (frame) => {
      const said = waiting.get(frame.id);
      if (said) said.why = frame.why || t("보내지 못했어요", "not sent");
      drawRoom();
    },
    history: (frame) => {
      const one = room(frame.to);
      for (const each of frame.lines) one.lines.set(each.id, each);
      // It may also be an answer about the latest ones, when we know those before them.
      const first = inOrder(one.lines.values())[0];
      if (!frame.lines.length || frame.lines[0].id === first.id) one.more = frame.more;
      drawRoom();
    },
  },
  state: (state) => {
    if (state === "out") {
      keep(tab, "unsaid", "[]");
      location.reload();
    }
    const shown = at("line-state");
    shown.hidden = state === "open";
    shown.textContent = t("연결이 끊겼어요. 다시 잇고 있어요. 쓴 말은 이어지면 보내요.", "Connection lost; what you write is sent once it is back.");
  },
});
for (const said of line.unsaid.values()) waiting.set(said.id, { ...said, before: new Set(), kept: false });

function takeBots(news) {
  bots = news;
  if (chosen === null || (chosen !== HOUSE && !bots.some((bot) => bot.name === chosen))) {
    const last = kept(browser, "bot");
    const name = bots.some((bot) => bot.name === last) ? last : bots[0]?.name ?? HOUSE;
    choose(name, Boolean(history.state?.room));
  }
  drawBots();
  drawRoom();
  drawCompletions();
}

function takeLine(frame) {
  const one = room(frame.to);
  const isNew = !one.lines.has(frame.id);
  one.lines.set(frame.id, frame);
  if (frame.mine) seeSaid(frame.to);
  if (isNew && !frame.mine && frame.at > lastRead(frame.to)) one.unread += 1;
  if (isSeen(frame.to)) read(frame.to);
  if (frame.to === chosen) drawRoom();
  drawBots();
}

// What was said here turns into its line; the two come by different ways and in either order.
function seeSaid(to) {
  const one = room(to);
  for (const said of waiting.values()) {
    if (said.to !== to || !said.kept) continue;
    const own = inOrder(one.lines.values()).find((each) => (
      each.mine && each.plain === said.text && !said.before.has(each.id) && !one.claimed.has(each.id)));
    if (!own) continue;
    one.claimed.add(own.id);
    waiting.delete(said.id);
  }
}

const isSeen = (name) => name === chosen && !document.hidden && at("room").getClientRects().length > 0;

function read(name) {
  room(name).unread = 0;
  const last = inOrder(room(name).lines.values()).at(-1);
  if (last && last.at > lastRead(name)) keep(browser, `read:${name}`, last.at);
}

function askForEarlier(older = false) {
  if (chosen === null) return;
  const one = room(chosen);
  if (!older && (one.asked || one.lines.size >= PAGE_LINES)) return;
  one.asked = line.ask({ type: "history", to: chosen, before: inOrder(one.lines.values())[0]?.at }) || one.asked;
}

// --- drawing ---

function drawBots() {
  const listed = [...(bots ?? []).map((bot) => bot.name), HOUSE];
  at("no-bots").hidden = bots === null || bots.length > 0;
  arrange(at("bots"), listed.map((name) => {
    const bot = bots?.find((each) => each.name === name);
    const facts = { unread: room(name).unread, here: !bot || bot.here, chosen: name === chosen };
    return [`bot ${name}`, JSON.stringify(facts), () => botRow(name, bot, facts)];
  }));
  const all = [...rooms.values()].reduce((sum, one) => sum + one.unread, 0);
  document.title = `${all ? `(${all}) ` : ""}${company} · ${t("마루 채팅", "Maru chat")}`;
}

function botRow(name, bot, { unread, here, chosen: isChosen }) {
  const state = !bot ? t("도움말", "help") : here ? t("지금 있어요", "here now") : t("자리에 없어요", "away");
  return node("li", {}, node("button", { type: "button", "data-bot": name, "aria-current": isChosen ? "true" : undefined },
    node("span", { class: `face ${here ? "here" : ""}`, "aria-hidden": "true" }, (name || t("마루", "Maru")).slice(0, 1).toUpperCase()),
    node("span", { class: "name" }, node("strong", {}, name || t("마루", "Maru")), node("small", {}, state)),
    unread ? node("span", { class: "unread" }, String(unread), node("span", { class: "visually-hidden" }, t(" 개 안 읽음", " unread"))) : ""));
}

function drawRoom() {
  const name = chosen ?? HOUSE;
  const one = room(name);
  const bot = bots?.find((each) => each.name === name);
  at("bot-name").textContent = name || t("마루", "Maru");
  say.setAttribute("aria-label", name ? t(`${name}에게 하고 싶은 말`, `What to say to ${name}`) : t("하고 싶은 말", "What to say"));
  const state = one.typing ? t("쓰는 중…", "typing…") : bot && !bot.here ? t("지금은 자리에 없어요. 돌아오면 답해요.", "Away; it answers when it is back.") : "";
  if (at("bot-state").textContent !== state) at("bot-state").textContent = state;
  talk.draw(name, {
    lines: inOrder(one.lines.values()),
    waiting: [...waiting.values()].filter((said) => said.to === name),
    more: one.more,
    typing: one.typing,
    hints: hints(name, bot),
  });
}

function hints(name, bot) {
  if (bots === null) return { said: t("여는 중이에요…", "Opening…"), commands: [] };
  const commands = (name ? bot?.commands ?? [] : OURS).slice(0, HINTS);
  if (name && !commands.length && !bot?.listens) return { said: t("이 봇은 아직 할 줄 아는 말을 알려 주지 않았어요.", "This bot has not told yet what it can do."), commands };
  return { said: t("아직 나눈 말이 없어요. 이렇게 시작해 보세요.", "Nothing here yet. Try one of these:"), commands };
}

// --- doing ---

function choose(name, show = true) {
  const wasInRoom = document.body.classList.contains("in-room");
  chosen = name;
  keep(browser, "bot", name);
  document.body.classList.toggle("in-room", show);
  // On a phone the way back is the browser's own.
  if (show && !wasInRoom && !wide.matches && !history.state?.room) history.pushState({ room: true }, "");
  if (isSeen(name)) read(name);
  drawBots();
  drawRoom();
  drawCompletions();
  askForEarlier();
  if (show && wide.matches) say.focus();
  else if (show && !wasInRoom) at("bot-name").focus();
}

function toBots() {
  document.body.classList.remove("in-room");
  at("bots").querySelector("[aria-current]")?.focus();
}

function tell(text) {
  const words = text.trim();
  if (!words || chosen === null) return;
  const said = line.say(chosen, words);
  waiting.set(said.id, { ...said, before: new Set(room(chosen).lines.keys()), kept: false });
  drawRoom();
  talk.toEnd();
}

function begin(words) {
  say.value = words;
  pointed = -1;
  drawCompletions();
  say.focus();
}

function drawCompletions() {
  const known = (bots ?? []).flatMap((bot) => bot.commands.map((one) => ({ ...one, bot: bot.name })));
  // Those of the bot that one talks with come first.
  known.sort((a, b) => (b.bot === chosen) - (a.bot === chosen));
  const found = completions(say.value, [...known, ...OURS]);
  pointed = Math.min(pointed, found.length - 1);
  show(found.length > 0);
  if (pointed >= 0) say.setAttribute("aria-activedescendant", `completion-${pointed}`);
  else say.removeAttribute("aria-activedescendant");
  offered.replaceChildren(...found.map((one, index) => node("li", {
    role: "option", id: `completion-${index}`, "aria-selected": String(index === pointed), "data-name": one.name, "data-of": one.bot,
  }, node("strong", {}, one.usage || one.name), node("span", {}, one.help), node("small", {}, one.bot || t("마루", "Maru")))));
  offered.children[pointed]?.scrollIntoView({ block: "nearest" });
}

function show(isOffered) {
  offered.hidden = !isOffered;
  say.setAttribute("aria-expanded", String(isOffered));
}

function complete(option) {
  if (option.dataset.of !== chosen && option.dataset.of !== HOUSE) choose(option.dataset.of);
  begin(`${option.dataset.name} `);
}

at("bots").addEventListener("click", (event) => {
  const button = event.target.closest("[data-bot]");
  if (button) choose(button.dataset.bot);
});
at("back").addEventListener("click", () => {
  if (history.state?.room) history.back();
  else toBots();
});
addEventListener("popstate", (event) => {
  if (event.state?.room && chosen !== null) choose(chosen);
  else toBots();
});
at("talk").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { say: words, begin: start, again } = button.dataset;
  if (words) tell(words);
  else if (start) begin(start);
  else if (again && waiting.has(again)) {
    const { text } = waiting.get(again);
    waiting.delete(again);
    tell(text);
  } else if (button.id === "older") askForEarlier(true);
});
say.addEventListener("input", () => {
  pointed = -1;
  drawCompletions();
});
say.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // the keys are the input method's
  const options = [...offered.children];
  const choosing = !offered.hidden && !/\s/.test(say.value);
  if (choosing && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    if (pointed < 0 && event.key === "ArrowUp") pointed = 0;
    pointed = (pointed + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
    drawCompletions();
  } else if (choosing && !event.shiftKey && (event.key === "Tab" || (event.key === "Enter" && pointed >= 0))) {
    event.preventDefault();
    complete(options[Math.max(pointed, 0)]);
  } else if (event.key === "Escape") {
    show(false);
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    at("composer").requestSubmit();
  }
});
offered.addEventListener("pointerdown", (event) => event.preventDefault()); // what is typed keeps the focus
offered.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) complete(option);
});
at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  tell(say.value);
  say.value = "";
  pointed = -1;
  drawCompletions();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
  if (!isSeen(chosen)) return;
  event.preventDefault();
  begin("/");
});
at("leave").addEventListener("click", async () => {
  keep(tab, "unsaid", "[]");
  await fetch(`/chat/${company}/leave`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  location.reload();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || chosen === null) return;
  if (isSeen(chosen)) read(chosen);
  drawBots();
  line.now(chosen);
});
addEventListener("online", () => line.now(chosen ?? HOUSE));

// An invite that is opened by who is in already: a guest may become a member by it. It leaves the address either way.
async function begun() {
  const code = new URLSearchParams(location.hash.slice(1)).get("invite");
  if (code) {
    history.replaceState(history.state, "", location.pathname + location.search);
    if (guest !== undefined) {
      const given = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code, name: called }) };
      if ((await fetch(`/chat/${company}/join`, given)).ok) location.reload();
    }
  }
  // Where the person was, before anybody has told which bots there are: what waits to be sent is seen there.
  const last = kept(browser, "bot");
  if (last) choose(last, Boolean(history.state?.room));
  drawRoom();
  drawBots();
  line.connect();
}
begun();
