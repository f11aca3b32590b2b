package logout_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
)

var watched = servertest.Change(func(c *config.Config) { c.Sessions.CheckIframe = true })

// browserState is the value of the cookie that scripts can read.
func browserState(t *testing.T, b *servertest.Browser) string {
	t.Helper()
	for _, c := range b.Cookies() {
		if c.Name == "__Host-signet_state" {
			return c.Value
		}
	}
	return ""
}

// matches judges a session_state as the frame does.
func matches(state, client, origin, browser string) bool {
	hash, salt, _ := strings.Cut(state, ".")
	sum := sha256.Sum256([]byte(client + " " + origin + " " + browser + " " + salt))
	return hash == hex.EncodeToString(sum[:])
}

func TestSessionState(t *testing.T) { // OpenID Connect Session Management 1.0 sections 2 and 3
	s := servertest.New(t, servertest.HandlerOnly(), watched)
	ada, bob, app, b := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com"), s.App(t, "shop"), s.Browser(t)
	now := func(more ...oauth2.AuthCodeOption) string {
		t.Helper()
		r := app.Begin(t, b, more...)
		if b.Landed == nil && b.Has("login-submit") {
			b.SignIn(t, ada)
		}
		if b.Landed == nil && b.Has("consent-allow") {
			b.Allow(t)
		}
		state := r.Answer(t, b).Get("session_state")
		if !matches(state, "shop", "https://shop.example", browserState(t, b)) {
			t.Errorf("session_state %q does not stand for the browser state %q", state, browserState(t, b))
		}
		return browserState(t, b)
	}
	none := oauth2.SetAuthURLParam("prompt", "none")
	out1 := now(none) // refused: there is a state, too
	first := now()
	if first == out1 {
		t.Error("a sign-in does not change the state")
	}
	if now() != first || now(none) != first {
		t.Error("the state changes by itself")
	}
	b.Get(t, "/signin?other=1").SignIn(t, bob)
	second := browserState(t, b)
	if second == first {
		t.Error("another account has the same state")
	}
	b.Get(t, out()).Submit(t, "logout-confirm", nil) // Bob
	third := browserState(t, b)
	if third == second || third == "" {
		t.Errorf("after the sign-out %q", third)
	}
	if now(none) != third {
		t.Error("the state changes although nobody signed in")
	}
	header := http.Header{}
	for _, line := range b.Header.Values("Set-Cookie") {
		header.Add("Set-Cookie", line)
	}
	if len(header) > 0 {
		t.Errorf("set without need: %v", header)
	}
}

func TestBrowserStateCookie(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), watched)
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	b.Get(t, "/signin")
	form := b.FormWith("login-submit")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+form.Action, strings.NewReader(url.Values{
		"username": {ada.Email}, "password": {ada.Password}, "i": form.Fields["i"]}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", s.URL)
	for _, c := range b.Cookies() {
		req.AddCookie(c)
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for _, c := range res.Cookies() {
		if c.Name == "__Host-signet_state" {
			if c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteNoneMode || len(c.Value) != 22 {
				t.Errorf("%s", c.Raw)
			}
			return
		}
	}
	t.Errorf("%d without the cookie: %v", res.StatusCode, res.Header["Set-Cookie"])
}

func TestCheckSessionPage(t *testing.T) { // OpenID Connect Session Management 1.0 section 3.3
	s := servertest.New(t, servertest.HandlerOnly(), watched)
	b := s.Browser(t)
	b.Extra = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}}
	b.Get(t, "/oauth2/check-session")
	if b.Status != http.StatusOK || !strings.Contains(b.Body, `data-cookie="__Host-signet_state"`) ||
		!strings.Contains(b.Body, "/check_session.js") {
		t.Errorf("%d: %s", b.Status, b.Body)
	}
	if csp := b.Header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors *") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	if b.Header.Get("X-Frame-Options") != "" || len(b.Header["Set-Cookie"]) != 0 {
		t.Errorf("%v", b.Header)
	}
	if b.Get(t, "/signin"); b.Status != http.StatusForbidden || b.Header.Get("X-Frame-Options") != "DENY" { // no other page is framed
		t.Errorf("the sign-in page in a frame: %d, %v", b.Status, b.Header)
	}
}

func TestSessionIsNotWatchedUnlessSwitchedOn(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "shop"), s.Browser(t)
	r := app.Begin(t, b)
	b.SignIn(t, ada).Allow(t)
	if r.Answer(t, b).Has("session_state") || browserState(t, b) != "" {
		t.Error("watched")
	}
	if b.Get(t, "/oauth2/check-session"); b.Status != http.StatusNotFound {
		t.Errorf("%d", b.Status)
	}
}
