// Today: values under the pointer, pieces that refresh themselves only while somebody looks, messages that go away.
"use strict";

const MOST_IN_FEED = 60;

// Nothing is asked while the tab is hidden, and what a person is reading or about to press stays as it is.
document.addEventListener("htmx:beforeRequest", (event) => {
  const piece = event.detail.elt;
  if (!piece.matches("[data-live]")) return;
  const inUse = piece.id !== "feed-asks" && piece.matches(":focus-within, :has(.chart:hover), :has(button:hover)");
  if (document.hidden || inUse) event.preventDefault();
});

// What was unfolded stays so in the piece that takes its place.
document.addEventListener("htmx:beforeSwap", (event) => {
  const open = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
  if (!open.length) return;
  const settle = () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  };
  document.addEventListener("htmx:afterSwap", settle, { once: true });
});

document.addEventListener("htmx:afterSettle", (event) => {
  // The button that was pressed is gone: the keyboard goes on from where it stood.
  const pressed = event.detail.requestConfig?.verb === "post" && document.activeElement === document.body;
  if (pressed) document.querySelector("#stuck summary, .toast button")?.focus({ preventScroll: true });
  const feed = document.getElementById("feed");
  while (feed && feed.children.length > MOST_IN_FEED) feed.lastElementChild.remove();
  for (const toast of document.querySelectorAll("[data-stays]")) {
    const seconds = Number(toast.dataset.stays);
    toast.removeAttribute("data-stays");
    setTimeout(() => toast.remove(), seconds * 1000);
  }
});

// A chart tells the value under the pointer; with the arrow keys, one after the other.

function tell(chart, step) {
  for (const other of chart.querySelectorAll(".told")) other.classList.remove("told");
  const said = chart.closest(".tile").querySelector(".said");
  said.dataset.usual ??= said.textContent;
  step?.classList.add("told");
  said.textContent = step ? step.dataset.said : said.dataset.usual;
}

document.addEventListener("pointerover", (event) => {
  const step = event.target.closest?.(".chart .step");
  if (step) tell(step.closest(".chart"), step);
});
document.addEventListener("pointerout", (event) => {
  const chart = event.target.closest?.(".chart");
  if (chart && !chart.contains(event.relatedTarget)) tell(chart, null);
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.(".chart")) tell(event.target, [...event.target.querySelectorAll(".step:has(.mark)")].at(-1));
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches?.(".chart")) tell(event.target, null);
});
document.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!move || !event.target.matches?.(".chart")) return;
  event.preventDefault();
  const steps = [...event.target.querySelectorAll(".step")];
  const at = steps.findIndex((step) => step.classList.contains("told"));
  tell(event.target, steps[Math.min(Math.max(at + move, 0), steps.length - 1)]);
});
