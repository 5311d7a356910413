// What pages do beyond links and forms; without this file every answer is still there.
// [data-opens=id] opens a dialog; [data-copies=id] copies a table; form[data-live=id] sends itself
// while one types and puts the answer into that element; a[href="#box-…"] in a row lights that place;
// keys as listed under "?".
const say = (text) => {
  const live = document.querySelector(".live");
  if (live) live.textContent = text;
};

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}

const cells = (row) => [...row.cells].map((one) => {
  const exact = one.querySelector("data");
  return (exact ? exact.value : one.innerText).replace(/\s+/g, " ").trim();
}).join("\t");

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const rows = [...document.querySelectorAll(`#${button.dataset.copies} tr`)];
    await navigator.clipboard.writeText(rows.map(cells).join("\n"));
    say(`${rows.length - 1} rows copied`);
  });
}

for (const code of document.querySelectorAll("code[title]")) {
  code.classList.add("copies");
  code.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.title);
    say("copied");
  });
}

for (const form of document.querySelectorAll("form[data-live]")) {
  const target = document.getElementById(form.dataset.live);
  let timer = 0;
  let asked = 0;
  const send = async () => {
    const mine = (asked += 1);
    const fields = new URLSearchParams(new FormData(form));
    const isGet = form.method === "get";
    const address = form.dataset.address || form.action;
    const answer = await fetch(isGet ? `${address}?${fields}` : address, {
      method: form.method, body: isGet ? undefined : fields, headers: { Accept: "text/html" },
    });
    if (mine !== asked) return; // a later answer is on its way
    if (answer.redirected && answer.url.includes("/auth/login")) { location.reload(); return; }
    target.innerHTML = await answer.text();
    say(target.dataset.says || "updated");
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(send, 250);
  });
}

// A row that leads to a place on the picture of a page lights it up, and the place its row.
for (const link of document.querySelectorAll('tbody a[href^="#box-"]')) {
  const row = link.closest("tr");
  const box = document.getElementById(link.getAttribute("href").slice(1));
  const light = (on) => { row.classList.toggle("lit", on); box?.classList.toggle("lit", on); };
  for (const one of [row, box]) {
    one?.addEventListener("mouseenter", () => light(true));
    one?.addEventListener("mouseleave", () => light(false));
  }
  row.addEventListener("focusin", () => light(true));
  row.addEventListener("focusout", () => light(false));
}

// Single keys; they never fire in a field and can be turned off.
const rows = () => [...document.querySelectorAll("tbody tr")];
let at = -1;
const move = (by) => {
  const all = rows();
  if (!all.length) return;
  at = Math.max(0, Math.min(all.length - 1, at + by));
  const row = all[at];
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
};
let waiting = false;
const keys = {
  "?": () => document.getElementById("keys-help")?.showModal(),
  "/": () => document.querySelector("main input:not([type=hidden]), .context select")?.focus(),
  j: () => move(1),
  k: () => move(-1),
  g: () => { waiting = true; setTimeout(() => { waiting = false; }, 1500); },
};
document.addEventListener("keydown", (event) => {
  if (document.body.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable], dialog")) return;
  if (waiting) {
    waiting = false;
    document.querySelector(`[data-letter="${CSS.escape(event.key)}"]`)?.click();
    event.preventDefault();
    return;
  }
  if (event.key === "Enter" && event.target.matches("tbody tr")) {
    event.target.querySelector("a")?.click();
    return;
  }
  if (event.key in keys) {
    keys[event.key]();
    event.preventDefault();
  }
});
