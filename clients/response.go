package clients

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"signet/internal/spaced"
)

// Implicit is the grant type of the response types that answer with tokens from the authorization endpoint (OpenID Connect Core section
// 3.2). It is none of the token endpoint.
const Implicit = "implicit"

// ResponseTypes are those a client can register (OAuth 2.0 Multiple Response Type Encoding Practices), in the spelling of the standard.
// token alone is not among them: no ID token says whom it is for (RFC 9700 section 2.1.2).
var ResponseTypes = []string{"code", "none", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}

// ResponseType spells one of ResponseTypes as they are: its words may come in any order (RFC 6749 section 3.1.1). What is none of them
// stays as it is.
func ResponseType(asked string) string {
	if slices.Contains(ResponseTypes, asked) {
		return asked
	}
	words := spaced.Words(asked)
	for _, one := range ResponseTypes {
		if sameWords(words, spaced.Words(one)) {
			return one
		}
	}
	return asked
}

func sameWords(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(b, func(word string) bool { return !slices.Contains(a, word) })
}

// Answers reports whether a response type has the word: code, token, id_token, none.
func Answers(responseType, word string) bool {
	for one := range strings.SplitSeq(responseType, " ") {
		if one == word {
			return true
		}
	}
	return false
}

// FromFront reports whether a response type hands out tokens at the authorization endpoint.
func FromFront(responseType string) bool {
	return Answers(responseType, "token") || Answers(responseType, "id_token")
}

// validateResponses checks response types against grant types (RFC 7591 section 2.1) and redirect URIs (OpenID Connect Registration
// section 2, application_type).
func (m Metadata) validateResponses() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	code, implicit := slices.Contains(m.GrantTypes, AuthorizationCode), slices.Contains(m.GrantTypes, Implicit)
	front, answersCode := false, false
	for _, r := range m.ResponseTypes {
		switch {
		case !slices.Contains(ResponseTypes, r):
			add("response_types: %q is not offered; use some of %s", r, strings.Join(ResponseTypes, ", "))
			continue
		case Answers(r, "code") && !code:
			add("response_types: %s goes with the grant type authorization_code; add it to grant_types, or remove %s", r, r)
		case FromFront(r) && !implicit:
			add("response_types: %s goes with the grant type implicit; add it to grant_types, or remove %s", r, r)
		}
		front, answersCode = front || FromFront(r), answersCode || Answers(r, "code")
	}
	if code && !answersCode {
		add("response_types: authorization_code goes with the response type code")
	}
	if implicit && !front {
		add("response_types: implicit goes with a response type of id_token or token; add one, or remove implicit from grant_types")
	}
	field := ""
	if m.CertificateBoundAccessTokens {
		field = "tls_client_certificate_bound_access_tokens"
	}
	if m.DPoPBoundAccessTokens {
		field = "dpop_bound_access_tokens"
	}
	if field != "" && slices.ContainsFunc(m.ResponseTypes, func(r string) bool { return Answers(r, "token") }) {
		add("%s: access tokens from the authorization endpoint are bound to nothing; remove the response types with token", field)
	}
	if !front || m.ApplicationType != Web {
		return errs
	}
	for _, raw := range m.RedirectURIs {
		if u, err := url.Parse(raw); err == nil && (u.Scheme != "https" || u.Hostname() == "localhost") {
			add("redirect_uris: %s: a web client that gets tokens from the authorization endpoint needs https, and a host other than localhost", raw)
		}
	}
	return errs
}
