// Making nodes, and changing a list of them without touching what stays: so focus, selection and what a screen reader
// has said already stay where they are.

export function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return made;
}

// `wanted`: [key, what it shows, how to make it], in their order.
export function arrange(parent, wanted) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(wanted.map(([key]) => key));
  for (const [key, child] of there) if (!keys.has(key)) child.remove();
  let next = parent.firstElementChild;
  for (const [key, shows, make] of wanted) {
    const old = there.get(key);
    if (old && old.dataset.shows === shows) {
      if (old === next) next = next.nextElementSibling;
      else parent.insertBefore(old, next);
      continue;
    }
    const made = make();
    made.dataset.key = key;
    made.dataset.shows = shows;
    if (old) {
      const focused = old.contains(document.activeElement);
      if (old === next) next = next.nextElementSibling;
      old.remove();
      parent.insertBefore(made, next);
      if (focused) (made.matches("button, a") ? made : made.querySelector("button, a"))?.focus();
    } else {
      parent.insertBefore(made, next);
    }
  }
}
