// Package filter says which rows are wanted of a list: what administrators narrow it down by.
package filter

import (
	"fmt"
	"time"
)

// People is which people are wanted: those who have all that is set.
type People struct {
	Search       string // how the key of the email address begins, …
	ByUsername   bool   // … or that of the user name
	Disabled     bool
	Unverified   bool // the address is not known to be theirs
	Group        string
	Role         string // which they hold themselves or by a group
	CreatedSince time.Time
	Until        string `json:"-"` // the last position that is looked at; "" = to the end
}

// Sifts reports whether a page may have to look at many whom it does not fit: those that one index has, of whom the rest wants few.
func (f People) Sifts() bool {
	state := f.Disabled || f.Unverified
	switch {
	case f.Search != "":
		return state || f.Group != "" || f.Role != "" || !f.CreatedSince.IsZero()
	case f.Group != "":
		return state || f.Role != "" || !f.CreatedSince.IsZero()
	case f.Role != "": // very many groups can hold it
		return true
	case !f.CreatedSince.IsZero():
		return state
	}
	return f.Disabled && f.Unverified
}

// Position is after whom a list of them goes on: by address or user name where one is looked for, by the time of creation where that alone
// is, else by id, which is no order in time.
func (f People) Position(emailKey, usernameKey, id string, created time.Time) string {
	switch {
	case f.Search != "" && f.ByUsername:
		return usernameKey
	case f.Search != "":
		return emailKey
	case f.Group == "" && f.Role == "" && !f.CreatedSince.IsZero():
		return fmt.Sprintf("%d %s", created.UnixMicro(), id)
	}
	return id
}
