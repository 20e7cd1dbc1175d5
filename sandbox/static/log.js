// What went over the wire, newest first: webhooks to the product, its calls to the API.

import { ask, world } from "./api.js";
import { byId, clock, node } from "./nodes.js";
import { t } from "./words.js";

const SHOWN = 150;
let onlyThis = false;
let shown = "";

export function draw(selected, language, failed) {
  const state = JSON.stringify([world.n, selected, onlyThis, language]);
  if (state === shown || byId("log").hidden) return;
  shown = state;
  const box = node("input", { type: "checkbox", role: "switch", checked: onlyThis });
  box.addEventListener("change", () => {
    onlyThis = box.checked;
    draw(selected, language, failed);
  });
  const rows = [...world.webhooks.map((entry) => ({ ...entry, hooked: true })), ...world.requests]
    .filter((entry) => !onlyThis || entry.chat === selected)
    .sort((a, b) => b.n - a.n)
    .slice(0, SHOWN);
  const refocus = byId("log").contains(document.activeElement);
  byId("log").replaceChildren(
    node("label", { class: "switch" }, box, node("span", {}, t("onlyThis"))),
    rows.length ? node("ol", { class: "wire" }, ...rows.map(row)) : node("p", { class: "hint" }, t("logEmpty")),
  );
  if (refocus) box.focus();
}

function row(entry) {
  const what = entry.hooked ? `${t("webhook")} ${entry.kind}` : `${entry.method} ${shortPath(entry.path)}`;
  const bad = entry.status === 0 || entry.status >= 400;
  const status = entry.status || (entry.error === "dropped" ? t("dropped") : t("noAnswer"));
  const marks = [entry.fault, ...(entry.faults ?? [])].filter(Boolean).join(", ");
  const tries = entry.tries > 1 ? t("tries", { n: entry.tries }) : "";
  return node("li", { class: `${entry.hooked ? "hook" : "call"} ${bad ? "bad" : "good"}`, title: entry.error || entry.path || "" },
    node("time", {}, clock(entry.at)), node("span", { class: "what" }, what),
    node("span", { class: "marks" }, [marks, tries].filter(Boolean).join(" · ")),
    node("span", { class: "status" }, String(status)), node("span", { class: "ms" }, `${Math.round(entry.ms)}ms`));
}

const shortPath = (path) => path.replace("/open/v5", "").replace(/[0-9a-f]{16,}/g, (id) => `…${id.slice(-4)}`);

// A blocked webhook silences the product, so it is said above everything else.
export async function blockedHooks() {
  const { webhooks } = await ask("webhooks");
  return webhooks.filter((hook) => hook.blocked);
}
