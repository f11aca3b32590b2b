package server_test

import (
	"testing"

	"signet/server/servertest"
	"signet/storage/storagetest"
	"signet/users/factor"
)

// TestStatusLists_WhateverEndsThem: a password that is changed, all that ends at once, an account that is erased, a refresh token that came
// twice, a consent that is withdrawn and a client that is deleted end tokens in the lists of every replica.
func TestStatusLists_WhateverEndsThem(t *testing.T) {
	db := storagetest.Postgres(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	both := []*servertest.Server{s, servertest.New(t, servertest.HandlerOnly(), servertest.On(db))}
	people, app := s.Services().People, s.App(t, "notes").With("openid", "offline_access")
	for what, act := range map[string]func(p servertest.Person, refresh string) error{
		"a new password": func(p servertest.Person, _ string) error {
			return people.SetPassword(t.Context(), factor.ForOperator(p.ID, factor.ResetPassword), "another horse battery staple")
		},
		"everywhere": func(p servertest.Person, _ string) error { return people.EndAll(t.Context(), p.ID, "", "test") },
		"erased": func(p servertest.Person, _ string) error {
			_, err := s.Services().Deletion.Delete(t.Context(), p.ID, true)
			return err
		},
		"used twice": func(_ servertest.Person, refresh string) error {
			for token := refresh; ; {
				next, err := app.TryRefresh(app.Context(t.Context()), token)
				if err != nil || token != refresh {
					_, err = app.TryRefresh(app.Context(t.Context()), refresh)
					if err == nil {
						t.Error("a refresh token was good after the next was used")
					}
					return nil
				}
				token = next.RefreshToken
			}
		},
	} {
		p := s.Person(t, "p"+what[:1]+what[len(what)-1:]+"@example.com")
		token := app.Login(t, s.Browser(t), p)
		claim := statusOf(t, token.AccessToken)
		if endedAt(t, s, claim) {
			t.Errorf("%s: ended before", what)
		}
		if err := act(p, token.RefreshToken); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Log(what)
		endsAt(t, both, claim)
	}
	p := s.Person(t, "last@example.com")
	claim := statusOf(t, app.Login(t, s.Browser(t), p).AccessToken)
	if err := s.Services().Clients.Delete(t.Context(), "notes"); err != nil {
		t.Fatal(err)
	}
	endsAt(t, both, claim)
}
