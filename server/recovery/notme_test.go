package recovery_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
)

func TestNotMeFreezesUntilAReset(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	intruder := s.Browser(t)
	intruder.Get(t, "/signin").SignIn(t, ada)
	link := servertest.Local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
	phone := s.Browser(t)
	if phone.Get(t, link); intruder.Get(t, "/account").URL.Path != "/account" {
		t.Error("opening the link acts")
	}
	phone.Submit(t, "link-submit", nil)
	if intruder.Get(t, "/account").URL.Path != "/signin" {
		t.Error("the intruder is still inside")
	}
	if intruder.SignIn(t, ada); intruder.URL.Path != "/signin" || !strings.Contains(intruder.Text("main"), "locked") {
		t.Errorf("the right password while frozen: %s: %s", intruder.URL, intruder.Text("main"))
	}
	wrong := ada
	wrong.Password = "something else entirely"
	if b := s.Browser(t); strings.Contains(b.Get(t, "/signin").SignIn(t, wrong).Text("main"), "locked") {
		t.Error("a wrong password learns that the account is frozen")
	}
	if s.Browser(t).Get(t, link).Status != http.StatusGone {
		t.Error("the link is good twice")
	}
	if phone.Get(t, link); phone.URL.RequestURI() != "/not-me?done=1" || phone.Status != http.StatusOK { // B05: where it was used, it leads on
		t.Errorf("opened again: %d at %s", phone.Status, phone.URL)
	}
	reset := servertest.Local(t, box.Wait(t, ada.Email).LinkWith(t, "/reset?t="))
	phone.Get(t, reset).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
	if phone.URL.Path != "/account" {
		t.Errorf("after the reset at %s", phone.URL)
	}
}

func TestNotMeDropsWhatTheIntruderAdded(t *testing.T) {
	s, box := servertest.NewWithMail(t)
	ada := s.Person(t, "ada@example.com")
	intruder := s.Browser(t)
	intruder.Get(t, "/signin").SignIn(t, ada)
	link := servertest.Local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
	intruder.AddAuthenticator(t)
	s.Browser(t).Get(t, link).Submit(t, "link-submit", nil)
	for range 2 {
		m := box.Wait(t, ada.Email)
		if !strings.Contains(m.Text, "/reset?t=") {
			continue
		}
		b := s.Browser(t)
		reset := servertest.Local(t, m.LinkWith(t, "/reset?t="))
		b.Get(t, reset).Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
		if b.URL.Path != "/account" {
			t.Errorf("the intruder's second factor keeps the owner out: %s", b.URL)
		}
	}
	if have, err := s.Services().Factors.Of(t.Context(), ada.ID); err != nil || have.TOTP || have.Recovery > 0 {
		t.Errorf("left: %+v, %v", have, err)
	}
}

// intrusions are what somebody inside the account may change after an email went to its owner.
var intrusions = map[string]func(t *testing.T, s *servertest.Server, box *mailtest.Box, b *servertest.Browser, userID string){
	"address": func(t *testing.T, _ *servertest.Server, box *mailtest.Box, b *servertest.Browser, _ string) {
		moveTo(t, box, b, "intruder@example.net")
	},
	"address, twice": func(t *testing.T, _ *servertest.Server, box *mailtest.Box, b *servertest.Browser, _ string) {
		moveTo(t, box, b, "first@example.net")
		moveTo(t, box, b, "intruder@example.net")
	},
	"factor": func(t *testing.T, _ *servertest.Server, _ *mailtest.Box, b *servertest.Browser, _ string) {
		b.AddAuthenticator(t)
	},
	"login": func(t *testing.T, s *servertest.Server, _ *mailtest.Box, _ *servertest.Browser, userID string) {
		err := s.Services().DB.InsertIdentity(t.Context(), storage.Identity{
			ID: "i1", Upstream: "google", Issuer: "https://accounts.google.com", Subject: "42", UserID: userID, CreatedAt: time.Now(),
			LastUsedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	},
	"password": func(t *testing.T, _ *servertest.Server, _ *mailtest.Box, b *servertest.Browser, _ string) {
		b.Get(t, "/account/password").Submit(t, "password-submit",
			url.Values{"current": {servertest.Password}, "password": {"intruders own words"}})
	},
}

// moveTo changes the address of the account that is signed in and verifies the new one.
func moveTo(t *testing.T, box *mailtest.Box, b *servertest.Browser, email string) {
	t.Helper()
	b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {email}})
	b.Get(t, servertest.Local(t, box.Wait(t, email).LinkWith(t, "/verify-address?t="))).Submit(t, "link-submit", nil)
	if b.Status != http.StatusOK {
		t.Fatalf("address not changed: %d at %s", b.Status, b.URL.Path)
	}
}

func TestV03_NotMeTrustsOnlyWhatWasThereBeforeItsEmail(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for change, intrude := range intrusions {
			t.Run(strings.ReplaceAll(change, " ", "_"), func(t *testing.T) {
				s, box := servertest.NewWithMail(t, engine)
				ada := s.Person(t, "ada@example.com")
				intruder := s.Browser(t)
				intruder.Get(t, "/signin").SignIn(t, ada)
				link := servertest.Local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
				intrude(t, s, box, intruder, ada.ID)
				s.Browser(t).Get(t, link).Submit(t, "link-submit", nil)
				u, err := s.Services().People.Show(t.Context(), ada.ID)
				if err != nil || u.EmailKey != "ada@example.com" || !u.EmailVerified || u.FrozenAt.IsZero() {
					t.Fatalf("the account afterwards: %q verified %t frozen %t (%v)", u.EmailKey, u.EmailVerified, !u.FrozenAt.IsZero(), err)
				}
				reset := servertest.Local(t, box.WaitWith(t, ada.Email, "/reset?t=").LinkWith(t, "/reset?t=")) // other emails may come first
				for _, address := range []string{"intruder@example.net", "first@example.net"} {
					for box.Waiting(address) > 0 {
						if m := box.Wait(t, address); strings.Contains(m.Text, "/reset?t=") {
							t.Errorf("the link to choose a new password went to %s", address)
						}
					}
				}
				owner := s.Browser(t)
				owner.Get(t, reset).Submit(t, "password-submit", url.Values{"password": {"the owner is back again"}})
				if owner.Get(t, "/account"); owner.Status != http.StatusOK || owner.URL.Path != "/account" {
					t.Errorf("the owner ends at %s with %d", owner.URL.Path, owner.Status)
				}
				have, err := s.Services().Factors.Of(t.Context(), ada.ID)
				logins, err2 := s.Services().DB.IdentitiesOfUser(t.Context(), ada.ID)
				if err != nil || err2 != nil || have.Second() || len(logins) != 0 {
					t.Errorf("left of the intruder: %+v, %d logins (%v, %v)", have, len(logins), err, err2)
				}
			})
		}
	})
}
