package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/turns"
	"signet/storage"
)

// Attempt is a try to prove who one is by a password.
type Attempt struct {
	Login    string // address or user name, as typed
	UserID   string // instead of Login: this person, again
	Password string
	Network  string // prefix of the address the try comes from; "" = that of the context's origin
	// Device tells the id under which the browser is known to an account, "" = not known. Nil = known to none.
	Device func(userID string) string
}

// Proof is a right password. It counts once Commit has run in the transaction of the act it was asked for.
type Proof struct {
	User storage.User

	service   *Service
	id        string // of the credential
	old, kept string // as verified; as to be kept from now on
}

// SignIn checks a password. ErrWrong, ErrThrottled (*Throttled), ErrGuarded, ErrFrozen, password.ErrBusy. Nobody learns from the answer or
// the time it takes whether there is an account: every answer costs one hash, every failure the same writes.
func (s *Service) SignIn(ctx context.Context, a Attempt) (*Proof, error) {
	who, row, err := s.who(ctx, a)
	if err != nil {
		return nil, err
	}
	if a.Network == "" {
		a.Network = audit.OriginOf(ctx).Network
	}
	device := ""
	if row.ID != "" && a.Device != nil {
		device = a.Device(row.ID)
	}
	limits := limits(who.mark, a.Network, device)
	if s.post != nil && device == "" && a.UserID == "" {
		limits = append(limits, guard(who.mark))
	}
	asks := turns.Caller{Key: a.Network}
	if device != "" {
		asks = turns.Caller{Key: device, Known: true}
		o := audit.OriginOf(ctx)
		o.KnownBrowser = device
		ctx = audit.WithOrigin(ctx, o)
	}
	leave, err := s.queues.enter(ctx, limits[0].Key, asks)
	if err != nil {
		return nil, err
	}
	defer leave()
	charge, err := s.charge(ctx, audit.Event{Name: audit.SignInThrottled, UserID: row.ID}, limits...)
	if err != nil {
		return nil, err
	}
	kept, why := judge(row)
	right, stale, err := s.passwords.Verify(ctx, kept, a.Password)
	ctx = context.WithoutCancel(ctx) // what was judged is written down, whether or not anybody waits for it
	if err != nil {
		return nil, errors.Join(err, charge.Refund(ctx))
	}
	if !right {
		if err := s.audit.Record(ctx, audit.Event{Name: audit.SignInFailed, UserID: row.ID, Detail: map[string]string{"why": why}}); err != nil {
			return nil, err
		}
		return nil, ErrWrong
	}
	if err := charge.Succeeded(ctx); err != nil {
		return nil, fmt.Errorf("settle counters: %w", err)
	}
	if !row.FrozenAt.IsZero() {
		return nil, ErrFrozen
	}
	p := &Proof{User: row.User, service: s, id: row.PasswordID, old: row.PasswordHash, kept: row.PasswordHash}
	if stale {
		if p.kept, err = s.passwords.Hash(ctx, a.Password); err != nil {
			p.kept = p.old // not now; the next sign-in tries again
		}
	}
	return p, nil
}

// who finds whom an attempt is about: the counters' mark and the row, which is zero if there is nobody.
func (s *Service) who(ctx context.Context, a Attempt) (login, storage.SignIn, error) {
	if a.UserID == "" {
		l := loginOf(a.Login)
		row, err := s.find(ctx, l)
		return l, row, err
	}
	row, err := s.stores.People.SignInByID(ctx, a.UserID)
	if errors.Is(err, storage.ErrNotFound) {
		return loginOf(""), storage.SignIn{}, nil
	}
	if err != nil {
		return login{}, row, fmt.Errorf("find person: %w", err)
	}
	return loginOf(row.Email), row, nil
}

// judge tells what a password is compared with: nothing, if the person cannot sign in by one; and why, for the log.
func judge(row storage.SignIn) (kept, why string) {
	switch {
	case row.ID == "":
		return "", "unknown"
	case !row.DisabledAt.IsZero():
		return "", "disabled"
	case row.PasswordHash == "":
		return "", "no password"
	}
	return row.PasswordHash, "wrong"
}

// Commit makes the proof count: in the transaction of ctx it checks that the password is still the one that was verified
// (ErrChanged), which also makes a change of it that runs at the same time wait for this transaction's end, and notes the
// sign-in. A password kept at a lower cost than today's is replaced.
func (p *Proof) Commit(ctx context.Context) error {
	err := p.service.stores.Passwords.ReplaceCredentialData(ctx, p.id, p.old, p.kept, time.Now())
	if errors.Is(err, storage.ErrStale) {
		return ErrChanged
	}
	if err != nil {
		return fmt.Errorf("note use of password: %w", err)
	}
	if p.kept != p.old {
		if err := p.service.audit.Record(ctx, audit.Event{Name: audit.PasswordRehashed, UserID: p.User.ID}); err != nil {
			return err
		}
	}
	return p.service.audit.Record(ctx,
		audit.Event{Name: audit.SignInSucceeded, UserID: p.User.ID, Detail: map[string]string{"by": "password"}})
}

// LockEpoch makes a proof that was made while the person had the given epoch count only if nothing ended everything of theirs
// since: for session.How.Within and the like, in whose transaction it makes such acts wait. ErrChanged.
func (s *Service) LockEpoch(userID string, epoch int64) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		err := s.stores.Acts.HoldUser(ctx, userID, epoch)
		if errors.Is(err, storage.ErrStale) {
			return ErrChanged
		}
		if err != nil {
			return fmt.Errorf("lock person: %w", err)
		}
		return nil
	}
}

// changedTries is how often a check starts again because the password was changed or kept anew meanwhile.
const changedTries = 2

// CheckPassword is SignIn without a browser, for the password grant (RFC 6749 section 4.3): the person's id and epoch.
func (s *Service) CheckPassword(ctx context.Context, username, password, network string) (userID string, epoch int64, err error) {
	for range changedTries {
		var p *Proof
		if p, err = s.SignIn(ctx, Attempt{Login: username, Password: password, Network: network}); errors.Is(err, ErrFrozen) ||
			errors.Is(err, ErrGuarded) {
			return "", 0, fmt.Errorf("%w: %w", ErrWrong, err)
		}
		if err != nil {
			return "", 0, err
		}
		if !p.User.EraseAt.IsZero() { // nobody can use the account; only a browser can ask to keep it
			return "", 0, ErrWrong
		}
		if err = s.stores.Acts.Tx(ctx, p.Commit); err == nil {
			return p.User.ID, p.User.Epoch, nil
		}
		if !errors.Is(err, ErrChanged) {
			return "", 0, err
		}
	}
	return "", 0, err
}
