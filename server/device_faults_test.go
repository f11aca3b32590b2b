package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// from is a top-level navigation that a page of another site began.
func from(t *testing.T, b *servertest.Browser, site, address string) {
	t.Helper()
	b.Extra = http.Header{"Sec-Fetch-Site": {site}}
	defer func() { b.Extra = nil }()
	b.Get(t, address)
}

// TestDevices_LinksOfOtherSitesAreNoTries: who looks at a page that leads to wrong codes many times has all tries left; the code of a link
// is written into the form, and counts when the person sends it.
func TestDevices_LinksOfOtherSitesAreNoTries(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	_, user := d.begin("openid")
	b := s.Browser(t)
	b.Get(t, s.URL+"/device").SignIn(t, ada)
	for range 30 {
		from(t, b, "cross-site", s.URL+"/device?user_code=BCDF-GHJK")
		if b.Status != 200 || b.Has("device-allow") || !b.Has("device-submit") {
			t.Fatalf("%d %s", b.Status, b.Text("main"))
		}
	}
	from(t, b, "same-site", s.URL+"/device?user_code="+user)
	if b.Has("device-allow") || b.FormWith("device-submit").Fields.Get("user_code") != user {
		t.Fatalf("%d %s", b.Status, b.Text("main"))
	}
	if b.Submit(t, "device-submit", nil); !b.Has("device-allow") {
		t.Errorf("sent: %d %s", b.Status, b.Text("main"))
	}
	if from(t, b, "none", s.URL+"/device?user_code="+user); !b.Has("device-allow") { // scanned
		t.Errorf("scanned: %d %s", b.Status, b.Text("main"))
	}
}

// TestDevices_TenGuessesAreFree, whoever else guesses in the network.
func TestDevices_TenGuessesAreFree(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, s.URL+"/device").SignIn(t, ada)
	guessed := 0
	for range 16 {
		if b.Get(t, s.URL+"/device?user_code=BCDF-GHJK"); b.Status == http.StatusBadRequest {
			guessed++
		}
	}
	if guessed != 10 {
		t.Errorf("%d guesses", guessed)
	}
}

// TestDevices_AnotherClientOfTheSameIDIsNotLetIn: what a deleted client began is not the next one's, whose name the person would see.
func TestDevices_AnotherClientOfTheSameIDIsNotLetIn(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	device, user := d.begin("openid")
	b, late := s.Browser(t), s.Browser(t)
	d.asked(b, ada, user)
	if err := s.Services().Clients.Delete(t.Context(), "tv"); err != nil {
		t.Fatal(err)
	}
	again := newTV(t, s, "tv")
	if b.Submit(t, "device-allow", nil); b.Status != 400 || strings.Contains(b.Text("main"), "is connected") {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
	late.Get(t, s.URL+"/device?user_code="+user).SignIn(t, ada)
	if late.Has("device-allow") {
		t.Errorf("%d %s", late.Status, late.Text("main"))
	}
	again.wants("of the client before", device, "invalid_grant")
}

// TestDevices_ASecondFactorThatIsDemandedMeanwhile stops what was allowed without, before it is fetched: of a device, and of a code.
func TestDevices_ASecondFactorThatIsDemandedMeanwhile(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	web := s.App(t, "web")
	b := s.Browser(t)
	device, user := d.begin("openid")
	d.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	r := web.Begin(t, b)
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	code := r.Code(t, b)
	for _, app := range []*servertest.App{d.app, web} {
		m := app.Metadata
		m.RequireSecondFactor, m.ClientSecret = true, ""
		if err := s.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	d.wants("device", device, "invalid_grant")
	form := url.Values{"grant_type": {clients.AuthorizationCode}, "code": {code}, "redirect_uri": {web.Metadata.RedirectURIs[0]},
		"code_verifier": {r.Verifier}}
	if status, got := web.Post(t, "/oauth2/token", form); status != 400 || got["error"] != "invalid_grant" {
		t.Errorf("code: %d %v", status, got)
	}
}
