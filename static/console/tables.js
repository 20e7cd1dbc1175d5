// Tables: drop a file anywhere on the page, hear at once when it is too large, walk through the cells to mend.
"use strict";

// ---- choosing a file ----

function chosen(input) {
  const [file] = input.files;
  const drop = input.closest("[data-drop]");
  const tooLarge = file && file.size > Number(input.dataset.largest);
  drop.querySelector("[data-chosen]").textContent = file ? `${file.name} · ${size(file.size)}` : "";
  drop.querySelector("[data-problem]").textContent = tooLarge ? input.dataset.tooLarge : "";
  input.setCustomValidity(tooLarge ? input.dataset.tooLarge : "");
  input.setAttribute("aria-invalid", String(Boolean(tooLarge)));
}

function size(bytes) {
  return bytes < 1048576 ? `${Math.max(Math.round(bytes / 1024), 1)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-drop] input[type=file]")) chosen(event.target);
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-upload]")) {
    for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
    if (event.target.dataset.sent) event.preventDefault(); // a second click while it is on its way
    event.target.dataset.sent = "1";
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-upload]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});

function dropPlace() {
  const drop = document.querySelector("[data-drop]");
  const folded = drop?.closest("details");
  if (folded) folded.open = true;
  return drop;
}

document.addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  dropPlace()?.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.querySelector("[data-drop]")?.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  const drop = event.dataTransfer.files.length ? dropPlace() : null;
  if (!drop) return;
  event.preventDefault();
  drop.classList.remove("over");
  const input = drop.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  chosen(input);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll("details.uploader[open]")) open.open = false;
});

// ---- the cells to mend ----

const marked = document.querySelector("[data-marked]");
const wrong = marked ? [...marked.querySelectorAll("td[data-problem]")] : [];
let at = -1;

function show(place) {
  at = (place + wrong.length) % wrong.length;
  wrong[at].focus({ preventScroll: true });
  wrong[at].scrollIntoView({ block: "nearest", inline: "nearest" });
}

if (wrong.length) {
  document.querySelector("[data-keys]").hidden = false;
  marked.addEventListener("focusin", (event) => {
    at = wrong.indexOf(event.target);
    for (const told of document.querySelectorAll(".problems .here")) told.classList.remove("here");
    const line = at < 0 ? null : document.getElementById(`problem-${event.target.dataset.problem}`);
    line?.classList.add("here");
    line?.scrollIntoView({ block: "nearest" });
  });
  document.getElementById("problems").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-cell]");
    const place = link ? wrong.indexOf(document.getElementById(`cell-${link.dataset.cell}`)) : -1;
    if (place < 0) return;
    event.preventDefault();
    show(place);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "n") show(at + 1);
    if (event.key === "p") show(at - 1);
  });
}

// A row that a trace points at
document.querySelector("[data-pointed]")?.scrollIntoView({ block: "center" });
