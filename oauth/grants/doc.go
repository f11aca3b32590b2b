// Package grants holds what each grant of the token endpoint has of its own beside fosite's handlers, and what they share.
//
//   - guard.go: may the grant still be used? The person, the session, the consent, the time.
//   - scope.go: what a scope parameter at the token endpoint may say.
//   - password.go: the resource owner password credentials grant, off unless a client is explicitly allowed it.
//
// Authorization code, refresh and client credentials are fosite's own handlers, adapted by package ledger beneath them and by
// the checks that package oauth runs between their two passes. A new grant is a fosite.TokenEndpointHandler in a file here
// and a line in oauth/provider.go. It answers to RFC 6749 sections 3.3, 4 and 6.
package grants
