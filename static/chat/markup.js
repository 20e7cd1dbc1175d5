// Maru's small markup as nodes: <b>, <i>, <link type="url" value="…">, and the four escapes. Everything else is words;
// nothing is ever handed to the browser as HTML.

const PIECE = /<(\/?)(b|i|link)((?:\s+[a-z]+="[^"<>]*")*)\s*>/gi;
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"' };
const plain = (text) => text.replace(/&(amp|lt|gt|quot);/g, (entity) => ENTITIES[entity]);

export function marked(text) {
  const root = document.createDocumentFragment();
  const open = [root];
  let at = 0;
  for (const found of text.matchAll(PIECE)) {
    words(open.at(-1), text.slice(at, found.index));
    at = found.index + found[0].length;
    const name = found[2].toLowerCase();
    if (found[1]) {
      if (open.length > 1 && open.at(-1).dataset?.tag === name) open.pop();
    } else {
      const made = element(name, found[3]);
      open.at(-1).append(made);
      open.push(made);
    }
  }
  words(open.at(-1), text.slice(at));
  return root;
}

function words(parent, text) {
  if (text) parent.append(plain(text));
}

function element(name, attributes) {
  const made = document.createElement({ b: "strong", i: "em", link: "a" }[name]);
  made.dataset.tag = name;
  const address = plain(/value="([^"]*)"/.exec(attributes)?.[1] ?? "");
  if (name === "link" && /^(https?:|mailto:|tel:)/i.test(address)) {
    made.href = address;
    made.rel = "noreferrer noopener";
    made.target = "_blank";
  }
  return made;
}
