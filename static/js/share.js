// Copy buttons, and dialogs for browsers that do not know `command` on buttons yet.

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    const label = copy.querySelector("span");
    source.select();
    try {
      await navigator.clipboard.writeText(source.value);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
    }
  }
  const opener = event.target.closest?.('[command="show-modal"]');
  if (opener && !("command" in HTMLButtonElement.prototype)) document.getElementById(opener.getAttribute("commandfor")).showModal();
});
