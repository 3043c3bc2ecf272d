// Following a session: takes in what a step changed, keeps up to date what is private to this tab (its register, its window
// of a table), says whether the line is up, and holds broadcasts back while the page shows the past.

const app = () => document.getElementById("app");
const seen = () => document.getElementById("seen");
const newest = () => app().dataset.newest === "true";
const step = () => Number(seen()?.dataset.step ?? 0);
const set = (id, text) => {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
};
const load = (url, target, swap) => window.htmx.ajax("GET", url, { source: target, target, swap });
let missed = 0;
let shown = step();
let heard = { step: shown, turn: seen()?.dataset.turn };

// The whole page anew, but in place: what is being typed stays. False if it did not come.
let came = false;
async function loadAll() {
  came = false;
  await load(location.pathname + location.search, app(), "outerMorph show:none");
  return came;
}

function edited() {
  const detail = { edited: false };
  document.dispatchEvent(new CustomEvent("giclab:edited", { detail }));
  return detail.edited;
}

function refreshInspector(now) {
  const inspector = document.getElementById("inspector");
  if (!inspector?.dataset.register || Number(inspector.dataset.step) >= now) return;
  if (!seen().dataset.touched.split(" ").includes(inspector.dataset.register)) return;
  if (!edited()) load(`${location.pathname}?register=${inspector.dataset.register}`, inspector, "outerHTML show:none");
}

function refreshPanel(panel) {
  if (panel.hidden || panel.open === false) panel.dataset.stale = "true";
  else load(panel.dataset.refresh ?? location.pathname + location.search, panel, "outerMorph show:none");
}
document.addEventListener("giclab:refresh", (event) => refreshPanel(event.target));
document.addEventListener("toggle", (event) => event.target.dataset?.stale && refreshPanel(event.target), true);

// A mark of change lasts until the next step. The server sends what changed, not what no longer does.
const MARKS = ["is-changed", "is-now", "chg", "chg--new", "fld--changed"];
const MARKED = [...MARKS.map((name) => `.${name}`), "#facts .now", ".cnt[id] .vh"].join();
function dropMarks() {
  for (const marked of app().querySelectorAll(MARKED)) {
    if (marked.className === "vh") marked.remove();
    else marked.classList.remove(...MARKS, marked.closest("#facts") ? "now" : "is-now");
  }
}

const icon = (name) => {
  const svg = document.querySelector("svg.i").cloneNode(true);
  const use = svg.firstElementChild;
  svg.setAttribute("class", "i");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
  return svg;
};

// The strip is scrolled; cells that are long out of sight go at a time when nothing is seen to move.
const toEnd = (list) => (list.scrollLeft = list.scrollWidth);
let trimming;
function trim(list) {
  const still = list.scrollLeft + list.clientWidth >= list.scrollWidth - 1;
  trimming = still ? undefined : setTimeout(trim, 100, list);
  if (!still) return;
  while (list.children.length > 12) list.firstElementChild.remove();
  toEnd(list);
}

function addStep(cell, n, text, told) {
  const link = cell.firstElementChild;
  link.href = `?step=${n}`;
  link.ariaCurrent = "step";
  link.ariaLabel = link.title = `Step ${n}: ${text}${told}`;
  const list = document.querySelector("#timeline .steps");
  const before = list.querySelector(".now");
  cell.className = "step now";
  if (before) before.className = "step done";
  before?.firstElementChild.removeAttribute("aria-current");
  list.querySelector(".hint")?.remove();
  list.append(cell);
  requestAnimationFrame(() => toEnd(list));
  if (list.children.length > 24) trimming ??= setTimeout(trim, 100, list);
  for (const [id, to] of [["step-first", 0], ["step-back", n - 1]]) {
    const button = document.getElementById(id);
    button.href = `?step=${to}`;
    if (!button.role) continue;
    button.removeAttribute("role");
    button.removeAttribute("aria-disabled");
    window.htmx.process(button);
  }
  const scrub = document.querySelector(".scrub");
  scrub.max = n;
  scrub.value = n;
  scrub.setAttribute("aria-valuetext", `Step ${n} of ${n}: ${text}`);
  scrub.form.hidden = false;
  window.htmx.process(cell);
}

function count(n, text) {
  for (const place of document.querySelectorAll("#con-hint [data-next]")) place.textContent = n + 1;
  ["Step ", n, ` of ${n}`, ` · ${text}`].forEach((word, at) => {
    document.querySelector("#timeline output").childNodes[at].textContent = word;
  });
  set("trace-n", `step ${n} · ${text.startsWith("note ") ? "note" : text}`);
  // A step can be undone, there is nothing to do again, and the session is no longer where it began.
  const [undo, redo] = ["undo-op", "redo-op"].map((id) => document.getElementById(id));
  if (undo) undo.disabled = false;
  if (redo) redo.disabled = true;
  for (const button of document.querySelector(".resets")?.querySelectorAll("button") ?? []) button.disabled = false;
}

