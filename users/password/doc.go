// Package password owns the rules for passwords and the one form in which they are kept.
//
// A password is kept as "v1$" and bcrypt over base64url(HMAC-SHA-256(label, NFC(password))): 43 bytes of ASCII, so nothing
// is ever cut at bcrypt's 72 bytes and no NUL matters (NIST SP 800-63B-4 section 3.1.1.2). At most max(1, cores - 1) hashes
// run at once, with a short queue, so that a storm of sign-ins cannot starve the rest of the server. Verifying against
// nothing costs as much as against a hash: who is unknown cannot be told from who is wrong by the clock.
//
// With a pepper the HMAC's key comes from the master key and the tag is "v2$" with the key's id. What other products hashed is
// kept under "x1$" (package foreign) until its person signs in.
//
// Rules are few: a length, and not what an attacker tries first (common.txt.gz, the person's own names, the server's, lists of
// breached passwords). No composition rules, no expiry. Begin with Hasher.Check, Hasher.Hash and Hasher.Verify.
package password
