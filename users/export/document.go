package export

import (
	"encoding/json"
	"time"
)

// Document is all that is stored about a person, for them to take to another product (GDPR articles 15 and 20). Every field is
// chosen: there is no hash, key or secret among them.
type Document struct {
	MadeAt           time.Time    `json:"made_at"`
	Profile          Profile      `json:"profile"`
	Credentials      []Credential `json:"credentials"`
	Identities       []Identity   `json:"identities"`
	Sessions         []Session    `json:"sessions"`
	Consents         []Consent    `json:"consents"`
	Grants           []Grant      `json:"grants"`
	Groups           []string     `json:"groups"`
	Roles            []string     `json:"roles"`
	Activity         []Event      `json:"activity"`
	ActivityComplete bool         `json:"activity_complete"` // false: there is more than the newest 10,000
}

// Profile is who they are.
type Profile struct {
	ID            string          `json:"sub"`
	Email         string          `json:"email"`
	EmailVerified bool            `json:"email_verified"`
	Username      string          `json:"preferred_username,omitempty"`
	Claims        json.RawMessage `json:"claims"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`     // what administrators keep about them
	Picture       []byte          `json:"picture_jpeg,omitempty"` // that we serve, in base64
	Terms         string          `json:"terms_accepted,omitempty"`
	TermsAt       time.Time       `json:"terms_accepted_at,omitzero"`
	RefusesSince  time.Time       `json:"refuses_requests_since,omitzero"` // of apps (CIBA)
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// Credential is a way they sign in.
type Credential struct {
	Kind       string    `json:"kind"`
	Name       string    `json:"name,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Identity is their account at another provider.
type Identity struct {
	Upstream   string    `json:"upstream"`
	Issuer     string    `json:"iss"`
	Subject    string    `json:"sub"`
	Label      string    `json:"label,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Session is a browser in which they are signed in.
type Session struct {
	Agent     string    `json:"user_agent"`
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"last_used_at,omitzero"`
	EndsAt    time.Time `json:"ends_at"`
}

// Consent is what they agreed to.
type Consent struct {
	ClientID  string   `json:"client_id"`
	Offered   []string `json:"scopes_offered"`
	Granted   []string `json:"scopes_granted"`
	Resources []string `json:"resources"`
	// of an agent: until when it may act, how many calls a day (0 = any number), since when it is paused
	AgentUntil time.Time `json:"agent_until,omitzero"`
	AgentCalls int64     `json:"agent_calls,omitempty"`
	PausedAt   time.Time `json:"paused_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Grant is what an app has.
type Grant struct {
	ClientID   string    `json:"client_id"`
	Scopes     []string  `json:"scopes"`
	Resources  []string  `json:"resources"`
	Offline    bool      `json:"offline"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	EndsAt     time.Time `json:"ends_at,omitzero"`
}

// Event is something that happened.
type Event struct {
	At       time.Time       `json:"at"`
	Name     string          `json:"event"`
	Outcome  string          `json:"outcome"`
	Actor    string          `json:"actor"`
	ClientID string          `json:"client_id,omitempty"`
	Network  string          `json:"network,omitempty"`
	Agent    string          `json:"user_agent,omitempty"`
	Detail   json.RawMessage `json:"detail,omitempty"`
}
