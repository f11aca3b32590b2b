// Package federation signs people in with upstreams: other people's providers (Google, Facebook, any OpenID provider) that say
// who somebody is.
//
// An Upstream is one that the operator configured; a Provider is how a kind of upstream is spoken to, one file each. A
// Provider knows neither handlers nor pages nor the database: it makes the address the browser is sent to, and turns what came
// back into an Identity that it has verified. Who that identity is here, and what may be done with it, is decided elsewhere in
// this package, never by a Provider. An identity is known by issuer and subject, never by an e-mail address. Begin with
// Provider.
package federation
