// Following a session: says whether the link is up, keeps what is private to this tab (its register, its window of a table)
// up to date after a step, and holds broadcasts back while the page shows the past.

const app = () => document.getElementById("app");
const seen = () => document.getElementById("seen");
const newest = () => app().dataset.newest === "true";
let missed = 0;

function link(state) {
  const element = document.getElementById("link");
  if (!element) return;
  element.classList.toggle("is-wait", state === "wait");
  element.classList.toggle("is-off", state === "off");
}

function edited() {
  const detail = { edited: false };
  document.dispatchEvent(new CustomEvent("giclab:edited", { detail }));
  return detail.edited;
}

function load(url, target, swap) {
  return window.htmx.ajax("GET", url, { source: target, target, swap });
}

function refreshInspector(step) {
  const inspector = document.getElementById("inspector");
  if (!inspector?.dataset.register || Number(inspector.dataset.step) >= step) return;
  if (!seen().dataset.touched.split(" ").includes(inspector.dataset.register)) return;
  if (edited()) inspector.querySelector(".below")?.removeAttribute("hidden");
  else load(`${location.pathname}?register=${inspector.dataset.register}`, inspector, "outerHTML show:none");
}

function refreshPanel(panel) {
  if (panel.hidden) panel.dataset.stale = "true";
  else load(panel.dataset.refresh, panel, "outerMorph show:none");
}

// A mark of change lasts until the next step. The server sends the cells that changed, not those that no longer are.
function dropMarks() {
  const touched = new Set(seen().dataset.touched.split(" "));
  for (const cell of document.querySelectorAll(".v.is-changed")) {
    const [name, cpu] = [cell.id.slice(2, cell.id.lastIndexOf("-")), cell.id.slice(cell.id.lastIndexOf("-") + 1)];
    if (!touched.has(name) && !touched.has(`${name}@${cpu}`)) cell.classList.remove("is-changed");
  }
}

// The whole page anew, but in place: what is being typed stays.
const loadAll = () => load(location.pathname + location.search, app(), "outerMorph show:none");

const step = () => Number(seen()?.dataset.step ?? 0);
let shown = step();
let newestKnown = shown;
let turn = seen()?.dataset.turn;

document.addEventListener("htmx:after:swap", (event) => {
  const now = step();
  const whole = event.detail.ctx?.target?.id === "app";
  if (turn !== seen()?.dataset.turn) {
    // The session went elsewhere: its steps are counted anew.
    turn = seen().dataset.turn;
    newestKnown = now;
  }
  if (now === shown || whole) {
    shown = now;
    // An answer that was overtaken by a later step's: ask again.
    if (whole && newest() && now < newestKnown) loadAll();
    return;
  }
  shown = newestKnown = now;
  dropMarks();
  refreshInspector(now);
  for (const panel of document.querySelectorAll("[data-refresh]")) refreshPanel(panel);
});
document.addEventListener("giclab:refresh", (event) => refreshPanel(event.target));

document.addEventListener("htmx:sse:before:message", (event) => {
  if (event.detail.message.event === "reload") {
    loadAll();
    event.preventDefault();
  } else if (!newest()) {
    if (!event.detail.message.data.includes('id="seen"')) return;
    missed += 1;
    const news = document.getElementById("news");
    if (news) news.textContent = `${missed} new ${missed === 1 ? "step" : "steps"} meanwhile`;
    event.preventDefault();
  }
});
document.addEventListener("htmx:sse:after:connection", () => link("on"));
document.addEventListener("htmx:sse:before:connection", (event) => {
  if (event.detail.connection.attempt > 0) link("wait");
});
document.addEventListener("htmx:sse:error", () => link("off"));
document.addEventListener("htmx:sse:close", () => link("off"));

// A page that comes back from a look at the past starts from a fresh rendering: nothing is missed any more.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx?.target?.id === "app") missed = 0;
});

// Nothing for 150 ms, then a line (styled by the class).
let busy = 0;
let timer;
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx?.sourceElement?.id === "events") return;
  busy += 1;
  timer ??= setTimeout(() => document.documentElement.classList.add("is-busy"), 150);
});
document.addEventListener("htmx:finally:request", (event) => {
  if (event.detail.ctx?.sourceElement?.id === "events") return;
  busy = Math.max(0, busy - 1);
  if (busy) return;
  clearTimeout(timer);
  timer = undefined;
  document.documentElement.classList.remove("is-busy");
});