// What a step did has nothing in common with what the one before did; morphed, its words would move about.
const anew = (part) => part.id === "what" && !document.querySelector("#what details[open]");

// A step in an answer or an event: only the one after the step on view changes the page, so that none counts twice.
function take(template, { ctx, tasks }) {
  const of = (name) => template.getAttribute(name) ?? "";
  const [n, text, headline] = [Number(of("n")), of("text"), `Step ${of("n")}: ${of("text")}. ${of("says")}`.trim()];
  if (!newest() || n <= step()) return;
  // Also the answer to this tab's own operation, of which no event tells it.
  heard = { step: n, turn: of("turn") };
  if (n > step() + 1) return void say("reload");
  const content = template.content;
  for (const place of content.querySelectorAll("[i]")) {
    place.prepend(icon(place.getAttribute("i")));
    place.removeAttribute("i");
  }
  dropMarks();
  addStep(content.firstElementChild, n, text, of("told"));
  count(n, text);
  Object.assign(seen().dataset, { step: n, touched: template.getAttribute("touched") ?? text.split(" ")[1], turn: of("turn") });
  set("seen", headline);
  set("announce", headline);
  const choices = document.getElementById("choices");
  if (of("choices") && choices) {
    choices.hidden = false;
    set("choices-n", of("choices"));
    refreshPanel(choices);
  }
  // Rows come in a table, as HTML has it, that says in which element they are.
  for (const part of [...content.children].flatMap((each) => (each.rows ? [...each.rows] : [each]))) {
    const fragment = document.createDocumentFragment();
    const inside = part.dataset.in;
    const row = `${part.closest("[data-of]")?.dataset.of ?? ""} #${part.id}`.trim();
    fragment.append(...(inside ? part.childNodes : [part]));
    const { after } = part.dataset;
    const swapSpec = { style: inside ? "innerMorph" : after ? "afterend" : anew(part) ? "outerSync" : "outerMorph" };
    tasks.push({ type: "partial", fragment, target: inside ?? (after ? `#${after}` : row), swapSpec, sourceElement: ctx.sourceElement });
  }
}

// The answer to a write of the register on view: the parts of its inspector that look otherwise, and its numbers. They are
// of the inspector that was on view when it was asked for; another one that came meanwhile is kept up to date by itself.
function takeRegister(template, { ctx, tasks }) {
  const of = (name) => template.getAttribute(name);
  const root = document.getElementById("inspector");
  if (root.dataset.register !== of("name") || root.dataset.step !== of("from")) return;
  const { was, shown, value } = root.querySelector("form.edit").elements;
  Object.assign(root.dataset, { value: of("value"), base: of("base"), step: of("step") });
  was.value = of("base");
  shown.value = of("step");
  value.defaultValue = of("draft");
  for (const wrong of root.querySelectorAll("[aria-invalid=true]")) wrong.removeAttribute("aria-invalid");
  for (const { content, dataset } of template.content.children) {
    tasks.push({ type: "partial", fragment: content, target: `#inspector ${dataset.at}`, swapSpec: { style: dataset.at === ".wr" ? "outerSync" : "outerMorph" }, sourceElement: ctx.sourceElement });
  }
}
window.htmx.registerExtension("giclab-step", { htmx_process_step: take, htmx_process_register: takeRegister });

document.addEventListener("htmx:after:swap", (event) => {
  const now = step();
  const whole = event.detail.ctx?.target?.id === "app";
  if (whole) {
    came = true;
    shown = now;
    // What the server sent says that the line is up.
    if (lineState !== "on") link(lineState, lineTold);
    // An answer that was overtaken by a later step's: ask again.
    if (newest() && seen().dataset.turn === heard.turn && now < heard.step) say("reload");
  }
  if (now === shown) return;
  shown = now;
  refreshInspector(now);
  for (const panel of document.querySelectorAll("[data-refresh]")) refreshPanel(panel);
});

// Events, one after the other: what comes while the whole page is on its way is looked at when it is there.
const events = document.getElementById("events");
let line = Promise.resolve();
let source;
let last = events?.dataset.after;
let failures = 0;
let lineState = "on";
let lineTold = "";
let again;

const say = (name, data = "") => (line = line.then(() => hear(name, data)).catch(console.error));

