package server_test

import (
	"maps"
	"net/url"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// TestAClientMadeAgainHasNoneOfTheTokensBefore: a client is deleted and another is made under its id at once, before clocks could tell
// which of them a token is of: those that the one before got for itself, and by exchange, are inactive, those of the new one are active.
func TestAClientMadeAgainHasNoneOfTheTokensBefore(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine, servertest.YAML(`resources:
  - {identifier: "https://api.example/", scopes: ["notes:read"], introspected_by: [gate], exchanged_by: [middle]}
`))
		machine := func(id string, change ...func(m *clients.Metadata)) *servertest.App {
			return s.App(t, id, append(change, func(m *clients.Metadata) {
				m.RedirectURIs, m.ResponseTypes, m.Scope = nil, nil, "notes:read"
				m.GrantTypes = append(m.GrantTypes[:0:0], clients.ClientCredentials)
				if m.Exchange != nil {
					m.GrantTypes = append(m.GrantTypes, clients.TokenExchange)
				}
			})...)
		}
		exchanger := func(m *clients.Metadata) {
			m.Exchange = &clients.Exchange{SubjectsFrom: []string{"robot"}, Targets: []string{"https://api.example/"},
				Scopes: []string{"notes:read"}}
		}
		gate, robot, middle := machine("gate"), machine("robot"), machine("middle", exchanger)
		token := func(app *servertest.App, more url.Values) string {
			t.Helper()
			form := url.Values{"grant_type": {clients.ClientCredentials}, "resource": {"https://api.example/"}}
			maps.Copy(form, more)
			status, got := app.Post(t, "/oauth2/token", form)
			if status != 200 {
				t.Fatalf("%v: %d %v", form, status, got)
			}
			return got["access_token"].(string)
		}
		active := func(token string) bool {
			t.Helper()
			status, got := gate.Post(t, "/oauth2/introspect", url.Values{"token": {token}})
			if status != 200 {
				t.Fatalf("%d %v", status, got)
			}
			return got["active"].(bool)
		}
		exchanged := func(app *servertest.App, subject string) string {
			t.Helper()
			return token(app, url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {subject},
				"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}})
		}
		own := token(robot, nil)
		handed := exchanged(middle, own)
		if !active(own) || !active(handed) {
			t.Fatal("inactive at first")
		}
		again := func(id string) {
			t.Helper()
			if err := s.Services().Clients.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		again("middle")
		middle = machine("middle", exchanger)
		if active(handed) {
			t.Error("what the exchanging client before got is active")
		}
		if other := exchanged(middle, own); !active(other) {
			t.Error("what the one after got is not")
		}
		handed = exchanged(middle, own)
		again("robot")
		robot = machine("robot")
		if active(own) || active(handed) {
			t.Errorf("own tokens of the client before: %v; handed over: %v", active(own), active(handed))
		}
		if status, got := middle.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {own},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}}); status != 400 {
			t.Errorf("exchanged: %d %v", status, got)
		}
		if mine := token(robot, nil); !active(mine) || !active(exchanged(middle, mine)) {
			t.Error("tokens of the client after are not active")
		}
	})
}
