package account_test

import (
	"strings"
	"testing"
	"time"

	"signet/storage"
	"signet/users/passkey"
	"signet/users/passkey/passkeytest"
)

func device() *passkeytest.Device { return passkeytest.New("localhost", "http://localhost:9400") }

// addPasskey plays the script.
func (b *tab) addPasskey(t *testing.T, name string) *tab {
	t.Helper()
	b.post(t, "/account/passkeys/options").want(t, 200, "challenge")
	return b.post(t, "/account/passkeys/add", "name", name, "credential", device().Create(t, b.Body.Bytes()))
}

func (h *fixture) keys(t *testing.T, u storage.User) []passkey.Passkey {
	t.Helper()
	list, err := h.passkeys.List(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPasskeys_AddRenameRemove(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, eve := h.person(t, "ada@example.org"), h.person(t, "eve@example.org")
	b := h.strongly(t, u)
	b.get(t, "/account/passkeys").want(t, 200, "have a passkey yet", `data-passkey="create"`, "hidden", "needs JavaScript")
	b.addPasskey(t, "<Phone>").want(t, 200, "Your passkey is ready", "&lt;Phone&gt;", "This device only")
	id := h.keys(t, u)[0].ID
	b.post(t, "/account/passkeys/rename", "passkey", id, "name", "Blue key").want(t, 200, "The name has been saved", "Blue key", "!Phone")
	b.post(t, "/account/passkeys/rename", "passkey", id, "name", "a\u202eb").want(t, 400, "cannot be used", "Blue key")
	b.post(t, "/account/passkeys/add", "credential", "{}").want(t, 400, "was not added")
	b.post(t, "/account/passkeys/add").want(t, 400, "was not added")

	other := h.strongly(t, eve) // R05
	other.post(t, "/account/passkeys/rename", "passkey", id, "name", "mine").want(t, 404)
	other.post(t, "/account/passkeys/remove", "passkey", id).want(t, 404)
	other.get(t, "/account/passkeys").want(t, 200, "!Blue key")

	b.post(t, "/account/passkeys/remove", "passkey", id).want(t, 200, "The passkey has been removed", "have a passkey yet")
	if n := len(h.keys(t, u)); n != 0 {
		t.Errorf("%d left", n)
	}
}

func TestF10_PasskeysWantARecentSignIn(t *testing.T) {
	bubble(t, func(t *testing.T, h *fixture) {
		u := h.person(t, "ada@example.org")
		b := h.strongly(t, u)
		b.get(t, "/account/passkeys").addPasskey(t, "Phone").want(t, 200, "Your passkey is ready")
		b.post(t, "/account/passkeys/options")
		made := device().Create(t, b.Body.Bytes())
		time.Sleep(11 * time.Minute)
		b.post(t, "/account/passkeys/options").want(t, 403, "!challenge")
		b.post(t, "/account/passkeys/add", "credential", made).want(t, 200, "the sign-in page")
		b.post(t, "/account/passkeys/remove", "passkey", h.keys(t, u)[0].ID).want(t, 200, "the sign-in page")
		if n := len(h.keys(t, u)); n != 1 {
			t.Errorf("%d passkeys", n)
		}
	})
}

// Who adds a passkey has a second factor from then on: the password alone changes passkeys no more.
func TestV01_PasskeysOfThePersonWantAStrongSignIn(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	b, _ := h.signedIn(t, u, "")
	b.get(t, "/account/passkeys").addPasskey(t, "Phone").want(t, 200, "Your passkey is ready")
	b.post(t, "/account/passkeys/options").want(t, 403, "!challenge")
	b.post(t, "/account/passkeys/add", "credential", "{}").want(t, 200, "the sign-in page")
	b.post(t, "/account/passkeys/remove", "passkey", h.keys(t, u)[0].ID).want(t, 200, "the sign-in page")
	if n := len(h.keys(t, u)); n != 1 {
		t.Errorf("%d passkeys", n)
	}
}

func TestF10_LastPasskeyStays(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	if _, err := h.db.DeleteCredentials(t.Context(), u.ID, "password"); err != nil {
		t.Fatal(err)
	}
	b := h.strongly(t, u)
	b.get(t, "/account/passkeys").addPasskey(t, "Phone")
	b.post(t, "/account/passkeys/remove", "passkey", h.keys(t, u)[0].ID).want(t, 409, "only way to sign in", "Phone")
	b.get(t, "/account").want(t, 200, "Not set")
}

func TestPasskeys_WhereBrowsersOfferNone(t *testing.T) {
	h := newFixture(t, "http://127.0.0.1:9400")
	b, _ := h.signedIn(t, h.person(t, "ada@example.org"), "")
	b.origin = "http://127.0.0.1:9400"
	b.get(t, "/account/passkeys").want(t, 200, "need a domain name", "!data-passkey")
	if b.post(t, "/account/passkeys/options"); b.Code != 404 && !strings.Contains(b.Body.String(), "404") {
		t.Errorf("options: %d", b.Code)
	}
}
