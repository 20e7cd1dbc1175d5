// The list of what fires looks by itself, but not while somebody has something open in it.
"use strict";

document.addEventListener("htmx:beforeRequest", (event) => {
  const list = event.target;
  if (list.id !== "alerts-now" || event.detail.requestConfig?.verb !== "get") return;
  if (list.querySelector("details[open], :focus-visible")) event.preventDefault();
});
