// Package federation signs people in with upstreams: the providers (Google, Facebook, any OpenID provider) that the operator
// configured, and that say who somebody is.
//
// It keeps the state between the browser's leaving and the callback, finds or makes the account that an identity belongs to, links
// and unlinks, and ends sessions when an upstream reports it. How a kind of upstream is spoken to is provider's. An identity is known
// by issuer and subject, never by an e-mail address. Begin reading with LoginRequest and Service.Complete, then Service.Known and
// Service.ParkIdentity.
//
// RFC 9700 section 4.4 (mix-up), OpenID Connect RP-Initiated Logout 1.0 and Back-Channel Logout 1.0.
package federation
