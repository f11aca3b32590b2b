package upstream_test

import (
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
	"signet/users/federation"
	"signet/users/federation/federationtest"
)

func TestOddCallsAreAnswered(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	b := w.Browser(t).Get(t, "/signin")
	long := strings.Repeat("ab", 4000)
	for path, want := range map[string]int{
		"/signin/with/google/callback": 400, "/signin/with/google/callback?state=%00&code=%ff": 400, "/signin/with/google/new": 400,
		"/signin/with/google/new?a=x":  400,
		"/signin/with/nowhere/new?a=x": 400, "/signin/connect": 200, "/signin/connect?a=x": 200, "/signin/with/signed-out": 200,
		"/signin/with/signed-out?state=x": 200,
		"/signin/with/google/deletion":    404, "/signin/with/google/deletion?code=" + long[:4000]: 404,
	} {
		if b.Get(t, path); b.Status != want {
			t.Errorf("%s: %d, want %d: %s", path, b.Status, want, b.Text("main"))
		}
	}
	for path, form := range map[string]url.Values{
		"/signin/with/nowhere": {}, "/signin/with/google/new?a=x": {}, "/signin/with/google/callback": {"state": {"x", "y"}, "code": {"c"}},
		"/signin/with/google/logout": {}, "/signin/with/google/logout?x": {"logout_token": {"a", "b"}},
		"/signin/with/facebook/deletion":   {"signed_request": {long}},
		"/signin/with/nowhere/deauthorize": {"signed_request": {"x"}},
	} {
		if b.Post(t, path, form); b.Status < 400 || b.Status > 499 && b.Status != http.StatusBadGateway {
			t.Errorf("POST %s: %d", path, b.Status)
		}
	}
	if b.PostFrom(t, "https://appleid.apple.com", "/signin/with/google/callback",
		url.Values{"state": {"x"}, "code": {long}}); b.Status != http.StatusRequestEntityTooLarge && b.Status != http.StatusBadRequest {
		t.Errorf("a long answer: %d", b.Status)
	}
	if b.PostFrom(t, "https://evil.example", "/signin/with/google", url.Values{}); b.Status != http.StatusForbidden { // C01
		t.Errorf("another site begins a sign-in: %d", b.Status)
	}
}

func TestC01_APostedAnswerComesBackByGet(t *testing.T) { // Apple
	apple := federationtest.NewApple(t, federationtest.Account{Subject: "001.ada", Email: "ada@icloud.com", EmailVerified: true,
		GivenName: "Ada", FamilyName: "Lovelace"})
	apple.Register("https://id.example.com/signin/with/apple/callback")
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		c.Egress.AllowHosts = []string{"127.0.0.1"}
		c.Upstreams = []config.Upstream{{ID: "apple", Kind: config.UpstreamApple, Issuer: apple.URL, ClientID: apple.ClientID,
			TeamID: apple.TeamID, KeyID: apple.KeyID,
			PrivateKey: config.NewSecret(apple.PrivateKey)}}
	}))
	b := s.Browser(t).Get(t, "/signin")
	upstreamtest.Press(t, b, "apple")
	if b.Landed == nil || b.Landed.Query().Get("response_mode") != "form_post" {
		t.Fatalf("at %s: %v", b.URL, b.Landed)
	}
	callback, values := apple.Answer(t, b.Landed, "001.ada")
	if b.PostFrom(t, apple.URL, callback, values); !b.Has("newaccount-submit") || b.Attribute("name", "value") != "Ada Lovelace" {
		t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	b.Submit(t, "newaccount-submit", nil)
	u, err := s.Services().People.ByAddress(t.Context(), "ada@icloud.com")
	if err != nil || !u.EmailVerified {
		t.Fatalf("%+v, %v", u, err)
	}
	if has, err := s.Services().Ways.Of(t.Context(), u); has.Logins != 1 || err != nil {
		t.Errorf("%+v, %v", has, err)
	}
	if _, err := s.Services().Federation.Pending(t.Context(), "x", ""); err == nil || err.Error() != federation.ErrExpired.Error() {
		t.Error(err)
	}
}

