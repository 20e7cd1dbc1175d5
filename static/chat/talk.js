// One conversation: its days, bubbles, buttons, and what is on its way.

import { marked } from "./markup.js";
import { arrange, node } from "./nodes.js";

const korean = document.documentElement.lang === "ko";
const t = (ko, en) => (korean ? ko : en);
const LOCALE = korean ? "ko-KR" : "en-GB";
const NEAR_END = 80;

export const inOrder = (lines) => [...lines].sort((a, b) => (
  a.at !== b.at ? (a.at < b.at ? -1 : 1) : b.mine - a.mine || Number(a.id.slice(1)) - Number(b.id.slice(1))
));

export class Talk {
  constructor(root) {
    this.root = root;
    this.shown = null;
  }

  // `key`: of which chat. One that was not shown before is shown at its end, and not read out line by line.
  draw(key, { lines, waiting, more, typing, hints }) {
    const another = key !== this.shown;
    const fromEnd = this.root.scrollHeight - this.root.scrollTop;
    const atEnd = another || fromEnd - this.root.clientHeight < NEAR_END;
    const isAtTop = this.root.scrollTop < NEAR_END;
    if (another) this.root.setAttribute("aria-busy", "true");
    arrange(this.root, wanted(lines, waiting, more, typing, hints));
    this.shown = key;
    if (atEnd) this.toEnd();
    else if (isAtTop) this.root.scrollTop = this.root.scrollHeight - fromEnd; // what is older came above what is read
    if (another) requestAnimationFrame(() => this.root.removeAttribute("aria-busy"));
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }
}

function wanted(lines, waiting, more, typing, hints) {
  const found = [];
  if (more && lines.length) found.push(["older", "", () => node("button", { type: "button", class: "plain older", id: "older" }, t("이전 대화", "Older"))]);
  let day = "";
  for (const line of lines) {
    const at = new Date(line.at);
    const said = at.toLocaleDateString(LOCALE, { month: "long", day: "numeric", weekday: "short" });
    if (said !== day) found.push([`day ${at.toDateString()}`, said, () => node("p", { class: "day" }, said)]);
    day = said;
    found.push([line.id, "", () => bubble(line, at)]);
  }
  for (const said of waiting) found.push([said.id, said.why ?? "", () => pending(said)]);
  if (!found.length) found.push(["empty", JSON.stringify(hints), () => empty(hints)]);
  if (typing) found.push(["dots", "", dots]);
  return found;
}

function bubble(line, at) {
  const text = node("p", {}, line.mine ? line.plain : marked(line.text));
  const made = node("div", { class: `bubble ${line.mine ? "mine" : ""}` });
  if (line.mine) made.append(node("span", { class: "visually-hidden" }, t("나: ", "Me: ")));
  if (text.textContent) made.append(text);
  // A picture of elsewhere would tell that elsewhere who reads this; the page's policy does not let it in.
  if (/^https:\/\//.test(line.image)) made.append(node("p", {}, link(line.image, t("그림 보기", "See the picture"))));
  const buttons = (line.buttons ?? []).map(button).filter(Boolean);
  if (buttons.length) made.append(node("div", { class: "buttons" }, ...buttons));
  made.append(node("time", { datetime: line.at }, at.toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit" })));
  return made;
}

function button({ title, say, url }) {
  if (!url) return node("button", { type: "button", class: "button quiet", "data-say": say || title }, title);
  return /^https?:\/\//i.test(url) ? link(url, title, "button quiet") : null;
}

function link(href, title, look) {
  return node("a", { href, class: look, target: "_blank", rel: "noreferrer noopener" }, title);
}

function pending(said) {
  const made = node("div", { class: `bubble mine pending ${said.why ? "failed" : ""}` }, node("p", {}, said.text));
  made.append(node("small", {}, said.why ?? t("보내는 중", "sending")));
  if (said.why) made.append(node("button", { type: "button", class: "plain", "data-again": said.id }, t("다시 보내기", "Send again")));
  return made;
}

function empty(hints) {
  const made = node("div", { class: "nothing" }, node("p", {}, hints.said));
  if (hints.commands.length) {
    made.append(node("ul", {}, ...hints.commands.map((one) => node("li", {},
      node("button", { type: "button", class: "plain", "data-begin": `${one.name} ` }, one.usage || one.name), one.help ? ` · ${one.help}` : ""))));
  }
  return made;
}

const dots = () => node("div", { id: "dots", class: "bubble typing", "aria-hidden": "true" }, node("i"), node("i"), node("i"));
