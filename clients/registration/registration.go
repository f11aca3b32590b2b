package registration

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/storage"
)

// The modes.
const (
	Off   = "off"   // nobody registers
	Token = "token" // who has an initial token
	Open  = "open"  // everybody
)

// unusedLife is how long a client may stay that nobody uses.
const unusedLife = 7 * 24 * time.Hour

// ErrToken: the registration access token, or the initial token, is missing, unknown, used up or too old. Whether the client exists is not
// told.
var ErrToken = errors.New("not a token that may do this")

// Store is what the service needs of *storage.DB.
type Store interface {
	InsertRegistration(ctx context.Context, r storage.Registration) error
	RegistrationOf(ctx context.Context, clientID string) (storage.Registration, error)
	ChangeRegistrationTokens(ctx context.Context, old, r storage.Registration) error
	SettleRegistrations(ctx context.Context, now time.Time, limit int) (kept, unused []string, err error)
	KeepRegistration(ctx context.Context, clientID string) error
}

// Unused finds the oldest clients of a holder that nobody used; *storage.DB.
type Unused interface {
	UnusedOf(ctx context.Context, holder string, most int) ([]string, error)
}

// Bound is of how many clients there are that nobody used and nobody vouches for, by holder: a network, or the domain of a metadata
// document.
type Bound interface {
	// Admit makes space for one more.
	Admit(ctx context.Context, now time.Time) error
	// Came notes that it is there.
	Came(holder string, size int)
}

// Tokens are the initial tokens; *storage.DB.
type Tokens interface {
	InitialTokenLives(ctx context.Context, hash string, now time.Time) error
	SpendInitialToken(ctx context.Context, hash string, now time.Time) (id string, err error)
}

// Consents are what people agreed to; *storage.DB.
type Consents interface {
	AskConsentAnew(ctx context.Context, clientID string) error
	PeopleOf(ctx context.Context, clientID string, limit int) ([]string, error)
	ForgetConsents(ctx context.Context, userID string, keep int, since time.Time, limit int) (clients []string, err error)
	ExpectUse(ctx context.Context, clientID string, until time.Time) error
}

// Registry writes clients; *clients.Registry.
type Registry interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	CreateAlso(ctx context.Context, m clients.Metadata, also clients.Also) (clients.Metadata, error)
	ChangeAlso(ctx context.Context, id string, change func(m *clients.Metadata) error, also clients.Also) (clients.Metadata, error)
	Delete(ctx context.Context, id string) error
}

// Fetcher is the one way out; *egress.Client.
type Fetcher interface {
	Fetch(ctx context.Context, q egress.Request) (egress.Response, error)
}

// Options of New.
type Options struct {
	Store    Store
	Unused   Unused // for Evict
	Bound    Bound  // nil = none
	Tokens   Tokens
	Consents Consents
	Registry Registry
	Mode     string        // Off, Token or Open
	Policy   func() Policy // as it is now
	Fetch    Fetcher       // reads sector documents; nil = clients have none
	// Statements are the software statements that count; the zero value believes none.
	Statements Statements
	// Charge counts a change before it is made, and one that is refused too; initial tells that the client came with an initial token. Its
	// error says that there were too many; nil = they are not counted.
	Charge func(ctx context.Context, clientID string, initial bool) error
	// Note is told of what was done: "created" and "changed", in their transactions, and "deleted"; nil = nobody.
	Note func(ctx context.Context, done, clientID string) error
	// Logo is told of a logo_uri that was registered or changed, "" = of one that is gone, after it was; nil = nobody.
	Logo func(ctx context.Context, clientID, uri string)
}

// Service registers. It is safe for concurrent use.
type Service struct{ o Options }

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Tokens == nil || o.Consents == nil || o.Registry == nil ||
		o.Policy == nil || o.Mode != Off && o.Mode != Token && o.Mode != Open {
		return nil, errors.New("registration needs a store, tokens, a registry, a policy and a mode")
	}
	if err := o.Statements.check(); err != nil {
		return nil, err
	}
	if o.Note == nil {
		o.Note = func(context.Context, string, string) error { return nil }
	}
	if o.Logo == nil {
		o.Logo = func(context.Context, string, string) {}
	}
	return &Service{o}, nil
}

