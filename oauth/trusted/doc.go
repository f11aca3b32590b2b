// Package trusted verifies assertions: JWTs by which an issuer that the configuration trusts says who somebody is, for an app that asks for
// an access token (RFC 7521 section 5.2, RFC 7523 section 3).
//
// It does not know people: whom a subject means here is the grant's question. Begin with Verifier.Verify.
package trusted
