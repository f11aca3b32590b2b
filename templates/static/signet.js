// The one small script. Pages work without it; it only adds what cannot be had in HTML.
// 1. Show-password buttons are hidden in the markup and appear here.
for (const button of document.querySelectorAll("button[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const show = input.type === "password";
    input.type = show ? "text" : "password";
    button.setAttribute("aria-pressed", String(show));
    input.focus();
  });
  // A password is never sent from a plain text field: browsers would remember it.
  input.form.addEventListener("submit", () => { input.type = "password"; });
}
// 2. The answer for an app is a form; it is sent at once (OAuth 2.0 Form Post Response Mode), the button remains for those
// without scripts.
for (const form of document.querySelectorAll("form[data-autosubmit]")) {
  HTMLFormElement.prototype.submit.call(form);
}
// 3. Passkeys (Web Authentication). A button[data-passkey] belongs to a form with a field "credential". Pressed, it asks the
// server for options, the browser for the passkey, and sends the form to its formaction with the browser's answer. Where the
// server gives no options, the form is sent without an answer, and the page that follows says why. Passwords stay behind.
const passkeys = window.PublicKeyCredential?.parseRequestOptionsFromJSON ? document.querySelectorAll("button[data-passkey]") : [];
let offer; // ends the offer among the names that the browser suggests

async function askPasskey(button, more) {
  if (!button.dataset.options) return ""; // it is made later, on the page that a letter opens
  const fields = new FormData(button.form);
  for (const input of button.form.querySelectorAll("input[type=password]")) fields.delete(input.name);
  const response = await fetch(button.dataset.options, { method: "POST", body: new URLSearchParams(fields), redirect: "error" }).catch(() => null);
  if (!response?.ok) return "";
  const { publicKey } = await response.json();
  const answer = button.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey), ...more });
  return JSON.stringify(answer);
}
function sendPasskey(button, answer) {
  for (const input of button.form.querySelectorAll("input[type=password]")) input.disabled = true;
  button.form.elements.credential.value = answer;
  button.form.action = button.formAction;
  HTMLFormElement.prototype.submit.call(button.form);
}
async function offerPasskey(button) { // among the suggestions for a field with autocomplete="… webauthn"
  if (!button.form.querySelector("[autocomplete~=webauthn]") || !await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
  offer = new AbortController();
  const again = setTimeout(() => { offer.abort(); offerPasskey(button); }, 240_000); // a challenge lives five minutes
  offer.signal.addEventListener("abort", () => clearTimeout(again));
  const answer = await askPasskey(button, { mediation: "conditional", signal: offer.signal }).catch(() => "");
  if (answer) sendPasskey(button, answer);
}
for (const button of passkeys) {
  button.closest("[data-passkey-way]").hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    const typed = button.dataset.passkey === "create" ? button.form.querySelectorAll("input:not([type=password])") : [];
    for (const input of typed) if (!input.reportValidity()) return;
    const failed = document.querySelector("[data-passkey-failed]");
    offer?.abort();
    failed.hidden = button.disabled = true;
    try {
      sendPasskey(button, await askPasskey(button));
    } catch { // closed by the person, or timed out
      failed.hidden = button.disabled = false;
      if (button.dataset.passkey === "get") offerPasskey(button);
    }
  });
  if (button.dataset.passkey === "get") offerPasskey(button);
  const can = button.form.elements.passkeys; // tells the server that this browser could make one
  if (can) PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().then((yes) => { can.value = yes ? "yes" : ""; });
}
if (!passkeys.length) for (const note of document.querySelectorAll("[data-passkey-missing]")) note.hidden = false;

// How strong a new password looks, in words, as help: it forbids nothing. Length counts, sameness does not.
for (const words of document.querySelectorAll("[data-strength]")) {
  const input = document.getElementById(words.dataset.strength);
  input.addEventListener("input", () => {
    const letters = [...input.value];
    const kind = letters.length < input.minLength ? "short"
      : new Set(letters).size < 6 ? "plain"
      : letters.length < input.minLength + 4 ? "fair" : "good";
    words.hidden = letters.length === 0;
    if (words.textContent !== words.dataset[kind]) words.textContent = words.dataset[kind];
  });
}
