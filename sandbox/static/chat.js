// The list of chats and the phone: what the customer sees, bubble by bubble.

import { ask, world } from "./api.js";
import { marked, picture, safeAddress } from "./markup.js";
import { byId, clock, node } from "./nodes.js";
import * as survey from "./survey.js";
import { t } from "./words.js";

const PATIENCE = 10_000;
const shown = { chat: null, count: 0, language: "" };
const read = new Map(); // chat -> bot messages that were on the screen

export const isBot = (message) => message.personType === "bot" && !message.log;
const initial = (name) => name.match(/[\p{L}\p{N}\p{Extended_Pictographic}]/u)?.[0] ?? "?";
const short = (name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name);

// the list

export function drawList(selected, choose) {
  const chats = [...world.chats.values()].sort((a, b) => b.last - a.last || b.bornAt - a.bornAt);
  const list = byId("chats");
  const known = new Map([...list.children].map((row) => [row.dataset.chat, row]));
  const rows = chats.slice(0, 300).map((chat) => {
    const row = known.get(chat.id) ?? newRow(chat.id, choose);
    fillRow(row, chat, selected);
    return row;
  });
  if (rows.some((row, index) => list.children[index] !== row) || rows.length !== list.children.length) {
    const focused = document.activeElement;
    list.replaceChildren(...rows);
    if (list.contains(focused)) focused.focus();
  }
  byId("no-chats").hidden = rows.length > 0;
}

