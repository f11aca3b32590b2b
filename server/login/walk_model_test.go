package login_test

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"signet/oauth/flow"
	"signet/server/servertest"
)

// walkProof is something right that a browser sent about a person; whether it was accepted does not matter here.
type walkProof struct {
	who    *walkPerson
	kind   string // password, link, signup, upstream, code; totp, recovery, enrol; passkey; allow, deny, choose, other
	i      string // the sign-in it was sent for
	client string
	scopes []string
	at     time.Time
}

var (
	walkFirsts  = []string{"password", "link", "signup", "upstream", "code", "passkey"}
	walkSeconds = []string{"totp", "recovery", "enrol", "passkey"}
)

// walkJar is a browser: its tabs, and what was proven in it.
type walkJar struct {
	proofs []walkProof
}

func (j *walkJar) has(who *walkPerson, ok func(p walkProof) bool) bool {
	return slices.ContainsFunc(j.proofs, func(p walkProof) bool { return p.who == who && ok(p) })
}

func (j *walkJar) proved(who *walkPerson, kinds []string) bool {
	return j.has(who, func(p walkProof) bool { return slices.Contains(kinds, p.kind) })
}

// walkRequest is an app's.
type walkRequest struct {
	*servertest.Request
	app     *servertest.App
	jar     *walkJar
	tab     *walkTab
	i       string
	query   url.Values
	at      time.Time
	about   *walkPerson // of the id_token_hint
	answers int
	no      bool   // the person refused, or took the link back
	last    string // code that was not exchanged
	spent   bool
}

func (q *walkRequest) prompted(p string) bool {
	return slices.Contains(strings.Fields(q.query.Get("prompt")), p)
}

// explained reports whether an error is one that what happened leads to.
func (q *walkRequest) explained(code string) bool {
	switch code {
	case "access_denied":
		return q.no
	case "unmet_authentication_requirements":
		return q.query.Has("claims") || q.app.RequireSecondFactor
	case "login_required":
		return q.about != nil || q.prompted("none")
	}
	return q.prompted("none") && strings.HasSuffix(code, "_required")
}

// near says that a proof was made when the person signed in. Sessions of the real world are made a moment after the proof was sent.
func near(at, authTime time.Time) bool {
	d := authTime.Unix() - at.Unix()
	return d >= -1 && d <= 3
}

// walkClaims are those of an ID token that the walk looks at.
type walkClaims struct {
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
}

// token checks what an app got against what was proven.
func (w *walker) token(q *walkRequest, tokens *oauth2.Token) {
	raw, _ := tokens.Extra("id_token").(string)
	w.world.tokens++
	id := q.app.IDToken(w.t, raw)
	who := w.byID(id.Subject)
	if who == nil {
		w.fail("a token about somebody who is not of this walk: %s", id.Subject)
	}
	w.hints[q.app.ClientID+who.email] = raw
	var c walkClaims
	if err := id.Claims(&c); err != nil {
		w.fail("claims: %v", err)
	}
	signedIn := time.Unix(c.AuthTime, 0)
	at := func(kinds []string) bool {
		return q.jar.has(who, func(p walkProof) bool { return slices.Contains(kinds, p.kind) && near(p.at, signedIn) })
	}
	within := func(kinds ...string) bool {
		return q.jar.has(who, func(p walkProof) bool {
			return slices.Contains(kinds, p.kind) && !p.at.Before(q.at) && (q.i != "" && p.i == q.i || p.kind == "link" || p.kind == "signup")
		})
	}
	if id.Nonce != q.Nonce {
		w.fail("nonce %q, want %q", id.Nonce, q.Nonce)
	}
	if !q.jar.proved(who, walkFirsts) || c.AuthTime != 0 && !at(slices.Concat(walkFirsts, walkSeconds)) {
		w.fail("%s has proven nothing here then (auth_time %s)", who.email, signedIn)
	}
	if flow.Reaches(c.ACR, flow.ACRMulti) && !at(walkSeconds) || c.ACR == flow.ACRResistant && !at([]string{"passkey"}) {
		w.fail("acr %s of %s, which was not shown at %s", c.ACR, who.email, signedIn)
	}
	w.methods(q, who, c, at)
	w.asked(q, who, c, within)
	w.scopes(q, who, tokens, within)
}

