package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/clients/detail"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

const bank = "https://bank.test"

// declareBank makes the bank, whose payments apps ask for, and an app that may.
func declareBank(t *testing.T, s *servertest.Server, change ...func(*clients.Metadata)) *servertest.App {
	t.Helper()
	one := func(s string) clients.Text { return clients.Text{"": s} }
	r := clients.Resource{Identifier: bank, Name: "Ada's Bank", Scopes: []string{"accounts"}, IntrospectedBy: []string{"bank-api"},
		ExchangedBy: []string{"bank-api"},
		DetailsTypes: []detail.Type{{Type: "payment", Title: clients.Text{"en": "Make one payment", "de": "Eine Zahlung"},
			Fields: []detail.Field{
				{Name: "to", Title: one("Receiver"), Kind: detail.KindText, Required: true},
				{Name: "amount.value", Title: one("Amount"), Kind: detail.KindDecimal, Required: true, AtMost: true},
				{Name: "amount.currency", Title: one("Currency"), Kind: detail.KindText, Required: true,
					Values: []detail.Value{{Value: "EUR", Title: one("Euros")}}},
				{Name: "instant", Title: one("At once"), Kind: detail.KindBoolean},
			}}}}
	if err := s.Services().Clients.PutResource(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	app := s.App(t, "shop",
		append([]func(*clients.Metadata){func(m *clients.Metadata) { m.DetailsTypes = []string{"payment"} }}, change...)...)
	return app
}

func pays(to, value string) string {
	raw, err := json.Marshal([]any{map[string]any{"type": "payment", "to": to, "instant": true,
		"amount": map[string]string{"value": value, "currency": "EUR"}}})
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// asJSON is a decoded answer's member, for comparing.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const paid = `[{"amount":{"currency":"EUR","value":"12.50"},"instant":true,"to":"Bob \u003cb\u003eCorp\u003c/b\u003e","type":"payment"}]`

// TestRFC9396_FromOutside: what was asked for is read in plain words, allowed, and said by token, answer and introspection.
func TestRFC9396_FromOutside(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(open(t)))
			app, ada, b := declareBank(t, s), s.Person(t, "ada@example.com"), s.Browser(t)
			api := s.App(t, "bank-api", func(m *clients.Metadata) { m.GrantTypes, m.RedirectURIs = []string{clients.ClientCredentials}, nil })
			ask := oauth2.SetAuthURLParam("authorization_details", pays("Bob <b>Corp</b>", "12.50"))
			r := app.With().Begin(t, b, ask) // without a scope
			b.SignIn(t, ada)
			for _, words := range []string{"Make one payment", "Receiver", "Bob <b>Corp</b>", "12.50", "Euros", "At once", "Yes", "Ada's Bank"} {
				if !strings.Contains(b.Text("details"), words) {
					t.Errorf("the page does not say %q: %s", words, b.Text("main"))
				}
			}
			b.Allow(t)
			code := r.Code(t, b)
			tokens := r.Exchange(t, code)
			if got := asJSON(t, tokens.Extra("authorization_details")); got != paid {
				t.Errorf("answer: %s", got)
			}
			c := claimsOf(t, tokens.AccessToken)
			if asJSON(t, c["authorization_details"]) != paid || c["aud"] != bank || c["scope"] != nil {
				t.Errorf("claims: %v", c)
			}
			_, told := api.Post(t, "/oauth2/introspect", url.Values{"token": {tokens.AccessToken}})
			if told["active"] != true || asJSON(t, told["authorization_details"]) != paid {
				t.Errorf("introspection: %v", told)
			}
			// a refresh has them all, or less, and the next one all again
			for _, test := range []struct{ ask, value string }{{"", "12.50"}, {pays("Bob <b>Corp</b>", "3"), "3"}, {"", "12.50"}} {
				form := refreshForm(tokens.RefreshToken)
				if test.ask != "" {
					form.Set("authorization_details", test.ask)
				}
				status, got := app.Post(t, "/oauth2/token", form)
				if status != 200 || !strings.Contains(asJSON(t, got["authorization_details"]), `"value":"`+test.value+`"`) ||
					asJSON(t, claimsOf(t, got["access_token"].(string))["authorization_details"]) != asJSON(t, got["authorization_details"]) {
					t.Fatalf("refresh with %q: %d %v", test.ask, status, got)
				}
				tokens.RefreshToken = got["refresh_token"].(string)
			}
			for _, more := range []string{pays("Bob <b>Corp</b>", "12.51"), pays("Eve", "1"), `[{"type":"payment"}]`, `[]`, `x`} {
				form := refreshForm(tokens.RefreshToken)
				form.Set("authorization_details", more)
				if status, got := app.Post(t, "/oauth2/token", form); status != 400 || got["error"] != "invalid_authorization_details" {
					t.Errorf("refresh with %s: %d %v", more, status, got)
				}
			}
			// the same app again, in the same browser: it is asked again, and denied
			again := app.With().Begin(t, b, ask)
			if b.Landed != nil || !b.Has("consent-allow") {
				t.Fatal("nobody was asked for the second payment")
			}
			b.Submit(t, "consent-deny", nil)
			if got := again.Answer(t, b); got.Get("error") != "access_denied" {
				t.Errorf("denied: %v", got)
			}
			b.Get(t, app.OAuth.AuthCodeURL("s", ask, oauth2.SetAuthURLParam("prompt", "none"), oauth2.S256ChallengeOption(again.Verifier)))
			if b.Landed == nil || b.Landed.Query().Get("error") != "consent_required" {
				t.Errorf("prompt=none: at %s", b.URL)
			}
			// an app that lost the type gets no token that says it
			if _, err := s.Services().Clients.Change(t.Context(), "shop",
				func(m *clients.Metadata) error { m.DetailsTypes = nil; return nil }); err != nil {
				t.Fatal(err)
			}
			status, got := app.Post(t, "/oauth2/token", refreshForm(tokens.RefreshToken))
			if status != 400 || got["error"] != "invalid_authorization_details" {
				t.Errorf("after the app lost the type: %d %v", status, got)
			}
		})
	}
}

