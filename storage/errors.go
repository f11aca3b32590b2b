package storage

import "errors"

// Categories callers branch on with errors.Is.
var (
	// ErrNotFound: no row answers the question.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a unique key is taken (an address, a replayed id, a client id).
	ErrConflict = errors.New("already exists")
	// ErrStale: the row changed or was spent since it was read; a conditional statement touched nothing.
	ErrStale = errors.New("changed meanwhile")
	// ErrUnavailable: the database cannot be reached or did not answer in time. Callers answer 503 with Retry-After.
	ErrUnavailable = errors.New("database unavailable")
	// ErrTooMany: a bound that is checked inside the statement was reached (live interactions of a network).
	ErrTooMany = errors.New("too many")
)