func (w *walker) methods(q *walkRequest, who *walkPerson, c walkClaims, at func([]string) bool) {
	for method, kinds := range map[string][]string{
		"pwd": {"password", "signup", "link"}, "hwk": {"passkey"}, "swk": {"passkey"}, "user": {"passkey"}, "mfa": walkSeconds,
	} {
		if slices.Contains(c.AMR, method) && (!q.jar.proved(who, kinds) || method != "pwd" && !at(kinds)) {
			w.fail("amr %v of %s: %s was not shown", c.AMR, who.email, method)
		}
	}
	if who.second && !q.jar.proved(who, walkSeconds) {
		w.fail("a token about %s, who has a second factor that was never shown here (acr %s, amr %v)", who.email, c.ACR, c.AMR)
	}
	if q.app.RequireSecondFactor && !at(walkSeconds) {
		w.fail("%s wants two factors and got %s with amr %v", q.app.ClientID, c.ACR, c.AMR)
	}
	if claims := q.query.Get("claims"); claims != "" && !flow.Reaches(c.ACR, flow.ACRMulti) {
		w.fail("acr 2 was essential, acr is %q", c.ACR)
	}
}

// asked checks what the request says about who and how fresh.
func (w *walker) asked(q *walkRequest, who *walkPerson, c walkClaims, within func(...string) bool) {
	if q.about != nil && q.about != who {
		w.fail("the request was about %s, the token is about %s", q.about.email, who.email)
	}
	if q.prompted("login") && !within(walkFirsts...) {
		w.fail("prompt=login, and %s did not sign in within the request", who.email)
	}
	if q.prompted("select_account") && !within(append([]string{"choose"}, walkFirsts...)...) {
		w.fail("prompt=select_account, and %s was not chosen", who.email)
	}
	limit := time.Duration(-1)
	if q.query.Has("max_age") {
		age, _ := time.ParseDuration(q.query.Get("max_age") + "s")
		limit = age
	} else if q.app.DefaultMaxAge != nil {
		limit = time.Duration(*q.app.DefaultMaxAge) * time.Second
	}
	if limit >= 0 && c.AuthTime < q.at.Add(-limit).Unix()-1 {
		w.fail("max_age %s, signed in %s before the request", limit, q.at.Sub(time.Unix(c.AuthTime, 0)))
	}
}

// proofs of all browsers.
func (w *walker) proofs() []walkProof {
	return slices.Concat(w.tabs[0].jar.proofs, w.tabs[1].jar.proofs)
}

// scopes checks that what was granted was allowed.
func (w *walker) scopes(q *walkRequest, who *walkPerson, tokens *oauth2.Token, within func(...string) bool) {
	if q.app.FirstParty {
		return
	}
	if q.prompted("consent") && !within("allow") {
		w.fail("prompt=consent, and %s was not asked", who.email)
	}
	granted, _ := tokens.Extra("scope").(string)
	allowed, here := map[string]bool{"openid": true}, []walkProof{}
	for _, p := range w.proofs() { // what was allowed is remembered of the person, whichever browser it was in
		if p.kind == "allow" && p.who == who && p.client == q.app.ClientID {
			for _, s := range p.scopes {
				allowed[s] = true
			}
			if p.i == q.i {
				here = append(here, p)
			}
		}
	}
	for s := range strings.FieldsSeq(granted) {
		if !allowed[s] {
			w.fail("%s was granted, which %s never allowed", s, who.email)
		}
		if len(here) == 1 && s != "openid" && !slices.Contains(here[0].scopes, s) {
			w.fail("%s was granted, which %s did not allow in this request", s, who.email)
		}
	}
}
