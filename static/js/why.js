// Whoever asks why an interrupt is (not) signalled, or for its way, is taken to the answer; one that is only brought up to date moves nothing.

document.addEventListener("htmx:after:swap", (event) => {
  const { target, sourceElement } = event.detail.ctx ?? {};
  if (!["why", "way"].includes(target?.id) || !["A", "FORM"].includes(sourceElement?.tagName)) return;
  document.getElementById(`${target.id}-h`)?.focus();
});
