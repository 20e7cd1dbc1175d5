// What Webex made of markdown, and cards, as elements. Only what is known here is drawn; all else is its text.

import { safeAddress } from "./markup.js";
import { node } from "./nodes.js";

const KEPT = new Set(["P", "UL", "LI", "STRONG", "EM", "CODE", "PRE", "BR", "H3"]);

export function fromHtml(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return node("div", { class: "text" }, ...[...parsed.body.childNodes].map(copy));
}

function copy(original) {
  if (original.nodeType === Node.TEXT_NODE) return original.textContent;
  if (original.nodeType !== Node.ELEMENT_NODE) return null;
  const inside = [...original.childNodes].map(copy);
  if (original.tagName === "A") return link(original.getAttribute("href") ?? "", inside);
  if (original.tagName === "SPARK-MENTION") return node("span", { class: "mention" }, "@", ...inside);
  return node(KEPT.has(original.tagName) ? original.tagName.toLowerCase() : "span", {}, ...inside);
}

function link(address, inside) {
  const url = safeAddress(address);
  return node("a", url ? { href: url, target: "_blank", rel: "noopener noreferrer" } : {}, ...inside);
}

// A card's line: bold, italic, links and escapes, as Adaptive Cards know them.
const PIECES = /\\([\\`*_[\]])|\*\*(.+?)\*\*|\*([^*]+)\*|(?<![\p{L}\p{N}])_([^_]+)_(?![\p{L}\p{N}])|\[([^\]]*)\]\(([^()\s]*)\)/gu;

function line(words) {
  const root = node("p");
  let at = 0;
  for (const match of words.matchAll(PIECES)) {
    const [whole, escaped, bold, star, low, title, address] = match;
    root.append(words.slice(at, match.index));
    at = match.index + whole.length;
    if (escaped) root.append(escaped);
    else if (bold) root.append(node("strong", {}, ...line(bold).childNodes));
    else if (star || low) root.append(node("em", {}, ...line(star ?? low).childNodes));
    else root.append(link(address, [...line(title).childNodes]));
  }
  root.append(words.slice(at));
  return root;
}

export function fromCard(content, press) {
  const drawn = (content.body ?? []).map((one) => {
    if (one.type === "TextBlock") return line(one.text);
    return one.type === "ActionSet" ? actions(one.actions, press) : null;
  });
  return node("div", { class: "bubble card-of" }, ...drawn, content.actions?.length ? actions(content.actions, press) : null);
}

function actions(list, press) {
  return node("div", { class: "buttons" }, ...list.map((one) => {
    if (one.type !== "Action.OpenUrl") return node("button", { type: "button", class: "action", onclick: () => press(one) }, one.title);
    const url = safeAddress(one.url);
    return node("a", { class: "action", ...(url ? { href: url, target: "_blank", rel: "noopener noreferrer" } : {}) }, one.title);
  }));
}
