package registration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"signet/clients"
	"signet/internal/exact"
	"signet/internal/typed"
)

// said are the members of a metadata document that count. Where an application may be told of what happens here, or fetches from us what
// others wrote, is no matter of a document that nobody looked at.
var said = strings.Fields(`client_name application_type redirect_uris grant_types response_types token_endpoint_auth_method
	token_endpoint_auth_signing_alg jwks jwks_uri contacts client_uri logo_uri policy_uri tos_uri id_token_signed_response_alg
	default_max_age require_auth_time software_id software_version dpop_bound_access_tokens require_pushed_authorization_requests`)

// errDocument: what is at the address is no document that counts. The text says why, for developers: it was public when it was fetched.
var errDocument = errors.New("not a client metadata document")

func notDocument(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDocument, fmt.Sprintf(format, args...))
}

// fromDocument is the client of a metadata document (OAuth Client ID Metadata Document section 4.1).
func fromDocument(id string, body []byte, p Policy) (clients.Metadata, error) {
	var document map[string]json.RawMessage
	switch err := exact.Unmarshal(body, &document); {
	case errors.Is(err, exact.ErrTwice): // of which others might take the other one
		return clients.Metadata{}, notDocument("%s", plain(err.Error()))
	case err != nil || document == nil:
		return clients.Metadata{}, notDocument("it is not a JSON object")
	}
	var named string
	if json.Unmarshal(document["client_id"], &named) != nil || named != id {
		return clients.Metadata{}, notDocument("its client_id is not its address")
	}
	for name := range document {
		if strings.HasPrefix(name, "client_secret") {
			return clients.Metadata{}, notDocument("it has %s, which everybody can read", plain(name))
		}
		if member, _, _ := strings.Cut(name, "#"); !slices.Contains(said, member) {
			delete(document, name)
		}
	}
	m, err := read(document, clients.Metadata{})
	if err != nil {
		return m, notDocument("%s", err)
	}
	keys := m.JWKS != nil || m.JWKSURI != ""
	switch {
	case m.TokenEndpointAuthMethod == "" && !keys:
		m.TokenEndpointAuthMethod = clients.MethodNone
	case m.TokenEndpointAuthMethod == "":
		m.TokenEndpointAuthMethod = clients.MethodJWTKey
	case m.TokenEndpointAuthMethod != clients.MethodNone && m.TokenEndpointAuthMethod != clients.MethodJWTKey:
		return m, notDocument("token_endpoint_auth_method must be none or private_key_jwt")
	}
	if len(m.RedirectURIs) == 0 {
		return m, notDocument("it has no redirect_uris")
	}
	at, err := url.Parse(id)
	if err != nil {
		return m, notDocument("its address cannot be read")
	}
	if poses(m.ClientName, at.Hostname()) {
		m.ClientName = ""
	}
	maps.DeleteFunc(m.Localized, func(name, value string) bool {
		return strings.HasPrefix(name, "client_name#") && poses(value, at.Hostname())
	})
	m.ResponseTypes = nil // code, which every client gets that says nothing
	p.Scopes, p.ResponseTypes = []string{"openid"}, []string{"code"}
	if m, err = p.normalised(m, false); err != nil {
		return m, notDocument("%s", err)
	}
	m.ClientID, m.FirstParty = id, false
	if m.ClientName == "" {
		m.ClientName = at.Host
	}
	m.DocumentHash = "x"
	if err := m.Validate(p.PrivateSchemes...); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return m, notDocument("%s", plain(first))
	}
	m.DocumentHash, err = m.HashDocument()
	return m, err
}

// poses reports whether a name is written to be taken for another: a word of characters that look like others, or the name of a host that
// is not the document's, nor above it. Nobody looked at it, and people trust what they read: they are shown the host in its place.
func poses(name, host string) bool {
	return typed.Mixed(name) || slices.ContainsFunc(hostWords(name), func(word string) bool {
		labels := strings.Split(word, ".")
		top := labels[len(labels)-1]
		if _, listed := publicsuffix.PublicSuffix(top); len(labels) < 2 || slices.Contains(labels, "") || !listed {
			return false
		}
		return word != host && !strings.HasSuffix(host, "."+word)
	})
}

// dots are characters that are read as the dot of a host's name and that no normal form makes one.
var dots = strings.NewReplacer("。", ".", "·", ".", "ꓸ", ".", "۔", ".", "٠", ".")

// hostWords are the words of a name as hosts are written: what is around one in an address, and in which form its characters came,
// makes no difference to who reads it.
func hostWords(name string) []string {
	words := strings.FieldsFunc(dots.Replace(strings.ToLower(norm.NFKC.String(name))), func(r rune) bool {
		return r != '.' && r != '-' && !unicode.In(r, unicode.L, unicode.M, unicode.N)
	})
	for i, word := range words {
		words[i] = strings.Trim(word, ".-")
	}
	return words
}
