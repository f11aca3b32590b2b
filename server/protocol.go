package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"signet/audit"
	"signet/clients"
	"signet/clients/algs"
	"signet/clients/keyset"
	"signet/clients/logo"
	"signet/clients/registration"
	"signet/config"
	"signet/internal/egress"
	"signet/internal/ratelimit"
	"signet/internal/seal"
	"signet/oauth"
	"signet/oauth/claims"
	"signet/oauth/clientauth"
	consents "signet/oauth/consent"
	"signet/oauth/device"
	"signet/oauth/dpop"
	"signet/oauth/flow"
	"signet/oauth/keys"
	"signet/oauth/ledger"
	signout "signet/oauth/logout"
	"signet/oauth/pushed"
	"signet/oauth/request"
	"signet/oauth/status"
	"signet/oauth/tokens"
	"signet/oauth/trusted"
	"signet/server/approval"
	"signet/server/authorize"
	"signet/server/consent"
	devices "signet/server/device"
	"signet/server/discovery"
	"signet/server/login"
	"signet/server/logout"
	"signet/server/pages"
	"signet/server/push"
	"signet/server/register"
	"signet/server/token"
	"signet/server/userinfo"
	"signet/server/web"
)

// openProtocol builds what the protocol and the clients share with the command line: keys and clients.
func (h *Services) openProtocol(ctx context.Context, use Use) (err error) {
	c := h.Config
	declared, err := declaredClients(c)
	if err != nil {
		return err
	}
	needed := neededKeys(declared)
	if c.Authorization.EncryptedRequestObjects {
		needed = append(needed, keys.ForRSA, keys.ForCurves)
	}
	algs, onNeed := []string{keys.ES256, keys.RS256}, keys.OnNeed()
	if c.Seed != nil { // the RSA key is made when somebody asks for it: see rsaOnNeed
		algs, onNeed = algs[:1], append(algs[1:], onNeed...)
	}
	h.Keys, err = keys.Open(ctx, keys.Options{
		Store: h.DB, Locks: h.DB, Master: h.Master, Algs: algs, AsFound: use != ForServing,
		OnNeed: onNeed, Needed: needed, Alone: c.Seed != nil,
		Schedule: c.Keys.Rotation, Longest: max(longestLife, c.Tokens.AccessLifetime), Hints: c.Sessions.Lifetime,
		Note: func(ctx context.Context, event, kid, alg string) error {
			return h.Audit.Record(ctx, audit.Event{Name: audit.Name(event), Detail: map[string]string{"kid": kid, "alg": alg}})
		},
		Log: h.Log,
	})
	if errors.Is(err, seal.ErrWrongKey) {
		return fmt.Errorf("this is not the master key of this database: %w", errors.Join(err, h.CheckMasterKeys(ctx)))
	}
	if err != nil {
		return err
	}
	if use == ForServing {
		if err := h.Keys.Need(ctx, needed...); err != nil {
			return fmt.Errorf("make the keys that the configuration needs: %w", err)
		}
	}
	h.Clients, err = clients.New(ctx, clients.Options{
		Store: h.DB, Declared: declared, Resources: declaredResources(c), Issuer: c.Server.Issuer, PrivateSchemes: c.Apps.PrivateSchemes,
		Origins: c.Apps.Origins, Push: c.CIBA.Push,
		Documents: func(id string) bool {
			return registration.MayBe(c.ClientDocuments.Mode, c.ClientDocuments.Hosts, c.ClientDocuments.Deny, id)
		},
		SecretKeys: h.Master.DeriveAll("client secrets"), MasterKeys: h.Master.IDs(), Sealer: h.Master, Log: h.Log,
	})
	if err != nil {
		return err
	}
	h.keysOut = h.wayOut(egress.Options{MaxBody: 256 << 10})
	h.fromClients = h.wayOut(egress.Options{MaxBody: 256 << 10})
	h.objectsOut = h.wayOut(egress.Options{InFlight: 128, PerHost: 16})
	h.pushes = pushed.New(h.DB, h.DB, h.Metrics.Pushed)
	h.devices = device.New(h.DB, h.DB, h.Metrics.Device)
	if h.clientKeys, err = keyset.New(h.keysOut); err != nil {
		return err
	}
	h.issuersOut = h.chosenWay(egress.Options{MaxBody: 256 << 10})
	if h.issuerKeys, err = keyset.New(h.issuersOut); err != nil {
		return err
	}
	if err := h.openRegistrations(); err != nil {
		return err
	}
	if err := h.openDocuments(); err != nil {
		return err
	}
	out := h.wayOut(egress.Options{MaxBody: 512 << 10})
	h.Logos, err = logo.New(h.DB, h.Clients, out, h.Log)
	return err
}

