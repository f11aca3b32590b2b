// Package passkey lets people sign in with passkeys (Web Authentication Level 3).
//
// Every ceremony begins with a challenge that is a ticket: 32 random bytes of which the database holds the hash, good once,
// for five minutes, in the browser it was made for, for one purpose and, where there is one, for one person (rule
// G06). The library verifies what the authenticator signed; this package decides what counts: which credentials there are,
// whose they are, and what a use of one changes. Nothing of an attestation is kept but the model's number (AAGUID).
// Begin with Service.BeginSignIn and Service.Check.
package passkey
