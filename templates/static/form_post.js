// Sends the answer for an app (OAuth 2.0 Form Post Response Mode); the button remains for those without scripts. A file of its own, in
// ECMAScript 5, so that nothing newer keeps it from being read.
(function () {
  "use strict";
  var forms = document.querySelectorAll("form[data-autosubmit]"), i;
  for (i = 0; i < forms.length; i++) HTMLFormElement.prototype.submit.call(forms[i]);
})();
