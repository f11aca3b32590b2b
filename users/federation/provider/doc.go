// Package provider speaks to upstreams: OpenID providers and the OAuth 2 services that people sign in with, a kind a file. Begin
// makes the address the browser is sent to, and Complete turns what came back into an Identity that it has verified.
//
// It knows neither handlers nor pages nor the database, and does not decide whose account an identity belongs to: that is
// users/federation's. What only some kinds can do (renew tokens, end the session at the upstream, read a logout token or a
// signed_request) is an optional interface beside Provider. Begin reading with Provider, then oidc.go, which the kinds that follow
// OpenID Connect are made of.
//
// RFC 6749, RFC 7636 (PKCE), RFC 9207 (issuer in the response), OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0 and
// Back-Channel Logout 1.0.
package provider
