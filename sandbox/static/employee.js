// The employee's seat: write to the bot 1:1 or in a group, see its cards and press them.

import { ask } from "./api.js";
import { byId, clock, node } from "./nodes.js";
import { fromCard, fromHtml } from "./webexmark.js";
import { choose as chooseLanguage, current, t } from "./words.js";

const PEOPLE = [
  { email: "haneul@example.kr", name: "김하늘", team: "개발팀" },
  { email: "dohyun@example.kr", name: "이도현", team: "인사팀" },
  { email: "guest@partner.example", name: "박손님", team: "" },
];
const ALONE = ""; // the 1:1 room with the bot, also before it was opened
const CHIPS = ["/도움말", "연차 신청", "ghldmltlf", "/내정보", "/tgday 내일 오후", "/알림 내일 10:00 회의", "/help"];
const FAULTS = [
  { do: "429", match: { method: "POST" }, seconds: 3 }, { do: "html", match: { method: "POST" } },
  { do: "drop_after", match: { method: "POST" } }, { do: "double", match: {} }, { do: "reorder", match: {} },
  { do: "drop", match: {} }, { do: "bad_signature", match: {} },
];
const MARK = "employee"; // the customer's page leaves rules of others alone

let me = PEOPLE[0].email;
let selected = ALONE;
let rooms = {};
let hooks = [];
let rules = [];
let shown = "";

const mine = () => Object.entries(rooms).filter(([, room]) => room.members.some((one) => one.email === me));
const alone = () => mine().find(([, room]) => room.type === "direct")?.[0];
const roomId = () => (selected === ALONE ? alone() : selected);

function say(text) {
  byId("trouble").replaceChildren(text);
  byId("trouble").hidden = !text;
}

const failed = (error) => {
  say(t("failed", { why: error.message }));
  setTimeout(() => say(""), 5000);
};

// rooms

function drawRooms() {
  const groups = mine().filter(([, room]) => room.type === "group");
  const rows = [[ALONE, rooms[alone()], t("aloneWithBot")], ...groups.map(([id, room]) => [id, room, room.title])];
  byId("rooms").replaceChildren(...rows.map(([id, room, title]) => {
    const last = room?.messages[room.messages.length - 1];
    const choose = () => {
      selected = id;
      show("chat");
      draw(true);
      byId("say").focus();
    };
    return node("li", {}, node("button", { type: "button", class: "row", "aria-current": String(id === selected), onclick: choose },
      node("span", { class: "avatar", "aria-hidden": "true" }, id === ALONE ? "봇" : "#"), node("bdi", { class: "who" }, title),
      node("span", { class: "dot opened" }), node("span", { class: "last" }, (last?.text ?? "").slice(0, 60))));
  }));
}

// the room

function drawRoom(anew) {
  const room = rooms[roomId()];
  const group = room?.type === "group";
  byId("room-name").textContent = group ? room.title : t("aloneWithBot");
  byId("room-avatar").textContent = group ? "#" : "봇";
  byId("room-facts").textContent = (room?.members ?? []).map((one) => one.name).join(", ");
  byId("mention-line").hidden = !group;
  byId("say").placeholder = t("sayAsEmployee");
  byId("say").setAttribute("aria-label", t("sayAsEmployee"));
  const state = JSON.stringify([me, roomId(), current(), room?.messages.map((one) => [one.id, one.text, one.updated])]);
  if (state === shown) return; // a redraw would take the focus from a button
  shown = state;
  const talk = byId("talk");
  const near = anew || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 120;
  talk.replaceChildren(...(room?.messages ?? []).map(drawMessage));
  if (!room?.messages.length) talk.append(node("p", { class: "hint" }, t("roomEmpty")));
  if (near) talk.scrollTop = talk.scrollHeight;
}

