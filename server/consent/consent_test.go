package consent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

const api = `
resources:
  - {identifier: "https://api.example.com", name: Shop API, scopes: [api:read, api:write]}
  - {identifier: "https://files.example.com", name: "Files <b>", scopes: [files:read]}
  - identifier: https://bank.example.com
    name: Bank
    scopes:
      - {name: "bank:see", title: {en: "See your <b>accounts", de: Ihre Konten sehen}, description: Names and balances, required: true}
      - {name: "bank:move", title: {fr: Virer de l'argent}, sensitive: true}
`

type world struct {
	*servertest.Server
	ada, bob servertest.Person
	shop     *servertest.App
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(api))
	return &world{s, s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com"), s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope += " groups roles api:read api:write files:read bank:see bank:move"
	})}
}

// asked is a browser that shows the consent page.
func (w *world) asked(t *testing.T, app *servertest.App, more ...oauth2.AuthCodeOption) (*servertest.Browser, *servertest.Request) {
	t.Helper()
	b := w.Browser(t)
	r := app.Begin(t, b, more...)
	if b.SignIn(t, w.ada); !b.Has("consent-allow") {
		t.Fatalf("no question at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
	}
	return b, r
}

func TestI01_AnAppOfASchemeDoesNotShowAnotherHost(t *testing.T) { // RFC 8252 section 7.1
	w := newWorld(t)
	app := w.App(t, "app", func(m *clients.Metadata) {
		m.ApplicationType, m.RedirectURIs = clients.Native, []string{"com.example.app://bank.example/cb"}
	})
	b, _ := w.asked(t, app)
	if text := b.Text("main"); strings.Contains(text, "bank.example") || !strings.Contains(text, "com.example.app") {
		t.Errorf("the page says where people will be sent: %s", text)
	}
}

func TestI01_WhatIsShown(t *testing.T) {
	w := newWorld(t)
	b, _ := w.asked(t, w.shop.With("openid", "email", "api:read", "files:read"),
		oauth2.SetAuthURLParam("resource", "https://files.example.com/"))
	text := b.Text("main")
	for _, part := range []string{"Shop", "shop.example", "ada@example.com", "api:read", "Shop API"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not shown: %s", part, text)
		}
	}
	if got := b.Text("consent-resources"); !strings.Contains(got, "Files <b>") || strings.Contains(got, "Shop API") {
		t.Errorf("resources shown: %q", got)
	}
	if csp := b.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' https:") { // B02
		t.Errorf("CSP %q", csp)
	}
	form := b.FormWith("consent-allow")
	for name := range form.Fields {
		if name != "as" && name != "scope" && name != "question" { // to whom the page was shown, and what it asked
			t.Errorf("I04: the form carries %s", name)
		}
	}
	if u, err := url.Parse(form.Action); err != nil || u.Path != "/consent" || len(u.Query()) != 1 || u.Query().Get("i") == "" {
		t.Errorf("action %q", form.Action)
	}
}

