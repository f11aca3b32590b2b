// Package adminapi is the JSON API of administrators: /api/admin/v1. It reads requests, asks package admin to act, and writes its views;
// who may do what is decided there. The document of the API is made from the same declarations (OpenAPI 3.1) and needs no token.
//
// A caller proves itself by an access token of this server for the resource {issuer}/api/admin. What it may do is what the scopes of the
// token say and its person's roles, or its client's registration, still allow now. Begin reading with New and Mount; an operation is Named
// line in people.go, apps.go or operations.go.
package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/admin/repeat"
	"signet/clients"
	"signet/clients/apikey"
	"signet/internal/ratelimit"
	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/refusal"
	"signet/server/web"
	"signet/server/web/problem"
)

// Callers judges access tokens; *oauth.Provider.
type Callers interface {
	Caller(ctx context.Context, sent oauth.Presented, resource string) (oauth.Caller, error)
	Again(ctx context.Context, sent oauth.Presented, resource string) (oauth.Caller, error)
}

// Clients tells what a client is at this moment; *clients.Registry.
type Clients interface {
	Current(ctx context.Context, id string) (*clients.Client, error)
}

// Options of New. All but Proofs, Tools and Log are required.
type Options struct {
	Callers Callers
	Acts    *admin.Service
	Issuer  *url.URL
	Scopes  []string       // of the resource
	Proofs  *dpop.Verifier // of possession (RFC 9449); nil: none are read
	Repeats *repeat.Keeper // answers of requests that have a key
	Limits  *ratelimit.Limiter
	Log     *slog.Logger // nil discards
	Tools   *Tools       // for administrators' MCP clients; nil: there are none
	Drafts  bool         // operations that come from drafts of standards are there, too
	Rates   Rates        // of each credential
	APIKeys apikey.Service
	Clients Clients // of those keys
}

// Handler serves the API.
type Handler struct {
	o         Options
	issuer    string // without a slash at its end
	leaving   []deprecation
	announced map[string]announcement // of deprecated operations
	rates     rates
	importing chan struct{} // holds something while people are imported
}

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Callers == nil || o.Acts == nil || o.Issuer == nil || o.Repeats == nil || o.Limits == nil || o.APIKeys.Store == nil ||
		o.Clients == nil {
		return nil, errors.New("server/adminapi: callers, acts, issuer, repeats, limits, API keys and clients are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{o: o, issuer: strings.TrimSuffix(o.Issuer.String(), "/"), rates: rates{of: o.Rates},
		leaving: deprecated, importing: make(chan struct{}, 1)}, nil
}

// base is where the operations are.
const base = web.AdminPath + "v1"

// Resource is the identifier of the API as a resource of access tokens.
func Resource(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + strings.TrimSuffix(web.AdminPath, "/")
}

// wellKnown is where the metadata of the resource is (RFC 9728 section 3.1), under the issuer's host.
func (h *Handler) wellKnown() string {
	return "/.well-known/oauth-protected-resource" + strings.TrimSuffix(h.o.Issuer.EscapedPath(), "/") + strings.TrimSuffix(web.AdminPath, "/")
}

// metadata is its address.
func (h *Handler) metadata() string {
	return h.o.Issuer.Scheme + "://" + h.o.Issuer.Host + h.wellKnown()
}

// about answers with the metadata of the resource.
func (h *Handler) about(w http.ResponseWriter, _ *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"resource": Resource(h.issuer), "resource_name": "Signet administration", "authorization_servers": []string{h.o.Issuer.String()},
		"scopes_supported": h.o.Scopes, "bearer_methods_supported": []string{"header"},
	})
}

// Mount implements web.Mounter.
func (h *Handler) Mount(m *web.Mux) {
	m.Root("GET "+h.wellKnown(), web.PublicCORS, h.about)
	if h.o.Tools != nil {
		h.mountTools(m)
	}
	described := h.operations(m)
	// It is written when it is first asked for: most servers are never asked, and a start would take as long again.
	document := sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(described, "", "  ") })
	m.Admin("GET "+base+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) error {
		written, err := document()
		if err != nil {
			return fmt.Errorf("writing the document of the API: %w", err)
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(written) // the client went away: nobody to tell
		return nil
	})
}

// operations adds them, and describes them.
func (h *Handler) operations(m *web.Mux) *huma.OpenAPI {
	once.Do(takeErrors)
	api := huma.NewAPI(h.config(), &adapter{mux: m, handler: h})
	h.people(api)
	h.groups(api)
	h.apps(api)
	h.apiKeys(api)
	h.records(api)
	h.webhooks(api)
	h.upstreams(api)
	h.settings(api)
	h.files(api)
	demanded(api.OpenAPI())
	optional(api.OpenAPI())
	h.deprecate(api.OpenAPI())
	return api.OpenAPI()
}

