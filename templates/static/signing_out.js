// Goes on once the frames that tell apps of the sign-out have loaded, after three seconds at the latest (OpenID Connect Front-Channel
// Logout 1.0). It is read before the frames, so that none loads unseen. A file of its own, in ECMAScript 5; without scripts the page
// refreshes to the same address.
(function () {
  "use strict";
  var seen = 0, total = -1, gone = false;
  function go() {
    if (gone) return;
    gone = true;
    window.location.replace(document.getElementById("signout-next").href);
  }
  document.addEventListener("load", function (e) {
    if (e.target && e.target.tagName === "IFRAME") {
      seen++;
      if (seen === total) go();
    }
  }, true);
  document.addEventListener("DOMContentLoaded", function () {
    total = document.querySelectorAll("iframe").length;
    if (seen >= total) go();
    setTimeout(go, 3000);
  });
})();
