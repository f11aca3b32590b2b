// Package userinfo tells an application about the person of an access token: GET and POST /userinfo
// (OpenID Connect Core section 5.3).
//
// It finds the token where RFC 6750 section 2 allows it, in the header or the form, never in the URL, and writes the
// challenges of section 3. Whom the token is about is package oauth's to say. Begin reading with Mount.
package userinfo

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"signet/oauth"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/web"
)

// Provider is the protocol; *oauth.Provider.
type Provider interface {
	Userinfo(ctx context.Context, token string) (oauth.Userinfo, error)
}

// Handler serves the endpoint.
type Handler struct{ provider Provider }

// New makes the handler.
func New(provider Provider) (*Handler, error) {
	if provider == nil {
		return nil, errors.New("server/userinfo: provider is required")
	}
	return &Handler{provider: provider}, nil
}

// Mount implements web.Mounter.
func (handler *Handler) Mount(m *web.Mux) {
	m.API("GET /userinfo", web.RegisteredCORS, handler.answer)
	m.API("POST /userinfo", web.RegisteredCORS, handler.answer, web.Nothing)
}

func (handler *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	token, err := bearer(r)
	if err != nil {
		return challenged(err)
	}
	if token == "" { // nobody tried: the challenge says how, without an error (RFC 6750 section 3.1)
		w.Header()["Www-Authenticate"] = []string{realm}
		w.Header()["Cache-Control"] = noStore
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	told, err := handler.provider.Userinfo(r.Context(), token)
	if err != nil {
		return challenged(err)
	}
	w.Header()["Cache-Control"] = noStore
	if told.JWT != "" {
		w.Header()["Content-Type"] = []string{"application/jwt"}
		_, _ = w.Write([]byte(told.JWT)) // the client went away: nobody to tell
		return nil
	}
	return web.WriteJSON(w, http.StatusOK, told.Claims)
}

// bearer finds the token of a request; "" is none.
func bearer(r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token=") {
		return "", refusal.InvalidRequest("Send the access token in the header, not in the URL.")
	}
	var token string
	if header := r.Header["Authorization"]; len(header) > 1 {
		return "", refusal.InvalidRequest("There are several Authorization headers.")
	} else if len(header) == 1 {
		scheme, value, _ := strings.Cut(header[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return "", nil
		}
		if token = strings.TrimLeft(value, " "); token == "" {
			return "", refusal.InvalidRequest("The Authorization header has no token.")
		}
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return token, nil
	}
	form, err := request.Form(r)
	switch {
	case err != nil:
		return "", err
	case token != "" && form.Has("access_token"):
		return "", refusal.InvalidRequest("Send the access token once, not in header and body.")
	case token == "":
		token = form.Get("access_token")
	}
	return token, nil
}

const realm = `Bearer realm="signet"`

var noStore = []string{"no-store"}

// challenged adds the WWW-Authenticate of RFC 6750 section 3 to what is the caller's fault.
func challenged(err error) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Status >= http.StatusInternalServerError {
		return err
	}
	challenge := realm + `, error="` + no.Code + `", error_description="` + no.Description + `"`
	if no.Code == "insufficient_scope" {
		challenge += `, scope="openid"`
	}
	if no.Demand != "" {
		challenge += ", " + no.Demand
	}
	c := no.Because(err)
	c.Header = http.Header{"Www-Authenticate": {challenge}}
	return c
}
