package server_test

import (
	"net/url"
	"time"
)

const atConfirm = "/signin/confirm"

// confirmStates are those of people who sign in at an upstream that does not say when they did (rule V12).
func confirmStates() []*state {
	all := []*state{
		{name: "no factor here, old", begin: (*cell).byUpstreamLongAgo, ends: atAccount},
		{name: "no factor here, asked to confirm", begin: (*cell).unproven, ends: atConfirm},
		{name: "no factor here, confirmed by a code", first: true, begin: (*cell).confirmedByCode, ends: atAccount},
		{name: "no factor here, address not proven, confirmed upstream", unproven: true, first: true, begin: (*cell).confirmedUpstream,
			ends: atAccount},
		{name: "no factor here, no mail, confirmed upstream", server: noMail, first: true, begin: (*cell).confirmedUpstream, ends: atAccount},
		{name: "no factor here, confirmed by a code, passkey added since", added: true, begin: (*cell).confirmedThenPasskey, ends: atAccount},
		{name: "no factor here, confirmed in another session", begin: (*cell).confirmedInAnotherSession, ends: atAccount},
	}
	for _, s := range all {
		s.bare = true
	}
	all = append(all, &state{name: "acr 1, old, unproven upstream", begin: (*cell).unproven, ends: atSignIn})
	for _, s := range all {
		if s.session = true; s.server == "" {
			s.server = optional
		}
	}
	return all
}

// byUpstreamLongAgo signs in at one that says when a new proof is asked for, and is not asked.
func (c *cell) byUpstreamLongAgo() {
	c.byUpstream()
	c.w.AgeSessions(c.t, c.p.ID, 11*time.Minute)
}

// unproven is asked for a new proof and goes to Facebook for it, which gives none.
func (c *cell) unproven() {
	c.byUpstreamLongAgo()
	c.b.Get(c.t, "/account/second-step/add")
	c.b.Post(c.t, "/signin/with/facebook?"+c.b.URL.RawQuery, url.Values{})
	c.come(c.b, "facebook", fakePerson(c.n, false).Subject)
}

func (c *cell) confirmedUpstream() {
	c.unproven()
	c.b.Get(c.t, "/account")
}

func (c *cell) confirmedByCode() {
	c.unproven()
	c.b.Submit(c.t, "confirm-ask", nil)
	c.b.Submit(c.t, "confirm-submit", url.Values{"code": {c.mailedCode()}})
	c.b.Get(c.t, "/account")
}

func (c *cell) confirmedThenPasskey() {
	c.confirmedByCode()
	c.addPasskey()
}

// confirmedInAnotherSession signs out and in again since, which was long ago as well.
func (c *cell) confirmedInAnotherSession() {
	c.confirmedByCode()
	c.b = c.b.Without(c.t, "session").Get(c.t, "/signin")
	c.byUpstreamLongAgo()
}
