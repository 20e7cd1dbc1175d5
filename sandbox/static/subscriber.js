// The subscriber's seat: a phone with Telegram on it. Start, write, press, block; in private or in a group.

import { ask } from "./api.js";
import { safeAddress } from "./markup.js";
import { byId, node } from "./nodes.js";
import { SUBSCRIBER } from "./subscriber_words.js";
import { choose as chooseLanguage, current, learn, t } from "./words.js";

learn(SUBSCRIBER);

const PEOPLE = [{ id: 5550001, name: "민지", language: "ko" }, { id: 5550002, name: "준호", language: "ko" }, { id: 5550003, name: "Sarah", language: "en" }];
const FAULTS = [
  { do: "429", match: { path: "/bot/sendMessage" }, seconds: 3 }, { do: "html", match: { path: "/bot/send*" } },
  { do: "drop_after", match: { path: "/bot/send*" } }, { do: "slow", match: { path: "/bot/send*" }, seconds: 3 }, { do: "double", match: {} },
];
const MARK = "subscriber";
const MARKS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre" };

let me = PEOPLE[0].id;
let selected = me;
let chats = {};
let bot = { first_name: "마루", username: "" };
let presses = {};
let hook = {};
let knobs = { commands: {} };
let rules = [];
let shown = "";
let replyTo = null;
let pressed = {}; // "message:title" → the id of the press

const chat = () => chats[selected];
const mine = () => Object.values(chats).filter((one) => one.entity.type !== "private" && one.members.some((who) => who.id === me));
const nameOf = (one) => (one.entity.type === "private" ? bot.first_name : one.entity.title);
const wordsOf = (message) => message.text ?? message.caption ?? (message.sticker ? t("sticker") : message.photo ? t("picture") : "");

function say(text) {
  byId("trouble").replaceChildren(text);
  byId("trouble").hidden = !text;
}

const failed = (error) => {
  say(t("failed", { why: error.message }));
  setTimeout(() => say(""), 5000);
};

// the list

function drawChats() {
  const all = [chats[me], ...mine()].filter(Boolean);
  byId("chats").replaceChildren(...all.map((one) => {
    const last = one.messages[one.messages.length - 1];
    const choose = () => {
      selected = one.entity.id;
      show("chat");
      draw(true);
    };
    const chosen = String(one.entity.id === selected);
    return node("li", {}, node("button", { type: "button", class: "row", "aria-current": chosen, onclick: choose },
      node("span", { class: "avatar", "aria-hidden": "true" }, nameOf(one).slice(0, 1)), node("bdi", { class: "who" }, nameOf(one)),
      node("span", { class: `dot ${one.bot === "member" ? "opened" : "closed"}` }), node("span", { class: "last" }, last ? wordsOf(last).slice(0, 60) : "")));
  }));
}

// the chat

function drawChat(anew) {
  const one = chat();
  if (!one) return;
  const alone = one.entity.type === "private";
  byId("chat-name").textContent = nameOf(one);
  byId("chat-avatar").textContent = nameOf(one).slice(0, 1);
  byId("chat-facts").textContent = alone ? `@${bot.username} · ${t("botAbout")}` : t("groupOf", { n: one.members.length });
  const inside = one.bot === "member";
  byId("away").hidden = one.bot === "never" || Boolean(one.movedTo);
  byId("away").textContent = t(alone ? (inside ? "block" : "unblock") : inside ? "leaveGroup" : "addBot");
  byId("start").hidden = !alone || inside;
  byId("start").textContent = t(one.bot === "kicked" ? "unblock" : "startButton");
  byId("say-form").hidden = alone && !inside;
  byId("chips").hidden = byId("say-form").hidden;
  byId("say").placeholder = t("tgWrite");
  byId("say").setAttribute("aria-label", t("tgWrite"));
  const waiting = Object.values(pressed).filter((id) => presses[id] === false);
  const state = JSON.stringify([me, selected, current(), one.bot, one.movedTo, one.messages.length, waiting]);
  if (state === shown) return; // a redraw would take the focus from a button
  shown = state;
  const talk = byId("talk");
  const near = anew || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 160;
  talk.replaceChildren(...one.messages.map((message) => drawMessage(message, one, alone)));
  if (!one.messages.length && alone) talk.append(node("div", { class: "welcome" }, node("b", {}, t("welcome")), node("p", {}, t("welcomeText"))));
  if (!inside && one.bot !== "never") talk.append(node("p", { class: "system" }, t(alone ? "blockedNow" : "outOfGroup")));
  if (near) talk.scrollTop = talk.scrollHeight;
}