func TestI02_WarnedOnlyOfAppsThatOthersCouldPoseAs(t *testing.T) { // RFC 8252 section 8.6
	w := newWorld(t)
	loopback := []string{"http://127.0.0.1:8090/cb"}
	native := func(m *clients.Metadata) {
		m.ApplicationType, m.RedirectURIs = clients.Native, []string{"http://127.0.0.1/cb"}
	}
	const words = "says it runs on your computer"
	for name, tt := range map[string]struct {
		change []func(m *clients.Metadata)
		warn   bool
	}{
		"web app": {[]func(m *clients.Metadata){servertest.Public}, false},
		"native":  {[]func(m *clients.Metadata){servertest.Public, native}, true},
		"native, the operator's": {[]func(m *clients.Metadata){servertest.Public, native, func(m *clients.Metadata) { m.FirstParty = true }},
			true},
		"private scheme": {
			[]func(m *clients.Metadata){servertest.Public, native, func(m *clients.Metadata) { m.RedirectURIs = []string{"com.example.app:/cb"} }},
			true},
		"on loopback, has secret": {[]func(m *clients.Metadata){func(m *clients.Metadata) { m.RedirectURIs = loopback }}, false},
		"on loopback, SPA": {[]func(m *clients.Metadata){servertest.Public, func(m *clients.Metadata) { m.RedirectURIs = loopback }},
			true},
		"on loopback and deployed": {
			[]func(m *clients.Metadata){servertest.Public, func(m *clients.Metadata) { m.RedirectURIs = append(m.RedirectURIs, loopback...) }},
			false},
	} {
		app := w.App(t, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", ""), tt.change...)
		b, _ := w.asked(t, app)
		if strings.Contains(b.Text("main"), words) != tt.warn {
			t.Errorf("%s: warned %v", name, !tt.warn)
		}
		if app.RedirectURIs[0] == "com.example.app:/cb" && !strings.HasSuffix(b.Header.Get("Content-Security-Policy"), " com.example.app:") {
			t.Errorf("%s: CSP %q", name, b.Header.Get("Content-Security-Policy")) // B02
		}
	}
}

// Allow with nothing ticked: the page comes again, and the app hears nothing until there is an answer.
func TestNothingTickedIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	app := w.shop.With("api:read", "offline_access")
	b, r := w.asked(t, app)
	for _, ticked := range [][]string{nil, {"offline_access"}, {"admin"}} {
		b.Submit(t, "consent-allow", url.Values{"scope": ticked})
		if b.Landed != nil || b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "Choose at least one, or deny") {
			t.Fatalf("%v: landed %v, %d: %s", ticked, b.Landed, b.Status, b.Text("main"))
		}
		if form := b.FormWith("consent-allow"); strings.Join(form.Fields["scope"], " ") != strings.ReplaceAll(
			strings.Join(ticked, " "), "admin", "") {
			t.Errorf("%v: ticked %v", ticked, form.Fields["scope"])
		}
		if csp := b.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' https:") { // B02
			t.Errorf("CSP %q", csp)
		}
	}
	if row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop"); err == nil {
		t.Errorf("remembered %+v", row)
	}
	b.Submit(t, "consent-allow", url.Values{"scope": {"api:read"}})
	if got := r.Exchange(t, r.Code(t, b)).Extra("scope"); got != "api:read" {
		t.Errorf("granted %q", got)
	}
	b, r = w.asked(t, app, oauth2.SetAuthURLParam("prompt", "consent"))
	b.Submit(t, "consent-allow", url.Values{"scope": nil})
	if b.Deny(t); r.Answer(t, b).Get("error") != "access_denied" {
		t.Errorf("%v", b.Landed)
	}
}

// What was left out is left out where something else was granted, and asked where it would be all.
func TestI03_WhatWasLeftOutIsRemembered(t *testing.T) {
	w := newWorld(t)
	b, r := w.asked(t, w.shop.With("api:read", "api:write"))
	b.Allow(t, "api:write")
	r.Code(t, b)
	one := w.shop.With("api:read")
	if one.Begin(t, b, oauth2.SetAuthURLParam("prompt", "none")); b.Landed == nil || b.Landed.Query().Get("error") != "consent_required" {
		t.Errorf("I05: landed at %v", b.Landed)
	}
	if one.Begin(t, b); !b.Has("consent-allow") || len(b.FormWith("consent-allow").Boxes) != 0 {
		t.Errorf("one thing: at %s, landed %v", b.URL, b.Landed)
	}
	more := w.shop.With("api:read", "api:write", "files:read")
	r = more.Begin(t, b)
	if form := b.FormWith("consent-allow"); form == nil || strings.Join(form.Fields["scope"], " ") != "files:read" ||
		strings.Join(form.Boxes, " ") != "scope=api:read scope=files:read" ||
		!strings.Contains(b.Text("main"), "You left this out before") {
		t.Fatalf("an added scope: at %s, landed %v: %s", b.URL, b.Landed, b.Text("main"))
	}
	if got := r.Exchange(t, r.Code(t, b.Submit(t, "consent-allow", nil))).Extra("scope"); got != "api:write files:read" {
		t.Errorf("granted %q", got)
	}
}

