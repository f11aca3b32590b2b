package console

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"signet/admin"
	"signet/clients"
	"signet/clients/snippet"
	"signet/server/pages"
)

// kinds are what an app can be, in the words of the form.
var kinds = []pages.ConsoleChoice{{Value: "web", Label: "console.kind_web"}, {Value: "browser", Label: "console.kind_browser"},
	{Value: "native", Label: "console.kind_native"}, {Value: "machine", Label: "console.kind_machine"}}

// proofs are how it proves itself: what is safe (RFC 9700 sections 2.2.1 and 2.5), and what every library can do.
var proofs = []pages.ConsoleChoice{{Value: "key", Label: "console.proof_key"}, {Value: "secret", Label: "console.proof_secret"}}

// newApp is the form of an app.
func newApp() pages.ConsoleAct {
	return pages.ConsoleAct{Label: "console.create_app", More: "console.create_app_more", Value: "create", Fields: []pages.ConsoleField{
		{Name: "name", Label: "console.name"}, {Name: "kind", Label: "console.kind", Choices: kinds},
		{Name: "proof", Label: "console.proof", Choices: proofs},
		{Name: "keys", Label: "console.app_keys", Long: true, Optional: true},
		{Name: "redirect", Label: "console.redirects", Optional: true},
		{Name: "scope", Label: "console.scopes", Value: "openid profile email offline_access", Optional: true},
	}}
}

// create registers the app of the form, and shows what it needs: once, where that is secret.
func (h *Handler) create(ctx context.Context, v *visit, p *pages.Console) error {
	m, text, err := metadataOf(v)
	if err != nil {
		return err
	}
	var key jose.JSONWebKey
	if m.TokenEndpointAuthMethod == clients.MethodJWTKey && m.JWKS == nil && m.JWKSURI == "" {
		if key, err = snippet.NewKey(); err != nil {
			return err
		}
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}
	}
	made, err := h.Acts.CreateClient(ctx, v.actor, m)
	if err != nil {
		return err
	}
	v.secret = "client_id=" + made.ClientID
	if made.ClientSecret != "" {
		v.secret += " client_secret=" + made.ClientSecret
	}
	if key.Key != nil {
		raw, err := json.Marshal(key)
		if err != nil {
			return fmt.Errorf("write a key: %w", err)
		}
		p.Key, p.KeyFile = string(raw), snippet.KeyFile(made.ClientID)
	}
	s := snippet.Server{Issuer: h.Issuer}.Of(made.Metadata)
	if s.Secret != "" {
		s.Secret = "…" // it is above, once
	}
	if p.Snippet, err = s.Text(text); err != nil {
		return err
	}
	if len(made.RedirectURIs) > 0 {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.issuer", Value: h.Issuer}, h.toFirst(made.ClientID))
	}
	return nil
}

// metadataOf is the registration of an app as the form describes it, and the name of a snippet for such apps.
func metadataOf(v *visit) (m clients.Metadata, text string, err error) {
	m = clients.Metadata{
		ClientName: v.post.Get("name"), Scope: v.post.Get("scope"), RedirectURIs: strings.Fields(v.post.Get("redirect")),
		GrantTypes:              []string{clients.AuthorizationCode, clients.RefreshToken},
		TokenEndpointAuthMethod: clients.MethodJWTKey,
	}
	text = "openid-client"
	safe, keys := v.post.Get("proof") != "secret", strings.TrimSpace(v.post.Get("keys"))
	switch kind := v.post.Get("kind"); kind {
	case "browser", "native":
		m.TokenEndpointAuthMethod, m.DPoPBoundAccessTokens = clients.MethodNone, safe
		if kind == "native" {
			m.ApplicationType = clients.Native
		} else {
			text = "oidc-client-ts"
			m.IDTokenClaims = snippet.ReadsIDToken(text)
		}
	case "machine":
		m.GrantTypes, m.RedirectURIs, text = []string{clients.ClientCredentials}, nil, "curl"
	}
	switch {
	case keys != "" && (!safe || m.TokenEndpointAuthMethod == clients.MethodNone):
		return m, "", fmt.Errorf("%w: an app that proves itself by a secret or by nothing has no public keys: leave them out", admin.ErrInvalid)
	case !safe && m.TokenEndpointAuthMethod == clients.MethodJWTKey:
		m.TokenEndpointAuthMethod = clients.MethodBasic
	case keys != "":
		err = takeKeys(&m, keys)
	}
	return m, text, err
}

// takeKeys reads an app's own keys: a JWK set, one JWK, or the address where they are.
func takeKeys(m *clients.Metadata, text string) error {
	if !strings.HasPrefix(text, "{") {
		m.JWKSURI = text
		return nil
	}
	var set struct {
		Keys []jose.JSONWebKey `json:"keys"`
	}
	err := json.Unmarshal([]byte(text), &set)
	if err == nil && set.Keys == nil {
		var one jose.JSONWebKey
		err = json.Unmarshal([]byte(text), &one)
		set.Keys = []jose.JSONWebKey{one}
	}
	if err != nil { // what it says may be of a private key
		return fmt.Errorf("%w: jwks: this is no JSON Web Key and no set of them (RFC 7517)", admin.ErrInvalid)
	}
	m.JWKS = &jose.JSONWebKeySet{Keys: set.Keys}
	return nil
}
