package federation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/provider"
	"signet/users/identifier"
	"signet/users/ticket"
)

// Whether an upstream makes new accounts.
const (
	AccountsAsSignup = "as_signup" // where people can register themselves
	AccountsAlways   = "always"    // also where they cannot
	AccountsNever    = "never"
)

// When what an upstream says of a person is written into their profile and groups.
const (
	ProfileFirst  = "first"  // when the identity is linked, as far as the profile does not say it already
	ProfileAlways = "always" // at each sign-in
	ProfileNever  = "never"
)

// AnyDomain in Upstream.AuthoritativeFor stands for all.
const AnyDomain = "*"

// Upstream is one that the operator configured.
type Upstream struct {
	provider.Settings
	Name        string
	Mark        string   // its sign: a file of the pages' assets, or a path of ours that begins with "/"; "" = none
	Hidden      bool     // no button: reached by idp_hint or by an address' domain
	Routes      []string // addresses of these domains sign in here, lower case
	NewAccounts string   // Accounts…
	// AuthoritativeFor are domains whose addresses count as verified here when the upstream says that it verified them; "*" =
	// all.
	AuthoritativeFor  []string
	Profile           string            // Profile…
	Claims            map[string]string // our claim by its OpenID Connect name: theirs
	GroupMap          map[string]string // their group: ours. A person is in exactly those of ours that are named here and theirs
	TrustSecondFactor bool              // its word for two factors is as good as ours (N11)
	KeepTokens        bool
	SignOut           bool         // signing out here signs out there
	Client            *http.Client // nil = that of Options
}

// where names the provider itself: the same id can be another one's after a change of the configuration.
func (u Upstream) where() string { return u.Kind + " " + u.Tenant + " " + u.Issuer }

// trusts reports whether an identity's address needs no verification of ours (N05).
func (u Upstream) trusts(i provider.Identity) bool {
	if !i.EmailVerified || i.Email == "" {
		return false
	}
	return i.Authoritative || slices.Contains(u.AuthoritativeFor, AnyDomain) ||
		slices.Contains(u.AuthoritativeFor, identifier.EmailDomain(i.Email))
}

// Stores are the parts of *storage.DB that the package uses, by what they are for.
type Stores struct {
	Acts       actStore
	Identities identityStore
	Sessions   sessionStore
	Limits     ratelimit.Store
	Uses       useStore
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db, db} }

type actStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	SpendOnce(ctx context.Context, kind, owner, idHash string, expiresAt time.Time) error
	GroupExists(ctx context.Context, name string) (bool, error)
}

type identityStore interface {
	IdentityBySubject(ctx context.Context, upstream, issuer, subject string) (storage.Identity, error)
	IdentitiesOfUser(ctx context.Context, userID string) ([]storage.Identity, error)
	UseIdentity(ctx context.Context, id, label string, tokens []byte, now time.Time) error
	ReplaceIdentityTokens(ctx context.Context, id string, old, tokens []byte) error
}

type sessionStore interface {
	UpstreamSessionByID(ctx context.Context, sessionID string) (storage.UpstreamSession, error)
	SessionsFrom(ctx context.Context, upstream, issuer, subject, sid string) ([]storage.Session, error)
}

// People finds and tells people; *users.Service.
type People interface {
	Show(ctx context.Context, who string) (storage.User, error)
	ByAddress(ctx context.Context, email string) (storage.User, error)
	LockEpoch(userID string, epoch int64) func(ctx context.Context) error
	MailOn() bool
	Notify(ctx context.Context, userID, kind string, args map[string]string) error
}

// Signup makes accounts; *users.Service.
type Signup interface {
	SignupClosed() bool
	Allowed(email string) bool
	LookInvitation(ctx context.Context, secret string) (users.Invitation, error)
	CreateAccount(ctx context.Context, r users.Registration) (storage.User, error)
	RequestAccount(ctx context.Context, r users.Registration, browser, interaction string) error
}

// Profiles take what an upstream says of a person; *users.Service.
type Profiles interface {
	ProvenElsewhere(ctx context.Context, permit factor.Permit, email string) error
	TakeOver(ctx context.Context, userID string, claims map[string]any, onlyMissing bool) error
}

// Deletions take what people ask for by way of an upstream; *deletion.Service.
type Deletions interface {
	Request(ctx context.Context, userID string) (eraseAt time.Time, err error)
}

