package server_test

import (
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/clients/apikey"
	"signet/server"
	"signet/server/servertest"
)

// TestWhoeverMadeAKeyIsToldThatItEnds by one email, whichever replica sees it first; of a key that ends later nobody is told, nor of one
// that the command line made.
func TestWhoeverMadeAKeyIsToldThatItEnds(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, servertest.Quiet(), engine)
		boss, ctx := s.Person(t, "boss@example.com"), t.Context()
		s.MakeAdmin(t, boss)
		if _, err := s.Services().Clients.Create(ctx, clients.Metadata{ClientID: "hr", ClientName: "HR & more", FirstParty: true,
			GrantTypes: []string{"client_credentials"}, TokenEndpointAuthMethod: clients.MethodBasic, Scope: "signet:people:read"}); err != nil {
			t.Fatal(err)
		}
		all := admin.SetOf(admin.All()...)
		key := func(a admin.Actor, days int) apikey.Key {
			k, _, err := s.Services().Admin.CreateAPIKey(ctx, a, apikey.Key{ClientID: "hr", Name: "nightly",
				Permissions: []string{"people:read"}, ExpiresAt: time.Now().AddDate(0, 0, days)})
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		person := admin.Actor{Kind: admin.KindPerson, ID: boss.ID, Holds: all}
		later := key(person, 20)
		runJob(t, s.Server, "api-keys")
		if err := s.Services().Admin.RevokeAPIKey(ctx, person, later.ID); err != nil {
			t.Fatal(err)
		}
		key(admin.Actor{Kind: admin.KindCommand, ID: "root@host", Holds: all}, 3)
		soon := key(person, 3)
		replica := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(s.Services().DB), servertest.Mail(box))
		for _, one := range []*server.Server{s.Server, replica.Server, s.Server} {
			runJob(t, one, "api-keys")
		}
		m := box.Wait(t, boss.Email)
		if !strings.Contains(m.Subject, "HR & more") || !strings.Contains(m.Text, soon.ID) || !strings.Contains(m.Text, "/admin/apps/hr") {
			t.Errorf("%q: %s", m.Subject, m.Text)
		}
		box.None(t, boss.Email)
	})
}
