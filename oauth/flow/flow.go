// Package flow is an authorization request in progress: what is known of it (Interaction), what it still needs (Next).
//
// Next is the only place that knows the order sign-in, account choice, consent, finish (OpenID Connect Core section 3.1.2).
// It is pure; rooms never know each other, they come back to the dispatcher that calls it.
package flow

import (
	"encoding/json"
	"slices"
	"time"
)

// Request is a clean authorization request: repeated parameters refused, client known, redirect URI matched.
type Request struct {
	ClientID            string            `json:"client_id"`
	RedirectURI         string            `json:"redirect_uri"`      // where the answer goes, exactly as matched
	RedirectURISent     bool              `json:"redirect_uri_sent"` // it was in the request, so the token request must repeat it
	ResponseType        string            `json:"response_type"`
	ResponseMode        string            `json:"response_mode"` // resolved: "query", "form_post"
	Scopes              []string          `json:"scopes"`        // asked, known, allowed
	Resources           []string          `json:"resources,omitempty"`
	State               string            `json:"state,omitempty"`
	Nonce               string            `json:"nonce,omitempty"`
	CodeChallenge       string            `json:"code_challenge,omitempty"`
	CodeChallengeMethod string            `json:"code_challenge_method,omitempty"`
	Prompts             []string          `json:"prompts,omitempty"`
	MaxAge              *int64            `json:"max_age,omitempty"` // seconds; 0 counts
	LoginHint           string            `json:"login_hint,omitempty"`
	IDPHint             string            `json:"idp_hint,omitempty"`      // id of the upstream to sign in at
	HintSubject         string            `json:"hint_subject,omitempty"`  // sub of id_token_hint, or of the claims parameter
	HintSubjects        []string          `json:"hint_subjects,omitempty"` // likewise, of several any one
	UILocales           []string          `json:"ui_locales,omitempty"`
	ACRValues           []string          `json:"acr_values,omitempty"`
	EssentialACRs       []string          `json:"essential_acrs,omitempty"` // of the claims parameter: one of these, or the request fails
	Claims              string            `json:"claims,omitempty"`         // the claims parameter as sent, size-capped JSON
	Display             string            `json:"display,omitempty"`
	Extra               map[string]string `json:"extra,omitempty"`
}

// Prompted tells whether the request has the prompt value.
func (r Request) Prompted(p string) bool {
	return slices.Contains(r.Prompts, p)
}

// NamesPerson reports whether the request is about certain people only (OpenID Connect Core section 3.1.2.2).
func (r Request) NamesPerson() bool { return r.HintSubject != "" || len(r.HintSubjects) > 0 }

// IsAbout reports whether the request may be answered with this person.
func (r Request) IsAbout(userID string) bool {
	if r.HintSubject != "" {
		return userID == r.HintSubject
	}
	return len(r.HintSubjects) == 0 || slices.Contains(r.HintSubjects, userID)
}

// Facts is what happened in this interaction so far; the rooms add to it, the row keeps it.
type Facts struct {
	SignedInAt  time.Time `json:"signed_in_at,omitzero"`  // a sign-in (with credentials) made within this interaction
	AccountAt   time.Time `json:"account_at,omitzero"`    // the person chose the account within this interaction
	UserID      string    `json:"user_id,omitempty"`      // by whom
	DecidedAt   time.Time `json:"decided_at,omitzero"`    // the consent question was answered
	Granted     []string  `json:"granted,omitempty"`      // scopes allowed then
	Denied      bool      `json:"denied,omitempty"`       // the person said no
	RefusedSign bool      `json:"refused_sign,omitempty"` // cancelled at sign-in
	// Half is a sign-in that wants a second step. The release before wrote it under another name, without what was decided.
	Half *Half `json:"pending,omitempty"`
	// OfferedTo is the person to whom a passkey was offered after this sign-in.
	OfferedTo string `json:"offered_to,omitempty"`
	// Facts of the browser, whoever the person is:
	Connect string `json:"connect,omitempty"` // identity at an upstream that waits for the account it may be linked to
	Sent    bool   `json:"sent,omitempty"`    // was sent on to an upstream without having chosen it
}

// Anybodys are the facts that stay when another person goes on with the interaction: what somebody else decided is not theirs.
func (f Facts) Anybodys() Facts { return Facts{Connect: f.Connect, Sent: f.Sent} }

// Half is a sign-in of which the first step is done and the second is still asked for. It is no session: every page but the
// second step treats the browser as signed out (security notes F06).
type Half struct {
	UserID   string    `json:"user_id"`
	Epoch    int64     `json:"epoch"` // of the person then; whatever ends everything of the person ends this too
	At       time.Time `json:"at"`
	AMR      []string  `json:"amr"`
	ACR      string    `json:"acr"`
	Remember bool      `json:"remember,omitempty"`
	// Enrol: the person has no second factor and has to set one up; else the one they have is asked for. It is decided once, with
	// the first step (rule V02).
	Enrol   bool `json:"enrol,omitempty"`
	Guesses int  `json:"guesses,omitempty"` // at the second step
	// From is the session at an upstream that it came of, as who made it keeps it; nil = none.
	From json.RawMessage `json:"from,omitempty"`
}

// halfLife is how long the second step may take.
const halfLife = 10 * time.Minute

// Pending is the half-done sign-in, if there is one that is not too old.
func (f Facts) Pending(now time.Time) *Half {
	if f.Half == nil || now.Sub(f.Half.At) >= halfLife {
		return nil
	}
	return f.Half
}

// Interaction is the row, typed.
type Interaction struct {
	ID        string
	Errand    string // "authorize"; "account" for a plain sign-in that ends at the account page; "confirm"
	Then      string // where an errand that is no authorization ends: a path of ours; "" = the account page
	Request   Request
	Facts     Facts
	CreatedAt time.Time
	ExpiresAt time.Time
}
