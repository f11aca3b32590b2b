package users_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/profile"
)

func claimsOf(t *testing.T, u storage.User) map[string]any {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal(u.Profile, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfileIsEdited(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		w := newWorld(t, db, settings{})
		u, err := w.CreateAccount(t.Context(),
			users.Registration{Email: "ada@example.org", Username: "ada", Method: users.WithPassword(rightPassword),
				Voucher: users.VouchedByOperator(),
				Claims: json.RawMessage(
					`{"name":"Ada","phone_number":"+43 1 5550100","phone_number_verified":true,"address":{"formatted":"London"},"gender":"female"}`)})
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{
			"name": " Ada Lovelace ", "given_name": "Ada", "middle_name": "King", "family_name": "Lovelace", "nickname": "Countess",
			"username":  "Countess",
			"birthdate": "1815-12-10", "gender": "", "locale": "en-GB", "zoneinfo": "Europe/London", "website": "https://ada.example/",
			"profile": "https://ada.example/me", "picture": "https://ada.example/me.png", "phone_number": "+44 20 5550100",
			"street_address": "12 St James's Square\r\nMarylebone", "postal_code": "SW1Y 4JH", "locality": "London", "region": "",
			"country": "United Kingdom",
		}
		for _, name := range profile.Fields() {
			if _, ok := all[name]; !ok {
				t.Errorf("no try for %s", name)
			}
		}
		if u, err = w.EditProfile(t.Context(), u.ID, all); err != nil {
			t.Fatal(err)
		}
		got := claimsOf(t, u)
		if got["name"] != "Ada Lovelace" || got["gender"] != nil || u.Username != "Countess" || u.UsernameKey != "countess" ||
			got["phone_number_verified"] != nil {
			t.Errorf("kept %v, user name %q %q", got, u.Username, u.UsernameKey)
		}
		address, _ := got["address"].(map[string]any)
		if len(address) != 4 || address["street_address"] != "12 St James's Square\nMarylebone" || address["formatted"] != nil {
			t.Errorf("address %v", address)
		}
		stored, err := w.Show(t.Context(), "COUNTESS")
		if err != nil || !maps.Equal(profile.Values(stored), profile.Values(u)) {
			t.Errorf("stored %v, %v", profile.Values(stored), err)
		}
		if stored.Email != "ada@example.org" || stored.EmailVerified {
			t.Errorf("the address moved: %+v", stored)
		}
		before := w.events(t, u.ID)[string(audit.UserChanged)]
		if _, err := w.EditProfile(t.Context(), u.ID, profile.Values(stored)); err != nil ||
			w.events(t, u.ID)[string(audit.UserChanged)] != before {
			t.Errorf("saving what is there counts as a change: %v", err)
		}
		empty := map[string]string{}
		for _, name := range profile.Fields() {
			empty[name] = ""
		}
		if u, err = w.EditProfile(t.Context(), u.ID, empty); err != nil || string(u.Profile) != "{}" || u.Username != "" {
			t.Errorf("emptied: %s %q, %v", u.Profile, u.Username, err)
		}
	})
}

func TestProfileMistakesAreFoundAtOnce(t *testing.T) {
	db := storagetest.SQLite(t)
	w := newWorld(t, db, settings{})
	u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
	if _, err := w.EditProfile(t.Context(), bob.ID, map[string]string{"username": "bob"}); err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"name": "Ada\u202e", "username": "a b", "birthdate": "10.12.1815", "picture": "javascript:alert(1)", "website": "ftp://x", "locale": "?",
		"zoneinfo": "../../etc", "phone_number": "5550100", "country": strings.Repeat("x", 600), "gender": strings.Repeat("x", 300),
	}
	_, err := w.EditProfile(t.Context(), u.ID, bad)
	mistakes, ok := errors.AsType[users.Mistakes](err)
	if !ok || len(mistakes) != len(bad) {
		t.Fatalf("got %v, want a mistake for each of %d fields", err, len(bad))
	}
	for _, m := range mistakes {
		if _, ok := bad[string(m.Field)]; !ok {
			t.Errorf("a mistake in %q", m.Field)
		}
	}
	if _, err := w.EditProfile(t.Context(), u.ID, map[string]string{"username": "BOB"}); !errors.Is(err, users.ErrTaken) {
		t.Errorf("another's user name: %v", err)
	}
	for _, foreign := range []string{"email", "email_verified", "sub", "phone_number_verified", "roles", "epoch"} { // R04
		if got, err := w.EditProfile(t.Context(), u.ID, map[string]string{foreign: "true"}); err != nil || string(got.Profile) != "{}" ||
			got.Email != "ada@example.org" || got.EmailVerified {
			t.Errorf("%s was written: %+v, %v", foreign, got, err)
		}
	}
	if err := w.Disable(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EditProfile(t.Context(), u.ID, map[string]string{"name": "Eve"}); !errors.Is(err, users.ErrChanged) {
		t.Errorf("while disabled: %v", err)
	}
}

func TestActivityIsPaged(t *testing.T) {
	inBubble(t, settings{}, func(t *testing.T, w world) {
		u, bob := w.person(t, "ada@example.org"), w.person(t, "bob@example.org")
		acts := audit.New(w.db)
		for range 130 {
			for _, e := range []audit.Event{{Name: audit.SignInSucceeded, UserID: u.ID}, {Name: audit.SessionStarted, UserID: u.ID},
				{Name: audit.SignInFailed, UserID: bob.ID}} {
				if err := acts.Record(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
		}
		seen, before, pages := map[string]bool{}, "", 0
		for more := true; more; pages++ {
			list, next, err := w.Activity(t.Context(), u.ID, before, 50)
			if err != nil || len(list) == 0 {
				t.Fatal(len(list), err)
			}
			for _, e := range list {
				if seen[e.ID] || e.UserID != u.ID || e.Name == string(audit.SessionStarted) {
					t.Fatalf("%s of %s", e.Name, e.UserID)
				}
				seen[e.ID] = true
			}
			before, more = next, next != ""
		}
		if len(seen) != 131 || pages != 3 { // and the creation
			t.Errorf("%d events on %d pages", len(seen), pages)
		}
		list, next, err := w.Activity(t.Context(), u.ID, "", 50, "user.", "nothing.")
		if err != nil || len(list) != 1 || next != "" || list[0].Name != string(audit.UserCreated) {
			t.Errorf("of one kind: %v, %q, %v", list, next, err)
		}
		first, next, err := w.Activity(t.Context(), u.ID, "", 50, "signin.")
		if err != nil || len(first) != 50 || next == "" {
			t.Fatalf("%d sign-ins, %q, %v", len(first), next, err)
		}
		second, _, err := w.Activity(t.Context(), u.ID, next, 100, "signin.")
		if err != nil || len(second) != 80 || second[0].ID >= first[49].ID {
			t.Errorf("%d sign-ins after 50, %v", len(second), err)
		}
	})
}
