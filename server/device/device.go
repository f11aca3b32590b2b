// Package device is what devices without a browser and their people meet (RFC 8628): the endpoint that gives a device its codes, and the
// pages where somebody signed in types the code, sees which app asks for what from where, and decides.
//
// The page has one danger to keep off: a stranger who begins on a device of their own and sends somebody the code. So nothing is ever
// allowed without a click, not even for the operator's own apps, and the code has to be compared. Begin with Handler.show.
package device

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
	"signet/oauth/device"
	"signet/oauth/flow"
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

// Parser judges what a device asks for; *request.Parser.
type Parser interface {
	Device(ctx context.Context, c *clients.Client, form url.Values) (flow.Request, error)
}

// Requests keeps what waits; *device.Requests.
type Requests interface {
	Begin(ctx context.Context, a device.Asking) (device.Codes, error)
	Find(ctx context.Context, code string) (device.Waiting, error)
	Decide(ctx context.Context, w device.Waiting, userID string, approved bool) error
}

// Log is the audit log.
type Log interface {
	Record(ctx context.Context, e audit.Event) error
}

// Options of New. All are required.
type Options struct {
	Issuer    string
	Clients   Authenticator
	Parser    Parser
	Requests  Requests
	Approvals *approval.Approvals
	Audit     Log
	Limits    *ratelimit.Limiter
	Login     *login.Login
	Browser   *browser.Browser
	Pages     *pages.Pages
	App       func(ctx context.Context, clientID string) pages.App
}

// Handler answers the endpoint and the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Issuer == "" || o.Clients == nil || o.Parser == nil || o.Requests == nil || o.Approvals == nil || o.Audit == nil ||
		o.Limits == nil || o.Login == nil || o.Browser == nil || o.Pages == nil || o.App == nil {
		return nil, errors.New("server/device: all options are required")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.API("POST /oauth2/device_authorization", web.NoBrowsers, h.begin, web.Nothing)
	m.Page("GET "+path, h.show)
	m.Page("POST "+path, h.typed, web.Nothing)
	m.Page("GET "+path+"/account", h.another)
	m.Page("POST "+path+"/decide", h.decide, web.Nothing)
	m.Page("GET "+path+"/done", h.done)
}

const path = "/device"

// answer of RFC 8628 section 3.2.
type answer struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"` // seconds
	Interval                int64  `json:"interval"`   // seconds
}

// begin gives a device its codes (RFC 8628 section 3.1).
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	form, err := request.Form(r)
	if err != nil {
		return err
	}
	c, err := h.Clients.Authenticate(r.Context(), r, form)
	if err != nil {
		return refusal.From(err)
	}
	telemetry.Add(r.Context(), slog.String("client_id", c.ClientID))
	if !c.HasGrant(clients.DeviceCode) {
		return refusal.UnauthorizedClient("This client is not registered for the device grant.")
	}
	asked, err := h.Parser.Device(r.Context(), c, form)
	if err != nil {
		return refusal.From(err)
	}
	origin := audit.OriginOf(r.Context())
	codes, err := h.Requests.Begin(r.Context(), device.Asking{
		Request: asked, Proven: !c.Public(), Network: origin.Network, Address: origin.Host(), Agent: r.UserAgent(),
	})
	if err != nil {
		return refusal.From(err)
	}
	w.Header()["Cache-Control"] = []string{"no-store"}
	return web.WriteJSON(w, http.StatusOK, answer{
		DeviceCode: codes.DeviceCode, UserCode: codes.UserCode,
		VerificationURI: h.Issuer + path, VerificationURIComplete: h.Issuer + path + "?user_code=" + url.QueryEscape(codes.UserCode),
		ExpiresIn: int64(device.Life / time.Second), Interval: int64(device.Interval / time.Second),
	})
}
