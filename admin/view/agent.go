package view

import "time"

// Agent is an app that acts for a person by itself, and what they agreed on with it, as far as its registration allows that now.
type Agent struct {
	ClientID   string    `json:"client_id"`
	Name       string    `json:"name,omitempty"`
	Scope      string    `json:"scope"`
	Resources  []string  `json:"resources,omitempty"`
	AgreedAt   time.Time `json:"agreed_at"`
	Until      time.Time `json:"until" doc:"It may act no longer."`
	Calls      int64     `json:"calls_a_day,omitempty" doc:"At each API; none = any number."`
	PausedAt   time.Time `json:"paused_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}