// neededKeys are the algorithms that clients want beyond those of every ring.
func neededKeys(declared []clients.Metadata) (names []string) {
	for _, m := range declared {
		for _, alg := range m.WithDefaults().NeededKeys() {
			if !slices.Contains(names, alg) {
				names = append(names, alg)
			}
		}
	}
	return names
}

// provider builds the protocol itself.
func (h *Services) provider(issuer *tokens.Issuer, lists *status.Lists) (*oauth.Provider, error) {
	t := h.Config.Tokens
	o := oauth.Options{
		Store: h.DB, Events: h.Audit, Issuer: issuer, Clients: h.Clients, Names: h.names,
		Lifetimes: ledger.Lifetimes{
			Code: t.CodeLifetime, Access: t.AccessLifetime, Idle: t.RefreshIdle, Absolute: t.RefreshLifetime, Grace: t.RefreshGrace,
		},
		DefaultAudience: t.DefaultAudience, Passwords: passwordChecker{h.People, h.Factors}, Metrics: h.Metrics, Notices: notices{h},
		Sessions: h.DB, Keys: h.clientKeys, Exchanged: h.Metrics.Exchanged,
	}
	if h.Config.Device.Enabled {
		o.Devices = h.DB
	}
	if h.Config.CIBA.Enabled {
		o.Backchannel = h.DB
	}
	o.IDJAG = h.Config.IDJAG.Issue
	if lists != nil {
		o.Status = lists
	}
	var err error
	if o.Assertions, err = h.trustedIssuers(); err != nil {
		return nil, err
	}
	return oauth.New(o)
}

// trustedIssuers are those whose assertions are taken; nil where there are none.
func (h *Services) trustedIssuers() (*trusted.Verifier, error) {
	if len(h.Config.TrustedIssuers) == 0 {
		return nil, nil
	}
	v := &trusted.Verifier{Self: h.Config.Server.Issuer, Keys: h.issuerKeys, IDJAG: h.Config.IDJAG.Accept}
	for i, t := range h.Config.TrustedIssuers {
		one := trusted.Issuer{
			Issuer: t.Issuer, JWKSURI: t.JWKSURI, Audiences: t.Audiences, Clients: t.Clients, Upstream: h.Config.UpstreamOf(t),
			Subjects: t.Subjects, Scopes: t.Scopes, Resources: t.Resources, Longest: t.Longest, Access: t.AccessLifetime,
			Reusable: t.Reusable,
		}
		if t.JWKS != nil {
			if err := translate(t.JWKS, &one.JWKS); err != nil {
				return nil, fmt.Errorf("trusted_issuers[%d].jwks: %w", i, err)
			}
			for _, k := range one.JWKS.Keys {
				if !k.Valid() || !k.IsPublic() || !clients.GoodSize(k) {
					return nil, fmt.Errorf("trusted_issuers[%d].jwks: holds a key that is private, symmetric, too small or malformed", i)
				}
			}
		}
		v.Issuers = append(v.Issuers, one)
	}
	return v, nil
}

