// Command api is a resource server: it validates Signet's access tokens by itself, with the published JWKS
// (RFC 9068 section 4), so that no request needs a call to Signet.
//
// Environment: ISSUER (http://localhost:9400), AUDIENCE (http://localhost:9420: its identifier as registered),
// LISTEN (localhost:9420), ORIGIN (http://localhost:9430: the SPA that may call it).
package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	listen := cmp.Or(os.Getenv("LISTEN"), "localhost:9420")
	a, err := newAPI(context.Background(), cmp.Or(os.Getenv("ISSUER"), "http://localhost:9400"),
		cmp.Or(os.Getenv("AUDIENCE"), "http://localhost:9420"), cmp.Or(os.Getenv("ORIGIN"), "http://localhost:9430"))
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("http://%s/notes", listen)
	server := &http.Server{Addr: listen, Handler: a.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

type api struct {
	verifier *oidc.IDTokenVerifier
	origin   string
}

func newAPI(ctx context.Context, issuer, audience, origin string) (*api, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", issuer, err)
	}
	// go-oidc's verifier checks signature, issuer, audience and expiry; the key set is cached and read again when a new kid
	// appears. What makes it an access token (typ) is checked in claims.
	return &api{origin: origin,
		verifier: provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"ES256", "RS256"}})}, nil
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", a.need("notes:read", func(w http.ResponseWriter, c claims) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"owner": c.Subject, "notes": []string{"Buy milk", "Read RFC 9068"}})
	}))
	return a.cors(mux)
}

type claims struct {
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	// Bound is the key that the token is bound to (RFC 9449): this API checks no proofs, so it takes only tokens that are bound to none.
	Bound json.RawMessage `json:"cnf"`
}

// need lets a request through whose access token carries the scope; else it answers as RFC 6750 section 3 says.
func (a *api) need(scope string, h func(http.ResponseWriter, claims)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := a.claims(r)
		switch {
		case errors.Is(err, errNoToken):
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send an access token", http.StatusUnauthorized)
		case err != nil:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "access token refused", http.StatusUnauthorized)
		case !slices.Contains(strings.Fields(c.Scope), scope):
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, scope))
			http.Error(w, "needs the scope "+scope, http.StatusForbidden)
		default:
			h(w, c)
		}
	}
}

var errNoToken = errors.New("no access token")

func (a *api) claims(r *http.Request) (c claims, err error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return c, errNoToken
	}
	if err := isAccessToken(token); err != nil { // an ID token is none (RFC 9068 section 4)
		return c, err
	}
	t, err := a.verifier.Verify(r.Context(), token)
	if err != nil {
		return c, err
	}
	if err := t.Claims(&c); err != nil {
		return c, err
	}
	if c.Bound != nil {
		return c, errors.New("the access token is bound to a key")
	}
	return c, nil
}

func isAccessToken(token string) error {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return err
	}
	var h struct {
		Type string `json:"typ"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return err
	}
	if t := strings.ToLower(h.Type); t != "at+jwt" && t != "application/at+jwt" {
		return fmt.Errorf("typ is %q, want at+jwt", h.Type)
	}
	return nil
}

// cors lets the SPA's origin read answers.
func (a *api) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if r.Header.Get("Origin") == a.origin {
			w.Header().Set("Access-Control-Allow-Origin", a.origin)
			w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
