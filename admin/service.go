package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/admin/checkup"
	"signet/admin/setting"
	"signet/admin/view"
	"signet/audit"
	"signet/audit/trace"
	"signet/audit/webhook"
	"signet/clients"
	"signet/clients/apikey"
	"signet/clients/snippet"
	"signet/internal/mail"
	"signet/internal/ratelimit"
	"signet/oauth/claims"
	"signet/oauth/keys"
	"signet/storage"
	"signet/storage/filter"
	"signet/users"
	"signet/users/deletion"
	"signet/users/factor"
	"signet/users/membership"
	"signet/users/metadata"
	"signet/users/recovery"
	"signet/users/session"
)

// Stores are the parts of *storage.DB that acts use, by what they are for.
type Stores struct {
	Acts    actStore
	Permits permitStore
	People  peopleStore
	Grants  grantStore
	Records recordStore
	Mails   mailStore
	Managed managedStore
	Holds   holdStore
	Told    claims.MembershipStore
	Apps    appStore
	Imports importStore
}

// StoresOf are those of a database.
func StoresOf(db *storage.DB) Stores { return Stores{db, db, db, db, db, db, db, db, db, db, db} }

func (s Stores) complete() bool {
	return s.Acts != nil && s.Permits != nil && s.People != nil && s.Grants != nil && s.Records != nil && s.Mails != nil &&
		s.Managed != nil && s.Holds != nil && s.Told != nil && s.Apps != nil &&
		s.Imports != nil
}

type actStore interface {
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
	LockUser(ctx context.Context, id string, epoch int64) (storage.User, error)
}

type permitStore interface {
	PermitsOfUser(ctx context.Context, userID string) (map[string]string, error)
	PermitsOfGroup(ctx context.Context, group string) (map[string]string, error)
	RolePermits(ctx context.Context, role string) (string, error)
	PermitsOfRoles(ctx context.Context, first, last string) (map[string]string, error)
	SetRolePermits(ctx context.Context, role, old, permits string) error
}

type peopleStore interface {
	UsersLike(ctx context.Context, f filter.People, after string, limit int) ([]storage.User, error)
	UsersUntil(ctx context.Context, f filter.People, after string, rows int) (string, error)
	GroupMembers(ctx context.Context, group, after string, limit int) ([]storage.User, error)
	GroupExists(ctx context.Context, name string) (bool, error)
}

type grantStore interface {
	GrantStateByID(ctx context.Context, id string) (storage.GrantState, error)
	GrantsOfUser(ctx context.Context, userID string, now time.Time, after string, limit int) ([]storage.Grant, error)
	GrantsOfClient(ctx context.Context, clientID string, now time.Time, after string, limit int) ([]storage.Grant, error)
}

// appStore has what apps know and are allowed.
type appStore interface {
	ClientByID(ctx context.Context, id string) (storage.Client, []storage.ClientSecret, error)
	ConsentsOfUser(ctx context.Context, userID, after string, limit int) ([]storage.Consent, error)
}

type recordStore interface {
	EventsAfter(ctx context.Context, after string, limit int) ([]storage.Event, error)
	Clients(ctx context.Context, after string, limit int) ([]storage.Client, error)
	Credentials(ctx context.Context, userID, kind string) ([]storage.Credential, error)
	IdentitiesOfUser(ctx context.Context, userID string) ([]storage.Identity, error)
	EventsLike(ctx context.Context, like storage.Event, before string, limit int) ([]storage.Event, error)
}

// Options of New. All but Mail and CheckClient are required.
type Options struct {
	Stores   Stores
	Audit    *audit.Log
	People   *users.Service
	Factors  *recovery.Service
	Ways     *factor.Ways
	Deletion *deletion.Service
	Members  *membership.Service
	// Administrators keeps one.
	Administrators membership.Administrators
	Sessions       *session.Sessions
	Clients        *clients.Registry
	Keys           *keys.Ring
	Mail           *mail.Outbox // nil = no mail
	// CheckClient looks at what registration cannot tell by itself: a sector document. Nil = nothing.
	CheckClient func(ctx context.Context, m clients.Metadata) error
	Issuer      string
	Traces      *trace.Recorder // why requests were refused
	Webhooks    *webhook.Service
	APIKeys     apikey.Service
	Metadata    metadata.Service
	Settings    *setting.Service
	// Subject is what an app calls a person; "" = that cannot be said here.
	Subject func(c *clients.Client, userID string) string
	Server  view.Server
	Checkup *checkup.Checker // looks at apps
	Limits  *ratelimit.Limiter
	// Snippets is what texts for an app's own configuration say of the server.
	Snippets snippet.Server
}

