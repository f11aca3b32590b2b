// Passkeys (Web Authentication). A button[data-passkey] belongs to a form with a field "credential". Pressed, it asks the server for
// options, the browser for the passkey, and sends the form to its formaction with the browser's answer. Where the server gives no
// options, the form is sent without an answer, and the page that follows says why. Passwords stay behind.
//
// Options are read and answers written by hand: older browsers have no JSON helpers, and the answers of some password managers have none
// that work. In ECMAScript 5, so that every engine can read it.
(function () {
  "use strict";
  var able = window.PublicKeyCredential && navigator.credentials && window.fetch &&
    window.URLSearchParams && window.Uint8Array && window.Promise;
  var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  var noted = "signet-passkey"; // in sessionStorage: the passkey that was sent last
  var offer = null; // ends the offer among the names that the browser suggests

  function each(selector, act, within) {
    var list = (within || document).querySelectorAll(selector), i;
    for (i = 0; i < list.length; i++) act(list[i]);
  }
  function nothing() { return null; }

  // encode is base64url (RFC 4648 section 5) without padding, of a buffer, a view of one or a list of bytes; text is taken as encoded.
  function encode(raw) {
    if (raw === null || raw === undefined) return undefined;
    if (typeof raw === "string") return raw.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    var bytes = raw.buffer ? new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength) : new Uint8Array(raw), out = "", i, n;
    for (i = 0; i < bytes.length; i += 3) {
      n = bytes[i] << 16 | (bytes[i + 1] || 0) << 8 | (bytes[i + 2] || 0);
      out += alphabet.charAt(n >> 18) + alphabet.charAt(n >> 12 & 63);
      if (i + 1 < bytes.length) out += alphabet.charAt(n >> 6 & 63);
      if (i + 2 < bytes.length) out += alphabet.charAt(n & 63);
    }
    return out;
  }
  function decode(text) {
    var out = [], bits = 0, held = 0, i, n;
    for (i = 0; i < text.length; i++) {
      n = alphabet.indexOf(text.charAt(i));
      if (n < 0) continue;
      bits = (bits << 6 | n) & 0xffff;
      held += 6;
      if (held >= 8) { held -= 8; out.push(bits >> held & 255); }
    }
    return new Uint8Array(out);
  }
  function decodeIDs(list) {
    for (var i = 0; list && i < list.length; i++) list[i].id = decode(list[i].id);
  }
  // options are those of the server (PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON) for the browser.
  function options(json) {
    json.challenge = decode(json.challenge);
    if (json.user) json.user.id = decode(json.user.id);
    decodeIDs(json.excludeCredentials);
    decodeIDs(json.allowCredentials);
    return json;
  }
  function attempt(act) {
    try { return act(); } catch (e) { return undefined; }
  }
  // answerOf is what the server reads (RegistrationResponseJSON, AuthenticationResponseJSON); it throws where something is missing.
  function answerOf(made, making) {
    var from = made.response, id = encode(made.rawId || made.id);
    var to = { clientDataJSON: encode(from.clientDataJSON) };
    if (making) {
      to.attestationObject = encode(from.attestationObject);
      to.transports = attempt(function () { return from.getTransports(); }) || [];
    } else {
      to.authenticatorData = encode(from.authenticatorData);
      to.signature = encode(from.signature);
      to.userHandle = encode(from.userHandle);
    }
    if (!id || !to.clientDataJSON || !(making ? to.attestationObject : to.authenticatorData && to.signature))
      throw new TypeError("incomplete answer");
    return {
      id: id, rawId: id, type: "public-key", response: to, authenticatorAttachment: made.authenticatorAttachment || undefined,
      clientExtensionResults: attempt(function () { return made.getClientExtensionResults(); }) || {}
    };
  }
  // unknown tells the browser that the server does not know a passkey, so that it offers it no more (WebAuthn Level 3 section 5.1.10).
  function unknown(about) {
    var said = about && about.id && about.rp && PublicKeyCredential.signalUnknownCredential &&
      attempt(function () { return PublicKeyCredential.signalUnknownCredential({ rpId: about.rp, credentialId: about.id }); });
    if (said) said.then(nothing, nothing);
  }
  function ask(button, more) {
    var address = button.getAttribute("data-options"), making = button.getAttribute("data-passkey") === "create", fields, asked;
    if (!address) return Promise.resolve(null); // it is made later, on the page that an email opens
    fields = new FormData(button.form);
    each("input[type=password]", function (input) { fields["delete"](input.name); }, button.form);
    asked = fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "error", credentials: "same-origin" });
    return asked.then(function (response) { return response.ok ? response.json() : null; }, nothing).then(function (json) {
      if (!json) return null;
      var request = more || {}, about = { rp: making ? json.publicKey.rp.id : json.publicKey.rpId, making: making };
      request.publicKey = options(json.publicKey);
      return (making ? navigator.credentials.create(request) : navigator.credentials.get(request)).then(function (made) {
        about.id = attempt(function () { return encode(made.rawId || made.id); });
        try {
          about.answer = JSON.stringify(answerOf(made, making));
        } catch (e) { // what was made is of no use
          if (making) unknown(about);
          throw new TypeError("the answer cannot be read");
        }
        return about;
      });
    });
  }
  function send(button, about) {
    attempt(function () {
      sessionStorage.removeItem(noted);
      if (about) sessionStorage.setItem(noted, JSON.stringify({ id: about.id, rp: about.rp, making: about.making }));
    });
    each("input[type=password]", function (input) { input.disabled = true; }, button.form);
    button.form.elements.credential.value = about ? about.answer : "";
    button.form.action = button.formAction;
    HTMLFormElement.prototype.submit.call(button.form);
  }
  function suggest(button) { // among the suggestions for a field with autocomplete="… webauthn"
    if (!button.form.querySelector("[autocomplete~=webauthn]") || !PublicKeyCredential.isConditionalMediationAvailable ||
      !window.AbortController) return;
    PublicKeyCredential.isConditionalMediationAvailable().then(function (yes) {
      if (!yes) return;
      var mine = offer = new AbortController();
      var again = setTimeout(function () { mine.abort(); suggest(button); }, 240000); // a challenge lives five minutes
      mine.signal.addEventListener("abort", function () { clearTimeout(again); });
      ask(button, { mediation: "conditional", signal: mine.signal }).then(function (about) {
        if (about) send(button, about);
      }).then(nothing, nothing);
    }, nothing);
  }
  function filled(button) {
    var fine = true;
    if (button.getAttribute("data-passkey") !== "create") return true;
    each("input:not([type=password])", function (input) {
      if (fine && input.reportValidity && !input.reportValidity()) fine = false;
    }, button.form);
    return fine;
  }
  function press(button, event) {
    var note = document.querySelector("[data-passkey-failed]"), text = note.textContent;
    event.preventDefault();
    if (!filled(button)) return;
    if (offer) offer.abort();
    note.hidden = button.disabled = true;
    // A failure: closed by the person, timed out, or of no use.
    ask(button).then(function (about) { send(button, about); }).then(nothing, function (e) {
      var kind = e && e.name === "InvalidStateError" ? "data-there" : e && e.name === "TypeError" ? "data-unread" : "data-cancelled";
      note.textContent = note.getAttribute(kind) || text;
      note.hidden = button.disabled = false;
      if (button.getAttribute("data-passkey") === "get") suggest(button);
    });
  }
  function begin(button) {
    var can = button.form.elements.passkeys; // tells the server that this browser could make one
    var way = button;
    while (way && !way.hasAttribute("data-passkey-way")) way = way.parentElement;
    if (way) way.hidden = false;
    button.addEventListener("click", function (event) { press(button, event); });
    if (button.getAttribute("data-passkey") === "get") suggest(button);
    if (can && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable) {
      PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then(function (yes) { can.value = yes ? "yes" : ""; }, nothing);
    }
  }
  // What the page says of the passkey that was sent before it: one that the server did not take is not to be offered again.
  function heard() {
    var about = attempt(function () { return JSON.parse(sessionStorage.getItem(noted)); });
    attempt(function () { sessionStorage.removeItem(noted); });
    if (about && document.querySelector(about.making ? "[data-passkey-refused]" : "[data-passkey-unknown]")) unknown(about);
  }
  if (able && document.querySelector("button[data-passkey]")) {
    heard();
    each("button[data-passkey]", begin);
  } else {
    each("[data-passkey-missing]", function (note) { note.hidden = false; });
  }
})();
