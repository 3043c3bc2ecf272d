// Keys of the page, playing through steps, and what the navigator needs: the mark of the register on view, and closing
// after a choice where it is a popover. Keys are off while typing.

const typing = (target) => target.closest?.("input:not([type=range]), textarea, select, dialog, [role=tablist], .bits");
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
  ArrowLeft: () => click("step-back"),
  ArrowRight: () => click("step-forward"),
  " ": () => click("play"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === " " && event.target.closest?.("button, a, summary")) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// A refusal goes when the input that it is about is edited, or with Escape.
const settle = (event) => event.target.closest?.("form")?.querySelector(".says")?.replaceChildren();
document.addEventListener("input", settle);
document.addEventListener("keydown", (event) => event.key === "Escape" && settle(event));

// Playing: one step a second and a bit, until the end or the next press.
let playing;
function play(on) {
  clearInterval(playing);
  playing = on ? setInterval(() => (document.getElementById("step-forward")?.href ? click("step-forward") : play(false)), 1200) : undefined;
  mark();
}
function mark() {
  document.getElementById("play")?.setAttribute("aria-pressed", String(playing !== undefined));
}
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#play")) {
    if (playing === undefined) click("step-forward");
    play(playing === undefined);
  } else if (event.isTrusted && event.target.closest?.("a, button")) {
    play(false);
  }
});

document.addEventListener("htmx:after:swap", (event) => {
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