// protocolHandlers are what applications talk to, and the pages on the way to them.
func (s *Server) protocolHandlers(view *pages.Pages, front *login.Login, consents *consents.Consents) ([]web.Mounter, error) {
	h := s.services
	issuer, err := tokens.New(h.Config.Server.Issuer, h.Keys, tokens.Options{})
	if err != nil {
		return nil, err
	}
	if s.webhooks, err = h.sendsWebhooks(); err != nil {
		return nil, err
	}
	lists, err := h.statusLists(issuer)
	if err != nil {
		return nil, err
	}
	provider, err := h.provider(issuer, lists)
	if err != nil {
		return nil, err
	}
	if s.logouts, err = h.sendsLogouts(issuer, provider); err != nil {
		return nil, err
	}
	requests := h.parser(issuer)
	callers, err := h.callers()
	if err != nil {
		return nil, err
	}
	backs, err := h.apiHandlers(provider, requests, callers)
	if err != nil {
		return nil, err
	}
	approvals, err := approval.New(approval.Options{
		Consents: consents, Provider: provider, Login: front, Browser: front.Browser, Resources: h.Clients.Resources, Scope: h.scopeLine,
	})
	if err != nil {
		return nil, err
	}
	if h.Config.Device.Enabled {
		devices, err := h.deviceHandler(requests, callers, view, front, approvals)
		if err != nil {
			return nil, err
		}
		backs = append(backs, devices)
	}
	if h.Config.CIBA.Enabled {
		asked, err := h.cibaHandler(requests, callers, view, front, approvals)
		if err != nil {
			return nil, err
		}
		backs = append(backs, asked)
	}
	acts, err := s.adminHandlers(provider)
	if err != nil {
		return nil, err
	}
	if h.Config.Admin.API == config.APIInternal {
		s.acts = acts
	} else {
		backs = append(backs, acts...)
	}
	if lists != nil {
		backs = append(backs, statusHandler{lists})
	}
	fronts, err := h.pageHandlers(provider, requests, issuer, view, front, consents)
	if err != nil {
		return nil, err
	}
	s.discovery, err = discovery.New(discovery.Options{
		Issuer: h.Config.Server.Issuer, Keys: h.Keys, Facts: func() discovery.Facts { return h.facts(provider.GrantTypes(), view.Languages()) },
	})
	return append(append(fronts, backs...), s.discovery), err
}

// callers tells which client a request comes from.
func (h *Services) callers() (*clientauth.Authenticator, error) {
	return clientauth.New(clientauth.Options{
		Registry: h.Clients, Keys: h.clientKeys, IssuerKeys: h.issuerKeys, Replay: h.DB, Issuer: h.Config.Server.Issuer,
		Audiences: h.audiences(), Certificates: h.certificates(),
		Network: func(r *http.Request) string { return web.Network(web.Address(r)) },
	})
}

// deviceHandler answers devices without a browser, and their people.
func (h *Services) deviceHandler(requests *request.Parser, callers *clientauth.Authenticator, view *pages.Pages, front *login.Login,
	approvals *approval.Approvals) (web.Mounter, error) {
	return devices.New(devices.Options{
		Issuer: h.Config.Server.Issuer, Clients: callers, Parser: requests, Requests: h.devices, Approvals: approvals, Audit: h.Audit,
		Limits: ratelimit.New(h.DB), Login: front, Browser: front.Browser, Pages: view, App: h.app,
	})
}

// apiHandlers answer applications, in JSON.
func (h *Services) apiHandlers(provider *oauth.Provider, requests *request.Parser,
	callers *clientauth.Authenticator) ([]web.Mounter, error) {
	nonces := h.Config.DPoP.Nonces
	proofs := h.proofs(nonces != config.NoncesOff)
	exchange, err := token.New(provider, callers, proofs)
	if err != nil {
		return nil, err
	}
	about, err := userinfo.New(provider, userinfo.Options{
		Proofs: h.proofs(nonces == config.NoncesAll), Metadata: discovery.UserinfoMetadata(h.Config.IssuerURL()),
	})
	if err != nil {
		return nil, err
	}
	entry, err := register.New(register.Options{
		Endpoint: h.Config.Server.Issuer + "/oauth2/register", Service: h.Registrations, Clients: h.Clients, Limits: ratelimit.New(h.DB),
		Keys: h.Keys,
	})
	if err != nil {
		return nil, err
	}
	pushes, err := push.New(push.Options{
		Clients: callers, Parser: requests, Keeper: h.pushes, Proofs: proofs, Spend: provider.SpendProof,
	})
	return []web.Mounter{exchange, about, entry, pushes}, err
}

// audiences are those that client assertions may have beside the issuer: the endpoints that they are sent to, at both of their addresses.
func (h *Services) audiences() (all []string) {
	for _, base := range []string{h.Config.Server.Issuer, h.Config.MTLSBase()} {
		if base != "" {
			all = append(all, base+"/oauth2/token", base+"/oauth2/par", base+"/oauth2/device_authorization",
				base+"/oauth2/bc-authorize")
		}
	}
	return all
}

