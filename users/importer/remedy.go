package importer

import (
	"errors"
	"fmt"

	"signet/users"
)

// remedies say what mends a mistake, by its field and its cause; nil is any other cause. What is not here says it by itself.
var remedies = []struct {
	field users.Field
	cause error
	mend  string
}{
	{users.FieldEmail, users.ErrMissing, "every line needs an address"},
	{users.FieldEmail, users.ErrEmail, "write it like ada@example.com"},
	{users.FieldEmail, users.ErrTaken, "take the line out, or skip or update people who exist"},
	{users.FieldUsername, users.ErrTaken, "choose another, or leave it out"},
	{users.FieldUsername, users.ErrUsername, "choose another, or leave it out"},
	{FieldPasswordHash, nil, "without it the person sets a password by a reset link"},
}

// mend says of each mistake what mends it. What is in the way of the actor is mended by others.
func mend(mistakes users.Mistakes) users.Mistakes {
	for i, m := range mistakes {
		for _, r := range remedies {
			if r.field == m.Field && (r.cause == nil || errors.Is(m.Cause, r.cause)) {
				mistakes[i].Cause = fmt.Errorf("%w; %s", m.Cause, r.mend)
				break
			}
		}
	}
	return mistakes
}
