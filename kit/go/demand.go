package kit

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Demand is what a handler wants of a token beyond being good. Several demands have all to be met.
type Demand struct {
	all     []string
	any     [][]string
	classes [][]string
	maxAge  time.Duration
	young   bool
	bound   bool
}

// Scopes demands all of them. It panics if one is not a scope (RFC 6749 section 3.3).
func Scopes(scopes ...string) Demand { return Demand{all: proper(scopes)} }

// AnyScope demands one of them. The first is the one that refused clients are told to ask for.
func AnyScope(scopes ...string) Demand { return Demand{any: [][]string{proper(scopes)}} }

// Fresh demands that the person signed in not longer ago (RFC 9470).
func Fresh(maxAge time.Duration) Demand { return Demand{maxAge: maxAge, young: true} }

// Class demands a sign-in of one of the classes, by acr (RFC 9470). Signet's are 1, and 2 for two factors.
func Class(acr ...string) Demand { return Demand{classes: [][]string{proper(acr)}} }

// Bound demands a token that is bound to a key or certificate of the client.
func Bound() Demand { return Demand{bound: true} }

func proper(values []string) []string {
	if len(values) == 0 {
		panic("kit: a demand without a value would be met by all")
	}
	for _, v := range values {
		odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
		if v == "" || strings.ContainsFunc(v, odd) {
			panic(fmt.Sprintf("kit: %q is neither a scope nor a class", v))
		}
	}
	return slices.Clone(values)
}

func join(demands []Demand) (d Demand) {
	for _, one := range demands {
		d.all = append(d.all, one.all...)
		d.any = append(d.any, one.any...)
		d.classes = append(d.classes, one.classes...)
		if one.young && (!d.young || one.maxAge < d.maxAge) {
			d.maxAge, d.young = one.maxAge, true
		}
		d.bound = d.bound || one.bound
	}
	return d
}

// needed are the scopes that a client has to ask for: all of them, not only those that its token lacks.
func (a *API) needed(d Demand) (scopes []string) {
	for _, s := range d.all {
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	for _, one := range d.any {
		if !slices.ContainsFunc(one, func(s string) bool { return a.enough(scopes, s) }) {
			scopes = append(scopes, one[0])
		}
	}
	return scopes
}

func (a *API) enough(has []string, scope string) bool {
	return slices.ContainsFunc(has, func(h string) bool { return h == scope || a.o.Implies != nil && a.o.Implies(h, scope) })
}

// demanded checks a good token against what the handler wants of it.
func (a *API) demanded(t *Token, d Demand) error {
	if t.JKT == "" && (a.o.DPoP.Required || d.bound && t.X5T == "") {
		return fmt.Errorf("%w: the token is bound to nothing", ErrBinding)
	}
	for _, s := range d.all {
		if !a.enough(t.Scopes, s) {
			return fmt.Errorf("%w: %s", ErrScope, s)
		}
	}
	for _, one := range d.any {
		if !slices.ContainsFunc(one, func(s string) bool { return a.enough(t.Scopes, s) }) {
			return fmt.Errorf("%w: one of %v", ErrScope, one)
		}
	}
	if d.young && !d.isYoung(t) {
		return fmt.Errorf("%w: signed in at %v", ErrSignIn, t.SignedIn.UTC())
	}
	for _, classes := range d.classes {
		if !slices.Contains(classes, t.ACR) {
			return fmt.Errorf("%w: acr is %.64q", ErrSignIn, t.ACR)
		}
	}
	return nil
}

func (d Demand) isYoung(t *Token) bool {
	return !t.SignedIn.IsZero() && time.Since(t.SignedIn) <= d.maxAge
}