// Mode of the server.
func (s *Service) Mode() string { return s.o.Mode }

// Registered is a client as its application is told of it (RFC 7591 section 3.2.1, RFC 7592 section 3).
type Registered struct {
	Metadata clients.Metadata // with the secret, if one was made just now
	IssuedAt time.Time
	Token    string // the registration access token
	// Statement is the software statement that came with the document, "" = none.
	Statement string
}

// Document is what the application is told: what is registered, its secret, and where and with what it may change that.
func (r Registered) Document(endpoint string) (map[string]any, error) {
	all, err := asMap(r.Metadata)
	if err != nil {
		return nil, err
	}
	doc := map[string]any{"client_id": r.Metadata.ClientID, "client_id_issued_at": r.IssuedAt.Unix(),
		"registration_access_token": r.Token, "registration_client_uri": endpoint + "/" + r.Metadata.ClientID}
	for _, name := range theirs {
		if value, ok := all[name]; ok {
			doc[name] = value
		}
	}
	for name, value := range r.Metadata.Localized {
		doc[name] = value
	}
	if r.Statement != "" { // unchanged (RFC 7591 section 3.2.1)
		doc["software_statement"] = r.Statement
	}
	if r.Metadata.ClientSecret != "" {
		doc["client_secret"], doc["client_secret_expires_at"] = r.Metadata.ClientSecret, 0 // 0 = never
	}
	return doc, nil
}

// Register makes a client of a document. token is the initial token, "" = none; network is where it came from. Errors are *Refusal,
// ErrToken, or the storage's.
func (s *Service) Register(ctx context.Context, document map[string]json.RawMessage, token, network string) (Registered, error) {
	if s.o.Mode != Open && token == "" {
		return Registered{}, ErrToken
	}
	if err := s.lives(ctx, token); err != nil {
		return Registered{}, err
	}
	document, statement, err := s.stated(ctx, document)
	if err != nil {
		return Registered{}, err
	}
	m, err := s.wanted(document, clients.Metadata{}, token != "")
	if err == nil {
		err = s.CheckSector(ctx, m)
	}
	if err != nil {
		return Registered{}, err
	}
	now, management := time.Now(), newToken()
	bounded := token == "" && s.o.Bound != nil
	if bounded {
		if err := s.o.Bound.Admit(ctx, now); err != nil {
			return Registered{}, fmt.Errorf("make place for a client: %w", err)
		}
	}
	also := func(ctx context.Context, id string) error {
		row := storage.Registration{ClientID: id, TokenHash: hash(management), CreatedAt: now, ExpiresAt: now.Add(unusedLife)}
		if token == "" {
			row.Holder = network
		} else {
			if row.InitialTokenID, err = s.o.Tokens.SpendInitialToken(ctx, hash(token), now); errors.Is(err, storage.ErrNotFound) {
				return ErrToken
			} else if err != nil {
				return fmt.Errorf("spend an initial token: %w", err)
			}
		}
		if err := s.o.Store.InsertRegistration(ctx, row); err != nil {
			return fmt.Errorf("write a registration: %w", err)
		}
		return s.o.Note(ctx, "created", id)
	}
	if m, err = s.o.Registry.CreateAlso(ctx, m, also); err != nil {
		return Registered{}, err
	}
	if bounded {
		s.o.Bound.Came(network, middleSize)
	}
	if m.LogoURI != "" {
		s.o.Logo(ctx, m.ClientID, m.LogoURI)
	}
	return Registered{Metadata: m, IssuedAt: now, Token: management, Statement: statement}, nil
}

