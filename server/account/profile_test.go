package account_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/audit"
	"signet/server/servertest"
	"signet/users/factor"
	"signet/users/profile"
)

func TestProfileForm(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	b, _ := h.signedIn(t, u, "")
	page := b.get(t, "/account/profile").Body.String()
	for _, name := range profile.Fields() {
		if !strings.Contains(page, `name="`+name+`"`) {
			t.Errorf("the form has no %s", name)
		}
		for _, bad := range []string{strings.Repeat("\u2066", 600)} {
			b.post(t, "/account/profile", name, bad).want(t, 400, `href="#`+name+`"`, `id="`+name+`-error"`, `aria-invalid="true"`,
				"!This cannot be used")
		}
	}
	b.post(t, "/account/profile", "name", "Ada King", "picture", "https://pictures.example/ada.png", "zoneinfo", "Europe/Vienna", "email",
		"eve@example.org", "email_verified", "true").
		want(t, 200, "profile has been saved", `value="Ada King"`, `value="https://pictures.example/ada.png"`, "<option selected>Europe/Vienna",
			`!src="https://pictures`)
	if got, err := h.people.Show(t.Context(), u.ID); err != nil || got.Email != "ada@example.org" || got.EmailVerified { // R04
		t.Errorf("%+v, %v", got, err)
	}
	permit := servertest.Permit(t, u.ID, factor.ChangeAddress)
	if _, err := h.people.SetClaims(t.Context(), permit, []byte(`{"zoneinfo":"Mars/Olympus"}`)); err != nil {
		t.Fatal(err)
	}
	b.get(t, "/account/profile").want(t, 200, "<option selected>Mars/Olympus")
}

func TestActivityPages(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	b, _ := h.signedIn(t, u, "")
	his, _ := h.signedIn(t, bob, "")
	record := func(e audit.Event) {
		t.Helper()
		if err := h.audit.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	record(audit.Event{Name: audit.ConsentGiven, UserID: u.ID, ClientID: "shop"})
	record(audit.Event{Name: audit.PasswordSet, UserID: u.ID, ActorID: "cli"})
	record(audit.Event{Name: "nobody.knows", UserID: u.ID})
	record(audit.Event{Name: audit.RefreshReused, UserID: bob.ID, ClientID: "board"})
	b.get(t, "/account/activity").want(t, 200, "<bdi>The shop</bdi> was allowed", "By an administrator", "Other activity", "!nobody.knows",
		"!The board", "!Older")
	his.get(t, "/account/activity").want(t, 200, "The board", "!The shop")
	b.get(t, "/account/activity?kind=apps").want(t, 200, "The shop", "!By an administrator", `href="/account/activity?kind=apps" aria-current`)
	b.get(t, "/account/activity?kind=security").want(t, 200, "!The shop", "By an administrator")
	b.get(t, "/account/activity?kind=signins").want(t, 200, "!The shop", "Nothing of this kind")
	b.get(t, "/account/activity?kind=%22%3E%3Cb").want(t, 200, "The shop", "By an administrator")
	for range 60 {
		record(audit.Event{Name: audit.SignInFailed, UserID: u.ID})
	}
	b.get(t, "/account/activity?kind=signins").want(t, 200, "Older", "&amp;kind=signins")
	b.get(t, "/account/activity").want(t, 200, "Older", "!The shop", "!Back to the newest")
	_, rest, _ := strings.Cut(b.Body.String(), "/account/activity?before=")
	id, _, _ := strings.Cut(rest, `"`)
	b.get(t, "/account/activity?before="+id).want(t, 200, "The shop", "Back to the newest", "!Older")
	his.get(t, "/account/activity?before="+id).want(t, 200, "!The shop") // R05
	b.get(t, "/account/activity?before="+url.QueryEscape(strings.Repeat("z", 5000))).want(t, 200, "Older")
	b.get(t, "/account/activity?before=0").want(t, 200, "Nothing has happened yet")
}

func TestR08_SignOutEverywhere(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	b, _ := h.signedIn(t, u, "")
	other, _ := h.signedIn(t, u, "")
	b.post(t, "/account/sessions", "session", "all").want(t, 200, "the sign-in page")
	other.get(t, "/account").want(t, 200, "the sign-in page")
	b.get(t, "/account").want(t, 200, "the sign-in page")
}
