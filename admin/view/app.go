package view

import "time"

// ClientSecret is one of an app's, without what it is.
type ClientSecret struct {
	ID         string    `json:"id"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero" doc:"To the minute or so; none = never."`
	ExpiresAt  time.Time `json:"expires_at,omitzero" doc:"It is refused from then on; none = it does not expire."`
}

// Snippet is what an app's own code or configuration needs.
type Snippet struct {
	For      string   `json:"for"`
	Text     string   `json:"text" doc:"Ready to paste; what is secret has a name in its place."`
	Warnings []string `json:"warnings,omitempty" doc:"Where the app's registration and the library do not go together."`
}

// Consent is what a person allowed an app.
type Consent struct {
	ClientID  string    `json:"client_id"`
	Scope     string    `json:"scope" doc:"Granted, separated by spaces."`
	Resources []string  `json:"resources,omitempty" doc:"Identifiers of the APIs that were shown."`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at" doc:"Agreed to last."`
	Until     time.Time `json:"until,omitzero" doc:"Of an agent: it may act no longer."`
	Calls     int64     `json:"calls_a_day,omitempty" doc:"Of an agent, at each API; none = any number."`
	PausedAt  time.Time `json:"paused_at,omitzero" doc:"Of an agent that the person paused."`
}
