// A server that is away: writes wait until it is back, what was typed stays, and what got no answer is told where it was
// asked for. static/js/live.js tells of the line, and tries again by itself.

let off = false;

function tell(source, text) {
  const says = source?.closest?.("form")?.querySelector(".says") ?? document.querySelector("#console .says");
  const [box, head] = [document.createElement("div"), document.createElement("b")];
  box.className = "err";
  box.role = "alert";
  box.dataset.offline = "";
  head.textContent = off ? "Offline. " : "No answer from the server. ";
  box.append(head, text);
  says?.replaceChildren(box);
}

function line(now) {
  off = now === "off";
  if (now === "wait") return;
  for (const button of document.querySelectorAll(off ? "#app form[method=post] button:enabled:not([type=button])" : "[data-off]")) {
    button.disabled = off;
    button.toggleAttribute("data-off", off);
  }
  if (!off) for (const box of document.querySelectorAll("[data-offline]")) box.remove();
}
document.addEventListener("giclab:line", (event) => line(event.detail));

document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement, request } = event.detail.ctx;
  if (!off || request.method === "GET") return;
  event.preventDefault();
  tell(sourceElement, "Nothing was sent. It stays here until the server is back.");
});

document.addEventListener("htmx:error", (event) => {
  const { sourceElement, target, request } = event.detail.ctx ?? {};
  if (!request || (request.method === "GET" && sourceElement === target)) return;
  if (request.method === "GET") return tell(null, "Nothing was changed. Try again when it is back.");
  tell(sourceElement, "What you typed is kept. Perhaps the step was taken: then it appears here when the server is back.");
  // Its event is not for this tab, which counted on the answer.
  document.dispatchEvent(new CustomEvent("giclab:reload"));
});
