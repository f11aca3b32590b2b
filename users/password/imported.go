package password

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"signet/users/password/foreign"
)

// tagImported stands before a hash that another product made.
const tagImported = "x1$"

// Imported is the form in which another product's hash is kept until its person signs in: see foreign.Parse for what is
// taken. foreign.ErrForm.
func Imported(form string) (kept string, err error) {
	form = strings.TrimSpace(form) // tools that print a hash end it with a line feed; no form has one
	if _, err := foreign.Parse(form); err != nil {
		return "", err
	}
	return tagImported + form, nil
}

// verifyImported compares with another product's hash and, where that fails, does the work of one of ours as well: a cheap
// hash must not tell that there is an account. Where it succeeds the caller hashes anew, which is the same work.
func (h *Hasher) verifyImported(ctx context.Context, form, password string) (right bool, err error) {
	hash, err := foreign.Parse(form)
	if err == nil && hash.Heavy {
		leave, err := h.enter(ctx, h.heavy) // before a worker is taken: those who wait for memory hold up nobody else
		if err != nil {
			return false, fmt.Errorf("verify password: %w", err)
		}
		defer leave()
	}
	err = h.work(ctx, 0, func() error {
		if right = err == nil && hash.Matches(password); !right {
			_ = bcrypt.CompareHashAndPassword(h.dummy, prepare(nil, password))
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	return right, nil
}
