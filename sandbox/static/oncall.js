// The on-call engineer's seat: alarms arrive in spaces of Google Chat; look after them, choose topics, raise new ones.

import { ask } from "./api.js";
import { fromCards, fromText } from "./googlemark.js";
import { byId, clock, node } from "./nodes.js";
import { ONCALL } from "./oncall_words.js";
import { choose as chooseLanguage, current, learn, t } from "./words.js";

learn(ONCALL);

const PEOPLE = [{ email: "minji@example.com", name: "김민지" }, { email: "jun@example.com", name: "박준호" }, { email: "sarah@example.com", name: "Sarah Lee" }];
const FORMS = ["metric", "math", "anomaly", "composite", "eventbridge", "custom", "text"];
const STATES = ["ALARM", "OK", "INSUFFICIENT_DATA"];
const CHIPS = ["구독 api", "구독", "경보", "조용히 22:00~07:00", "도움말", "구독해지 cloudwatch"];
const FAULTS = [
  { do: "429", match: { method: "POST", path: "/v1/spaces/*" }, seconds: 3 }, { do: "html", match: { method: "POST", path: "/v1/spaces/*" } },
  { do: "drop_after", match: { method: "POST", path: "/v1/spaces/*" } }, { do: "double", match: {} }, { do: "drop", match: {} }, { do: "bad_signature", match: {} },
];
const MARK = "oncall";

let me = PEOPLE[0].email;
let selected = "";
let thread = "";
let spaces = {};
let sns = {};
let knobs = {};
let broken = [];
let rules = [];
let shown = "";

const space = () => spaces[selected];
const nameOf = (one) => (one.dm ? t("withApp") : one.title);
const mine = () => Object.entries(spaces).filter(([, one]) => one.members.some((who) => who.email === me));

function say(text) {
  byId("trouble").replaceChildren(text);
  byId("trouble").hidden = !text;
}

const failed = (error) => {
  say(t("failed", { why: error.message }));
  setTimeout(() => say(""), 5000);
};

// spaces

function drawSpaces() {
  byId("spaces").replaceChildren(...mine().map(([name, one]) => {
    const last = one.messages[one.messages.length - 1];
    const choose = () => {
      selected = name;
      thread = "";
      show("chat");
      draw(true);
    };
    return node("li", {}, node("button", { type: "button", class: "row", "aria-current": String(name === selected), onclick: choose },
      node("span", { class: "avatar", "aria-hidden": "true" }, nameOf(one).slice(0, 1)), node("bdi", { class: "who" }, nameOf(one)),
      node("span", { class: `dot ${one.bot ? "opened" : "closed"}` }), node("span", { class: "last" }, (last?.text ?? "").replaceAll("*", "").slice(0, 60))));
  }));
}

// the space

function drawSpace(anew) {
  const one = space();
  byId("space-name").textContent = one ? nameOf(one) : "";
  byId("space-avatar").textContent = one ? nameOf(one).slice(0, 1) : "";
  byId("space-facts").textContent = one ? `${t("people_", { n: one.members.length })} · ${t(one.bot ? "appInside" : "appOutside")}` : "";
  byId("membership").hidden = !one;
  byId("membership").textContent = t(one?.bot ? "removeApp" : "addApp");
  byId("mention-line").hidden = !one || one.dm;
  byId("say").placeholder = t("sayInSpace");
  byId("say").setAttribute("aria-label", t("sayInSpace"));
  byId("replying").hidden = !thread;
  byId("replying").firstElementChild.textContent = t("replying");
  const state = JSON.stringify([me, selected, thread, current(), one?.messages.map((m) => [m.name, m.lastUpdateTime])]);
  if (state === shown) return; // a redraw would take the focus from a button
  shown = state;
  const talk = byId("talk");
  const near = anew || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 200;
  talk.replaceChildren(...drawThreads(one?.messages ?? []));
  if (!one?.messages.length) talk.append(node("p", { class: "hint" }, t("spaceEmpty")));
  if (near) talk.scrollTop = talk.scrollHeight;
}

