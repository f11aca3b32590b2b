// Package signin is the room where people prove who they are or make an account: sign-in, sign-up, and the page for who
// forgot the password.
//
// Pages are plain forms. A form belongs to an errand: an authorization request in progress (?i=…, bound to the browser's
// cookie) or, without one, the account page. A page that was open for too long is no dead end: its form still signs in,
// and leads to the account page. The room decides nothing about passwords (users) or about what comes next (the dispatcher,
// by browser.Continue).
package signin
