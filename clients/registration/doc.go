// Package registration lets applications register themselves (RFC 7591, OpenID Connect Dynamic Registration) and change what they
// registered (RFC 7592): who may, what becomes of what they ask for, and when a client that nobody used goes again.
//
// What the standards let a server replace is replaced, and the answer says what was registered; only what would change who is trusted is
// refused. It writes clients through clients.Registry and knows no HTTP. Begin with Service.Register.
package registration