function newRow(id, choose) {
  const button = node("button", { type: "button", class: "row", onclick: () => choose(id) },
    node("span", { class: "avatar", "aria-hidden": "true" }), node("bdi", { class: "who" }), node("span", { class: "dot" }),
    node("span", { class: "last" }), node("span", { class: "unread" }));
  return node("li", { "data-chat": id }, button);
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fillRow(row, chat, selected) {
  const [avatar, who, dot, last, unread] = row.firstChild.children;
  const words = chat.messages.filter((message) => !message.log);
  const count = words.filter(isBot).length;
  if (chat.id === selected) read.set(chat.id, count);
  put(avatar, initial(chat.name));
  put(who, short(chat.name || t("you")));
  put(last, words.length ? words[words.length - 1].plainText.slice(0, 60) : t(chat.state));
  const fresh = count - (read.get(chat.id) ?? 0);
  put(unread, fresh > 0 ? String(fresh) : "");
  dot.className = `dot ${chat.state}`;
  dot.title = t(chat.state);
  row.firstChild.setAttribute("aria-current", String(chat.id === selected));
}

// the phone

export function drawPhone(chat, language) {
  const name = chat ? chat.name || t("you") : t("draft");
  put(byId("chat-name"), short(name));
  put(byId("chat-avatar"), chat ? initial(name) : "✎");
  put(byId("chat-facts"), chat ? facts(chat) : t("factsNone"));
  put(byId("chat-state"), chat ? t(chat.state) : "");
  byId("chat-state").className = `state ${chat ? chat.state : ""}`;
  byId("survey").hidden = Boolean(chat);
  byId("talk").hidden = byId("composer").hidden = !chat;
  if (!chat) {
    shown.chat = null;
    return;
  }
  drawTalk(chat, language);
  drawComposer(chat);
}

function facts(chat) {
  const first = chat.messages.find(isBot);
  const asked = chat.messages.find((message) => message.personType === "user");
  const opened = Math.min(chat.openedAt ?? Infinity, asked?.at ?? Infinity);
  const count = chat.messages.filter(isBot).length;
  if (!first || !Number.isFinite(opened)) return t("factsNone");
  return t("facts", { first: (Math.max(first.at - opened, 0) / 1000).toFixed(1), count });
}

function drawTalk(chat, language) {
  const talk = byId("talk");
  if (shown.chat !== chat.id || shown.language !== language || shown.count > chat.messages.length) {
    talk.replaceChildren();
    Object.assign(shown, { chat: chat.id, count: 0, language });
    talk.classList.add("still");
  }
  const near = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 120 || shown.count === 0;
  talk.querySelector(".pending")?.remove();
  chat.messages.slice(shown.count).forEach((message, index) => {
    talk.append(drawMessage(message, chat.messages[shown.count + index - 1]));
  });
  shown.count = chat.messages.length;
  const pending = drawPending(chat);
  if (pending) talk.append(pending);
  if (near) talk.scrollTop = talk.scrollHeight;
  requestAnimationFrame(() => talk.classList.remove("still"));
}

// Three dots while the customer's last move is unanswered; after ten seconds, where to look.
function drawPending(chat) {
  const last = chat.messages[chat.messages.length - 1];
  const waitsSince = !last ? chat.openedAt : last.personType === "user" ? last.at : null;
  if (!waitsSince || chat.state !== "opened") return null;
  const late = Date.now() - waitsSince > PATIENCE;
  const dots = node("span", { class: "dots", "aria-hidden": "true" }, node("i"), node("i"), node("i"));
  return node("p", { class: `pending ${late ? "late" : ""}` }, late ? null : dots, late ? t("late") : t("waiting"));
}

const LOGS = { close: "logClose", open: "logOpen", assign: "logAssign", invite: "logInvite", snooze: "logSnooze" };

const sameVoice = (a, b) => b && !b.log && a.personType === b.personType && a.botName === b.botName && !a.options === !b.options;

function drawMessage(message, before) {
  if (message.log) {
    const name = LOGS[message.log.action];
    return node("p", { class: "system" }, name ? t(name) : t("logOther", { action: message.log.action }));
  }
  const note = message.options?.includes("private");
  const kind = note ? "note" : message.personType;
  const who = note ? t("note") : kind === "user" ? null : kind === "manager" ? t("manager") : message.botName;
  const bubbles = kind === "user" ? [node("div", { class: "bubble" }, message.plainText)] : bubblesOf(message);
  return node("div", { class: `message ${kind}` }, who && !sameVoice(message, before) ? node("p", { class: "from" }, who) : null, ...bubbles,
    node("time", { datetime: new Date(message.at).toISOString() }, clock(message.at)));
}

function bubblesOf(message) {
  const blocks = message.blocks ?? [];
  const image = picture(blocks);
  const said = image?.alone ? blocks.slice(0, -1) : blocks;
  const bubble = node("div", { class: "bubble" }, ...said.map(drawBlock));
  if (image) bubble.append(drawPicture(image));
  const buttons = (message.buttons ?? []).map(drawButton);
  if (buttons.length) bubble.append(node("div", { class: "buttons" }, ...buttons));
  return [bubble];
}

function drawBlock(block) {
  if (block.type === "code") return node("pre", {}, block.value);
  if (block.type === "bullets") return node("ul", {}, ...block.blocks.map((one) => node("li", {}, marked(one.value))));
  return node("div", { class: "text" }, marked(block.value));
}

function drawPicture(image) {
  const frame = node("a", { class: "picture", href: image.url, target: "_blank", rel: "noopener noreferrer" });
  const img = node("img", { src: image.url, alt: image.title, loading: "lazy" });
  img.addEventListener("error", () => frame.replaceChildren(image.title || image.url));
  img.addEventListener("load", () => {
    const talk = byId("talk");
    if (talk.scrollHeight - talk.scrollTop - talk.clientHeight < img.clientHeight + 160) talk.scrollTop = talk.scrollHeight;
  });
  frame.append(img);
  return frame;
}

function drawButton(button) {
  const url = safeAddress(button.action?.attributes?.url ?? "");
  const look = { class: `action ${button.colorVariant ?? "cobalt"}` };
  return node("a", url ? { ...look, href: url, target: "_blank", rel: "noopener noreferrer" } : look, button.title);
}

// what the customer says

function drawComposer(chat) {
  const closed = chat.state === "closed";
  const form = survey.form(chat.chatTags.includes("설문완료") ? "diet" : "refund");
  const input = byId("say");
  input.placeholder = closed ? t("closedHere") : t("sayHere");
  input.setAttribute("aria-label", t("sayHere"));
  const chips = byId("chips");
  if (chips.dataset.form !== form.id) {
    chips.dataset.form = form.id;
    chips.replaceChildren(...form.chips.map((words) => node("button", { type: "button", class: "chip", "data-say": words }, words)));
  }
}

export function listen(selected, failed) {
  const say = async (text) => {
    if (selected() && text.trim()) await ask(`chats/${selected()}/say`, { as: "user", text }).catch(failed);
  };
  byId("chips").addEventListener("click", (event) => event.target.dataset.say && say(event.target.dataset.say));
  byId("say-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = byId("say");
    say(input.value);
    input.value = "";
  });
}
