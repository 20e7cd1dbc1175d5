// ChannelTalk's markup as elements: <b>, <i>, <link>, :emoji:, escapes. The sandbox has already refused anything else.

import { EMOJI } from "./emoji.js";
import { node } from "./nodes.js";

const PIECES = /<b>|<\/b>|<i>|<\/i>|<link type="(?:url|manager|team)"(?: value="[^"<>]*")?>|<\/link>/g;
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&", "&#39;": "'" };
const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i;

const unescape = (text) => text.replace(/&(?:lt|gt|quot|amp|#39);/g, (entity) => ENTITIES[entity]);
const words = (text) => unescape(text).replace(/:([-+_0-9a-zA-Z]+):/g, (whole, name) => EMOJI[name] ?? whole);

export function safeAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}

function link(tag) {
  const url = safeAddress(unescape(/value="([^"]*)"/.exec(tag)?.[1] ?? ""));
  const isPage = tag.includes('type="url"');
  if (!isPage) return node("span", { class: "mention" });
  return node("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
}

export function marked(text) {
  const root = node("span");
  const open = [root];
  let at = 0;
  const say = (piece) => piece && open[open.length - 1].append(words(piece));
  for (const match of text.matchAll(PIECES)) {
    say(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[0].startsWith("</")) {
      const closed = open.length > 1 ? open.pop() : root;
      if (closed.tagName === "A" && !closed.hasAttribute("href")) {
        const url = safeAddress(closed.textContent);
        if (url) closed.setAttribute("href", url);
      }
    } else {
      const element = match[0].startsWith("<link") ? link(match[0]) : node(match[0].slice(1, -1));
      open[open.length - 1].append(element);
      open.push(element);
    }
  }
  say(text.slice(at));
  return root;
}

// The address of the picture at the end of a message, if its last text ends with a link to one.
export function picture(blocks) {
  const last = blocks[blocks.length - 1];
  if (!last || last.type !== "text") return null;
  const found = /<link type="url"(?: value="([^"<>]*)")?>([^<]*)<\/link>\s*$/.exec(last.value);
  const url = found && safeAddress(unescape(found[1] ?? found[2]));
  return url && PICTURE.test(new URL(url).pathname) ? { url, title: words(found[2]), alone: found.index === 0 } : null;
}