// Service is what administrators can do.
type Service struct {
	o        Options
	refused  repeats
	exported repeats
	read     repeats
}

// New checks the options.
func New(o Options) (*Service, error) {
	if !o.Stores.complete() || o.Audit == nil || o.People == nil || o.Factors == nil || o.Ways == nil || o.Deletion == nil ||
		o.Members == nil || o.Administrators.Store == nil || o.Sessions == nil || o.Clients == nil || o.Keys == nil || o.Traces == nil ||
		o.Webhooks == nil || o.APIKeys.Store == nil || o.Metadata.Store == nil || o.Metadata.Audit == nil ||
		o.Subject == nil || o.Issuer == "" || o.Settings == nil ||
		o.Server.Settings == nil || o.Server.Checks == nil || o.Server.Upstreams == nil || o.Server.TryUpstream == nil ||
		o.Server.RedirectURI == nil || o.Server.TryMail == nil || o.Checkup == nil || o.Limits == nil {
		return nil, errors.New("admin: stores, audit log, issuer and every service are required")
	}
	return &Service{o: o, refused: repeats{every: refusalOnce}, exported: repeats{every: exportOnce},
		read: repeats{every: readOnce}}, nil
}

// MaxPage is how much a list holds at most.
const MaxPage = 200

// Page is a part of a list. Next begins the part after it; "" = this is the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// Ask is which part of a list is wanted.
type Ask struct {
	After string // Next of the part before; "" = from the beginning
	Limit int    // 0 = 50
}

func (q Ask) limit() int { return min(max(cmp.Or(q.Limit, 50), 1), MaxPage) }

// paged makes a page of rows, one of which was asked for too much.
func paged[R, T any](q Ask, rows []R, view func(R) T, key func(R) string) Page[T] {
	p := Page[T]{Items: []T{}}
	for i, row := range rows {
		if i == q.limit() {
			p.Next = key(rows[i-1])
			break
		}
		p.Items = append(p.Items, view(row))
	}
	return p
}

// Tag identifies the state of a view: what a condition on a change compares (RFC 9110 section 8.8.3, without the quotes).
func Tag(view any) string {
	raw, err := json.Marshal(view)
	if err != nil {
		panic(fmt.Sprintf("admin: a view is not JSON: %v", err)) // they are structs of ours
	}
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// fits reports that a view is the one that the caller saw; "" and "*" fit all.
func fits(match string, view any) error {
	if match == "" || match == "*" || match == Tag(view) {
		return nil
	}
	return ErrChanged
}

// translate puts the errors of the services into this package's.
func translate(err error) error {
	ours := func(target error) bool { return errors.Is(err, target) }
	if err == nil || slices.ContainsFunc([]error{ErrNotFound, ErrChanged, ErrInvalid, ErrRefused, ErrConflict}, ours) {
		return err
	}
	if mistakes, ok := errors.AsType[users.Mistakes](err); ok {
		return fromMistakes(mistakes)
	}
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(storage.ErrNotFound, users.ErrNotFound, membership.ErrNotFound, clients.ErrUnknown, keys.ErrUnknownKey):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case is(clients.ErrDeclared):
		return fmt.Errorf("%w: it is declared in the configuration; change it there", ErrConflict)
	case is(clients.ErrTaken, clients.ErrPerson, membership.ErrExists, users.ErrTaken):
		return fmt.Errorf("%w: the name is taken", ErrConflict)
	case is(membership.ErrName):
		return invalid("name", membership.ErrName.Error())
	case is(membership.ErrDescription):
		return invalid("description", membership.ErrDescription.Error())
	case is(clients.ErrChanged, factor.ErrChanged, storage.ErrStale):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}

// fromMistakes keeps the field and what is wrong with it.
func fromMistakes(mistakes users.Mistakes) error {
	all := &Invalid{}
	for _, m := range mistakes {
		if errors.Is(m.Cause, users.ErrTaken) {
			return fmt.Errorf("%w: %s is taken", ErrConflict, m.Field)
		}
		all.Fields = append(all.Fields, Field{string(m.Field), m.Cause.Error()})
	}
	return all
}

// fromText keeps the field and what is wrong with it of errors that begin with the field's name.
func fromText(err error) error {
	if err == nil {
		return nil
	}
	all := &Invalid{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		name, text, ok := strings.Cut(line, ": ")
		if !ok || strings.ContainsAny(name, " ") {
			name, text = "", line
		}
		all.Fields = append(all.Fields, Field{name, text})
	}
	return all
}
