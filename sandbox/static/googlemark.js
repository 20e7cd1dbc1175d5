// Google Chat's text marks and cards, as elements. Only what is known here is drawn; all else is its text.

import { safeAddress } from "./markup.js";
import { node } from "./nodes.js";

const PIECES = /<([^|<>\s]+)\|([^<>]*)>|<(users\/[^<>\s]+)>|\*([^*\n]+)\*|(?<![\p{L}\p{N}_])_([^_\n]+)_(?![\p{L}\p{N}_])/gu;

function link(address, ...inside) {
  const url = safeAddress(address);
  return node("a", url ? { href: url, target: "_blank", rel: "noopener noreferrer" } : {}, ...inside);
}

export function fromText(words) {
  const root = node("div", { class: "text" });
  let at = 0;
  for (const match of words.matchAll(PIECES)) {
    const [whole, address, title, mention, bold, italic] = match;
    root.append(words.slice(at, match.index));
    at = match.index + whole.length;
    if (address) root.append(link(address, title));
    else if (mention) root.append(node("span", { class: "mention" }, `@${mention}`));
    else if (bold) root.append(node("strong", {}, ...fromText(bold).childNodes));
    else root.append(node("em", {}, ...fromText(italic).childNodes));
  }
  root.append(words.slice(at));
  return root;
}

const KEPT = { B: "strong", STRONG: "strong", I: "em", EM: "em", U: "u", S: "s", BR: "br", FONT: "span" };
const COLOURS = { "#D93025": "alarm", "#E37400": "warn", "#188038": "ok", "#1A73E8": "info" };

function fromHtml(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return [...parsed.body.childNodes].map(copy);
}

function copy(original) {
  if (original.nodeType === Node.TEXT_NODE) return original.textContent;
  if (original.nodeType !== Node.ELEMENT_NODE) return null;
  const inside = [...original.childNodes].map(copy);
  if (original.tagName === "A") return link(original.getAttribute("href") ?? "", ...inside);
  const colour = COLOURS[(original.getAttribute("color") ?? "").toUpperCase()];
  return node(KEPT[original.tagName] ?? "span", colour ? { class: `state ${colour}` } : {}, ...inside);
}

export function fromCards(cards, press) {
  return cards.map(({ card }) => {
    const widgets = (card.sections ?? []).flatMap((section) => section.widgets ?? []);
    const tone = widgets.map((one) => one.textParagraph?.text?.match(/<font color="(#\w{6})">/)?.[1]).find(Boolean);
    return node("div", { class: `gcard ${COLOURS[tone] ?? ""}` }, ...widgets.map((one) => widget(one, press)));
  });
}

function widget(one, press) {
  if (one.textParagraph) return node("p", {}, ...fromHtml(one.textParagraph.text));
  if (one.decoratedText) {
    const { topLabel, text } = one.decoratedText;
    return node("div", { class: "field" }, node("small", {}, topLabel ?? ""), node("span", {}, ...fromHtml(text)));
  }
  if (one.image) return node("img", { src: safeAddress(one.image.imageUrl) ?? "", alt: "" });
  if (one.buttonList) return node("div", { class: "gbuttons" }, ...one.buttonList.buttons.map((button) => drawButton(button, press)));
  return null;
}

function drawButton(button, press) {
  const target = button.onClick.openLink?.url;
  if (target) return node("a", { class: "gbutton", href: safeAddress(target) ?? "", target: "_blank", rel: "noopener noreferrer" }, `${button.text} ↗`);
  return node("button", { type: "button", class: "gbutton", disabled: button.disabled === true, onclick: () => press(button.text) }, button.text);
}
