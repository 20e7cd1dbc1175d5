// What every page of the console shares. No framework: htmx swaps pieces, this adds what HTML cannot say.
"use strict";

let csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
let lapsed = false; // the login is over, while something may be typed into this page

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = csrf;
});

// An answer that is no success still has words for the person: show what the server said.
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401) {
    lapse();
    return;
  }
  if (xhr.status === 403) {
    refused();
    return;
  }
  toast(document.documentElement.lang === "ko" ? `되지 않았어요 (${xhr.status})` : `That did not work (${xhr.status})`);
});
document.addEventListener("htmx:sendError", () => {
  toast(document.documentElement.lang === "ko" ? "서버에 닿지 않아요. 연결을 확인해 주세요." : "The server cannot be reached.");
});

// The password may have been changed in another window: then this page's proof is of a session that has ended.
async function refused() {
  const before = csrf;
  const again = (await renew()) && csrf !== before;
  const korean = document.documentElement.lang === "ko";
  if (again) toast(korean ? "로그인이 바뀌었어요. 한 번 더 해 주세요." : "Your login has changed. Please try once more.");
  else toast(korean ? "이 일을 할 권한이 없어요. (403)" : "You may not do this. (403)");
}

// Nobody loses what they typed: they log in beside this page, and come back to it.
function lapse() {
  if (lapsed) return;
  lapsed = true;
  const korean = document.documentElement.lang === "ko";
  const shown = document.createElement("p");
  const link = document.createElement("a");
  shown.className = "toast";
  shown.textContent = korean ? "로그인 시간이 지났어요." : "Your login is over.";
  link.href = "/console/login";
  link.target = "_blank";
  link.className = "plain";
  link.textContent = korean ? "새 창에서 다시 로그인하기" : "Log in again beside this page";
  shown.append(link);
  document.getElementById("toasts").append(shown);
  window.addEventListener("focus", async function back() {
    if (!(await renew())) return;
    lapsed = false;
    shown.remove();
    window.removeEventListener("focus", back);
  });
}

// After another login this page's proof of being ours has to be that login's. False: nobody is logged in.
async function renew() {
  const answer = await fetch(location.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector('meta[name="csrf-token"]')?.content;
  if (!fresh) return false;
  csrf = fresh;
  for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = fresh;
  return true;
}

function toast(words) {
  for (const earlier of document.querySelectorAll(".toast")) if (earlier.textContent === words) earlier.remove();
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

// <select data-submits>: choosing is sending. With the arrow keys one passes others on the way to one's choice: then
// the form's button sends.
let byKey = false;
document.addEventListener("keydown", () => { byKey = true; }, true);
document.addEventListener("pointerdown", () => { byKey = false; }, true);
document.addEventListener("change", (event) => {
  if (!byKey && event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
