package federationtest

import (
	"net/url"
	"strings"
	"testing"
)

// Google is Google's OpenID provider as documented at developers.google.com/identity/openid-connect: its addresses (of which the
// real ones are on several hosts), parameters, claims and errors. Its issuer is the URL.
type Google struct{ *OIDC }

// The kinds of OIDC that are not plain.
const (
	google    = "google"
	microsoft = "microsoft"
	apple     = "apple"
)

// Scopes as Google's token response spells them.
const (
	googleEmail   = "https://www.googleapis.com/auth/userinfo.email"
	googleProfile = "https://www.googleapis.com/auth/userinfo.profile"
)

// NewGoogle starts one that ends with the test.
func NewGoogle(t testing.TB, accounts ...Account) *Google {
	t.Helper()
	s := newOIDC(t, OIDCOptions{
		Name: "Google", Alg: "RS256", AuthMethods: []string{"client_secret_post", "client_secret_basic"},
		Metadata: map[string]any{"scopes_supported": []string{"openid", "email", "profile"}}, // no offline_access
	}, oidcPaths{
		discovery: "/.well-known/openid-configuration", auth: "/o/oauth2/v2/auth", token: "/token", userinfo: "/v1/userinfo",
		jwks: "/oauth2/v3/certs", revoke: "/revoke",
	}, accounts)
	s.kind = google
	s.ClientID = "407408718192-" + strings.ToLower(random()[:16]) + ".apps.googleusercontent.com"
	s.ClientSecret = "GOCSPX-" + random()
	return &Google{s}
}

// likeGoogle is what Google does of its own: refresh tokens by access_type=offline, and only where consent is asked for; scopes
// spelled in full; and more in the callback. Neither max_age nor prompt=login mean anything to it.
func (s *OIDC) likeGoogle(q url.Values, a Account, g *grant, back url.Values) {
	g.timed = false
	s.mu.Lock()
	first := s.times[a.Subject] == 0
	s.mu.Unlock()
	g.offline = q.Get("access_type") == "offline" && (first || strings.Contains(q.Get("prompt"), "consent"))
	scopes := g.scopes
	g.scopes = nil
	for _, scope := range scopes {
		switch scope {
		case "email":
			scope = googleEmail
		case "profile":
			scope = googleProfile
		}
		g.scopes = append(g.scopes, scope)
	}
	back.Set("scope", strings.Join(scopes, " ")+" "+strings.Join(g.scopes, " "))
	back.Set("iss", s.Issuer()) // sent, though not advertised
	back.Set("authuser", "0")
	back.Set("prompt", "consent")
	if a.Hosted != "" {
		back.Set("hd", a.Hosted)
	}
}
