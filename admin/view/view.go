// Package view has what administrators are shown of the server itself and of how an app does: types without acts, which package admin
// answers with.
package view

import (
	"context"
	"time"

	"signet/admin/setting"
)

// Server tells about the server itself; all are required.
type Server struct {
	Settings  func() []Setting
	Checks    func(ctx context.Context) []Finding
	Upstreams func(ctx context.Context) ([]Upstream, error)
	// TryUpstream asks one whether it is there, and RedirectURI is what is to be registered there.
	TryUpstream func(ctx context.Context, id string) ([]Finding, error)
	RedirectURI func(id string) string
	// TryMail sends an email at once, by what is set for mail.
	TryMail func(ctx context.Context, to, language string) ([]Finding, error)
}

// Setting is one of the configuration: secrets are masked.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin" doc:"default, environment NAME, file NAME line N, flag --NAME, or database."`
}

// The states of a finding.
const (
	StateGood    = "good"
	StateNotice  = "notice" // worth a look
	StateProblem = "problem"
)

// Finding is what a check of the server's health found.
type Finding struct {
	Check  string `json:"check"`
	State  string `json:"state" enum:"good,notice,problem"`
	Text   string `json:"text" doc:"What was found."`
	Remedy string `json:"remedy,omitempty" doc:"How to fix it."`
}

// Upstream is a provider where people sign in, as it is configured.
type Upstream struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Kind        string    `json:"kind"`
	Issuer      string    `json:"issuer,omitempty"`
	Declared    bool      `json:"declared,omitempty" doc:"config.yaml declares it, and only that changes it."`
	Disabled    bool      `json:"disabled,omitempty" doc:"Nobody can sign in there."`
	RedirectURI string    `json:"redirect_uri" doc:"To be registered there."`
	SucceededAt time.Time `json:"succeeded_at,omitzero" doc:"When it last said who somebody is."`
	FailedAt    time.Time `json:"failed_at,omitzero" doc:"When it last could not."`
	Failure     string    `json:"failure,omitempty" enum:"down,error,identity,mix-up,domain" doc:"Why."`
}

// UpstreamSettings is a provider where people sign in with all that is set, but its secrets.
type UpstreamSettings struct {
	setting.Upstream
	Declared    bool   `json:"declared,omitempty" doc:"config.yaml declares it, and only that changes it."`
	RedirectURI string `json:"redirect_uri" doc:"To be registered there."`
	Version     int64  `json:"version,omitempty" doc:"Of what is stored; another secret is another version."`
}

// FirstSignIn is whether an app works yet.
type FirstSignIn struct {
	SignedIn bool      `json:"signed_in" doc:"Somebody is signed in at the app now: it has exchanged a code for tokens."`
	At       time.Time `json:"at,omitzero" doc:"Since when."`
	Scope    string    `json:"scope,omitempty" doc:"What it was granted."`
	Refused  *Mistake  `json:"refused,omitempty" doc:"The last request of the app that was refused, if that was after it."`
}

// Mistake is why a request of an app was refused: nothing of a person is in it.
type Mistake struct {
	At        time.Time `json:"at"`
	Reference string    `json:"reference"`
	Route     string    `json:"route"`
	Check     string    `json:"check" doc:"What failed."`
	Found     string    `json:"found"`
	Remedy    string    `json:"remedy"`
}