// As Google shows them: a thread stands where it began, and moves down with each answer.
function drawThreads(messages) {
  const threads = new Map();
  for (const message of messages) {
    const name = message.thread.name;
    const kept = threads.get(name) ?? [];
    threads.delete(name);
    threads.set(name, [...kept, message]);
  }
  return [...threads].map(([name, inside]) => {
    const reply = () => {
      thread = name;
      draw();
      byId("say").focus();
    };
    const foot = space().dm ? null : node("button", { type: "button", class: "link", onclick: reply }, `↩ ${t("replyIn")}`);
    return node("article", { class: `thread-of ${name === thread ? "chosen" : ""}`, "data-thread": name }, ...inside.map(drawMessage), foot);
  });
}

function drawMessage(message) {
  const own = message.sender.name === space().members.find((one) => one.email === me)?.id;
  const press = (title) => ask("google_chat/press", { as: me, message: message.name, title }).catch(failed);
  const name = node("p", { class: "by" }, node("b", {}, message.sender.displayName), message.bot ? node("span", { class: "tag" }, t("app")) : null,
    node("time", { datetime: message.createTime }, clock(Date.parse(message.createTime))));
  return node("div", { class: `said ${own ? "own" : ""}` },
    node("span", { class: `avatar ${message.bot ? "app" : ""}`, "aria-hidden": "true" }, message.sender.displayName.slice(0, 1)),
    node("div", { class: "body" }, name, message.text ? fromText(message.text) : null, ...fromCards(message.cardsV2 ?? [], press)));
}

// tools

function drawForm() {
  byId("alarm-form").replaceChildren(...FORMS.map((one) => node("option", { value: one, selected: one === byId("alarm-form").value }, t(one))));
  byId("states").replaceChildren(...STATES.map((state) => node("button", { type: "button", class: `raise ${state}`, onclick: () => raise(state) }, t(state))));
  byId("storm").textContent = t("storm");
}

function raise(state) {
  const name = byId("alarm-name").value.trim();
  if (!byId("alarm").reportValidity() || !name) return;
  ask("sns/alarm", { name, state, form: byId("alarm-form").value || "metric" }).catch(failed);
  show("chat");
}

function drawTools() {
  const subscribe = () => ask(sns.confirmed ? "sns/unsubscribe" : "sns/subscribe", {}).then(look).catch(failed);
  const choice = (title, value, options, set) => {
    const list = node("select", { "aria-label": title }, ...options.map(([one, words]) => node("option", { value: one, selected: one === value }, words)));
    list.addEventListener("change", () => set(list.value).catch(failed));
    return node("label", { class: "choice" }, title, list);
  };
  byId("tools").replaceChildren(
    node("div", { class: "card" }, node("h3", {}, t("subscription")), node("p", { class: `hint ${sns.confirmed ? "" : "strong"}` }, t(sns.confirmed ? "confirmed" : "unconfirmed")),
      node("button", { type: "button", class: "small", onclick: subscribe }, t(sns.confirmed ? "unsubscribe" : "subscribe")),
      choice(t("version"), sns.version, [["1", "1 (SHA-1)"], ["2", "2 (SHA-256)"]], (version) => ask("sns/settings", { version })),
      choice(t("formOf"), knobs.form, [["classic", t("classic")], ["addon", t("addon")]], (form) => ask("google_chat/settings", { form })),
      broken.length ? node("p", { class: "hint strong" }, t("broken", { n: broken.length })) : null),
    node("fieldset", { class: "card faults" }, node("legend", {}, t("dial")), ...FAULTS.map(drawFault)));
}

