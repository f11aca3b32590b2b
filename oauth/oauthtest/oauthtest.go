// Package oauthtest gives tests a whole protocol on a database of theirs: keys, tokens, registry, client authentication and
// provider, with a person, some applications and some APIs. It opens no socket, so it works inside testing/synctest.
package oauthtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth"
	"signet/oauth/clientauth"
	"signet/oauth/flow"
	"signet/oauth/grants"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/oauth/ledger"
	"signet/oauth/status"
	"signet/oauth/subject"
	"signet/oauth/tokens"
	"signet/oauth/trusted"
	"signet/storage"
	"signet/storage/storagetest"
)

// What every protocol knows.
const (
	Issuer   = "https://id.test"
	Ada      = "ADAADAADAADAADAADAADAADAAD" // user ids look like this
	Session  = "session-of-ada"
	Secret   = "0123456789abcdef0123456789abcdef-secret"
	Callback = "https://shop.test/cb"
	API      = "https://api.test"
	Files    = "https://files.test"
	Verifier = "verifier-verifier-verifier-verifier-verifier"
)

// Challenge is Verifier's (RFC 7636 section 4.2).
func Challenge() string {
	sum := sha256.Sum256([]byte(Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Options of New; the zero value is fine.
type Options struct {
	DB        *storage.DB // required
	Lifetimes ledger.Lifetimes
	Passwords grants.PasswordChecker
	Metrics   oauth.Metrics
	Algs      []string // of the ring; default ES256 and RS256
	Clients   []clients.Metadata
	Resources []clients.Resource
	Audience  string // default audience
	Replay    clientauth.Replay
	Trusted   []trusted.Issuer // whose assertions are taken
	IDJAG     bool             // … and their ID-JAGs
	Issue     bool             // ID-JAGs are issued
	Names     *subject.Names
}

// Protocol is what New opens.
type Protocol struct {
	DB       *storage.DB
	Ring     *keys.Ring
	Issuer   *tokens.Issuer
	Registry *clients.Registry
	Auth     *clientauth.Authenticator
	Provider *oauth.Provider

	options   oauth.Options
	resources []clients.Resource
}

// Database is a fresh SQLite for a benchmark or a fuzz target; tests have storagetest.
func Database(t testing.TB) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: storagetest.SQLiteDSN(t), Wait: storagetest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Lifetimes of a protocol unless a test says otherwise.
var Lifetimes = ledger.Lifetimes{
	Code: time.Minute, Access: 10 * time.Minute, ID: time.Hour, Idle: 30 * 24 * time.Hour, Absolute: 180 * 24 * time.Hour,
	Grace: time.Minute,
}

// Apps are the applications every protocol knows.
func Apps() []clients.Metadata {
	app := func(id, method string, grants ...string) clients.Metadata {
		m := clients.Metadata{
			ClientID: id, GrantTypes: grants, TokenEndpointAuthMethod: method,
			Scope: "openid profile email offline_access api:read api:write files:read",
		}
		if method != clients.MethodNone {
			m.ClientSecret = Secret
		}
		if len(grants) > 0 && grants[0] == clients.AuthorizationCode {
			m.RedirectURIs = []string{Callback}
		}
		return m
	}
	fast := func(m clients.Metadata) clients.Metadata {
		m.IDTokenSignedResponseAlg = keys.ES256
		return m
	}
	robot := app("robot", clients.MethodBasic, clients.ClientCredentials)
	robot.Scope = "openid api:read api:write"
	legacy := fast(app("legacy", clients.MethodBasic, clients.Password, clients.RefreshToken))
	legacy.FirstParty = true
	return []clients.Metadata{
		fast(app("shop", clients.MethodBasic, clients.AuthorizationCode, clients.RefreshToken)),
		fast(app("spa", clients.MethodNone, clients.AuthorizationCode, clients.RefreshToken)),
		fast(app("post", clients.MethodPost, clients.AuthorizationCode)), // no refresh tokens
		fast(app("other", clients.MethodBasic, clients.AuthorizationCode, clients.RefreshToken)),
		robot, legacy,
		app("shop-api", clients.MethodBasic, clients.ClientCredentials),
	}
}

// New opens a protocol over the database.
func New(t testing.TB, o Options) *Protocol {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &Protocol{DB: o.DB}
	if o.Algs == nil {
		o.Algs = []string{keys.ES256, keys.RS256}
	}
	h.Ring = keystest.Ring(t, o.Algs...)
	var err error
	h.Issuer, err = tokens.New(Issuer, h.Ring, tokens.Options{})
	must(err)
	h.resources = o.Resources
	h.Registry = h.registry(t, append(Apps(), o.Clients...))
	if o.Replay == nil {
		o.Replay = o.DB
	}
	h.Auth, err = clientauth.New(clientauth.Options{
		Registry: h.Registry, Replay: o.Replay, Issuer: Issuer, Audiences: []string{Issuer + "/oauth2/token"},
		Network: func(*http.Request) string { return "192.0.2.0/24" },
	})
	must(err)
	if o.Lifetimes == (ledger.Lifetimes{}) {
		o.Lifetimes = Lifetimes
	}
	lists, err := status.New(status.Options{Store: o.DB, Changes: o.DB, Issuer: Issuer, Longest: time.Hour, Sign: h.Issuer.SignStatus})
	must(err)
	must(lists.Warm(t.Context()))
	for _, m := range append(Apps(), o.Clients...) { // as after the first token of each
		_, err := lists.OfClient(t.Context(), &clients.Client{Metadata: m})
		must(err)
	}
	h.options = oauth.Options{
		Status: lists,
		Store:  o.DB, Events: audit.New(o.DB), Issuer: h.Issuer, Clients: h.Registry, Lifetimes: o.Lifetimes,
		Passwords: o.Passwords, Metrics: o.Metrics, DefaultAudience: o.Audience,
		IDJAG: o.Issue, Names: o.Names,
	}
	if len(o.Trusted) > 0 {
		h.options.Assertions = &trusted.Verifier{Issuers: o.Trusted, Self: Issuer, IDJAG: o.IDJAG}
	}
	return h.Replica(t, o.DB)
}

func (h *Protocol) registry(t testing.TB, apps []clients.Metadata) *clients.Registry {
	t.Helper()
	r, err := clients.New(t.Context(), clients.Options{
		Store: h.DB, Declared: apps, Issuer: Issuer,
		Resources: append([]clients.Resource{
			{Identifier: API, Name: "API", Scopes: []string{"api:read", "api:write"}, IntrospectedBy: []string{"shop-api"},
				ExchangedBy: []string{"gate"}},
			{Identifier: Files, Name: "Files", Scopes: []string{"files:read"}},
		}, h.resources...),
		SecretKeys: [][]byte{bytes.Repeat([]byte{7}, 32)}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Replica is the same protocol with a provider of its own on another store.
func (h *Protocol) Replica(t testing.TB, store oauth.Store) *Protocol {
	t.Helper()
	replica := *h
	replica.options.Store = store
	var err error
	if replica.Provider, err = oauth.New(replica.options); err != nil {
		t.Fatal(err)
	}
	return &replica
}

// WithClient is the same protocol after a client's registration was changed.
func (h *Protocol) WithClient(t testing.TB, m clients.Metadata) *Protocol {
	t.Helper()
	if m.HasSecret() {
		m.ClientSecret = Secret // the registry shows none
	}
	later := *h
	later.Registry = h.registry(t, append(slices.DeleteFunc(Apps(), func(o clients.Metadata) bool { return o.ClientID == m.ClientID }), m))
	later.options.Clients = later.Registry
	return later.Replica(t, later.options.Store)
}

// WithLifetimes is the same protocol with other lifetimes from now on.
func (h *Protocol) WithLifetimes(t testing.TB, l ledger.Lifetimes) *Protocol {
	t.Helper()
	later := *h
	later.options.Lifetimes = l
	return later.Replica(t, later.options.Store)
}

// SignIn makes Ada and her session.
func (h *Protocol) SignIn(t testing.TB) {
	t.Helper()
	now := time.Now()
	err := h.DB.InsertUser(t.Context(), storage.User{
		ID: Ada, EmailKey: "ada@example.com", Email: "ada@example.com", EmailVerified: true, Username: "ada", UsernameKey: "ada",
		Profile: json.RawMessage(`{"name":"Ada Lovelace","given_name":"Ada"}`), Epoch: 3, CreatedAt: now, UpdatedAt: now,
	})
	if err == nil {
		err = h.DB.InsertSession(t.Context(), storage.Session{
			ID: Session, SecretHash: "hash", UserID: Ada, AuthTime: now, CreatedAt: now, SeenAt: now,
			ExpiresAt: now.Add(24 * time.Hour), EndsAt: now.Add(30 * 24 * time.Hour),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Client finds one by id.
func (h *Protocol) Client(t testing.TB, id string) *clients.Client {
	t.Helper()
	c, err := h.Registry.Client(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Ask is an authorization of Ada's; the change may spoil it.
func (h *Protocol) Ask(t testing.TB, client, scope string, change func(*oauth.Authorization)) oauth.Authorization {
	t.Helper()
	a := oauth.Authorization{
		Client: h.Client(t, client), UserID: Ada, SessionID: Session, UserEpoch: 3, AuthTime: time.Now(),
		ACR: "1", AMR: []string{"pwd"}, Scopes: spaced.Words(scope),
		Request: flow.Request{
			ClientID: client, RedirectURI: Callback, RedirectURISent: true, ResponseType: "code", ResponseMode: "query",
			Scopes: spaced.Words(scope), Nonce: "nonce-1", CodeChallenge: Challenge(), CodeChallengeMethod: "S256",
		},
	}
	if change != nil {
		change(&a)
	}
	return a
}

// Code authorizes and returns the code.
func (h *Protocol) Code(t testing.TB, client, scope string, change func(*oauth.Authorization)) string {
	t.Helper()
	got, err := h.Authorize(t.Context(), h.Ask(t, client, scope, change))
	if err != nil {
		t.Fatal(err)
	}
	return got.Code
}

// Answered is an authorization answer whose grant is written.
type Answered struct {
	Code, GrantID string
	Params        url.Values // all of it
}

// Authorize prepares an answer and writes its grant.
func (h *Protocol) Authorize(ctx context.Context, a oauth.Authorization) (Answered, error) {
	ready, err := h.Provider.Prepare(ctx, a)
	if err != nil {
		return Answered{}, err
	}
	if err := h.Provider.Grant(ctx, ready); err != nil {
		return Answered{}, err
	}
	got := Answered{GrantID: ready.GrantID, Params: url.Values{}}
	for _, p := range ready.Answer {
		got.Params.Add(p[0], p[1])
	}
	got.Code = got.Params.Get("code")
	return got, nil
}

// Exchange is the form that exchanges a code with everything right.
func Exchange(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {Callback}, "code_verifier": {Verifier},
	}
}

// Refresh is the form that refreshes.
func Refresh(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// Events are the names of all audit events about Ada, newest first.
func (h *Protocol) Events(t testing.TB, ctx context.Context) []string {
	t.Helper()
	list, err := h.DB.EventsOfUser(ctx, Ada, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}
