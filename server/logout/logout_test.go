package logout_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/server/servertest"
)

const (
	after = "https://shop.example/bye?x=%20"
	state = "st at&e"
)

// signedIn is a server without sockets, a browser in which Ada is signed in, and her ID token for the shop.
func signedIn(t *testing.T) (s *servertest.Server, b *servertest.Browser, hint string) {
	t.Helper()
	s = servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "shop", func(m *clients.Metadata) { m.PostLogoutRedirectURIs = []string{after} })
	b = s.Browser(t)
	return s, b, app.Login(t, b, ada).Extra("id_token").(string)
}

func out(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/oauth2/logout?" + q.Encode()
}

// here reports whether the browser is signed in still.
func here(t *testing.T, b *servertest.Browser) bool {
	t.Helper()
	return !b.Tab(t).Get(t, "/account").Has("login-submit")
}

func TestQ01_HintOfThisSessionNeedsNoQuestion(t *testing.T) { // RP-Initiated Logout section 2
	_, b, hint := signedIn(t)
	b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after, "state", state))
	if b.Landed == nil || b.Landed.String() != after+"&state="+url.QueryEscape(state) {
		t.Fatalf("landed at %v, at %s", b.Landed, b.URL)
	}
	if here(t, b) {
		t.Error("still signed in")
	}
	if b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after)); b.Landed == nil { // a second time is harmless
		t.Errorf("at %s", b.URL)
	}
}

func TestQ01_OthersAreAsked(t *testing.T) {
	_, b, hint := signedIn(t)
	head, _, _ := strings.Cut(hint, ".")
	for name, path := range map[string]string{
		"nothing": out(), "state only": out("state", state), "client only": out("client_id", "shop"),
		"unknown client":    out("client_id", "nobody", "post_logout_redirect_uri", after),
		"foreign signature": out("id_token_hint", hint[:len(hint)-8]+"AAAAAAAA", "post_logout_redirect_uri", after),
		"alg none":          out("id_token_hint", "eyJhbGciOiJub25lIn0."+strings.Split(hint, ".")[1]+".", "post_logout_redirect_uri", after),
		"not a token":       out("id_token_hint", head, "post_logout_redirect_uri", after),
		"other client":      out("id_token_hint", hint, "client_id", "rival", "post_logout_redirect_uri", after),
		"unregistered":      out("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"),
		"query added":       out("id_token_hint", hint, "post_logout_redirect_uri", after+"&y=1"),
		"prefix":            out("id_token_hint", hint, "post_logout_redirect_uri", "https://shop.example/bye"),
	} {
		tab := b.Tab(t)
		tab.Get(t, path)
		if tab.Landed != nil || !tab.Has("logout-confirm") {
			t.Errorf("%s: %d, landed at %v", name, tab.Status, tab.Landed)
		}
		if !here(t, b) {
			t.Fatalf("%s: signed out by a GET", name)
		}
	}
}

func TestQ02_WhereThePersonGoesAfterwards(t *testing.T) { // RP-Initiated Logout section 3
	_, b, hint := signedIn(t)
	if b.Get(t, out("client_id", "shop", "post_logout_redirect_uri", after)).Submit(t, "logout-stay", nil); b.Landed != nil || !here(t, b) {
		t.Fatalf("staying signed out: %v", b.Landed)
	}
	b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/", "state", state))
	if b.Submit(t, "logout-confirm", nil); b.Landed != nil || b.Status != http.StatusOK || !strings.Contains(b.Text("h1"), "signed out") {
		t.Errorf("an unregistered address: %d, landed at %v", b.Status, b.Landed)
	}
	if here(t, b) {
		t.Error("still signed in")
	}
}

func TestQ02_ClientAndClickAreEnough(t *testing.T) {
	_, b, _ := signedIn(t)
	b.Get(t, out("client_id", "shop", "post_logout_redirect_uri", after, "state", state))
	if b.Submit(t, "logout-confirm", nil); b.Landed == nil || b.Landed.Query().Get("state") != state {
		t.Errorf("landed at %v", b.Landed)
	}
}

func TestPostFromTheApp(t *testing.T) { // RP-Initiated Logout section 2: POST; C01
	_, b, hint := signedIn(t)
	b.PostFrom(t, "https://shop.example", "/oauth2/logout", url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {after}})
	if b.Landed == nil || here(t, b) {
		t.Errorf("%d, landed at %v", b.Status, b.Landed)
	}
	_, b, _ = signedIn(t)
	if b.PostFrom(t, "https://evil.example", "/oauth2/logout", url.Values{"decision": {"sign-out"}}); !here(t, b) || !b.Has("logout-confirm") {
		t.Error("another site signs people out without a question")
	}
	if b.PostFrom(t, "https://evil.example", "/oauth2/logout/confirm",
		url.Values{"decision": {"sign-out"}}); b.Status != http.StatusForbidden || !here(t, b) {
		t.Errorf("confirmation from another site: %d", b.Status)
	}
	if b.PostFrom(t, "https://shop.example", "/oauth2/logout", url.Values{"id_token_hint": {strings.Repeat("a", 20<<10)}}); b.Status >= 500 {
		t.Errorf("a huge hint: %d", b.Status)
	}
}

