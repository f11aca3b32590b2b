package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"strings"
	"time"

	"signet/clients"
	"signet/config"
	"signet/internal/regular"
	consents "signet/oauth/consent"
	"signet/oauth/keys"
	"signet/server/account"
	"signet/server/browser"
	"signet/server/confirm"
	"signet/server/demo"
	"signet/server/health"
	"signet/server/login"
	"signet/server/mfa"
	"signet/server/pages"
	"signet/server/passkeyoffer"
	"signet/server/problems"
	"signet/server/recovery"
	"signet/server/signin"
	"signet/server/signup"
	"signet/server/terms"
	"signet/server/upstream"
	"signet/server/web"
	"signet/users"
)

// mount is the one list of handlers.
func (s *Server) mount() (*web.Mux, error) {
	h := s.services
	view, err := h.pages()
	if err != nil {
		return nil, err
	}
	if s.delivery, err = h.newDelivery(view, nil); err != nil {
		return nil, err
	}
	s.options = web.Options{
		Issuer: h.Config.IssuerURL(), Log: h.Log, Metrics: h.Metrics, Tracer: h.tracer,
		TrustedProxies: h.Config.Server.TrustedProxies,
		Certificates:   h.certificateHeader(), Origins: h.Clients.OriginAllowed, Errors: view.Error, InFlight: h.Config.Limits.InFlight,
		Refused: h.Traces.Record,
	}
	mux := web.NewMux(s.options)
	visitors, err := browser.New(browser.Options{
		Issuer: h.Config.IssuerURL(), Store: h.DB, Bounds: h.DB, Past: h.DB, Sessions: h.Sessions,
		DeviceKeys: h.Master.DeriveAll("device cookie"),
		MaxTotal:   h.Config.Limits.SignIns,
		States:     h.Config.Sessions.CheckIframe,
	})
	if err != nil {
		return nil, err
	}
	s.visitors = visitors
	consents := &consents.Consents{Store: h.DB, Audit: h.Audit, Notices: notices{h}}
	front, err := h.login(view, visitors, consents)
	if err != nil {
		return nil, err
	}
	s.health = health.New(h.Log, health.Check{Name: "database", Run: h.DB.Write}, health.Check{Name: "keys", Run: h.signs},
		health.Check{Name: "clock", Run: health.ClockFits(h.DB.Clock)})
	var handlers []web.Mounter
	for _, build := range []func() ([]web.Mounter, error){
		func() ([]web.Mounter, error) {
			return []web.Mounter{view, s.health, logoHandler{h}, pictureHandler{h}}, nil
		},
		func() ([]web.Mounter, error) {
			logos, err := newUpstreamLogos(h.Config)
			return []web.Mounter{logos}, err
		},
		func() ([]web.Mounter, error) {
			explained, err := problems.New(problems.Options{Issuer: h.Config.Server.Issuer, Pages: view})
			return []web.Mounter{explained}, err
		},
		func() ([]web.Mounter, error) { return h.signInHandlers(view, front) },
		func() ([]web.Mounter, error) { return s.protocolHandlers(view, front, consents) },
		func() ([]web.Mounter, error) { return h.accountHandlers(view, front) },
		func() ([]web.Mounter, error) { return h.consoleHandlers(view, front) },
		func() ([]web.Mounter, error) { return h.firstRunHandlers(view, front) },
		func() ([]web.Mounter, error) { return s.demoHandlers(view) },
	} {
		some, err := build()
		if err != nil {
			return nil, err
		}
		handlers = append(handlers, some...)
	}
	for _, handler := range handlers {
		handler.Mount(mux)
	}
	return mux, nil
}

