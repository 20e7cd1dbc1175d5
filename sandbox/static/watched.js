// The editor of the watched page: what is published, how the page looks, whether it works.

import { ask } from "./api.js";
import { byId } from "./nodes.js";
import { choose, current, learn, t } from "./words.js";

learn({
  ko: {
    watchedTag: "발표 페이지", watchedFigures: "오늘의 수치", watchedTotal: "누적", watchedNew: "신규", watchedAsof: "기준일",
    watchedLead: "여기서 바꾸면 수치를 지켜보는 마루가 다음에 읽을 때 알아채요. 기준일이 새로우면 구독자에게 한 번 알려요.",
    watchedPublish: "발표하기", watchedRevert: "바로 전으로", watchedAuto: "시계에 맡기기", watchedLayout: "페이지 모양",
    watchedBroken: "점검 중 (503)", watchedShown: "보이는 페이지",
  },
  en: {
    watchedTag: "the watched page", watchedFigures: "Figures of the day", watchedTotal: "In all", watchedNew: "New", watchedAsof: "As of",
    watchedLead: "Maru, who watches this page, sees a change when it looks next. A new 'as of' is told to subscribers once.",
    watchedPublish: "Publish", watchedRevert: "As before", watchedAuto: "By the clock", watchedLayout: "Layout",
    watchedBroken: "Broken (503)", watchedShown: "The page",
  },
});

const form = byId("set");

function show(state) {
  for (const [name, value] of Object.entries(state.figures)) {
    if (document.activeElement !== form.elements[name]) form.elements[name].value = value;
  }
  byId("layout").value = state.layout;
  byId("broken").checked = state.broken;
  byId("page").src = "/watched/cases";
}

async function change(body) {
  const trouble = byId("trouble");
  try {
    show(await ask("watched", body));
    trouble.hidden = true;
  } catch (error) {
    trouble.textContent = t("failed", { why: error.message });
    trouble.hidden = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  change(Object.fromEntries(new FormData(form)));
});
for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => change(JSON.parse(button.dataset.do)));
}
byId("layout").addEventListener("change", (event) => change({ layout: event.target.value }));
byId("broken").addEventListener("change", (event) => change({ broken: event.target.checked }));
function drawWords() {
  document.documentElement.lang = current();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  byId("language").textContent = current() === "ko" ? "English" : "한국어";
  byId("language").lang = current() === "ko" ? "en" : "ko";
}

byId("language").addEventListener("click", () => {
  choose(current() === "ko" ? "en" : "ko");
  drawWords();
});
drawWords();
change(undefined);