// TestRFC9396_BesideScopesAndResources: a token says only what its audience takes.
func TestRFC9396_BesideScopesAndResources(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	app := declareBank(t, s, func(m *clients.Metadata) { m.Scope = "openid email accounts stock offline_access" })
	if err := s.Services().Clients.PutResource(t.Context(),
		clients.Resource{Identifier: "https://stock.test", Scopes: []string{"stock"}}); err != nil {
		t.Fatal(err)
	}
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	ask := oauth2.SetAuthURLParam("authorization_details", pays("Bob", "1"))
	r := app.With("openid", "stock").Begin(t, b, ask)
	b.SignIn(t, ada).Allow(t)
	tokens := r.Exchange(t, r.Code(t, b))
	if c := claimsOf(t, tokens.AccessToken); asJSON(t, c["aud"]) != `["https://stock.test","`+bank+`","`+s.URL+`"]` ||
		c["authorization_details"] == nil {
		t.Errorf("all: %v", c)
	}
	form := refreshForm(tokens.RefreshToken)
	form.Set("resource", "https://stock.test")
	_, got := app.Post(t, "/oauth2/token", form)
	if c := claimsOf(t, got["access_token"].(string)); c["authorization_details"] != nil || got["authorization_details"] != nil ||
		c["aud"] != "https://stock.test" {
		t.Errorf("for the stock: %v", c)
	}
	form = refreshForm(got["refresh_token"])
	form.Set("resource", bank)
	_, got = app.Post(t, "/oauth2/token", form)
	if c := claimsOf(t, got["access_token"].(string)); c["authorization_details"] == nil || c["aud"] != bank {
		t.Errorf("for the bank: %v", c)
	}
	form = refreshForm(got["refresh_token"])
	form["resource"], form["authorization_details"] = []string{"https://stock.test"}, []string{pays("Bob", "1")}
	if status, got := app.Post(t, "/oauth2/token", form); status != 400 || got["error"] != "invalid_authorization_details" {
		t.Errorf("for another resource: %d %v", status, got)
	}
	// no other grant makes any
	status, got := app.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "authorization_details": {pays("Bob", "1")}})
	if status != 400 || got["error"] != "invalid_authorization_details" {
		t.Errorf("client credentials: %d %v", status, got)
	}
}

