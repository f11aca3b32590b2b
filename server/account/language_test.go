package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
)

// The language that is chosen in the footer stays in the browser, and in the account of whoever is signed in there.
func TestTheChosenLanguageStays(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		ada := s.Person(t, "ada@example.com")
		lang := func(b *servertest.Browser) string { return b.Header.Get("Content-Language") }
		b := s.Browser(t)
		b.Get(t, "/signin?lang=de")
		if b.Get(t, "/signin"); lang(b) != "de" {
			t.Errorf("the next page is in %s", lang(b))
		}
		if strings.Contains(b.Body, "lang=de") && !strings.Contains(b.Body, `"?lang=de"`) {
			t.Error("addresses carry the language that the browser keeps")
		}
		b.SignIn(t, ada)
		if m := box.WaitAbout(t, ada.Email, "Anmeldung"); m.Subject == "" {
			t.Error("the email is in another language")
		}
		if b.Get(t, "/account"); lang(b) != "de" {
			t.Errorf("the account is in %s", lang(b))
		}
		b.Get(t, "/account?lang=fr").Get(t, "/account")
		if lang(b) != "fr" {
			t.Errorf("the account is in %s", lang(b))
		}
		other := s.Browser(t) // knows nothing
		other.Get(t, "/signin").SignIn(t, ada)
		if other.Get(t, "/account"); lang(other) != "fr" {
			t.Errorf("another browser shows the account in %s", lang(other))
		}
		if m := box.WaitAbout(t, ada.Email, "Nouvelle"); m.Subject == "" {
			t.Error("the email to the account is in another language")
		}
		if other.Get(t, "/signin?other=1"); lang(other) != "en" {
			t.Errorf("a page of nobody's account is in %s", lang(other))
		}
		if other.Get(t, "/account?lang=xx"); lang(other) != "fr" || other.Status != http.StatusOK {
			t.Errorf("a language that is not there: %d in %s", other.Status, lang(other))
		}
		other.Get(t, "/account/profile").Submit(t, "profile-submit", url.Values{"locale": {"de-AT"}})
		other.Get(t, "/account?lang=de")
		if !strings.Contains(other.Get(t, "/account/profile").Body, "de-AT") {
			t.Error("de-AT is German already, and became another")
		}
	})
}
