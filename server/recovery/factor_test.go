package recovery_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
)

func waitFor(d time.Duration) servertest.Option {
	return servertest.Change(func(c *config.Config) { c.Factors.RecoveryWait, c.Support.Contact = d, "the help desk" })
}

// lose signs in with the password and says that the second factor is lost; it ends where the wait has begun.
func lose(t *testing.T, b *servertest.Browser, box *mailtest.Box, p servertest.Person) {
	t.Helper()
	b.Get(t, "/signin").SignIn(t, p)
	if b.URL.Path != "/signin/factor" || !strings.Contains(b.Body, "/recover?i=") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Get(t, "/recover?i="+b.Interaction(t)).Submit(t, "recover-send", nil)
	code := box.WaitAbout(t, p.Email, "code").Code(t)
	b.Submit(t, "recover-code", url.Values{"code": {"wrong"}})
	if b.Status != http.StatusForbidden || !b.Has("recover-code") {
		t.Errorf("a wrong code: %d at %s", b.Status, b.URL)
	}
	b.Submit(t, "recover-code", url.Values{"code": {code[:3] + " " + code[3:]}})
	if b.Status != http.StatusOK || !strings.Contains(b.Text("main"), "The waiting period has started") {
		t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
}

func TestLostSecondFactor(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		box := mailtest.Start(t)
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Mail(box), waitFor(time.Nanosecond))
		ada := s.Person(t, "ada@example.com")
		home := s.Browser(t)
		home.Get(t, "/signin").SignIn(t, ada)
		home.AddAuthenticator(t)

		b := s.Browser(t)
		lose(t, b, box, ada)
		page := b.URL.String()
		if b.Get(t, "/account"); b.URL.Path != "/signin" { // F06
			t.Errorf("the wait opens %s", b.URL)
		}
		if other := s.Browser(t).Get(t, page); other.URL.Path != "/signin" || strings.Contains(other.Body, ada.Email) {
			t.Errorf("another browser sees %s: %s", other.URL, other.Text("main"))
		}
		started := box.WaitAbout(t, ada.Email, "turn off two-step verification").LinkWith(t, "/recover/stop")
		if n, err := s.Services().Recovery.Due(t.Context()); n != 1 || err != nil {
			t.Fatalf("mailed %d, %v", n, err)
		}
		finish := box.WaitAbout(t, ada.Email, "get back into").LinkWith(t, "/recover/finish")
		if b.Get(t, page); !b.Has("recover-resend") {
			t.Errorf("when the time is over: %s", b.Text("main"))
		}

		// The link works in any browser, and looking at it does nothing.
		mailer := s.Browser(t)
		mailer.Get(t, finish)
		if home.Get(t, "/account"); home.URL.Path != "/account" {
			t.Errorf("looking at the link signs out: %s", home.URL)
		}
		mailer.Submit(t, "recover-finish", nil)
		if mailer.Status != http.StatusOK || !mailer.Has("recover-signin") || mailer.Get(t, "/account").URL.Path != "/signin" {
			t.Errorf("at %s: %s", mailer.URL, mailer.Text("main"))
		}
		for _, link := range []string{finish, started} {
			if b := s.Browser(t).Get(t, link); b.Status != http.StatusGone {
				t.Errorf("%d at %s afterwards", b.Status, b.URL)
			}
		}
		if mailer.Get(t, started); mailer.Status != http.StatusGone {
			t.Errorf("%d at %s afterwards", mailer.Status, mailer.URL)
		}
		if mailer.Get(t, finish); mailer.URL.RequestURI() != "/recover/finish?done=1" || mailer.Status != http.StatusOK { // B05
			t.Errorf("opened again where it was used: %d at %s", mailer.Status, mailer.URL)
		}
		if home.Get(t, "/account"); home.URL.Path != "/signin" {
			t.Errorf("sessions outlive it: %s", home.URL)
		}
		if b.Get(t, page); b.URL.Path != "/signin" {
			t.Errorf("the sign-in that waits outlives it: %s", b.URL)
		}
		if b.Get(t, "/signin").SignIn(t, ada); b.URL.Path != "/account" {
			t.Errorf("without the second factor at %s", b.URL)
		}
	})
}

func TestLostSecondFactorIsStopped(t *testing.T) {
	for name, stop := range map[string]func(t *testing.T, s *servertest.Server, ada servertest.Person, link, secret string){
		"by the link": func(t *testing.T, s *servertest.Server, _ servertest.Person, link, _ string) {
			b := s.Browser(t)
			b.Get(t, link).Submit(t, "recover-stop", nil)
			if !b.Has("recover-password") {
				t.Errorf("at %s: %s", b.URL, b.Text("main"))
			}
		},
		"by signing in": func(t *testing.T, s *servertest.Server, ada servertest.Person, _, secret string) {
			b := s.Browser(t)
			b.Get(t, "/signin").SignIn(t, ada).Submit(t, "factor-submit", url.Values{"code": {servertest.TOTP(t, secret)}})
			if b.URL.Path != "/account" {
				t.Errorf("at %s", b.URL)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			box := mailtest.Start(t)
			s := servertest.New(t, servertest.HandlerOnly(), servertest.Mail(box), waitFor(time.Nanosecond))
			ada := s.Person(t, "ada@example.com")
			home := s.Browser(t)
			home.Get(t, "/signin").SignIn(t, ada)
			secret, _ := home.AddAuthenticator(t)
			intruder := s.Browser(t)
			lose(t, intruder, box, ada)
			link := box.WaitAbout(t, ada.Email, "turn off two-step verification").LinkWith(t, "/recover/stop")
			if s.Browser(t).Get(t, link); s.Services().Recovery.LookStop(t.Context(), link[strings.Index(link, "t=")+2:]) != nil {
				t.Error("a program that opens links stops it")
			}
			stop(t, s, ada, link, secret)
			if n, err := s.Services().Recovery.Due(t.Context()); n != 0 || err != nil {
				t.Errorf("mailed %d, %v", n, err)
			}
			have, err := s.Services().Factors.Of(t.Context(), ada.ID)
			if err != nil || !have.TOTP {
				t.Errorf("%+v, %v", have, err)
			}
		})
	}
}

func TestLostSecondFactorWithoutMail(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), waitFor(time.Hour))
	ada := s.Person(t, "ada@example.com")
	home := s.Browser(t)
	home.Get(t, "/signin").SignIn(t, ada)
	home.AddAuthenticator(t)
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/recover?i="+b.Interaction(t))
	if b.Has("recover-send") || !strings.Contains(b.Text("main"), "the help desk") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Post(t, b.URL.String(), url.Values{"step": {"send"}})
	b.Post(t, b.URL.String(), url.Values{"step": {"code"}, "code": {"123456"}})
	if st, err := s.Services().Recovery.Of(t.Context(), ada.User); err != nil || st.On || !st.ReadyAt.IsZero() {
		t.Errorf("%+v, %v", st, err)
	}
	if b.Get(t, "/recover"); b.URL.Path != "/signin" {
		t.Errorf("a recovery of nobody at %s", b.URL)
	}
}
