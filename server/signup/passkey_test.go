package signup_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/audit"
	"signet/server/servertest"
	"signet/storage"
)

func TestPasskey_SignUp(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		b := s.Browser(t)
		b.Get(t, "/signup")
		form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}
		d := s.Device()
		answer := d.Create(t, b.PasskeyOptions(t, "signup-passkey", form))
		to := b.Attribute("signup-passkey", "formaction")
		send := func(b *servertest.Browser, name, email, answer string) *servertest.Browser {
			return b.Post(t, to, url.Values{"name": {name}, "username": {email}, "credential": {answer}})
		}
		if send(b, "", "nobody", ""); b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "email address") {
			t.Errorf("mistakes: %d %s", b.Status, b.Text("main"))
		}
		if send(b, "Ada", "ada@example.com", answer); b.URL.RequestURI() != "/account?done=signup" || b.Status != http.StatusOK {
			t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		if text := b.Text("main"); !strings.Contains(text, "Not set") || !strings.Contains(text, "1 passkey") {
			t.Errorf("overview: %s", text)
		}
		again := s.Browser(t)
		again.Get(t, "/signup")
		if send(again, "Eve", "eve@example.com", answer); again.Status != http.StatusBadRequest {
			t.Errorf("replayed in another browser: %d at %s", again.Status, again.URL)
		}
		if send(again, "Ada", "ada@example.com", ""); !strings.Contains(again.Text("main"), "There is already") &&
			again.Status != http.StatusBadRequest {
			t.Errorf("taken: %d %s", again.Status, again.Text("main"))
		}
		again.Get(t, "/signin")
		again.SendPasskey(t, "login-passkey", d.Get(t, again.PasskeyOptions(t, "login-passkey", nil)))
		if again.URL.Path != "/account" {
			t.Errorf("sign-in: %d at %s", again.Status, again.URL)
		}
	})
}

// With mail a passkey is made only once the address is verified, by whoever opens the email.
func TestD04_APasskeyIsMadeOnceTheAddressIsVerified(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		b := s.Browser(t)
		b.Get(t, "/signup")
		if b.Attribute("signup-passkey", "data-options") != "" {
			t.Error("the form makes a passkey before the address is verified")
		}
		form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}
		if b.Post(t, "/signup/passkey/options", form); b.Status != http.StatusNotFound {
			t.Errorf("options before the address is verified: %d", b.Status)
		}
		b.Post(t, "/signup/passkey", form)
		link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
		opener := s.Browser(t) // another browser
		opener.Get(t, link)
		if !opener.Has("verify-passkey") || !opener.Has("password-submit") {
			t.Fatalf("at %s: %s", opener.URL, opener.Text("main"))
		}
		secret := url.Values{"t": {opener.FormWith("password-submit").Fields.Get("t")}}
		if opener.Post(t, "/verify/passkey", url.Values{"t": secret["t"], "credential": {"{}"}}); opener.Status != http.StatusBadRequest ||
			!opener.Has("verify-passkey") {
			t.Errorf("nonsense: %d at %s", opener.Status, opener.URL)
		}
		// Several answers at once: one account.
		var race []func()
		for range 4 {
			tab := opener.Tab(t)
			tab.Get(t, link)
			answer := s.Device().Create(t, tab.PasskeyOptions(t, "verify-passkey", secret))
			race = append(race, func() { tab.Post(t, "/verify/passkey", url.Values{"t": secret["t"], "credential": {answer}}) })
		}
		var wg sync.WaitGroup
		for _, f := range race {
			wg.Go(f)
		}
		wg.Wait()
		// The tabs share a session, so that those who come too late may be led to the account as well: what counts is what was written.
		made, err := s.Services().DB.EventsLike(t.Context(), storage.Event{Name: string(audit.SignUpSucceeded)}, "", 10)
		if err != nil || len(made) != 1 {
			t.Errorf("accounts of one email: %+v, %v", made, err)
		}
		u, err := s.Services().People.Show(t.Context(), "ada@example.com")
		if err != nil || !u.EmailVerified {
			t.Fatalf("%+v, %v", u, err)
		}
		if list, err := s.Services().Passkeys.List(t.Context(), u.ID); err != nil || len(list) != 1 {
			t.Errorf("passkeys %v, %v", list, err)
		}
	})
}

// D01: with mail, an address that has an account is answered as any other; its owner gets a email.
func TestD01_SignUpWithAPasskeyTellsNothing(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	texts := map[string]string{}
	for _, email := range []string{ada.Email, "new@example.com"} {
		b := s.Browser(t)
		b.Get(t, "/signup").Post(t, "/signup/passkey", url.Values{"name": {"Ada"}, "username": {email}})
		texts[email] = strings.ReplaceAll(b.Text("main"), email, "X")
		if b.Status != http.StatusOK {
			t.Errorf("%s: %d", email, b.Status)
		}
	}
	if texts[ada.Email] != texts["new@example.com"] {
		t.Errorf("%q and %q", texts[ada.Email], texts["new@example.com"])
	}
	if l := box.Wait(t, ada.Email); strings.Contains(l.Text, "/verify?t=") {
		t.Error("the owner gets the link of a sign-up")
	}
}

// In the browser that asked to sign up with a passkey, the link of the email goes on to make that passkey.
func TestB06_SigningUpWithAPasskeyGoesOnInTheSameBrowser(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, box := servertest.NewWithMail(t, engine)
		b, another := s.Browser(t), s.Browser(t)
		form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}
		b.Get(t, "/signup").Post(t, "/signup/passkey", form)
		link := servertest.Local(t, box.Wait(t, "ada@example.com").LinkWith(t, "/verify?t="))
		for name, tt := range map[string]struct {
			browser *servertest.Browser
			main    string // its first button
			other   bool   // says that the link was opened in another browser
		}{
			"same": {b, "verify-passkey", false}, "another": {another, "password-submit", true},
		} {
			tt.browser.Get(t, link)
			for _, button := range []string{"verify-passkey", "password-submit"} {
				if main := tt.browser.Attribute(button, "class") == "main"; !tt.browser.Has(button) || main != (button == tt.main) {
					t.Errorf("%s: %s is there: %t, as what is asked for: %t", name, button, tt.browser.Has(button), main)
				}
			}
			if text := tt.browser.Text("main"); strings.Contains(text, "different browser") != tt.other {
				t.Errorf("%s: %s", name, text)
			}
		}
		secret := url.Values{"t": {b.FormWith("password-submit").Fields.Get("t")}}
		if b.Post(t, "/verify/passkey", url.Values{"t": secret["t"], "credential": {"{}"}}); b.Attribute("verify-passkey", "class") != "main" {
			t.Errorf("after an answer that did not fit: %d %s", b.Status, b.Text("main"))
		}
		answer := s.Device().Create(t, b.PasskeyOptions(t, "verify-passkey", secret))
		if b.Post(t, "/verify/passkey", url.Values{"t": secret["t"], "credential": {answer}}); b.URL.Path != "/account" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		if text := b.Text("main"); !strings.Contains(text, "Not set") || !strings.Contains(text, "1 passkey") {
			t.Errorf("overview: %s", text)
		}
	})
}
