// Package push is the endpoint of pushed authorization requests: POST /oauth2/par (RFC 9126). An app sends its request here, server to
// server, authenticated, and takes people to the authorization endpoint with a reference to it.
package push

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
	"signet/oauth/dpop"
	"signet/oauth/flow"
	"signet/oauth/pushed"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/web"
)

// Authenticator tells which client a request comes from; *clientauth.Authenticator.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, form url.Values) (*clients.Client, error)
}

// Parser judges requests; *request.Parser.
type Parser interface {
	Pushed(ctx context.Context, form url.Values) (flow.Request, *clients.Client, error)
	// Meet makes a client known that nobody registered.
	Meet(ctx context.Context, form url.Values) error
}

// Keeper keeps them; *pushed.Requests.
type Keeper interface {
	Push(ctx context.Context, req flow.Request, h pushed.Holder) (uri string, err error)
}

// Options of New. Proofs may be nil: none are read.
type Options struct {
	Clients Authenticator
	Parser  Parser
	Keeper  Keeper
	Proofs  *dpop.Verifier
	// Spend uses a proof up, right before the answer.
	Spend func(ctx context.Context, p *dpop.Proof) error
}

// Handler serves the endpoint.
type Handler struct{ o Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Clients == nil || o.Parser == nil || o.Keeper == nil || (o.Proofs != nil && o.Spend == nil) {
		return nil, errors.New("server/push: clients, parser, keeper, and what spends proofs are required")
	}
	return &Handler{o}, nil
}

// Mount implements web.Mounter.
func (h *Handler) Mount(m *web.Mux) {
	m.API("POST /oauth2/par", web.RegisteredCORS, h.push, web.Nothing)
}

// push judges a request as the authorization endpoint would, and keeps it.
func (h *Handler) push(w http.ResponseWriter, r *http.Request) error {
	form, err := request.Form(r)
	if err != nil {
		return err
	}
	proof, err := h.o.Proofs.Judge(r.Header, http.MethodPost, "/oauth2/par")
	if err != nil {
		return err
	}
	if err := h.o.Parser.Meet(r.Context(), form); err != nil {
		return told(err)
	}
	client, err := h.o.Clients.Authenticate(r.Context(), r, form)
	if err != nil {
		return refusal.From(err)
	}
	req, err := h.judge(r.Context(), client, form)
	if err != nil {
		return err
	}
	if no := proof.Fits(client); no != nil {
		return no
	}
	if proof != nil {
		if req.DPoPJKT != "" && req.DPoPJKT != proof.JKT {
			return refusal.InvalidDPoPProof("dpop_jkt is not the key of the DPoP proof.")
		}
		req.DPoPJKT = proof.JKT // RFC 9449 section 10.1
		if err := h.o.Spend(r.Context(), proof); err != nil {
			return refusal.From(err)
		}
		h.o.Proofs.Renew(w.Header(), proof)
	}
	holder := pushed.Holder{ClientID: client.ClientID}
	if client.Public() {
		origin := audit.OriginOf(r.Context())
		holder.Network, holder.Address = origin.Network, origin.Host()
	}
	uri, err := h.o.Keeper.Push(r.Context(), req, holder)
	if err != nil {
		return refusal.From(err)
	}
	telemetry.Add(r.Context(), slog.String("client_id", client.ClientID))
	w.Header()["Cache-Control"] = []string{"no-store"}
	return web.WriteJSON(w, http.StatusCreated, answer{RequestURI: uri, ExpiresIn: int64(pushed.Life / time.Second)})
}

// answer of RFC 9126 section 2.2.
type answer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// judge makes a refusal of every error: there is no page here, and nobody is sent anywhere (RFC 9126 section 2.3). What proves the client
// is no part of the request.
func (h *Handler) judge(ctx context.Context, client *clients.Client, form url.Values) (flow.Request, error) {
	if form.Has("request_uri") {
		return flow.Request{}, refusal.InvalidRequest("Push the request itself, not a request_uri.")
	}
	asked := url.Values{}
	for name, values := range form {
		switch name {
		case "client_secret", "client_assertion", "client_assertion_type":
		default:
			asked[name] = values
		}
	}
	asked.Set("client_id", client.ClientID)
	req, _, err := h.o.Parser.Pushed(ctx, asked)
	return req, told(err)
}

// told is what a client is told of an error.
func told(err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*request.Redirectable](err); ok {
		return bad.Refusal
	}
	bad, ok := errors.AsType[*request.PageOnly](err)
	if !ok {
		return refusal.From(err)
	}
	if no, ok := errors.AsType[*refusal.Refusal](bad); ok { // the request object could not be read
		return no
	}
	if wait, ok := errors.AsType[*ratelimit.Throttled](bad); ok {
		return refusal.TooMany("Too many clients that are not known. Wait before the next one.", wait.RetryAfter)
	}
	if bad.Kind == "no_document" {
		return refusal.InvalidClient("The metadata document of the client cannot be had, or does not count.").Because(bad)
	}
	return refusal.InvalidRequest(said[bad.Kind]).Because(bad)
}

// said is what a client is told of errors that the authorization endpoint has a page for.
var said = map[string]string{
	"redirect_mismatch": "The redirect_uri is not one that the client registered.",
	"redirect_missing":  "The redirect_uri is missing.",
	"invalid_request":   "A parameter is repeated or malformed.",
	"unknown_client":    "The client is not known.",
	"client_disabled":   "The client is disabled.",
}
