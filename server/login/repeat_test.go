package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// code is what an app gets.
func code(b *servertest.Browser) string {
	if b.Landed == nil {
		return ""
	}
	return b.Landed.Query().Get("code")
}

// registered gives the app other addresses.
func registered(t *testing.T, s *servertest.Server, uris ...string) {
	t.Helper()
	c, err := s.Services().Clients.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	m := c.Metadata
	m.RedirectURIs = uris
	if err := s.Services().Clients.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// Rule B01: a second click on Allow, Back and reload lead the app where the first click led, with a fresh code; the unused one is dead.
func TestB01_AllowedTwiceLeadsToTheApp(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		b.SignIn(t, ada)
		page, form := b.URL.RequestURI(), b.FormWith("consent-allow").Fields
		form.Set("decision", "allow")
		b.Post(t, page, form)
		first := code(b)
		b.Post(t, page, form)
		second := code(b)
		b.Get(t, page)
		third := code(b)
		if first == "" || second == "" || third == "" || first == second || second == third {
			t.Fatalf("codes %q, %q, %q; at %s (%d)", first, second, third, b.URL, b.Status)
		}
		for _, old := range []string{first, second} {
			if _, err := r.TryExchange(t.Context(), old); err == nil {
				t.Error("an earlier code is good still")
			}
		}
		r.Exchange(t, third)
		if b.Get(t, page); code(b) == "" || code(b) == third {
			t.Errorf("after the code was used: %s (%d)", b.URL, b.Status)
		}
		r.Exchange(t, code(b))
	})
}

// … five times in all; then the page says so and offers the way back, and never goes there by itself.
func TestB01_AnAppIsAnsweredFiveTimesAtMost(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "shop").With("openid")
	b := s.Browser(t)
	app.Begin(t, b, oauth2.SetAuthURLParam("state", "kept"))
	b.SignIn(t, ada)
	page := b.URL.RequestURI()
	for n := range 5 {
		if n == 0 {
			b.Allow(t)
		} else {
			b.Get(t, page)
		}
		if code(b) == "" {
			t.Fatalf("answer %d: %d at %s", n+1, b.Status, b.URL)
		}
	}
	b.Get(t, page)
	if b.Status != http.StatusConflict || b.Landed != nil || !strings.Contains(b.Body, "/oauth2/return?i=") {
		t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
	b.Get(t, "/oauth2/return?i="+b.URL.Query().Get("i"))
	if q := b.Landed.Query(); q.Get("error") != "access_denied" || q.Get("state") != "kept" || q.Get("iss") != s.URL || q.Get("code") != "" {
		t.Errorf("the way back: %s", b.Landed)
	}
}

// … and for the same person only.
func TestB01_NobodyElseIsAnsweredAbout(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	app := s.App(t, "shop").With("openid")
	b := s.Browser(t)
	app.Begin(t, b)
	i := b.URL.Query().Get("i")
	b.SignIn(t, ada).Allow(t)
	b.Get(t, "/signin?i="+i+"&other=1").SignIn(t, bob)
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	if b.Landed != nil || b.Status != http.StatusConflict {
		t.Errorf("%d at %s, landed %v", b.Status, b.URL, b.Landed)
	}
}

// Rule B02: Sign in clicked twice keeps the app.
func TestB02_SignedInTwiceKeepsTheApp(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		app.Login(t, s.Browser(t), ada) // the consent is remembered
		b := s.Browser(t)
		r := app.Begin(t, b)
		page := b.URL.RequestURI()
		form := url.Values{"username": {ada.Email}, "password": {ada.Password}}
		b.Post(t, page, form)
		first := code(b)
		b.Post(t, page, form)
		if first == "" || code(b) == "" || first == code(b) {
			t.Fatalf("codes %q, %q at %s (%d)", first, code(b), b.URL, b.Status)
		}
		r.Exchange(t, code(b))
		if b.Get(t, page); code(b) == "" {
			t.Errorf("Back to the sign-in page: %d at %s", b.Status, b.URL)
		}
	})
}

