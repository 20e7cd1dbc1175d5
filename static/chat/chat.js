// The chat with a company's bots: who is there, what was said, and what can be said.

import { Line } from "./socket.js";
import { marked } from "./markup.js";

const { company, socket } = document.body.dataset;
const korean = document.documentElement.lang === "ko";
const t = (ko, en) => (korean ? ko : en);
const at = (id) => document.getElementById(id);
const [talk, say, completions] = [at("talk"), at("say"), at("completions")];

const HOUSE = ""; // what is no bot's: Maru itself
let bots = [];
let chosen = null;
const rooms = new Map(); // by bot: { lines: Map id → line, unread, typing, more }
const waiting = new Map(); // said, not kept yet: id → { to, text }
let pointed = -1; // the completion that is chosen

const room = (name) => {
  if (!rooms.has(name)) rooms.set(name, { lines: new Map(), unread: 0, typing: false, more: true });
  return rooms.get(name);
};

const line = new Line(company, socket, {
  on: {
    welcome: (frame) => takeBots(frame.bots),
    bots: (frame) => takeBots(frame.bots),
    line: (frame) => take(frame),
    typing: (frame) => {
      room(frame.to).typing = frame.on;
      drawState();
    },
    kept: (frame) => {
      waiting.delete(frame.id);
      drawTalk();
    },
    no: (frame) => {
      const said = waiting.get(frame.id);
      if (said) said.why = frame.why || t("보내지 못했어요", "not sent");
      drawTalk();
    },
    history: (frame) => {
      const one = room(frame.to);
      one.more = frame.more;
      const from = talk.scrollHeight;
      for (const each of frame.lines) one.lines.set(each.id, each);
      drawTalk();
      talk.scrollTop += talk.scrollHeight - from;
    },
  },
  state: (state) => {
    if (state === "out") location.reload();
    const shown = at("line-state");
    shown.hidden = state === "open";
    shown.textContent = t("연결이 끊겼어요. 다시 잇고 있어요. 쓴 말은 이어지면 보내요.", "Connection lost; what you write is sent once it is back.");
  },
});

function takeBots(news) {
  bots = news;
  if (chosen === null || (chosen !== HOUSE && !bots.some((bot) => bot.name === chosen))) {
    const kept = remembered();
    choose(bots.some((bot) => bot.name === kept) ? kept : bots[0]?.name ?? HOUSE, false);
  }
  drawBots();
  drawState();
  drawCompletions();
}

function take(frame) {
  const one = room(frame.to);
  const isNew = !one.lines.has(frame.id);
  one.lines.set(frame.id, frame);
  if (isNew && !frame.mine && (frame.to !== chosen || document.hidden) && frame.at > lastRead(frame.to)) one.unread += 1;
  if (frame.to === chosen && !document.hidden) read(frame.to);
  if (frame.to === chosen) drawTalk();
  drawBots();
}

// --- what this browser remembers ---

function kept(name) {
  try {
    return localStorage.getItem(`maru:${company}:${name}`) ?? "";
  } catch {
    return "";
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`maru:${company}:${name}`, value);
  } catch {
    return; // storage may be forbidden; the page works without
  }
}

const remembered = () => kept("bot");
const lastRead = (name) => kept(`read:${name}`);

function read(name) {
  const one = room(name);
  one.unread = 0;
  const last = [...one.lines.values()].map((each) => each.at).sort().at(-1);
  if (last) keep(`read:${name}`, last);
}

// --- drawing ---

function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

function drawBots() {
  const listed = [...bots.map((bot) => bot.name)];
  listed.push(HOUSE);
  at("no-bots").hidden = bots.length > 0;
  at("bots").replaceChildren(...listed.map((name) => {
    const bot = bots.find((each) => each.name === name);
    const unread = room(name).unread;
    const state = bot ? (bot.here ? t("있어요", "here") : t("자리에 없어요", "away")) : t("도움말", "help");
    return node("li", {}, node("button", { type: "button", "data-bot": name, "aria-current": name === chosen ? "true" : undefined },
      node("span", { class: `face ${bot?.here || !bot ? "here" : ""}`, "aria-hidden": "true" }, (name || "마루").slice(0, 1).toUpperCase()),
      node("span", { class: "name" }, node("strong", {}, name || t("마루", "Maru")), node("small", {}, state)),
      unread ? node("span", { class: "unread", "aria-label": t(`안 읽은 말 ${unread}개`, `${unread} unread`) }, String(unread)) : ""));
  }));
  const all = [...rooms.values()].reduce((sum, one) => sum + one.unread, 0);
  document.title = `${all ? `(${all}) ` : ""}${company} · ${t("마루 채팅", "Maru chat")}`;
}

