// Package dpop judges proofs of possession: the header DPoP of RFC 9449, by which a caller shows that it has the private key its tokens
// are bound to.
//
// A proof is judged before anything else is looked at, and spent by whoever answers the request: a refused request writes nothing. Begin
// with Verifier.
package dpop
