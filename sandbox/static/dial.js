// The fault dial. It shows and changes the rules that the sandbox holds; rules set by scripts are left alone.

import { ask } from "./api.js";
import { byId, node } from "./nodes.js";
import * as survey from "./survey.js";
import { t } from "./words.js";

const MESSAGES = { method: "POST", path: "/open/v5/user-chats/*/messages" };
const CALLS = ["429", "500", "slow", "drop_before", "drop_after", "timeout_after", "half", "empty", "html", "trickle", "reset"];
const HOOKS = ["double", "concurrent", "reorder", "drop", "delay", "capitalise", "missing_refers", "strings", "workflow"];
const SECONDS = { 429: 2, slow: 3, timeout_after: 20, trickle: 10, reorder: 1, delay: 3 };
const MARK = "page";

const label = (kind) => t(["empty", "reset"].includes(kind) ? `${kind}_` : kind);
const on = new Map(); // kind -> {often, seconds}
let others = [];
let settings = { repeated_request_id: "same", rate_limit: null };
let crowd = 20;

export async function load() {
  const { rules } = await ask("faults");
  settings = await ask("settings");
  on.clear();
  others = [];
  for (const { hits, seen, ...rule } of rules) {
    if (rule.by === MARK) on.set(rule.do, { often: rule.match.probability * 100, seconds: rule.seconds });
    else others.push(rule);
  }
  count();
}

function rule(kind, { often, seconds }) {
  const match = { ...(CALLS.includes(kind) ? MESSAGES : {}), probability: often / 100, seed: 7 };
  return { by: MARK, do: kind, match, ...(seconds === undefined ? {} : { seconds }) };
}

async function apply(failed) {
  const rules = [...[...on].map(([kind, values]) => rule(kind, values)), ...others];
  await ask("faults", { rules }).catch(failed);
  count();
}

function count() {
  const badge = byId("dial-count");
  badge.hidden = on.size + others.length === 0;
  badge.textContent = String(on.size + others.length);
}

export function draw(failed, redraw) {
  const off = async () => {
    on.clear();
    others = [];
    await apply(failed);
    draw(failed, redraw);
  };
  byId("dial").replaceChildren(
    node("p", { class: "hint" }, t("dialLead")),
    others.length ? node("p", { class: "hint strong" }, t("otherRules", { n: others.length })) : "",
    group("calls", CALLS, failed), group("hooks", HOOKS, failed),
    node("div", { class: "actions" }, node("button", { type: "button", onclick: off }, t("allOff"))),
    answers(failed), crowdCard(failed), resetButton(failed),
  );
}

function group(title, kinds, failed) {
  return node("fieldset", { class: "card faults" }, node("legend", {}, t(title)), ...kinds.map((kind) => row(kind, failed)));
}

function row(kind, failed) {
  const set = on.get(kind) ?? { often: 100, seconds: SECONDS[kind] };
  const knobs = node("div", { class: "knobs", hidden: !on.has(kind) });
  const change = () => on.has(kind) && apply(failed);
  knobs.append(slider(t("often"), "%", 5, 100, 5, set.often, (value) => ((set.often = value), change())));
  if (set.seconds !== undefined) {
    knobs.append(slider(t("howLong"), t("seconds"), 1, 60, 1, set.seconds, (value) => ((set.seconds = value), change())));
  }
  const box = node("input", { type: "checkbox", role: "switch", checked: on.has(kind) });
  box.addEventListener("change", () => {
    if (box.checked) on.set(kind, set);
    else on.delete(kind);
    knobs.hidden = !box.checked;
    apply(failed);
  });
  return node("div", { class: "fault" }, node("label", {}, box, node("span", {}, label(kind))), knobs);
}

function slider(name, unit, min, max, step, value, changed) {
  const output = node("output", {}, `${value}${unit}`);
  const input = node("input", { type: "range", min, max, step, value });
  input.addEventListener("input", () => (output.textContent = `${input.value}${unit}`));
  input.addEventListener("change", () => changed(Number(input.value)));
  return node("label", { class: "slider" }, node("span", {}, name), input, output);
}

function answers(failed) {
  const choice = (name, options, value, changed) => {
    const select = node("select", {}, ...options.map(([key, words]) => node("option", { value: key, selected: key === value }, words)));
    select.addEventListener("change", () => changed(select.value));
    return node("label", { class: "choice" }, node("span", {}, name), select);
  };
  const limits = ["", "1", "5", "20", "100"].map((n) => [n, n ? t("perSecond", { n }) : t("limitOff")]);
  const save = async (body) => (settings = await ask("settings", body).catch(failed) ?? settings);
  return node("div", { class: "card" },
    choice(t("repeated"), [["same", t("same")], ["new", t("again")]], settings.repeated_request_id,
      (value) => save({ repeated_request_id: value })),
    choice(t("limit"), limits, settings.rate_limit ? String(settings.rate_limit.limit) : "",
      (value) => save({ rate_limit: value ? { limit: Number(value), window: 1 } : null })));
}

function crowdCard(failed) {
  const go = node("button", { type: "button", class: "primary" }, t("crowdGo", { n: crowd }));
  const choose = slider(t("people"), "", 5, 300, 5, crowd, (value) => {
    crowd = value;
    go.textContent = t("crowdGo", { n: value });
  });
  go.addEventListener("click", () => {
    const { profile } = survey.firstSample();
    ask("crowd", { n: crowd, name: profile.name, profile, tags: survey.form("diet").tags }).catch(failed);
  });
  return node("div", { class: "card" }, node("h3", {}, t("crowd")), node("p", { class: "hint" }, t("crowdLead")), choose, go);
}

function resetButton(failed) {
  const button = node("button", { type: "button", class: "quiet danger" }, t("reset"));
  let sure = false;
  button.addEventListener("click", async () => {
    if (!sure) {
      sure = true;
      button.textContent = t("resetSure");
      return;
    }
    await ask("reset", {}).catch(failed);
    await load();
    draw(failed);
  });
  button.addEventListener("blur", () => {
    sure = false;
    button.textContent = t("reset");
  });
  return node("div", { class: "actions" }, button);
}
