package oauth_test

import (
	"errors"
	"testing"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
)

func TestH05_RedirectURIOfTheTokenRequest(t *testing.T) { // RFC 6749 section 4.1.3, OAuth 2.1 section 10.2
	const other = "https://other.test/cb"
	noPKCE := func(a *oauth.Authorization) { a.Request.CodeChallenge, a.Request.CodeChallengeMethod = "", "" }
	notSent := func(a *oauth.Authorization) { a.Request.RedirectURISent = false }
	neither := func(a *oauth.Authorization) { noPKCE(a); notSent(a) }
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		for name, tt := range map[string]struct {
			authorized func(*oauth.Authorization)
			pairs      []string
			ok         bool
		}{
			"PKCE, same":                         {nil, nil, true},
			"PKCE, absent":                       {nil, []string{"redirect_uri", ""}, true},
			"PKCE, other":                        {nil, []string{"redirect_uri", other}, false},
			"PKCE, a slash more":                 {nil, []string{"redirect_uri", oauthtest.Callback + "/"}, false},
			"PKCE, absent, no verifier":          {nil, []string{"redirect_uri", "", "code_verifier", ""}, false},
			"PKCE, absent, wrong verifier":       {nil, []string{"redirect_uri", "", "code_verifier", oauthtest.Verifier + "x"}, false},
			"PKCE, not sent, same":               {notSent, nil, true},
			"PKCE, not sent, absent":             {notSent, []string{"redirect_uri", ""}, true},
			"PKCE, not sent, other":              {notSent, []string{"redirect_uri", other}, false},
			"no PKCE, same":                      {noPKCE, []string{"code_verifier", ""}, true},
			"no PKCE, absent":                    {noPKCE, []string{"code_verifier", "", "redirect_uri", ""}, false},
			"no PKCE, absent, a verifier":        {noPKCE, []string{"redirect_uri", ""}, false},
			"no PKCE, other":                     {noPKCE, []string{"code_verifier", "", "redirect_uri", other}, false},
			"no PKCE, not sent, absent":          {neither, []string{"code_verifier", "", "redirect_uri", ""}, true},
			"no PKCE, not sent, same":            {neither, []string{"code_verifier", ""}, true},
			"no PKCE, not sent, other":           {neither, []string{"code_verifier", "", "redirect_uri", other}, false},
			"no PKCE, not sent, a slash instead": {neither, []string{"code_verifier", "", "redirect_uri", "/"}, false},
		} {
			form := with(oauthtest.Exchange(h.Code(t, "shop", "openid", tt.authorized)), tt.pairs...)
			got, err := token(t, h, "shop", form)
			if no, is := errors.AsType[*refusal.Refusal](err); (err == nil) != tt.ok || err != nil && (!is || no.Code != "invalid_grant") {
				t.Errorf("%s: %v", name, err)
			}
			if !tt.ok {
				continue
			}
			refused(t, h, "shop", form, "invalid_grant") // a second use of the same request ends the grant, redirect_uri or not
			if alive(t, h, got) {
				t.Errorf("%s: the replayed code did not end the grant", name)
			}
		}
	})
}

// TestH05_ACodeOfARedirectURIThatIsGone: a code that went to an address is good while its client may get one there. The code is not spent:
// the address may come back.
func TestH05_ACodeOfARedirectURIThatIsGone(t *testing.T) {
	const other, local = "https://other.test/cb", "http://127.0.0.1/cb"
	native := oauthtest.Apps()[1]
	native.ApplicationType, native.RedirectURIs = clients.Native, []string{oauthtest.Callback, local}
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		for name, tt := range map[string]struct {
			client, went string
			sent         bool
			now          []string
			ok           bool
		}{
			"still there":              {"shop", oauthtest.Callback, true, []string{other, oauthtest.Callback}, true},
			"gone":                     {"shop", oauthtest.Callback, true, []string{other}, false},
			"gone, not sent":           {"shop", oauthtest.Callback, false, []string{other}, false},
			"a slash more":             {"shop", oauthtest.Callback, true, []string{oauthtest.Callback + "/"}, false},
			"loopback, another port":   {"spa", "http://127.0.0.1:5123/cb", true, []string{"http://127.0.0.1:80/cb"}, true},
			"loopback, another path":   {"spa", "http://127.0.0.1:5123/cb", true, []string{"http://127.0.0.1/other"}, false},
			"loopback, web by now":     {"spa", "http://127.0.0.1:5123/cb", true, []string{oauthtest.Callback}, false},
			"loopback, host by a name": {"spa", "http://127.0.0.1:5123/cb", true, []string{"http://localhost/cb"}, false},
		} {
			before := h.WithClient(t, native)
			form := with(oauthtest.Exchange(before.Code(t, tt.client, "openid", func(a *oauth.Authorization) {
				a.Request.RedirectURI, a.Request.RedirectURISent = tt.went, tt.sent
			})), "redirect_uri", "")
			m := before.Client(t, tt.client).Metadata
			m.RedirectURIs = tt.now
			_, err := token(t, before.WithClient(t, m), tt.client, form)
			if no, is := errors.AsType[*refusal.Refusal](err); (err == nil) != tt.ok || err != nil && (!is || no.Code != "invalid_grant") {
				t.Errorf("%s: %v", name, err)
			}
			if !tt.ok {
				get(t, before, tt.client, form)
			}
		}
	})
}
