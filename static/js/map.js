// Keys in the map of LPIs: arrows go from row to row. Who zooms in by key goes on in what is large then.

const rows = () => [...document.querySelectorAll("#lmap tbody a")];
let entered = false;

document.addEventListener("keydown", (event) => {
  const all = rows();
  const at = all.indexOf(event.target);
  if (at < 0) return;
  if (event.key === "Enter") entered = true;
  const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all[Math.min(Math.max(to, 0), all.length - 1)].focus();
});

document.addEventListener("htmx:after:swap", () => {
  if (entered && !document.activeElement.closest("#lmap")) rows()[0]?.focus();
  entered = false;
});
