// Package request turns what arrives from outside into one clean form and one clean authorization request: repeated parameters
// refused, characters checked, the client found, the redirect URI matched, PKCE, prompt, scope and resource judged.
//
// fosite sees only what has passed here. It writes no answers: errors say where they may be shown (PageOnly, Redirectable). It
// answers to RFC 6749 sections 3 and 4.1.1, RFC 7636, RFC 8707 and OpenID Connect Core section 3.1.2. Begin with Form and Parser.
package request
