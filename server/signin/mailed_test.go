package signin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/audit"
	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
)

// local makes a link of a letter one of the test server's.
func local(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

const fresh = "a fresh and long sentence"

func mailServer(t *testing.T, opts ...servertest.Option) (*servertest.Server, *mailtest.Box) {
	t.Helper()
	box := mailtest.Start(t)
	return servertest.New(t, append(opts, servertest.HandlerOnly(), servertest.Mail(box))...), box
}

// askedReset has a link mailed and gives it.
func askedReset(t *testing.T, s *servertest.Server, box *mailtest.Box, email string) string {
	t.Helper()
	s.Browser(t).Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {email}})
	return local(t, box.Wait(t, email).LinkWith(t, "/reset?t="))
}

func TestE13_ResetEndsEverythingAndSignsIn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := mailServer(t, engine)
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid", "offline_access")
		old := s.Browser(t)
		tokens := app.Login(t, old, ada)
		box.Wait(t, ada.Email) // the new browser
		link := askedReset(t, s, box, "ADA@example.com")

		b := s.Browser(t) // another device than the one that asked
		for range 2 {     // C03: opening uses nothing up
			if b.Get(t, link); !b.Has("password-submit") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
		}
		if b.Submit(t, "password-submit", url.Values{"password": {"short"}}); b.Status != http.StatusBadRequest || !b.Has("password-submit") {
			t.Fatalf("a short password: %d at %s", b.Status, b.URL)
		}
		if b.Submit(t, "password-submit", url.Values{"password": {fresh}}); b.URL.Path != "/account" {
			t.Fatalf("after the reset: %d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		if old.Get(t, "/account"); old.URL.Path != "/signin" {
			t.Error("the old session lives")
		}
		_, err := app.TryRefresh(t.Context(), tokens.RefreshToken)
		servertest.Refused(t, err, "invalid_grant")
		if s.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the link is good a second time")
		}
		subjects := box.Wait(t, ada.Email).Subject + box.Wait(t, ada.Email).Subject // of the reset and of the new browser
		if !strings.Contains(subjects, "new password") {
			t.Errorf("letters %q", subjects)
		}
		ada.Password = fresh
		if c := s.Browser(t); c.Get(t, "/signin").SignIn(t, ada).URL.Path != "/account" {
			t.Errorf("the new password opens nothing: %s", c.URL)
		}
	})
}

func TestD05_OneLinkTwiceAtOnceCountsOnce(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := mailServer(t, engine)
		s.Person(t, "ada@example.com")
		secret := strings.TrimPrefix(askedReset(t, s, box, "ada@example.com"), "/reset?t=")
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				_, err := s.House().People.Reset(t.Context(), secret, fresh+strings.Repeat("!", i))
				if err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d resets by one link, want 1", won.Load())
		}
	})
}

func TestD05_TheNewestLinkAndANewPasswordVoidOlderOnes(t *testing.T) {
	s, box := mailServer(t)
	ada := s.Person(t, "ada@example.com")
	first := askedReset(t, s, box, ada.Email)
	second := askedReset(t, s, box, ada.Email)
	if s.Browser(t).Get(t, first).Status != http.StatusGone {
		t.Error("the first link is still good")
	}
	if err := s.House().People.SetPassword(t.Context(), ada.ID, fresh); err != nil {
		t.Fatal(err)
	}
	if s.Browser(t).Get(t, second).Status != http.StatusGone {
		t.Error("a link outlives the password it was to replace")
	}
}

func TestE12_ResetDoesNotPassTheSecondStep(t *testing.T) {
	s, box := mailServer(t)
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	turnOn(t, b)
	for range 2 {
		box.Wait(t, ada.Email)
	}
	c := s.Browser(t)
	c.Get(t, askedReset(t, s, box, ada.Email)).Submit(t, "password-submit", url.Values{"password": {fresh}})
	if c.URL.Path != "/signin/factor" {
		t.Errorf("at %s", c.URL)
	}
	if c.Get(t, "/account"); c.URL.Path != "/signin" {
		t.Errorf("the link alone opens %s", c.URL)
	}
}

// answer is what a stranger can tell two answers apart by.
func answer(t *testing.T, b *servertest.Browser, masks ...string) string {
	t.Helper()
	text := b.Body
	for _, m := range masks {
		text = strings.ReplaceAll(text, m, "MASKED")
	}
	return text
}

