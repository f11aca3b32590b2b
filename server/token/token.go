// Package token serves applications that fetch tokens, ask about them and give them back: POST /oauth2/token,
// /oauth2/introspect and /oauth2/revoke (RFC 6749 section 3.2, RFC 7662, RFC 7009).
//
// It reads the form, lets package clientauth say which client asks, and writes every byte of the answers. What is answered is
// package oauth's to decide. Begin reading with Mount.
package token

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"signet/clients"
	"signet/internal/telemetry"
	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/web"
)

// Authenticator tells which client a request comes from; *clientauth.Authenticator.
type Authenticator interface {
	Authenticate(ctx context.Context, r *http.Request, form url.Values) (*clients.Client, error)
}

// Provider is the protocol; *oauth.Provider.
type Provider interface {
	CheckGrantType(form url.Values) error
	Token(ctx context.Context, r oauth.TokenRequest) (*oauth.Answer, error)
	Introspect(ctx context.Context, caller *clients.Client, token string) (oauth.Introspection, error)
	SignIntrospection(ctx context.Context, caller *clients.Client, answer oauth.Introspection) (string, error)
	Revoke(ctx context.Context, caller *clients.Client, token string) error
}

// Handler serves the three endpoints.
type Handler struct {
	provider Provider
	clients  Authenticator
	proofs   *dpop.Verifier
}

// New makes the handler. proofs judges those of possession (RFC 9449); nil: none are read.
func New(provider Provider, authenticator Authenticator, proofs *dpop.Verifier) (*Handler, error) {
	if provider == nil || authenticator == nil {
		return nil, errors.New("server/token: provider and authenticator are required")
	}
	return &Handler{provider: provider, clients: authenticator, proofs: proofs}, nil
}

// Mount implements web.Mounter. Browser apps may read the answers of token and revocation, not of introspection, which is for
// servers that keep a secret.
func (h *Handler) Mount(m *web.Mux) {
	m.API("POST /oauth2/token", web.RegisteredCORS, h.token, web.Nothing)
	m.API("POST /oauth2/revoke", web.RegisteredCORS, h.revoke, web.Nothing)
	m.API("POST /oauth2/introspect", web.NoCORS, h.introspect, web.Nothing)
}

// token answers a token request (RFC 6749 section 5).
func (h *Handler) token(w http.ResponseWriter, r *http.Request) error {
	form, err := read(r)
	if err != nil {
		return err
	}
	if err := h.provider.CheckGrantType(form); err != nil {
		name(r, form)
		telemetry.Add(r.Context(), telemetry.Sent("grant_type", form.Get("grant_type")))
		return err
	}
	proof, err := h.proofs.Judge(r.Header, http.MethodPost, "/oauth2/token") // before a client assertion is used up
	if err != nil {
		name(r, form)
		return err
	}
	certificate, err := web.Certificate(r)
	if err != nil {
		name(r, form)
		return err
	}
	client, err := h.authenticate(r, form)
	if err != nil {
		return err
	}
	answer, err := h.provider.Token(r.Context(), oauth.TokenRequest{Client: client, Form: form, Proof: proof, Certificate: certificate})
	if err != nil {
		return err
	}
	h.proofs.Renew(w.Header(), proof)
	return write(w, answer)
}

// read gives the form of a request.
func read(r *http.Request) (url.Values, error) {
	form, err := request.Form(r)
	if err != nil {
		name(r, r.PostForm)
	}
	return form, err
}

// name notes which client a request that is refused before anybody is authenticated says it comes from.
func name(r *http.Request, form url.Values) {
	id := form.Get("client_id")
	if user, _, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
	}
	if id != "" {
		telemetry.Add(r.Context(), telemetry.Sent("client_id", id))
	}
}

// introspect tells about a token (RFC 7662 section 2).
func (h *Handler) introspect(w http.ResponseWriter, r *http.Request) error {
	client, token, err := h.about(r)
	if err != nil {
		return err
	}
	answer, err := h.provider.Introspect(r.Context(), client, token)
	if err != nil {
		return err
	}
	if !accepts(r, introspectionJWT) {
		return write(w, answer)
	}
	signed, err := h.provider.SignIntrospection(r.Context(), client, answer)
	if err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noStore
	w.Header()["Content-Type"] = []string{introspectionJWT}
	_, _ = w.Write([]byte(signed)) // the client went away: nobody to tell
	return nil
}

// introspectionJWT is the media type of a signed answer (RFC 9701 section 4).
const introspectionJWT = "application/token-introspection+jwt"

// accepts reports whether the request asks for the media type by name; a weight of 0 refuses it (RFC 9110 section 12.5.1).
func accepts(r *http.Request, media string) bool {
	for _, header := range r.Header["Accept"] {
		for one := range strings.SplitSeq(header, ",") {
			name, params, err := mime.ParseMediaType(one)
			if weight, _ := strconv.ParseFloat(params["q"], 64); err == nil && name == media && (params["q"] == "" || weight > 0) {
				return true
			}
		}
	}
	return false
}

// revoke gives a token back: 200 and nothing more, whatever the token was (RFC 7009 section 2.2).
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) error {
	client, token, err := h.about(r)
	if err != nil {
		return err
	}
	if err := h.provider.Revoke(r.Context(), client, token); err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noStore
	w.Header()["Content-Type"] = nil // there is no body to have a type
	w.WriteHeader(http.StatusOK)
	return nil
}

// about reads who asks about which token. The hint is not needed: a token says itself what it is.
func (h *Handler) about(r *http.Request) (*clients.Client, string, error) {
	form, err := read(r)
	if err != nil {
		return nil, "", err
	}
	client, err := h.authenticate(r, form)
	if err != nil {
		return nil, "", err
	}
	token := form.Get("token")
	if token == "" {
		return nil, "", refusal.InvalidRequest("The parameter token is missing.")
	}
	return client, token, nil
}

// authenticate makes a refusal of every error: a database that is away is nobody's wrong secret.
func (h *Handler) authenticate(r *http.Request, form url.Values) (*clients.Client, error) {
	client, err := h.clients.Authenticate(r.Context(), r, form)
	if err != nil {
		return nil, refusal.From(err)
	}
	return client, nil
}

var noStore = []string{"no-store"}

// write sends what no cache may keep (RFC 6749 section 5.1).
func write(w http.ResponseWriter, answer any) error {
	w.Header()["Cache-Control"] = noStore
	return web.WriteJSON(w, http.StatusOK, answer)
}