// login builds what the pages of a sign-in share.
func (h *Services) login(view *pages.Pages, visitors *browser.Browser, consents *consents.Consents) (*login.Login, error) {
	o := login.Options{
		Browser: visitors, Pages: view, People: h.People, Factors: h.Factors, Consents: consents, Client: h.Clients.Client,
		Subject:   h.names.Subject,
		Resources: h.Clients.Resources, App: h.appAt, Tx: h.DB.Tx,
		MailOn: h.Config.Mail.On(), Tickets: h.Tickets, Recovery: h.Recovery, TrustFor: h.Config.Factors.TrustBrowser, Count: h.Metrics.SignIn,
		Acts: h.chargeAct,
	}
	if h.Passkeys != nil {
		o.Passkeys = h.Passkeys
	}
	if h.Federation != nil {
		o.Upstreams, o.IdentityOf = h.Federation, h.Federation.PendingOwner
	}
	return login.New(o)
}

// signInHandlers are the pages of a sign-in.
func (h *Services) signInHandlers(view *pages.Pages, front *login.Login) ([]web.Mounter, error) {
	visitors, count := front.Browser, h.Metrics.SignIn
	in := signin.Options{
		Login: front, Browser: visitors, Pages: view, People: h.People, Codes: h.People,
		MailedCode: h.Config.Signin.MailedCode && h.Config.Mail.On(), Count: count, Seeded: seeded(h.Config),
	}
	second := mfa.Options{Login: front, Browser: visitors, Pages: view, Factors: h.Factors, Enrolments: h.Factors, Recover: true, Count: count}
	up := signup.Options{Login: front, Browser: visitors, Pages: view, Accounts: h.People, Rules: h.People, Count: count}
	if h.Passkeys != nil {
		in.Passkeys, second.Passkeys, up.Passkeys = h.Passkeys, h.Passkeys, h.Passkeys
	}
	if h.Federation != nil {
		in.Routed, up.Upstreams = h.Federation.Routed(), h.Federation
	}
	builds := []func() (web.Mounter, error){
		func() (web.Mounter, error) { return signin.New(in) },
		func() (web.Mounter, error) { return mfa.New(second) },
		func() (web.Mounter, error) {
			return confirm.New(confirm.Options{Login: front, Browser: visitors, Pages: view, Codes: h.People, Count: count})
		},
		func() (web.Mounter, error) { return signup.New(up) },
		func() (web.Mounter, error) {
			return recovery.New(recovery.Options{
				Login: front, Browser: visitors, Pages: view, Rules: h.People, Passwords: h.People, Addresses: h.People, Undoing: h.People,
				Factors: h.Recovery, Links: h.Recovery, Contact: h.Config.Support.Contact, Count: count,
			})
		},
		func() (web.Mounter, error) {
			return terms.New(terms.Options{Login: front, Browser: visitors, Pages: view, People: h.People})
		},
	}
	if h.Passkeys != nil {
		builds = append(builds, func() (web.Mounter, error) {
			return passkeyoffer.New(passkeyoffer.Options{Login: front, Browser: visitors, Pages: view, Passkeys: h.Passkeys})
		})
	}
	if h.Federation != nil {
		builds = append(builds, func() (web.Mounter, error) {
			return upstream.New(upstream.Options{
				Login: front, Browser: visitors, Pages: view, Rules: h.People, Callbacks: h.Federation, Identities: h.Federation, Links: h.Federation,
				Notifications: h.Federation, Issuer: h.Config.Server.Issuer, Count: count,
			})
		})
	}
	var handlers []web.Mounter
	for _, build := range builds {
		handler, err := build()
		if err != nil {
			return nil, err
		}
		handlers = append(handlers, handler)
	}
	return handlers, nil
}

// knownAs is what an app with pairwise subjects calls a person; "" for all others.
func (h *Services) knownAs(ctx context.Context, userID, clientID string) string {
	c, err := h.Clients.Client(ctx, clientID)
	if err != nil || !c.Pairwise() {
		return ""
	}
	return h.names.Subject(c, userID)
}

