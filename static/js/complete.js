// Completion by the ARIA pattern of a combobox with a list: the server says what may come next, the focus stays in the
// field. And the console's earlier lines. Without this module one types without help.

const list = () => document.getElementById("sugg");
const options = () => [...list().children];
const isText = (field) => field.tagName === "TEXTAREA";
let asked = 0;
let active = -1;
let from = 0;

function close(field) {
  asked += 1;
  active = -1;
  if (!list()) return;
  list().hidden = true;
  list().replaceChildren();
  field?.setAttribute("aria-expanded", "false");
  field?.removeAttribute("aria-activedescendant");
}

function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// Without this module it is an input with a list of whole lines.
function setUp(field) {
  if (isText(field)) return;
  field.removeAttribute("list");
  field.role = "combobox";
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", "sugg");
  field.setAttribute("aria-expanded", String(!list().hidden));
}

async function ask(field) {
  setUp(field);
  const start = field.value.lastIndexOf("\n", field.selectionStart - 1) + 1;
  const line = field.value.slice(start, field.selectionStart);
  close(field);
  if (!line.trim() || /^\S/.test(field.value.slice(field.selectionStart))) return;
  const mine = asked;
  const machine = (isText(field) && field.value.match(/^machine .*$/m)?.[0]) || "";
  const answer = await fetch(`${field.dataset.complete}?${new URLSearchParams({ line, machine })}`);
  if (!answer.ok) return;
  const found = await answer.json();
  if (mine !== asked || !found.options.length || document.activeElement !== field) return;
  from = start + found.start;
  list().replaceChildren(
    ...found.options.map(([text, says], index) => {
      const option = document.createElement("li");
      option.id = `sugg-${index}`;
      option.role = "option";
      option.append(make("code", text), make("span", says));
      return option;
    }),
  );
  list().hidden = false;
  field.setAttribute("aria-expanded", "true");
}

function move(field, to) {
  active = Math.min(to, options().length - 1);
  options().forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
  if (active < 0) return field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-activedescendant", `sugg-${active}`);
  options()[active].scrollIntoView({ block: "nearest" });
}

function accept(field, index) {
  const text = options()[index].firstChild.textContent;
  field.setRangeText(/[=(:.@,]/.test(text) ? text : `${text} `, from, field.selectionStart, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// What was typed into the console before, the newest last; "" stands for what is being typed.
const key = `console ${location.pathname}`;
const lines = JSON.parse(sessionStorage.getItem(key) ?? "[]");
let at = lines.length;
function recall(field, to) {
  if (to < 0 || to > lines.length) return;
  at = to;
  field.value = lines[at] ?? "";
}
document.addEventListener("submit", (event) => {
  if (event.target.id !== "console") return;
  const line = document.getElementById("con").value.trim();
  if (line && line !== lines.at(-1)) lines.push(line);
  sessionStorage.setItem(key, JSON.stringify(lines.splice(-100)));
  lines.push(...JSON.parse(sessionStorage.getItem(key)));
  at = lines.length;
  close();
}, true);

const HANDLERS = {
  ArrowDown(field, open) {
    if (open && (active >= 0 || !isText(field))) move(field, active + 1);
    else if (!isText(field)) recall(field, at + 1);
    else return false;
  },
  ArrowUp(field, open) {
    if (open && active >= 0) move(field, active - 1);
    else if (!isText(field)) recall(field, at - 1);
    else return false;
  },
  Enter(field, open) {
    if (!open || active < 0) return false;
    accept(field, active);
  },
  Tab(field, open) {
    if (!open || (active < 0 && from === field.selectionStart)) return false;
    accept(field, Math.max(active, 0));
  },
  Escape(field, open) {
    if (!open) return false;
    close(field);
  },
  " "(field, open, event) {
    if (!event.ctrlKey) return false;
    if (open) move(field, 0);
    else ask(field);
  },
};
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!field.dataset?.complete || event.shiftKey || event.altKey || event.isComposing) return;
  const act = HANDLERS[event.key];
  if (!act || act(field, !list().hidden, event) === false) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("input", (event) => {
  if (event.target.dataset?.complete) ask(event.target);
});
document.addEventListener("focusin", (event) => event.target.dataset?.complete && setUp(event.target));
document.addEventListener("focusout", (event) => event.target.dataset?.complete && close(event.target));
document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.("#sugg > li");
  if (!option) return;
  event.preventDefault();
  accept(document.activeElement, options().indexOf(option));
});
if (document.activeElement?.dataset.complete) setUp(document.activeElement);
