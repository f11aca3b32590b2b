// Answers an app's page that asks whether the session is still the one it was told of (OpenID Connect Session Management 1.0 section 3).
// It is loaded in a frame by anybody's page: it believes nothing of a message but what it can compute itself, with the origin that the
// browser states, and keeps nothing. A file of its own, in ECMAScript 5, with a SHA-256 (FIPS 180-4) that answers at once.
(function () {
  "use strict";
  var K = [], H = [], LONGEST = 4096, i, n;

  // The constants: the first 32 bits of the fractional parts of the roots of the first primes (FIPS 180-4 sections 4.2.2 and 5.3.3).
  function fraction(x) { return (x - Math.floor(x)) * 4294967296 | 0; }
  function isPrime(n) {
    for (var d = 2; d * d <= n; d++) if (n % d === 0) return false;
    return true;
  }
  for (n = 2, i = 0; i < 64; n++) {
    if (!isPrime(n)) continue;
    if (i < 8) H[i] = fraction(Math.pow(n, 1 / 2));
    K[i++] = fraction(Math.pow(n, 1 / 3));
  }

  function rotate(x, by) { return x >>> by | x << 32 - by; }

  function bytesOf(text) {
    var raw = encodeURIComponent(text), bytes = [], i; // throws at what is no text
    for (i = 0; i < raw.length; i++) {
      if (raw.charAt(i) === "%") {
        bytes.push(parseInt(raw.substr(i + 1, 2), 16));
        i += 2;
      } else bytes.push(raw.charCodeAt(i));
    }
    return bytes;
  }

  function sha256(text) {
    var bytes = bytesOf(text), bits = bytes.length * 8, h = H.slice(0), w = [], hex = "", s, at, i, a, t1, t2;
    bytes.push(128);
    while (bytes.length % 64 !== 56) bytes.push(0);
    bytes.push(0, 0, 0, 0, bits >>> 24 & 255, bits >>> 16 & 255, bits >>> 8 & 255, bits & 255);
    for (at = 0; at < bytes.length; at += 64) {
      for (i = 0; i < 64; i++) {
        if (i < 16) {
          w[i] = bytes[at + 4 * i] << 24 | bytes[at + 4 * i + 1] << 16 | bytes[at + 4 * i + 2] << 8 | bytes[at + 4 * i + 3];
        } else {
          t1 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >>> 3;
          t2 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >>> 10;
          w[i] = w[i - 16] + t1 + w[i - 7] + t2 | 0;
        }
      }
      s = h.slice(0);
      for (i = 0; i < 64; i++) {
        t1 = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) + (s[4] & s[5] ^ ~s[4] & s[6]) + K[i] + w[i] | 0;
        a = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        t2 = a + (s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]) | 0;
        s = [t1 + t2 | 0, s[0], s[1], s[2], s[3] + t1 | 0, s[4], s[5], s[6]];
      }
      for (i = 0; i < 8; i++) h[i] = h[i] + s[i] | 0;
    }
    for (i = 0; i < 8; i++) hex += ("0000000" + (h[i] >>> 0).toString(16)).slice(-8);
    return hex;
  }

  function browserState(name) {
    var all = document.cookie.split("; "), found = null, i;
    for (i = 0; i < all.length; i++) {
      if (all[i].indexOf(name + "=") !== 0) continue;
      if (found !== null) return null; // one of them is not ours
      found = all[i].substring(name.length + 1);
    }
    return found;
  }

  // answer is "unchanged", "changed" or "error" for "client_id session_state" of a page of that origin.
  function answer(message, origin, name) {
    var space, dot, client, state, salt, browser;
    if (typeof message !== "string" || message.length > LONGEST) return "error";
    space = message.lastIndexOf(" ");
    client = message.substring(0, space);
    state = message.substring(space + 1);
    dot = state.lastIndexOf(".");
    salt = state.substring(dot + 1);
    if (space < 1 || dot < 1 || salt === "") return "error";
    browser = browserState(name);
    if (!browser) return "changed";
    try {
      return state === sha256(client + " " + origin + " " + browser + " " + salt) + "." + salt ? "unchanged" : "changed";
    } catch (e) {
      return "error";
    }
  }

  var script = document.getElementById("check-session");
  window.addEventListener("message", function (e) {
    if (!e.source || e.source === window || e.origin.indexOf("http") !== 0) return; // a page without an origin cannot be answered
    e.source.postMessage(answer(e.data, e.origin, script.getAttribute("data-cookie")), e.origin);
  });
})();
