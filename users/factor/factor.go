// Package factor is two-step verification: an authenticator app (TOTP, RFC 6238), recovery codes, and the rule that
// says when one is asked for.
//
// A code of the app is used once: the step it belongs to is spent by a compare-and-swap, together with all before it. Guesses
// are counted for each account whatever sign-in they belong to; too many close the app's way for an hour, not the others.
// Passkeys are the business of users/passkey; here they only count as something a person has. It knows no HTTP. Begin with
// Service.CheckTOTP and Decide.
package factor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users/ticket"
)

// The kinds of credentials.
const (
	KindPassword = "password"
	KindTOTP     = "totp"
	KindRecovery = "recovery"
	KindPasskey  = "passkey"
)

// Categories callers branch on with errors.Is.
var (
	// ErrWrong: not the code, used before, or the person has no such factor.
	ErrWrong = errors.New("wrong code")
	// ErrThrottled: too many wrong ones; errors.AsType[*Throttled] tells how long this way is closed.
	ErrThrottled = errors.New("too many wrong codes")
	// ErrThere: the person has an authenticator app already.
	ErrThere = errors.New("there is one already")
	// ErrGone: the enrolment is over; begin again.
	ErrGone = errors.New("enrolment is gone")
	// ErrUnreadable: the secret of the authenticator app does not open: it is damaged, or its master key is not listed.
	ErrUnreadable = errors.New("the secret of the authenticator app does not open")
)

// Throttled says how long to wait. It is ErrThrottled.
type Throttled struct{ RetryAfter time.Duration }

// Error is for the log.
func (t *Throttled) Error() string { return fmt.Sprintf("%v: wait %s", ErrThrottled, t.RetryAfter) }

// Is makes it ErrThrottled.
func (t *Throttled) Is(target error) bool { return target == ErrThrottled }

// Sealer seals secrets; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Notices tells people what happens to their account; *users.Service.
type Notices interface {
	Notify(ctx context.Context, userID, kind string, args map[string]string) error
}

// Options of New.
type Options struct {
	Stores  Stores
	Ways    *Ways
	Audit   *audit.Log
	Tickets *ticket.Tickets
	Sealer  Sealer
	Place   func(table, row, column string) []byte
	Notices Notices
	Issuer  string // how authenticator apps call us: the brand
}

// Service is what can be done about second factors.
type Service struct {
	Options
	limits *ratelimit.Limiter
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Ways == nil || o.Audit == nil || o.Tickets == nil || o.Sealer == nil || o.Place == nil || o.Notices == nil {
		return nil, errors.New("factors need ways, an audit log, tickets, a sealer and notices")
	}
	if s := o.Stores; s.Accounts == nil || s.People == nil || s.Credentials == nil || s.Codes == nil || s.Limits == nil {
		return nil, errors.New("factors need stores")
	}
	return &Service{Options: o, limits: ratelimit.New(o.Stores.Limits)}, nil
}

// Account reads what a person has.
func (s *Service) Account(ctx context.Context, u storage.User) (Account, error) {
	return s.Ways.Of(ctx, u)
}

// Reachable is the strongest level at which a person can sign in, by what they have set up.
func (s *Service) Reachable(ctx context.Context, userID string) (Level, error) {
	have, err := s.Of(ctx, userID)
	switch {
	case err != nil:
		return Single, err
	case have.Passkeys > 0:
		return Resistant, nil
	case have.TOTP:
		return Multi, nil
	}
	return Single, nil
}

// PasswordSuffices reports whether a person may sign in with a password alone where nothing else can be asked for: they have no
// second factor, and need none (rule H10).
func (s *Service) PasswordSuffices(ctx context.Context, userID string) (bool, error) {
	have, err := s.Of(ctx, userID)
	if err != nil || have.Second() {
		return false, err
	}
	required, err := s.Required(ctx, userID)
	return !required, err
}

// Enrolled is what a person has beside a password.
type Enrolled struct {
	TOTP     bool
	Recovery int // codes not used yet
	Passkeys int
}

// Second reports whether the person has a second factor. Recovery codes can be used in place of one, they are none.
func (s Enrolled) Second() bool { return s.TOTP || s.Passkeys > 0 }

