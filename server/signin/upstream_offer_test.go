package signin_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

func TestUpstreamsThatAreOffered(t *testing.T) {
	w := upstreams(t, false, map[string]func(*config.Upstream){
		"work": func(u *config.Upstream) { u.Hidden, u.Routes = true, []string{"work.example"} },
	})
	only := w.App(t, "only", func(m *clients.Metadata) { m.Upstreams = []string{"facebook"} }).With("openid")
	b := w.Browser(t)
	only.Begin(t, b)
	if b.Has("with-google") || !b.Has("with-facebook") {
		t.Errorf("offered: %s", b.Text("main"))
	}
	told(t, b.Post(t, strings.Replace(b.Attribute("with-facebook", "formaction"), "facebook", "google", 1), url.Values{}), http.StatusForbidden, "not offered here")

	app := w.App(t, "shop").With("openid")
	hint := func(name, value string) oauth2.AuthCodeOption { return oauth2.SetAuthURLParam(name, value) }
	b = w.Browser(t)
	app.Begin(t, b, hint("idp_hint", "google"))
	if b.Landed == nil || b.Landed.Host != strings.TrimPrefix(w.google.URL, "http://") {
		t.Fatalf("idp_hint: at %s", b.URL)
	}
	if w.back(t, b, "google", ""); !b.Has("login-submit") { // who comes back is asked
		t.Errorf("at %s", b.URL)
	}
	b = w.Browser(t)
	if app.Begin(t, b, hint("idp_hint", "nowhere")); b.Landed != nil || b.Status != http.StatusOK {
		t.Errorf("an unknown hint leads to %v", b.Landed)
	}
	b = w.Browser(t)
	if only.Begin(t, b, hint("idp_hint", "google")); b.Landed != nil {
		t.Error("a hint leads where the app may not")
	}
	b = w.Browser(t)
	if app.Begin(t, b, hint("login_hint", "ada@work.example")); b.Landed == nil || b.Landed.Query().Get("login_hint") != "ada@work.example" {
		t.Errorf("a routed login_hint: at %s, %v", b.URL, b.Landed)
	}

	b = w.Browser(t).Get(t, "/signin")
	if b.Has("with-work") || b.Has("password") {
		t.Errorf("the name comes first: %s", b.Text("main"))
	}
	if b.Submit(t, "login-submit", url.Values{"username": {"ada@work.example"}}); b.Landed == nil || b.Landed.Query().Get("login_hint") != "ada@work.example" {
		t.Errorf("routed to %v", b.Landed)
	}
	ada := w.Person(t, "ada@example.com")
	b = w.Browser(t).Get(t, "/signin")
	b.Submit(t, "login-submit", url.Values{"username": {ada.Email}})
	if !b.Has("password") || b.Attribute("username", "value") != ada.Email {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	if b.SignIn(t, ada); w.here(t, b).ID != ada.ID {
		t.Error("not signed in")
	}
	if b = w.Browser(t).Get(t, "/signin?password=1"); !b.Has("password") {
		t.Error("no way to the password")
	}
}

func TestProofAgainHasToBeTheSamePersons(t *testing.T) { // F10
	w := upstreams(t, false, nil)
	b := w.Browser(t)
	ada := w.joined(t, b, "google", gmailAda.Subject)
	w.joined(t, w.Browser(t), "google", gmailBob.Subject)
	app := w.App(t, "shop").With("openid")
	r := app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
	if b.Has("with-facebook") || !b.Has("with-google") {
		t.Errorf("only what the person is known by may prove it: %s", b.Text("main"))
	}
	told(t, w.through(t, b, "google", gmailBob.Subject), http.StatusForbidden, "as somebody else")
	if w.here(t, b).ID != ada.ID {
		t.Error("another person took over")
	}
	w.through(t, b, "google", gmailAda.Subject)
	if r.Code(t, b.Allow(t)) == "" {
		t.Error("no code")
	}
}

func TestUpstreamAccountThatIsNotToComeIn(t *testing.T) {
	w := upstreams(t, true, nil)
	b := w.Browser(t)
	ada := w.joined(t, b, "google", gmailAda.Subject)
	if err := w.House().People.Disable(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	b = w.Browser(t)
	told(t, w.through(t, b, "google", gmailAda.Subject), http.StatusForbidden, "switched off")
	nobody(t, b)
}

func TestBeginningsAreCounted(t *testing.T) { // each is a row
	w := upstreams(t, false, nil)
	b := w.Browser(t).Get(t, "/signin")
	action := b.Attribute("with-google", "formaction")
	for range 1002 {
		if b.Post(t, action, url.Values{}); b.Landed == nil {
			break
		}
	}
	told(t, b, http.StatusTooManyRequests, "Too many tries")
	if b.Header.Get("Retry-After") == "" {
		t.Error("does not say how long")
	}
}

func TestN11_TheSecondStepAfterAnUpstream(t *testing.T) {
	w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.SignOut, u.AuthoritativeFor = true, []string{"*"} }})
	b := w.Browser(t)
	ada := w.joined(t, b, "work", "w-1")
	secret, _ := turnOn(t, b)
	fresh := w.Browser(t)
	if w.through(t, fresh, "work", "w-1"); fresh.URL.Path != "/signin/factor" {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	nobody(t, fresh)
	fresh.Submit(t, "factor-submit", url.Values{"code": {codeOf(t, secret, 0)}})
	if w.here(t, fresh).ID != ada.ID {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	list, err := w.House().Sessions.OfUser(t.Context(), ada.ID, 10)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, s := range list { // both know where they began, the second over two steps
		if from, err := w.House().DB.UpstreamSessionByID(t.Context(), s.ID); err != nil || from.Subject != "w-1" || from.SID == "" || len(from.IDToken) == 0 {
			t.Errorf("%v: %+v, %v", s.AMR, from, err)
		}
	}
	if fresh.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil); fresh.Landed == nil {
		t.Errorf("not signed out there: at %s", fresh.URL)
	}
}

func TestUpstreamsUnderAPathAndWithAPictureOfTheirOwn(t *testing.T) {
	logo := filepath.Join(t.TempDir(), "work.svg")
	const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`
	if err := os.WriteFile(logo, []byte(picture), 0o600); err != nil {
		t.Fatal(err)
	}
	w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.Logo, u.AuthoritativeFor = logo, []string{"*"} }}, servertest.Path("/tenant"))
	w.work.Register("https://id.example.com/tenant/signin/with/work/callback")
	b := w.Browser(t).Get(t, "/signin")
	press(t, b, "work")
	if b.Landed == nil || b.Landed.Query().Get("redirect_uri") != "https://id.example.com/tenant/signin/with/work/callback" {
		t.Fatalf("at %s: %v", b.URL, b.Landed)
	}
	if w.back(t, b, "work", "w-1").Submit(t, "newaccount-submit", nil); b.URL.Path != "/tenant/account" {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	page := w.Browser(t).Get(t, "/signin")
	at := regexp.MustCompile(`src="(/tenant/upstreams/work/[^"]+)"`).FindStringSubmatch(page.Body)
	if at == nil {
		t.Fatal("no picture on the button")
	}
	got := w.Browser(t).Get(t, strings.TrimPrefix(at[1], "/tenant"))
	if got.Status != http.StatusOK || got.Body == "" || got.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(got.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", got.Status, got.Header)
	}
	if other := w.Browser(t).Get(t, "/upstreams/work/another"); other.Status != http.StatusNotFound {
		t.Errorf("another picture: %d", other.Status)
	}
}