// proofs judges proofs of possession, with nonces of ours or without; nil where none are read.
func (h *Services) proofs(demand bool) *dpop.Verifier {
	if !h.Config.DPoP.Enabled {
		return nil
	}
	return &dpop.Verifier{
		Issuer: h.Config.Server.Issuer, Alias: h.Config.MTLSBase(), Nonces: &dpop.Nonces{Keys: h.Master.DeriveAll("dpop nonces")},
		Demand: demand, Count: h.Metrics.Proof,
	}
}

// parser judges authorization requests, at both endpoints that take some.
func (h *Services) parser(issuer *tokens.Issuer) *request.Parser {
	requests := &request.Parser{
		SignUp:    !h.People.SignupClosed(),
		Documents: h.Documents,
		Pushes:    h.pushes, MustPush: h.Config.Authorization.RequirePushed,
		DPoP:    h.Config.DPoP.Enabled,
		Clients: h.Clients, Issuer: h.Config.Server.Issuer, ResponseTypes: h.responseTypes(),
		Hint: func(token string) (string, []string, error) {
			id, err := issuer.VerifyIDHint(token)
			return id.Subject, id.Audience, err
		}}
	if mode := h.Config.Authorization.RequestObjects; mode != config.ObjectsOff {
		requests.Objects = &request.Objects{
			Keys: h.clientKeys, Fetch: h.objectsOut, Unsigned: mode == config.ObjectsUnsigned, Once: h.DB,
		}
		if h.Config.Authorization.EncryptedRequestObjects {
			requests.Objects.Decrypt = h.Keys.Decrypt
		}
	}
	return requests
}

// pageHandlers take a person from the app's request to its answer, and out again.
func (h *Services) pageHandlers(provider *oauth.Provider, requests *request.Parser, issuer *tokens.Issuer, view *pages.Pages,
	front *login.Login, consents *consents.Consents) ([]web.Mounter, error) {
	begin := authorize.Options{
		Issuer: h.Config.Server.Issuer, Requests: requests, Provider: provider, Pushes: h.pushes, Login: front, Browser: front.Browser,
		Pages: view, App: h.appAt, Unvouched: h.unvouched, Tx: h.DB.Tx,
	}
	if front.Browser.StateCookie() != "" {
		begin.State = front.Browser.State
	}
	start, err := authorize.New(begin)
	if err != nil {
		return nil, err
	}
	question, err := consent.New(
		consent.Options{Resources: h.Clients.Resources, Scope: h.scopeLine, First: h.Documents.FirstOf, Consents: consents, Login: front,
			Browser: front.Browser, Pages: view})
	if err != nil {
		return nil, err
	}
	exit := logout.Options{Clients: h.Clients, Verify: issuer.VerifyIDHint, Names: h.calls(), Browser: front.Browser, Pages: view,
		App:    h.appAt,
		Frames: h.Logouts.Frames}
	if h.Federation != nil {
		exit.Upstream, exit.Targets = h.Federation.LogoutURL, h.upstreamTargets()
	}
	out, err := logout.New(exit)
	return []web.Mounter{start, question, out}, err
}

// calls is what clients call people and sessions.
func (h *Services) calls() signout.Names {
	return signout.Names{Subject: h.names.Subject, Session: h.names.Session}
}

// openRegistrations builds what lets applications register themselves.
func (h *Services) openRegistrations() (err error) {
	c := h.Config
	statements := registration.Statements{Required: c.Registration.RequireStatements, Keys: h.issuerKeys}
	for i, is := range c.Registration.StatementIssuers {
		one := registration.StatementIssuer{Issuer: is.Issuer, JWKSURI: is.JWKSURI}
		if is.JWKS != nil {
			if err := translate(is.JWKS, &one.JWKS); err != nil {
				return fmt.Errorf("registration.software_statement_issuers[%d].jwks: %w", i, err)
			}
		}
		statements.Issuers = append(statements.Issuers, one)
	}
	h.unused = h.boundUnused()
	h.Registrations, err = registration.New(registration.Options{
		Store: h.DB, Unused: h.DB, Bound: h.unused, Tokens: h.DB, Consents: h.DB, Registry: h.Clients, Mode: c.Registration.Mode,
		Fetch: h.fromClients, Statements: statements,
		Policy: h.registrationPolicy, Charge: h.chargeChange,
		Logo: func(ctx context.Context, client, uri string) { h.Logos.Meet(ctx, client, uri) },
		Note: func(ctx context.Context, done, client string) error {
			h.Metrics.Registered(done)
			return h.Audit.Record(ctx, audit.Event{Name: audit.Name("client." + done), ActorID: client, ClientID: client})
		},
	})
	return err
}

