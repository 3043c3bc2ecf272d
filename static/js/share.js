// Copy buttons.

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
});
