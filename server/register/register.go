// Package register is the client registration endpoint: POST /oauth2/register (RFC 7591, OpenID Connect Dynamic Registration section 3) and
// GET, PUT and DELETE of what was registered (RFC 7592).
//
// It reads documents and tokens and writes answers; what may be registered is clients/registration's matter. Begin with Mount.
package register

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"signet/clients"
	"signet/clients/registration"
	"signet/internal/exact"
	"signet/internal/ratelimit"
	"signet/internal/telemetry"
	"signet/oauth/refusal"
	"signet/server/web"
)

// Clients compares a client's secret; *clients.Registry.
type Clients interface {
	Client(ctx context.Context, id string) (*clients.Client, error)
	CheckSecret(ctx context.Context, c *clients.Client, secret string) bool
}

// Limiter counts what strangers do; *ratelimit.Limiter.
type Limiter interface {
	Charge(ctx context.Context, limits ...ratelimit.Limit) (*ratelimit.Charge, error)
}

// Options of New. All are required.
type Options struct {
	Endpoint string // the whole address of the endpoint
	Service  *registration.Service
	Clients  Clients
	Limits   Limiter
	Keys     interface { // *keys.Ring; makes keys that a client needs, and waits until they are good
		Await(ctx context.Context, algs ...string) error
	}
}

// Handler serves the endpoint.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Endpoint == "" || o.Service == nil || o.Clients == nil || o.Limits == nil || o.Keys == nil {
		return nil, errors.New("register needs the endpoint, a service, clients, limits and keys")
	}
	return &Handler{o}, nil
}

// Mount states the routes; none where nobody registers.
func (h *Handler) Mount(m *web.Mux) {
	if h.Service.Mode() == registration.Off {
		return
	}
	m.API("POST /oauth2/register", web.OpenCORS, h.register, web.Nothing)
	m.API("GET /oauth2/register/{client_id}", web.OpenCORS, h.read)
	m.API("PUT /oauth2/register/{client_id}", web.OpenCORS, h.replace, web.Nothing)
	m.API("DELETE /oauth2/register/{client_id}", web.OpenCORS, h.remove, web.Nothing)
}

// From one network so many clients may register in an hour, from an IPv6 site and an IPv6 provider some times as many (rule V07); beyond it
// each waits a little. Registrations with an initial token are not counted: their number is the token's.
const (
	freeRegistrations = 20
	ofSite            = 5
	ofProvider        = 25
	longestWait       = 5 * time.Minute
)

func limits(from netip.Addr) []ratelimit.Limit {
	limit := ratelimit.Limit{Key: "register " + web.Network(from), Free: freeRegistrations, Window: time.Hour, First: 5 * time.Second,
		Max:       longestWait,
		OnSuccess: ratelimit.Never}
	list := []ratelimit.Limit{limit}
	for i, wide := range web.Around(from) {
		limit.Key, limit.Free = "register "+wide, freeRegistrations*[]int64{ofSite, ofProvider}[i]
		list = append(list, limit)
	}
	return list
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	token, err := bearer(r)
	if err != nil {
		return err
	}
	document, err := read(r)
	if err != nil {
		return err
	}
	if token == "" && h.Service.Mode() == registration.Open {
		if _, err := h.Limits.Charge(r.Context(), limits(web.Address(r))...); err != nil {
			return tooMany(err, "Too many clients were registered from here. Wait before the next one.")
		}
	}
	made, err := h.Service.Register(r.Context(), document, token, web.Network(web.Address(r)))
	if err != nil {
		return answered(err, token)
	}
	return h.write(w, r, http.StatusCreated, made)
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) error {
	id, token, err := h.whose(r)
	if err != nil {
		return err
	}
	found, err := h.Service.Read(r.Context(), id, token)
	if err != nil {
		return answered(err, token)
	}
	return h.write(w, r, http.StatusOK, found)
}

func (h *Handler) replace(w http.ResponseWriter, r *http.Request) error {
	id, token, err := h.whose(r)
	if err != nil {
		return err
	}
	document, err := read(r)
	if err != nil {
		return err
	}
	right := func(secret string) bool {
		c, err := h.Clients.Client(r.Context(), id)
		return err == nil && h.Clients.CheckSecret(r.Context(), c, secret)
	}
	made, err := h.Service.Replace(r.Context(), id, token, document, right)
	if err != nil {
		return tooMany(answered(err, token), "The client was changed too often. Wait before the next change.")
	}
	return h.write(w, r, http.StatusOK, made)
}

func (h *Handler) remove(w http.ResponseWriter, r *http.Request) error {
	id, token, err := h.whose(r)
	if err != nil {
		return err
	}
	if err := h.Service.Delete(r.Context(), id, token); err != nil {
		return answered(err, token)
	}
	w.Header()["Content-Type"] = nil
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) whose(r *http.Request) (id, token string, err error) {
	id = r.PathValue("client_id")
	telemetry.Add(r.Context(), telemetry.Sent("client_id", id))
	token, err = bearer(r)
	return id, token, err
}

func (h *Handler) write(w http.ResponseWriter, r *http.Request, status int, made registration.Registered) error {
	telemetry.Add(r.Context(), slog.String("client_id", made.Metadata.ClientID))
	if err := h.Keys.Await(r.Context(), made.Metadata.NeededKeys()...); err != nil { // it is registered; the keys come in a moment
		telemetry.Add(r.Context(), slog.String("error", err.Error()))
	}
	document, err := made.Document(h.Endpoint)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, status, document)
}

// read takes the document of a request: one JSON object, with nothing behind it.
func read(r *http.Request) (document map[string]json.RawMessage, err error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, malformed("Send the metadata as application/json.")
	}
	body, err := io.ReadAll(r.Body)
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, large
	}
	if err != nil {
		return nil, malformed("The body ends before it is whole.").Because(err)
	}
	switch err := exact.Unmarshal(body, &document); {
	case errors.Is(err, exact.ErrTwice):
		return nil, malformed("A member of the metadata is there twice.").Because(err)
	case err != nil || document == nil:
		return nil, malformed("The body is not one JSON object.").Because(err)
	}
	return document, nil
}

func malformed(description string) *refusal.Refusal {
	return &refusal.Refusal{Status: http.StatusBadRequest, Code: "invalid_client_metadata", Description: description}
}

// bearer is the token of a request (RFC 6750 section 2.1), "" = none.
func bearer(r *http.Request) (string, error) {
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if token = strings.TrimSpace(token); len(header) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", challenged("Send one bearer token.", true)
	}
	return token, nil
}

func tooMany(err error, description string) error {
	if wait, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return refusal.TooMany(description, wait.RetryAfter)
	}
	return err
}

const realm = `Bearer realm="signet"`

// challenged is the 401 of RFC 6750 section 3; without a token sent it names no error.
func challenged(description string, sent bool) *refusal.Refusal {
	no := refusal.InvalidToken(description)
	challenge := realm
	if sent {
		challenge += `, error="invalid_token", error_description="` + description + `"`
	}
	no.Header = http.Header{"Www-Authenticate": {challenge}}
	return no
}

func answered(err error, token string) error {
	if errors.Is(err, registration.ErrToken) {
		return challenged("The token is missing, unknown, used up or expired.", token != "").Because(err)
	}
	if no, ok := errors.AsType[*registration.Refusal](err); ok {
		return &refusal.Refusal{Status: http.StatusBadRequest, Code: no.Code, Description: no.Description}
	}
	if errors.Is(err, clients.ErrChanged) {
		return refusal.TemporarilyUnavailable("The client is being changed. Try again.").Because(err)
	}
	return err
}
