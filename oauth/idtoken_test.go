package oauth_test

import (
	"testing"

	"signet/clients"
	"signet/oauth/oauthtest"
)

func TestClaimsInTheIDTokenOfAClientThatAsks(t *testing.T) { // OpenID Connect Core section 5.4
	asks := scoped("asks", "openid profile email", clients.AuthorizationCode, clients.RefreshToken)
	asks.IDTokenClaims = true
	h := protocol(t, oauthtest.Options{Clients: []clients.Metadata{asks}})
	for name, tt := range map[string]struct {
		client, scope string
		email, name   bool
	}{
		"off":             {"shop", "openid profile email", false, false},
		"on":              {"asks", "openid profile email", true, true},
		"on, one granted": {"asks", "openid email", true, false},
		"on, none":        {"asks", "openid", false, false},
	} {
		got := first(t, h, tt.client, tt.scope)
		again := get(t, h, tt.client, oauthtest.Refresh(got.RefreshToken))
		for _, token := range []string{got.IDToken, again.IDToken} {
			c := payload(t, token)
			if (c["email"] == "ada@example.com") != tt.email || (c["email_verified"] == true) != tt.email ||
				(c["name"] == "Ada Lovelace") != tt.name || c["sub"] != oauthtest.Ada {
				t.Errorf("%s: %v", name, c)
			}
		}
	}
}
