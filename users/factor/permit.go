package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/storage"
)

// Permit allows one act to one person. May makes it, and whoever carries the act out checks it in the transaction (Ways). The zero
// value allows nothing.
type Permit struct {
	proof Proof
	act   Act
}

// Is reports whether the permit is for the act to the person: nil, or ErrNotAllowed.
func (p Permit) Is(userID string, act Act) error {
	if p.act == 0 || p.act != act || p.proof.UserID != userID {
		return fmt.Errorf("%w: the permit is not for this act", ErrNotAllowed)
	}
	return nil
}

// Given reports whether it allows anything.
func (p Permit) Given() bool { return p.act != 0 }

// UserID is whom it is about.
func (p Permit) UserID() string { return p.proof.UserID }

// ErrChanged: something ended everything of the person, or changed what they have, between the permission and the act. Begin again.
var ErrChanged = errors.New("person changed meanwhile")

// AnyEpoch in a Proof is good for a person whatever has happened to them: an operator's.
const AnyEpoch = -1

// AccountStore is the part of *storage.DB that tells what a person has.
type AccountStore interface {
	LockUser(ctx context.Context, id string, epoch int64) (storage.User, error)
	CountCredentials(ctx context.Context, userID string) (map[string]int, error)
	CountIdentities(ctx context.Context, userID string) (map[string]int, error)
}

// Accounts reads what people have.
type Accounts struct {
	Store AccountStore
	// Usable reports whether people can sign in at an upstream still: it is configured. Nil = at none.
	Usable func(upstream string) bool
	// Required reports whether a person must have a second factor. Nil = nobody must.
	Required func(ctx context.Context, userID string) (bool, error)
}

// Of reads a person's account.
func (s Accounts) Of(ctx context.Context, u storage.User) (Account, error) {
	n, err := s.Store.CountCredentials(ctx, u.ID)
	if err != nil {
		return Account{}, fmt.Errorf("read factors: %w", err)
	}
	logins, err := s.Store.CountIdentities(ctx, u.ID)
	if err != nil {
		return Account{}, fmt.Errorf("read linked logins: %w", err)
	}
	a := Account{
		Password: n["password"] > 0, Authenticator: n[KindTOTP] > 0, Recovery: n[KindRecovery], Passkeys: n[KindPasskey],
		Disabled: !u.DisabledAt.IsZero(), Frozen: !u.FrozenAt.IsZero(),
	}
	for upstream, linked := range logins {
		if s.Usable != nil && s.Usable(upstream) {
			a.Logins += linked
		}
	}
	if a.Second() && s.Required != nil { // it matters to who would take the last one away
		if a.Required, err = s.Required(ctx, u.ID); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

// Check makes a permit count in the transaction of ctx: it locks the person, so that what ends everything of theirs comes before or
// after, and asks the rule of May once more about the account as it is now. ErrChanged where the permit was of another epoch, or
// would not be given any more; ErrNotAllowed where it is of another act or person.
func (s Accounts) Check(ctx context.Context, p Permit, userID string, act Act) error {
	if err := p.Is(userID, act); err != nil {
		return err
	}
	u, err := s.Store.LockUser(ctx, userID, p.proof.Epoch)
	if errors.Is(err, storage.ErrStale) {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("lock person: %w", err)
	}
	if p.proof.By == ByOperator {
		return nil
	}
	a, err := s.Of(ctx, u)
	if err != nil {
		return err
	}
	err = decide(p.proof, act, a, time.Now())
	if err == nil || errors.Is(err, ErrLast) || errors.Is(err, ErrNeeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