// registrationPolicy is what applications may say about themselves.
func (h *Services) registrationPolicy() registration.Policy {
	c := h.Config
	return registration.Policy{
		Encrypted: c.Authorization.EncryptedRequestObjects,
		Scopes:    c.Registration.Scopes, ResponseTypes: h.responseTypes(), Machines: true, Names: []string{c.Branding.Name, "Signet"},
		Issuer: c.Server.Issuer, Certificates: h.certificateMethods(), PrivateSchemes: c.Apps.PrivateSchemes,
	}
}

// responseTypes are those that this server offers, as the standard spells them.
func (h *Services) responseTypes() (offered []string) {
	for _, r := range h.Config.Authorization.ResponseTypes {
		offered = append(offered, clients.ResponseType(r))
	}
	return offered
}

// facts are what discovery cannot see in the routes.
func (h *Services) facts(grantTypes, languages []string) discovery.Facts {
	secret := append([]string{clients.MethodBasic, clients.MethodPost, clients.MethodJWTSecret, clients.MethodJWTKey},
		h.certificateMethods()...)
	responses := h.responseTypes()
	if slices.ContainsFunc(responses, clients.FromFront) {
		grantTypes = append(grantTypes, clients.Implicit)
	}
	if h.Clients.Exchanging() {
		grantTypes = append(grantTypes, clients.TokenExchange)
	}
	var objects []string
	switch h.Config.Authorization.RequestObjects {
	case config.ObjectsUnsigned:
		objects = append([]string{"none"}, clients.AssertionAlgs...)
	case config.ObjectsSigned:
		objects = clients.AssertionAlgs
	}
	var proofs []string
	if h.Config.DPoP.Enabled {
		proofs = dpop.Algs()
	}
	facts := discovery.Facts{
		ProofAlgs:    proofs,
		Documents:    h.Documents.On(),
		MTLS:         h.Config.MTLSBase(),
		PersonScopes: personScopes(),
		DetailsTypes: h.Clients.Resources().AllDetailsTypes(),
		PushesTokens: h.Config.CIBA.Push,
		MustPush:     h.Config.Authorization.RequirePushed,
		RequestAlgs:  objects,
		GrantTypes:   grantTypes, ResponseTypes: responses, ResponseModes: request.ResponseModes(),
		Prompts: h.prompts(),
		Scopes:  h.Clients.Resources().Scopes(), Claims: claims.Supported(), ACRs: flow.ACRs(), Locales: languages,
		AuthMethods: append([]string{clients.MethodNone}, secret...), IntrospectionAuthMethods: secret,
		AssertionAlgs: slices.Concat(clients.AssertionAlgs, algs.Secrets), UserinfoAlgs: algs.Signing,
		EncryptionAlgs: algs.Keys, EncryptionEncs: algs.Contents,
		BackchannelLogout: true, FrontchannelLogout: true,
		Developers: h.Config.Support.DevelopersURL, Policy: h.Config.Terms.PrivacyURL, Terms: h.Config.Terms.URL,
	}
	if h.Config.IDJAG.Accept {
		facts.GrantProfiles = []string{trusted.ProfileIDJAG}
	}
	if h.Config.IDJAG.Issue {
		facts.ChainedTypes = []string{oauth.TypeIDJAG}
	}
	if h.Config.Authorization.EncryptedRequestObjects {
		facts.RequestEncAlgs, facts.RequestEncs = algs.Keys, algs.Contents
	}
	return facts
}

// personScopes are those that userinfo answers to.
func personScopes() []string {
	return slices.DeleteFunc(slices.Clone(clients.BuiltinScopes), func(s string) bool { return s == "offline_access" })
}

// prompts are the values of prompt that do what they say.
func (h *Services) prompts() []string {
	list := []string{"none", "login", "consent", "select_account"}
	if !h.People.SignupClosed() {
		list = append(list, "create")
	}
	return list
}
