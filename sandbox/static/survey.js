// The survey as a customer fills it in. Values keep the type that a sample gave them until somebody edits the field,
// so a sample can send a list or a text where a number is expected.

import { ask } from "./api.js";
import { byId, node } from "./nodes.js";
import { both, t } from "./words.js";

let surveys = { forms: [], presets: [] };
export const draft = { form: "diet", preset: 0, values: {} };

export async function load() {
  surveys = await (await fetch("/static/surveys.json")).json();
  usePreset(0);
}

export const form = (id = draft.form) => surveys.forms.find((one) => one.id === id);
export const firstSample = () => surveys.presets[0];

export function usePreset(index) {
  const preset = surveys.presets[index];
  draft.form = preset.form;
  draft.preset = index;
  draft.values = structuredClone(preset.profile);
  for (const [key, times] of Object.entries(preset.repeat ?? {})) draft.values[key] = draft.values[key].repeat(times);
}

export function nextSample() {
  const plain = surveys.presets.map((preset, index) => [preset, index]).filter(([preset]) => !preset.mean);
  const after = plain.find(([, index]) => index > draft.preset) ?? plain[0];
  usePreset(after[1]);
}

export function draw(sent, failed) {
  const chosen = form();
  const fields = node("form", { class: "fields", novalidate: true }, ...chosen.fields.map((one) => field(one)));
  const go = node("button", { type: "submit", class: "go" }, both(chosen.submit));
  fields.append(go);
  fields.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      sent(await submit(chosen), chosen);
    } catch (error) {
      failed(error);
    }
    go.disabled = false;
  });
  byId("survey").replaceChildren(
    samples(false, sent, failed),
    node("div", { class: "intro" }, node("h3", {}, both(chosen.title)), node("p", {}, both(chosen.lead))),
    fields,
    node("details", { class: "mean", open: Boolean(surveys.presets[draft.preset].mean) }, node("summary", {}, t("mean")), samples(true, sent, failed)),
  );
  const chosenSample = byId("survey").querySelector(".sample[aria-pressed=true]");
  chosenSample.parentElement.scrollLeft = Math.max(chosenSample.offsetLeft - chosenSample.parentElement.offsetLeft - 60, 0);
}

function samples(mean, sent, failed) {
  const buttons = surveys.presets.map((preset, index) => {
    if (Boolean(preset.mean) !== mean) return null;
    const choose = () => {
      usePreset(index);
      draw(sent, failed);
      byId("survey").querySelector(".sample[aria-pressed=true]").focus({ preventScroll: true });
      byId("survey").scrollTop = 0;
    };
    const pressed = String(index === draft.preset);
    const label = [node("bdi", {}, preset.label), node("small", {}, both(preset.note))];
    return node("button", { type: "button", class: "sample", "aria-pressed": pressed, onclick: choose }, ...label);
  });
  return node("div", { class: "samples", role: "group", "aria-label": t(mean ? "mean" : "samples") }, ...buttons);
}

function field(one) {
  const id = `field-${one.key}`;
  const caption = both(one.label);
  if (one.type === "choice" || one.type === "list") {
    return node("fieldset", {}, node("legend", {}, caption), node("div", { class: "pills" }, ...pills(one)));
  }
  const value = draft.values[one.key];
  const input = node("input", {
    id, type: one.type === "date" ? "date" : "text", inputmode: one.type === "number" ? "decimal" : null,
    autocomplete: "off", placeholder: t("empty"), value: value === undefined ? "" : shown(value),
    oninput: () => keep(one, input.value),
  });
  const unit = one.unit ? node("span", { class: "unit" }, one.unit) : null;
  return node("div", { class: `field ${one.type}` }, node("label", { for: id }, caption), node("span", { class: "box" }, input, unit));
}

const shown = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value).slice(0, 20000));

function pills(one) {
  const many = one.type === "list";
  return one.options.map((option) => {
    const value = draft.values[one.key];
    const checked = many ? (value ?? []).includes(option) : value === option;
    const input = node("input", { type: many ? "checkbox" : "radio", name: one.key, value: option, checked });
    input.addEventListener("change", () => {
      if (!many) draft.values[one.key] = option;
      else draft.values[one.key] = one.options.filter((o) => (o === option ? input.checked : (draft.values[one.key] ?? []).includes(o)));
    });
    return node("label", { class: "pill" }, input, node("span", {}, option));
  });
}

function keep(one, text) {
  const plain = text.trim();
  if (!plain) delete draft.values[one.key];
  else draft.values[one.key] = one.type === "number" && /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text;
}

async function submit(chosen) {
  const profile = { ...draft.values };
  const name = typeof profile.name === "string" ? profile.name : "";
  const made = await ask("customers", { name, profile, tags: chosen.tags });
  await ask(`chats/${made.chatId}/open`, {});
  if (chosen.says) await ask(`chats/${made.chatId}/say`, { as: "user", text: chosen.says });
  return made.chatId;
}
