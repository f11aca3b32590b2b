// What cannot be had in HTML; pages work without it. In ECMAScript 5, so that every engine can read it (templates/static_test.go).
(function () {
  "use strict";
  function each(selector, act, within) {
    var list = (within || document).querySelectorAll(selector), i;
    for (i = 0; i < list.length; i++) act(list[i]);
  }
  // Show-password buttons are hidden in the markup and appear here.
  each("button[data-reveal]", function (button) {
    var input = document.getElementById(button.getAttribute("data-reveal"));
    button.hidden = false;
    button.addEventListener("click", function () {
      var show = input.type === "password";
      input.type = show ? "text" : "password";
      button.setAttribute("aria-pressed", String(show));
      input.focus();
    });
    // A password is never sent from a plain text field: browsers would remember it.
    input.form.addEventListener("submit", function () { input.type = "password"; });
  });
  // A second click on a button sends nothing more: the browser would drop the answer to the first. Not for long, or a lost answer would be
  // the end, and not on a page that came back from the history.
  var sent = 0;
  document.addEventListener("submit", function (event) {
    var now = Date.now();
    if (event.defaultPrevented) return;
    if (now - sent < 3000) event.preventDefault(); else sent = now;
  });
  window.addEventListener("pageshow", function () { sent = 0; });
  // A menu is one row on a phone: the page in view is shown in it, and a link that Tab comes to, of which browsers may show an edge only.
  function middle(link) {
    var row = link.parentNode.parentNode;
    row.scrollLeft += link.getBoundingClientRect().left - row.getBoundingClientRect().left - row.clientWidth / 2 + link.offsetWidth / 2;
  }
  each(".menu [aria-current]", middle);
  each(".menu a", function (link) {
    link.addEventListener("keyup", function (event) { if (event.keyCode === 9) middle(link); }); // no click moves what it is on
  });
  // A page that waits for something is looked at again, as the browser does by itself without scripts.
  each("a[data-again]", function (link) {
    setTimeout(function () { location.replace(link.getAttribute("data-again")); }, 5000);
  });
  // Recovery codes are copied, kept as a file or printed by the browser itself.
  each("[data-codes]", function (bar) {
    function text() {
      var lines = [];
      each(".codes code", function (code) { lines.push(code.textContent); });
      return lines.join("\n") + "\n";
    }
    function press(name, act) {
      var button = bar.querySelector("[data-codes-" + name + "]");
      button.addEventListener("click", function () { act(button); });
      return button;
    }
    bar.hidden = false;
    press("copy", function (button) {
      navigator.clipboard.writeText(text()).then(function () {
        bar.querySelector("[role=status]").textContent = button.textContent = button.getAttribute("data-done");
      });
    }).hidden = !navigator.clipboard;
    press("download", function () {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
      link.download = bar.getAttribute("data-codes") + " recovery codes.txt";
      link.click();
      URL.revokeObjectURL(link.href);
    });
    press("print", function () { window.print(); });
  });
  // How strong a new password looks, in words, as help: it forbids nothing. Length counts, sameness does not.
  each("[data-strength]", function (words) {
    var input = document.getElementById(words.getAttribute("data-strength"));
    input.addEventListener("input", function () {
      var letters = input.value.replace(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g, "_"),
        seen = {}, different = 0, least = input.minLength, kind, text, i;
      for (i = 0; i < letters.length; i++) if (!seen["_" + letters.charAt(i)]) { seen["_" + letters.charAt(i)] = true; different++; }
      kind = letters.length < least ? "short" : different < 6 ? "plain" : letters.length < least + 4 ? "fair" : "good";
      text = words.getAttribute("data-" + kind);
      words.hidden = letters.length === 0;
      if (words.textContent !== text) words.textContent = text;
    });
  });
})();
