// The manager's seat: answering, leaving notes, closing; and what is known of the customer.

import { ask } from "./api.js";
import { byId, node } from "./nodes.js";
import { t } from "./words.js";

let shown = "";
let text = "";

export function draw(chat, language, failed) {
  const state = JSON.stringify([chat?.id, chat?.state, chat?.profile, chat?.tags, chat?.chatTags, language]);
  if (state === shown) return; // a redraw would take the words that somebody is typing
  const sameChat = shown && JSON.parse(shown)[0] === chat?.id;
  shown = state;
  if (!sameChat) text = "";
  if (!chat) {
    byId("seat").replaceChildren(node("p", { class: "hint" }, t("seatNone")));
    return;
  }
  const typing = document.activeElement?.id === "seat-text";
  byId("seat").replaceChildren(node("p", { class: "hint" }, t("seatLead")), desk(chat, failed), about(chat));
  if (typing) byId("seat-text").focus();
}

function desk(chat, failed) {
  const area = node("textarea", { id: "seat-text", rows: "3", placeholder: t("seatPlaceholder"), "aria-label": t("seatSay") });
  area.value = text;
  area.addEventListener("input", () => (text = area.value));
  const say = (as) => async () => {
    if (!area.value.trim()) return area.focus();
    await ask(`chats/${chat.id}/say`, { as, text: area.value }).catch(failed);
    text = area.value = "";
    area.focus();
  };
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) say("manager")();
  });
  const closed = chat.state === "closed";
  const turn = () => ask(`chats/${chat.id}/${closed ? "reopen" : "close"}`, {}).catch(failed);
  return node("div", { class: "card" }, node("label", { for: "seat-text" }, t("seatSay")), area,
    node("div", { class: "actions" },
      node("button", { type: "button", class: "primary", onclick: say("manager") }, t("sendReply")),
      node("button", { type: "button", onclick: say("note") }, t("sendNote")),
      node("button", { type: "button", class: "quiet", onclick: turn }, t(closed ? "reopenChat" : "closeChat"))));
}

function about(chat) {
  const rows = Object.entries(chat.profile).flatMap(([key, value]) => [
    node("dt", {}, key), node("dd", {}, node("bdi", {}, (typeof value === "object" ? JSON.stringify(value) : String(value)).slice(0, 200))),
  ]);
  return node("div", { class: "card" }, node("h3", {}, t("about")), node("dl", {}, ...rows),
    node("h4", {}, t("userTags")), tags(chat.tags), node("h4", {}, t("chatTags")), tags(chat.chatTags));
}

function tags(names) {
  if (!names.length) return node("p", { class: "hint" }, t("none"));
  return node("p", { class: "tags" }, ...names.map((name) => node("span", { class: "tag" }, name)));
}