// accountHandlers are the pages of a person's own account.
func (h *Services) accountHandlers(view *pages.Pages, front *login.Login) ([]web.Mounter, error) {
	o := account.Options{
		Login: front, Browser: front.Browser, Issuer: h.Config.Server.Issuer, Profile: h.People, Connected: h.People, Credentials: h.People,
		Deletion: h.Deletion, Export: h.Export, Sessions: h.Sessions, Pages: view, App: h.app, Resource: h.resourceName, PassesTo: h.passesTo,
		Scope: h.scopeLine, Limits: h.agentLimits,
		Second: h.Factors, Enrolments: h.Factors, Factors: h.People.Factors, Asked: h.waitsFor, KnownAs: h.knownAs,
	}
	if h.Config.IDJAG.Issue {
		o.Elsewhere = h.elsewhere
	}
	o.Pictures, o.Uploads = h.Pictures, h.Config.Accounts.Pictures
	if h.Passkeys != nil {
		o.Passkeys, o.RelatedOrigins = h.Passkeys, h.Passkeys.RelatedOrigins()
	}
	if h.Federation != nil {
		o.Logins = h.Federation
	}
	handler, err := account.New(o)
	return []web.Mounter{handler}, err
}

// demoHandlers is mounted in the local trial only.
func (s *Server) demoHandlers(view *pages.Pages) ([]web.Mounter, error) {
	h := s.services
	if !h.Config.LocalTrial() {
		return nil, nil
	}
	handler, err := demo.New(demo.Options{Issuer: h.Config.IssuerURL(), HTTP: loop(s.Handler), Pages: view, Log: h.Log})
	if err != nil {
		return nil, err
	}
	return []web.Mounter{handler}, nil
}

func newPages(c config.Config, where func(address, language string) (city, country string)) (*pages.Pages, error) {
	b := c.Branding
	logo, logoErr := brandFile("branding.logo", b.Logo, "an SVG or PNG file")
	dark, darkErr := brandFile("branding.logo_dark", b.LogoDark, "an SVG or PNG file")
	css, cssErr := brandFile("branding.css_file", b.CSSFile, "a style sheet")
	if b.Stored {
		logo, dark = b.LogoImage, b.LogoDarkImage
	}
	languages, languagesErr := languagesOf(c)
	links := pages.Links{Help: c.Support.URL, Privacy: c.Terms.PrivacyURL, Terms: c.Terms.URL}
	for _, link := range b.Links {
		links.More = append(links.More, pages.Link{Title: link.Title, URL: link.URL})
	}
	p, err := pages.New(pages.Options{
		Languages: languages, Upstreams: len(c.Upstreams) > 0,
		Prefix: c.IssuerURL().EscapedPath(), Host: c.IssuerURL().Host, Brand: b.Name, Color: b.Color, Logo: logo, LogoDark: dark, CSS: css,
		Links: links, Choice: browser.LanguagesOf(c.IssuerURL()), Test: c.Seed != nil,
		Where: where,
	})
	return p, errors.Join(logoErr, darkErr, cssErr, languagesErr, err)
}

// brandFile reads a file of the operator's; nil if none is named. One byte more than may be used is enough to refuse it.
func brandFile(key, file, kind string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	f, err := regular.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name %s that this account can read", key, err, kind)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, pages.LargestBrandFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return body, nil
}

