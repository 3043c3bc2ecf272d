// Modules that most visits do not need come when somebody first turns to the part of the page that names one, in
// `data-module`, with its address. What was done there before it came is done again: pressed buttons and what was typed.

const AGAIN = { click: "button[type=button]", input: "input, select, textarea" };
const loading = new Map();

async function turn(event) {
  const place = event.target.closest?.("[data-module]");
  const address = place?.dataset.module;
  if (!address || loading.get(address) === true) return;
  if (!loading.has(address)) loading.set(address, import(address).then(() => loading.set(address, true)));
  const target = event.target.closest(AGAIN[event.type] ?? "no-such");
  await loading.get(address);
  if (target?.isConnected) target.dispatchEvent(new event.constructor(event.type, { bubbles: true, cancelable: true }));
}

for (const kind of ["pointerover", "focusin", "click", "input"]) document.addEventListener(kind, turn);
document.documentElement.classList.add("has-script");
