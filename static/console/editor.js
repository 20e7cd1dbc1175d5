// The editor of a response. The server is the one place that turns a form into YAML and back; this page sends what is
// typed, shows what comes back beside it, and moves entries about.
"use strict";

const words = (korean, english) => (document.documentElement.lang === "ko" ? korean : english);
const form = document.getElementById("editor");
const stage = document.getElementById("stage");
const conversation = document.getElementById("conversation");
const workbench = document.querySelector(".workbench");
const yaml = form.elements.yaml;
const editable = form.dataset.editable === "yes";
const PAUSE = 200; // after the last stroke
const POLL = 5000;

let dirty = false;
let strokes = 0; // to see whether something was typed while it was being saved
let saving = false;
let again = false; // save once more: it was asked for while saving
let waiting = null; // for the pause after a stroke
let asked = null; // the look that is on its way
let replies = {};
let names = []; // what can be put into a text
let keys = ""; // which survey keys the stage has fields for

// ---- what is sent ----

function sent() {
  const all = new FormData(form);
  const tab = editable ? all.get("tab") : "yaml";
  if (tab === "form") {
    all.delete("yaml");
    return all;
  }
  const short = new FormData();
  for (const name of ["csrf_token", "revision"]) short.set(name, all.get(name));
  short.set("tab", "yaml");
  short.set("yaml", yaml.value);
  return short;
}

// As htmx asks, so that the end of the login is told (401) and nothing that was typed gives way to the login page.
async function post(address, body, accept = "application/json", signal = undefined) {
  const once = () => fetch(address, { method: "POST", body, signal, headers: { "X-CSRF-Token": csrf, "HX-Request": "true", Accept: accept } });
  const before = csrf;
  let answer = await once();
  if (answer.status === 403 && (await renew()) && csrf !== before) answer = await once(); // logged in anew in another tab
  if (answer.status === 401) lapse();
  return answer;
}

// ---- looking ----

function lookSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(look, PAUSE);
}

// True when what is shown is what is typed now.
async function look() {
  clearTimeout(waiting);
  asked?.abort();
  const mine = (asked = new AbortController());
  const body = sent();
  for (const [name, value] of new FormData(stage)) if (name.startsWith("k.") || name === "now") body.append(name, value);
  for (const [name, value] of Object.entries(replies)) body.append(`r.${name}`, value);
  body.append("keys", keys);
  try {
    const answer = await post(form.dataset.look, body, "application/json", mine.signal);
    if (answer.ok) {
      show(await answer.json());
      return true;
    }
    if (answer.status !== 401) toast(words(`미리 볼 수 없어요 (${answer.status})`, `No preview (${answer.status})`));
  } catch (error) {
    if (error.name !== "AbortError") toast(words("서버에 닿지 않아요. 적은 내용은 그대로 있어요.", "The server cannot be reached. What you typed is still here."));
  }
  return false;
}

function show(found) {
  if (form.elements.tab.value === "form" && editable) yaml.value = found.yaml;
  const problems = found.trouble ? [...found.problems, { ...found.trouble }] : found.problems;
  showProblems(problems);
  showLines(problems);
  for (const output of form.querySelectorAll("[data-result]")) {
    const result = (found.values ?? {})[output.dataset.result] ?? (found.values ?? {})[output.dataset.name];
    output.textContent = result ?? "";
    output.title = result ?? "";
  }
  for (const place of form.querySelectorAll("[data-unsaid]")) place.textContent = (found.unsaid ?? {})[place.dataset.unsaid] ?? "";
  conversation.classList.toggle("stale", found.preview === undefined);
  if (found.names) names = found.names;
  if (found.stage !== undefined) {
    keys = found.keys;
    document.getElementById("keys").innerHTML = found.stage;
    if (form.dataset.answer) takeAnswer(form.dataset.answer);
  }
  if (found.preview !== undefined) {
    const typing = conversation.contains(document.activeElement);
    conversation.innerHTML = found.preview;
    if (typing) conversation.querySelector("[name=reply]")?.focus();
  }
}

function showProblems(problems) {
  for (const old of form.querySelectorAll("[data-problem]")) old.remove();
  for (const old of form.querySelectorAll("[aria-invalid]")) {
    old.removeAttribute("aria-invalid");
    old.removeAttribute("aria-describedby");
  }
  const list = document.createElement("ul");
  problems.forEach((problem, number) => {
    const field = problem.field && fieldOf(problem.field);
    if (field) markProblem(field, problem, `problem-${number}`);
    const row = document.createElement("li");
    row.className = problem.level;
    const go = document.createElement("button");
    go.type = "button";
    go.className = "plain";
    go.textContent = form.elements.tab.value === "yaml" && problem.line ? `${problem.line}: ${problem.said}` : problem.said;
    go.addEventListener("click", () => goTo(problem));
    row.append(go);
    list.append(row);
  });
  const place = document.getElementById("problems");
  place.replaceChildren(list);
  place.hidden = problems.length === 0;
}

