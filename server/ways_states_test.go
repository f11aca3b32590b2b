package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/server/servertest"
	"signet/users/factor"
	"signet/users/passkey/passkeytest"
)

// state is a state of sign-in: an account, and how far a browser is with it.
type state struct {
	name     string
	server   string
	has      string // of a second factor: "T" an authenticator app, "K" a passkey
	unproven bool   // nobody has proven the address
	begin    func(c *cell)
	// What it is, for the rules.
	session bool   // somebody is signed in
	strong  bool   // with the strongest factor that the person has, at most ten minutes ago
	added   bool   // which they have set up since
	bare    bool   // no password, no second factor: they sign in at an upstream only
	first   bool   // who has nothing here confirmed a moment ago that it is them: a first factor may be added
	ends    string // where begin leads to
}

const (
	atSignIn  = "/signin"
	atFactor  = "/signin/factor"
	atSetUp   = "/signin/factor/setup"
	atAccount = "/account"
)

// enrol reports whether the person has no second factor and is to set one up in this very sign-in.
func (s *state) enrol() bool { return s.ends == atSetUp }

// check fails where the browser is not in the state.
func (s *state) check(c *cell) {
	c.t.Helper()
	if c.b.URL.Path != s.ends {
		c.t.Fatalf("%s: at %s (%d): %s", s.name, c.b.URL, c.b.Status, c.b.Text("main"))
	}
	if here := c.b.Tab(c.t).Get(c.t, "/account").URL.Path == atAccount; here != s.session {
		c.t.Fatalf("%s: signed in: %t", s.name, here)
	}
}

// states are all of the table, those of a pending sign-in for each kind of second factor.
func states() []*state {
	firsts := []struct {
		name  string
		begin func(c *cell)
	}{{"password", (*cell).byPassword}, {"mailed code", (*cell).byCode}, {"reset link", (*cell).byReset}, {"upstream", (*cell).byUpstream}}
	all := []*state{
		{name: "nobody", server: optional, has: "TK", begin: func(*cell) {}, ends: atSignIn},
		{name: "nobody, address not proven", server: optional, has: "TK", unproven: true, begin: func(*cell) {}, ends: atSignIn},
		{name: "nobody, no mail", server: noMail, has: "TK", begin: func(*cell) {}, ends: atSignIn},
		{name: "frozen", server: optional, has: "TK", begin: (*cell).frozen, ends: atSignIn},
		{name: "passkey without user verification", server: optional, has: "K", begin: (*cell).unverified, ends: atSignIn},
	}
	for _, first := range firsts {
		all = append(all,
			&state{name: first.name + ", then authenticator asked", server: optional, has: "T", begin: first.begin, ends: atFactor},
			&state{name: first.name + ", then passkey asked", server: everyone, has: "K", begin: first.begin, ends: atFactor},
			&state{name: first.name + ", then enrolment", server: everyone, begin: first.begin, ends: atSetUp},
			&state{name: "acr 1 by " + first.name + ", nothing else", server: optional, begin: first.begin,
				session: true, strong: true, ends: atAccount},
			&state{name: "acr 1 by " + first.name + ", has passkey", server: optional, has: "K", begin: first.begin,
				session: true, ends: atAccount},
		)
	}
	return slices.Concat(all, signedInStates(), confirmStates())
}

func signedInStates() []*state {
	both := []*state{
		{name: "acr 1, second visit", server: optional, begin: (*cell).byPassword, strong: true},
		{name: "acr 1, address not proven", server: optional, unproven: true, begin: (*cell).byPassword, strong: true},
		{name: "acr 1, authenticator added since", server: optional, added: true, begin: (*cell).beforeAuthenticator},
		{name: "acr 1, passkey added since", server: optional, added: true, begin: (*cell).beforePasskey},
		{name: "acr 1, trusted browser, authenticator", server: optional, has: "T", begin: (*cell).trust},
		{name: "acr 1, trusted browser, passkey", server: everyone, has: "K", begin: (*cell).trust},
		{name: "acr 2, authenticator", server: optional, has: "T", begin: (*cell).bySecond, strong: true},
		{name: "acr 2, authenticator, trusted browser", server: optional, has: "T", begin: (*cell).bySecondTrusted, strong: true},
		{name: "acr phr, passkey", server: optional, has: "K", begin: (*cell).byPasskey, strong: true},
		{name: "acr phr, both", server: optional, has: "TK", begin: (*cell).byPasskey, strong: true},
	}
	all := []*state{
		{name: "acr 2, authenticator, everybody must", server: everyone, has: "T", begin: (*cell).bySecond},
		{name: "acr 2, authenticator, no mail", server: noMail, has: "T", begin: (*cell).bySecond},
		{name: "acr 1, second visit, no mail", server: noMail, begin: (*cell).byPassword},
		{name: "acr phr by two steps", server: everyone, has: "K", begin: (*cell).bySecond},
	}
	for _, s := range all {
		s.session, s.strong, s.ends = true, true, atAccount
	}
	for _, s := range both {
		s.session, s.ends = true, atAccount
		old := *s
		old.name, old.strong = s.name+", old", false
		old.begin = func(c *cell) {
			s.begin(c)
			c.w.AgeSessions(c.t, c.p.ID, 11*time.Minute)
		}
		all = append(all, s, &old)
	}
	return all
}