function drawState() {
  const bot = bots.find((each) => each.name === chosen);
  at("bot-name").textContent = chosen || t("마루", "Maru");
  const typing = room(chosen ?? HOUSE).typing;
  at("bot-state").textContent = typing ? t("쓰는 중…", "typing…")
    : bot && !bot.here ? t("지금은 자리에 없어요. 돌아오면 답해요.", "Away; it answers when it is back.") : "";
  let dots = at("dots");
  if (typing && !dots) {
    dots = node("div", { id: "dots", class: "bubble typing", "aria-hidden": "true" }, node("i"), node("i"), node("i"));
    talk.append(dots);
    toEnd();
  } else if (!typing) dots?.remove();
}

function drawTalk() {
  const one = room(chosen ?? HOUSE);
  const atEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
  const lines = [...one.lines.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const shown = [];
  if (one.more && lines.length >= 20) shown.push(node("button", { type: "button", class: "plain older", id: "older" }, t("이전 대화", "Older")));
  let day = "";
  for (const each of lines) {
    const time = new Date(each.at);
    const said = time.toLocaleDateString(korean ? "ko-KR" : "en-GB", { month: "long", day: "numeric", weekday: "short" });
    if (said !== day) shown.push(node("p", { class: "day" }, said));
    day = said;
    shown.push(bubble(each, time));
  }
  for (const [id, said] of waiting) if (said.to === chosen) shown.push(pending(id, said));
  if (!shown.length) shown.push(empty());
  talk.replaceChildren(...shown);
  drawState();
  if (atEnd) toEnd();
}

function bubble(each, time) {
  const made = node("div", { class: `bubble ${each.mine ? "mine" : ""}` });
  const text = node("p");
  text.append(each.mine ? each.plain : marked(each.text));
  made.append(text);
  if (/^https:\/\//.test(each.image)) made.append(node("img", { src: each.image, alt: "", loading: "lazy", referrerpolicy: "no-referrer" }));
  if (each.buttons?.length) {
    made.append(node("div", { class: "buttons" }, ...each.buttons.map((one) => (one.url
      ? node("a", { class: "button quiet", href: /^https?:/.test(one.url) ? one.url : "#", target: "_blank", rel: "noreferrer noopener" }, one.title)
      : node("button", { type: "button", class: "button quiet", "data-say": one.say }, one.title)))));
  }
  made.append(node("time", { datetime: each.at }, time.toLocaleTimeString(korean ? "ko-KR" : "en-GB", { hour: "2-digit", minute: "2-digit" })));
  return made;
}

function pending(id, said) {
  const state = said.why ? said.why : t("보내는 중", "sending");
  const made = node("div", { class: `bubble mine pending ${said.why ? "failed" : ""}` }, node("p", {}, said.text), node("small", {}, state));
  if (said.why) made.append(node("button", { type: "button", class: "plain", "data-again": id }, t("다시 보내기", "Send again")));
  return made;
}

function empty() {
  const bot = bots.find((each) => each.name === chosen);
  const made = node("div", { class: "nothing" }, node("p", {}, t("아직 나눈 말이 없어요.", "Nothing was said yet.")));
  if (bot?.commands.length) {
    made.append(node("ul", {}, ...bot.commands.slice(0, 8).map((one) => node("li", {},
      node("button", { type: "button", class: "plain", "data-begin": `${one.name} ` }, one.usage), one.help ? ` · ${one.help}` : ""))));
  }
  return made;
}

const toEnd = () => {
  talk.scrollTop = talk.scrollHeight;
};

// --- doing ---

function choose(name, show = true) {
  chosen = name;
  keep("bot", name);
  read(name);
  document.body.classList.toggle("in-room", show);
  drawBots();
  drawTalk();
  toEnd();
  drawCompletions();
  if (show && matchMedia("(min-width: 48rem)").matches) say.focus();
}

function tell(text) {
  if (!text.trim() || chosen === null) return;
  const said = line.say(chosen, text.trim());
  waiting.set(said.id, { to: chosen, text: text.trim() });
  drawTalk();
  toEnd();
}

function fitting() {
  const typed = say.value;
  if (!typed.startsWith("/") && !typed.startsWith("／")) return [];
  const wanted = typed.normalize("NFKC").toLowerCase();
  const known = bots.flatMap((bot) => bot.commands.map((one) => ({ ...one, bot: bot.name })));
  const name = wanted.split(/\s/)[0];
  if (/\s/.test(wanted)) return known.filter((one) => one.name.toLowerCase() === name).slice(0, 1);
  return known.filter((one) => one.name.toLowerCase().startsWith(wanted)).slice(0, 8);
}

function drawCompletions() {
  const found = fitting();
  pointed = Math.min(pointed, found.length - 1);
  completions.hidden = !found.length;
  say.setAttribute("aria-expanded", String(found.length > 0));
  if (pointed >= 0) say.setAttribute("aria-activedescendant", `completion-${pointed}`);
  else say.removeAttribute("aria-activedescendant");
  completions.replaceChildren(...found.map((one, index) => node("li", {
    role: "option", id: `completion-${index}`, "aria-selected": String(index === pointed), "data-name": one.name, "data-of": one.bot,
  }, node("strong", {}, one.usage), node("span", {}, one.help), node("small", {}, one.bot))));
}

function complete(option) {
  if (option.dataset.of !== chosen) choose(option.dataset.of);
  say.value = `${option.dataset.name} `;
  pointed = -1;
  drawCompletions();
  grow();
  say.focus();
}

function grow() {
  say.rows = Math.min(say.value.split("\n").length, 6);
}

at("bots").addEventListener("click", (event) => {
  const button = event.target.closest("[data-bot]");
  if (button) choose(button.dataset.bot);
});
at("back").addEventListener("click", () => {
  document.body.classList.remove("in-room");
  at("bots").querySelector("[aria-current]")?.focus();
});
talk.addEventListener("click", (event) => {
  const { say: words, begin, again } = event.target.dataset;
  if (words) tell(words);
  if (begin) {
    say.value = begin;
    drawCompletions();
    say.focus();
  }
  if (again && waiting.has(again)) {
    const said = waiting.get(again);
    waiting.delete(again);
    tell(said.text);
  }
  if (event.target.id === "older") {
    const first = [...room(chosen).lines.values()].map((each) => each.at).sort()[0];
    line.send({ type: "history", to: chosen, before: first });
  }
});
say.addEventListener("input", () => {
  pointed = -1;
  drawCompletions();
  grow();
});
say.addEventListener("keydown", (event) => {
  const options = [...completions.children];
  const choosing = !completions.hidden && !/\s/.test(say.value);
  if (choosing && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    pointed = (pointed + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
    drawCompletions();
  } else if (choosing && (event.key === "Tab" || (event.key === "Enter" && pointed >= 0)) && !event.isComposing) {
    event.preventDefault();
    complete(options[Math.max(pointed, 0)]);
  } else if (event.key === "Escape") {
    completions.hidden = true;
    say.setAttribute("aria-expanded", "false");
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("composer").requestSubmit();
  }
});
completions.addEventListener("mousedown", (event) => {
  const option = event.target.closest("[role=option]");
  if (!option) return;
  event.preventDefault();
  complete(option);
});
at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  tell(say.value);
  say.value = "";
  pointed = -1;
  drawCompletions();
  grow();
});
at("leave").addEventListener("click", async () => {
  await fetch(`/chat/${company}/leave`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  location.reload();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || chosen === null) return;
  read(chosen);
  drawBots();
  line.now();
});
addEventListener("online", () => line.now());
drawTalk();
line.connect();