function drawFault(fault) {
  const box = node("input", { type: "checkbox", role: "switch", checked: rules.some((rule) => rule.by === MARK && rule.do === fault.do) });
  box.addEventListener("change", async () => {
    const kept = rules.filter((rule) => rule.by !== MARK || rule.do !== fault.do);
    const now = { ...fault, match: { ...fault.match, channel: "google_chat" }, by: MARK };
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
  drawSpaces();
  drawSpace(anew);
}

function drawWords() {
  document.documentElement.lang = current();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  byId("language").textContent = current() === "ko" ? "English" : "한국어";
  byId("language").lang = current() === "ko" ? "en" : "ko";
  byId("me").replaceChildren(...PEOPLE.map((one) => node("option", { value: one.email, selected: one.email === me }, one.name)));
  byId("chips").replaceChildren(...CHIPS.map((words) => node("button", { type: "button", class: "chip", "data-say": words }, words)));
  drawForm();
  drawTools();
  draw(true);
}

async function look() {
  const before = JSON.stringify([sns, knobs, rules, broken]);
  [sns, knobs, { rules }, { broken }] = await Promise.all(["sns/state", "google_chat/settings", "faults", "google_chat/broken"].map((path) => ask(path)));
  // A redraw would take the focus from a switch that somebody is using.
  if (JSON.stringify([sns, knobs, rules, broken]) !== before && !byId("tools").contains(document.activeElement)) drawTools();
}

function tell(text) {
  if (!text.trim() || !space()) return;
  ask("google_chat/say", { as: me, space: selected, text, mention: byId("mention").checked, thread }).catch(failed);
}

async function makeSpace() {
  const title = t("spaceTitle", { n: Object.values(spaces).filter((one) => !one.dm).length + 1 });
  const members = [me, ...PEOPLE.map((one) => one.email).filter((one) => one !== me)];
  const made = await ask("google_chat/spaces", { title, members }).catch(failed);
  if (made) selected = made.space;
  show("chat");
}

function listen() {
  byId("me").addEventListener("change", () => {
    me = byId("me").value;
    if (!mine().some(([name]) => name === selected)) selected = mine()[0]?.[0] ?? "";
    draw(true);
  });
  byId("new-space").addEventListener("click", makeSpace);
  byId("membership").addEventListener("click", () => ask(`google_chat/${space().bot ? "remove" : "add"}`, { space: selected, as: me }).catch(failed));
  byId("storm").addEventListener("click", () => ask("sns/storm", { count: 40, seconds: 4, name: byId("alarm-name").value.trim() || "storm" }).catch(failed));
  byId("no-reply").addEventListener("click", () => {
    thread = "";
    draw();
  });
  byId("language").addEventListener("click", () => {
    chooseLanguage(current() === "ko" ? "en" : "ko");
    drawWords();
  });
  byId("alarm").addEventListener("submit", (event) => {
    event.preventDefault();
    raise("ALARM");
  });
  byId("chips").addEventListener("click", (event) => event.target.dataset.say && tell(event.target.dataset.say));
  byId("say-form").addEventListener("submit", (event) => {
    event.preventDefault();
    tell(byId("say").value);
    byId("say").value = "";
  });
  for (const button of document.querySelectorAll(".bottom button")) button.addEventListener("click", () => show(button.dataset.show));
}

// The people, a space for them, and a conversation of two: there is something to look at from the first moment.
async function meet() {
  for (const person of PEOPLE) await ask("google_chat/people", person);
  const there = (await ask("google_chat/spaces")).spaces;
  if (Object.keys(there).length) return;
  await ask("google_chat/spaces", { title: t("spaceTitle", { n: 1 }), members: PEOPLE.map((one) => one.email) });
  await ask("google_chat/spaces", { members: [PEOPLE[0].email], dm: true });
}

async function follow() {
  for (let n = 0, resets = null; ; ) {
    try {
      const news = await ask(`events?since=${n}&wait=${n ? 25 : 0}`);
      if (news.resets !== resets) {
        await meet();
        spaces = {};
        n = 0;
      }
      const told = await ask(`google_chat/spaces?since=${n}`);
      ({ n, resets } = news);
      Object.assign(spaces, told.spaces);
      if (!spaces[selected]) selected = mine()[0]?.[0] ?? "";
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
