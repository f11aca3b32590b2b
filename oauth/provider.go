package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/handler/openid"
	"github.com/ory/fosite/handler/pkce"

	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/clientjwt"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/subject"
	"signet/oauth/tokens"
	"signet/oauth/trusted"
	"signet/storage"
)

// Clients is what the provider asks about applications; *clients.Registry answers.
type Clients interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	Resources() *clients.Resources
	Renewed(ctx context.Context, seen *clients.Resources) (*clients.Resources, error)
}

// Metrics counts; *telemetry.Metrics does.
type Metrics interface {
	TokenIssued(grant string)
	RefreshReuse()
	CodeReplay()
	Proof(outcome string)
	Asserted(issuer, outcome string)
}

// Status gives places in the status lists; *status.Places does.
type Status interface {
	Next(ctx context.Context) (int64, error)
	OfClient(ctx context.Context, c *clients.Client) (json.RawMessage, error)
	Claim(index int64) json.RawMessage
}

// Store is the part of *storage.DB that New takes; the ledger, grantReader and grantWriter are what calls it.
type Store interface {
	ledger.Grants
	ledger.Outcomes
	GrantStateOfToken(ctx context.Context, grantID, jti string) (storage.GrantState, error)
	DeleteUnspentGrant(ctx context.Context, id, userID, clientID string) (bool, error)
	RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error
}

// grantReader reads what a token that is shown stands on.
type grantReader interface {
	GrantStateByID(ctx context.Context, id string) (storage.GrantState, error)
	GrantStateOfToken(ctx context.Context, grantID, jti string) (storage.GrantState, error)
}

// grantWriter makes and ends grants where no token request does.
type grantWriter interface {
	InsertGrant(ctx context.Context, g storage.Grant) error
	DeleteUnspentGrant(ctx context.Context, id, userID, clientID string) (bool, error)
	RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error)
	RevokeToken(ctx context.Context, jti string, expiresAt time.Time) error
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Options of New. Store, Events, Issuer, Clients and the lifetimes are required.
type Options struct {
	Store     Store
	People    grants.People          // nil: Store, if it reads them
	Belongs   claims.MembershipStore // nil: Store, if it reads them
	Events    ledger.Events          // *audit.Log
	Issuer    *tokens.Issuer
	Clients   Clients
	Names     *subject.Names   // what clients call people; nil = public subjects only
	Lifetimes ledger.Lifetimes // defaults for clients that have none of their own; ID 0 = one hour
	// DefaultAudience is for tokens that no resource was named for; "" = the issuer.
	DefaultAudience string
	// Passwords checks passwords for the password grant; nil refuses it to every client.
	Passwords grants.PasswordChecker
	Metrics   Metrics // nil counts nothing
	// Exchanged counts a token exchange, by who exchanged whose token; nil = nobody does.
	Exchanged func(client, subjectClient string)
	Notices   ledger.Notices // nil tells nobody
	// Sessions keeps which clients were used in a session, of those that are told when it ends; nil = none is.
	Sessions ledger.SessionClients
	// Devices are asked what became of a device's request; nil = there is no device grant.
	Devices grants.Polls
	// Backchannel is asked what became of a request for somebody's decision (CIBA Core); nil = there is no such grant.
	Backchannel grants.Polls
	// Assertions knows whose assertions are taken (RFC 7523); nil = there is no such grant.
	Assertions *trusted.Verifier
	// IDJAG: clients whose policy says so get identity assertion authorization grants for other authorization servers.
	IDJAG bool
	// Links finds the people of assertions; nil: Store, if it does.
	Links grants.Links
	// Keys finds the keys of clients that want what they get encrypted and have a jwks_uri; nil = only those in jwks.
	Keys clientjwt.Keys
	// Status gives grants and clients their places in the status lists; nil = tokens name no list.
	Status Status
	// Replay notes spent proofs of possession; nil: Store, if it does.
	Replay ledger.Replay
}

