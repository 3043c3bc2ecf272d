// The tabs of the right pane, by the ARIA pattern: arrow keys move between tabs and open them. All panels are in the page.
// Without this module a tab is a link to the page with that panel open.

const tabs = () => [...document.querySelectorAll('[role="tab"]')];

function open(tab, focus) {
  for (const other of tabs()) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    panel.hidden = !chosen;
    if (chosen && panel.dataset.stale) panel.dispatchEvent(new CustomEvent("giclab:refresh", { bubbles: true }));
  }
  document.getElementById("view-tab").setAttribute("value", tab.id.slice(2));
  if (focus) tab.focus();
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest?.('[role="tab"]');
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(tab);
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.('[role="tab"]');
  if (!tab) return;
  const all = tabs();
  const at = all.indexOf(tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  open(all[(to + all.length) % all.length], true);
});

// A link elsewhere may have filled a panel: show it.
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx?.target;
  const panel = target?.id ? document.getElementById(target.id) : null;
  if (panel?.getAttribute("role") !== "tabpanel") return;
  const tab = document.getElementById(panel.getAttribute("aria-labelledby"));
  if (tab && event.detail.ctx.sourceElement?.tagName !== "BODY") open(tab);
});
