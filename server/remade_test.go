package server_test

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/server/servertest"
)

// TestATokenOfTheClientBefore: what a client got for itself, that was deleted since, is not the token of the next one with its id.
func TestATokenOfTheClientBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		machine := func(m *clients.Metadata) {
			m.RedirectURIs, m.ResponseTypes, m.GrantTypes, m.Scope = nil, nil, []string{clients.ClientCredentials}, ""
		}
		robot := s.App(t, "robot", machine)
		_, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.ClientCredentials}})
		token := url.Values{"token": {answer["access_token"].(string)}}
		if _, got := robot.Post(t, "/oauth2/introspect", token); got["active"] != true {
			t.Fatalf("before: %v", got)
		}
		time.Sleep(time.Minute)
		if err := s.Services().Clients.Delete(t.Context(), "robot"); err != nil {
			t.Fatal(err)
		}
		next := s.App(t, "robot", machine)
		if _, got := next.Post(t, "/oauth2/introspect", token); got["active"] != false {
			t.Errorf("after: %v", got)
		}
	})
}