// TestRFC9396_TheOtherWaysIn: pushed, and for a device; and what is refused there.
func TestRFC9396_TheOtherWaysIn(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	app := declareBank(t, s)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	verifier := oauth2.GenerateVerifier()
	push := func(details string) (int, map[string]any) {
		return app.Post(t, "/oauth2/par", url.Values{"response_type": {"code"}, "redirect_uri": app.RedirectURIs, "state": {"s"},
			"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}, "authorization_details": {details}})
	}
	status, got := push(pays("Bob", "7"))
	if status != 201 {
		t.Fatalf("%d %v", status, got)
	}
	b.Get(t, s.URL+"/oauth2/authorize?"+url.Values{"client_id": {"shop"}, "request_uri": {got["request_uri"].(string)}}.Encode())
	b.SignIn(t, ada)
	if !strings.Contains(b.Text("details"), "Bob") {
		t.Fatalf("pushed: %s", b.Text("main"))
	}
	b.Allow(t)
	status, got = app.Post(t, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {b.Landed.Query().Get("code")},
		"redirect_uri": app.RedirectURIs, "code_verifier": {verifier}, "authorization_details": {pays("Bob", "5")}})
	if status != 200 || !strings.Contains(asJSON(t, got["authorization_details"]), `"value":"5"`) {
		t.Errorf("a code for less: %d %v", status, got)
	}
	for _, bad := range []string{`[{"type":"payment"}]`, `[{"type":"nobody"}]`, `{}`, `[`, pays("a\u202eb", "1"), pays("Bob", "1e3")} {
		if status, got := push(bad); status != 400 || got["error"] != "invalid_authorization_details" {
			t.Errorf("push of %s: %d %v", bad, status, got)
		}
		r := app.With().Begin(t, b, oauth2.SetAuthURLParam("authorization_details", bad))
		if got := r.Answer(t, b); got.Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: %v", bad, got)
		}
	}
	if status, got := push(pays(strings.Repeat("x", 5000), "1")); status != 400 || got["error"] != "invalid_request" {
		t.Errorf("one that is too long: %d %v", status, got)
	}
	other := s.App(t, "other") // which may not
	r := other.Begin(t, b, oauth2.SetAuthURLParam("authorization_details", pays("Bob", "1")))
	if got := r.Answer(t, b); got.Get("error") != "invalid_authorization_details" {
		t.Errorf("an app without the type: %v", got)
	}
	d := newTV(t, s, "tv", func(m *clients.Metadata) { m.DetailsTypes = []string{"payment"} })
	status, codes := d.app.Post(t, "/oauth2/device_authorization",
		url.Values{"client_id": {"tv"}, "authorization_details": {pays("Bob", "9")}})
	if status != 200 {
		t.Fatalf("device: %d %v", status, codes)
	}
	d.asked(b, ada, codes["user_code"].(string))
	if !strings.Contains(b.Text("details"), "Bob") {
		t.Errorf("the device's page does not say it: %s", b.Text("main"))
	}
	b.Submit(t, "device-allow", nil)
	if status, got = d.poll(codes["device_code"].(string)); status != 200 ||
		!strings.Contains(asJSON(t, got["authorization_details"]), `"9"`) {
		t.Errorf("device: %d %v", status, got)
	}
}

