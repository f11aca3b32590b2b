package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/config"
	"signet/server/servertest"
	"signet/users"
)

// strangers is a server behind a trusted proxy with somebody at full speed beside an honest caller: rules V05, V06 and V07. What is honest
// must be served; how fast is loadbench's matter.
type strangers struct {
	*testing.T
	s      *servertest.Server
	eves   func(i int) string // where the attacker's requests come from
	honest string             // where the honest caller's do
	one    bool               // one network has both
}

// fromEverywhere runs an attack from other networks than the honest caller's, and from the same /24, where an honest caller still
// passes whose credential cannot be guessed, or whose browser is known; that one on Postgres too. Nothing of it is done at once, and under
// the race detector it takes minutes: the gate runs all three without it.
func fromEverywhere(t *testing.T, attack func(x strangers), options ...servertest.Option) {
	t.Helper()
	if racing {
		return
	}
	here, everywhere := "203.0.113.%[2]d", "198.51.%[1]d.%[2]d"
	for _, from := range []struct {
		name, eves string
		engine     []servertest.Option
	}{
		{"other networks", everywhere, nil}, {"one network", here, nil},
		{"one network, Postgres", here, []servertest.Option{servertest.Postgres()}},
	} {
		t.Run(from.name, func(t *testing.T) {
			run := func(t *testing.T) {
				x := strangers{T: t, honest: "203.0.113.9", one: from.eves == here}
				x.eves = func(i int) string { return fmt.Sprintf(from.eves, i%40, 10+i%240) }
				x.s = servertest.New(t, slices.Concat(options, from.engine,
					[]servertest.Option{servertest.HandlerOnly(), servertest.Quiet(), behindProxy})...)
				attack(x)
			}
			if from.engine != nil {
				run(t) // what comes over a socket is nothing that a bubble waits for
				return
			}
			synctest.Test(t, run) // no time passes: nothing that has to be waited for is ever over
		})
	}
}

// behindProxy trusts the address that requests without sockets come from.
var behindProxy = servertest.Change(func(c *config.Config) {
	c.Server.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
})

// browser opens one at an address.
func (x strangers) browser(at string) *servertest.Browser {
	b := x.s.Browser(x.T)
	b.Extra = http.Header{"X-Forwarded-For": {at}}
	return b
}

// eve is the attacker's, who says to be the honest caller: the proxy adds where the request really came from.
func (x strangers) eve(i int) string { return x.honest + ", " + x.eves(i) }

// at is the server as apps at an address see it.
func (x strangers) at(address string) *servertest.Server {
	s := *x.s
	s.HTTP = &http.Client{Transport: via{address, x.s.HTTP.Transport}, CheckRedirect: x.s.HTTP.CheckRedirect}
	return &s
}

type via struct {
	address string
	http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (v via) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", v.address)
	return v.RoundTripper.RoundTrip(r)
}

// send is a request of a program; a form, or anything else as JSON. auth is a user name and a password, or a bearer token.
func (x strangers) send(at, path string, body any, auth ...string) (status int, answer map[string]any) {
	x.Helper()
	kind, text := "application/json", []byte(nil)
	if form, ok := body.(url.Values); ok {
		kind, text = "application/x-www-form-urlencoded", []byte(form.Encode())
	} else if made, err := json.Marshal(body); err == nil {
		text = made
	}
	r, err := http.NewRequestWithContext(x.Context(), http.MethodPost, x.s.URL+path, bytes.NewReader(text))
	if err != nil {
		x.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	switch len(auth) {
	case 1:
		r.Header.Set("Authorization", "Bearer "+auth[0])
	case 2:
		r.SetBasicAuth(url.QueryEscape(auth[0]), url.QueryEscape(auth[1]))
	}
	res, err := x.at(at).HTTP.Do(r)
	if err != nil {
		x.Fatal(err)
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		x.Fatal(err)
	}
	_ = json.Unmarshal(text, &answer) // pages have none
	return res.StatusCode, answer
}

// arrives fails unless the browser is signed in.
func (x strangers) arrives(what string, b *servertest.Browser) {
	x.Helper()
	if b.URL.Path != "/account" || b.Status != http.StatusOK {
		x.Errorf("%s: at %s (%d): %s", what, b.URL.Path, b.Status, b.Text("main"))
	}
}

func TestV05_StrangersAndSignIn(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		ada, bob := x.s.Person(x.T, "ada@example.com"), x.s.Person(x.T, "bob@example.com")
		key := x.s.AddPasskey(x.T, ada)
		known := x.browser(x.honest)
		known.Get(x.T, "/account").SignIn(x.T, ada)
		x.arrives("before", known)
		open := x.browser(x.honest) // somebody who types
		open.Get(x.T, "/account")
		eve := x.browser("")
		eve.Get(x.T, "/signin")
		at, stranger := eve.URL.RequestURI(), x.s.Device()
		for i := range 320 {
			eve.Extra.Set("X-Forwarded-For", x.eve(i))
			name := ada.Email
			if i%2 > 0 {
				name = fmt.Sprintf("nobody%d@example.com", i%50)
			}
			eve.Post(x.T, at, url.Values{"username": {name}, "password": {"a wrong password"}})
		}
		for i := range 110 {
			eve.Extra.Set("X-Forwarded-For", x.eve(i))
			if eve.Get(x.T, "/signin"); eve.Has("login-passkey") {
				eve.SendPasskey(x.T, "login-passkey", stranger.Get(x.T, eve.PasskeyOptions(x.T, "login-passkey", nil)))
			}
		}
		again := known.Without(x.T, "session")
		again.Get(x.T, "/account").SignIn(x.T, ada)
		x.arrives("a known browser", again)
		fresh := x.browser(x.honest)
		fresh.Get(x.T, "/account")
		fresh.SendPasskey(x.T, "login-passkey", key.Get(x.T, fresh.PasskeyOptions(x.T, "login-passkey", nil)))
		x.arrives("a passkey", fresh)
		if !x.one {
			open.SignIn(x.T, bob)
			x.arrives("somebody else, in a new browser", open)
		}
	})
}

