// The search box as a combobox: the arrows walk through what is suggested, Enter follows, Escape closes.
const options = (box) => [...box.list.querySelectorAll('[role="option"]')];

function show(box, open) {
  box.list.hidden = !open;
  box.input.setAttribute("aria-expanded", String(open));
  if (!open) choose(box, null);
}

function choose(box, option) {
  for (const each of options(box)) each.setAttribute("aria-selected", String(each === option));
  if (option) {
    box.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    box.input.removeAttribute("aria-activedescendant");
  }
}

function walk(box, step) {
  const all = options(box);
  if (!all.length) return;
  show(box, true);
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = at + step;
  choose(box, next < 0 && at === 0 ? null : all.at(next < 0 ? -1 : next % all.length));
}

function onKey(box, event) {
  const chosen = options(box).find((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    walk(box, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && chosen && !box.list.hidden) {
    event.preventDefault();
    chosen.click();
  } else if (event.key === "Escape" && !box.list.hidden) {
    event.preventDefault();
    show(box, false);
  }
}

for (const input of document.querySelectorAll('input[role="combobox"]')) {
  const box = { input, list: document.getElementById(input.getAttribute("aria-controls")) };
  input.setAttribute("autocomplete", "off");
  input.addEventListener("keydown", (event) => onKey(box, event));
  input.addEventListener("input", () => {
    if (!input.value.trim()) show(box, false);
  });
  input.addEventListener("focus", () => {
    if (options(box).length && input.value.trim()) show(box, true);
  });
  input.form.addEventListener("focusout", (event) => {
    if (!input.form.contains(event.relatedTarget)) show(box, false);
  });
  document.addEventListener("htmx:after:swap", () => {
    const wanted = document.activeElement === input && input.value.trim();
    if (box.list.childElementCount) show(box, Boolean(wanted && options(box).length));
  });
}
