package recovery_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/users"
)

// hostile is what a stranger puts wherever a request has a place for it.
const hostile = "Claim your prize: https://evil.example/x"

// stranger is a browser that sends it in every header that says something about it.
func stranger(t *testing.T, s *servertest.Server) *servertest.Browser {
	t.Helper()
	b := s.Browser(t)
	b.Agent, b.Extra = hostile, http.Header{}
	for _, name := range []string{
		"Accept-Language", "Referer", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded", "X-Real-Ip",
		"From", "Via", "X-Request-Id", "Traceparent", "Sec-Ch-Ua", "Sec-Ch-Ua-Platform", "Sec-Ch-Ua-Mobile", "Dpop", "Authorization",
	} {
		b.Extra.Set(name, hostile)
	}
	return b
}

// harmless fails if an email holds a byte of the stranger's in a place that is read.
func harmless(t *testing.T, m mailtest.Message) {
	t.Helper()
	for part, text := range map[string]string{"subject": m.Subject, "text": m.Text, "html": m.HTML, "sender": m.From,
		"reply to": m.Header.Get("Reply-To")} {
		if folded := strings.ToLower(text); strings.Contains(folded, "evil") || strings.Contains(folded, "prize") {
			t.Errorf("%q: the %s holds the words of a stranger:\n%s", m.Subject, part, text)
		}
	}
}

func TestV08_AnEmailHoldsNoByteOfTheStrangerWhoHasItSent(t *testing.T) {
	const victim = "ada@example.com"
	fill := func(more url.Values) url.Values { // every field that the forms know, and the one that is needed
		f := url.Values{}
		for _, name := range []string{"name", "lang", "ui_locales", "locale", "app", "brand", "subject", "title", "given_name", "website"} {
			f.Set(name, hostile)
		}
		maps.Copy(f, more)
		return f
	}
	tests := map[string]struct {
		there bool // the victim has an account
		ask   func(t *testing.T, s *servertest.Server, b *servertest.Browser)
	}{
		"sign-up": {ask: func(t *testing.T, _ *servertest.Server, b *servertest.Browser) {
			b.Get(t, "/signup?lang="+url.QueryEscape(hostile)).Submit(t, "signup-submit",
				fill(url.Values{"username": {victim}, "password": {servertest.NewPassword}}))
		}},
		"sign-up, there": {there: true, ask: func(t *testing.T, _ *servertest.Server, b *servertest.Browser) {
			b.Get(t, "/signup").Submit(t, "signup-submit", fill(url.Values{"username": {victim}, "password": {servertest.NewPassword}}))
		}},
		"reset": {there: true, ask: func(t *testing.T, _ *servertest.Server, b *servertest.Browser) {
			b.Get(t, "/forgot").Submit(t, "forgot-submit", fill(url.Values{"username": {victim}}))
		}},
		"code": {there: true, ask: func(t *testing.T, _ *servertest.Server, b *servertest.Browser) {
			b.Get(t, "/signin/code").Submit(t, "code-ask", fill(url.Values{"username": {victim}}))
		}},
		"change of address": {ask: func(t *testing.T, s *servertest.Server, b *servertest.Browser) { askForAddress(t, s, b, victim) }},
		"change of address, there": {there: true, ask: func(t *testing.T, s *servertest.Server, b *servertest.Browser) {
			askForAddress(t, s, b, victim)
		}},
		"sign-in with a stolen password": {there: true, ask: func(t *testing.T, _ *servertest.Server, b *servertest.Browser) {
			b.Get(t, "/signin").Submit(t, "login-submit", url.Values{"username": {victim}, "password": {servertest.Password}})
		}},
	}
	for name, test := range tests {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s, box := servertest.NewWithMail(t, servertest.Change(func(c *config.Config) { c.Signin.MailedCode = true }))
			if test.there {
				s.Person(t, victim)
			}
			test.ask(t, s, stranger(t, s))
			harmless(t, box.Wait(t, victim))
		})
	}
}

// askForAddress signs in somebody whose name is hostile, and asks for the victim's address.
func askForAddress(t *testing.T, s *servertest.Server, b *servertest.Browser, victim string) {
	t.Helper()
	eve := s.Person(t, "eve@example.org", func(r *users.Registration) { r.Name = "Claim your prize now, call EVIL" })
	b.Get(t, "/signin").SignIn(t, eve)
	b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"email": {victim}, "username": {victim}})
	if b.Status >= 400 {
		t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
	}
}

// An account whose address nobody has proven may be a stranger's: its name greets nobody.
func TestV08_AnUnprovenNameGreetsNobody(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	s.Person(t, "ada@example.com", func(r *users.Registration) {
		r.Name, r.Verification = "Claim your prize now, call EVIL", users.Registration{}.Verification
	})
	stranger(t, s).Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {"ada@example.com"}})
	harmless(t, box.Wait(t, "ada@example.com"))
}
