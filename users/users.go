package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/identifier"
	"signet/users/password"
	"signet/users/profile"
	"signet/users/session"
	"signet/users/ticket"
)

// Categories callers branch on with errors.Is.
var (
	// ErrWrong: no such account, wrong password, no password, or disabled. Which, is not told.
	ErrWrong = errors.New("name or password wrong")
	// ErrThrottled: too many tries; errors.AsType[*Throttled] tells how long to wait.
	ErrThrottled = errors.New("too many tries")
	// ErrTaken: the address or user name belongs to somebody.
	ErrTaken = errors.New("already taken")
	// ErrClosed: people cannot register here.
	ErrClosed = errors.New("sign-up is closed")
	// ErrDomain: addresses of this domain cannot register here.
	ErrDomain = errors.New("domain not allowed")
	// ErrNotFound: no such person, session or app of theirs.
	ErrNotFound = errors.New("not found")
	// ErrChanged: between the check and the act it was checked for the password was changed or hashed anew, something ended everything
	// of the person, or what they have is not the same any more. Try again: the second check is against what there is now.
	ErrChanged = factor.ErrChanged
	// ErrMissing: a field that is needed is empty.
	ErrMissing = errors.New("missing")
	// ErrSame: the new password is the present one.
	ErrSame = errors.New("same as the present one")
	// ErrEmail, ErrUsername and ErrName: not of a form that is valid.
	ErrEmail    = identifier.ErrEmail
	ErrUsername = identifier.ErrUsername
	ErrName     = profile.ErrName
)

// Throttled says how long to wait. It is ErrThrottled.
type Throttled struct{ RetryAfter time.Duration }

// Error is for the log.
func (t *Throttled) Error() string { return fmt.Sprintf("%v: wait %s", ErrThrottled, t.RetryAfter) }

// Is makes it ErrThrottled.
func (t *Throttled) Is(target error) bool { return target == ErrThrottled }

// Mistake is what is wrong with one field of what a person typed.
type Mistake struct {
	Field Field
	Cause error
}

// Field names what was typed.
type Field string

// The fields.
const (
	FieldEmail    Field = "email"
	FieldUsername Field = "username"
	FieldName     Field = "name"
	FieldPassword Field = "password"
	FieldClaims   Field = "claims"
	FieldTerms    Field = "terms"
)

// Error is for the log and for commands.
func (m Mistake) Error() string { return string(m.Field) + ": " + m.Cause.Error() }

// Unwrap gives the cause.
func (m Mistake) Unwrap() error { return m.Cause }

// Mistakes are all of them, in the order of the form.
type Mistakes []Mistake

// Error joins them by lines.
func (m Mistakes) Error() string { return errors.Join(m.Unwrap()...).Error() }

// Unwrap gives each.
func (m Mistakes) Unwrap() []error {
	list := make([]error, len(m))
	for i := range m {
		list[i] = m[i]
	}
	return list
}

func (m *Mistakes) add(f Field, cause error) {
	if cause != nil {
		*m = append(*m, Mistake{f, cause})
	}
}

func (m Mistakes) orNil() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// Stores are the parts of *storage.DB that Service uses, by what they are for.
type Stores struct {
	Acts        actStore
	People      peopleStore
	Accounts    accountStore
	Passwords   passwordStore
	Memberships membershipStore
	Grants      grantStore
	Consents    consentStore
	Events      eventStore
	Limits      ratelimit.Store
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db, db, db, db, db, db} }

func (s Stores) complete() bool {
	return s.Acts != nil && s.People != nil && s.Accounts != nil && s.Passwords != nil && s.Memberships != nil && s.Grants != nil &&
		s.Consents != nil && s.Events != nil && s.Limits != nil
}

// actStore is for what ends everything of a person, and what must not run at the same time.
type actStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	RaiseEpoch(ctx context.Context, id string, now time.Time) error
	HoldUser(ctx context.Context, id string, epoch int64) error
}

type peopleStore interface {
	UserByID(ctx context.Context, id string) (storage.User, error)
	UserByKey(ctx context.Context, emailKey, usernameKey string) (storage.User, error)
	SignInByKey(ctx context.Context, emailKey, usernameKey string) (storage.SignIn, error)
	SignInByID(ctx context.Context, id string) (storage.SignIn, error)
	Users(ctx context.Context, after string, limit int) ([]storage.User, error)
}

type accountStore interface {
	InsertUser(ctx context.Context, u storage.User) error
	UpdateUser(ctx context.Context, old, u storage.User) error
	SetUserTerms(ctx context.Context, id, version string, now time.Time) error
	SetUserFrozen(ctx context.Context, id string, at, now time.Time) error
	SetUserDisabled(ctx context.Context, id string, at, now time.Time) error
}

