package account_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/server/servertest"
	"signet/storage"
)

// bubble is a fixture in which time is fake.
func bubble(t *testing.T, test func(t *testing.T, h *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		h := newFixture(t, "http://localhost:9400")
		test(t, h)
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestR06_DownloadIsMineAndHoldsNoSecret(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	b, _ := h.signedIn(t, u, "Firefox/140.0")
	h.signedIn(t, bob, "bob's browser")
	h.grant(t, u, storage.Grant{ID: "the-grant", ClientID: "shop", Scopes: []string{"openid"}})
	h.grant(t, bob, storage.Grant{ID: "his-grant", ClientID: "board"})
	b.post(t, "/account/data")
	if b.Code != http.StatusOK || b.Header().Get("Content-Type") != "application/json" ||
		!strings.HasPrefix(b.Header().Get("Content-Disposition"), "attachment;") ||
		!strings.Contains(b.Header().Get("Cache-Control"), "no-store") || b.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", b.Code, b.Header())
	}
	var got map[string]any
	if err := json.Unmarshal(b.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	b.want(t, 200, u.ID, "ada@example.org", "1815-12-10", "Firefox/140.0", "shop", `"password"`, "user.created", "!bob", "!board", "!$2a$",
		"!"+b.cookies["signet_9400_session"])
	b.get(t, "/account/activity").want(t, 200, "Your data was downloaded")
}

func TestF10_DataAndDeletionWantARecentSignIn(t *testing.T) {
	bubble(t, func(t *testing.T, h *fixture) {
		u := h.person(t, "ada@example.org")
		b, _ := h.signedIn(t, u, "")
		b.get(t, "/account/delete").want(t, 200, "Enter <bdi>ada@example.org</bdi> to continue")
		time.Sleep(11 * time.Minute)
		b.get(t, "/account/data").want(t, 200, "Delete your account")
		for _, try := range []func(){
			func() { b.post(t, "/account/data") },
			func() { b.get(t, "/account/delete") },
			func() { b.post(t, "/account/delete", "confirm", "ada@example.org") },
		} {
			try()
			b.want(t, 200, "the sign-in page", "!ada@example.org")
		}
		if got, err := h.people.Show(t.Context(), u.ID); err != nil || !got.EraseAt.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestR07_DeletionIsConfirmedAndCanBeUndone(t *testing.T) {
	bubble(t, func(t *testing.T, h *fixture) {
		u := h.person(t, "ada@example.org")
		b, _ := h.signedIn(t, u, "")
		other, _ := h.signedIn(t, u, "")
		h.grant(t, u, storage.Grant{ID: "offline", ClientID: "shop", Offline: true})
		for _, typed := range []string{"", "bob@example.org", "yes", u.ID} {
			b.post(t, "/account/delete", "confirm", typed).want(t, 400, "not the address or username")
		}
		b.post(t, "/account/delete", "confirm", " ADA@example.org ").want(t, 200, "Your account is closed", "7 days")
		if len(b.cookies["signet_9400_session"]) > 0 || !strings.Contains(b.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("cookies %v", b.cookies)
		}
		other.get(t, "/account").want(t, 200, "the sign-in page")
		if !h.revoked(t, "offline") {
			t.Error("the app keeps its access")
		}

		again, v := h.signedIn(t, u, "") // the right password
		if v == nil {
			t.Fatal("no proof")
		}
		for _, path := range []string{"/account", "/account/profile", "/account/data", "/account/password"} {
			again.get(t, path).want(t, 200, "Keep your account?", "ada@example.org", "!Overview")
		}
		again.post(t, "/account/keep", "decision", "leave").want(t, 200, "Your account is closed")
		again.get(t, "/account/keep").want(t, 200, "the sign-in page")

		again, _ = h.signedIn(t, u, "")
		again.post(t, "/account/keep", "decision", "keep").want(t, 200, "keeping your account", "ada@example.org")
		again.get(t, "/account/keep").want(t, 200, "Overview", "!Keep your account?") // nothing to keep any more
		if n, err := h.deletion.EraseDue(t.Context()); n != 0 || err != nil {
			t.Errorf("erased %d, %v", n, err)
		}
	})
}

func TestR03_LastAdministratorStays(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	now := time.Now()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(nil, h.db.InsertRole(t.Context(), storage.Group{Name: "admin", CreatedAt: now}))
	must(h.db.GiveRole(t.Context(), "admin", storage.HolderUser, u.ID, now))
	b, _ := h.signedIn(t, u, "")
	b.post(t, "/account/delete", "confirm", "ada").want(t, 409, "only administrator")
	must(h.db.GiveRole(t.Context(), "admin", storage.HolderUser, bob.ID, now))
	b.post(t, "/account/delete", "confirm", "ada").want(t, 200, "Your account is closed")
	his, _ := h.signedIn(t, bob, "")
	his.post(t, "/account/delete", "confirm", "bob").want(t, 409, "only administrator") // she is leaving
	events, err := h.db.EventsOfUser(t.Context(), u.ID, "", 100)
	if err != nil || events[0].Name != string(audit.SessionEnded) && events[0].Name != string(audit.UserDeleteAsked) {
		t.Errorf("%v, %v", events, err)
	}
}

// Who proves it again comes back to the page, and goes on.
func TestF10_BackAfterConfirming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t).Get(t, "/signin").SignIn(t, ada)
		time.Sleep(11 * time.Minute)
		b.Get(t, "/account/data").Submit(t, "data-download", nil)
		if form := b.FormWith("login-submit"); form == nil || form.Fields.Get("username") != ada.Email {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		if b.SignIn(t, ada); b.URL.Path != "/account/data" || !strings.Contains(b.Text("main"), "Confirmed. You can continue") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		if b.Submit(t, "data-download", nil); b.Header.Get("Content-Type") != "application/json" {
			t.Errorf("at %s: %v", b.URL, b.Header)
		}
	})
}