// Provider is the protocol. It is safe for concurrent use.
type Provider struct {
	o        Options
	reads    grantReader
	writes   grantWriter
	core     *fosite.Fosite
	ledger   *ledger.Ledger
	register register
	noted    noted
}

// New builds the provider.
func New(o Options) (*Provider, error) {
	l := o.Lifetimes
	switch {
	case o.Store == nil, o.Events == nil, o.Issuer == nil, o.Clients == nil:
		return nil, errors.New("oauth: Store, Events, Issuer and Clients are required")
	case l.Code <= 0, l.Access <= 0, l.Idle <= 0, l.Absolute <= 0, l.Grace < 0:
		return nil, errors.New("oauth: lifetimes must be positive")
	}
	if l.ID == 0 {
		o.Lifetimes.ID = time.Hour
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	if o.People == nil {
		o.People, _ = o.Store.(grants.People)
	}
	if o.Belongs == nil {
		o.Belongs, _ = o.Store.(claims.MembershipStore)
	}
	if o.Belongs == nil {
		return nil, errors.New("oauth: Belongs is required")
	}
	if o.Replay == nil {
		o.Replay, _ = o.Store.(ledger.Replay)
	}
	if o.Replay == nil {
		return nil, errors.New("oauth: Replay is required")
	}
	if o.Passwords != nil && o.People == nil {
		return nil, errors.New("oauth: the password grant needs People")
	}
	if o.Links == nil {
		o.Links, _ = o.Store.(grants.Links)
	}
	if o.Assertions != nil && (o.Links == nil || o.People == nil) {
		return nil, errors.New("oauth: assertions need Links and People")
	}
	keeper, ok := o.Store.(ledger.Keeper)
	if !ok {
		return nil, errors.New("oauth: Store does not note the use of grants")
	}
	counters, _ := o.Store.(ledger.Counters)
	rows, err := ledger.New(ledger.Options{
		Grants: o.Store, Outcomes: o.Store, Events: o.Events, Metrics: o.Metrics, Notices: o.Notices, Sessions: o.Sessions,
		Replay: o.Replay, Keeper: keeper, Counters: counters,
	})
	if err != nil {
		return nil, err
	}
	core := newConfiguration(o, rows)
	return &Provider{
		o: o, reads: o.Store, writes: o.Store, ledger: rows, core: fosite.NewOAuth2Provider(rows, core), register: core.register,
	}, nil
}

type noMetrics struct{}

func (noMetrics) TokenIssued(string) {}
func (noMetrics) RefreshReuse()      {}
func (noMetrics) CodeReplay()        {}
func (noMetrics) Proof(string)       {}

func (noMetrics) Asserted(string, string) {}

// GrantTypes lists the grants that are told to everybody: grant_types_supported of discovery.
func (p *Provider) GrantTypes() (names []string) {
	for _, g := range p.register {
		if !g.untold {
			names = append(names, g.name)
		}
	}
	return names
}

// newConfiguration is the whole of fosite that we run: its settings, then its handlers.
func newConfiguration(o Options, rows *ledger.Ledger) *configuration {
	config := &configuration{Config: fosite.Config{
		// Every field that a getter of fosite would otherwise fill in at its first call, without a lock, is set.
		ScopeStrategy:                fosite.ExactScopeStrategy,
		AudienceMatchingStrategy:     anyAudience, // clients.Resources.Decide decides
		ClientSecretsHasher:          noHasher{},
		JWKSFetcherStrategy:          noFetcher{},
		ClientAuthenticationStrategy: authenticated,
		RedirectSecureChecker:        func(context.Context, *url.URL) bool { return true }, // clients.MatchRedirect decided

		MinParameterEntropy:    1,
		OmitRedirectScopeParam: true,
		RefreshTokenScopes:     []string{}, // not nil: whoever registered the grant gets refresh tokens
		SanitationWhiteList:    []string{"redirect_uri", "nonce", "code_challenge", "code_challenge_method"},

		EnforcePKCE:                    false, // per client, at the authorization endpoint
		EnablePKCEPlainChallengeMethod: false,
		SendDebugMessagesToClients:     false,
		DisableRefreshTokenValidation:  true,

		AuthorizeCodeLifespan: o.Lifetimes.Code,
		AccessTokenLifespan:   o.Lifetimes.Access,
		RefreshTokenLifespan:  o.Lifetimes.Idle,
		IDTokenLifespan:       o.Lifetimes.ID,
		IDTokenIssuer:         o.Issuer.URL(),
		AccessTokenIssuer:     o.Issuer.URL(),
	}}

	made := &strategy{keys: o.Keys, names: o.Names, issuer: o.Issuer, store: o.Belongs, status: o.Status}
	idToken := &openid.IDTokenHandleHelper{IDTokenStrategy: made}
	code := &oauth2.AuthorizeExplicitGrantHandler{
		AccessTokenStrategy: made, RefreshTokenStrategy: made, AuthorizeCodeStrategy: made,
		CoreStorage: rows, TokenRevocationStorage: rows, Config: config,
	}
	codeID := &openid.OpenIDConnectExplicitHandler{
		OpenIDConnectRequestStorage: rows, Config: config, IDTokenHandleHelper: idToken,
		OpenIDConnectRequestValidator: &openid.OpenIDConnectRequestValidator{Config: config}, // never sees a hint
	}
	proof := &pkce.Handler{AuthorizeCodeStrategy: made, Storage: rows, Config: config}
	refresh := &oauth2.RefreshTokenGrantHandler{
		AccessTokenStrategy: made, RefreshTokenStrategy: made, TokenRevocationStorage: rows, Config: config,
	}
	credentials := &oauth2.ClientCredentialsGrantHandler{
		HandleHelper: &oauth2.HandleHelper{AccessTokenStrategy: made, AccessTokenStorage: rows, Config: config}, Config: config,
	}
	signer := grants.Signer{Access: made, Refresh: made, ID: made}
	password := &grants.Password{Checker: o.Passwords, People: o.People, Signer: signer}
	if o.Status != nil {
		password.Place = o.Status.Next
	}

	implicit := &oauth2.AuthorizeImplicitGrantTypeHandler{AccessTokenStrategy: made, AccessTokenStorage: rows, Config: config}
	// The authorization endpoint: the code first, for the others need it. A handler passes on what is not its response type; a request for
	// the code alone passes all of them for nothing.
	config.authorize = fosite.AuthorizeEndpointHandlers{
		code, codeID,
		&openid.OpenIDConnectHybridHandler{
			AuthorizeImplicitGrantTypeHandler: implicit, AuthorizeExplicitGrantHandler: code, IDTokenHandleHelper: idToken,
			OpenIDConnectRequestValidator: codeID.OpenIDConnectRequestValidator, OpenIDConnectRequestStorage: rows, Config: config,
		},
		&openid.OpenIDConnectImplicitHandler{
			IDTokenHandleHelper: idToken, AuthorizeImplicitGrantTypeHandler: implicit,
			OpenIDConnectRequestValidator: codeID.OpenIDConnectRequestValidator, Config: config,
		},
		proof,
	}

	// The ID token comes after the access token whose hash it holds, and PKCE refuses in the first pass, before anything is signed.
	renewed := &openid.OpenIDConnectRefreshHandler{IDTokenHandleHelper: idToken, Config: config}
	config.register = register{
		{name: clients.AuthorizationCode, needs: []string{"code"}, alive: grants.Alive, fetches: true,
			handlers: fosite.TokenEndpointHandlers{code, codeID, proof}},
		{name: clients.RefreshToken, needs: []string{"refresh_token"}, alive: grants.Refreshable, scopes: ofRefresh,
			handlers: fosite.TokenEndpointHandlers{refresh, renewed}},
		{name: clients.ClientCredentials, may: machine, scopes: ofClient, handlers: fosite.TokenEndpointHandlers{credentials}},
		{name: clients.Password, needs: []string{"username", "password"}, scopes: ofPassword, untold: true,
			handlers: fosite.TokenEndpointHandlers{password}},
		{name: clients.TokenExchange, needs: []string{"subject_token", "subject_token_type"}, may: exchanger, untold: true,
			answer: (*Provider).exchange},
	}
	config.register = append(config.register, elsewhere(o, rows, signer)...)
	if o.Assertions != nil {
		config.register = append(config.register, bearer(bearers(o, made)))
	}
	return config
}

// bearers are what judges assertions and makes grants of them.
func bearers(o Options, made *strategy) *grants.Bearer {
	handler := &grants.Bearer{
		Assertions: o.Assertions, People: o.People, Links: o.Links, Access: made, Resources: o.Clients.Resources,
	}
	if o.Status != nil {
		handler.Place = o.Status.Next
	}
	return handler
}

// bearer is the grant of assertions.
func bearer(handler *grants.Bearer) grantType {
	return grantType{
		name: clients.JWTBearer, needs: []string{"assertion"}, may: machine, alive: grants.Alive, scopes: ofPassword, fetches: true,
		handlers: fosite.TokenEndpointHandlers{handler},
	}
}

// elsewhere are the grants whose clients ask until a person decided in a browser elsewhere, as far as they are offered.
func elsewhere(o Options, rows *ledger.Ledger, signer grants.Signer) (list register) {
	for _, one := range []struct {
		polls                 grants.Polls
		name, kind, parameter string
		may                   func(*clients.Client) error
	}{
		{o.Devices, clients.DeviceCode, ledger.KindDevice, "device_code", nil},
		{o.Backchannel, clients.CIBA, ledger.KindCIBA, "auth_req_id", machine},
	} {
		if one.polls != nil {
			list = append(list, grantType{
				name: one.name, needs: []string{one.parameter}, may: one.may, alive: grants.Alive, fetches: true,
				handlers: fosite.TokenEndpointHandlers{&grants.Elsewhere{
					Grant: one.name, Kind: one.kind, Parameter: one.parameter, Polls: one.polls, Fetcher: rows, Signer: signer,
				}},
			})
		}
	}
	return list
}

// configuration is fosite's Configurator. Introspection and revocation have no handlers: see introspect.go and revoke.go.
type configuration struct {
	fosite.Config
	authorize fosite.AuthorizeEndpointHandlers
	register  register
}

// GetAuthorizeEndpointHandlers implements fosite.Configurator.
func (c *configuration) GetAuthorizeEndpointHandlers(context.Context) fosite.AuthorizeEndpointHandlers {
	return c.authorize
}

// GetTokenEndpointHandlers implements fosite.Configurator: the handlers of the request's grant, none for an unknown one.
func (c *configuration) GetTokenEndpointHandlers(ctx context.Context) fosite.TokenEndpointHandlers {
	if known, err := ledger.Of(ctx); err == nil {
		if g := c.register.find(known.GrantType); g != nil {
			return g.handlers
		}
	}
	return nil
}

// authenticated is the ClientAuthenticationStrategy: package clientauth has done it, before fosite was asked.
func authenticated(ctx context.Context, _ *http.Request, _ url.Values) (fosite.Client, error) {
	req, err := ledger.Of(ctx)
	if err != nil {
		return nil, err
	}
	if req.Client == nil {
		return nil, fosite.ErrInvalidClient
	}
	return ledger.Client{Client: req.Client}, nil
}

func anyAudience([]string, []string) error { return nil }

// noHasher compares nothing: no secret ever reaches fosite.
type noHasher struct{}

func (noHasher) Compare(context.Context, []byte, []byte) error { return fosite.ErrInvalidClient }
func (noHasher) Hash(context.Context, []byte) ([]byte, error)  { return nil, fosite.ErrServerError }

// noFetcher has no method that works: fosite never fetches keys here.
type noFetcher struct{ fosite.JWKSFetcherStrategy }

// noFiles makes fosite take the form as it is and read no body.
var noFiles = new(multipart.Form)

// clean is the request that fosite reads: a form that was checked already, and nothing else.
func clean(form url.Values) *http.Request {
	return &http.Request{Method: http.MethodPost, PostForm: form, Form: form, MultipartForm: noFiles}
}