func TestD01_E12_NobodyLearnsWhoHasAnAccount(t *testing.T) {
	s, box := mailServer(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	s.Person(t, "ada@example.com")
	gone := s.Person(t, "eve@example.com")
	if err := s.House().People.Disable(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(b *servertest.Browser, email string){
		"forgot": func(b *servertest.Browser, email string) {
			b.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {email}})
		},
		"code": func(b *servertest.Browser, email string) {
			b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {email}})
		},
		"sign-up": func(b *servertest.Browser, email string) { b.Get(t, "/signin").SignUp(t, "Somebody", email, fresh) },
	} {
		answers := map[string]string{}
		for _, email := range []string{"ada@example.com", "bob@example.com", "eve@example.com"} {
			b := s.Browser(t)
			ask(b, email)
			if b.Status != http.StatusOK {
				t.Errorf("%s %s: %d: %s", name, email, b.Status, b.Text("main"))
			}
			answers[answer(t, b, email)] += email + " "
		}
		if len(answers) != 1 {
			t.Errorf("%s: answers differ: %v", name, answers)
		}
	}
	kinds := map[string]int{}
	for range 4 { // ada: reset, code, you have one; bob: verify
		for _, to := range []string{"ada@example.com", "bob@example.com"} {
			if to == "bob@example.com" && kinds[to] == 1 || kinds[to] == 3 {
				continue
			}
			box.Wait(t, to)
			kinds[to]++
		}
	}
	box.None(t, "eve@example.com")
	if kinds["ada@example.com"] != 3 || kinds["bob@example.com"] != 1 {
		t.Errorf("letters %v", kinds)
	}
}

func TestD02_TheAccountIsMadeByTheProof(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := mailServer(t, engine)
		app := s.App(t, "shop").With("openid")
		b := s.Browser(t)
		r := app.Begin(t, b)
		b.SignUp(t, "Ada", "ada@example.com", fresh)
		if b.Landed != nil || b.Get(t, "/account").URL.Path != "/signin" {
			t.Fatalf("signed in before the proof, at %s", b.URL)
		}
		if _, err := s.House().People.Show(t.Context(), "ada@example.com"); err == nil {
			t.Fatal("the account exists before the proof")
		}
		link := local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
		b.Get(t, link).Submit(t, "link-submit", nil)
		if b.Has("consent-allow") {
			b.Allow(t)
		}
		app.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)) // the errand went on
		u, err := s.House().People.Show(t.Context(), "ada@example.com")
		if err != nil || !u.EmailVerified {
			t.Errorf("verified %v, %v", u.EmailVerified, err)
		}
		if s.Browser(t).Get(t, link).Status != http.StatusGone {
			t.Error("the link is good a second time")
		}
	})
}

func TestD03_D04_ThePersonWhoProvesChoosesThePassword(t *testing.T) {
	s, box := mailServer(t)
	attacker := s.Browser(t)
	attacker.Get(t, "/signin").SignUp(t, "Mallory", "ada@example.com", "the password of mallory")
	link := local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
	second := s.Browser(t)
	second.Get(t, "/signin").SignUp(t, "Ada", "ada@example.com", fresh)
	other := local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))

	ada := s.Browser(t) // not the browser that signed up
	if ada.Get(t, link); ada.Has("link-submit") || !ada.Has("password-submit") {
		t.Fatalf("another browser is not asked for a password: %s", ada.Text("main"))
	}
	ada.Submit(t, "password-submit", url.Values{"password": {"my own and long password"}})
	if ada.URL.Path != "/account" {
		t.Fatalf("at %s: %s", ada.URL, ada.Text("main"))
	}
	if attacker.Get(t, "/account").URL.Path != "/signin" {
		t.Error("the one who began is signed in")
	}
	if c := s.Browser(t); c.Get(t, "/signin").SignIn(t, servertest.Person{User: ada1("ada@example.com"), Password: "the password of mallory"}).URL.Path == "/account" {
		t.Error("mallory's password opens the account")
	}
	if s.Browser(t).Get(t, other).Status != http.StatusGone {
		t.Error("another pending sign-up of the address is still good")
	}
}