// languagesOf is the directory of branding.languages; nil if there is none.
func languagesOf(c config.Config) (fs.FS, error) {
	dir := c.Branding.Languages
	if dir == "" {
		return nil, nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", dir)
	}
	if err == nil {
		_, err = os.ReadDir(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("branding.languages: %w; name a directory with files like fr.json that this account can read", err)
	}
	return os.DirFS(dir), nil
}

// signs tells that the key ring can sign.
func (h *Services) signs(context.Context) error {
	if !h.Keys.Signs(keys.ES256) && !h.Keys.Signs(keys.RS256) {
		return keys.ErrNoKey
	}
	return nil
}

// app is how pages show a client, also one that is no longer known.
func (h *Services) app(ctx context.Context, id string) pages.App {
	c, err := h.Clients.Client(ctx, id)
	if err != nil {
		return pages.App{ID: id, Name: id}
	}
	return h.shown(c, "")
}

// agentLimits are until when an agent may act, and how many calls a day, as it is registered by now.
func (h *Services) agentLimits(ctx context.Context, a users.App) (time.Time, int64) {
	c, err := h.Clients.Client(ctx, a.ClientID)
	if err != nil { // it is gone, and acts no more
		return a.AgentUntil, a.AgentCalls
	}
	return c.AgentEnds(a.AgentUntil, a.AgreedAt), c.AgentLimit(a.AgentCalls)
}

// elsewhere are the other authorization servers for which an app may get an assertion (ID-JAG) about the person.
func (h *Services) elsewhere(ctx context.Context, userID, clientID string) (servers []string, err error) {
	c, err := h.Clients.Client(ctx, clientID)
	switch {
	case errors.Is(err, clients.ErrUnknown): // it is gone
		return nil, nil
	case err != nil || c.Exchange == nil:
		return nil, err
	}
	var groups []string
	for _, j := range c.Exchange.IDJAG {
		if len(j.Groups) > 0 && groups == nil {
			if groups, err = h.DB.GroupsOfUser(ctx, userID); err != nil {
				return nil, err
			}
		}
		if j.For(groups) {
			servers = append(servers, j.Audience)
		}
	}
	return servers, nil
}

// resourceName is how pages show an API, also one that is no longer known.
func (h *Services) resourceName(identifier string) string {
	r, _ := h.Clients.Resources().Find(identifier)
	return cmp.Or(r.Name, identifier)
}

// scopeLine is how pages show a scope: Signet's own by its name alone, an API's in the API's words. Of several APIs that have it, those
// that are named count.
func (h *Services) scopeLine(scope string, named []string) pages.ScopeLine {
	l := pages.ScopeLine{Scope: scope}
	all := h.Clients.Resources()
	var names []string
	for _, r := range all.ScopeOwners(scope, named) {
		names = append(names, cmp.Or(r.Name, r.Identifier))
		if d := r.Details[scope]; len(l.Title) == 0 {
			l.Title, l.Description = d.Title, d.Description
		}
	}
	l.Owner = strings.Join(names, ", ")
	_, l.Sensitive = all.Asking(scope, named)
	return l
}

// appAt is the same with the host that the answer goes to; nil for a client that is not known.
func (h *Services) appAt(ctx context.Context, id, redirectURI string) *pages.App {
	c, err := h.Clients.Client(ctx, id)
	if err != nil {
		return nil
	}
	app := h.shown(c, redirectURI)
	return &app
}

// localized are a client's translations, with the logos from our own host.
func (h *Services) localized(c *clients.Client) map[string]string {
	list, ours := c.Localized, false
	for name := range c.Localized {
		tag, ok := strings.CutPrefix(name, "logo_uri#")
		if !ok {
			continue
		}
		if !ours {
			list, ours = maps.Clone(c.Localized), true
		}
		delete(list, name)
		if at := h.logoURL(c.LogoIn(tag)); at != "" {
			list[name] = at
		}
	}
	return list
}

// shown has the logo from our own host: pages load nothing from elsewhere.
func (h *Services) shown(c *clients.Client, redirectURI string) pages.App {
	app := pages.App{ID: c.ClientID, LogoURI: h.logoURL(c.ClientID), Name: c.ClientName, URI: c.ClientURI, PolicyURI: c.PolicyURI,
		TOSURI: c.TOSURI, Localized: h.localized(c)}
	if c.InitiateLoginURI != "" && c.Enabled() { // OpenID Connect Core section 4
		app.OpenURL = login.WithQuery(c.InitiateLoginURI, url.Values{"iss": {h.Config.Server.Issuer}}.Encode())
	}
	if u, err := url.Parse(redirectURI); err == nil {
		app.Host = u.Host
		if u.Scheme != "https" && u.Scheme != "http" { // whatever host such an address names, it leads to who has the scheme
			app.Host = u.Scheme
		}
	}
	return app
}
