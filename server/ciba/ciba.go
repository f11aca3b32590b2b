// Package ciba is what apps and people meet where an app asks for the decision of somebody whom it names (OpenID Connect Client-Initiated
// Backchannel Authentication): the endpoint, and the page of the account where the person sees who asks for what, from where and with which
// message, and decides.
//
// The email about it leads to that page and says nothing that decides: there is no link that approves, and no GET that changes anything.
// Begin with Handler.begin.
package ciba

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/ratelimit"
	"signet/internal/telemetry"
	"signet/oauth/ciba"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/approval"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// Authenticator tells which client a request comes from; *clientauth.Authenticator.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, form url.Values) (*clients.Client, error)
}

// Parser judges what an app asks for; *request.Parser.
type Parser interface {
	Backchannel(ctx context.Context, c *clients.Client, form url.Values) (request.Backchannel, error)
}

// Requests keeps what waits; *ciba.Requests.
type Requests interface {
	Whom(ctx context.Context, c *clients.Client, b request.Backchannel) (ciba.Whom, error)
	Begin(ctx context.Context, c *clients.Client, b request.Backchannel, whom ciba.Whom, from ciba.From) (ciba.Answer, error)
	Of(ctx context.Context, userID string) ([]ciba.Waiting, error)
	Find(ctx context.Context, userID, id string) (ciba.Waiting, error)
	Decide(ctx context.Context, w ciba.Waiting, userID string, approved bool) error
}

// Switch is what has a person asked nothing; *ciba.Requests.
type Switch interface {
	Refuses(ctx context.Context, userID string) (since time.Time, err error)
	Refuse(ctx context.Context, userID string, refuse bool) error
}

// Log is the audit log.
type Log interface {
	Record(ctx context.Context, e audit.Event) error
}

// Options of New. All but Push are required.
type Options struct {
	Clients   Authenticator
	Parser    Parser
	Requests  Requests
	Switch    Switch
	Approvals *approval.Approvals
	Audit     Log
	Limits    *ratelimit.Limiter
	Login     *login.Login
	Browser   *browser.Browser
	Pages     *pages.Pages
	App       func(ctx context.Context, clientID string) pages.App
	Push      bool // clients may be sent their tokens
}

// Handler answers the endpoint and the page.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Clients == nil || o.Parser == nil || o.Requests == nil || o.Switch == nil ||
		o.Approvals == nil || o.Audit == nil || o.Limits == nil || o.Login == nil ||
		o.Browser == nil || o.Pages == nil || o.App == nil {
		return nil, errors.New("server/ciba: all options are required")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.API("POST /oauth2/bc-authorize", web.NoBrowsers, h.begin, web.Nothing)
	m.Page("GET "+path, h.show)
	m.Page("POST "+path, h.decide, web.Nothing)
	m.Page("POST "+path+"/refusal", h.refuse, web.Nothing)
	m.Page("GET "+path+"/account", h.another)
}

const path = "/account/requests"

// answer of CIBA Core section 7.3.
type answer struct {
	ID        string `json:"auth_req_id"`
	ExpiresIn int64  `json:"expires_in"`         // seconds
	Interval  int64  `json:"interval,omitempty"` // seconds; none of a client that does not ask
}

// How often a client may ask anybody, one person, and how often anybody may ask one person.
const (
	perClient       = 600 // in ten minutes
	perClientPerson = 10  // an hour
	perPerson       = 20  // an hour
)

// begin takes the request of an app (CIBA Core section 7).
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	form, err := request.Form(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	c, err := h.Clients.Authenticate(ctx, r, form)
	if err != nil {
		return refusal.From(err)
	}
	telemetry.Add(ctx, slog.String("client_id", c.ClientID))
	if !c.HasGrant(clients.CIBA) || c.Public() {
		return refusal.UnauthorizedClient("This client is not registered for the grant of CIBA.")
	}
	if c.Pushes() && !h.Push {
		return refusal.UnauthorizedClient("Tokens are not pushed here: the client has to be registered for poll or ping.")
	}
	asked, err := h.Parser.Backchannel(ctx, c, form)
	if err != nil {
		return refusal.From(err)
	}
	whom, err := h.Requests.Whom(ctx, c, asked)
	if err != nil {
		return refusal.From(err)
	}
	limit := func(key string, free int64, window time.Duration) ratelimit.Limit {
		return ratelimit.Limit{Key: "ciba " + key, Free: free, Cap: free, Window: window, OnSuccess: ratelimit.Never}
	}
	_, err = h.Limits.Charge(ctx, limit("client "+c.ClientID, perClient, 10*time.Minute),
		limit("pair "+c.ClientID+" "+whom.Key(), perClientPerson, time.Hour), limit("person "+whom.Key(), perPerson, time.Hour))
	if errors.Is(err, ratelimit.ErrCapped) {
		return refusal.TooMany("That is too often.", 10*time.Minute)
	} else if err != nil {
		return refusal.From(err)
	}
	given, err := h.Requests.Begin(ctx, c, asked, whom, ciba.From{Network: audit.OriginOf(ctx).Network, Agent: r.UserAgent()})
	if err != nil {
		return refusal.From(err)
	}
	w.Header()["Cache-Control"] = []string{"no-store"}
	told := answer{ID: given.ID, ExpiresIn: int64(given.Expires / time.Second)}
	if !c.Pushes() {
		told.Interval = int64(ciba.Interval / time.Second)
	}
	return web.WriteJSON(w, http.StatusOK, told)
}
