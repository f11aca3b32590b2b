// Package userinfo tells an application about the person of an access token: GET and POST /userinfo
// (OpenID Connect Core section 5.3).
//
// It finds the token where RFC 6750 section 2 allows it, in the header or the form, never in the URL, and writes the
// challenges of section 3. Whom the token is about is package oauth's to say. Begin reading with Mount.
package userinfo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"signet/internal/telemetry"
	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/refusal"
	"signet/oauth/request"
	"signet/server/web"
)

// Provider is the protocol; *oauth.Provider.
type Provider interface {
	Userinfo(ctx context.Context, sent oauth.Presented) (oauth.Userinfo, error)
}

// Handler serves the endpoint.
type Handler struct {
	provider Provider
	o        Options
}

// Options of New; none is required.
type Options struct {
	Proofs   *dpop.Verifier // of possession (RFC 9449); nil: none are read, and no token can be bound
	Metadata string         // address of the endpoint's own metadata (RFC 9728); "" = none
}

// New makes the handler.
func New(provider Provider, o Options) (*Handler, error) {
	if provider == nil {
		return nil, errors.New("server/userinfo: provider is required")
	}
	return &Handler{provider: provider, o: o}, nil
}

// Mount implements web.Mounter.
func (handler *Handler) Mount(m *web.Mux) {
	m.API("GET /userinfo", web.RegisteredCORS, handler.answer)
	m.API("POST /userinfo", web.RegisteredCORS, handler.answer, web.Nothing)
}

func (handler *Handler) answer(w http.ResponseWriter, r *http.Request) error {
	sent, err := handler.presented(r)
	interaction(w, r, sent.Proof != nil || sent.Certificate != nil)
	if err != nil {
		return handler.challenged(err, sent.DPoP)
	}
	if sent.Token == "" { // nobody tried: the challenge says how, without an error (RFC 6750 section 3.1)
		w.Header()["Www-Authenticate"] = handler.challenges("", false)
		w.Header()["Cache-Control"] = noStore
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	told, err := handler.provider.Userinfo(r.Context(), sent)
	if err != nil {
		return handler.challenged(err, sent.DPoP || sent.Proof != nil)
	}
	handler.o.Proofs.Renew(w.Header(), sent.Proof)
	w.Header()["Cache-Control"] = noStore
	if told.JWT != "" {
		w.Header()["Content-Type"] = []string{"application/jwt"}
		_, _ = w.Write([]byte(told.JWT)) // the client went away: nobody to tell
		return nil
	}
	return web.WriteJSON(w, http.StatusOK, told.Claims)
}

// interaction gives the id of what the client is doing back to it, and to the log (FAPI 1.0 Part 1 section 6.2.1, which FAPI-CIBA
// keeps). Only a UUID is one: nothing else that a client makes up gets into an answer or a log. Who shows a key or a certificate, as
// clients of FAPI do, and sends none gets one of ours.
func interaction(w http.ResponseWriter, r *http.Request, bound bool) {
	id := r.Header["X-Fapi-Interaction-Id"]
	switch {
	case len(id) == 1 && isUUID(id[0]):
	case bound && len(id) == 0:
		var b [16]byte
		_, _ = rand.Read(b[:])               // it never fails
		b[6], b[8] = b[6]&15|64, b[8]&63|128 // version 4 (RFC 9562 section 5.4)
		id = []string{fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])}
	default:
		return
	}
	w.Header()["X-Fapi-Interaction-Id"] = id
	telemetry.Add(r.Context(), slog.String("interaction_id", id[0]))
}

func isUUID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f':
		default:
			return false
		}
	}
	return len(s) == 36
}

// presented finds the token of a request with what shows that the sender may have it, and judges its proof; without a token nobody tried.
func (handler *Handler) presented(r *http.Request) (sent oauth.Presented, err error) {
	if sent.Token, sent.DPoP, err = handler.find(r); err != nil || sent.Token == "" {
		return sent, err
	}
	if sent.Proof, err = handler.o.Proofs.Judge(r.Header, r.Method, "/userinfo"); err != nil {
		return sent, err
	}
	sent.Certificate, err = web.Certificate(r)
	return sent, err
}

// find gives the token of a request; "" is none. Bound to a key it comes in the header only (RFC 9449 section 7.1).
func (handler *Handler) find(r *http.Request) (token string, bound bool, err error) {
	if strings.Contains(r.URL.RawQuery, "access_token=") {
		return "", false, refusal.InvalidRequest("Send the access token in the header, not in the URL.")
	}
	if header := r.Header["Authorization"]; len(header) > 1 {
		return "", false, refusal.InvalidRequest("There are several Authorization headers.")
	} else if len(header) == 1 {
		scheme, value, _ := strings.Cut(header[0], " ")
		bound = handler.o.Proofs != nil && strings.EqualFold(scheme, "DPoP")
		if !bound && !strings.EqualFold(scheme, "Bearer") {
			return "", false, nil
		}
		if token = strings.TrimLeft(value, " "); token == "" {
			return "", bound, refusal.InvalidRequest("The Authorization header has no token.")
		}
	}
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return token, bound, nil
	}
	form, err := request.Form(r)
	switch {
	case err != nil:
		return "", bound, err
	case token != "" && form.Has("access_token"):
		return "", bound, refusal.InvalidRequest("Send the access token once, not in header and body.")
	case token == "":
		token = form.Get("access_token")
	}
	return token, bound, nil
}

const realm = `Bearer realm="signet"`

var noStore = []string{"no-store"}

// challenges are the ways to come in; what went wrong is said in the one that was tried (RFC 9449 section 7.1).
func (handler *Handler) challenges(wrong string, bound bool) []string {
	bearer := realm
	if handler.o.Metadata != "" {
		bearer += `, resource_metadata="` + handler.o.Metadata + `"`
	}
	if handler.o.Proofs == nil {
		return []string{bearer + wrong}
	}
	key := `DPoP realm="signet", algs="` + strings.Join(dpop.Algs(), " ") + `"`
	if bound {
		return []string{bearer, key + wrong}
	}
	return []string{bearer + wrong, key}
}

// challenged adds the WWW-Authenticate of RFC 6750 section 3 to what is the caller's fault.
func (handler *Handler) challenged(err error, bound bool) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Status >= http.StatusInternalServerError {
		return err
	}
	challenge := `, error="` + no.Code + `", error_description="` + no.Description + `"`
	if no.Code == "insufficient_scope" {
		challenge += `, scope="openid"`
	}
	if no.Demand != "" {
		challenge += ", " + no.Demand
	}
	c := no.Because(err)
	if c.Header = no.Header.Clone(); c.Header == nil {
		c.Header = http.Header{}
	}
	c.Header["Www-Authenticate"] = handler.challenges(challenge, bound)
	if no.Code == "invalid_dpop_proof" || no.Code == "use_dpop_nonce" {
		c.Status = http.StatusUnauthorized
	}
	return c
}
