// Copy buttons, and dialogs for browsers that do not know `command` on buttons yet.

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("[data-copy]");
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    source.select();
    await navigator.clipboard.writeText(source.value);
    copy.querySelector("span").textContent = "Copied";
  }
  const opener = event.target.closest?.('[command="show-modal"]');
  if (opener && !("command" in HTMLButtonElement.prototype)) document.getElementById(opener.getAttribute("commandfor")).showModal();
});
document.documentElement.classList.add("has-script");
