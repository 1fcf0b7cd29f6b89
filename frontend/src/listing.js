// Lists: empty filter fields stay out of the address, and the pages shown by "show more" are there again after "back".
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-clean]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});

const more = () => document.querySelector("[data-more]");

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-more]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const shown = (history.state?.shown ?? 0) + 1;
  // htmx writes a state of its own where it finds none of its kind.
  history.replaceState({ ...history.state, htmx: true, shown }, "");
});

// The browser may have kept the page as it was; if not, ask again for what was shown.
async function showAgain() {
  const wanted = performance.getEntriesByType("navigation")[0]?.type === "back_forward" ? history.state?.shown ?? 0 : 0;
  for (let page = 0; page < wanted && more(); page += 1) {
    const answer = await fetch(more().href, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    const part = document.createElement("template");
    part.innerHTML = await answer.text();
    more().closest("li").replaceWith(part.content);
  }
  const link = more();
  if (link && wanted) window.htmx.process(link);
}

showAgain();