// … and a request that took too long says so and offers the way back, for a day.
func TestB02_ARequestThatIsOverOffersTheWayBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		app.Begin(t, b, oauth2.SetAuthURLParam("state", "kept"))
		i := b.URL.Query().Get("i")
		time.Sleep(31 * time.Minute)
		b.Post(t, "/signin?i="+i, url.Values{"username": {ada.Email}, "password": {ada.Password}})
		if b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "took too long") ||
			!strings.Contains(b.Body, "/oauth2/return?i="+i) {
			t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		for _, job := range s.Jobs() {
			if strings.HasPrefix(job.Name, "past-") || strings.HasPrefix(job.Name, "expire-interactions") {
				if err := job.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(20 * time.Hour)
		for _, page := range []string{"/signin", "/consent", "/oauth2/continue", "/signup", "/forgot", "/choose", "/terms"} {
			if b.Get(t, page+"?i="+i); b.Status != http.StatusBadRequest || b.Landed != nil || !strings.Contains(b.Body, "/oauth2/return?i="+i) {
				t.Errorf("%s: %d at %s", page, b.Status, b.URL)
			}
		}
		b.Get(t, "/oauth2/return?i="+i)
		if b.Landed == nil || b.Landed.Query().Get("error") != "access_denied" || b.Landed.Query().Get("state") != "kept" ||
			b.Landed.Query().Get("iss") != s.URL {
			t.Errorf("the way back: %v", b.Landed)
		}
		if other := s.Browser(t).Get(t, "/oauth2/return?i="+i); other.Landed != nil || other.Status != http.StatusBadRequest {
			t.Errorf("another browser: %d, %v", other.Status, other.Landed)
		}
		registered(t, s, "https://elsewhere.example/cb")
		if b.Get(t, "/oauth2/return?i="+i); b.Landed != nil {
			t.Errorf("an address that is not registered any more: %s", b.Landed)
		}
		time.Sleep(5 * time.Hour)
		if b.Get(t, "/oauth2/return?i="+i); b.Landed != nil {
			t.Errorf("after a day: %s", b.Landed)
		}
	})
}

// Rule A18: the address that the answer goes to is matched again when a request goes on.
func TestH22_AnAddressRemovedWhileThePageIsOpenGetsNothing(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		for name, act := range map[string]func(b *servertest.Browser){
			"sign-in":  func(b *servertest.Browser) { b.SignIn(t, ada) },
			"consent":  func(b *servertest.Browser) { b.SignIn(t, ada).Allow(t) },
			"continue": func(b *servertest.Browser) { b.Get(t, "/oauth2/continue?i="+b.URL.Query().Get("i")) },
			"cancel":   func(b *servertest.Browser) { b.Get(t, "/signin?cancel=1&i="+b.URL.Query().Get("i")) },
		} {
			b := s.Browser(t)
			app.Begin(t, b)
			if name == "consent" {
				b.SignIn(t, ada)
			}
			registered(t, s, "https://elsewhere.example/cb")
			if name == "consent" {
				b.Submit(t, "consent-allow", nil)
			} else {
				act(b)
			}
			if b.Landed != nil || b.Status != http.StatusBadRequest {
				t.Errorf("%s: %d at %s, landed %v", name, b.Status, b.URL, b.Landed)
			}
			registered(t, s, "https://shop.example/cb")
		}
	})
}

// Rule A05: an essential acr and a consent that is due lead to an end.
func TestA05_AnEssentialClassAndAConsentDoNotLoop(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		claims := oauth2.SetAuthURLParam("claims", `{"id_token":{"acr":{"essential":true,"values":["2"]}}}`)
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		app.Begin(t, b, claims) // the browser follows twelve redirects at most
		if b.Landed == nil || b.Landed.Query().Get("error") != "unmet_authentication_requirements" {
			t.Errorf("nothing to reach it with: %d at %s, %v", b.Status, b.URL, b.Landed)
		}
		auth := s.AddAuthenticator(t, ada)
		fresh := s.Browser(t)
		r := app.Begin(t, fresh, claims)
		fresh.SignIn(t, ada).Submit(t, "factor-submit", url.Values{"code": {auth.Code(t)}})
		fresh.Allow(t)
		r.Exchange(t, r.Code(t, fresh))
	})
}

// Rule A17: a link cannot bring another account of the browser into view.
func TestH16_ALoginHintSwitchesNoAccount(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	app := s.App(t, "shop").With("openid")
	b := s.Browser(t)
	app.Login(t, b, bob)
	b.Get(t, "/signin?other=1").SignIn(t, ada)
	hint := oauth2.SetAuthURLParam("login_hint", bob.Email)
	r := app.Begin(t, b, hint)
	id := app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
	if id.Subject != bob.ID {
		t.Errorf("the answer is about %s, not the account that was named", id.Subject)
	}
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), ada.Email) {
		t.Error("another account is in view")
	}
	app.Begin(t, b, hint, oauth2.SetAuthURLParam("prompt", "consent"))
	if b.URL.Path != "/choose" {
		t.Errorf("with a question to ask: at %s", b.URL)
	}
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), ada.Email) {
		t.Error("another account is in view")
	}
}

// Back to the page of consent leads to the app while the request lives, and says that it was answered ever after: it did not take too
// long, and something was shared.
func TestBackAfterConsentSaysThatItWasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		b.SignIn(t, ada)
		page := b.URL.RequestURI()
		b.Allow(t)
		r.Exchange(t, code(b))
		time.Sleep(31 * time.Minute)
		for _, when := range []string{"over", "trimmed"} {
			b.Get(t, page)
			if said := b.Text("main"); b.Status != http.StatusConflict || b.Landed != nil || !strings.Contains(said, "already answered") {
				t.Errorf("%s: %d at %s: %s", when, b.Status, b.URL, said)
			}
			for _, job := range s.Jobs() {
				if strings.HasPrefix(job.Name, "past-") {
					if err := job.Run(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}
