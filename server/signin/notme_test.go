package signin_test

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
		turnOn(t, b)
	},
	"login": func(t *testing.T, s *servertest.Server, _ *mailtest.Box, _ *servertest.Browser, userID string) {
		err := s.House().DB.InsertIdentity(t.Context(), storage.Identity{
			ID: "i1", Upstream: "google", Issuer: "https://accounts.google.com", Subject: "42", UserID: userID, CreatedAt: time.Now(), LastUsedAt: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
	},
	"password": func(t *testing.T, _ *servertest.Server, _ *mailtest.Box, b *servertest.Browser, _ string) {
		b.Get(t, "/account/password").Submit(t, "password-submit", url.Values{"current": {servertest.Password}, "password": {"intruders own words"}})
	},
}

// moveTo changes the address of the account that is signed in and proves the new one.
func moveTo(t *testing.T, box *mailtest.Box, b *servertest.Browser, email string) {
	t.Helper()
	b.Get(t, "/account/email").Submit(t, "email-submit", url.Values{"username": {email}})
	b.Get(t, local(t, box.Wait(t, email).LinkWith(t, "/verify-address?t="))).Submit(t, "link-submit", nil)
	if b.Status != http.StatusOK {
		t.Fatalf("address not changed: %d at %s", b.Status, b.URL.Path)
	}
}

func TestV03_NotMeTrustsOnlyWhatWasThereBeforeItsEmail(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for change, intrude := range intrusions {
			t.Run(strings.ReplaceAll(change, " ", "_"), func(t *testing.T) {
				s, box := mailServer(t, engine)
				ada := s.Person(t, "ada@example.com")
				intruder := s.Browser(t)
				intruder.Get(t, "/signin").SignIn(t, ada)
				link := local(t, box.Wait(t, ada.Email).LinkWith(t, "/not-me?t="))
				intrude(t, s, box, intruder, ada.ID)
				s.Browser(t).Get(t, link).Submit(t, "link-submit", nil)
				u, err := s.House().People.Show(t.Context(), ada.ID)
				if err != nil || u.EmailKey != "ada@example.com" || !u.EmailVerified || u.FrozenAt.IsZero() {
					t.Fatalf("the account afterwards: %q verified %t frozen %t (%v)", u.EmailKey, u.EmailVerified, !u.FrozenAt.IsZero(), err)
				}
				var reset string
				for reset == "" { // other emails to the owner may come first
					m := box.Wait(t, ada.Email)
					if strings.Contains(m.Text, "/reset?t=") {
						reset = local(t, m.LinkWith(t, "/reset?t="))
					}
				}
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
				have, err := s.House().Factors.Of(t.Context(), ada.ID)
				logins, err2 := s.House().DB.IdentitiesOfUser(t.Context(), ada.ID)
				if err != nil || err2 != nil || have.Second() || len(logins) != 0 {
					t.Errorf("left of the intruder: %+v, %d logins (%v, %v)", have, len(logins), err, err2)
				}
			})
		}
	})
}