// TestRFC9396_AnAppAsksSomebodyElsewhere for something in particular (CIBA Core section 7.1): the person reads just that before they say
// yes, and it is what the token is for.
func TestRFC9396_AnAppAsksSomebodyElsewhere(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	declareBank(t, s)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	c := newCounter(t, s, "till", func(m *clients.Metadata) { m.DetailsTypes = []string{"payment"} })
	id := c.begin(ada.Email, "authorization_details", pays("Bob", "9"))
	c.sees(b, ada, 1)
	if !strings.Contains(b.Text("details"), "Bob") {
		t.Errorf("the page does not say it: %s", b.Text("main"))
	}
	if b.Submit(t, "request-allow", url.Values{"details": {"x"}}); !b.Has("request-allow") {
		t.Errorf("what was not shown: at %s: %s", b.URL, b.Text("main"))
	}
	b.Submit(t, "request-allow", nil)
	if status, got := c.poll(id); status != 200 || !strings.Contains(asJSON(t, got["authorization_details"]), `"9"`) {
		t.Errorf("%d %v", status, got)
	}
	for name, bad := range map[string]string{"unknown type": `[{"type":"nobody"}]`, "too little": `[{"type":"payment"}]`, "no list": `{}`} {
		if status, got := c.ask(ada.Email, "authorization_details", bad); status != 400 || got["error"] != "invalid_authorization_details" {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	other := newCounter(t, s, "other") // which may not
	if status, got := other.ask(ada.Email, "authorization_details", pays("Bob", "9")); got["error"] != "invalid_authorization_details" {
		t.Errorf("an app without the type: %d %v", status, got)
	}
}

// TestRFC9396_WhatWasNotShownIsNotAllowed: an answer to a page that said something else, which a replica of the release before made for
// example, or an app's own form.
func TestRFC9396_WhatWasNotShownIsNotAllowed(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	app, ada, b := declareBank(t, s), s.Person(t, "ada@example.com"), s.Browser(t)
	ask := oauth2.SetAuthURLParam("authorization_details", pays("Bob", "1"))
	r := app.With("openid").Begin(t, b, ask)
	b.SignIn(t, ada)
	for _, digest := range []string{"", "x"} {
		b.Submit(t, "consent-allow", url.Values{"details": {digest}})
		if b.Landed != nil || !b.Has("consent-allow") || !strings.Contains(b.Text("details"), "Bob") {
			t.Fatalf("with %q: at %s: %s", digest, b.URL, b.Text("main"))
		}
	}
	b.Allow(t)
	if got := asJSON(t, r.Exchange(t, r.Code(t, b)).Extra("authorization_details")); !strings.Contains(got, "Bob") {
		t.Errorf("allowed: %s", got)
	}
	d := newTV(t, s, "tv", func(m *clients.Metadata) { m.DetailsTypes = []string{"payment"} })
	_, codes := d.app.Post(t, "/oauth2/device_authorization",
		url.Values{"client_id": {"tv"}, "scope": {"openid"}, "authorization_details": {pays("Bob", "9")}})
	d.asked(b, ada, codes["user_code"].(string))
	if b.Submit(t, "device-allow", url.Values{"details": {"x"}}); !b.Has("device-allow") {
		t.Errorf("device: at %s: %s", b.URL, b.Text("main"))
	}
	d.wants("not shown", codes["device_code"].(string), "authorization_pending")
	// an app that nobody is asked for gets them without a page, and loses them with its type
	own := s.App(t, "own", func(m *clients.Metadata) { m.FirstParty, m.DetailsTypes = true, []string{"payment"} })
	r = own.With("openid").Begin(t, b, ask)
	if got := asJSON(t, r.Exchange(t, r.Code(t, b)).Extra("authorization_details")); !strings.Contains(got, "Bob") {
		t.Errorf("first party: %s", got)
	}
}