type passwordStore interface {
	Credentials(ctx context.Context, userID, kind string) ([]storage.Credential, error)
	CountCredentials(ctx context.Context, userID string) (map[string]int, error)
	ReplaceCredentialData(ctx context.Context, id, old, data string, now time.Time) error
}

type membershipStore interface {
	GroupExists(ctx context.Context, name string) (bool, error)
	RoleExists(ctx context.Context, name string) (bool, error)
	AddMember(ctx context.Context, group, userID string, now time.Time) (bool, error)
	GiveRole(ctx context.Context, role, kind, holder string, now time.Time) (bool, error)
}

type grantStore interface {
	RevokeGrants(ctx context.Context, f storage.GrantFilter, why string, now time.Time) (int64, error)
	RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error)
	GrantStateByID(ctx context.Context, id string) (storage.GrantState, error)
	GrantsOfUser(ctx context.Context, userID string, now time.Time, after string, limit int) ([]storage.Grant, error)
}

type consentStore interface {
	PauseAgent(ctx context.Context, userID, clientID string, paused bool, now time.Time) (bool, error)
	ConsentsOfUser(ctx context.Context, userID, after string, limit int) ([]storage.Consent, error)
	WithdrawConsent(ctx context.Context, userID, clientID string, now time.Time) (bool, error)
}

type eventStore interface {
	EventsOfUser(ctx context.Context, userID, before string, limit int) ([]storage.Event, error)
}

// Signup says who may register.
type Signup struct {
	Closed  bool     // nobody registers by themselves
	Invites bool     // who is invited may
	Domains []string // only addresses of these domains; empty = all
}

// Options of New.
type Options struct {
	Stores    Stores
	Ways      *factor.Ways
	Audit     *audit.Log
	Sessions  *session.Sessions
	Passwords *password.Hasher
	Tickets   *ticket.Tickets
	Signup    Signup
	Post      Post   // nil = no mail
	Issuer    string // for links in emails
	// Withdrawn is told of each app whose access a person takes back, in the transaction that does it; nil = nobody is told.
	Withdrawn func(ctx context.Context, userID, clientID string) error
	Terms     string // version of the terms of service; "" = there are none
}

// Service is what can be done about people.
type Service struct {
	stores    Stores
	ways      *factor.Ways
	audit     *audit.Log
	sessions  *session.Sessions
	passwords *password.Hasher
	tickets   *ticket.Tickets
	limits    *ratelimit.Limiter
	post      Post
	issuer    string
	withdrawn func(ctx context.Context, userID, clientID string) error
	terms     string
	closed    bool
	invites   bool
	domains   []string // ASCII
	queues    queues
}

// New checks the options.
func New(o Options) (*Service, error) {
	if !o.Stores.complete() || o.Ways == nil || o.Audit == nil || o.Sessions == nil || o.Passwords == nil || o.Tickets == nil {
		return nil, errors.New("users need stores, ways to sign in, an audit log, sessions, passwords and tickets")
	}
	if o.Withdrawn == nil {
		o.Withdrawn = func(context.Context, string, string) error { return nil }
	}
	s := &Service{
		withdrawn: o.Withdrawn,
		stores:    o.Stores, ways: o.Ways, audit: o.Audit, sessions: o.Sessions, passwords: o.Passwords, tickets: o.Tickets,
		limits: ratelimit.New(o.Stores.Limits), post: o.Post, issuer: o.Issuer, terms: o.Terms,
		closed: o.Signup.Closed, invites: o.Signup.Invites,
	}
	for _, d := range o.Signup.Domains {
		ascii, err := identifier.DomainKey(d)
		if err != nil {
			return nil, fmt.Errorf("sign-up domain %q: %w", d, err)
		}
		s.domains = append(s.domains, ascii)
	}
	return s, nil
}

// MinPassword is the least length of a new password, in code points.
func (s *Service) MinPassword() int { return s.passwords.MinLength() }

// SignupClosed reports whether people cannot register themselves.
func (s *Service) SignupClosed() bool { return s.closed }

// allowed reports whether the domain of an e-mail key may register.
func (s *Service) allowed(emailKey string) bool {
	return len(s.domains) == 0 || slices.Contains(s.domains, identifier.EmailDomain(emailKey))
}

// names are the words of a person that make bad passwords.
func names(u storage.User) []string {
	var p struct {
		Name       string `json:"name"`
		GivenName  string `json:"given_name"`
		FamilyName string `json:"family_name"`
		Nickname   string `json:"nickname"`
	}
	_ = json.Unmarshal(u.Profile, &p) // what cannot be read is no name
	return []string{u.Email, u.EmailKey, u.Username, p.Name, p.GivenName, p.FamilyName, p.Nickname}
}
