package apicheck_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signet/internal/apicheck"
	kit "signet/kit/go"
)

// states runs the checks against a handler, which is made for its own address.
func states(t *testing.T, token string, handler func(base string) http.Handler) map[string]apicheck.Finding {
	t.Helper()
	var inner http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r) }))
	defer s.Close()
	inner = handler(s.URL)
	list, err := apicheck.Run(t.Context(), apicheck.Options{URL: s.URL + "/mcp", Token: token, Transport: s.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]apicheck.Finding{}
	for _, f := range list {
		all[f.Rule] = f
	}
	return all
}

// TestTheKitBreaksNoRule: an API that uses the kit passes, whatever its issuer does: nobody has a key for what is sent.
func TestTheKitBreaksNoRule(t *testing.T) {
	issuer := httptest.NewServer(nil)
	issuer.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/jwks"})
	})
	defer issuer.Close()
	for rule, f := range states(t, "", func(base string) http.Handler {
		api, err := kit.New(issuer.URL, base+"/mcp", kit.Options{Document: kit.Document{Scopes: []string{"notes:read"}}})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/mcp", api.Require(kit.Scopes("notes:read"))(http.NotFoundHandler()))
		api.Mount(mux)
		return mux
	}) {
		if f.State == apicheck.Broken {
			t.Errorf("%s: %s", rule, f.Detail)
		}
	}
}

// TestWhatIsBrokenIsFound: an API that looks at nothing of a token but its claims.
func TestWhatIsBrokenIsFound(t *testing.T) {
	part := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	good := part(`{"alg":"ES256"}`) + "." + part(`{"sub":"ada"}`) + "." + part("signature")
	got := states(t, good, func(string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/") {
				_, _ = w.Write([]byte(
					`{"resource":"https://other.example","bearer_methods_supported":["header","query"],"scopes_supported":["offline_access"]}`))
				return
			}
			token := r.URL.Query().Get("access_token")
			if _, sent, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
				token = sent
			}
			if strings.Count(token, ".") != 2 {
				http.Error(w, "who are you?", http.StatusForbidden)
			}
		})
	})
	for _, rule := range []string{
		"a request without a token is answered with 401", "… and a challenge", "… and leads to the API's metadata",
		"… and is about this resource",
		"… and names an issuer", "… and takes tokens in the header alone", "… and asks for no offline_access", "… and scripts may read it",
		"what is no token is refused", "an unsigned token is refused", "a MAC is refused", "a key that the issuer does not have is refused",
		"a key in the token's own header is refused", "a token without its signature is refused", "a changed signature is refused",
		"changed claims are refused", "a token that is bound to nothing is refused as DPoP", "a token in the URL is refused, be it good",
	} {
		if f, ok := got[rule]; !ok || f.State != apicheck.Broken || f.Cure == "" {
			t.Errorf("%s: %+v", rule, f)
		}
	}
	if f := got["a good token is taken"]; f.State != apicheck.OK {
		t.Errorf("%+v", f)
	}
}

// TestNoAddress: what cannot be asked is an error, not a finding.
func TestNoAddress(t *testing.T) {
	for _, bad := range []string{"", "notes", "urn:notes", "ftp://api.example", "http://127.0.0.1:1"} {
		if _, err := apicheck.Run(t.Context(), apicheck.Options{URL: bad}); err == nil {
			t.Errorf("%q was asked", bad)
		}
	}
}
