// Package web is the frame of all handlers: the two muxes (browser side with cookies, HTML, CSP and cross-origin protection; API
// side where no cookie is ever read), the shape of every handler, the one border that turns errors into bytes,
// and the middleware (request id, wide event, limits, real address, CORS).
//
// It knows no handler. Begin with Func, Mounter and Mux.
package web

import (
	"net/http"
	"strings"
	"time"
)

// Func is a handler: parse, decide, render. A returned error is turned into bytes at the border: on the browser side
// a page, on the API side OAuth JSON.
type Func func(w http.ResponseWriter, r *http.Request) error

// Mounter is a set of routes that belong together.
type Mounter interface{ Mount(*Mux) }

// CORS says which origins may read an API route's answers.
type CORS int

// The policies.
const (
	NoCORS         CORS = iota
	PublicCORS          // "*": discovery, JWKS
	RegisteredCORS      // origins of enabled clients, echoed: token, revocation, userinfo
	OpenCORS            // "*", for what is no document: client registration
	NoBrowsers          // no answer is for a page, and pages of other sites are refused: what comes is counted for its network
)

// PageError is an error a person meets: Kind chooses the texts (templates/lang), Facts are shown under "For developers".
type PageError struct {
	Status     int               // HTTP status, 400 if zero
	Kind       string            // message id stem, for example "redirect_mismatch", "expired", "not_found", "server"
	Facts      []Fact            // shown to developers, in order
	Args       map[string]string // for the texts: Client, Host …; App: Back leads to it
	Back       string            // a safe link back, "" = none
	RetryAfter time.Duration     // the Retry-After header, in whole seconds; 0 = none
	Cause      error             // for the log only
}

// Fact is one line for developers.
type Fact struct{ Name, Value string }

// Error is for the log.
func (e *PageError) Error() string {
	if e.Cause == nil {
		return e.Kind
	}
	cause := e.Cause.Error()
	switch {
	case strings.ReplaceAll(cause, " ", "_") == e.Kind: // it is of this kind, too: once is enough
		return e.Kind
	case strings.HasPrefix(cause, e.Kind+": "):
		return cause
	}
	return e.Kind + ": " + cause
}

// Unwrap gives the cause.
func (e *PageError) Unwrap() error { return e.Cause }