func TestExpiredHintIsGoodEnough(t *testing.T) { // RP-Initiated Logout section 2
	synctest.Test(t, func(t *testing.T) {
		_, b, hint := signedIn(t)
		time.Sleep(3 * time.Hour)
		if b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after)); b.Landed == nil {
			t.Errorf("at %s (%d)", b.URL, b.Status)
		}
	})
}

func TestQ04_OnlineGrantsEndOfflineOnesStay(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), engine)
		ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
		offline := app.Login(t, b, ada)
		online := app.With("openid").Login(t, b, ada)
		if online.RefreshToken == "" || offline.RefreshToken == "" {
			t.Fatal("no refresh token")
		}
		b.Get(t, out()).Submit(t, "logout-confirm", nil)
		_, err := app.TryRefresh(t.Context(), online.RefreshToken)
		servertest.Refused(t, err, "invalid_grant")
		if _, err := app.TryRefresh(t.Context(), offline.RefreshToken); err != nil {
			t.Errorf("the offline grant: %v", err)
		}
	})
}

func TestNobodyIsSignedIn(t *testing.T) { // RP-Initiated Logout sections 2 and 3
	s, b, hint := signedIn(t)
	nobody := s.Browser(t)
	if nobody.Get(t, out("client_id", "shop", "post_logout_redirect_uri", after, "state", state)); nobody.Landed != nil ||
		!strings.Contains(nobody.Body, `href="https://shop.example/bye?x=%20&amp;state=`) {
		t.Errorf("without a hint: landed at %v: %s", nobody.Landed, nobody.Text("main"))
	}
	if nobody.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after)); nobody.Landed == nil {
		t.Errorf("with a hint: at %s", nobody.URL)
	}
	if nobody.Get(t, out("post_logout_redirect_uri", "javascript:alert(1)")); nobody.Landed != nil ||
		strings.Contains(nobody.Body, "javascript:") {
		t.Errorf("landed at %v", nobody.Landed)
	}
	if nobody.Get(t, "/oauth2/logout/done"); nobody.Status != http.StatusOK || nobody.Has("logout-confirm") {
		t.Errorf("%d at %s", nobody.Status, nobody.URL)
	}
	if b.Get(t, "/oauth2/logout/done"); !b.Has("logout-confirm") { // who is signed in is not told otherwise
		t.Errorf("signed in, told otherwise: %s", b.Text("main"))
	}
}

// A hint tells which app asks; it signs nobody out but the person it was made for, in that session.
func TestQ01_HintOfAnotherSession(t *testing.T) { // RP-Initiated Logout section 2
	s, ada, hint := signedIn(t)
	bob := s.Person(t, "bob@example.com")
	b := s.Browser(t).Get(t, "/signin").SignIn(t, bob)
	if b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after)); b.Landed != nil || !b.Has("logout-confirm") ||
		!strings.Contains(b.Text("main"), "bob@example.com") {
		t.Fatalf("at %s, landed %v: %s", b.URL, b.Landed, b.Text("main"))
	}
	if csp := b.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' https:") { // B02
		t.Errorf("CSP %q", csp)
	}
	if b.Submit(t, "logout-confirm", nil); b.Landed == nil || here(t, b) || !here(t, ada) {
		t.Errorf("landed at %v", b.Landed)
	}
}

func TestRepeatedParametersAreAsked(t *testing.T) {
	_, b, hint := signedIn(t)
	twice := out("id_token_hint", hint, "post_logout_redirect_uri", after, "state", state) + "&state=x"
	if b.Get(t, twice); b.Landed != nil || !b.Has("logout-confirm") {
		t.Errorf("at %s, landed %v", b.URL, b.Landed)
	}
	form := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {after}}
	if b.PostFrom(t, "https://shop.example", "/oauth2/logout?id_token_hint=x", form); b.Landed != nil || !here(t, b) {
		t.Errorf("in URL and body: landed %v", b.Landed)
	}
}

func TestUILocalesAndLogoutHint(t *testing.T) { // RP-Initiated Logout section 2
	s := servertest.New(t, servertest.HandlerOnly())
	bob, ada := s.Person(t, "bob@example.com"), s.Person(t, "ada@example.com")
	s.App(t, "shop", func(m *clients.Metadata) { m.PostLogoutRedirectURIs = []string{after} })
	b := s.Browser(t).Get(t, "/signin").SignIn(t, bob)
	b.Get(t, "/signin?other=1").SignIn(t, ada)
	for hint, want := range map[string]string{"": "ada@", "BOB@example.com": "bob@", "ada@example.com": "ada@", "eve@example.com": "ada@",
		strings.Repeat("b", 600): "ada@"} {
		b.Get(t, out("client_id", "shop", "logout_hint", hint, "ui_locales", "xx de en"))
		if b.Header.Get("Content-Language") != "de" || !strings.Contains(b.Text("main"), want) {
			t.Errorf("%q: in %s: %s", hint, b.Header.Get("Content-Language"), b.Text("main"))
		}
	}
	b.Get(t, out("client_id", "shop", "logout_hint", "bob@example.com", "ui_locales", "de")).Submit(t, "logout-confirm", nil)
	if !here(t, b) { // a hint proves nothing, and is taken for no more than it says
		t.Error("the account in view is signed out")
	}
	if all := b.Get(t, "/choose").Text("main"); strings.Contains(all, "bob@") {
		t.Errorf("not signed out: %s", all)
	}
}
