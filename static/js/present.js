// The presenter: one tab of who may write shows where it looks, and whoever follows is taken there: same register, same
// step, same tab. Whoever goes elsewhere by hand looks around alone until Follow is pressed. It comes when it is needed.

const app = () => document.getElementById("app");
const bar = () => document.getElementById("present");
const base = location.pathname;
let place = { query: "", says: "" };
let following = false;
let presenting = false;
let wandered = false;
let told = "";
let waiting;

// Where this tab looks, as an address says it.
function here() {
  const query = new URLSearchParams(location.search);
  for (const name of ["find", "command"]) query.delete(name);
  const set = (name, value) => (value ? query.set(name, value) : query.delete(name));
  set("register", document.getElementById("inspector")?.dataset.register);
  set("tab", document.getElementById("view-tab")?.value);
  set("why", document.querySelector("#view-why:enabled")?.value);
  return `?${query}`;
}

function draw() {
  const strip = bar();
  if (!strip) return;
  strip.hidden = !place.query || presenting;
  strip.classList.toggle("is-following", following);
  strip.querySelector("[data-says]").textContent = following ? `Following the presenter: ${place.says}` : `The presenter is at ${place.says}`;
  strip.querySelector("button").textContent = following ? "Look around alone" : wandered ? "Follow again" : "Follow the presenter";
  const button = document.getElementById("present-on");
  button?.setAttribute("aria-pressed", String(presenting));
  if (button) button.lastElementChild.textContent = presenting ? "Presenting" : "Present";
}

async function send(form) {
  const actor = document.getElementById("view-actor").value;
  const answer = await fetch(`${base}/present`, { method: "POST", body: new URLSearchParams({ actor, ...form }) }).catch(() => null);
  return answer?.ok;
}

function tell() {
  if (!presenting || waiting) return;
  waiting = setTimeout(async () => {
    waiting = undefined;
    if (!presenting || here() === told) return;
    const at = here();
    if (await send({ at })) told = at;
  }, 250);
}

// The button says that this tab presents when the server knows it.
async function present(on) {
  following = false;
  told = on ? here() : "";
  const done = await send(on ? { at: told } : { do: "stop" });
  presenting = on && Boolean(done);
  draw();
  tell();
}

// The same place, `but` for some of what an address says; a tab that is not named is the first.
function same(one, other, but = []) {
  const [a, b] = [one, other].map((query) => {
    const said = new URLSearchParams(query);
    if (!said.get("tab")) said.set("tab", "lpis");
    for (const name of but) said.delete(name);
    said.sort();
    return `${said}`;
  });
  return a === b;
}
const openTab = (name) => document.getElementById(`t-${name ?? "lpis"}`)?.click();

async function go() {
  const at = place.query;
  if (!following || !at || same(at, here())) return;
  const wanted = new URLSearchParams(at);
  const alike = same(at, here(), ["register", "tab"]);
  const target = alike ? document.getElementById("inspector") : app();
  if (!alike || wanted.get("register") !== target.dataset.register) {
    await window.htmx.ajax("GET", base + at, { source: target, target, swap: `${alike ? "outerHTML" : "outerMorph"} show:none` });
  }
  if (alike) openTab(wanted.get("tab"));
  history.replaceState(history.state, "", base + at);
}

function follow(on) {
  following = on;
  wandered = !on;
  draw();
  if (on) go();
}

function hear(data) {
  const [query, says = ""] = data.split("\n");
  // Another tab presents now.
  if (query && presenting && !same(query, told)) presenting = false;
  place = { query, says };
  if (!query) following = false;
  draw();
  go();
}

document.addEventListener("giclab:present", (event) => hear(event.detail));
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#present button")) follow(!following);
  else if (event.target.closest?.("#present-on")) present(!presenting);
  else if (event.isTrusted && event.target.closest?.("[role=tab]")) alone();
});

// Gone elsewhere by hand: what the page fetches by itself has its target as its source.
function alone() {
  tell();
  if (!following) return;
  follow(false);
}
document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, target, request } = event.detail.ctx;
  if (request.method === "GET" && sourceElement !== target && ["app", "inspector", "why", "p-lpis", "p-devices", "p-memory"].includes(target?.id)) alone();
});
document.addEventListener("htmx:after:swap", (event) => {
  tell();
  if (event.detail.ctx?.target?.id === "app") draw();
});
document.addEventListener("keyup", (event) => {
  if (event.key !== "Tab" && event.target.closest?.("[role=tab]")) alone();
});
// A server that was away knows of no presenter.
document.addEventListener("giclab:line", (event) => {
  if (event.detail !== "on") return;
  told = "";
  tell();
});

// Who opens the plain link while somebody presents is taken along.
const first = bar()?.dataset.at;
if (first) {
  following = !location.search;
  hear(first);
}
