// Package oauth is the protocol: fosite at the core, adapted at the edges.
//
// Provider is what the handlers call: Authorize, Token, Introspect, Revoke, Userinfo. It speaks our own types; fosite and HTTP
// stay behind it. fosite gets a clean form and dispatches to its handlers, which call back our storage (package ledger) and
// our strategies (strategy.go); every byte of every answer is written by the handlers.
//
// A token request passes these stations (token.go): the client is authenticated and may use the grant → fosite's first pass
// reads and checks what was presented → our ordered list of checks (guard, scopes, resources) → fosite's second pass signs →
// the ledger settles with one statement → the answer. A request that loses the race for its row begins again with a fresh
// read.
//
// What is replaced of fosite and why: notes of each file, and docs/decisions. It answers to RFC 6749, 6750, 7009, 7636, 7662,
// 8707, 9068, 9207, 9700 and OpenID Connect Core. Begin reading with provider.go, then token.go.
package oauth
