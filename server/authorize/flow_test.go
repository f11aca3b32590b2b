package authorize_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
	"signet/storage/storagetest"
)

func TestExpiredInteractionStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(t).Get(t, w.ask("prompt", "consent"))
		time.Sleep(31 * time.Minute)
		for _, path := range []string{"/oauth2/continue", "/consent", "/choose"} {
			late := b.Tab(t).Get(t, path+"?i="+b.URL.Query().Get("i"))
			said := strings.Contains(late.Text("main"), "This took too long")
			if late.Landed != nil || late.Status != http.StatusBadRequest || late.Has("consent-allow") || !said {
				t.Errorf("%s: %d, landed %v: %s", path, late.Status, late.Landed, late.Text("main"))
			}
		}
		if b.Submit(t, "consent-allow", nil); b.Landed != nil || b.Status != http.StatusBadRequest {
			t.Errorf("answered: %d, landed %v", b.Status, b.Landed)
		}
	})
}

// Another account is chosen on the way: its person signs in, is asked, and is the one the app gets; no step comes twice.
func TestAnotherAccountIsChosen(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	bob := w.Person(t, "bob@example.com")
	b := w.signedIn(t)
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account"))
	b.Submit(t, "choose-other", nil).SignIn(t, bob)
	if !b.Has("consent-allow") {
		t.Fatalf("at %s, landed %v", b.URL, b.Landed)
	}
	b.Allow(t)
	id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
	if id.Subject != bob.ID {
		t.Errorf("the token is %s's", id.Subject)
	}
}

// Ada proves herself as the app wanted (prompt=login), then Bob takes over the browser in another tab: he signed in within the
// interaction as well. What Ada proved does not count for him, what he proved does.
func TestPersonSwitchesBetweenSteps(t *testing.T) {
	w := newWorld(t)
	bob := w.Person(t, "bob@example.com")
	b := w.Browser(t)
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
	again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
	b.SignIn(t, w.ada) // the consent page
	b.Tab(t).Get(t, "/signin?other=1")
	tab := b.Tab(t).Get(t, "/oauth2/logout")
	tab.Submit(t, "logout-confirm", nil)
	tab.Get(t, "/signin").SignIn(t, bob) // outside the interaction
	if b.Get(t, again); !b.Has("login-submit") {
		t.Fatalf("Bob did not sign in for this app: at %s, landed %v", b.URL, b.Landed)
	}
	b.SignIn(t, bob)
	b.Allow(t)
	if id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)); id.Subject != bob.ID {
		t.Errorf("the token is %s's", id.Subject)
	}
}

// Consent withdrawn after the answer and before the browser is back at the dispatcher: the person is asked again.
func TestI06_WithdrawnBeforeTheEnd(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(t).Get(t, w.ask("prompt", "consent"))
	again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
	form := b.FormWith("consent-allow")
	form.Fields.Set("decision", "allow")
	w.postOnly(t, b, b.URL.RequestURI(), form.Fields)
	if err := w.Services().People.Disconnect(t.Context(), w.ada.ID, "shop"); err != nil {
		t.Fatal(err)
	}
	if b.Get(t, again); b.Landed != nil || !b.Has("consent-allow") {
		t.Errorf("at %s, landed %v", b.URL, b.Landed)
	}
}

// What was withdrawn does not come back by an old tab, whatever the person allowed the app since; what they allow in yet another tab
// asks nothing again.
func TestB01_WithdrawnConsentIsAskedForAgain(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.YAML(`
resources:
  - {identifier: "https://api.example.com", name: Shop API, scopes: [api:read]}
`))
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop", func(m *clients.Metadata) { m.Scope += " api:read" }).With("openid")
		b := s.Browser(t)
		app.Begin(t, b, oauth2.SetAuthURLParam("resource", "https://api.example.com"))
		b.SignIn(t, ada)
		old := "/oauth2/continue?i=" + b.Interaction(t)
		b.Allow(t)

		more := b.Tab(t)
		app.With("openid", "email").Begin(t, more)
		more.Allow(t)
		code := func() bool {
			tab := b.Tab(t).Get(t, old)
			if tab.Landed == nil && !tab.Has("consent-allow") {
				t.Errorf("at %s (%d): %s", tab.URL, tab.Status, tab.Text("main"))
			}
			return tab.Landed != nil && tab.Landed.Query().Get("code") != ""
		}
		if !code() {
			t.Error("asked again although more was allowed in another tab")
		}
		b.Post(t, "/account/apps", url.Values{"app": {"shop"}})
		if code() {
			t.Error("a code after the withdrawal")
		}
		again := b.Tab(t)
		app.With("openid").Begin(t, again)
		again.Allow(t)
		if code() {
			t.Error("a code for the API that was withdrawn")
		}
		if b.Get(t, old).Allow(t); b.Landed == nil || b.Landed.Query().Get("code") == "" {
			t.Errorf("allowed again: at %s (%d), landed %v", b.URL, b.Status, b.Landed)
		}
	})
}

