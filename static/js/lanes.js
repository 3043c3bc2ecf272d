// The lanes by keyboard: one tab stop for all cells, arrow keys go from one where something happened to the next.

const table = () => document.getElementById("lanes-t");
const cells = () => [...table().querySelectorAll("td > a")];
const columnOf = (cell) => cell.parentElement.cellIndex;
let last = "";

function stop(at) {
  for (const cell of cells()) cell.tabIndex = cell === at ? 0 : -1;
  last = at?.id ?? "";
}

// In the same column, up or down over lanes where nothing happened.
function beside(cell, by) {
  const rows = [...table().tBodies[0].rows];
  for (let at = cell.closest("tr").sectionRowIndex + by; rows[at]; at += by) {
    const found = rows[at].cells[columnOf(cell)]?.querySelector("a");
    if (found) return found;
  }
}

function prepare() {
  if (!table()) return;
  table().setAttribute("role", "grid");
  stop(document.getElementById(last) ?? table().querySelector("td.now > a") ?? cells()[0]);
}

// Before the page's own keys hear of it: there the arrows go from step to step.
document.addEventListener(
  "keydown",
  (event) => {
    const cell = event.target.closest?.("#lanes-t td > a");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = [...cell.closest("tr").querySelectorAll("td > a")];
    const at = row.indexOf(cell);
    const to = {
      ArrowLeft: row[at - 1],
      ArrowRight: row[at + 1],
      ArrowUp: beside(cell, -1),
      ArrowDown: beside(cell, 1),
      Home: row[0],
      End: row.at(-1),
    };
    if (!(event.key in to)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!to[event.key]) return;
    stop(to[event.key]);
    to[event.key].focus();
  },
  true,
);
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("#lanes-t td > a")) stop(event.target);
});
document.addEventListener("htmx:after:swap", prepare);
prepare();
