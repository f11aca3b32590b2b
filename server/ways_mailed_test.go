package server_test

import (
	"errors"
	"maps"
	"net/url"
	"time"

	"signet/users"
	"signet/users/factor"
)

// withLink posts what the button of a mailed link's page posts, after the page was looked at.
func (c *cell) withLink(path, secret string, more url.Values) func() {
	return func() {
		c.b.Get(c.t, path+"?t="+url.QueryEscape(secret))
		fields := url.Values{"t": {secret}}
		maps.Copy(fields, more)
		c.b.Post(c.t, path, fields)
	}
}

// mailedDrivers use links that were mailed to the person, wherever they are opened.
func mailedDrivers() []*driver {
	return []*driver{
		{route: "POST /reset", link: true, prepare: func(c *cell) func() {
			return c.withLink("/reset", secretOf(c.resetLink()), url.Values{"password": {changed}})
		}},
		{route: "POST /not-me", link: true, prepare: func(c *cell) func() { return c.withLink("/not-me", c.notMe(), nil) }},
		{route: "POST /not-me", variant: "address changed since", link: true, prepare: func(c *cell) func() {
			secret := c.notMe()
			c.changeAddress()
			return c.withLink("/not-me", secret, nil)
		}},
		{route: "POST /verify-address", link: true, prepare: func(c *cell) func() {
			return c.withLink("/verify-address", c.verifyAddress(c.other()), nil)
		}},
		{route: "POST /undo-address", link: true, prepare: func(c *cell) func() {
			old := c.p.Email
			c.changeAddress()
			return c.withLink("/undo-address", c.undo(old), nil)
		}},
		{route: "POST /recover/finish", link: true, prepare: func(c *cell) func() { return c.withLink("/recover/finish", c.recoverLink(), nil) }},
	}
}

// gone is a secret that is good for nothing.
const gone = "AAAAAAAAAAAAAAAAAAAAAAAAAA"

// notMe is the link of an email that says that something was done.
func (c *cell) notMe() string {
	if c.w.box == nil {
		return gone
	}
	if err := c.w.Services().People.Notify(c.context(), c.p.ID, "new_device", nil); err != nil {
		c.t.Fatal(err)
	}
	if u := c.user(); !u.EmailVerified { // who is not told
		return gone
	}
	return secretOf(c.mailed(c.p.Email, "/not-me?t="))
}

// verifyAddress is the link that proves an address that was asked for by the person.
func (c *cell) verifyAddress(address string) string {
	if c.w.box == nil {
		return gone
	}
	u := c.user() // the link is of the permit's epoch
	permit, err := factor.May(factor.Proof{By: factor.ByOperator, UserID: u.ID, Epoch: u.Epoch}, factor.ChangeAddress, factor.Account{})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.w.Services().People.ChangeAddress(c.context(), permit, u, address); err != nil {
		c.t.Fatal(err)
	}
	return secretOf(c.mailed(address, "/verify-address?t="))
}

// changeAddress gives the person another one, as if somebody who is inside had.
func (c *cell) changeAddress() {
	if c.w.box == nil {
		return
	}
	address := c.other()
	if frozen := c.user().FrozenAt; !frozen.IsZero() { // it was before that
		c.freeze(time.Time{})
		defer c.freeze(frozen)
	}
	if err := c.w.Services().People.ProveAddress(c.context(), c.verifyAddress(address), c.p.ID); err != nil {
		c.t.Fatal(err)
	}
	c.p.Email = address
}

func (c *cell) freeze(at time.Time) {
	c.t.Helper()
	if err := c.w.Services().DB.SetUserFrozen(c.t.Context(), c.p.ID, at, time.Now()); err != nil {
		c.t.Fatal(err)
	}
}

// undo is the link that the old address was mailed.
func (c *cell) undo(old string) string {
	if c.w.box == nil || !c.p.EmailVerified {
		return gone
	}
	return secretOf(c.mailed(old, "/undo-address?t="))
}

// recoverLink is the one that removes the factors when the time is over.
func (c *cell) recoverLink() string {
	c.t.Helper()
	u, recovery := c.user(), c.w.Services().Recovery
	if c.w.box == nil || !u.EmailVerified {
		return gone
	}
	ctx := c.context()
	if err := recovery.SendCode(ctx, c.p.ID, u); err != nil {
		c.t.Fatal(err)
	}
	if err := recovery.Start(ctx, c.p.ID, u, c.mailedCode()); errors.Is(err, users.ErrChanged) && !u.FrozenAt.IsZero() {
		return gone
	} else if err != nil {
		c.t.Fatal(err)
	}
	if _, err := recovery.Due(ctx); err != nil {
		c.t.Fatal(err)
	}
	return secretOf(c.mailed(c.p.Email, "/recover/finish?t="))
}

// newAccountDrivers make another account, which the browser's own may not notice.
func newAccountDrivers() []*driver {
	return []*driver{
		{route: "POST /signup", form: "signup-submit", prepare: post("/signup", (*cell).form)},
		{route: "POST /signup", variant: "with the person's address", form: "signup-submit", prepare: post("/signup", func(c *cell) url.Values {
			fields := c.form()
			fields.Set("username", c.p.Email)
			c.email = ""
			return fields
		})},
		{route: "POST /signup/passkey", form: "signup-submit", prepare: func(c *cell) func() {
			return func() {
				fields := c.form()
				tab := c.b.Tab(c.t).Post(c.t, "/signup/passkey/options", fields)
				if options := jsonOf(tab); options != nil {
					fields.Set("credential", c.w.Device().Create(c.t, options))
				}
				c.b.Post(c.t, "/signup/passkey", fields)
			}
		}},
		{route: "POST /verify", link: true, prepare: func(c *cell) func() {
			return c.withLink("/verify", c.signUpLink(), url.Values{"password": {changed}})
		}},
		{route: "POST /verify", variant: "from an upstream", link: true, prepare: func(c *cell) func() {
			return c.withLink("/verify", c.upstreamSignUpLink(), nil)
		}},
		{route: "POST /verify/passkey", link: true, prepare: func(c *cell) func() {
			secret := c.signUpLink()
			return func() {
				fields := url.Values{"t": {secret}}
				if options := jsonOf(c.b.Tab(c.t).Post(c.t, "/verify/passkey/options", fields)); options != nil {
					fields.Set("credential", c.w.Device().Create(c.t, options))
				}
				c.b.Post(c.t, "/verify/passkey", fields)
			}
		}},
		{route: "POST /join", link: true, prepare: func(c *cell) func() {
			c.email = c.other()
			_, link, err := c.w.Services().People.Invite(c.context(), users.Invitation{Email: c.email})
			if err != nil {
				c.t.Fatal(err)
			}
			return c.withLink("/join", secretOf(link), url.Values{"name": {"Eve"}, "username": {c.email}, "password": {changed}})
		}},
	}
}

// form of a sign-up with an address that nobody has.
func (c *cell) form() url.Values {
	c.email = c.other()
	return url.Values{"name": {"Eve"}, "username": {c.email}, "password": {changed}}
}

// signUpLink is mailed to who signs up in the browser.
func (c *cell) signUpLink() string {
	fields := c.form()
	c.b.Tab(c.t).Post(c.t, "/signup", fields)
	if c.w.box == nil {
		return gone
	}
	return secretOf(c.mailed(c.email, "/verify?t="))
}
