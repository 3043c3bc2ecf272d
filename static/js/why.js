// Whoever asks why an interrupt is (not) signalled is taken to the answer; an answer that is only brought up to date moves nothing.

document.addEventListener("htmx:after:swap", (event) => {
  const { target, sourceElement } = event.detail.ctx ?? {};
  if (target?.id !== "why" || sourceElement?.tagName !== "A") return;
  document.getElementById("why-h")?.focus();
});