func TestNotMeFreezesUntilAReset(t *testing.T) {
	s, box := mailServer(t)
	ada := s.Person(t, "ada@example.com")
	thief := s.Browser(t)
	thief.Get(t, "/signin").SignIn(t, ada)
	link := local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
	phone := s.Browser(t)
	if phone.Get(t, link); thief.Get(t, "/account").URL.Path != "/account" {
		t.Error("opening the link acts")
	}
	phone.Submit(t, "link-submit", nil)
	if thief.Get(t, "/account").URL.Path != "/signin" {
		t.Error("the thief is still inside")
	}
	if thief.SignIn(t, ada); thief.URL.Path != "/signin" || !strings.Contains(thief.Text("main"), "locked") {
		t.Errorf("the right password while frozen: %s: %s", thief.URL, thief.Text("main"))
	}
	wrong := ada
	wrong.Password = "something else entirely"
	if b := s.Browser(t); strings.Contains(b.Get(t, "/signin").SignIn(t, wrong).Text("main"), "locked") {
		t.Error("a wrong password learns that the account is frozen")
	}
	if phone.Get(t, link).Status != http.StatusGone {
		t.Error("the link is good twice")
	}
	phone.Get(t, local(t, box.Wait(t, ada.Email).LinkWith(t, "/reset?t="))).Submit(t, "password-submit", url.Values{"password": {fresh}})
	if phone.URL.Path != "/account" {
		t.Errorf("after the reset at %s", phone.URL)
	}
}

func TestMailedCodeSignsInWhereItWasAskedFor(t *testing.T) {
	s, box := mailServer(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
	ada := s.Person(t, "ada@example.com")
	b, other := s.Browser(t), s.Browser(t)
	b.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {ada.Email}})
	code := box.Wait(t, ada.Email).Code(t)
	other.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {"nobody@example.com"}})
	if other.Submit(t, "code-submit", url.Values{"code": {code}}); other.URL.Path == "/account" {
		t.Error("the code is good in another browser")
	}
	if b.Submit(t, "code-submit", url.Values{"code": {"000000"}}); b.Status != http.StatusForbidden {
		t.Errorf("a wrong code: %d", b.Status)
	}
	if b.Submit(t, "code-submit", url.Values{"code": {code}}); b.URL.Path != "/account" {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	unproven := s.Person(t, "bob@example.com", func(r *users.Registration) { r.Verification = users.Verification{} })
	c := s.Browser(t)
	c.Get(t, "/signin/code").Submit(t, "code-ask", url.Values{"username": {unproven.Email}})
	off := servertest.New(t, servertest.HandlerOnly())
	if off.Browser(t).Get(t, "/signin/code").Status != http.StatusNotFound {
		t.Error("offered where it is not configured")
	}
}

func ada1(email string) storage.User { return storage.User{Email: email} }

func TestNotMeDropsWhatTheThiefAdded(t *testing.T) {
	s, box := mailServer(t)
	ada := s.Person(t, "ada@example.com")
	thief := s.Browser(t)
	thief.Get(t, "/signin").SignIn(t, ada)
	link := local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
	turnOn(t, thief)
	s.Browser(t).Get(t, link).Submit(t, "link-submit", nil)
	for range 2 {
		m := box.Wait(t, ada.Email)
		if !strings.Contains(m.Text, "/reset?t=") {
			continue
		}
		b := s.Browser(t)
		b.Get(t, local(t, m.LinkWith(t, "/reset?t="))).Submit(t, "password-submit", url.Values{"password": {fresh}})
		if b.URL.Path != "/account" {
			t.Errorf("the thief's second step keeps the owner out: %s", b.URL)
		}
	}
	if have, err := s.House().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP || have.Recovery > 0 {
		t.Errorf("left: %+v, %v", have, err)
	}
}

// What a stranger asks for costs the same whoever is meant: the clock tells no more than the page.
func TestD01_E12_AskingCostsTheSameForAll(t *testing.T) {
	s, _ := mailServer(t)
	s.Person(t, "ada@example.com")
	gone := s.Person(t, "eve@example.com")
	if err := s.House().People.Disable(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	people := s.House().People
	for name, ask := range map[string]func(ctx context.Context, email string) error{
		"reset": people.AskReset,
		"code":  func(ctx context.Context, email string) error { return people.AskCode(ctx, email, "browser") },
		"sign-up": func(ctx context.Context, email string) error {
			return people.RequestAccount(ctx, users.Registration{Name: "Somebody", Email: email, Method: users.WithPassword(fresh)}, "browser", "")
		},
	} {
		costs := map[string]string{}
		for i, email := range []string{"ada@example.com", "bob@example.com", "eve@example.com"} {
			origin := audit.Origin{Network: fmt.Sprintf("192.0.%d.0/24", i)}
			ctx, stats := storage.WithStats(audit.WithOrigin(t.Context(), origin))
			if err := ask(ctx, email); err != nil {
				t.Fatal(name, email, err)
			}
			costs[fmt.Sprintf("%d reads, %d writes", stats.Reads(), stats.Writes())] += email + " "
		}
		if len(costs) != 1 {
			t.Errorf("%s: %v", name, costs)
		}
	}
}
