// A button that copies what stands beside it; where a browser does not let it, the text is marked to be copied by hand.
for (const button of document.querySelectorAll("[data-copy]")) {
  const shown = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(shown);
    }
  });
}
