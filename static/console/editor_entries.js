// Entries of the editor (messages, values, survey keys, …): added, copied, deleted, moved; and the toolbar of their texts.
// It shares editor.js's form, words() and changed().
"use strict";

let counter = 0;
let textarea = null; // where the toolbar's dialogs write

// ---- entries: add, copy, delete, move ----

form.addEventListener("click", (event) => {
  const adds = event.target.closest("[data-add]");
  const does = event.target.closest("[data-do]");
  const marks = event.target.closest("[data-mark]");
  if (adds) add(adds.dataset.add);
  if (does) act[does.dataset.do](does.closest(".entry"), does);
  if (marks) mark(marks.closest(".entry").querySelector(".text"), marks.dataset.mark);
});

function listOf(name) {
  return form.querySelector(`[data-list="${CSS.escape(name)}"]`);
}

function add(name) {
  const list = listOf(name);
  if (list.dataset.most && list.children.length >= Number(list.dataset.most)) {
    return toast(words("버튼은 두 개까지예요.", "Two buttons at most."));
  }
  const kind = name.endsWith(".buttons") ? "buttons" : name;
  const parent = name.slice(0, -".buttons".length);
  const html = document.querySelector(`template[data-new="${kind}"]`).innerHTML;
  const made = document.createElement("template");
  made.innerHTML = html.replaceAll("PARENT", parent).replaceAll("NEW", `n${++counter}`);
  const entry = made.content.firstElementChild;
  list.append(entry);
  entry.querySelector("textarea.text, input, textarea, select").focus();
  changed();
}

function renamed(entry, to) {
  const from = entry.dataset.entry;
  for (const part of [entry, ...entry.querySelectorAll("*")]) {
    for (const attribute of ["name", "data-entry", "data-unsaid", "data-result", "data-list", "data-add"]) {
      const name = part.getAttribute(attribute);
      if (name === from || name?.startsWith(`${from}.`)) part.setAttribute(attribute, to + name.slice(from.length));
    }
  }
}

const act = {
  up(entry, button) {
    entry.previousElementSibling?.before(entry);
    button.focus();
    moved(entry);
  },
  down(entry, button) {
    entry.nextElementSibling?.after(entry);
    button.focus();
    moved(entry);
  },
  copy(entry) {
    const copy = entry.cloneNode(true);
    const fields = entry.querySelectorAll("input, textarea, select");
    copy.querySelectorAll("input, textarea, select").forEach((field, number) => {
      field.value = fields[number].value;
      field.checked = fields[number].checked;
    });
    renamed(copy, entry.dataset.entry.replace(/[^.]*$/, `n${++counter}`));
    entry.after(copy);
    copy.querySelector("textarea, input").focus();
    changed();
  },
  delete(entry) {
    const list = entry.parentElement;
    const next = entry.nextElementSibling;
    (next ?? entry.previousElementSibling)?.querySelector("textarea, input")?.focus();
    entry.remove();
    changed();
    undo(words("지웠어요.", "Deleted."), () => {
      list.insertBefore(entry, next?.parentElement === list ? next : null);
      changed();
    });
  },
};

function moved(entry) {
  const place = [...entry.parentElement.children].indexOf(entry) + 1;
  const of = entry.parentElement.children.length;
  document.getElementById("state").textContent = words(`${of}개 가운데 ${place}번째로 옮겼어요`, `Now ${place} of ${of}`);
  changed();
}

function undo(said, back) {
  const shown = document.createElement("p");
  shown.className = "toast";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = words("되돌리기", "Undo");
  button.addEventListener("click", () => {
    back();
    shown.remove();
  });
  shown.append(said, button);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), 8000);
}

let dragged = null;
form.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".handle")?.closest(".entry") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  event.dataTransfer.setDragImage(dragged, 20, 20);
  dragged.classList.add("dragged");
});
form.addEventListener("dragover", (event) => {
  const over = dragged && event.target.closest?.(".entry");
  if (!over || over === dragged || over.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged);
  else over.after(dragged);
});
form.addEventListener("drop", (event) => dragged && event.preventDefault());
form.addEventListener("dragend", () => {
  dragged?.classList.remove("dragged");
  if (dragged) moved(dragged);
  dragged = null;
});

// ---- the toolbar ----

function insert(before, after = "") {
  const { selectionStart: start, selectionEnd: end, value } = textarea;
  textarea.setRangeText(before + value.slice(start, end) + after, start, end, "end");
  if (start === end) textarea.selectionStart = textarea.selectionEnd = start + before.length;
  textarea.focus();
  textarea.dispatchEvent(new Event("input", { bubbles: true }));
}

function mark(into, kind) {
  textarea = into;
  if (kind === "b" || kind === "i") return insert(`<${kind}>`, `</${kind}>`);
  if (kind === "names") listNames();
  if (kind === "link") document.getElementById("link-words").value = into.value.slice(into.selectionStart, into.selectionEnd);
  document.getElementById(kind).showModal();
}

function listNames() {
  document.getElementById("name-list").replaceChildren(
    ...names.map((one) => {
      const row = document.createElement("li");
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.dataset.insert = one.name;
      const name = document.createElement("code");
      name.textContent = one.name;
      chip.append(name, ` ${one.label}`);
      row.append(chip);
      return row;
    }),
  );
}

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-insert]");
  const sign = event.target.closest("[data-emoji]");
  if (chip) {
    const filter = document.getElementById("filter").value;
    chip.closest("dialog").close();
    insert(`{{ ${chip.dataset.insert}${filter ? ` | ${filter}` : ""} }}`);
  }
  if (sign) {
    sign.closest("dialog").close();
    insert(sign.dataset.emoji);
  }
});

document.getElementById("link").addEventListener("close", (event) => {
  if (event.target.returnValue !== "insert") return;
  const address = document.getElementById("link-address").value.replaceAll('"', "%22");
  textarea.setRangeText("", textarea.selectionStart, textarea.selectionEnd, "end");
  insert(`<link type="url" value="${address}">${document.getElementById("link-words").value}</link>`);
  event.target.returnValue = "";
  event.target.querySelector("form").reset();
});
