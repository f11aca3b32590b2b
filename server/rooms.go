package server

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"signet/clients"
	"signet/config"
	"signet/oauth/keys"
	"signet/server/account"
	"signet/server/browser"
	"signet/server/demo"
	"signet/server/health"
	"signet/server/pages"
	"signet/server/signin"
	"signet/server/web"
)

// mount is the one list of rooms.
func (s *Server) mount() (*web.Mux, error) {
	h := s.house
	view, err := newPages(h.Config)
	if err != nil {
		return nil, err
	}
	if s.delivery, err = h.mailman(view, nil); err != nil {
		return nil, err
	}
	mux := web.NewMux(web.Options{
		Issuer: h.Config.IssuerURL(), Log: h.Log, Metrics: h.Metrics, TrustedProxies: h.Config.Server.TrustedProxies,
		Origins: h.Clients.OriginAllowed, Errors: view.Error, InFlight: h.Config.Limits.InFlight,
	})
	visitors, err := browser.New(browser.Options{
		Issuer: h.Config.IssuerURL(), Store: h.DB, Sessions: h.Sessions, DeviceKeys: h.Master.DeriveAll("device cookie"),
	})
	if err != nil {
		return nil, err
	}
	s.health = health.New(h.Log, health.Check{Name: "database", Run: h.DB.Ping}, health.Check{Name: "keys", Run: h.signs})
	var rooms []web.Room
	for _, build := range []func() ([]web.Room, error){
		func() ([]web.Room, error) { return []web.Room{view, s.health, logoRoom{h}}, nil },
		func() ([]web.Room, error) { logos, err := newUpstreamLogos(h.Config); return []web.Room{logos}, err },
		func() ([]web.Room, error) { return s.peopleRooms(view, visitors) },
		func() ([]web.Room, error) { return s.protocolRooms(view, visitors) },
		func() ([]web.Room, error) { return s.demoRoom(view) },
	} {
		some, err := build()
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, some...)
	}
	for _, room := range rooms {
		room.Mount(mux)
	}
	return mux, nil
}

// peopleRooms are sign-in, sign-up, forgotten password and the account pages.
func (s *Server) peopleRooms(view *pages.Pages, visitors *browser.Browser) ([]web.Room, error) {
	h := s.house
	front := signin.Options{
		Browser: visitors, People: h.People, Pages: view, App: h.appAt, Contact: h.Config.Support.Contact,
		Count: func(outcome string) { h.Metrics.SignIn("password", outcome) }, CountWay: h.Metrics.SignIn,
		Mailed: h.People, MailedCode: h.Config.Signin.MailedCode && h.Config.Mail.On(),
		Factors: h.Factors, TrustFor: h.Config.Factors.TrustBrowser, ClientDemands: h.demandsTwo, Tx: h.DB.Tx,
		WayBack: h.Recovery, Strong: h.strong, Issuer: h.Config.Server.Issuer, ClientUpstreams: h.clientUpstreams,
	}
	desk := account.Options{
		Browser: visitors, Issuer: h.Config.Server.Issuer, People: h.People, Deletion: h.Deletion, Export: h.Export,
		Sessions: h.Sessions, Pages: view, App: h.app, Resource: h.resourceName,
		Second: h.Factors, Strong: h.strong, Factors: h.People.Factors,
	}
	if h.Passkeys != nil {
		front.Passkeys, desk.Passkeys = h.Passkeys, h.Passkeys
	}
	if h.Federation != nil {
		front.Upstreams, desk.Logins = h.Federation, h.Federation
	}
	door, err := signin.New(front)
	if err != nil {
		return nil, err
	}
	home, err := account.New(desk)
	if err != nil {
		return nil, err
	}
	return []web.Room{door, home}, nil
}

// demoRoom is mounted in the local trial only.
func (s *Server) demoRoom(view *pages.Pages) ([]web.Room, error) {
	h := s.house
	if !h.Config.LocalTrial() {
		return nil, nil
	}
	room, err := demo.New(demo.Options{Issuer: h.Config.IssuerURL(), HTTP: loop(s.Handler), Pages: view, Log: h.Log})
	if err != nil {
		return nil, err
	}
	return []web.Room{room}, nil
}

func newPages(c config.Config) (*pages.Pages, error) {
	logo, err := readLogo(c)
	if err != nil {
		return nil, err
	}
	var languages fs.FS
	if c.Branding.Languages != "" {
		if info, err := os.Stat(c.Branding.Languages); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("branding.languages: %q is no directory", c.Branding.Languages)
		}
		languages = os.DirFS(c.Branding.Languages)
	}
	return pages.New(pages.Options{
		Languages: languages, Upstreams: len(c.Upstreams) > 0,
		Prefix: c.IssuerURL().EscapedPath(), Host: c.IssuerURL().Host, Links: pages.Links{Help: c.Support.URL, Privacy: c.Terms.PrivacyURL, Terms: c.Terms.URL}, Brand: c.Branding.Name, Color: c.Branding.Color, Logo: logo,
	})
}

// signs tells that the key ring can sign.
func (h *House) signs(context.Context) error {
	if len(h.Keys.Algs()) == 0 {
		return keys.ErrNoKey
	}
	return nil
}

// app is how pages show a client, also one that is no longer known.
func (h *House) app(ctx context.Context, id string) pages.App {
	c, err := h.Clients.Client(ctx, id)
	if err != nil {
		return pages.App{ID: id, Name: id}
	}
	return h.shown(c, "")
}

// resourceName is how pages show an API, also one that is no longer known.
func (h *House) resourceName(identifier string) string {
	r, _ := h.Clients.Resources().Find(identifier)
	return cmp.Or(r.Name, identifier)
}

// appAt is the same with the host that the answer goes to; nil for a client that is not known.
func (h *House) appAt(ctx context.Context, id, redirectURI string) *pages.App {
	c, err := h.Clients.Client(ctx, id)
	if err != nil {
		return nil
	}
	app := h.shown(c, redirectURI)
	return &app
}

// shown has the logo from our own host: pages load nothing from elsewhere.
func (h *House) shown(c *clients.Client, redirectURI string) pages.App {
	app := pages.App{ID: c.ClientID, LogoURI: h.logoURL(c.ClientID), Name: c.ClientName, URI: c.ClientURI, PolicyURI: c.PolicyURI, TOSURI: c.TOSURI}
	if u, err := url.Parse(redirectURI); err == nil {
		app.Host = u.Host
		if app.Host == "" {
			app.Host = u.Scheme
		}
	}
	return app
}
