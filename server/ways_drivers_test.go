package server_test

import (
	"fmt"
	"net/url"
	"slices"

	"signet/server/servertest"
	"signet/users/passkey/passkeytest"
)

// driver sends one route the best request that whoever holds the browser of a cell can make. What has to be there first is made by
// prepare, which leaves the browser's sign-in alone unless it says so; send does the rest.
type driver struct {
	route   string
	variant string
	form    string // the button of the page that is shown again where the request is refused; without it an email is on its way
	prepare func(c *cell) (send func())
	// What the request proves besides the state of the browser, for the rules.
	password bool // the present password is typed
	owner    bool // the second factor that is there is shown, right
	link     bool // a secret mailed to the person is sent
	upstream bool // signed by an upstream, server to server
}

func (d *driver) name() string {
	if d.variant == "" {
		return d.route
	}
	return d.route + ": " + d.variant
}

// post is a driver's prepare that has nothing to prepare.
func post(path string, fields func(c *cell) url.Values) func(c *cell) func() {
	return func(c *cell) func() { return func() { c.b.Post(c.t, path, fields(c)) } }
}

// drivers of all routes that touch something.
func drivers() []*driver {
	return slices.Concat(signInDrivers(), accountDrivers(), mailedDrivers(), upstreamDrivers(), newAccountDrivers(), firstRunDrivers())
}

func signInDrivers() []*driver {
	factor := func(fields func(c *cell) url.Values) func(c *cell) func() {
		return func(c *cell) func() { return func() { c.b.Post(c.t, c.at("/signin/factor"), fields(c)) } }
	}
	return []*driver{
		{route: "POST /signin/factor", variant: "wrong code", prepare: factor(func(*cell) url.Values {
			return url.Values{"code": {"000000"}, "trust": {"1"}}
		})},
		{route: "POST /signin/factor", variant: "right code", owner: true, prepare: factor(func(c *cell) url.Values {
			return url.Values{"code": {c.code()}, "trust": {"1"}}
		})},
		{route: "POST /signin/factor", variant: "recovery code", owner: true, prepare: factor(func(c *cell) url.Values {
			return url.Values{"code": {c.recovery()}, "way": {"recovery"}, "trust": {"1"}}
		})},
		{route: "POST /signin/factor/passkey", variant: "another passkey", prepare: func(c *cell) func() {
			return func() { c.factorPasskey(c.w.Device()) }
		}},
		{route: "POST /signin/factor/passkey", variant: "right passkey", owner: true, prepare: func(c *cell) func() {
			return func() {
				if c.key != nil {
					c.factorPasskey(c.key)
				}
			}
		}},
		{route: "POST /signin/factor/setup", prepare: func(c *cell) func() {
			return func() {
				c.b.Post(c.t, c.at("/signin/factor/setup"), url.Values{"code": {c.shownCode(c.at("/signin/factor/setup"))}, "trust": {"1"}})
			}
		}},
		{route: "POST /signin/factor/setup/passkey", prepare: func(c *cell) func() {
			return func() {
				at := c.at("/signin/factor/setup/passkey")
				c.b.Post(c.t, at, url.Values{"credential": {c.create(c.at("/signin/factor/setup/passkey/options"))}, "trust": {"1"}})
			}
		}},
		{route: "POST /signin/offer", prepare: func(c *cell) func() { return c.offer }},
		{route: "POST /signin/offer", variant: "after the password once more", password: true, prepare: func(c *cell) func() {
			return func() {
				c.b.Get(c.t, "/signin?other=1")
				c.b.Submit(c.t, "login-submit", url.Values{"username": {c.p.Email}, "password": {c.p.Password}, "passkeys": {"yes"}})
				c.i = c.b.URL.Query().Get("i")
				c.offer()
			}
		}},
		{route: "POST /signin/offer", variant: "after a new password", password: true, prepare: func(c *cell) func() {
			if c.changePassword(); c.p.Password == changed {
				c.trusted = false // by the driver of that route
			}
			return c.offer
		}},
	}
}

