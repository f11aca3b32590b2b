// Package flow is a sign-in in progress, for an app's authorization request or for a page of ours: what is known of it
// (Interaction), and what it needs next (Next).
//
// Next is the only place that knows the order of the steps (OpenID Connect Core section 3.1.2). It is pure, and its test is one
// table. Pages never know one another: each asks whether it is its turn (server/login) and else leads to the step that is due.
// What was decided once is carried in Progress and never computed again from less (rule V02). Begin with Next.
package flow

import (
	"encoding/json"
	"slices"
	"time"

	"signet/storage"
)

// What an interaction is for.
const (
	PurposeAuthorize = "authorize" // an app's authorization request; it ends at the app
	PurposeAccount   = "account"   // a plain sign-in; needs no row until there is something to remember
	PurposeConfirm   = "confirm"   // the person signed in proves it again, and goes on to a page of ours
)

// Request is a clean authorization request: repeated parameters refused, client known, redirect URI matched.
type Request struct {
	ClientID            string   `json:"client_id"`
	RedirectURI         string   `json:"redirect_uri"`      // where the answer goes, exactly as matched
	RedirectURISent     bool     `json:"redirect_uri_sent"` // it was in the request, so the token request must repeat it
	ResponseType        string   `json:"response_type"`     // one of clients.ResponseTypes
	ResponseMode        string   `json:"response_mode"`     // resolved: "query", "fragment", "form_post"; with ".jwt" signed
	Scopes              []string `json:"scopes"`            // asked, known, allowed
	Resources           []string `json:"resources,omitempty"`
	Details             string   `json:"authorization_details,omitempty"` // judged, as package details writes them (RFC 9396)
	State               string   `json:"state,omitempty"`
	Nonce               string   `json:"nonce,omitempty"`
	CodeChallenge       string   `json:"code_challenge,omitempty"`
	CodeChallengeMethod string   `json:"code_challenge_method,omitempty"`
	Pushed              string   `json:"pushed,omitempty"`   // id of the pushed request it is (RFC 9126)
	DPoPJKT             string   `json:"dpop_jkt,omitempty"` // the key that the code is bound to (RFC 9449 section 10)
	Prompts             []string `json:"prompts,omitempty"`
	MaxAge              *int64   `json:"max_age,omitempty"` // seconds; 0 counts
	// SecondFactor: a resource that the token is for demands two factors.
	SecondFactor  bool              `json:"second_factor,omitempty"`
	LoginHint     string            `json:"login_hint,omitempty"`
	IDPHint       string            `json:"idp_hint,omitempty"`      // id of the upstream to sign in at
	HintSubject   string            `json:"hint_subject,omitempty"`  // sub of id_token_hint, or of the claims parameter
	HintSubjects  []string          `json:"hint_subjects,omitempty"` // likewise, of several any one
	UILocales     []string          `json:"ui_locales,omitempty"`
	ACRValues     []string          `json:"acr_values,omitempty"`
	EssentialACRs []string          `json:"essential_acrs,omitempty"` // of the claims parameter: one of these, or the request fails
	Claims        string            `json:"claims,omitempty"`         // the claims parameter as sent, size-capped JSON
	Display       string            `json:"display,omitempty"`
	Extra         map[string]string `json:"extra,omitempty"`
}

// Prompted reports whether the request has the prompt value.
func (r Request) Prompted(p string) bool {
	return slices.Contains(r.Prompts, p)
}

// NamesPerson reports whether the request is about certain people only (OpenID Connect Core section 3.1.2.2).
func (r Request) NamesPerson() bool { return r.HintSubject != "" || len(r.HintSubjects) > 0 }

// IsAbout reports whether the request may be answered with the person whom its client calls so.
func (r Request) IsAbout(subject string) bool {
	if r.HintSubject != "" {
		return subject == r.HintSubject
	}
	return len(r.HintSubjects) == 0 || slices.Contains(r.HintSubjects, subject)
}

// ProgressVersion is that of the facts that this release writes. A row with a newer one is left alone: what it says cannot be
// judged here. The release before wrote none and read none; what it must not take for its own has other names (PendingFactor).
const ProgressVersion = 1

// Progress is what happened in this interaction so far, and what was decided; pages add to it, the row keeps it.
type Progress struct {
	Version    int       `json:"v,omitempty"`             // 0 = of the release before
	SignedInAt time.Time `json:"signed_in_at,omitzero"`   // a sign-in (with credentials) made within this interaction
	AccountAt  time.Time `json:"account_at,omitzero"`     // the person chose the account within this interaction
	UserID     string    `json:"user_id,omitempty"`       // by whom
	DecidedAt  time.Time `json:"decided_at,omitzero"`     // the consent question was answered
	Granted    []string  `json:"granted,omitempty"`       // scopes allowed then
	Details    string    `json:"details,omitempty"`       // digest of the authorization details allowed then
	Denied     bool      `json:"denied,omitempty"`        // the person said no
	Cancelled  bool      `json:"refused_sign,omitempty"`  // … at sign-in
	OfferedTo  string    `json:"offered_to,omitempty"`    // person to whom a passkey is offered after this sign-in; "" = no more
	Answers    int       `json:"answers,omitempty"`       // how often the app got an answer
	AnsweredTo string    `json:"answered_to,omitempty"`   // … about whom; "" = nobody, it was refused before
	GrantID    string    `json:"answered_with,omitempty"` // … the grant of the last answer; "" = a refusal
	// ConsentEpoch is that of the consent after the question was answered: where it was withdrawn since, the answer counts no more.
	ConsentEpoch int64 `json:"consent_epoch,omitempty"`
	// PendingFactor is a sign-in that wants a second factor. The release before had another name for it and kept less of it: it sees
	// none, and begins again.
	PendingFactor *PendingFactor `json:"pending,omitempty"`
	// Unproven is who came back from an upstream that was to prove anew who they are, and did not (rule V12).
	Unproven *Unproven `json:"unproven,omitempty"`
	// ConfirmedAt is when UserID, who has no factor here, confirmed in another way that it is them; ConfirmAsked, when a code was mailed
	// for it.
	ConfirmedAt  time.Time `json:"confirmed_at,omitzero"`
	ConfirmAsked time.Time `json:"confirm_asked,omitzero"`
	// Facts of the browser, whoever the person is:
	PendingIdentity string   `json:"connect,omitempty"` // identity at an upstream that waits for the account it may be linked to
	SentOn          bool     `json:"sent,omitempty"`    // was sent on to an upstream without having chosen it
	Problem         *Problem `json:"problem,omitempty"` // what went wrong on another page
}