// A plain Allow grants what was asked: API scopes, groups and roles, what the claims parameter adds, staying signed in.
func TestPlainAllowGrantsWhatWasAsked(t *testing.T) {
	w := newWorld(t)
	for i, scope := range []string{
		"api:read offline_access", "openid api:read", "openid groups roles offline_access", "api:read", "openid bank:see", "bank:see",
		"bank:see offline_access",
		"openid profile email groups roles offline_access api:read api:write files:read bank:see",
	} {
		app := w.App(t, fmt.Sprint("app", i), func(m *clients.Metadata) { m.Scope = scope }).With(strings.Fields(scope)...)
		b, r := w.asked(t, app)
		if got := r.Exchange(t, r.Code(t, b.Submit(t, "consent-allow", nil))).Extra("scope"); got != scope {
			t.Errorf("%s: granted %q", scope, got)
		}
		if app.Begin(t, b); b.Landed == nil || b.Landed.Query().Get("code") == "" {
			t.Errorf("%s: asked again at %s", scope, b.URL)
		}
	}
	b, r := w.asked(t, w.shop.With("openid"), oauth2.SetAuthURLParam("claims", `{"userinfo":{"email":null}}`))
	token := r.Exchange(t, r.Code(t, b.Submit(t, "consent-allow", nil)))
	if got := w.shop.Userinfo(t, token.AccessToken); got["email"] != w.ada.Email {
		t.Errorf("userinfo %v", got)
	}
}

func TestRequiredAndSensitiveScopes(t *testing.T) {
	w := newWorld(t)
	app := w.shop.With("openid", "bank:see", "bank:move")
	b, r := w.asked(t, app)
	form, text := b.FormWith("consent-allow"), b.Text("main")
	if len(form.Boxes) != 1 || form.Boxes[0] != "scope=bank:move" || len(form.Fields["scope"]) != 0 {
		t.Errorf("boxes %v, ticked %v", form.Boxes, form.Fields["scope"])
	}
	for _, part := range []string{"See your <b>accounts", "Names and balances", "Virer de l'argent", "Bank calls this sensitive"} { // B5
		if !strings.Contains(text, part) {
			t.Errorf("%q is not shown: %s", part, text)
		}
	}
	if !strings.Contains(b.Body, `<bdi lang="fr">`) || strings.Contains(text, "bank:see") {
		t.Errorf("not said to be French, or a name is shown:\n%s", b.Body)
	}
	if got := r.Exchange(t, r.Code(t, b.Submit(t, "consent-allow", nil))).Extra("scope"); got != "openid bank:see" {
		t.Errorf("granted %q", got)
	}
	b, r = w.asked(t, app, oauth2.SetAuthURLParam("prompt", "consent"))
	if got := r.Exchange(t, r.Code(t, b.Allow(t, "bank:move"))).Extra("scope"); got != "openid bank:see bank:move" {
		t.Errorf("granted %q", got)
	}
	b, _ = w.asked(t, app, oauth2.SetAuthURLParam("prompt", "consent"), oauth2.SetAuthURLParam("ui_locales", "de"))
	if text := b.Text("main"); !strings.Contains(text, "Ihre Konten sehen") || !strings.Contains(text, "stuft dies als sensibel ein") {
		t.Errorf("in German: %s", text)
	}
	own := w.App(t, "own", func(m *clients.Metadata) { m.Scope, m.FirstParty = "openid bank:see bank:move offline_access", true })
	own = own.With("openid", "bank:see", "bank:move", "offline_access")
	if got := own.Login(t, w.Browser(t), w.ada).Extra("scope"); got != "openid bank:see bank:move offline_access" { // nobody is asked
		t.Errorf("first party: granted %q", got)
	}
}

