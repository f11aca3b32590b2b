// Package kit is for APIs that take the access tokens of Signet, or of another server that issues tokens by RFC 9068.
//
// Make one [API] with [New], guard handlers with [API.Require], and publish the API's metadata with [API.Mount]:
//
//	api, err := kit.New("https://id.example.com", "https://api.example.com", kit.Options{})
//	mux.Handle("GET /notes", api.Require(kit.Scopes("notes:read"))(notes))
//	api.Mount(mux)
//
// Signature, issuer, audience, type and time of a token are always checked, and so is what it is bound to: a token with cnf is taken with
// a DPoP proof (RFC 9449) or the client's certificate (RFC 8705), never as a plain bearer token. None of these checks can be switched off.
//
// A refused request is answered with the challenge of its standard (RFC 6750, RFC 9728, RFC 9470); why it was refused is an error that
// wraps a [Reason], for the log and for errors.Is. Callers see the standard's code and one fixed sentence.
//
// The package fetches the issuer's keys by itself, keeps them while the issuer is away, and makes no other call. It stores nothing, and
// what it has in memory is bounded. The files in kit/vectors say what it decides, case by case; its tests run them.
package kit
