// A page that comes back by the back button is as it was left: the number at the cart is asked for anew.
window.addEventListener("pageshow", async (event) => {
  const [visit] = performance.getEntriesByType("navigation");
  const shown = document.getElementById("cart-count");
  if (!shown || !(event.persisted || visit?.type === "back_forward")) return;
  try {
    const answer = await fetch("/cart/count");
    if (answer.ok) shown.outerHTML = await answer.text();
  } catch {
    // The number stays as it was.
  }
});