// Hundreds of sign-ins that are begun and never ended, and of challenges of passkeys that nobody answers.
func TestV06_StrangersWhoBeginAndNeverEnd(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		ada := x.s.Person(x.T, "ada@example.com")
		key, app := x.s.AddPasskey(x.T, ada), x.s.App(x.T, "shop")
		known := x.browser(x.honest)
		known.Get(x.T, "/account").SignIn(x.T, ada)
		open := x.browser(x.honest)
		open.Get(x.T, "/account")
		typing := open.URL.RequestURI()
		eve := x.browser(x.eve(0))
		asked := eve.Get(x.T, "/signin").Attribute("login-passkey", "data-options")
		ask := app.OAuth.AuthCodeURL("s")
		for i := range 400 {
			r, err := http.NewRequestWithContext(x.Context(), http.MethodGet, ask, nil)
			if err != nil {
				x.Fatal(err)
			}
			r.Header.Set("Cookie", fmt.Sprintf("__Host-signet_browser=invented%d", i))
			res, err := x.at(x.eve(i)).HTTP.Do(r)
			if err != nil {
				x.Fatal(err)
			}
			res.Body.Close()
		}
		now := time.Now()
		if _, err := x.s.Services().DB.AddToCounter(x.Context(), "n:passkey asked 203.0.113.0/24", 950, now, time.Hour); x.one && err != nil {
			x.Fatal(err)
		}
		for i := range 100 {
			eve.Extra.Set("X-Forwarded-For", x.eve(i))
			if eve.Post(x.T, asked, url.Values{}); i < 40 && eve.Status != http.StatusOK {
				x.Fatalf("options: %d %s", eve.Status, eve.Body)
			}
		}
		open.Get(x.T, typing).SignIn(x.T, ada)
		x.arrives("who had begun before", open)
		again := known.Without(x.T, "session")
		again.Get(x.T, "/account").SignIn(x.T, ada)
		x.arrives("a known browser", again)
		withKey := known.Without(x.T, "session")
		withKey.Get(x.T, "/account")
		withKey.SendPasskey(x.T, "login-passkey", key.Get(x.T, withKey.PasskeyOptions(x.T, "login-passkey", nil)))
		x.arrives("a passkey in a known browser", withKey)
		if !x.one {
			fresh := x.browser(x.honest)
			fresh.Get(x.T, "/account").SignIn(x.T, ada)
			x.arrives("a new browser", fresh)
		}
	})
}

func TestV05_StrangersAndSignUp(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		x.s.Person(x.T, "ada@example.com")
		invitation := x.s.Invite(x.T, users.Invitation{Email: "carol@example.com"})
		eve := x.browser("")
		for i := range 120 {
			eve.Extra.Set("X-Forwarded-For", x.eve(i))
			eve.Get(x.T, "/signup")
			if name := "ada@example.com"; eve.Has("signup-submit") {
				eve.Submit(x.T, "signup-submit", url.Values{"name": {"Eve"}, "username": {name}, "password": {servertest.NewPassword}})
			}
		}
		carol := x.browser(x.honest)
		carol.Get(x.T, invitation).Submit(x.T, "signup-submit", url.Values{"name": {"Carol"}, "username": {"carol@example.com"},
			"password": {servertest.NewPassword}})
		x.arrives("who is invited", carol)
		if !x.one {
			dan := x.browser(x.honest)
			dan.Get(x.T, "/account").SignUp(x.T, "Dan", "dan@example.com", servertest.NewPassword)
			x.arrives("anybody", dan)
		}
	})
}

// The link that was mailed, whoever asked for it, is good whatever others try and ask for.
func TestV05_StrangersAndRecovery(t *testing.T) {
	if racing {
		return // see fromEverywhere
	}
	for name, one := range map[string]bool{"other networks": false, "one network": true} {
		t.Run(name, func(t *testing.T) {
			s, box := servertest.NewWithMail(t, behindProxy, servertest.Quiet())
			x := strangers{T: t, s: s, honest: "203.0.113.9", one: one}
			x.eves = func(i int) string { return fmt.Sprintf("203.0.113.%d", 10+i) }
			if !one {
				x.eves = func(i int) string { return fmt.Sprintf("198.51.%d.7", i) }
			}
			ada := s.Person(t, "ada@example.com")
			eve := x.browser("")
			for i := range 40 {
				eve.Extra.Set("X-Forwarded-For", x.eve(i))
				eve.Get(t, "/forgot").Submit(t, "forgot-submit", url.Values{"username": {ada.Email}})
				eve.Get(t, "/reset?t="+strings.Repeat("A", 30)+fmt.Sprint(i))
			}
			b, mailed := x.browser(x.honest), 6 // rule D07
			if one {
				mailed = 3
			}
			for range mailed { // the newest link is good (rule D05); an answer to /forgot does not wait for it, and one may come yet
				link := servertest.Local(t, box.WaitWith(t, ada.Email, "/reset?t=").LinkWith(t, "/reset?t="))
				if b.Get(t, link); b.Has("password-submit") {
					b.Submit(t, "password-submit", url.Values{"password": {servertest.NewPassword}})
				}
				if b.Status == http.StatusOK {
					break
				}
			}
			ada.Password = servertest.NewPassword
			fresh := x.browser(x.honest)
			fresh.Get(t, "/account").SignIn(t, ada)
			x.arrives("with the new password", fresh)
		})
	}
}
