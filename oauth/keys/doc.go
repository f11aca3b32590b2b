// Package keys is the ring of signing keys: it makes, publishes, rotates and retires them, signs with them, and checks what
// they signed (RFC 7515, 7517, 7638; OpenID Connect Core section 10.1.1).
//
// A key's life: next (in the JWKS, not signing) → active (signs) → retiring (in the JWKS until the last token it signed has
// died) → retired (out of the JWKS, still good for an id_token_hint) → deleted. Private keys lie sealed in storage; every
// replica holds an immutable snapshot behind an atomic pointer and reads it again when the ring's version moves. The
// refresh keys are in no JWKS: they are derived from the master key and an epoch (refresh.go).
//
// It does not know what claims mean, nor what expires: that is package tokens. Begin reading with Ring and plan.
package keys
