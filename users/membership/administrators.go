package membership

import (
	"context"
	"errors"
	"fmt"
)

// What Administrators.Keep refuses.
var (
	// ErrLastAdmin: nobody else whose account is open is an administrator.
	ErrLastAdmin = errors.New("nobody else who can sign in is an administrator")
	// ErrNoWayIn: those who are left have no way to sign in.
	ErrNoWayIn = errors.New("no administrator could sign in any more: one of them needs a password, a passkey or another provider first")
)

// Administrators keeps one of them, whatever would take the last away: they themselves, others, or what is done to a provider.
type Administrators struct {
	Store interface {
		HolderLeft(ctx context.Context, role string) (bool, error)
		HolderSignsIn(ctx context.Context, role string, upstreams []string) (bool, error)
	}
	// Usable are the ids of the providers where people can sign in.
	Usable func(ctx context.Context) ([]string, error)
}

// Keep runs do, in the caller's transaction, and is an error where nobody whose account is open would be an administrator after it, or none
// of those could sign in any more, and somebody was, or could, before. Then the caller undoes it.
func (k Administrators) Keep(ctx context.Context, do func(ctx context.Context) error) error {
	left, in, err := k.look(ctx)
	if err != nil {
		return err
	}
	if err := do(ctx); err != nil {
		return err
	}
	leftNow, inNow, err := k.look(ctx)
	switch {
	case err != nil:
		return err
	case left && !leftNow:
		return ErrLastAdmin
	case in && !inNow:
		return ErrNoWayIn
	}
	return nil
}

// look reports whether there is one whose account is open, and one who has a way to sign in. Whoever asks the same waits.
func (k Administrators) look(ctx context.Context) (left, in bool, err error) {
	if left, err = k.Store.HolderLeft(ctx, Admin); err == nil && left {
		var upstreams []string
		if upstreams, err = k.Usable(ctx); err == nil {
			in, err = k.Store.HolderSignsIn(ctx, Admin, upstreams)
		}
	}
	if err != nil {
		return false, false, fmt.Errorf("look for administrators: %w", err)
	}
	return left, in, nil
}
