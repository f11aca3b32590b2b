package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Touch is one kind of way to sign in that a route may add, replace or remove (V01).
type Touch string

// The kinds. Nothing is declared alone, by a route that changes none of them.
const (
	Password       Touch = "password"
	Passkey        Touch = "passkey"
	Authenticator  Touch = "authenticator"
	RecoveryCodes  Touch = "recovery codes" // using one up counts
	LinkedLogin    Touch = "linked login"
	EmailAddress   Touch = "address"         // the address itself, or that it is proven
	TrustedBrowser Touch = "trusted browser" // also what ends the trust in all browsers
	Nothing        Touch = "nothing"
)

// unsafe reports whether a pattern is of a method that may change something (RFC 9110 section 9.2.1).
func unsafe(pattern string) bool {
	method, _, _ := strings.Cut(pattern, " ")
	return slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method)
}

// declare keeps what a route touches.
func (m *Mux) declare(pattern string, touches []Touch) {
	if len(touches) > 0 {
		m.touches[pattern] = slices.Clone(touches)
	}
	alone := len(touches) < 2 || !slices.Contains(touches, Nothing)
	if !alone || len(touches) == 0 && unsafe(pattern) {
		m.undeclared = append(m.undeclared, pattern)
	}
}

// Touches lists what the mounted routes say that they touch, by pattern, the issuer's path included: all routes with an unsafe
// method, and the others that declare something.
func (m *Mux) Touches() map[string][]Touch {
	all := maps.Clone(m.touches)
	for pattern, touches := range all {
		all[pattern] = slices.Clone(touches)
	}
	return all
}

// Undeclared lists the routes with an unsafe method that do not say what they touch, and those that say Nothing and something.
func (m *Mux) Undeclared() []string { return slices.Clone(m.undeclared) }