func (c *cell) byPassword() { c.b.SignIn(c.t, c.p) }

func (c *cell) byCode() {
	c.b.Get(c.t, "/signin/code").Submit(c.t, "code-ask", url.Values{"username": {c.p.Email}})
	c.b.Submit(c.t, "code-submit", url.Values{"code": {c.mailedCode()}})
}

// replaced is the password that a person has after a reset or a change.
const replaced = "a fresh and long sentence"

func (c *cell) byReset() {
	c.b.Get(c.t, c.resetLink()).Submit(c.t, "password-submit", url.Values{"password": {replaced}})
	c.p.Password = replaced
}

// resetLink is one that was mailed to the person.
func (c *cell) resetLink() string {
	c.t.Helper()
	link, err := c.w.Services().People.ResetLink(c.t.Context(), servertest.Permit(c.t, c.p.ID, factor.ResetPassword), c.w.box != nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimPrefix(link, c.w.URL)
}

func (c *cell) byUpstream() {
	c.b.Post(c.t, "/signin/with/work", url.Values{})
	c.b.Get(c.t, c.answer(c.b, "work", fakePerson(c.n, false).Subject))
}

// second passes the second factor that the page in view asks for.
func (c *cell) second(more url.Values) {
	c.t.Helper()
	fields := url.Values{"trust": more["trust"]}
	if c.app.Secret != "" {
		fields.Set("code", c.app.Code(c.t))
		c.b.Submit(c.t, "factor-submit", fields)
		return
	}
	fields.Set("credential", c.key.Get(c.t, c.options(c.b.Attribute("factor-passkey", "data-options"))))
	c.b.Post(c.t, c.b.Attribute("factor-passkey", "formaction"), fields)
}

func (c *cell) bySecond() {
	c.byPassword()
	c.second(nil)
}

func (c *cell) bySecondTrusted() {
	c.byPassword()
	c.second(url.Values{"trust": {"1"}})
	c.trusted = true
}

// trust signs in once with both factors in a browser that is to be trusted, and then with the password.
func (c *cell) trust() {
	c.byPassword()
	c.second(url.Values{"trust": {"1"}})
	c.b = c.b.Without(c.t, "session").Get(c.t, "/signin?other=1")
	c.byPassword()
	c.trusted = true
}

func (c *cell) beforeAuthenticator() {
	c.byPassword()
	c.app = c.w.AddAuthenticator(c.t, c.p)
}

func (c *cell) beforePasskey() {
	c.byPassword()
	c.addPasskey()
}

func (c *cell) byPasskey() { c.showPasskey(c.key) }

// showPasskey uses one on the sign-in page.
func (c *cell) showPasskey(d *passkeytest.Device) {
	c.b.Post(c.t, c.b.Attribute("login-passkey", "formaction"),
		url.Values{"credential": {d.Get(c.t, c.options(c.b.Attribute("login-passkey", "data-options")))}})
}

func (c *cell) unverified() {
	d := *c.key
	d.Bearer.Options.UserNotVerified = true
	c.showPasskey(&d)
	if c.b.Status != http.StatusForbidden {
		c.t.Fatalf("a passkey without user verification: %d at %s", c.b.Status, c.b.URL)
	}
	c.b.Get(c.t, "/signin")
}

// frozen has begun a sign-in before the person said "this was not me".
func (c *cell) frozen() {
	c.byPassword()
	factor := c.b.URL.RequestURI()
	now := time.Now()
	if err := c.w.Services().DB.SetUserFrozen(c.t.Context(), c.p.ID, now, now); err != nil {
		c.t.Fatal(err)
	}
	if err := c.w.Services().People.EndAll(c.t.Context(), c.p.ID, "", "a test"); err != nil {
		c.t.Fatal(err)
	}
	c.b.Get(c.t, factor)
	c.i = strings.TrimPrefix(factor, atFactor+"?i=")
}

// options are those of a passkey ceremony; nil where none are given.
func (c *cell) options(path string) json.RawMessage {
	c.t.Helper()
	return jsonOf(c.b.Tab(c.t).Post(c.t, path, url.Values{}))
}

// jsonOf is the answer in view, nil if it is not JSON.
func jsonOf(tab *servertest.Browser) json.RawMessage {
	if tab.Status != http.StatusOK || !strings.HasPrefix(tab.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	return json.RawMessage(tab.Body)
}
