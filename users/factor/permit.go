package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/internal/ratelimit"
	"signet/storage"
)

// Permit allows one act to one person. May makes it, and whoever carries the act out checks it in the transaction (Ways). The zero
// value allows nothing.
type Permit struct {
	proof Proof
	act   Act
}

// ForOperator is the permit of an operator at the command line, who may do everything to everybody.
func ForOperator(userID string, act Act) Permit {
	return Permit{proof: Proof{By: ByOperator, UserID: userID, Epoch: AnyEpoch}, act: act}
}

// Is reports whether the permit is for the act to the person: nil, or ErrNotAllowed.
func (p Permit) Is(userID string, act Act) error {
	if p.act == 0 || p.act != act || p.proof.UserID == "" || p.proof.UserID != userID {
		return fmt.Errorf("%w: the permit is not for this act", ErrNotAllowed)
	}
	return nil
}

// Given reports whether it allows anything.
func (p Permit) Given() bool { return p.act != 0 }

// UserID is whom it is about.
func (p Permit) UserID() string { return p.proof.UserID }

// Epoch is that of the person when they proved who they are; AnyEpoch where it does not matter.
func (p Permit) Epoch() int64 { return p.proof.Epoch }

// Act is what it is for.
func (p Permit) Act() Act { return p.act }

// ErrChanged: something ended everything of the person, or changed what they have, between the permission and the act. Begin again.
var ErrChanged = errors.New("person changed meanwhile")

// AnyEpoch in a Proof is good for a person whatever has happened to them: an operator's, an upstream's about its own login, and that
// of a link which is to undo what has happened.
const AnyEpoch = -1

// Stores are the parts of *storage.DB that the package uses, by what they are for.
type Stores struct {
	Accounts    AccountStore
	People      peopleStore
	Credentials credentialStore
	Codes       codeStore
	Identities  identityStore
	Limits      ratelimit.Store
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db, db, db} }

// AccountStore tells what a person has.
type AccountStore interface {
	LockUser(ctx context.Context, id string, epoch int64) (storage.User, error)
	CountCredentials(ctx context.Context, userID string) (map[string]int, error)
	CountIdentities(ctx context.Context, userID string) (map[string]int, error)
}

type peopleStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	UpdateUserEmail(ctx context.Context, old, u storage.User) error
	RolesOfUser(ctx context.Context, userID string) ([]string, error)
}

type credentialStore interface {
	Credentials(ctx context.Context, userID, kind string) ([]storage.Credential, error)
	InsertCredential(ctx context.Context, c storage.Credential) error
	DeleteCredential(ctx context.Context, id, userID string) error
	DeleteCredentials(ctx context.Context, userID, kind string) (int64, error)
	DeleteFactors(ctx context.Context, userID string, since time.Time) (int64, error)
}

type codeStore interface {
	SpendCounter(ctx context.Context, id string, counter int64, now time.Time) error
	SpendHandle(ctx context.Context, userID, kind, handle string) error
}

type identityStore interface {
	IdentitiesOfUser(ctx context.Context, userID string) ([]storage.Identity, error)
	InsertIdentity(ctx context.Context, i storage.Identity) error
	DeleteIdentity(ctx context.Context, id, userID string) error
}

// Accounts reads what people have, and checks permits.
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
		Password: n[KindPassword] > 0, Authenticator: n[KindTOTP] > 0, Recovery: n[KindRecovery], Passkeys: n[KindPasskey],
		Disabled: !u.DisabledAt.IsZero(), Frozen: !u.FrozenAt.IsZero(),
	}
	for upstream, linked := range logins {
		if s.usable(upstream) {
			a.Logins += linked
		} else {
			a.Unusable += linked
		}
	}
	if a.Second() && s.Required != nil { // it matters to who would take the last one away
		if a.Required, err = s.Required(ctx, u.ID); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

func (s Accounts) usable(upstream string) bool { return s.Usable != nil && s.Usable(upstream) }

// May asks May about the person of a proof, who is locked for the rest of the transaction of ctx. Errors as of Check.
func (s Accounts) May(ctx context.Context, p Proof, act Act) (Permit, error) {
	permit := Permit{proof: p, act: act}
	_, err := s.check(ctx, permit, act)
	if err != nil {
		return Permit{}, err
	}
	return permit, nil
}

// Check makes a permit count in the transaction of ctx: it locks the person, so that what ends everything of theirs comes before or
// after, and asks the rule of May once more about the account as it is now. ErrChanged where the permit was of another epoch, or
// would not be given any more; ErrNotAllowed where it is of another act or person; ErrLast, ErrNeeded.
func (s Accounts) Check(ctx context.Context, p Permit, userID string, act Act) error {
	if err := p.Is(userID, act); err != nil {
		return err
	}
	_, err := s.check(ctx, p, act)
	return err
}

// state is a person, locked, and what they have.
type state struct {
	user    storage.User
	account Account
}

// check is Check for whomever the permit is about.
func (s Accounts) check(ctx context.Context, p Permit, act Act) (state, error) {
	if err := p.Is(p.proof.UserID, act); err != nil {
		return state{}, err
	}
	u, err := s.Store.LockUser(ctx, p.proof.UserID, p.proof.Epoch)
	if errors.Is(err, storage.ErrStale) {
		return state{}, ErrChanged
	}
	if err != nil {
		return state{}, fmt.Errorf("lock person: %w", err)
	}
	now := state{user: u}
	if p.proof.By == ByOperator {
		return now, nil
	}
	if now.account, err = s.Of(ctx, u); err != nil {
		return state{}, err
	}
	return now, again(p, act, now.account)
}

// again asks the rule once more.
func again(p Permit, act Act, a Account) error {
	err := decide(p.proof, act, a, time.Now())
	if err == nil || errors.Is(err, ErrLast) || errors.Is(err, ErrNeeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