// config is the part of the document that no operation says.
func (h *Handler) config() huma.Config {
	scopes := map[string]string{}
	for _, p := range admin.All() {
		scopes[admin.ScopePrefix+string(p)] = string(p)
	}
	issuer := h.issuer
	flows := &huma.OAuthFlows{
		AuthorizationCode: &huma.OAuthFlow{
			AuthorizationURL: issuer + "/oauth2/authorize", TokenURL: issuer + "/oauth2/token", Scopes: scopes,
		},
		ClientCredentials: &huma.OAuthFlow{TokenURL: issuer + "/oauth2/token", Scopes: scopes},
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Signet administration", Version: "1", Description: "Acts of administrators. Errors are problem details " +
				"(RFC 9457). A change takes If-Match with the ETag of what was read; * is any state. Unknown fields and query parameters are " +
				"errors."},
			Servers: []*huma.Server{{URL: issuer + base}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"oauth": {Type: "oauth2", Flows: flows}, "key": {Type: "http", Scheme: "bearer",
					Description: "An API key, " + apikey.Prefix + "…"}},
			},
			Security: []map[string][]string{{"oauth": {}}, {"key": {}}},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat, "application/merge-patch+json": huma.DefaultJSONFormat,
		},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// actorKey is the context key of the actor of a request.
type actorKey struct{}

// actor finds who sends a request, and by what.
func (h *Handler) actor(r *http.Request, path string) (a admin.Actor, sent oauth.Presented, err error) {
	to := target{Resource(h.issuer), h.metadata(), ""}
	if a, is, err := h.keyed(r, to); is {
		return a, sent, err
	}
	c, sent, err := h.caller(r, path, to)
	if err == nil {
		a, err = h.acting(r.Context(), c)
	}
	return a, sent, err
}

// still is who sends a request, found again. A proof of possession is not judged again, for it is good once.
func (h *Handler) still(r *http.Request, sent oauth.Presented) (none admin.Actor, err error) {
	to := target{Resource(h.issuer), h.metadata(), ""}
	if a, is, err := h.keyed(r, to); is {
		return a, err
	}
	c, err := h.o.Callers.Again(r.Context(), sent, to.resource)
	if err != nil {
		return none, web.Challenge(err, to.metadata, to.scope)
	}
	if c.Client != nil { // what replicas remember of one may be a second old
		c.Client, err = h.o.Clients.Current(r.Context(), c.Client.ClientID)
		if errors.Is(err, clients.ErrUnknown) || err == nil && !c.Client.Enabled() {
			return none, web.Challenge(refusal.InvalidToken("The client is disabled or was deleted."), to.metadata, to.scope)
		} else if err != nil {
			return none, err
		}
	}
	return h.acting(r.Context(), c)
}

// acting is who acts by a token: the permissions are those that its scopes and what stands behind it now allow, both.
func (h *Handler) acting(ctx context.Context, c oauth.Caller) (admin.Actor, error) {
	asked := admin.Scopes(c.Scopes...)
	switch {
	case c.Client == nil:
		return admin.Actor{Kind: admin.KindCommand, ID: oauth.HostClient + "/" + c.JTI, Holds: asked}, nil // its making says who made it
	case c.UserID != "":
		held, err := h.o.Acts.Held(ctx, c.UserID)
		return admin.Actor{Kind: admin.KindPerson, ID: c.UserID, Holds: asked.And(held).And(admin.Scopes(c.Client.Scopes()...))}, err
	}
	return admin.Actor{Kind: admin.KindClient, ID: c.Client.ClientID, Holds: asked.And(admin.Scopes(c.Client.Scopes()...))}, nil
}

// target is what a token has to be for: a resource, the address of its metadata, and the scope that a challenge names, if any.
type target struct{ resource, metadata, scope string }

// caller finds whose token a request has, and what was sent of it.
func (h *Handler) caller(r *http.Request, path string, to target) (c oauth.Caller, sent oauth.Presented, err error) {
	token, bound, err := bearer(r)
	if err != nil {
		return c, sent, web.Challenge(err, to.metadata, to.scope)
	}
	if token == "" { // nobody tried: the challenge says how, without an error (RFC 6750 section 3.1)
		challenge := `Bearer realm="signet", resource_metadata="` + to.metadata + `"`
		if to.scope != "" {
			challenge += `, scope="` + to.scope + `"`
		}
		return c, sent, web.NewProblem(problem.TokenMissing, "Send one for "+to.resource+" in the header Authorization.").
			With("WWW-Authenticate", challenge)
	}
	sent.Token, sent.DPoP = token, bound
	if sent.Proof, err = h.o.Proofs.Judge(r.Header, r.Method, path); err == nil {
		sent.Certificate, err = web.Certificate(r)
	}
	if err == nil {
		c, err = h.o.Callers.Caller(r.Context(), sent, to.resource)
	}
	if err != nil {
		return oauth.Caller{}, sent, web.Challenge(err, to.metadata, to.scope)
	}
	return c, sent, nil
}

// bearer finds the token, which is in the header only (RFC 6750 section 2.1, RFC 9449 section 7.1).
func bearer(r *http.Request) (token string, bound bool, err error) {
	header := r.Header["Authorization"]
	if len(header) > 1 {
		return "", false, refusal.InvalidRequest("There are several Authorization headers.")
	}
	if len(header) == 0 {
		return "", false, nil
	}
	scheme, value, _ := strings.Cut(header[0], " ")
	bound = strings.EqualFold(scheme, "DPoP")
	if value = strings.TrimLeft(value, " "); value == "" || !bound && !strings.EqualFold(scheme, "Bearer") {
		return "", bound, refusal.InvalidToken("Send the access token as Bearer or DPoP.")
	}
	return value, bound, nil
}
