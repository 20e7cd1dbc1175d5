// Puts the parts together: one selected chat, one loop that follows the sandbox.

import { ask, follow, world } from "./api.js";
import * as chat from "./chat.js";
import * as dial from "./dial.js";
import * as log from "./log.js";
import { byId, node } from "./nodes.js";
import * as seat from "./seat.js";
import * as survey from "./survey.js";
import { choose as chooseLanguage, current, t } from "./words.js";

const DRAFT = null;
let selected = DRAFT;
let wanted = null; // a chat just made, which the record has not shown yet
let blocked = [];

function show(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".bottom button")) {
    button.setAttribute("aria-current", String(button.dataset.show === view));
  }
}

function select(id) {
  selected = id;
  wanted = null;
  show("chat");
  draw();
}

function failed(error) {
  say(t("failed", { why: error.message }));
  setTimeout(draw, 5000);
}

function say(text, ...more) {
  byId("trouble").replaceChildren(text, ...more);
  byId("trouble").hidden = !text;
}

function drawTrouble() {
  if (!world.reachable) return say(t("lost"));
  const unblock = (hook) => async () => {
    await ask(`webhooks/${hook.id}/unblock`, {}).catch(failed);
    await look();
  };
  if (!blocked.length) return say("");
  return say(t("blocked", { name: blocked[0].name }), node("button", { type: "button", class: "small", onclick: unblock(blocked[0]) }, t("unblock")));
}

async function look() {
  const before = blocked.length;
  blocked = world.reachable ? await log.blockedHooks() : blocked;
  if (before !== blocked.length) drawTrouble();
}

function draw() {
  if (wanted && world.chats.has(wanted)) {
    selected = wanted;
    wanted = null;
  }
  if (selected && !world.chats.has(selected)) selected = DRAFT;
  const shown = selected ? world.chats.get(selected) : undefined;
  drawTrouble();
  chat.drawList(selected, select);
  chat.drawPhone(shown, current());
  seat.draw(shown, current(), failed);
  log.draw(selected, current(), failed);
}

function drawSurvey() {
  survey.draw((id) => {
    wanted = id;
    survey.nextSample();
    drawSurvey();
    draw();
  }, failed);
}

function drawWords() {
  document.documentElement.lang = current();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  byId("language").textContent = current() === "ko" ? "English" : "한국어";
  byId("language").lang = current() === "ko" ? "en" : "ko";
  drawSurvey();
  dial.draw(failed);
  draw();
}

function openTab(tab) {
  for (const other of byId("tabs").children) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  if (tab.id === "tab-dial") dial.load().then(() => dial.draw(failed)).catch(failed);
  draw();
}

function listen() {
  byId("new-customer").addEventListener("click", () => select(DRAFT));
  byId("language").addEventListener("click", () => {
    chooseLanguage(current() === "ko" ? "en" : "ko");
    drawWords();
  });
  for (const button of document.querySelectorAll(".bottom button")) {
    button.addEventListener("click", () => show(button.dataset.show));
  }
  byId("tabs").addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) openTab(tab);
  });
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tabs = [...byId("tabs").children];
    if (!step) return;
    const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
    next.focus();
    openTab(next);
  });
  chat.listen(() => selected, failed);
}

await survey.load();
await dial.load();
listen();
show("chat");
drawWords();
setInterval(() => draw(), 1000); // "waiting" turns into "late" without news
setInterval(() => look().catch(() => {}), 5000); // unreachable is told by follow()
follow(draw);