// A signed token may still hold what a database cannot keep or a page cannot show.
func TestN08_WhatAnUpstreamSaysIsTextOrLeftOut(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		for name, odd := range map[string]struct {
			claims  map[string]any
			refused bool
		}{
			"sub with NUL":        {map[string]any{"sub": "w\x001"}, true},
			"sub that lost bytes": {map[string]any{"sub": "w\ufffd1"}, true},
			"sub of two lines":    {map[string]any{"sub": "w\n1"}, true},
			"sid with NUL":        {map[string]any{"sid": "s\x001"}, false},
			"sid too long":        {map[string]any{"sid": strings.Repeat("s", 9000)}, false},
			"name with NUL":       {map[string]any{"name": "A\x00B"}, false},
			"locale with NUL":     {map[string]any{"locale": "e\x00n"}, false},
			"address with NUL":    {map[string]any{"email": "a\x00da@work.example"}, false},
			"long name":           {map[string]any{"name": strings.Repeat("ä", 300)}, false},
			"long address":        {map[string]any{"email": strings.Repeat("ä", 100) + "@" + strings.Repeat("ö", 20) + ".example"}, false},
		} {
			t.Run(name, func(t *testing.T) {
				w.Work.SetAccounts(federationtest.Account{Subject: "s " + name, Email: "x@work.example", EmailVerified: true, Name: "X"})
				w.Work.Tamper(func(c map[string]any) { maps.Copy(c, odd.claims) })
				defer w.Work.Tamper(nil)
				b := w.Browser(t)
				w.SignIn(t, b, "work", "s "+name)
				if odd.refused {
					upstreamtest.Shows(t, b, http.StatusForbidden, "could not be verified")
					return
				}
				email := strings.ReplaceAll(name, " ", "") + "@work.example"
				b.Submit(t, "newaccount-submit", url.Values{"name": {"Fine"}, "email": {email}})
				if b.Status != http.StatusOK || w.Visitor(t, b).Email != email {
					t.Errorf("got %d at %s: %s", b.Status, b.URL, b.Text("main"))
				}
			})
		}
	})
}

func TestUpstreamsUnderAPathAndWithAPictureOfTheirOwn(t *testing.T) {
	logo := filepath.Join(t.TempDir(), "work.svg")
	const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`
	if err := os.WriteFile(logo, []byte(picture), 0o600); err != nil {
		t.Fatal(err)
	}
	w := upstreamtest.New(t, false, upstreamtest.Changes{"work": func(u *config.Upstream) {
		u.Logo, u.AuthoritativeFor = logo, []string{"*"}
	}}, servertest.Path("/tenant"))
	w.Work.Register("https://id.example.com/tenant/signin/with/work/callback")
	b := w.Browser(t).Get(t, "/signin")
	upstreamtest.Press(t, b, "work")
	if b.Landed == nil || b.Landed.Query().Get("redirect_uri") != "https://id.example.com/tenant/signin/with/work/callback" {
		t.Fatalf("at %s: %v", b.URL, b.Landed)
	}
	if w.Return(t, b, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil); b.URL.Path != "/tenant/account" {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	page := w.Browser(t).Get(t, "/signin")
	at := regexp.MustCompile(`src="(/tenant/upstreams/work/[^"]+)"`).FindStringSubmatch(page.Body)
	if at == nil {
		t.Fatal("no picture on the button")
	}
	got := w.Browser(t).Get(t, strings.TrimPrefix(at[1], "/tenant"))
	if got.Status != http.StatusOK || got.Body == "" || got.Header.Get("Content-Type") != "image/svg+xml" ||
		!strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", got.Status, got.Header)
	}
	if other := w.Browser(t).Get(t, "/upstreams/work/another"); other.Status != http.StatusNotFound {
		t.Errorf("another picture: %d", other.Status)
	}
}
