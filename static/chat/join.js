// Coming in: the invite stands behind the # of the address, so that no server and no log ever sees it but ours.

const problem = document.getElementById("problem");
const join = document.getElementById("join");
const code = new URLSearchParams(location.hash.slice(1)).get("invite");

if (code) {
  history.replaceState(null, "", location.pathname + location.search);
  join.hidden = false;
  document.getElementById("how").hidden = true;
  document.getElementById("name").focus();
  // The way to another language keeps it; still behind the #.
  for (const link of document.querySelectorAll("a[hreflang]")) link.hash = `invite=${code}`;
}

async function come(path, body) {
  problem.hidden = true;
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) {
      location.reload();
      return;
    }
    const told = await answer.json().catch(() => ({}));
    tell(told.why ?? `${answer.status}`);
  } catch {
    tell(document.documentElement.lang === "ko" ? "서버에 닿지 않아요." : "The server cannot be reached.");
  }
}

function tell(why) {
  problem.textContent = why;
  problem.hidden = false;
}

join.addEventListener("submit", (event) => {
  event.preventDefault();
  come(`/chat/${join.dataset.company}/join`, { code, name: document.getElementById("name").value });
});
document.getElementById("enter")?.addEventListener("submit", (event) => {
  event.preventDefault();
  come(`/chat/${event.target.dataset.company}/enter`, {});
});