function drawMessage(message, one, alone) {
  if (message.migrate_to_chat_id || message.migrate_from_chat_id) return node("p", { class: "system" }, t("moved"));
  const own = message.from.id === me;
  const replied = message.reply_to_message && one.messages.find((other) => other.message_id === message.reply_to_message.message_id);
  const topic = message.message_thread_id && node("span", { class: "topic" }, `# ${one.topics[message.message_thread_id] ?? ""}`);
  const photo = message.photo?.[0]?.url && node("a", { class: "picture", href: safeAddress(message.photo[0].url) },
    node("img", { src: safeAddress(message.photo[0].url), alt: t("picture") }));
  const words = node("div", { class: "text" }, ...marked(wordsOf(message), message.entities ?? message.caption_entities ?? []));
  const at = new Date(message.date * 1000);
  const bubble = node("div", { class: "bubble" }, own || alone ? null : node("p", { class: "name" }, message.from.first_name), topic || null,
    replied ? node("p", { class: "reply" }, wordsOf(replied)) : null, photo || null, words,
    node("time", { datetime: at.toISOString() }, at.toLocaleTimeString("en-GB").slice(0, 5)));
  const again = () => {
    replyTo = message;
    drawReply();
    byId("say").focus();
  };
  if (!own && !alone) bubble.append(node("button", { type: "button", class: "again", onclick: again }, `↩ ${t("reply")}`));
  const rows = message.reply_markup?.inline_keyboard ?? [];
  return node("div", { class: `message ${own ? "user" : "bot"}` }, bubble, rows.length ? node("div", { class: "keys" }, ...rows.map((row) => drawKeys(row, message))) : null);
}

function drawKeys(row, message) {
  return node("div", { class: "line" }, ...row.map((key) => {
    if (key.url) return node("a", { class: "key", href: safeAddress(key.url), target: "_blank", rel: "noopener noreferrer" }, `${key.text} ↗`);
    const about = `${message.message_id}:${key.text}`;
    const press = async () => {
      const query = await ask("telegram/press", { as: me, chat: selected, message: message.message_id, title: key.text }).catch(failed);
      if (query) pressed[about] = query.id;
    };
    return node("button", { type: "button", class: "key", "aria-busy": String(presses[pressed[about]] === false), onclick: press }, key.text);
  }));
}

// Entities count UTF-16 units, as scripts do. They may lie within each other, never across.
function marked(text, entities) {
  const root = node("span");
  const inside = (parent, from, to, list) => {
    let at = from;
    for (let i = 0; i < list.length; i += 1) {
      const { offset, length, type, url } = list[i];
      if (offset < at) continue;
      parent.append(text.slice(at, offset));
      const address = type === "text_link" ? safeAddress(url) : null;
      const element = address ? node("a", { href: address, target: "_blank", rel: "noopener noreferrer" })
        : type === "bot_command" ? node("span", { class: "mention" }) : node(MARKS[type] ?? "span");
      inside(element, offset, offset + length, list.slice(i + 1).filter((one) => one.offset + one.length <= offset + length));
      parent.append(element);
      at = offset + length;
    }
    parent.append(text.slice(at, to));
  };
  inside(root, 0, text.length, entities);
  return root.childNodes;
}

function drawReply() {
  byId("replying").hidden = !replyTo;
  byId("replying").firstElementChild.textContent = replyTo ? t("replyTo", { text: wordsOf(replyTo).slice(0, 30) }) : "";
}

// tools

function drawTools() {
  const failure = hook.last_error_message ? node("p", { class: "hint off" }, t("lastError", { why: hook.last_error_message })) : null;
  const group = chat() && chat().entity.type === "group" && !chat().movedTo;
  const migrate = () => ask("telegram/migrate", { chat: selected }).then((made) => { selected = made.chat; }).catch(failed);
  const knob = (name) => {
    const box = node("input", { type: "checkbox", role: "switch", checked: knobs[name] });
    box.addEventListener("change", () => ask("telegram/settings", { [name]: box.checked }).then((now) => { knobs = now; }).catch(failed));
    return node("label", { class: "switch" }, box, " ", node("span", {}, t(name)));
  };
  byId("tools").replaceChildren(
    node("div", { class: "card" }, node("h3", {}, t("connection")), node("p", { class: "state-line" }, t(hook.url ? "pushed" : "polled")),
      node("p", { class: "hint" }, t("pending", { n: hook.pending_update_count ?? 0 })), failure),
    node("div", { class: "card" }, knob("privacy"), node("p", { class: "hint" }, t("privacyLead")), knob("limits")),
    group ? node("div", { class: "card" }, node("p", { class: "hint" }, t("migrateLead")), node("button", { type: "button", onclick: migrate }, t("migrate"))) : "",
    node("fieldset", { class: "card faults" }, node("legend", {}, t("dial")), ...FAULTS.map(drawFault)));
}

