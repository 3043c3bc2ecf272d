// Keys of the page, playing through steps, and what the navigator needs: the mark of the register on view, and closing
// after a choice where it is a popover. Keys are off while typing.

// A dialog that is just closed keeps the focus until the next frame.
const typing = (target) => target.closest?.("input, textarea, select, dialog[open], [popover]:popover-open, [role=tablist], .bits");
const click = (id) => document.getElementById(id)?.click();

function find() {
  const nav = document.getElementById("nav");
  if (getComputedStyle(nav).display === "none") nav.showPopover();
  document.getElementById("find").focus();
}

const KEYS = {
  "/": find,
  ":": () => document.getElementById("con").focus(),
  "?": () => document.getElementById("help").showModal(),
  ArrowLeft: (repeated) => step(-1, repeated),
  ArrowRight: (repeated) => step(1, repeated),
  " ": () => click("play"),
  u: () => click("undo-op"),
  r: () => click("redo-op"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === " " && event.target.closest?.("button, a, summary")) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action(event.repeat);
});

// Presses that come while a step is on its way are kept for when it is there; of a key held down only one.
let owed = 0;
let onTheWay = false;
function step(by, repeated) {
  if (onTheWay) owed = repeated ? by : owed + by;
  else click(by < 0 ? "step-back" : "step-forward");
}
function pay() {
  onTheWay = false;
  if (!owed) return;
  const by = Math.sign(owed);
  owed -= by;
  step(by);
}
const takesTheApp = (event) => event.detail.ctx?.target?.id === "app";
document.addEventListener("htmx:before:request", (event) => {
  if (takesTheApp(event)) onTheWay = true;
});
document.addEventListener("htmx:finally:request", (event) => {
  if (takesTheApp(event)) pay();
});

// A refusal goes when the input that it is about is edited, or with Escape.
const settle = (event) => event.target.closest?.("form")?.querySelector(".says")?.replaceChildren();
document.addEventListener("input", settle);
document.addEventListener("keydown", (event) => event.key === "Escape" && settle(event));

// Playing: the next step is asked for when the one before is on the page and its time is over, so there is one request a
// step at most. It ends at the last step, at an expectation that fails, and with any other press.
const forward = () => document.getElementById("step-forward")?.href;
let playing = false;
let due;
function play(on) {
  clearTimeout(due);
  playing = on && Boolean(forward());
  if (playing) click("step-forward");
  mark();
}
function mark() {
  const button = document.getElementById("play");
  button?.setAttribute("aria-pressed", String(playing));
  button?.setAttribute("aria-label", playing ? "Pause" : "Play");
}
function pace() {
  const chosen = Number(document.getElementById("speed").value);
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? Math.max(chosen, 1000) : chosen;
}
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#play")) play(!playing);
  else if (event.isTrusted && event.target.closest?.("a, button")) play(false);
});
document.addEventListener("htmx:error", () => play(false));

function stepped() {
  document.getElementById("announce").textContent = document.getElementById("seen").textContent;
  if (!playing) return;
  if (document.querySelector(".step.now .no") || !forward()) play(false);
  else due = setTimeout(() => click("step-forward"), pace());
}

document.addEventListener("htmx:after:swap", (event) => {
  if (takesTheApp(event)) stepped();
  mark();
  const inspector = document.getElementById("inspector");
  if (!inspector?.dataset.register) return;
  const [name, cpu = "0"] = inspector.dataset.register.split("@");
  const entry = document.getElementById(`n-${name}-${cpu}`);
  for (const other of document.querySelectorAll(".tree a[aria-current]")) if (other !== entry) other.removeAttribute("aria-current");
  entry?.setAttribute("aria-current", "page");
  if (event.detail.ctx?.sourceElement?.closest?.("#nav") && document.getElementById("nav").matches(":popover-open")) {
    document.getElementById("nav").hidePopover();
  }
});

// For browsers that do not know `command` on buttons yet.
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.('[command="show-modal"]');
  if (opener && !("command" in HTMLButtonElement.prototype)) document.getElementById(opener.getAttribute("commandfor")).showModal();
});
