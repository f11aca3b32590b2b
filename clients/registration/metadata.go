package registration

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/typed"
)

// Refusal is an answer of RFC 7591 section 3.2.2.
type Refusal struct {
	Code        string // invalid_redirect_uri, invalid_client_metadata, invalid_software_statement, unapproved_software_statement
	Description string
}

// Error is for the log.
func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

func invalid(description string) *Refusal { return &Refusal{"invalid_client_metadata", description} }

// theirs are the members that an application says about itself. The others of clients.Metadata are an operator's, and what is none of both
// is ignored (RFC 7591 section 2).
var theirs = strings.Fields(`client_name application_type redirect_uris post_logout_redirect_uris grant_types response_types
	token_endpoint_auth_method token_endpoint_auth_signing_alg scope jwks jwks_uri contacts client_uri logo_uri policy_uri tos_uri
	id_token_signed_response_alg userinfo_signed_response_alg introspection_signed_response_alg authorization_signed_response_alg
	id_token_encrypted_response_alg id_token_encrypted_response_enc userinfo_encrypted_response_alg userinfo_encrypted_response_enc
	introspection_encrypted_response_alg introspection_encrypted_response_enc
	authorization_encrypted_response_alg authorization_encrypted_response_enc
	default_max_age default_acr_values require_auth_time initiate_login_uri
	backchannel_logout_uri backchannel_logout_session_required frontchannel_logout_uri frontchannel_logout_session_required
	request_object_encryption_alg request_object_encryption_enc
	request_object_signing_alg require_signed_request_object request_uris subject_type sector_identifier_uri
	software_id software_version dpop_bound_access_tokens
	tls_client_certificate_bound_access_tokens
	tls_client_auth_subject_dn tls_client_auth_san_dns tls_client_auth_san_uri tls_client_auth_san_ip tls_client_auth_san_email
	require_pushed_authorization_requests`)

// read takes the application's members of a document into a copy of m, which keeps the operator's.
func read(document map[string]json.RawMessage, m clients.Metadata) (clients.Metadata, error) {
	all, err := asMap(m)
	if err != nil {
		return m, err
	}
	for _, name := range theirs {
		delete(all, name)
		if value, ok := document[name]; ok && string(value) != "null" {
			all[name] = value
		}
	}
	delete(all, "localized")
	text, err := json.Marshal(all)
	if err != nil {
		return m, err
	}
	var made clients.Metadata
	if err := json.Unmarshal(text, &made); err != nil {
		if bad, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			name, _, _ := strings.Cut(bad.Field, ".")
			return m, invalid(name + " has a value of another type than it should.")
		}
		return m, invalid("jwks is malformed.")
	}
	made.TakeLocalized(document)
	return made, nil
}

func asMap(m clients.Metadata) (map[string]json.RawMessage, error) {
	text, err := m.MarshalStored()
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	return all, json.Unmarshal(text, &all)
}

// Policy is what applications may register.
type Policy struct {
	Scopes        []string // that they may have, and have if they ask for none
	ResponseTypes []string // that the server offers
	Machines      bool     // those that come with an initial token may have client_credentials
	Names         []string // that none may take: the server's own
	Issuer        string   // whose origin no redirect URI may have
	Certificates  []string // token_endpoint_auth_method of those that prove themselves by one; empty = none can
	Encrypted     bool     // request objects can be encrypted to us
	// PrivateSchemes are those without a dot that redirect URIs may have; an address of another such scheme is left out, if others are left.
	PrivateSchemes []string
}

