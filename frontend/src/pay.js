// Card fields: the number goes from here to the payment provider, which answers with a token; only that is sent to the
// shop. Without this script the buyer enters the card on the provider's own page.
const PROVIDER = "/sandbox/tokens";

for (const form of document.querySelectorAll("form[data-pay]")) prepare(form);

// A form that was refused stands on the answer to a post, which the back button could not show again.
if (document.getElementById("checkout")) history.replaceState(history.state, "", "/checkout");

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A page that comes back by the back button is as it was left: with its button pressed.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-pay]")) {
    release(form);
    const token = form.querySelector("[name=payment_token]");
    if (token) token.value = "";
  }
});

function prepare(form) {
  const card = form.querySelector("[data-card]");
  if (card) {
    card.hidden = false;
    form.querySelector("[data-no-card]")?.remove();
  }
  form.addEventListener("submit", async (event) => {
    if (form.dataset.busy !== undefined) {
      event.preventDefault(); // a second click pays once
      return;
    }
    press(form);
    const token = form.querySelector("[name=payment_token]");
    if (!card || !token || token.value) return;
    event.preventDefault();
    const made = await tokenise(card, form);
    if ((await isRight(form, made)) && made) {
      token.value = made;
      form.submit();
    } else release(form);
  });
}

// The shop looks at the form before it gets the card's token: what is wrong is told in its place, together with what is
// wrong with the card, which stays as it was typed.
async function isRight(form, token) {
  if (!form.dataset.check) return true;
  const body = new URLSearchParams(new FormData(form));
  if (!token) body.set("card", "refused");
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body });
    if (answer.status !== 422) return true; // the form itself is told what else there is
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-checked]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh) continue;
      part.replaceWith(fresh);
      window.htmx.process(fresh);
    }
    document.getElementById("faults")?.focus();
    return false;
  } catch {
    return true;
  }
}

function press(form) {
  const button = form.querySelector("button[data-busy]");
  if (!button) return;
  form.dataset.busy = "";
  button.dataset.said = button.textContent;
  button.textContent = button.dataset.busy;
  button.setAttribute("aria-disabled", "true");
}

function release(form) {
  const button = form.querySelector("button[data-busy]");
  if (form.dataset.busy === undefined || !button) return;
  delete form.dataset.busy;
  button.textContent = button.dataset.said;
  button.removeAttribute("aria-disabled");
}

async function tokenise(card, form) {
  const field = (name) => card.querySelector(`[data-card-field=${name}]`);
  const trouble = form.querySelector("[data-card-trouble]");
  const [month, year] = expiry(field("expiry").value);
  trouble.hidden = true;
  for (const name of ["number", "expiry", "cvc"]) tell(field(name), "");
  try {
    const answer = await fetch(PROVIDER, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        number: field("number").value.trim() || "-",
        exp_month: month,
        exp_year: year < 100 ? 2000 + (year || 0) : year,
        cvc: field("cvc").value.trim() || "-",
      }),
    });
    const said = await answer.json();
    if (answer.ok) return said.token;
    for (const fault of said.errors ?? []) tell(field(fault.field.startsWith("exp_") ? "expiry" : fault.field), fault.message);
    card.querySelector("[aria-invalid=true]")?.focus();
    if (!said.errors?.length) trouble.hidden = false;
  } catch {
    trouble.hidden = false;
  }
  return null;
}

// Month and year of "12 / 40"; the number pad of a telephone has no slash.
function expiry(text) {
  const found = /^(\d{1,2})\s*[/.\-]?\s*(\d{4}|\d{2})$/.exec(text.trim());
  return found ? [Number(found[1]), Number(found[2])] : [0, 0];
}

function tell(input, message) {
  if (!input) return;
  const told = document.getElementById(`${input.id}-fault`);
  told.textContent = message;
  told.hidden = !message;
  if (message) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", told.id);
  } else {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}
