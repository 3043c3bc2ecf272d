// Modules that most visits do not need come when somebody first turns to the part of the page that names one, in
// `data-module`, with its address. What was done there before it came is done again: buttons, keys in them, typing. One
// that cannot be had, as the server is away, is asked for again at the next turn.

const AGAIN = { click: "button[type=button]", keydown: "button[type=button]", input: "input, select, textarea" };
const loading = new Map();

function had(address) {
  if (!loading.has(address)) loading.set(address, import(address).then(() => loading.set(address, true), () => loading.delete(address)));
  return loading.get(address);
}

async function turn(event) {
  const address = event.target.closest?.("[data-module]")?.dataset.module;
  if (!address || loading.get(address) === true) return;
  const target = event.target.closest(AGAIN[event.type] ?? "no-such");
  await had(address);
  if (target?.isConnected && loading.get(address)) target.dispatchEvent(new event.constructor(event.type, { bubbles: true, cancelable: true, key: event.key }));
}

// What was done there would be sent without its effect: it waits for the module, too.
async function hold(event) {
  const coming = loading.get(event.target.closest("[data-module]")?.dataset.module);
  if (!(coming instanceof Promise)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const { target, submitter } = event;
  await coming;
  if (target.isConnected) target.requestSubmit(submitter);
}
document.addEventListener("submit", hold, true);

for (const kind of ["pointerover", "focusin", "click", "keydown", "input"]) document.addEventListener(kind, turn);