async function hear(name, data) {
  if (name === "reload") {
    if (!(await loadAll())) setTimeout(() => say("reload"), 2000);
    else await present(presented() ?? "");
    return;
  }
  if (name === "present") return present(data);
  const found = data.match(/^<hx-step n="(\d+)" turn="(\d+)"/);
  if (found) heard = { step: Number(found[1]), turn: found[2] };
  if (found && !newest()) {
    missed += 1;
    set("news", `${missed} new ${missed === 1 ? "step" : "steps"} meanwhile`);
    return;
  }
  await window.htmx.swap({ text: data, sourceElement: events, target: events, swap: "none" });
}

function link(state, told = "") {
  const element = document.getElementById("link");
  if (element) element.title = told;
  element?.classList.toggle("is-wait", state === "wait");
  element?.classList.toggle("is-off", state === "off");
  element?.classList.toggle("is-full", state === "full");
  if (state === "off" && state !== lineState) set("announce", "Offline: the server does not answer.");
  lineState = state;
  lineTold = told;
  document.dispatchEvent(new CustomEvent("giclab:line", { detail: state }));
}
document.addEventListener("giclab:reload", () => say("reload"));
// The form that asked is gone, as another register was chosen: its answer goes nowhere, and no event tells this tab.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.request.method !== "GET" && !ctx.sourceElement.isConnected) say("reload");
});
document.addEventListener("click", (event) => event.target.id === "retry" && connect());

// The browser reconnects by itself, with Last-Event-ID; where it gives up, we go on from the same place.
function connect() {
  clearTimeout(again);
  source?.close();
  source = new EventSource(`${events.dataset.url}&after=${last}`);
  source.onopen = () => {
    failures = 0;
    if (lineState !== "full") link("on");
  };
  source.onmessage = (event) => {
    if (lineState === "full") link("on");
    last = event.lastEventId || last;
    say("", event.data);
  };
  source.addEventListener("reload", (event) => {
    last = event.lastEventId;
    say("reload");
  });
  // Too many watch: there is a line, but none for this page, whose browser asks again after a while.
  source.addEventListener("full", ({ data }) => {
    if (lineState === "full") return;
    link("full", data);
    set("announce", `Not live: ${data}`);
  });
  source.addEventListener("present", (event) => {
    last = event.lastEventId;
    say("present", event.data);
  });
  source.onerror = () => {
    if (lineState === "full") return;
    failures += 1;
    link(failures > 1 ? "off" : "wait");
    if (source.readyState !== EventSource.CLOSED) return;
    again = setTimeout(connect, Math.min(500 * 2 ** failures, 4000) * (0.7 + 0.6 * Math.random()));
  };
}
document.addEventListener("visibilitychange", () => {
  const presents = document.querySelector("#present-on[aria-pressed=true]");
  if (document.hidden && !presents) source?.close();
  else if (!document.hidden && source?.readyState === EventSource.CLOSED) connect();
});
if (events) connect();

// Who presents, and where, is the business of a module that most visits do not need.
const presented = () => document.getElementById("present")?.dataset.at;
let presenters = false;
async function present(data) {
  if (!data.trim() && !presenters) return;
  presenters = true;
  await import(events.dataset.present);
  document.dispatchEvent(new CustomEvent("giclab:present", { detail: data }));
}
if (presented()) {
  presenters = true;
  import(events.dataset.present);
}

// A page that comes back from a look at the past starts from a fresh rendering: nothing is missed any more.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx?.target?.id === "app") missed = 0;
});

// Nothing for 150 ms, then a line (styled by the class).
let busy = 0;
let timer;
document.addEventListener("htmx:before:request", () => {
  busy += 1;
  timer ??= setTimeout(() => document.documentElement.classList.add("is-busy"), 150);
});
document.addEventListener("htmx:finally:request", () => {
  busy = Math.max(0, busy - 1);
  if (busy) return;
  clearTimeout(timer);
  timer = undefined;
  document.documentElement.classList.remove("is-busy");
});

// The first page lists the sessions that this browser opened, from here.
function note() {
  const path = location.pathname;
  const as = document.querySelector(".impl [aria-current] .long")?.textContent;
  try {
    const others = JSON.parse(localStorage.getItem("recent") ?? "[]").filter((each) => each.path !== path);
    const here = { path, title: document.querySelector("h1").textContent, as, step: step(), at: Date.now() };
    localStorage.setItem("recent", JSON.stringify([here, ...others].slice(0, 8)));
  } catch {
    // A browser that keeps nothing has no list.
  }
}
if (events) {
  note();
  addEventListener("pagehide", note);
}

// What was typed outlives a rendering of its form.
document.addEventListener("htmx:before:morph:attr", (event) => {
  const input = event.target;
  if (event.detail.attrName === "value" && input.matches("#p-memory input:not([type=hidden]), #its input") && input.value !== input.defaultValue) event.preventDefault();
});
