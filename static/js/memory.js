// The bytes of the memory panel by keyboard: arrow keys move, hex digits draft an edit, Enter writes it as one poke, Escape
// drops it. Loaded when the panel is first on view; without it a byte is a link, and the forms below do the same.

const panel = () => document.getElementById("p-memory");
const grid = () => document.getElementById("dump");
const cells = () => [...grid().querySelectorAll("td a")];
const addressOf = (cell) => Number(cell.title.split(" ", 1)[0]);
const meaning = (cell) => cell.title.slice(cell.title.indexOf(" · ") + 3);
const current = () => cells().find((cell) => cell.ariaCurrent === "true") ?? cells()[0];
const poke = () => panel().querySelector("form.poke");
const mine = (target) => target?.closest?.("#dump td a");

// By address: the two digits, and the byte they were typed over.
const drafts = new Map();
let half;
let resting;
let wanted;

function edits() {
  const order = [...drafts.keys()].sort((a, b) => a - b);
  const last = order[order.length - 1];
  const shown = new Map(cells().map((cell) => [addressOf(cell), cell.dataset.base ?? cell.textContent]));
  let bytes = "";
  for (let at = order[0]; at <= last; at++) bytes += drafts.get(at)?.text ?? shown.get(at) ?? "";
  return { at: order[0], bytes };
}

function show() {
  let below = false;
  for (const cell of cells()) {
    const draft = drafts.get(addressOf(cell));
    const base = cell.dataset.base ?? cell.textContent;
    cell.classList.toggle("is-draft", Boolean(draft));
    if (draft) {
      below ||= draft.base !== base;
      cell.dataset.base = base;
      cell.textContent = draft.text;
      cell.ariaLabel = `${draft.text}, edited, not written`;
    } else if (cell.dataset.base) {
      cell.textContent = base;
      delete cell.dataset.base;
      cell.removeAttribute("aria-label");
    }
  }
  poke().querySelector(".below").hidden = !below;
  panel().querySelector(".dump-hint").hidden = !("write" in grid().dataset);
  if (!drafts.size) return;
  const { at, bytes } = edits();
  poke().elements.address.value = "0x" + at.toString(16);
  poke().elements.bytes.value = bytes;
}

function drop() {
  drafts.clear();
  half = undefined;
  poke().reset();
  show();
}

// What lies under a byte, and which others belong to the same entry.
function point(cell) {
  document.getElementById("under").textContent = cell.title;
  const told = meaning(cell);
  for (const other of cells()) other.parentElement.classList.toggle("ent", told.includes(":") && meaning(other) === told);
}

function stop(cell) {
  for (const other of cells()) other.tabIndex = other === cell ? 0 : -1;
}

// Of two that are on their way the later one counts: see hx-sync on the panel.
const load = (href) => window.htmx.ajax("GET", href, { source: panel(), target: panel(), swap: "outerMorph show:none" });

function move(cell, by) {
  const all = cells();
  const next = all[all.indexOf(cell) + by];
  half = undefined;
  if (next) return next.focus();
  clearTimeout(resting);
  wanted = addressOf(cell) + by;
  const page = panel().querySelector(by < 0 ? ".pager [data-to=lower]" : ".pager [data-to=higher]");
  if (page) load(page.href);
}

function type(cell, digit) {
  const address = addressOf(cell);
  const base = drafts.get(address)?.base ?? cell.dataset.base ?? cell.textContent;
  const text = drafts.get(address)?.text ?? base;
  const second = half === address;
  // One poke writes one stretch: an edit elsewhere begins a new one.
  const near = drafts.has(address - 1) || drafts.has(address + 1) || drafts.has(address);
  if (!near) drafts.clear();
  drafts.set(address, { text: second ? text[0] + digit : digit + text[1], base });
  show();
  if (second) move(cell, 1);
  half = second ? undefined : address;
}

// A row of 16 bytes goes over two lines where they are few: up and down are what one sees.
function perLine() {
  const [first, ...others] = cells().map((cell) => cell.getBoundingClientRect().top);
  return 1 + others.findIndex((top) => top !== first) || 16;
}

const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -perLine(), ArrowDown: perLine };
document.addEventListener("keydown", (event) => {
  const cell = mine(event.target);
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in MOVES) move(cell, MOVES[event.key]());
  else if (event.key === "Home" || event.key === "End") {
    const line = perLine();
    const column = cells().indexOf(cell) % line;
    move(cell, event.key === "Home" ? -column : line - 1 - column);
  } else if (/^[0-9a-f]$/i.test(event.key) && "write" in grid().dataset) type(cell, event.key.toLowerCase());
  else if (event.key === "Enter" && drafts.size) poke().requestSubmit();
  else if (event.key === "Escape" && drafts.size) drop();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);

// The fields are those of the byte on which the cursor rests.
document.addEventListener("focusin", (event) => {
  clearTimeout(resting);
  const cell = mine(event.target);
  if (!cell) return;
  wanted = undefined;
  stop(cell);
  point(cell);
  const fields = panel().querySelector("form.meaning legend");
  if (fields ? meaning(cell).startsWith(`${fields.firstChild.data.trim()}: `) : !meaning(cell).includes(":")) return;
  resting = setTimeout(() => {
    if (document.activeElement === cell) load(cell.href);
  }, 200);
});
document.addEventListener("mouseover", (event) => {
  const cell = mine(event.target) ?? event.target.closest?.("#dump td")?.firstChild;
  if (cell) point(cell);
  else if (grid() && !panel().hidden) point(mine(document.activeElement) ?? current());
});

// What was written is no edit any more.
document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement: form, response } = event.detail.ctx;
  if (!form?.matches?.("#p-memory form") || response.status >= 400) return;
  if (form === poke()) drop();
  else form.reset();
});
// A morph puts the bytes as they are now: a draft is typed over those.
document.addEventListener("htmx:after:swap", begin);
function begin() {
  if (!grid()) return;
  for (const cell of cells()) if (!drafts.has(addressOf(cell))) cell.classList.remove("is-draft");
  show();
  cells().find((cell) => addressOf(cell) === wanted)?.focus();
  const here = mine(document.activeElement);
  stop(here ?? current());
  if (here) point(here);
}
begin();
