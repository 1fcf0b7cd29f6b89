// Small pictures lead to large ones by their address; here only the gallery moves, not the page.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-gallery] a[href^='#']");
  const picture = link && document.getElementById(link.hash.slice(1));
  if (!picture) return;
  event.preventDefault();
  picture.parentElement.scrollTo({ left: picture.offsetLeft - picture.parentElement.offsetLeft });
  for (const each of link.closest("[data-gallery]").querySelectorAll("a")) each.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
});
