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
