package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"signet/admin"
	"signet/admin/proposals"
	"signet/admin/repeat"
	"signet/admin/view"
	"signet/audit"
	"signet/clients"
	"signet/clients/apikey"
	"signet/clients/detail"
	"signet/clients/snippet"
	"signet/clients/tools"
	"signet/config"
	"signet/internal/ratelimit"
	"signet/internal/release"
	"signet/internal/seal"
	"signet/oauth"
	"signet/server/adminapi"
	"signet/server/console"
	"signet/server/firstrun"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	links "signet/users/firstrun"
	"signet/users/membership"
)

// openAdmin builds what administrators do over everything else.
func (h *Services) openAdmin() (err error) {
	look, err := h.openCheckup()
	if err != nil {
		return err
	}
	h.Admin, err = admin.New(admin.Options{
		Checkup: look, Limits: ratelimit.New(h.DB),
		Stores: admin.StoresOf(h.DB), Audit: h.Audit,
		People: h.People, Factors: h.Recovery, Ways: h.Ways, Deletion: h.Deletion, Members: h.Members, Sessions: h.Sessions,
		Administrators: h.administrators(),
		Clients:        h.Clients, Keys: h.Keys, Mail: h.Outbox, CheckClient: h.Registrations.CheckSector, Issuer: h.Config.Server.Issuer,
		Traces: h.Traces, Webhooks: h.Webhooks, APIKeys: apikey.Service{Store: h.DB, Lists: h.DB},
		Metadata: h.Metadata, Subject: h.called, Settings: h.Settings,
		Server: view.Server{Settings: h.settings, Checks: h.checkup, Upstreams: h.upstreamsSeen, TryUpstream: h.tryUpstream,
			TryMail: h.tryMail, RedirectURI: func(id string) string { return UpstreamCallback(h.Config, id) }},
		Snippets: snippet.Server{Issuer: h.Config.Server.Issuer, Mutual: h.Config.MTLSBase(),
			Details: func(name string) (clients.Resource, detail.Type, bool) {
				return h.Clients.Resources().DetailsOwner(name)
			}},
	})
	if err != nil {
		return err
	}
	h.Proposals, err = proposals.New(proposals.Options{Store: h.DB, Turns: h.DB, Acts: h.Admin, Clients: h.Clients, Audit: h.Audit})
	return err
}

// administrators keeps one who can sign in.
func (h *Services) administrators() membership.Administrators {
	return membership.Administrators{Store: h.DB, Usable: func(ctx context.Context) ([]string, error) { return h.Settings.Usable(ctx) }}
}

// called is what a client calls a person; "" where that takes what is not open.
func (h *Services) called(c *clients.Client, userID string) string {
	if h.names == nil && c.Pairwise() {
		return ""
	}
	return h.names.Subject(c, userID)
}

// Host is the actor who has a host with the database and the master key: they may do everything. by names them.
func (h *Services) Host(by string) admin.Actor {
	return admin.Actor{Kind: admin.KindCommand, ID: by, Holds: admin.SetOf(admin.All()...)}
}

// adminScopes are the permissions as scopes of access tokens.
func adminScopes() (scopes []string) {
	for _, p := range admin.All() {
		scopes = append(scopes, admin.ScopePrefix+string(p))
	}
	return scopes
}

// adminResource is the API of administrators as a resource of access tokens.
func adminResource(c config.Config) clients.Resource {
	r := clients.Resource{Identifier: adminapi.Resource(c.Server.Issuer), Name: "Signet administration", Scopes: adminScopes(),
		RequireSecondFactor: true, MaxAge: int64(console.Recent / time.Second)} // of people: as the pages do
	return r.OfSignet()
}

// toolsOn reports whether administrators' MCP clients can be allowed tools.
func toolsOn(c config.Config) bool { return c.Admin.HasAPI() && c.Admin.MCP != config.ToolsOff }

// toolScopes are the scopes of the tools for administrators' MCP clients.
func toolScopes(c config.Config) []string {
	if c.Admin.MCP == config.ToolsWrite {
		return []string{tools.Read, tools.Write}
	}
	return []string{tools.Read}
}

// toolsResource is those tools as a resource of access tokens.
func toolsResource(c config.Config) clients.Resource {
	r := clients.Resource{Identifier: adminapi.ToolsResource(c.Server.Issuer), Name: "Signet administration for MCP clients",
		Scopes: toolScopes(c), Details: map[string]clients.ScopeDetails{},
		RequireSecondFactor: true, MaxAge: int64(console.Recent / time.Second)} // as the pages do
	for _, scope := range r.Scopes {
		r.Details[scope] = clients.ScopeDetails{Sensitive: true}
	}
	return r.OfSignet()
}