function drawMessage(message) {
  const own = message.personEmail === me;
  const press = (action) => ask("webex/press", { as: me, message: message.id, title: action.title }).catch(failed);
  const cards = (message.attachments ?? []).map((one) => fromCard(one.content, press));
  const words = message.html ? fromHtml(message.html) : message.text ? node("div", { class: "text" }, message.text) : null;
  const files = (message.files ?? []).map((url) => node("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
  const bubble = cards.length ? null : node("div", { class: "bubble" }, words, ...files);
  const look = `message ${own ? "user" : message.bot ? "bot" : "manager"} ${message.parentId ? "thread" : ""}`;
  return node("div", { class: look, "data-message": message.id }, own ? null : node("p", { class: "from" }, message.name), bubble, ...cards,
    node("time", { datetime: message.created }, clock(Date.parse(message.created))));
}

// tools

function drawTools() {
  const csv = ["name,email,team", ...PEOPLE.filter((one) => one.team).map((one) => `${one.name},${one.email},${one.team}`)].join("\n");
  byId("tools").replaceChildren(
    node("div", { class: "card" }, node("h3", {}, t("employeesAre")), node("p", { class: "hint" }, t("employeesLead")), node("pre", { tabindex: "0" }, csv)),
    node("div", { class: "card hooks" }, node("h3", {}, t("webhooks")), node("p", { class: "hint" }, t("webhooksLead")), hookList()),
    node("fieldset", { class: "card faults" }, node("legend", {}, t("dial")), ...FAULTS.map(drawFault)));
}

function hookList() {
  if (!hooks.length) return node("p", { class: "hint strong" }, t("webhooksNone"));
  const turn = (hook) => async () => {
    const status = hook.status === "active" ? "inactive" : "active";
    await ask(`webex/webhooks/${hook.id}/status`, { status }).catch(failed);
    await look(true);
    byId(hook.id)?.focus();
  };
  return node("ul", {}, ...hooks.map((hook) => node("li", {}, node("span", { class: hook.status === "active" ? "" : "off" }, hook.name),
    node("button", { type: "button", class: "small", id: hook.id, onclick: turn(hook) }, t(hook.status === "active" ? "switchOff" : "switchOn")))));
}

function drawFault(fault) {
  const box = node("input", { type: "checkbox", role: "switch", checked: rules.some((rule) => rule.by === MARK && rule.do === fault.do) });
  box.addEventListener("change", async () => {
    const kept = rules.filter((rule) => rule.by !== MARK || rule.do !== fault.do);
    const mineNow = { ...fault, match: { ...fault.match, channel: "webex" }, by: MARK };
    const next = (box.checked ? [...kept, mineNow] : kept).map(({ hits, seen, ...rule }) => rule);
    rules = (await ask("faults", { rules: next }).catch(failed))?.rules ?? rules;
  });
  return node("div", { class: "fault" }, node("label", {}, box, node("span", {}, t(fault.do))));
}

// the page

function show(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".bottom button")) {
    button.setAttribute("aria-current", String(button.dataset.show === view));
  }
}

function draw(anew = false) {
  drawRooms();
  drawRoom(anew);
}

function drawWords() {
  document.documentElement.lang = current();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  byId("language").textContent = current() === "ko" ? "English" : "한국어";
  byId("language").lang = current() === "ko" ? "en" : "ko";
  const outside = (one) => (one.team ? one.team : t("outsider"));
  byId("me").replaceChildren(...PEOPLE.map((one) => node("option", { value: one.email, selected: one.email === me }, `${one.name} · ${outside(one)}`)));
  byId("chips").replaceChildren(...CHIPS.map((words) => node("button", { type: "button", class: "chip", "data-say": words }, words)));
  drawTools();
  draw(true);
}

async function look(acted = false) {
  const before = JSON.stringify([hooks, rules]);
  hooks = (await ask("webex/webhooks")).webhooks;
  rules = (await ask("faults")).rules;
  const after = JSON.stringify([hooks, rules]);
  // A redraw would take the focus from a switch that somebody is using.
  if (acted || (after !== before && !byId("tools").contains(document.activeElement))) drawTools();
}

async function tell(text) {
  if (!text.trim()) return;
  const body = { as: me, text, mention: byId("mention").checked };
  await ask("webex/say", selected === ALONE ? body : { ...body, room: selected }).catch(failed);
}

function listen() {
  byId("me").addEventListener("change", () => {
    me = byId("me").value;
    selected = ALONE;
    draw(true);
  });
  byId("new-room").addEventListener("click", async () => {
    const made = await ask("webex/rooms", { title: t("roomTitle"), members: [me, ...PEOPLE.map((one) => one.email).filter((one) => one !== me)] }).catch(failed);
    if (made) selected = made.room;
  });
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

async function meetPeople() {
  for (const { email, name } of PEOPLE) await ask("webex/people", { email, name });
}

async function follow() {
  for (let n = 0, resets = null; ; ) {
    try {
      const news = await ask(`events?since=${n}&wait=${n ? 25 : 0}`);
      if (news.resets !== resets) await meetPeople();
      ({ n, resets } = news);
      rooms = (await ask("webex/rooms")).rooms;
      if (selected !== ALONE && !rooms[selected]) selected = ALONE;
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
