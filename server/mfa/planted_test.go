package mfa_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
)

// TestF05_AFirstStepIsOfTheBrowserThatDidIt: who knows a browser's cookies from before the password, because they sat there or put them
// there, does not go on from the password that somebody types in it then: neither where the second factor is asked for, nor where the
// person has to set one up. In the browser itself several tabs wait for theirs.
func TestF05_AFirstStepIsOfTheBrowserThatDidIt(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.YAML("factors: {required: everyone}"))
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		s.App(t, "shop").Begin(t, b)
		b.SignIn(t, ada)
		setup := b.URL.String()
		if !strings.Contains(setup, "/signin/factor/setup") {
			t.Fatalf("at %s", setup)
		}
		if thief := b.Without(t, "steps"); thief.Get(t, setup).Has("totp-confirm") || thief.URL.Path != "/signin" {
			t.Errorf("who knows the cookie of the browser sets up a second factor: at %s", thief.URL)
		}
		first := b.Tab(t)
		first.Get(t, "/signin").SignIn(t, ada)
		second := b.Tab(t)
		second.Get(t, "/signin").SignIn(t, ada)
		secret := b.Get(t, setup).Text("totp-secret")
		b.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTPAt(t, secret, -1)}})
		if !strings.Contains(b.Text("main"), "Recovery codes") {
			t.Fatalf("the first tab, after two more: at %s: %s", b.URL, b.Text("main"))
		}

		fresh := s.Browser(t)
		s.App(t, "shop2").Begin(t, fresh)
		fresh.SignIn(t, ada)
		factor := fresh.URL.String()
		if !fresh.Has("factor-submit") {
			t.Fatalf("at %s", factor)
		}
		if thief := fresh.Without(t, "steps"); thief.Get(t, factor).Has("factor-submit") {
			t.Error("who knows the cookie of the browser is asked for the second factor")
		}
		if !fresh.Get(t, factor).Has("factor-submit") {
			t.Error("the browser itself is not asked any more")
		}
		if fresh.Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}}); !fresh.Has("consent-allow") {
			t.Errorf("at %s", fresh.URL)
		}
	})
}
