// What every page of the console shares. No framework: htmx swaps pieces, this adds what HTML cannot say.
"use strict";

const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrf;
});

// An answer that is no success still has words for the person: show what the server said.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  toast(document.documentElement.lang === "ko" ? `되지 않았어요 (${xhr.status})` : `That did not work (${xhr.status})`);
});
document.addEventListener("htmx:sendError", () => {
  toast(document.documentElement.lang === "ko" ? "서버에 닿지 않아요. 연결을 확인해 주세요." : "The server cannot be reached.");
});

function toast(words) {
  const shown = document.createElement("p");
  shown.className = "toast";
  shown.textContent = words;
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), 6000);
}

// <button data-confirm="…"> asks first; <button data-opens="id"> opens a dialog; <… data-closes> closes its own.
document.addEventListener("click", (event) => {
  const asked = event.target.closest("[data-confirm]");
  if (asked && !window.confirm(asked.dataset.confirm)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
}, true);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});

// <select data-submits>: choosing is sending.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
