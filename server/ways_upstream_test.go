package server_test

import (
	"net/url"

	"signet/server/servertest"
)

// upstreamDrivers go by an upstream. At Google the person has an account with the same address, which is not linked here.
func upstreamDrivers() []*driver {
	const callback, signedBy = "GET /signin/with/{upstream}/callback", "POST /signin/with/{upstream}/"
	return []*driver{
		{route: callback, variant: "linking", prepare: func(c *cell) func() {
			return func() {
				c.b.Post(c.t, "/account/logins/add/google", url.Values{})
				c.come(c.b, "google", fakePerson(c.n, false).Subject)
			}
		}},
		{route: callback, variant: "signing in", prepare: func(c *cell) func() { return c.comeFromGoogle }},
		{route: "POST /signin/connect", prepare: func(c *cell) func() {
			return func() {
				if c.comeFromGoogle(); asksToConnect(c.b.URL.Path) {
					c.b.Post(c.t, "/signin/connect?"+c.b.URL.RawQuery, url.Values{"decision": {"connect"}})
				}
			}
		}},
		{route: signedBy + "new", prepare: func(c *cell) func() {
			return func() {
				stranger := fakePerson(c.n, true)
				c.email = stranger.Email
				c.join(c.b, "google", stranger.Email)
			}
		}},
		{route: signedBy + "deauthorize", upstream: true, prepare: func(c *cell) func() { return c.signedCall("deauthorize") }},
		{route: signedBy + "deletion", upstream: true, prepare: func(c *cell) func() { return c.signedCall("deletion") }},
	}
}

// come sends the browser back from the upstream where it is.
func (c *cell) come(b *servertest.Browser, upstream, subject string) {
	c.t.Helper()
	if back := c.answer(b, upstream, subject); back != "" {
		b.Get(c.t, back)
	}
}

func (c *cell) comeFromGoogle() {
	c.b.Post(c.t, c.at("/signin/with/google"), url.Values{})
	c.come(c.b, "google", fakePerson(c.n, false).Subject)
}

// join makes an account of somebody whom an upstream knows and we do not, or asks for the proof of the address.
func (c *cell) join(b *servertest.Browser, upstream, email string) {
	c.t.Helper()
	b.Post(c.t, "/signin/with/"+upstream, url.Values{})
	c.come(b, upstream, fakePerson(c.n, true).Subject)
	if b.URL.Query().Has("a") {
		b.Post(c.t, b.URL.Path+"?"+b.URL.RawQuery, url.Values{"name": {"Eve"}, "email": {email}})
	}
}

// upstreamSignUpLink is mailed to who joins by an upstream that does not answer for the address.
func (c *cell) upstreamSignUpLink() string {
	c.email = c.other()
	c.join(c.b.Tab(c.t), "facebook", c.email)
	if c.w.box == nil {
		return gone
	}
	return secretOf(c.mailed(c.email, "/verify?t="))
}

func (c *cell) signedCall(path string) func() {
	signed := c.w.facebook.SignedRequest(c.t, fakePerson(c.n, false).Subject, nil)
	return func() { c.b.Post(c.t, "/signin/with/facebook/"+path, url.Values{"signed_request": {signed}}) }
}