// Members puts people into groups.
type Members interface {
	Of(ctx context.Context, userID string) (groups, roles []string, err error)
	Add(ctx context.Context, group, userID string) (bool, error)
	Remove(ctx context.Context, group, userID string) error
}

// Sessions ends them.
type Sessions interface {
	End(ctx context.Context, id, userID, why string) error
}

// Sealer keeps what is secret; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Options of New.
type Options struct {
	Upstreams []Upstream // in the order of their buttons
	Client    *http.Client
	Callback  func(upstream string) string // the exact address of an upstream's callback
	SignedOut string                       // … and of where upstreams send back to after signing out
	Stores    Stores
	Ways      *factor.Ways
	Audit     *audit.Log
	Tickets   *ticket.Tickets
	People    People
	Signup    Signup
	Profiles  Profiles
	Deletions Deletions
	Members   Members
	Sessions  Sessions
	Sealer    Sealer
	Place     func(table, row, column string) []byte // seal.Place
	Keys      [][]byte                               // for what is bound to a state; the first makes, all are good
	Log       *slog.Logger                           // nil discards
}

// Service knows the upstreams and who people are there.
type Service struct {
	Options
	list []*upstream
	byID map[string]*upstream
	keys map[string][]byte // by their name
	key  string            // name of the one that makes

	limits *ratelimit.Limiter
	uses   uses
}

type upstream struct {
	Upstream
	provider provider.Provider
}

// New checks the options and makes the Providers. It asks nothing of any upstream.
func New(o Options) (*Service, error) {
	if st := o.Stores; st.Acts == nil || st.Identities == nil || st.Sessions == nil || st.Limits == nil ||
		st.Uses == nil {
		return nil, errors.New("federation needs stores")
	}
	if o.Ways == nil || o.Audit == nil || o.Tickets == nil || o.Sealer == nil || o.Place == nil || o.Callback == nil || o.Client == nil ||
		len(o.Keys) == 0 {
		return nil, errors.New("federation needs ways to sign in, an audit log, tickets, a sealer, a callback, a client and keys")
	}
	if o.People == nil || o.Signup == nil || o.Profiles == nil || o.Deletions == nil || o.Members == nil || o.Sessions == nil {
		return nil, errors.New("federation needs people, sign-up, profiles, deletions, members and sessions")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Options: o, limits: ratelimit.New(o.Stores.Limits), byID: map[string]*upstream{}, keys: map[string][]byte{}}
	for _, key := range slices.Backward(o.Keys) {
		sum := sha256.Sum256(key)
		s.key = base64.RawURLEncoding.EncodeToString(sum[:6])
		s.keys[s.key] = key
	}
	for _, u := range o.Upstreams {
		p, err := provider.New(u.Settings, cmp.Or(u.Client, o.Client))
		if err != nil {
			return nil, fmt.Errorf("upstream %q: %w", u.ID, err)
		}
		if s.byID[u.ID] != nil {
			return nil, fmt.Errorf("upstream %q is there twice", u.ID)
		}
		one := &upstream{u, p}
		s.list, s.byID[u.ID] = append(s.list, one), one
	}
	return s, nil
}

// ErrUnknown: no such upstream is configured, or nobody here has such an identity.
var ErrUnknown = errors.New("unknown")

// List is all upstreams in their order.
func (s *Service) List() []Upstream {
	list := make([]Upstream, len(s.list))
	for i, u := range s.list {
		list[i] = u.Upstream
	}
	return list
}

// Upstream finds one; false = no upstream has this id.
func (s *Service) Upstream(id string) (Upstream, bool) {
	u := s.byID[id]
	if u == nil {
		return Upstream{}, false
	}
	return u.Upstream, true
}

// Routed reports whether addresses of any domain sign in at an upstream.
func (s *Service) Routed() bool {
	return slices.ContainsFunc(s.list, func(u *upstream) bool { return len(u.Routes) > 0 })
}

// Route is the upstream at which an address signs in; false = here.
func (s *Service) Route(email string) (id string, ok bool) {
	domain := identifier.EmailDomain(email)
	for _, u := range s.list {
		if domain != "" && slices.Contains(u.Routes, domain) {
			return u.ID, true
		}
	}
	return "", false
}

// find is the upstream of an id; ErrUnknown.
func (s *Service) find(id string) (*upstream, error) {
	if u := s.byID[id]; u != nil {
		return u, nil
	}
	return nil, ErrUnknown
}
