// Cards are dragged to another place: dropping one opens the address of the experiment with the new order.

const list = () => document.getElementById("steps");
let dragged = null;

function prepare() {
  for (const card of document.querySelectorAll("[data-card]")) card.querySelector(".lc__h").draggable = true;
}

const cardAt = (event) => event.target.closest?.("[data-card]");

document.addEventListener("dragstart", (event) => {
  dragged = cardAt(event);
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.card);
  dragged.classList.add("lc--dragged");
});

document.addEventListener("dragover", (event) => {
  const over = dragged && cardAt(event);
  if (!over) return;
  event.preventDefault();
  if (over === dragged) return;
  const box = over.getBoundingClientRect();
  list().insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
});

document.addEventListener("drop", (event) => {
  if (dragged) event.preventDefault();
});

document.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.classList.remove("lc--dragged");
  const order = [...list().querySelectorAll("[data-card]")].map((card) => card.dataset.card).join();
  const there = new URL(dragged.querySelector(".up[href], .down[href]").href);
  dragged = null;
  if (order === list().dataset.order) return;
  there.searchParams.set("order", order);
  const link = Object.assign(document.createElement("a"), { href: there, hidden: true });
  list().after(link);
  htmx.process(link);
  link.click();
});

document.addEventListener("htmx:after:swap", prepare);
new MutationObserver(prepare).observe(document.body, { childList: true, subtree: true });
prepare();
