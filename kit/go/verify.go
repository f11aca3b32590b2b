package kit

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// remember is how long a verified token is not verified again. What it is bound to is looked at each time.
const remember = time.Minute

// verdict is what came of a request.
type verdict struct {
	token *Token
	dpop  bool   // the request used the scheme DPoP
	nonce string // to tell the client; "" = none
}

// Verify judges a request as [API.Require] does, for programs that do not use net/http's handlers. Answer what it refuses with
// [API.Refuse]. A DPoP proof is good once: call it once for each request.
func (a *API) Verify(r *http.Request, demands ...Demand) (*Token, error) {
	v, err := a.judge(r, join(demands))
	if err != nil {
		return nil, err
	}
	return v.token, nil
}

// judge takes the decisions in order; the token is there as soon as it is known to be good.
func (a *API) judge(r *http.Request, d Demand) (v verdict, err error) {
	if a == nil || a.keys == nil {
		return v, fmt.Errorf("%w: the API was not made by New", ErrUnavailable)
	}
	c, err := credentialsOf(r)
	v.dpop = c.dpop
	if err != nil {
		return v, err
	}
	t, err := a.verified(r.Context(), c)
	if err != nil {
		return v, err
	}
	if v.nonce, err = a.bound(r, c, t); err != nil {
		return v, err
	}
	v.token = t
	if err = a.demanded(t, d); err == nil {
		err = a.count(r.Context(), t)
	}
	return v, err
}

// verified gives the token with all that does not depend on the rest of the request verified.
func (a *API) verified(ctx context.Context, sent credentials) (*Token, error) {
	if t, ok := a.seen.at(sent.hash); ok && !a.ended(t) {
		if err := a.current(ctx, t); err != nil {
			return nil, err
		}
		return t, a.introspected(ctx, sent, nil)
	}
	if strings.Count(sent.token, ".") != 2 && a.o.Introspection != nil { // not a JWT
		var t *Token
		err := a.introspected(ctx, sent, &t)
		return t, err
	}
	payload, err := a.opened(ctx, sent.token, "at+jwt")
	if err != nil {
		return nil, err
	}
	c, t, err := parse(payload)
	if err == nil {
		err = a.fresh(c)
	}
	if err == nil && (c.Subject == "" || c.ClientID == "" || c.IssuedAt == nil || c.JTI == "") { // RFC 9068 section 2.2
		err = fmt.Errorf("%w: sub, client_id, iat and jti are required", ErrMalformed)
	}
	if err == nil && !a.isFor(t.Audience) {
		err = fmt.Errorf("%w: %.200q", ErrAudience, t.Audience)
	}
	if err == nil && !a.o.Status.Off {
		t.places, err = places(c)
	}
	if err == nil {
		err = a.current(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	a.seen.set(sent.hash, t, time.Now().Add(remember))
	return t, a.introspected(ctx, sent, nil)
}

func (a *API) isFor(audience []string) bool {
	return slices.ContainsFunc(audience, func(aud string) bool { return slices.Contains(a.audiences, aud) })
}

func (a *API) ended(t *Token) bool {
	return !t.Expires.IsZero() && !time.Now().Before(t.Expires.Add(a.o.Past))
}

// fresh checks issuer and times.
func (a *API) fresh(c *claims) error {
	now := float64(time.Now().UnixMilli()) / 1000
	switch {
	case c.Issuer != a.issuer:
		return fmt.Errorf("%w: %.200q", ErrIssuer, c.Issuer)
	case c.Expires == nil:
		return fmt.Errorf("%w: no exp", ErrMalformed)
	case now >= float64(*c.Expires)+a.o.Past.Seconds():
		return fmt.Errorf("%w at %s", ErrExpired, c.Expires.time().UTC().Format(time.RFC3339))
	case c.NotBefore != nil && float64(*c.NotBefore) > now+a.o.Ahead.Seconds(),
		c.IssuedAt != nil && float64(*c.IssuedAt) > now+a.o.Ahead.Seconds():
		return ErrEarly
	}
	return nil
}