// code of the person's authenticator app; a wrong one where they have none.
func (c *cell) code() string {
	if c.app == nil || c.app.Secret == "" {
		return "000000"
	}
	return c.app.Code(c.t)
}

func (c *cell) recovery() string {
	if c.app == nil {
		return "AAAA BBBB"
	}
	return c.app.Recovery[0]
}

// shownCode is right for the secret that a page shows, if it shows one.
func (c *cell) shownCode(page string) string {
	for _, path := range []string{page, "/account/second-step/add", c.at("/signin/factor/setup")} {
		if secret := c.b.Tab(c.t).Get(c.t, path).Text("totp-secret"); secret != "" {
			return servertest.TOTP(c.t, secret)
		}
	}
	return "000000"
}

func (c *cell) factorPasskey(d *passkeytest.Device) {
	answer := "{}"
	if options := c.options(c.at("/signin/factor/passkey/options")); options != nil {
		answer = d.Get(c.t, options)
	}
	c.b.Post(c.t, c.at("/signin/factor/passkey"), url.Values{"credential": {answer}, "trust": {"1"}})
}

// create is the answer of a new passkey to the first options that can be had at the paths.
func (c *cell) create(paths ...string) string {
	paths = append(paths, "/account/passkeys/options", c.at("/signin/offer/options"))
	for _, path := range paths {
		if options := c.options(path); options != nil {
			return c.w.Device().Create(c.t, options)
		}
	}
	return "{}"
}

func (c *cell) offer() {
	answer := c.create(c.at("/signin/offer/options"))
	c.b.Post(c.t, c.at("/signin/offer"), url.Values{"credential": {answer}})
}

func (c *cell) changePassword() {
	c.b.Post(c.t, "/account/password", url.Values{"current": {c.p.Password}, "password": {changed}})
	c.notePassword()
}

func accountDrivers() []*driver {
	return []*driver{
		{route: "POST /account/password", password: true, prepare: func(c *cell) func() { return c.changePassword }},
		{route: "POST /account/email", form: "email-submit", prepare: post("/account/email", func(c *cell) url.Values {
			return url.Values{"username": {c.other()}}
		})},
		{route: "POST /account/passkeys/add", prepare: func(c *cell) func() {
			return func() {
				c.b.Post(c.t, "/account/passkeys/add", url.Values{"name": {"Mine"}, "credential": {c.create()}})
			}
		}},
		{route: "POST /account/passkeys/remove", prepare: post("/account/passkeys/remove", func(c *cell) url.Values {
			return url.Values{"passkey": {c.credential("passkey")}}
		})},
		{route: "POST /account/second-step/add", prepare: func(c *cell) func() {
			return func() {
				c.b.Post(c.t, "/account/second-step/add", url.Values{"code": {c.shownCode("/account/second-step/add")}})
			}
		}},
		{route: "POST /account/second-step/remove", prepare: post("/account/second-step/remove", none)},
		{route: "POST /account/recovery-codes", prepare: post("/account/recovery-codes", none)},
		{route: "POST /account/logins/remove", prepare: post("/account/logins/remove", func(c *cell) url.Values {
			return url.Values{"login": {fmt.Sprint("facebook", c.n)}}
		})},
		{route: "POST /account/delete", prepare: post("/account/delete", func(c *cell) url.Values { return url.Values{"confirm": {c.p.Email}} })},
		{route: "POST /account/keep", prepare: func(c *cell) func() {
			return func() { c.b.Post(c.t, "/account/keep", url.Values{"decision": {"keep"}}) }
		}},
		{route: "POST /account/keep", variant: "signed in meanwhile", owner: true, password: true, prepare: func(c *cell) func() {
			if _, err := c.w.Services().Deletion.Request(c.t.Context(), c.p.ID); err != nil {
				c.t.Fatal(err)
			}
			c.b = c.browser()
			if c.byPassword(); c.b.URL.Path == atFactor && c.app != nil && c.app.Secret != "" {
				c.second(url.Values{"trust": {"1"}})
				c.trusted = true
			}
			return func() { c.b.Post(c.t, "/account/keep", url.Values{"decision": {"keep"}}) }
		}},
	}
}

func none(*cell) url.Values { return url.Values{} }