func TestCancelledAtSignIn(t *testing.T) { // RFC 6749 section 4.1.2.1
	w := newWorld(t)
	b := w.Browser(t).Get(t, w.ask())
	b.Get(t, b.URL.RequestURI()+"&cancel=1")
	if b.Landed == nil || b.Landed.Query().Get("error") != "access_denied" || b.Landed.Query().Get("state") != "st at&e=1" {
		t.Errorf("at %s, landed %v", b.URL, b.Landed)
	}
}

func TestTooManyInteractionsOfANetwork(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		w.Browser(t).Get(t, w.ask())
	}
	b := w.Browser(t).Get(t, w.ask())
	if b.Status != http.StatusTooManyRequests || b.Header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", b.Status, b.Header.Get("Retry-After"))
	}
	if w.Address = "198.51.100.7"; !w.Browser(t).Get(t, w.ask()).Has("login-submit") {
		t.Error("others are kept out as well")
	}
}

// lines keeps what is logged, as text.
type lines struct {
	slog.Handler
	mu *sync.Mutex
	b  *strings.Builder
}

func (l lines) Enabled(context.Context, slog.Level) bool { return true }

func (l lines) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slog.NewTextHandler(l.b, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(ctx, r)
}

func TestT01_NothingOfARequestOrItsAnswerIsLogged(t *testing.T) { // H13
	log := lines{mu: &sync.Mutex{}, b: &strings.Builder{}}
	w := newWorld(t, servertest.Log(log))
	b := w.Browser(t)
	secret := []string{"state-4711", "nonce-4711", "hint-4711", "login-4711", "back-4711"}
	pairs := []string{"state", secret[0], "nonce", secret[1], "login_hint", secret[3]}
	b.Get(t, w.ask(pairs...))
	b.Get(t, w.ask(append(pairs, "id_token_hint", secret[2])...))
	b.Get(t, w.ask(append(pairs, "redirect_uri", "https://foreign.example/cb?"+secret[4])...))
	b.Get(t, w.ask(pairs...)).SignIn(t, w.ada).Allow(t)
	code := b.Landed.Query().Get("code")
	if code == "" {
		t.Fatalf("landed %v", b.Landed)
	}
	b.Get(t, "/oauth2/logout?client_id=shop&state="+secret[0]+"&id_token_hint="+secret[2])
	secret = append(secret, code, w.ada.Password, w.shop.ClientSecret)
	for _, c := range b.Cookies() {
		secret = append(secret, c.Value)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if !strings.Contains(log.b.String(), "/oauth2/authorize") || !strings.Contains(log.b.String(), "client_id=shop") {
		t.Error("no wide event with the client")
	}
	for _, s := range secret {
		if strings.Contains(log.b.String(), s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

func TestTheLogNamesClientAndURIsOfARefusal(t *testing.T) {
	log := lines{mu: &sync.Mutex{}, b: &strings.Builder{}}
	w := newWorld(t, servertest.Log(log))
	b := w.Browser(t)
	for name, test := range map[string]struct {
		pairs []string
		want  []string
	}{
		"mismatch": {[]string{"redirect_uri", "https://foreign.example/cb\n?code=s3cret"},
			[]string{"client_id=shop", "redirect_uri=", `https://foreign.example/cb`, "registered_uris=\"" + w.shop.RedirectURIs[0]}},
		"none":    {[]string{"redirect_uri", ""}, []string{"client_id=shop", "redirect_missing", "registered_uris=\"" + w.shop.RedirectURIs[0]}},
		"unknown": {[]string{"client_id", "shpo"}, []string{"client_id=shpo", "unknown_client"}},
	} {
		log.mu.Lock()
		log.b.Reset()
		log.mu.Unlock()
		b.Get(t, w.ask(test.pairs...))
		log.mu.Lock()
		for _, want := range test.want {
			if !strings.Contains(log.b.String(), want) {
				t.Errorf("%s: no %q in %s", name, want, log.b.String())
			}
		}
		if strings.Contains(log.b.String(), "s3cret") {
			t.Errorf("%s: a query in the log: %s", name, log.b.String())
		}
		log.mu.Unlock()
	}
}

// A database that is away is our trouble: neither a refusal nor an unknown client.
func TestDatabaseAway(t *testing.T) {
	db := storagetest.SQLite(t)
	w := newWorld(t, servertest.On(db))
	b := w.signedIn(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{w.ask(), w.ask("prompt", "none"), "/oauth2/continue?i=X", "/consent?i=X", "/choose?i=X", "/oauth2/logout"} {
		if b.Get(t, path); b.Landed != nil || b.Status != http.StatusServiceUnavailable || b.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, landed %v", path, b.Status, b.Landed)
		}
	}
}
