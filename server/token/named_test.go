package token_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
)

// line is the log's event of the last request.
func (d *endpoint) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(d.log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, d.log)
	}
	d.log.Reset()
	return line
}

// TestATokenRequestWithAnotherRedirectURINamesBoth: client, what was sent, and where the code went; no query of either.
func TestATokenRequestWithAnotherRedirectURINamesBoth(t *testing.T) {
	d := open(t, oauthtest.Options{})
	noPKCE := func(a *oauth.Authorization) { a.Request.CodeChallenge, a.Request.CodeChallengeMethod = "", "" }
	for name, test := range map[string]struct {
		client     string
		authorized func(*oauth.Authorization)
		sent       string
		status     int
		logged     any // redirect_uri; nil = neither is in the log
	}{
		"another":               {"shop", nil, "https://other.test/cb?secret=x", 400, "https://other.test/cb?..."},
		"a slash more":          {"shop", nil, oauthtest.Callback + "/", 400, oauthtest.Callback + "/"},
		"not text":              {"shop", nil, "https://x\n\u202e", 400, nil},
		"missing, without PKCE": {"shop", noPKCE, "", 400, ""},
		"missing, with PKCE":    {"shop", nil, "", 200, nil},
		"right":                 {"shop", nil, oauthtest.Callback, 200, nil},
	} {
		d.log.Reset()
		form := oauthtest.Exchange(d.Code(t, "shop", "openid", test.authorized))
		form.Set("redirect_uri", test.sent)
		if test.authorized != nil {
			form.Del("code_verifier")
		}
		if test.sent == "" {
			form.Del("redirect_uri")
		}
		w := d.post("/oauth2/token", test.client, form)
		line := d.line(t)
		var used any
		if test.logged != nil {
			used = oauthtest.Callback
		}
		if w.Code != test.status || line["client_id"] != test.client || line["redirect_uri"] != test.logged || line["authorized_uri"] != used {
			t.Errorf("%s: %d, log %v", name, w.Code, line)
		}
	}
	form := oauthtest.Exchange(d.Code(t, "shop", "openid", nil))
	form.Set("redirect_uri", "https://other.test/cb")
	if w := d.post("/oauth2/token", "other", form); w.Code != 400 || strings.Contains(d.log.String(), "authorized_uri") {
		t.Errorf("another client's code: %d, log %s", w.Code, d.log)
	}
	d.log.Reset()
	d.post("/oauth2/token", "shop", url.Values{"grant_type": {"implicit"}})
	if line := d.line(t); line["client_id"] != "shop" || line["grant_type"] != "implicit" {
		t.Errorf("a grant nobody knows: log %v", line)
	}
}

func TestRefusedClientsAreNamedInTheLog(t *testing.T) {
	d := open(t, oauthtest.Options{})
	for name, test := range map[string]struct{ id, want string }{
		"known":   {"shop", "shop"},
		"unknown": {"shpo", "shpo"},
		"hostile": {"a\nlevel=ERROR\u202e", `a\nlevel=ERROR\u202e`},
		"long":    {strings.Repeat("x", 5000), strings.Repeat("x", 200) + "..."},
	} {
		for _, path := range []string{"/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"} {
			d.log.Reset()
			form := url.Values{"grant_type": {"client_credentials"}, "token": {"x"}}
			r := asked("x", form, path)
			r.SetBasicAuth(url.QueryEscape(test.id), "s3cret-of-nobody")
			w := &nowhere{head: map[string][]string{}}
			d.handler.ServeHTTP(w, r)
			var line map[string]any
			if err := json.Unmarshal(d.log.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v: %s", name, err, d.log)
			}
			if line["client_id"] != test.want || w.status != 401 {
				t.Errorf("%s at %s: %d, log %s", name, path, w.status, d.log)
			}
			if strings.Contains(d.log.String(), "s3cret") {
				t.Errorf("%s: the secret is in the log: %s", name, d.log)
			}
		}
	}
}
