package login_test

import (
	"net/url"
	"testing"

	"signet/server/servertest"
)

// BenchmarkSignIn is an app's request from nobody signed in to the code: request, sign-in page, password, consent remembered, answer.
// Passwords are hashed at the lowest cost, so that what is measured is everything else.
func BenchmarkSignIn(b *testing.B) {
	s := servertest.New(b, servertest.HandlerOnly())
	ada := s.Person(b, "ada@example.com")
	app := s.App(b, "shop").With("openid")
	first := s.Browser(b)
	app.Begin(b, first)
	first.SignIn(b, ada).Allow(b)
	form := url.Values{"username": {ada.Email}, "password": {ada.Password}}
	b.ReportAllocs()
	for b.Loop() {
		fresh := s.Browser(b)
		app.Begin(b, fresh)
		if fresh.Post(b, fresh.URL.RequestURI(), form); fresh.Landed == nil || fresh.Landed.Query().Get("code") == "" {
			b.Fatalf("no code: %d at %s", fresh.Status, fresh.URL)
		}
	}
}