// wanted is what will be registered of a document.
func (s *Service) wanted(document map[string]json.RawMessage, now clients.Metadata, initial bool) (clients.Metadata, error) {
	m, err := read(document, now)
	if err != nil {
		return m, err
	}
	if m, err = s.o.Policy().normalised(m, initial); err != nil {
		return m, err
	}
	named := m
	if named.ClientID == "" { // one is made for it
		named.ClientID = "x"
	}
	if named.ClientName == "" {
		named.ClientName = named.ClientID
	}
	return m, judged(named, s.o.Policy().PrivateSchemes)
}

// CheckSector reads the document at a client's sector_identifier_uri, which must list all its redirect URIs: so a client can join a sector
// only if who runs its host says so (OpenID Connect Dynamic Registration section 5). Errors are *Refusal.
func (s *Service) CheckSector(ctx context.Context, m clients.Metadata) error {
	if m.SectorIdentifierURI == "" {
		return nil
	}
	if s.o.Fetch == nil {
		return invalid("sector_identifier_uri is not read here.")
	}
	got, err := s.o.Fetch.Fetch(ctx, egress.Request{URL: m.SectorIdentifierURI, Header: map[string]string{"Accept": "application/json"}})
	if err != nil || got.Status != http.StatusOK {
		return invalid("sector_identifier_uri: the document cannot be had.")
	}
	var listed []string
	if json.Unmarshal(got.Body, &listed) != nil {
		return invalid("sector_identifier_uri: the document is not a list of addresses.")
	}
	for _, u := range m.RedirectURIs {
		if !slices.Contains(listed, u) {
			return invalid("sector_identifier_uri: the document does not list all redirect_uris.")
		}
	}
	return nil
}

// authorized finds the registration that the token may read and change (RFC 7592 section 2). The token that came before the present one is
// good until the present one is used: the answer that brought it may have been lost.
func (s *Service) authorized(ctx context.Context, id, token string) (storage.Registration, *clients.Client, error) {
	row, err := s.o.Store.RegistrationOf(ctx, id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return row, nil, fmt.Errorf("read a registration: %w", err)
	}
	sum := hash(token)
	present := subtle.ConstantTimeCompare([]byte(sum), []byte(row.TokenHash)) == 1
	before := subtle.ConstantTimeCompare([]byte(sum), []byte(row.PreviousHash)) == 1
	if err != nil || token == "" || !present && !before {
		return row, nil, ErrToken
	}
	c, err := s.o.Registry.Client(ctx, id)
	if errors.Is(err, clients.ErrUnknown) || err == nil && (c.Declared || !c.Enabled()) {
		return row, nil, ErrToken
	}
	if err != nil {
		return row, nil, err
	}
	if present && row.PreviousHash != "" {
		now := row
		now.PreviousHash = ""
		if err := s.o.Store.ChangeRegistrationTokens(ctx, row, now); err != nil && !errors.Is(err, storage.ErrStale) {
			return row, nil, fmt.Errorf("end a registration access token: %w", err)
		} else if err == nil {
			row = now
		}
	}
	return row, c, nil
}

// Read tells what is registered. Errors are ErrToken or the storage's.
func (s *Service) Read(ctx context.Context, id, token string) (Registered, error) {
	row, c, err := s.authorized(ctx, id, token)
	if err != nil {
		return Registered{}, err
	}
	return Registered{Metadata: c.Metadata, IssuedAt: row.CreatedAt, Token: token}, nil
}

// fixed are members that a change must not carry (RFC 7592 section 2.2).
var fixed = []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"}

// becameAnother reports whether a client that changes itself is not what people agreed to any more: whoever has its registration access
// token may lead them elsewhere.
func becameAnother(before, after clients.Metadata) (bool, error) {
	old, err := before.WithDefaults().HashDocument()
	if err != nil {
		return false, err
	}
	now, err := after.WithDefaults().HashDocument()
	return old != now, err
}

