// What a page does beyond its links and forms. Everything here is an addition: without it the page works.
import "htmx.org/dist/htmx.esm.min.js";
import "./search.js";
import "./listing.js";
import "./gallery.js";
import "./pay.js";
import "./back.js";
import "./copy.js";
import "./passkeys.js";

document.documentElement.classList.add("scripted");

// A menu closes by Escape and by a click elsewhere.
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