// Of tells what a person has.
func (s *Service) Of(ctx context.Context, userID string) (Enrolled, error) {
	n, err := s.Stores.Accounts.CountCredentials(ctx, userID)
	if err != nil {
		return Enrolled{}, fmt.Errorf("read factors: %w", err)
	}
	return Enrolled{TOTP: n[KindTOTP] > 0, Recovery: n[KindRecovery], Passkeys: n[KindPasskey]}, nil
}

// Match is a right code. It counts once Commit has run in the transaction of the act it was asked for: of many with the same
// code, one does.
type Match struct {
	Method string // KindTOTP or KindRecovery
	commit func(ctx context.Context) error
}

// Commit uses the code up. ErrWrong if somebody was quicker.
func (p *Match) Commit(ctx context.Context) error { return p.commit(ctx) }

// limit is the count of wrong codes of one kind: ten in an hour close that way for an hour (G02).
func limit(kind, userID string) ratelimit.Limit {
	const hour = time.Hour
	return ratelimit.Limit{Key: "factor " + kind + " " + userID, Free: 10, Window: hour, First: hour, Max: hour,
		OnSuccess: ratelimit.WholeStreak}
}

// guess pays for a try, judges it, and writes down what came of it.
func (s *Service) guess(ctx context.Context, userID, kind string, judge func() (*Match, error)) (*Match, error) {
	charge, err := s.limits.Charge(ctx, limit(kind, userID))
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		if err := s.Audit.Record(ctx, audit.Event{Name: audit.FactorThrottled, UserID: userID, Detail: about(kind)}); err != nil {
			return nil, err
		}
		return nil, &Throttled{late.RetryAfter}
	}
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // what was judged is written down, whether or not anybody waits for it
	proof, err := judge()
	if errors.Is(err, ErrWrong) {
		return nil, errors.Join(err, s.Audit.Record(ctx, audit.Event{Name: audit.FactorFailed, UserID: userID, Detail: about(kind)}))
	}
	if err != nil {
		return nil, errors.Join(err, charge.Refund(ctx))
	}
	if err := charge.Succeeded(ctx); err != nil {
		return nil, fmt.Errorf("settle counters: %w", err)
	}
	return proof, nil
}

func about(kind string) map[string]string { return map[string]string{"by": kind} }

// Remove takes the authenticator app away (RemoveAuthenticator); with the last second factor go the recovery codes. ErrWrong if
// there is none; else as Ways.RemoveAuthenticator.
func (s *Service) Remove(ctx context.Context, permit Permit) error {
	return s.Stores.People.Tx(ctx, func(ctx context.Context) error {
		err := s.Ways.RemoveAuthenticator(ctx, permit)
		if errors.Is(err, storage.ErrNotFound) {
			return ErrWrong
		}
		if err != nil {
			return err
		}
		return s.removed(ctx, permit.UserID(), KindTOTP)
	})
}

func (s *Service) removed(ctx context.Context, userID, kind string) error {
	if err := s.Audit.Record(ctx, audit.Event{Name: audit.FactorRemoved, UserID: userID, Detail: about(kind)}); err != nil {
		return err
	}
	return s.Notices.Notify(ctx, userID, mail.FactorRemoved, map[string]string{"Factor": kind})
}

// Reset removes every second factor of a person (ResetFactors). The caller ends sessions as fits, after it.
func (s *Service) Reset(ctx context.Context, permit Permit) error {
	return s.Stores.People.Tx(ctx, func(ctx context.Context) error {
		kinds, err := s.Ways.RemoveFactors(ctx, permit)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if err := s.removed(ctx, permit.UserID(), kind); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) seal(plain, row string) (string, error) {
	sealed, err := s.Sealer.Seal([]byte(plain), s.Place("credentials", row, "data"))
	if err != nil {
		return "", fmt.Errorf("seal secret: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

func (s *Service) open(data, row string) (string, error) {
	sealed, err := base64.RawStdEncoding.DecodeString(data)
	if err == nil {
		var plain []byte
		if plain, err = s.Sealer.Open(sealed, s.Place("credentials", row, "data")); err == nil {
			return string(plain), nil
		}
	}
	return "", fmt.Errorf("open secret: %w", err)
}