// A client that repeats at refresh what it asked for at authorize gets what was allowed (RFC 6749 section 6).
func TestRefreshLeavesOutWhatWasUnticked(t *testing.T) {
	w := newWorld(t)
	b, r := w.asked(t, w.shop.With("openid", "api:read", "api:write", "offline_access"))
	token := r.Exchange(t, r.Code(t, b.Allow(t, "api:read", "offline_access"))).RefreshToken
	refresh := func(scope string) (got struct{ Scope, Error, RefreshToken string }) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.shop.OAuth.Endpoint.TokenURL,
			strings.NewReader(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "scope": {scope}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(w.shop.OAuth.ClientID, w.shop.OAuth.ClientSecret)
		res, err := w.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer struct {
			Scope, Error string
			RefreshToken string `json:"refresh_token"`
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if answer.RefreshToken != "" {
			token = answer.RefreshToken
		}
		got.Scope, got.Error = answer.Scope, answer.Error
		return got
	}
	for _, tt := range []struct{ asked, scope, err string }{
		{"openid api:read api:write offline_access", "openid api:read offline_access", ""},
		{"openid api:write", "openid", ""},
		{"", "openid api:read offline_access", ""},
		{"api:write", "", "invalid_scope"},         // nothing is left
		{"openid files:read", "", "invalid_scope"}, // was never asked for
		{"openid unheard-of", "", "invalid_scope"},
	} {
		if got := refresh(tt.asked); got.Scope != tt.scope || got.Error != tt.err {
			t.Errorf("scope %q: got %q %q, want %q %q", tt.asked, got.Scope, got.Error, tt.scope, tt.err)
		}
	}
}

// Nothing of what was asked for is the client's any more: the app hears of it, the person is asked nothing.
func TestH22_AllScopesAreGoneWhileThePageIsOpen(t *testing.T) {
	w := newWorld(t)
	page, r := w.asked(t, w.shop.With("api:read", "api:write"))
	m := w.shop.Metadata
	m.Scope, m.ClientSecret = "openid", ""
	if err := w.Services().Clients.Update(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if page.Submit(t, "consent-allow", nil); r.Answer(t, page).Get("error") != "invalid_scope" {
		t.Errorf("landed %v", page.Landed)
	}
}

func TestDeniedIsNotRemembered(t *testing.T) { // RFC 6749 section 4.1.2.1
	w := newWorld(t)
	b, r := w.asked(t, w.shop)
	if b.Deny(t); r.Answer(t, b).Get("error") != "access_denied" {
		t.Errorf("%v", b.Landed)
	}
	if w.shop.Begin(t, b); !b.Has("consent-allow") {
		t.Errorf("at %s, landed %v", b.URL, b.Landed)
	}
}

// Any decision but allow is a refusal.
func TestUnknownDecisionIsARefusal(t *testing.T) {
	w := newWorld(t)
	for _, decision := range []string{"", "yes", "ALLOW", "deny"} {
		b, r := w.asked(t, w.shop)
		b.Post(t, b.URL.RequestURI(), url.Values{"decision": {decision}})
		if r.Answer(t, b).Get("error") != "access_denied" {
			t.Errorf("%q: %v", decision, b.Landed)
		}
	}
}

func TestQuestionWaitsForItsTurn(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	b := w.Browser(t)
	w.shop.With("openid").Login(t, b, w.ada)
	for name, more := range map[string][2]string{"prompt": {"login consent", "login-submit"}, "max_age": {"0", "login-submit"}} {
		w.shop.With("openid", "api:read").Begin(t, b, oauth2.SetAuthURLParam(name, more[0]))
		i := b.URL.Query().Get("i")
		if b.Get(t, "/consent?i="+i); !b.Has(more[1]) {
			t.Errorf("%s: the question was shown at %s", name, b.URL.Path)
		}
		if b.Post(t, "/consent?i="+i, url.Values{"decision": {"allow"}, "scope": {"api:read"}}); !b.Has(more[1]) {
			t.Errorf("%s: answered at %s, landed %v", name, b.URL.Path, b.Landed)
		}
	}
	row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop")
	if err != nil || len(row.Offered) != 1 {
		t.Errorf("remembered %v %v", row.Offered, err)
	}
	if b.Get(t, "/consent"); b.Status != http.StatusBadRequest {
		t.Errorf("no interaction: %d", b.Status)
	}
	if w.Browser(t).Post(t, "/consent?i=x", url.Values{"decision": {"allow"}}); b.Status != http.StatusBadRequest {
		t.Errorf("no cookie: %d", b.Status)
	}
}

// The person changes between the page and its answer, in another tab.
func TestPersonSwitchesWhileThePageIsOpen(t *testing.T) {
	w := newWorld(t)
	page, r := w.asked(t, w.shop)
	other := page.Tab(t).Get(t, "/signin?i="+page.URL.Query().Get("i")+"&other=1")
	other.SignIn(t, w.bob)
	if page.Submit(t, "consent-allow", nil); !page.Has("consent-allow") || !strings.Contains(page.Text("main"), w.bob.Email) {
		t.Fatalf("Ada's page, Bob's cookie: Bob is not asked but at %s", page.URL)
	}
	page.Allow(t)
	token := r.Exchange(t, r.Code(t, page))
	if id := w.shop.IDToken(t, token.Extra("id_token").(string)); id.Subject != w.bob.ID {
		t.Errorf("the token is %s's", id.Subject)
	}
	if _, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop"); err == nil {
		t.Error("Ada is said to have agreed")
	}
}

func TestH22_AppChangesWhileThePageIsOpen(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	narrow := w.shop.With("openid", "api:read", "api:write")
	page, r := w.asked(t, narrow)
	m := w.shop.Metadata
	m.Scope, m.ClientSecret = "openid api:read", ""
	if err := w.Services().Clients.Update(ctx, m); err != nil {
		t.Fatal(err)
	}
	page.Submit(t, "consent-allow", url.Values{"scope": {"api:read", "api:write"}})
	if got := r.Exchange(t, r.Code(t, page)).Extra("scope"); got != "openid api:read" {
		t.Errorf("granted %q", got)
	}
	page, _ = w.asked(t, narrow, oauth2.SetAuthURLParam("prompt", "consent"))
	if err := w.Services().Clients.SetDisabled(ctx, "shop", true); err != nil {
		t.Fatal(err)
	}
	if page.Submit(t, "consent-allow", nil); page.Landed != nil || page.Status != http.StatusBadRequest {
		t.Errorf("disabled: %d, landed %v", page.Status, page.Landed)
	}
}

// Whatever is said on a page that was left open, the answer that was given counts: it leads where the first one led.
func TestB01_AnsweredTwice(t *testing.T) {
	w := newWorld(t)
	page, r := w.asked(t, w.shop)
	late := page.Tab(t).Get(t, page.URL.RequestURI())
	page.Allow(t)
	first := r.Code(t, page)
	if late.Submit(t, "consent-allow", nil); r.Code(t, late) == first {
		t.Error("the same code")
	}
	r.Exchange(t, r.Code(t, late))
	_, err := r.TryExchange(t.Context(), first)
	servertest.Refused(t, err, "invalid_grant")
	row, err := w.Services().DB.ConsentOf(t.Context(), w.ada.ID, "shop")
	if err != nil || len(row.Granted) == 0 {
		t.Errorf("%+v %v", row, err)
	}
}

// TestB01_ANoAfterTheYesGetsTheAppNothingMore: by Back, or in another tab.
func TestB01_ANoAfterTheYesGetsTheAppNothingMore(t *testing.T) {
	w := newWorld(t)
	page, r := w.asked(t, w.shop)
	late := page.Tab(t).Get(t, page.URL.RequestURI())
	r.Exchange(t, r.Code(t, page.Allow(t)))
	if late.Submit(t, "consent-deny", nil); late.Landed != nil || late.Status != http.StatusConflict {
		t.Errorf("at %v, %s (%d)", late.Landed, late.URL, late.Status)
	}
}

// TestB01_AnAnsweredRequestAsksNobodyElse: nothing would come of it, and what they allowed would be remembered.
func TestB01_AnAnsweredRequestAsksNobodyElse(t *testing.T) {
	w := newWorld(t)
	page, r := w.asked(t, w.shop)
	late := page.Tab(t).Get(t, page.URL.RequestURI())
	r.Code(t, page.Allow(t))
	i := url.Values{"i": {late.URL.Query().Get("i")}}.Encode()
	late.Get(t, "/signin?other=1&"+i).SignIn(t, w.bob)
	if late.Has("consent-allow") || late.Status != http.StatusConflict {
		t.Errorf("bob is asked: at %s (%d)", late.URL, late.Status)
	}
	late.Post(t, "/consent?"+i, url.Values{"decision": {"allow"}, "scope": {"email"}})
	if row, err := w.Services().DB.ConsentOf(t.Context(), w.bob.ID, "shop"); err == nil {
		t.Errorf("remembered %+v", row)
	}
}

func TestPromptConsentShowsWhatIsAsked(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	app := w.shop.With("openid", "api:read", "api:write")
	b, _ := w.asked(t, app)
	b.Allow(t, "api:read")
	r := app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
	if form := b.FormWith("consent-allow"); form == nil || len(form.Boxes) != 2 {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Allow(t)
	if got := r.Exchange(t, r.Code(t, b)).Extra("scope"); got != "openid api:read api:write" {
		t.Errorf("granted %q", got)
	}
}
