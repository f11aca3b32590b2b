package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/ticket"
)

// Kind of a passkey's credential.
const Kind = factor.KindPasskey

// What a challenge is for.
const (
	ToRegister ticket.Purpose = "passkey.register" // the person signed in adds one
	ToSignUp   ticket.Purpose = "passkey.signup"   // somebody without an account makes the first
	ToSignIn   ticket.Purpose = "passkey.signin"   // somebody whom nobody knows yet signs in
	ToConfirm  ticket.Purpose = "passkey.confirm"  // the person signed in proves it again
	ToFactor   ticket.Purpose = "passkey.factor"   // who gave a password shows the second factor
)

// MaxPerPerson is how many passkeys one may have.
const MaxPerPerson = 20

const (
	challengeLife = 5 * time.Minute
	maxResponse   = 16 << 10 // bytes of JSON from a browser
	maxName       = 60       // code points
)

var (
	// ErrWrong: the answer proves nothing. Challenge gone, credential unknown, signature wrong, person disabled: which, is
	// not told.
	ErrWrong = errors.New("passkey does not prove it")
	// ErrUnknown is ErrWrong of a passkey that no account here has: whatever keeps it may forget it.
	ErrUnknown = errors.New("passkey is not known")
	// ErrThrottled: too many tries from a network; errors.AsType[*ratelimit.Throttled] tells how long to wait.
	ErrThrottled = errors.New("too many tries")
	// ErrTaken: the credential belongs to an account already.
	ErrTaken = errors.New("passkey is registered already")
	// ErrFull: the person has as many as one may have.
	ErrFull = errors.New("too many passkeys")
	// ErrLast: without it the person could not sign in any more.
	ErrLast = factor.ErrLast
	// ErrNotFound: the person has no such passkey.
	ErrNotFound = errors.New("no such passkey")
	// ErrName: not a valid name.
	ErrName = errors.New("not a valid name")
	// ErrChanged: something ended everything of the person, or changed what they have, since they were looked at. Begin again.
	ErrChanged = factor.ErrChanged
)

// Stores are the parts of *storage.DB that the package uses, by what they are for.
type Stores struct {
	People   peopleStore
	Passkeys passkeyStore
	Limits   ratelimit.Store
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db} }

type peopleStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	UserByID(ctx context.Context, id string) (storage.User, error)
	HoldUser(ctx context.Context, id string, epoch int64) error
}

type passkeyStore interface {
	Credentials(ctx context.Context, userID, kind string) ([]storage.Credential, error)
	CredentialByHandle(ctx context.Context, kind, handle string) (storage.Credential, error)
	UseCredential(ctx context.Context, id, data string, old, counter int64, now time.Time) error
	RenameCredential(ctx context.Context, id, userID, name string) error
}

// Options of New.
type Options struct {
	Stores  Stores
	Ways    *factor.Ways
	Audit   *audit.Log
	Tickets *ticket.Tickets
	Name    string   // of this server, shown by some authenticators
	RPID    string   // domain that passkeys are bound to, forever
	Origins []string // exact origins of our pages; the first is the issuer's
	// Notify writes the person an email, in ctx's transaction (users.Service.Notify). Nil = nobody is told.
	Notify func(ctx context.Context, userID, kind string, args map[string]string) error
}

// Service is what can be done with passkeys.
type Service struct {
	stores  Stores
	ways    *factor.Ways
	audit   *audit.Log
	tickets *ticket.Tickets
	limits  *ratelimit.Limiter
	rp      *webauthn.WebAuthn
	origins []string
	notify  func(ctx context.Context, userID, kind string, args map[string]string) error
}

// algorithms that keys may have: ES256, EdDSA, RS256.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// New checks the options.
func New(o Options) (*Service, error) {
	if st := o.Stores; st.People == nil || st.Passkeys == nil || st.Limits == nil {
		return nil, errors.New("passkeys need stores")
	}
	if o.Ways == nil || o.Audit == nil || o.Tickets == nil || len(o.Origins) == 0 {
		return nil, errors.New("passkeys need ways, an audit log, tickets and an origin")
	}
	timeouts := webauthn.TimeoutConfig{Timeout: challengeLife, TimeoutUVD: challengeLife}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: o.RPID, RPDisplayName: o.Name, RPOrigins: o.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		Timeouts:              webauthn.TimeoutsConfig{Login: timeouts, Registration: timeouts},
		// Password managers answer with outputs that nobody asked for. None of them is looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys for %q: %w", o.RPID, err)
	}
	s := &Service{
		stores: o.Stores, ways: o.Ways, audit: o.Audit, tickets: o.Tickets, limits: ratelimit.New(o.Stores.Limits), rp: rp,
		origins: o.Origins, notify: o.Notify,
	}
	if s.notify == nil {
		s.notify = func(context.Context, string, string, map[string]string) error { return nil }
	}
	return s, nil
}

// RelatedOrigins are those beside the first that passkeys may be used at (WebAuthn section 5.11.1); nil = none.
func (s *Service) RelatedOrigins() []string {
	if len(s.origins) < 2 {
		return nil
	}
	return slices.Clone(s.origins)
}

// Usable reports whether passkeys can be had at an issuer: browsers offer none at a bare IP address.
func Usable(issuer *url.URL) bool { return protocol.ValidateRPID(issuer.Hostname()) == nil }

// Passkey is one, as its person sees it.
type Passkey struct {
	ID                string
	Name              string // "" = none was given and none is known
	Maker             string // by its AAGUID; "" = not known
	Synced            bool   // lives in the person's cloud rather than in one device
	AddedAt, LastUsed time.Time
}

// List tells a person's, oldest first.
func (s *Service) List(ctx context.Context, userID string) ([]Passkey, error) {
	rows, err := s.stores.Passkeys.Credentials(ctx, userID, Kind)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	list := make([]Passkey, 0, len(rows))
	for _, row := range rows {
		r, err := read(row)
		if err != nil {
			return nil, err
		}
		list = append(list, Passkey{ID: row.ID, Name: row.Name, Maker: makers[hexOf(r.AAGUID)], Synced: r.BackupEligible,
			AddedAt: row.CreatedAt, LastUsed: row.LastUsedAt})
	}
	slices.SortFunc(list, func(a, b Passkey) int { return a.AddedAt.Compare(b.AddedAt) })
	return list, nil
}

// record is the JSON of a credential's data.
type record struct {
	PublicKey      []byte   `json:"public_key"` // COSE
	AAGUID         []byte   `json:"aaguid,omitempty"`
	Transports     []string `json:"transports,omitempty"`
	BackupEligible bool     `json:"backup_eligible"`
	BackedUp       bool     `json:"backed_up"`
}

func read(row storage.Credential) (record, error) {
	var r record
	if err := json.Unmarshal([]byte(row.Data), &r); err != nil {
		return r, fmt.Errorf("read passkey %s: %w", row.ID, err)
	}
	return r, nil
}

func (r record) text() (string, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write passkey: %w", err)
	}
	return string(data), nil
}
