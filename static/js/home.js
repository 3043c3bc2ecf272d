// The first page: a file that is dropped anywhere on the form is opened, and the sessions that this browser opened are
// listed. static/js/live.js notes them; the list stays in this browser.

const form = document.getElementById("drop");
const file = document.getElementById("drop-file");
const says = document.getElementById("drop-says");

function over(event, on) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  form.classList.toggle("is-over", on);
}
form.addEventListener("dragover", (event) => over(event, true));
form.addEventListener("dragleave", (event) => over(event, false));
form.addEventListener("drop", (event) => {
  over(event, false);
  if (!event.dataTransfer?.files.length) return;
  file.files = event.dataTransfer.files;
  form.requestSubmit();
});
form.addEventListener("submit", (event) => {
  const empty = !file.files.length && !document.getElementById("drop-text").value.trim();
  if (empty) event.preventDefault();
  says.textContent = empty ? "Nothing to open yet: paste a text, choose a file or drop one." : "Opening…";
});
// A page that comes back from the browser's own memory has nothing under way.
addEventListener("pageshow", () => (says.textContent = ""));

const KEY = "recent";
const list = document.getElementById("recent-list");
const none = list.firstElementChild;
const forgetAll = document.getElementById("forget");

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter((each) => /^\/s\/[\w-]+$/.test(each.path));
  } catch {
    return [];
  }
}

function keep(sessions) {
  localStorage.setItem(KEY, JSON.stringify(sessions));
  draw();
}

const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
function since(at) {
  const minutes = Math.round((at - Date.now()) / 60000);
  if (minutes > -1) return "now";
  if (minutes > -60) return ago.format(minutes, "minute");
  return minutes > -1440 ? ago.format(Math.round(minutes / 60), "hour") : ago.format(Math.round(minutes / 1440), "day");
}

function make(tag, text, css) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (css) element.className = css;
  return element;
}

function row(session) {
  const line = document.createElement("tr");
  const name = make("th", "");
  name.scope = "row";
  const link = name.appendChild(make("a", session.title));
  link.href = session.path;
  const forget = make("button", "Forget", "btn btn--small btn--quiet");
  forget.type = "button";
  forget.ariaLabel = `Forget ${session.title}`;
  forget.addEventListener("click", () => keep(kept().filter((each) => each.path !== session.path)));
  const last = document.createElement("td");
  last.append(forget);
  line.append(name, make("td", session.as, "opt"), make("td", session.step, "n"), make("td", since(session.at), "muted"), last);
  return line;
}

function draw() {
  const sessions = kept();
  forgetAll.hidden = !sessions.length;
  if (!sessions.length) return list.replaceChildren(none);
  const table = make("table", "", "tbl recent");
  const head = table.createTHead().insertRow();
  for (const [title, css] of [["Scenario"], ["Behaves like", "opt"], ["Step"], ["Opened"]]) {
    head.appendChild(make("th", title, css)).scope = "col";
  }
  head.appendChild(make("th", "")).append(make("span", "Forget", "vh"));
  const body = table.createTBody();
  body.append(...sessions.map(row));
  list.replaceChildren(table);
}

forgetAll.addEventListener("click", () => keep([]));
addEventListener("storage", draw);
draw();
