// Package algs says which algorithms clients can register for what they get (RFC 7518, RFC 8037).
package algs

// Signing are those that a client can have its answers signed with. The keys of all but the first two are made when a client wants one.
var Signing = []string{"ES256", "RS256", "PS256", "ES384", "ES512", "EdDSA"}