function fieldOf(name) {
  return (
    form.querySelector(`[name="${CSS.escape(name)}"]`) ??
    form.querySelector(`[data-entry="${CSS.escape(name)}"]`) ??
    form.querySelector(`[data-list="${CSS.escape(name)}"]`)
  );
}

function markProblem(field, problem, id) {
  const said = document.createElement("span");
  said.className = problem.level === "error" ? "problem" : "problem mild";
  said.dataset.problem = "";
  said.id = id;
  said.textContent = problem.said;
  if (field.name) {
    field.closest("label").append(said);
    if (problem.level === "error") field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", id);
  } else {
    field.prepend(said);
  }
  const folded = field.closest("details");
  if (folded && problem.level === "error") folded.open = true;
}

function goTo(problem) {
  if (form.elements.tab.value === "form" && problem.field) {
    const field = fieldOf(problem.field);
    (field?.name ? field : field?.querySelector("input, textarea, select"))?.focus();
    return;
  }
  const lines = yaml.value.split("\n");
  const start = lines.slice(0, (problem.line ?? 1) - 1).join("\n").length + (problem.line > 1 ? 1 : 0);
  yaml.focus();
  yaml.setSelectionRange(start, start + (lines[(problem.line ?? 1) - 1] ?? "").length);
  yaml.scrollTop = ((problem.line ?? 1) - 4) * parseFloat(getComputedStyle(yaml).lineHeight);
}

function showLines(problems) {
  const wrong = new Map(problems.map((problem) => [problem.line, problem.level]));
  const gutter = document.getElementById("lines");
  gutter.replaceChildren(
    ...yaml.value.split("\n").map((_, number) => {
      const line = document.createElement("span");
      line.textContent = `${number + 1}\n`;
      if (wrong.has(number + 1)) line.className = wrong.get(number + 1);
      return line;
    }),
  );
  gutter.scrollTop = yaml.scrollTop;
}
yaml.addEventListener("scroll", () => (document.getElementById("lines").scrollTop = yaml.scrollTop));

// ---- typing ----

function changed() {
  dirty = true;
  strokes += 1;
  document.getElementById("unsaved")?.removeAttribute("hidden");
  lookSoon();
}

form.addEventListener("input", (event) => {
  if (event.target.name?.endsWith(".ask")) event.target.closest(".entry").querySelector(".asking").hidden = !event.target.value;
  if (event.target.name?.endsWith(".type")) event.target.closest(".entry").querySelector("details").dataset.ofType = event.target.value;
  changed();
});
stage.addEventListener("input", (event) => {
  if (event.target.id === "find") return;
  replies = {};
  lookSoon();
});
stage.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (dirty) event.preventDefault();
});

// ---- tabs ----

// The one is made from the other by the server; while that cannot be had, what is typed stays where it is.
async function crossed(tab) {
  if (tab === "yaml") return look(); // what was typed last is in the text too
  const body = sent();
  body.set("tab", "yaml");
  try {
    const answer = await post(form.dataset.form, body, "text/html");
    if (!answer.ok && answer.status !== 422) return false;
    document.getElementById("panel-form").innerHTML = await answer.text();
    if (answer.ok) form.elements.base.value = yaml.value;
    return true;
  } catch {
    toast(words("서버에 닿지 않아요. 적은 내용은 그대로 있어요.", "The server cannot be reached. What you typed is still here."));
    return false;
  }
}

async function openTab(tab) {
  const narrow = tab === "preview";
  const crosses = !narrow && form.elements.tab.value !== tab;
  if (crosses && !(await crossed(tab))) return;
  workbench.classList.toggle("shows-preview", narrow);
  for (const one of ["form", "yaml", "preview"]) document.getElementById(`tab-${one}`).setAttribute("aria-selected", String(one === tab));
  if (!crosses) return;
  form.elements.tab.value = tab;
  document.getElementById("panel-form").hidden = tab !== "form";
  document.getElementById("panel-yaml").hidden = tab !== "yaml";
  if (tab === "form" && !form.elements.title) form.elements.tab.value = "yaml"; // the text is what is meant until it can be a form
  look();
}
for (const tab of ["form", "yaml", "preview"]) document.getElementById(`tab-${tab}`).addEventListener("click", () => openTab(tab));
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")].filter((tab) => tab.offsetParent);
  if (step) tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length]?.focus();
});

document.addEventListener("click", (event) => {
  const merges = event.target.closest("[data-merge]");
  if (merges) {
    form.elements.revision.value = merges.dataset.merge;
    merges.remove();
    toast(words("이제 저장하면 지금 보이는 내 내용이 저장돼요.", "Saving keeps what you see in the editor now."));
  }
  if (event.target.closest("[data-leave]")) dirty = false;
  const fills = event.target.closest("[data-fill]");
  if (fills) fill(JSON.parse(fills.dataset.fill));
  const bubble = event.target.closest(".bubble[data-of], .letter[data-of]");
  if (bubble && !event.target.closest("a, details")) goTo({ field: bubble.dataset.of, line: null });
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "s" && editable) {
    event.preventDefault();
    form.requestSubmit(document.getElementById("save"));
  }
  if ((key === "b" || key === "i") && event.target.matches("textarea.text")) {
    event.preventDefault();
    mark(event.target, key);
  }
});