// adminHandlers are the API of administrators, where it is on.
func (s *Server) adminHandlers(provider *oauth.Provider) ([]web.Mounter, error) {
	h := s.services
	if !h.Config.Admin.HasAPI() {
		return nil, nil
	}
	repeats, err := repeat.New(h.DB, h.Master.DeriveAll("answers of the API of administrators"))
	if err != nil {
		return nil, err
	}
	o := adminapi.Options{
		Callers: provider, Acts: h.Admin, Issuer: h.Config.IssuerURL(), Scopes: adminScopes(),
		Proofs: h.proofs(h.Config.DPoP.Nonces == config.NoncesAll), Repeats: repeats, Log: h.Log,
		Drafts: h.Config.Drafts != config.DraftsOff, Limits: ratelimit.New(h.DB),
		APIKeys: apikey.Service{Store: h.DB, Lists: h.DB}, Clients: h.Clients,
		Rates: adminapi.Rates{Requests: h.Config.Admin.RequestsPerSecond, Writes: h.Config.Admin.WritesPerSecond},
	}
	if toolsOn(h.Config) {
		o.Tools = &adminapi.Tools{Version: release.Version(), Scopes: toolScopes(h.Config), Health: s.health.State,
			Numbers: h.Metrics.Numbers}
		if h.Config.Admin.MCP == config.ToolsWrite {
			o.Tools.Proposals, o.Tools.ConfirmAt = h.Proposals, h.Config.Server.Issuer+console.Proposals
		}
	}
	handler, err := adminapi.New(o)
	return []web.Mounter{handler}, err
}

// healthPaths are what else is at the internal listener.
var healthPaths = []string{"/metrics", "/healthz", "/readyz"}

// inside puts the API of administrators beside metrics and health, where nobody but this network reaches it.
func (s *Server) inside(acts []web.Mounter, rest http.Handler) http.Handler {
	if len(acts) == 0 {
		return rest
	}
	mux := web.NewMux(s.options)
	for _, handler := range acts {
		handler.Mount(mux)
	}
	api := mux.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(healthPaths, r.URL.Path) {
			rest.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// consoleHandlers are the pages of administrators, where they are on.
func (h *Services) consoleHandlers(view *pages.Pages, front *login.Login) ([]web.Mounter, error) {
	if !h.Config.Admin.Console {
		return nil, nil
	}
	o := console.Options{Login: front, Browser: front.Browser, Pages: view, Acts: h.Admin, Issuer: h.Config.Server.Issuer,
		Tools: toolsOn(h.Config), Sealer: h.Master, Place: seal.Place}
	if o.Tools && h.Config.Admin.MCP == config.ToolsWrite {
		o.Proposals = h.Proposals
	}
	handler, err := console.New(o)
	return []web.Mounter{handler}, err
}

// firstRunHandlers are the page that makes the first administrator, who is led to where the first app is made.
func (h *Services) firstRunHandlers(view *pages.Pages, front *login.Login) ([]web.Mounter, error) {
	o := firstrun.Options{
		Login: front, Browser: front.Browser, Pages: view, Links: h.FirstRun, MinPassword: h.People.MinPassword(),
		Next: "/account?done=signup",
	}
	if h.Config.Admin.Console {
		o.Next = console.FirstApp
	}
	if h.Passkeys != nil {
		o.Passkeys = h.Passkeys
	}
	handler, err := firstrun.New(o)
	return []web.Mounter{handler}, err
}

// FirstRunLink makes the address of the page that makes the first administrator; "" where somebody is, or was, one.
func (h *Services) FirstRunLink(ctx context.Context) (string, error) {
	secret, err := h.FirstRun.Link(audit.WithOrigin(ctx, audit.Origin{Actor: "system"}))
	if errors.Is(err, links.ErrClosed) {
		return "", nil
	}
	return h.Config.Server.Issuer + firstrun.Path + "?t=" + secret, err
}

// HostToken makes an access token for the API of administrators, for somebody who has the database and the master key; by names them. It
// permits what is listed, all that there is for an empty list.
func (h *Services) HostToken(ctx context.Context, by string, permissions []string, life time.Duration) (token, jti string, err error) {
	scopes := adminScopes()
	if len(permissions) > 0 {
		var chosen []string
		for _, p := range permissions {
			scope := admin.ScopePrefix + strings.TrimPrefix(p, admin.ScopePrefix)
			if !slices.Contains(scopes, scope) {
				return "", "", fmt.Errorf("there is no permission %q; there are %s", p,
					strings.ReplaceAll(strings.Join(scopes, ", "), admin.ScopePrefix, ""))
			}
			chosen = append(chosen, scope)
		}
		scopes = chosen
	}
	token, claims, err := oauth.HostToken(h.Config.Server.Issuer, h.Keys, adminapi.Resource(h.Config.Server.Issuer), scopes, life)
	if err != nil {
		return "", "", err
	}
	detail := map[string]any{"jti": claims.JTI, "by": by, "scope": claims.Scope, "expires_at": time.Unix(claims.ExpiresAt, 0).UTC()}
	if err := h.Audit.Record(ctx, audit.Event{Name: audit.AdminTokenMade, Detail: detail}); err != nil {
		return "", "", err
	}
	return token, claims.JTI, nil
}

// longestHostToken bounds how long a revoked token is remembered.
const longestHostToken = 25 * time.Hour

// RevokeHostToken refuses one from now on.
func (h *Services) RevokeHostToken(ctx context.Context, jti string) error {
	return h.DB.Tx(ctx, func(ctx context.Context) error {
		if err := h.DB.RevokeToken(ctx, jti, time.Now().Add(longestHostToken)); err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		return h.Audit.Record(ctx, audit.Event{Name: audit.AdminTokenRevoked, Detail: map[string]any{"jti": jti}})
	})
}
