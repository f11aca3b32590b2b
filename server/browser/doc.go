// Package browser knows who is in front of us: the browser (a cookie), the person signed in there (another), the accounts
// it is known to (a third), and the interaction in progress (one row, bound to the browser's cookie).
//
// It is the only place that reads or writes cookies, and where their attributes are decided (cookie.go; RFC 6265bis,
// rule B06 and B07). It decides nothing about passwords (users) or about what an authorization still needs
// (oauth/flow): handlers do their part, note it with Record and leave through Continue.
//
// Begin with Browser.Visitor, Browser.Begin and Browser.Continue.
package browser
