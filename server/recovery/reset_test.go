package recovery_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/clients"
	"signet/server/servertest"
	"signet/users"
	"signet/users/factor"
)

func TestE13_ResetEndsEverythingAndSignsIn(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		ada := s.Person(t, "ada@example.com")
		app := s.App(t, "shop").With("openid", "offline_access")
		old := s.Browser(t)
		tokens := app.Login(t, old, ada)
		box.Wait(t, ada.Email) // the new browser
		link := s.AskReset(t, box, "ADA@example.com")

		b := s.Browser(t) // another device than the one that asked
		for range 2 {     // C03: opening uses nothing up
			if b.Get(t, link); !b.Has("password-submit") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
		}
		if b.Submit(t, "password-submit", url.Values{"password": {"short"}}); b.Status != http.StatusBadRequest || !b.Has("password-submit") {
			t.Fatalf("a short password: %d at %s", b.Status, b.URL)
		}
		// C7
		if b.Submit(t, "password-submit",
			url.Values{"password": {ada.Password}}); !strings.Contains(b.Text("main"), "This is your current password") {
			t.Fatalf("the same password: %d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		b.Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
		if b.URL.Path != "/account" || !strings.Contains(b.Text("main"), "Your password has been changed") { // C7
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
		if b.Get(t, link); b.URL.Path != "/account" { // B05: in the browser that used it, it leads on
			t.Errorf("opened again: %d at %s", b.Status, b.URL)
		}
		subjects := box.Wait(t, ada.Email).Subject + box.Wait(t, ada.Email).Subject // of the reset and of the new browser
		if !strings.Contains(subjects, "new password") {
			t.Errorf("emails %q", subjects)
		}
		ada.Password = servertest.NewPassword
		if c := s.Browser(t); c.Get(t, "/signin").SignIn(t, ada).URL.Path != "/account" {
			t.Errorf("the new password opens nothing: %s", c.URL)
		}
	})
}

func TestD05_OneLinkTwiceAtOnceCountsOnce(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		s.Person(t, "ada@example.com")
		secret := strings.TrimPrefix(s.AskReset(t, box, "ada@example.com"), "/reset?t=")
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				_, err := s.Services().People.Reset(t.Context(), secret, servertest.NewPassword+strings.Repeat("!", i))
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
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	first := s.AskReset(t, box, ada.Email)
	second := s.AskReset(t, box, ada.Email)
	if s.Browser(t).Get(t, first).Status != http.StatusGone {
		t.Error("the first link is still good")
	}
	if err := s.Services().People.SetPassword(t.Context(), factor.ForOperator(ada.ID, factor.ResetPassword),
		servertest.NewPassword); err != nil {
		t.Fatal(err)
	}
	if s.Browser(t).Get(t, second).Status != http.StatusGone {
		t.Error("a link outlives the password it was to replace")
	}
}

func TestE12_ResetDoesNotPassTheSecondStep(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.AddAuthenticator(t)
	for range 2 {
		box.Wait(t, ada.Email)
	}
	c := s.Browser(t)
	c.Get(t, s.AskReset(t, box, ada.Email)).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	if c.URL.Path != "/signin/factor" {
		t.Errorf("at %s", c.URL)
	}
	if c.Get(t, "/account"); c.URL.Path != "/signin" {
		t.Errorf("the link alone opens %s", c.URL)
	}
}

// TestResetLeadsBackToTheApp: in the browser that was on the way to an app, and in no other.
func TestResetLeadsBackToTheApp(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop", func(m *clients.Metadata) { m.FirstParty = true })
	b := s.Browser(t)
	r := app.Begin(t, b)
	ask := func(email string) string {
		b.Get(t, "/forgot?i="+b.Interaction(t)).Submit(t, "forgot-submit", url.Values{"username": {email}})
		return servertest.Local(t, box.Wait(t, email).LinkWith(t, "/reset?t="))
	}
	link := ask(ada.Email)
	b.Get(t, link).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	if r.Code(t, b) == "" {
		t.Errorf("at %s", b.URL)
	}
	if b.Get(t, link); b.Landed == nil { // opened once more
		t.Errorf("again: at %s", b.URL)
	}
	b = s.Browser(t)
	app.Begin(t, b)
	link = ask(s.Person(t, "bob@example.com").Email)
	other := s.Browser(t).Get(t, link).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	if other.Landed != nil || other.URL.Path != "/account" {
		t.Errorf("another browser is at %v, %s", other.Landed, other.URL)
	}
}

// TestD04_AppsThatWereAgreedWithBeforeTheAddressWasProvenAskAgain: somebody made an account of Ada's address while nobody verified any,
// agreed with an app of theirs, and left a browser that the account knows. Ada, who chooses a new password by the link in her mailbox,
// finds nothing of it: the app has to ask, its tokens are over, and the browser is signed in to nothing.
func TestD04_AppsThatWereAgreedWithBeforeTheAddressWasProvenAskAgain(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		ada := s.Person(t, "ada@example.com", func(r *users.Registration) { r.Verification = users.Verification{} })
		app := s.App(t, "trap").With("openid", "email", "offline_access")
		intruder := s.Browser(t)
		tokens := app.Login(t, intruder, ada)
		b := s.Browser(t)
		b.Get(t, s.AskReset(t, box, ada.Email)).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
		if b.URL.Path != "/account" {
			t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		if app.Begin(t, b); b.Landed != nil || !b.Has("consent-allow") {
			t.Errorf("the app is let in without a question: landed %v, at %s", b.Landed, b.URL)
		}
		_, err := app.TryRefresh(t.Context(), tokens.RefreshToken)
		servertest.Refused(t, err, "invalid_grant")
		if app.Begin(t, intruder); !intruder.Has("login-submit") {
			t.Errorf("the intruder is at %s (%d)", intruder.URL, intruder.Status)
		}
		if intruder.SignIn(t, ada); !intruder.Has("login-submit") {
			t.Errorf("the intruder's password opens the account: at %s", intruder.URL)
		}
	})
}
