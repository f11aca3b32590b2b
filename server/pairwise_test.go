package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// known is what a client is told of a person, wherever it asks.
type known struct{ sub, sid string }

// tell signs the person in to an app and holds all that it is told against each other.
func tell(t *testing.T, s *servertest.Server, app *servertest.App, b *servertest.Browser, p servertest.Person) known {
	t.Helper()
	got := app.Login(t, b, p)
	id := app.IDToken(t, got.Extra("id_token").(string))
	var c struct {
		SID string `json:"sid"`
	}
	if err := id.Claims(&c); err != nil {
		t.Fatal(err)
	}
	if told := app.Userinfo(t, got.AccessToken); told["sub"] != id.Subject {
		t.Errorf("userinfo: %v, ID token %q", told["sub"], id.Subject)
	}
	for _, token := range []string{got.AccessToken, got.RefreshToken} {
		if _, answer := app.Post(t, "/oauth2/introspect", url.Values{"token": {token}}); answer["sub"] != id.Subject {
			t.Errorf("introspection: %v, ID token %q", answer, id.Subject)
		}
	}
	if again := app.Refresh(t, got.RefreshToken); app.IDToken(t, again.Extra("id_token").(string)).Subject != id.Subject {
		t.Error("refreshed: another sub")
	}
	return known{id.Subject, c.SID}
}

func pairwise(host string) func(m *clients.Metadata) {
	return func(m *clients.Metadata) {
		m.SubjectType, m.RedirectURIs = clients.SubjectPairwise, []string{"https://" + host + "/cb"}
	}
}

func TestPairwise_ASubjectForEachSector(t *testing.T) { // OpenID Connect Core section 8.1
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
			ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
			b := s.Browser(t)
			apps := map[string]*servertest.App{
				"public": s.App(t, "public"), "one": s.App(t, "one", pairwise("one.example")), "two": s.App(t, "two", pairwise("ONE.example:8443")),
				"other": s.App(t, "other", pairwise("other.example")),
			}
			got := map[string]known{}
			for name, app := range apps {
				got[name] = tell(t, s, app, b, ada)
			}
			switch {
			case got["public"].sub != ada.ID:
				t.Errorf("public: %v", got["public"])
			case len(got["one"].sub) != 43 || got["one"].sub == got["other"].sub || clients.LooksLikePerson(got["one"].sub):
				t.Errorf("%v", got)
			case got["one"].sub != got["two"].sub:
				t.Errorf("two clients of a sector: %v", got)
			}
			if sids := map[string]bool{got["public"].sid: true, got["one"].sid: true, got["two"].sid: true, got["other"].sid: true}; len(sids) != 4 {
				t.Errorf("clients can compare sessions: %v", got)
			}
			if another := tell(t, s, apps["one"], s.Browser(t), bob); another.sub == got["one"].sub {
				t.Error("two people have one name")
			}
			again := servertest.New(t, servertest.HandlerOnly(), servertest.On(db)) // another replica, or the same after a restart
			if after := tell(t, again, again.Declared(apps["one"].Metadata), again.Browser(t), ada); after.sub != got["one"].sub {
				t.Errorf("%q became %q", got["one"].sub, after.sub)
			}
		})
	}
}

// A hint is about whom its client knows by that name; nobody else's name means anything.
func TestPairwise_HintsMeanWhomTheClientKnows(t *testing.T) { // OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	app := s.App(t, "one", pairwise("one.example"))
	b := s.Browser(t)
	raw := app.Login(t, b, ada).Extra("id_token").(string)
	sub := app.IDToken(t, raw).Subject
	none, hint := oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("id_token_hint", raw)
	if r := app.Begin(t, b, none, hint); r.Code(t, b) == "" {
		t.Error("no code for the person of the hint")
	}
	for name, value := range map[string]string{"by the client's name": sub, "by our own": ada.ID} {
		r := app.Begin(t, b, none, oauth2.SetAuthURLParam("claims", `{"id_token":{"sub":{"value":"`+value+`"}}}`))
		if got := r.Answer(t, b); (got.Get("code") != "") != (value == sub) {
			t.Errorf("%s: %v", name, got)
		}
	}
	other := s.Browser(t)
	app.Login(t, other, bob)
	if got := app.Begin(t, other, none, hint).Answer(t, other); got.Get("error") != "login_required" {
		t.Errorf("somebody else is signed in: %v", got)
	}
	if other.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {raw}}.Encode()); !other.Has("logout-confirm") {
		t.Errorf("a hint of another person's session ended one without a question: %s", other.Text("main"))
	}
	if b.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {raw}}.Encode()); b.Has("logout-confirm") {
		t.Error("asked although the hint is of this very session")
	}
	if got := app.Begin(t, b, none).Answer(t, b); got.Get("error") != "login_required" {
		t.Errorf("after sign-out: %v", got)
	}
}

func TestPairwise_ARevokedTokenIsWrittenDownForItsPerson(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "one", pairwise("one.example"))
	got := app.Login(t, s.Browser(t), ada)
	app.Post(t, "/oauth2/revoke", url.Values{"token": {got.AccessToken}})
	events, err := s.Services().DB.EventsOfUser(t.Context(), ada.ID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if strings.Contains(e.Name, "token") && strings.Contains(e.Name, "revoked") {
			return
		}
	}
	t.Errorf("not among %d events", len(events))
}

func TestPairwise_TheSectorDocumentListsEveryRedirectURI(t *testing.T) { // OpenID Connect Dynamic Registration section 5
	body := ""
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	defer site.Close()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} }))
	m := clients.Metadata{SubjectType: clients.SubjectPairwise, SectorIdentifierURI: site.URL,
		RedirectURIs: []string{"https://a.example/cb", "https://b.example/cb"}}
	for document, ok := range map[string]bool{
		`["https://a.example/cb","https://b.example/cb","https://c.example/cb"]`: true, `["https://a.example/cb"]`: false, `{}`: false,
		``: false, `["https://a.example/cb",1]`: false,
	} {
		body = document
		if err := s.Services().Registrations.CheckSector(t.Context(), m); (err == nil) != ok {
			t.Errorf("%s: %v", document, err)
		}
	}
	m.SectorIdentifierURI = "https://169.254.169.254/"
	if err := s.Services().Registrations.CheckSector(t.Context(), m); err == nil {
		t.Error("an inner address was asked for")
	}
	m.SectorIdentifierURI = ""
	m.ClientID = "app"
	if err := m.WithDefaults().Validate(); err == nil || !strings.Contains(err.Error(), "sector_identifier_uri") {
		t.Errorf("two hosts and no sector: %v", err)
	}
	m.SubjectType = "secret"
	if err := m.WithDefaults().Validate(); err == nil || !strings.Contains(err.Error(), "subject_type") {
		t.Errorf("a subject type that is none: %v", err)
	}
}

// TestPairwise_ThePersonSeesWhatAnAppCallsThem among the connected apps, so that app and operator can find each other's records.
func TestPairwise_ThePersonSeesWhatAnAppCallsThem(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	one, plain := s.App(t, "one", pairwise("one.example")), s.App(t, "plain")
	sub := one.IDToken(t, one.Login(t, b, ada).Extra("id_token").(string)).Subject
	plain.Login(t, b, ada)
	text := b.Get(t, "/account/apps").Text("main")
	if sub == ada.ID || strings.Count(text, "Knows you as "+sub) != 1 || strings.Count(text, "Knows you as") != 1 {
		t.Errorf("%s: %s", sub, text)
	}
}
