package servertest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"signet/users/membership"
)

// Interaction is the sign-in in progress that the page in view belongs to.
func (b *Browser) Interaction(t testing.TB) string {
	t.Helper()
	id := b.URL.Query().Get("i")
	if id == "" {
		t.Fatalf("no sign-in in progress at %s", b.URL)
	}
	return id
}

// recoveryCode is one as the page shows it.
var recoveryCode = regexp.MustCompile(`(?:[A-Z2-7]{4} ){5}[A-Z2-7]{4}`)

// AddAuthenticator sets an authenticator app up on the account's pages, for the person signed in: their session has both factors then.
// It confirms with the code of the step before now, so that now's is left to use.
func (b *Browser) AddAuthenticator(t testing.TB) (secret string, recovery []string) {
	t.Helper()
	b.Get(t, "/account/second-step").Get(t, "/account/second-step/add")
	secret = b.Text("totp-secret")
	b.Submit(t, "totp-confirm", url.Values{"code": {TOTPAt(t, secret, -1)}})
	recovery = recoveryCode.FindAllString(b.Text("main"), -1)
	if b.Status != http.StatusOK || len(recovery) == 0 {
		t.Fatalf("enrolment ends at %s with %d: %s", b.URL, b.Status, b.Text("main"))
	}
	return secret, recovery
}

// PasskeyOptions does what the script of a page does first when the button of a passkey is pressed: it asks for the options.
func (b *Browser) PasskeyOptions(t testing.TB, button string, fields url.Values) json.RawMessage {
	t.Helper()
	at := b.Attribute(button, "data-options")
	if at == "" {
		t.Fatalf("no %s at %s", button, b.URL)
	}
	to, err := b.URL.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	tab := b.Tab(t)
	if fields == nil {
		fields = url.Values{}
	}
	if form := b.FormWith(button); form != nil && form.Fields.Has("as") {
		fields.Set("as", form.Fields.Get("as"))
	}
	tab.Post(t, to.String(), fields)
	if tab.Status != http.StatusOK || !strings.HasPrefix(tab.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("options: %d %s", tab.Status, tab.Text("main"))
	}
	return json.RawMessage(tab.Body)
}

// SendPasskey does what the script does last: it sends the form with the authenticator's answer.
func (b *Browser) SendPasskey(t testing.TB, button, answer string) *Browser {
	t.Helper()
	return b.Post(t, b.Attribute(button, "formaction"), url.Values{"credential": {answer}})
}

// BodyWithout is the page in view with the words masked: what a stranger can tell two answers apart by.
func (b *Browser) BodyWithout(words ...string) string {
	text := b.Body
	for _, w := range words {
		text = strings.ReplaceAll(text, w, "MASKED")
	}
	return text
}

// MakeAdmin gives a person the role whose holders must have a second factor.
func (s *Server) MakeAdmin(t testing.TB, p Person) {
	t.Helper()
	m := s.Services().Members
	if err := m.CreateRole(t.Context(), membership.Admin, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Give(t.Context(), membership.Admin, membership.Holder{UserID: p.ID}); err != nil {
		t.Fatal(err)
	}
}
