// One conversation: what was unfolded stays so, and what had the focus keeps it, while the page brings itself up to date.
"use strict";

let open = [];
let focused = "";

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "now") return;
  open = [...document.querySelectorAll("#now .turn:has(details[open])")].map((turn) => [turn.id, turn.querySelector("details[open] > div").innerHTML]);
  focused = document.activeElement?.closest("#now .turn")?.id ?? "";
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "now") return;
  for (const [id, shown] of open) {
    const fold = document.getElementById(id)?.querySelector("details");
    if (!fold) continue;
    fold.removeAttribute("hx-get");
    fold.querySelector("div").innerHTML = shown;
    fold.open = true;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
});