function drawFault(fault) {
  const box = node("input", { type: "checkbox", role: "switch", checked: rules.some((rule) => rule.by === MARK && rule.do === fault.do) });
  box.addEventListener("change", async () => {
    const kept = rules.filter((rule) => rule.by !== MARK || rule.do !== fault.do);
    const now = { ...fault, match: { ...fault.match, channel: "telegram" }, by: MARK };
    const next = (box.checked ? [...kept, now] : kept).map(({ hits, seen, ...rule }) => rule);
    rules = (await ask("faults", { rules: next }).catch(failed))?.rules ?? rules;
  });
  return node("div", { class: "fault" }, node("label", {}, box, node("span", {}, t(fault.do))));
}

// the page

function show(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".bottom button")) button.setAttribute("aria-current", String(button.dataset.show === view));
}

function draw(anew = false) {
  drawChats();
  drawChat(anew);
  drawChips();
}

function drawChips() {
  const korean = current() === "ko";
  const words = korean ? ["구독", "도움말", "오늘 몇 명이야?", "해지"] : (knobs.commands[""] ?? []).map((one) => `/${one.command}`);
  const state = words.join();
  if (byId("chips").dataset.words === state) return;
  byId("chips").dataset.words = state;
  byId("chips").replaceChildren(...words.map((one) => node("button", { type: "button", class: "chip", "data-say": one }, one)));
}

function drawWords() {
  document.documentElement.lang = current();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  byId("language").textContent = current() === "ko" ? "English" : "한국어";
  byId("language").lang = current() === "ko" ? "en" : "ko";
  byId("me").replaceChildren(...PEOPLE.map((one) => node("option", { value: one.id, selected: one.id === me }, one.name)));
  drawTools();
  draw(true);
}

async function look() {
  const before = JSON.stringify([hook, knobs, rules, selected, chat()?.entity.type, chat()?.movedTo]);
  [hook, knobs, { rules }, { presses }] = await Promise.all(["telegram/webhook", "telegram/settings", "faults", "telegram/presses"].map((path) => ask(path)));
  const after = JSON.stringify([hook, knobs, rules, selected, chat()?.entity.type, chat()?.movedTo]);
  // A redraw would take the focus from a switch that somebody is using.
  if (after !== before && !byId("tools").contains(document.activeElement)) drawTools();
}

function tell(text) {
  if (!text.trim()) return;
  const reply = replyTo && chat().messages.some((one) => one.message_id === replyTo.message_id) ? { reply: replyTo.message_id } : {};
  replyTo = null;
  drawReply();
  ask("telegram/say", { as: me, chat: selected, text, ...reply }).catch(failed);
}

function listen() {
  byId("me").addEventListener("change", () => {
    me = Number(byId("me").value);
    selected = me;
    draw(true);
  });
  byId("new-group").addEventListener("click", async () => {
    const others = PEOPLE.map((one) => one.id).filter((id) => id !== me);
    const made = await ask("telegram/groups", { title: t("groupTitle"), members: [me, ...others] }).catch(failed);
    if (made) selected = made.chat;
    show("chat");
  });
  byId("away").addEventListener("click", () => {
    const status = chat().bot === "member" ? "kicked" : "member";
    ask("telegram/bot", { chat: selected, as: me, status }).catch(failed);
  });
  byId("no-reply").addEventListener("click", () => {
    replyTo = null;
    drawReply();
  });
  byId("start").addEventListener("click", () => tell("/start"));
  byId("language").addEventListener("click", () => {
    chooseLanguage(current() === "ko" ? "en" : "ko");
    drawWords();
  });
  byId("chips").addEventListener("click", (event) => event.target.dataset.say && tell(event.target.dataset.say));
  byId("say-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tell(byId("say").value);
    byId("say").value = "";
  });
  for (const button of document.querySelectorAll(".bottom button")) button.addEventListener("click", () => show(button.dataset.show));
}

async function follow() {
  for (let n = 0, resets = null; ; ) {
    try {
      const news = await ask(`events?since=${n}&wait=${n ? 25 : 0}`);
      if (news.resets !== resets) {
        for (const person of PEOPLE) await ask("telegram/users", person);
        chats = {};
        pressed = {};
        n = 0;
      }
      const told = await ask(`telegram/chats?since=${n}`);
      ({ n, resets } = news);
      bot = told.bot;
      Object.assign(chats, told.chats);
      if (!chats[selected]) selected = me;
      if (chat().movedTo && chats[chat().movedTo]) selected = chat().movedTo;
      await look();
      say("");
      draw();
    } catch {
      say(t("lost"));
      n = 0; // the sandbox may have started anew
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

listen();
show("chat");
drawWords();
follow();
