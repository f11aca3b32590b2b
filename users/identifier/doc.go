// Package identifier has the rules for what people are found by: what an e-mail address and a user name may be, and the key under which
// each is unique. It asks no database. Begin with EmailKey.
package identifier

import "errors"

// Categories callers branch on with errors.Is.
var (
	// ErrEmail and ErrUsername: not of a form that is valid.
	ErrEmail    = errors.New("not a valid address")
	ErrUsername = errors.New("not a valid user name")
)