// normalised is what is registered of what was asked for (RFC 7591 sections 2 and 3.2.1).
func (p Policy) normalised(m clients.Metadata, initial bool) (clients.Metadata, error) {
	if len(m.RedirectURIs) > 20 {
		return m, &Refusal{"invalid_redirect_uri", "There may be 20 redirect_uris."}
	}
	if len(m.PostLogoutRedirectURIs) > 20 {
		return m, invalid("There may be 20 post_logout_redirect_uris.")
	}
	// a form that a page of ours sends to an address of ours (response_mode=form_post) would count as the person's own
	if own := clients.OriginOf(p.Issuer); own != "" && slices.ContainsFunc(slices.Concat(m.RedirectURIs, m.PostLogoutRedirectURIs),
		func(u string) bool { return clients.OriginOf(u) == own }) {
		return m, &Refusal{"invalid_redirect_uri", "No redirect URI may be an address of this server."}
	}
	m = m.WithoutForeign(p.PrivateSchemes)
	if m.ByCertificate() && !slices.Contains(p.Certificates, m.TokenEndpointAuthMethod) {
		return m, invalid("token_endpoint_auth_method: no certificates of that kind are taken here.")
	}
	if m.CertificateBoundAccessTokens && len(p.Certificates) == 0 {
		return m, invalid("tls_client_certificate_bound_access_tokens: no certificates are taken here.")
	}
	if !p.Encrypted {
		m.RequestObjectEncryptionAlg, m.RequestObjectEncryptionEnc = "", ""
	}
	m.ClientName = strings.Join(strings.Fields(m.ClientName), " ")
	p.grants(&m, initial)
	m.Exchange = nil // goes with the grant type, which no application registers
	if len(m.GrantTypes) == 0 {
		return m, invalid("None of the grant_types goes with one of the response_types here.")
	}
	p.scope(&m)
	for _, link := range []*string{&m.ClientURI, &m.LogoURI, &m.PolicyURI, &m.TOSURI} { // shown to people, trusted by nobody
		if !strings.HasPrefix(*link, "https://") || len(*link) > 512 {
			*link = ""
		}
	}
	if m.ApplicationType == "" && slices.ContainsFunc(m.RedirectURIs, clients.LooksNative) { // editors send both sorts in one list
		m.ApplicationType = clients.Native
	}
	if p.taken(m.ClientName) {
		return m, invalid("client_name is the name of this server, or looks like it.")
	}
	if typed.Mixed(m.ClientName) {
		return m, invalid("client_name mixes alphabets in one word.")
	}
	for name, value := range m.Localized {
		switch value = strings.Join(strings.Fields(value), " "); {
		case !strings.HasPrefix(name, "client_name#") && (!strings.HasPrefix(value, "https://") || len(value) > 512):
			delete(m.Localized, name)
		case p.taken(value):
			return m, invalid(name + " is the name of this server, or looks like it.")
		case strings.HasPrefix(name, "client_name#") && typed.Mixed(value):
			return m, invalid(name + " mixes alphabets in one word.")
		default:
			m.Localized[name] = value
		}
	}
	m = m.WithDefaults()
	return m, nil
}

// taken reports whether a name is the server's own, or looks like it.
func (p Policy) taken(name string) bool {
	look := typed.Look(name)
	return slices.ContainsFunc(p.Names, func(own string) bool {
		return strings.EqualFold(name, strings.Join(strings.Fields(own), " ")) || look != "" && look == typed.Look(own)
	})
}

// grants leaves the pairs of grant and response type that are offered (OpenID Connect Dynamic Registration section 2).
func (p Policy) grants(m *clients.Metadata, initial bool) {
	if len(m.ResponseTypes) == 0 && (len(m.GrantTypes) == 0 || slices.Contains(m.GrantTypes, clients.AuthorizationCode)) {
		m.ResponseTypes = []string{"code"}
	}
	var responses []string
	for _, r := range m.ResponseTypes {
		if r = clients.ResponseType(r); slices.Contains(p.ResponseTypes, r) && !slices.Contains(responses, r) {
			responses = append(responses, r)
		}
	}
	needs := func(grant, word string) bool {
		return slices.ContainsFunc(responses, func(r string) bool {
			return word == "" && clients.FromFront(r) || word != "" && clients.Answers(r, word)
		})
	}
	if len(m.GrantTypes) == 0 {
		m.GrantTypes = []string{clients.AuthorizationCode}
		if needs(clients.Implicit, "") {
			m.GrantTypes = append(m.GrantTypes, clients.Implicit)
		}
	}
	asked := m.GrantTypes
	responses = slices.DeleteFunc(responses, func(r string) bool {
		return clients.Answers(r, "code") && !slices.Contains(asked, clients.AuthorizationCode) ||
			clients.FromFront(r) && !slices.Contains(asked, clients.Implicit)
	})
	m.GrantTypes = nil
	keep := func(grant string, may bool) {
		if may && slices.Contains(asked, grant) {
			m.GrantTypes = append(m.GrantTypes, grant)
		}
	}
	code := needs(clients.AuthorizationCode, "code")
	keep(clients.AuthorizationCode, code)
	keep(clients.Implicit, needs(clients.Implicit, ""))
	keep(clients.RefreshToken, code)
	keep(clients.ClientCredentials, p.Machines && initial && m.TokenEndpointAuthMethod != clients.MethodNone)
	m.ResponseTypes = responses
}

// scope cuts what was asked for to what may be had; who asks for nothing, or for nothing of it, gets all of it.
func (p Policy) scope(m *clients.Metadata) {
	var kept []string
	for _, s := range spaced.Words(m.Scope) {
		if slices.Contains(p.Scopes, s) && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	if len(kept) == 0 {
		kept = p.Scopes
	}
	m.Scope = strings.Join(kept, " ")
}

// judged turns what package clients finds wrong into an answer.
func judged(m clients.Metadata, privateSchemes []string) error {
	err := m.Validate(privateSchemes...)
	if err == nil {
		return nil
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	code := "invalid_client_metadata"
	if strings.HasPrefix(first, "redirect_uris") || strings.Contains(err.Error(), "\nredirect_uris") {
		code = "invalid_redirect_uri"
	}
	return &Refusal{code, plain(first)}
}

// plain makes a text fit for an error_description (RFC 6749 section 5.2), and for the log: what others wrote into it may be long.
func plain(text string) string {
	const longest = 300
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, text)
}
