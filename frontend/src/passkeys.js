// Passkeys: the form asks the shop for a challenge, the browser for an answer to it, and sends that on. A form that is
// marked so is hidden without this script, and where the browser or this address knows no passkeys.
for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);

function prepare(form) {
  const { host } = form.dataset;
  const here = location.hostname === host || location.hostname.endsWith(`.${host}`);
  if (!window.PublicKeyCredential || !here) return;
  form.hidden = false;
  for (const note of document.querySelectorAll("[data-no-passkey]")) note.hidden = true;
  form.addEventListener("submit", async (event) => {
    const answer = form.elements.credential;
    const missing = [...form.querySelectorAll("[aria-required]")].find((field) => !field.value);
    // One that was made stays in a form that is shown again; what is missing the shop says.
    if (answer.value || missing) return;
    event.preventDefault();
    if (form.dataset.busy !== undefined) return;
    form.dataset.busy = "";
    tell(form, "");
    try {
      answer.value = JSON.stringify(await ceremony(form.dataset.passkey, form.dataset.options));
      form.submit();
    } catch (error) {
      delete form.dataset.busy;
      tell(form, { NotAllowedError: "canceled", AbortError: "canceled", InvalidStateError: "known" }[error.name] ?? "other");
    }
  });
}

// A page that comes back by the back button asks anew.
window.addEventListener("pageshow", (event) => {
  for (const form of event.persisted ? document.querySelectorAll("form[data-passkey]") : []) {
    delete form.dataset.busy;
    form.elements.credential.value = "";
  }
});

function tell(form, what) {
  for (const line of form.querySelectorAll("[data-trouble]")) line.hidden = line.dataset.trouble !== what;
}

async function ceremony(kind, address) {
  const asked = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: "{}",
  });
  if (!asked.ok) throw new Error(`${asked.status}`);
  const publicKey = await asked.json();
  publicKey.challenge = bytes(publicKey.challenge);
  for (const list of [publicKey.excludeCredentials, publicKey.allowCredentials]) {
    for (const one of list ?? []) one.id = bytes(one.id);
  }
  if (kind === "create") {
    publicKey.user.id = bytes(publicKey.user.id);
    return told(await navigator.credentials.create({ publicKey }));
  }
  return told(await navigator.credentials.get({ publicKey }));
}

// A credential as the shop reads it: buffers as Base64 without padding.
function told(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
}

function bytes(base64) {
  const plain = atob(base64.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
