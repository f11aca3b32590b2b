// Package profile has the rules for what a person's row says of them: the standard claims of OpenID Connect Core section 5.1, as
// operators and upstreams give them (Parse, Change) and as people type them in a form (Fields, Claims.Set). Writing the row is the
// matter of users. Begin with Parse.
package profile

import (
	"encoding/json"
	"errors"
	"fmt"
)

// MaxBytes is the length of the longest profile that is taken, as JSON.
const MaxBytes = 16 << 10

// ErrName: not of a form that is valid.
var ErrName = errors.New("not a valid name")

// Claims are a profile as it is kept, by name.
type Claims map[string]any

// Read reads the profile of a row.
func Read(raw json.RawMessage) (Claims, error) {
	c := Claims{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("read profile: %w", err)
		}
	}
	return c, nil
}

// JSON is the profile as a row has it.
func (c Claims) JSON() (json.RawMessage, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	return raw, nil
}