// ---- for whom the preview plays ----

function fill(survey) {
  for (const field of stage.querySelectorAll('[name^="k."]')) {
    const value = survey[field.name.slice(2)] ?? "";
    if (field.tagName === "SELECT" && value && ![...field.options].some((one) => one.value === value)) field.add(new Option(value));
    field.value = value;
  }
  document.getElementById("found").replaceChildren();
  replies = {};
  look();
}

async function takeAnswer(id) {
  form.dataset.answer = "";
  const answer = await fetch(`${window.location.pathname}/answer/${encodeURIComponent(id)}`);
  const found = answer.ok ? await answer.json() : {};
  if (!found.received) return toast(found.said ?? words("그 답변을 열 수 없어요.", "That answer cannot be opened."));
  const survey = {};
  for (const source of stage.querySelectorAll('[name^="s."]')) {
    const name = source.name.slice(2);
    survey[name] = found.received[source.value] ?? found.received[name] ?? "";
  }
  stage.elements.now.value = found.now;
  fill(survey);
}

conversation.addEventListener("submit", (event) => {
  event.preventDefault();
  replies[event.target.dataset.reply] = event.target.elements.reply.value;
  look();
});

document.getElementById("play").addEventListener("click", async () => {
  const parts = [...conversation.children];
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const part of parts) part.hidden = true;
  for (const part of parts) {
    if (!part.isConnected) return; // something new is shown meanwhile
    // A third of the real pause: long enough to feel it, short enough to watch twenty messages.
    if (part.dataset.wait) await new Promise((done) => setTimeout(done, Math.min(Number(part.dataset.wait), 6) * 333));
    part.hidden = false;
    part.scrollIntoView({ block: "nearest" });
  }
});

// ---- saving ----

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (saving) return void (again = true); // two at once would overtake each other
  saving = true;
  try {
    await save(event.submitter);
  } finally {
    saving = false;
  }
  if (again && dirty) form.requestSubmit(document.getElementById("save"));
  again = false;
});

async function save(submitter) {
  const body = sent();
  const saved = strokes;
  if (submitter?.name === "over") body.set("over", submitter.value);
  const state = document.getElementById("state");
  state.textContent = words("저장하고 있어요…", "Saving…");
  let answer;
  try {
    answer = await post(window.location.pathname, body);
  } catch {
    state.textContent = words("서버에 닿지 않아 저장하지 못했어요. 적은 내용은 그대로 있어요.", "Not saved: the server cannot be reached. What you typed is still here.");
    return;
  }
  if (answer.status === 409) {
    document.getElementById("conflict").innerHTML = await answer.text();
    const both = document.querySelector("#conflict .conflict");
    both.focus({ preventScroll: true });
    both.scrollIntoView({ block: "start" });
    state.textContent = "";
  } else if (answer.status === 400) {
    const { problems } = await answer.json();
    showProblems(problems);
    showLines(problems);
    document.querySelector("#problems button")?.focus();
    state.textContent = words(`고칠 곳이 ${problems.length}군데 있어 저장하지 않았어요.`, `Not saved: ${problems.length} to mend.`);
  } else if (answer.ok && !answer.redirected) {
    form.elements.revision.value = (await answer.json()).revision;
    dirty = strokes !== saved;
    document.getElementById("unsaved").hidden = !dirty;
    document.getElementById("newer").hidden = true;
    document.getElementById("conflict").replaceChildren();
    state.textContent = words("저장했어요", "Saved");
  } else {
    state.textContent = words(`저장하지 못했어요 (${answer.status}). 적은 내용은 그대로 있어요.`, `Not saved (${answer.status}). What you typed is still here.`);
  }
}

setInterval(async () => {
  if (document.hidden) return;
  let found;
  try {
    // As htmx asks: a page that looks by itself does not keep a login alive.
    const answer = await fetch(form.dataset.newer, { headers: { "HX-Request": "true" } });
    if (answer.status === 401) lapse();
    if (!answer.ok) return;
    found = await answer.json();
  } catch {
    return; // away for a moment; saving will tell if it lasts
  }
  const place = document.getElementById("newer");
  place.hidden = found.revision === Number(form.elements.revision.value);
  if (place.hidden) return;
  const by = found.by || words("다른 사람", "Somebody");
  place.textContent = words(`${by} 님이 새 초안을 저장했어요. 저장하면 두 내용을 나란히 보여 드려요.`, `${by} saved a newer draft. When you save, both are shown side by side.`);
}, POLL);

// ---- help ----

document.getElementById("open-help").addEventListener("click", async () => {
  const body = document.getElementById("help-body");
  if (!body.firstElementChild) body.innerHTML = await (await fetch(body.dataset.from)).text();
  document.getElementById("help").showModal();
});
document.getElementById("help").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const row of document.querySelectorAll(".help-list > div")) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});

look();