// BrowserOnly is the progress that stays when another person goes on with the interaction: what somebody else decided is not
// theirs. What the app was answered stays as well.
func (p Progress) BrowserOnly() Progress {
	return Progress{
		PendingIdentity: p.PendingIdentity, SentOn: p.SentOn, Problem: p.Problem, Answers: p.Answers, AnsweredTo: p.AnsweredTo,
		GrantID: p.GrantID,
	}
}

// Answerable reports whether the app may get one more answer, about that person: a second click, Back or another tab leads where the first
// one led, for the same person and a few times.
func (p Progress) Answerable(userID string) bool {
	return p.Answers == 0 || p.Answers < MaxAnswers && p.AnsweredTo == userID
}

// PendingFactor is a sign-in of which the first step is done and the second is still asked for. It is not a session: every page
// but the second factor treats the browser as signed out (rule F06).
type PendingFactor struct {
	UserID   string    `json:"user_id"`
	Epoch    int64     `json:"epoch"` // of the person then; whatever ends everything of the person ends this too
	At       time.Time `json:"at"`
	AMR      []string  `json:"amr"`
	ACR      string    `json:"acr"`
	Remember bool      `json:"remember,omitempty"`
	// Enrol: the person has no second factor and has to set one up; else the one they have is asked for. It is decided once, with
	// the first step (rule V02).
	Enrol   bool `json:"enrol,omitempty"`
	Guesses int  `json:"guesses,omitempty"` // at the second factor
	// Browser is a hash of what the browser got when the first step was done; "" = the release before gave it nothing.
	Browser string `json:"browser,omitempty"`
	// From is the session at an upstream that it came of, as who made it keeps it; nil = none.
	From json.RawMessage `json:"from,omitempty"`
}

// Unproven is somebody who came back from an upstream that did not say when they signed in there, or that it was long ago, where a new
// proof was asked for. It is not a session either.
type Unproven struct {
	UserID    string    `json:"user_id"`
	Epoch     int64     `json:"epoch"` // of the person then; whatever ends everything of the person ends this too
	At        time.Time `json:"at"`
	Upstreams []string  `json:"upstreams"` // ids of those that did not prove it; they are not offered for it again
	Remember  bool      `json:"remember,omitempty"`
}

// NotProven is who came back like that, if it is not too long ago.
func (p Progress) NotProven(now time.Time) *Unproven {
	if p.Unproven == nil || now.Sub(p.Unproven.At) >= pendingLife {
		return nil
	}
	return p.Unproven
}

// pendingLife is how long the second factor may take, or a confirmation.
const pendingLife = 10 * time.Minute

// Pending is the sign-in that waits for its second factor, if there is one that is not too old.
func (p Progress) Pending(now time.Time) *PendingFactor {
	if p.PendingFactor == nil || now.Sub(p.PendingFactor.At) >= pendingLife {
		return nil
	}
	return p.PendingFactor
}

// Problem is what went wrong on one page and is told on another: a message of a closed list with what was typed. It is kept in the
// row and never in an address, so that nobody can make a page say it.
type Problem struct {
	Message    string            `json:"message"` // id of a text
	Args       map[string]string `json:"args,omitempty"`
	Name       string            `json:"name,omitempty"`        // address or user name as typed, to be shown again
	Status     int               `json:"status,omitempty"`      // HTTP status of the page; 0 = 200
	RetryAfter int               `json:"retry_after,omitempty"` // seconds; 0 = not to be waited for
	At         time.Time         `json:"at"`
}

// problemLife is how long a problem is told.
const problemLife = 2 * time.Minute

// Told is the problem, if there is one that is not too old to be told.
func (p Progress) Told(now time.Time) *Problem {
	if p.Problem == nil || now.Sub(p.Problem.At) >= problemLife {
		return nil
	}
	return p.Problem
}

// Interaction is the row, typed.
type Interaction struct {
	ID        string
	Purpose   string
	EndsAt    string // where what is not an authorization ends: a path of ours; "" = the account page
	Request   Request
	Progress  Progress
	CreatedAt time.Time
	ExpiresAt time.Time
	// Over: it took too long. Nothing of it is left but where its answer would have gone.
	Over bool
	// Row is the row as it was read, for the compare-and-swap of what is written next.
	Row storage.Interaction
}

// MaxAnswers is how often an app may get an answer to one request: a second click, Back, another tab.
const MaxAnswers = 5
