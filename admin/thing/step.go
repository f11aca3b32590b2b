package thing

import (
	"encoding/json"
	"time"
)

// Managed is a thing that is kept by files: whose they are, and what was applied last.
type Managed struct {
	Kind    string          `json:"kind"`
	Key     string          `json:"key"`
	Owner   string          `json:"owner"`
	Applied json.RawMessage `json:"applied"`
	By      string          `json:"by" doc:"Who applied it last."`
	At      time.Time       `json:"at"`
	Version int64           `json:"version" doc:"What a step names that was planned on this."`
}

// Step is one thing to be made, changed, deleted, or kept by the files of another owner, and what that was planned on.
type Step struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
	// What was planned on: the thing (null: there was none), and the row of Managed (0: nobody kept it).
	Before  json.RawMessage `json:"before,omitempty"`
	Version int64           `json:"version,omitempty"`
	// What is to be: the thing (null: none), whose files keep it, and what these say (null: it is kept by nobody's any more).
	After   json.RawMessage `json:"after,omitempty"`
	Owner   string          `json:"owner"`
	Applied json.RawMessage `json:"applied,omitempty"`
	// Secret is a client's new one; "" = it stays, or one is made that nobody is told.
	Secret string `json:"client_secret,omitempty"`
}

// SecretState is what a secret is to a client.
type SecretState struct {
	Valid   bool `json:"valid" doc:"The client can authenticate by it."`
	Applied bool `json:"applied" doc:"It is the one that was applied last."`
}