// sameSubjects refuses a change after which an app would call people something else: with access that it has already it would learn what
// the apps of another sector call them, or all others do, and sub would not be that of the ID token any more (OpenID Connect Core sections
// 5.3.2, 8.1 and 12.2).
func sameSubjects(before, after clients.Metadata) error {
	switch {
	case before.Pairwise() != after.Pairwise():
		return invalid("subject_type cannot be changed. Register the application anew.")
	case after.Pairwise() && before.Sector() != after.Sector():
		return invalid("The sector of an application cannot be changed: keep the host of its redirect_uris or of its sector_identifier_uri, " +
			"name a sector_identifier_uri there, or register it anew.")
	}
	return nil
}

// Replace puts a document in the place of all that the application registered; right compares a client_secret that it carries. Errors are
// *Refusal, ErrToken, Charge's, or the storage's.
func (s *Service) Replace(ctx context.Context, id, token string, document map[string]json.RawMessage,
	right func(secret string) bool) (Registered, error) {
	row, _, err := s.authorized(ctx, id, token)
	if err != nil {
		return Registered{}, err
	}
	if s.o.Charge != nil {
		if err := s.o.Charge(ctx, id, row.InitialTokenID != ""); err != nil {
			return Registered{}, err
		}
	}
	for _, name := range fixed {
		if _, ok := document[name]; ok {
			return Registered{}, invalid(name + " must not be sent.")
		}
	}
	text := func(name string) (value string) {
		_ = json.Unmarshal(document[name], &value) // another type is another value
		return value
	}
	if text("client_id") != id {
		return Registered{}, invalid("client_id must be that of the client.")
	}
	if _, ok := document["client_secret"]; ok && !right(text("client_secret")) {
		return Registered{}, invalid("client_secret is not that of the client.")
	}
	document, statement, err := s.stated(ctx, document)
	if err != nil {
		return Registered{}, err
	}
	management := newToken()
	next := row
	next.TokenHash, next.PreviousHash = hash(management), hash(token)
	another, logo := false, ""
	m, err := s.o.Registry.ChangeAlso(ctx, id, func(m *clients.Metadata) (err error) {
		before := *m
		logo = before.LogoURI
		if *m, err = s.wanted(document, before, row.InitialTokenID != ""); err != nil {
			return err
		}
		m.AdminTools = false // what an administrator looked at is another thing now
		if before.FirstParty && slices.ContainsFunc(m.RedirectURIs, func(u string) bool { return !slices.Contains(before.RedirectURIs, u) }) {
			return &Refusal{"invalid_redirect_uri", "People are not asked for this client: only an operator may give it other addresses."}
		}
		if err := sameSubjects(before, *m); err != nil {
			return err
		}
		if another, err = becameAnother(before, *m); err != nil {
			return err
		}
		return s.CheckSector(ctx, *m)
	}, func(ctx context.Context, id string) error {
		if err := s.o.Store.ChangeRegistrationTokens(ctx, row, next); errors.Is(err, storage.ErrStale) {
			return ErrToken // another change was quicker, and brought another token
		} else if err != nil {
			return fmt.Errorf("write a registration access token: %w", err)
		}
		if another {
			if err := s.o.Consents.AskConsentAnew(ctx, id); err != nil {
				return fmt.Errorf("have people asked again: %w", err)
			}
		}
		return s.o.Note(ctx, "changed", id)
	})
	if errors.Is(err, clients.ErrUnknown) {
		return Registered{}, ErrToken
	}
	if err != nil {
		return Registered{}, err
	}
	if m.LogoURI != logo {
		s.o.Logo(ctx, id, m.LogoURI)
	}
	return Registered{Metadata: m, IssuedAt: row.CreatedAt, Token: management, Statement: statement}, nil
}

// Delete removes the client, its grants and consents (RFC 7592 section 2.3). Errors are ErrToken or the storage's.
func (s *Service) Delete(ctx context.Context, id, token string) error {
	if _, _, err := s.authorized(ctx, id, token); err != nil {
		return err
	}
	return s.delete(ctx, id)
}

func (s *Service) delete(ctx context.Context, id string) error {
	if err := s.o.Registry.Delete(ctx, id); err != nil {
		return err
	}
	return s.o.Note(ctx, "deleted", id)
}
