package server_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestRFC9449_11_1_StrangersSpendNothing: proofs that are good in themselves, of unknown clients, with dead codes and forged tokens, leave
// no row: a proof is spent where something is answered.
func TestRFC9449_11_1_StrangersSpendNothing(t *testing.T) {
	t.Parallel()
	dsn := storagetest.SQLiteDSN(t)
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(db))
	s.App(t, "spa", func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.GrantTypes = clients.MethodNone, []string{clients.AuthorizationCode, clients.RefreshToken}
	})
	key := dpoptest.New(t)
	spent := func() int { return strings.Count(storagetest.Dump(t, dsn), "kind=dpop ") }
	dead := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://spa.example.com/cb"},
		"code_verifier": {strings.Repeat("v", 43)}}
	with := func(v url.Values, id string) url.Values {
		v.Set("client_id", id)
		return v
	}
	for _, tt := range []struct {
		path string
		form url.Values
	}{
		{"/oauth2/token", with(url.Values{"grant_type": {"client_credentials"}}, "nobody")},
		{"/oauth2/token", with(dead, "spa")},
		{"/oauth2/token", with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"a.b.c"}}, "spa")},
		{"/oauth2/par", with(url.Values{"response_type": {"code"}}, "nobody")},
		{"/oauth2/par", with(url.Values{"response_type": {"code"}, "redirect_uri": {"https://evil.example/"}}, "spa")},
		{"/userinfo", nil},
	} {
		for range 100 {
			method := "POST"
			if tt.form == nil {
				method = "GET"
			}
			claims := dpoptest.Claims(method, s.URL+tt.path)
			if tt.form == nil {
				claims["ath"] = dpoptest.Hash("a.b.c")
			}
			r := httptest.NewRequest(method, s.URL+tt.path, strings.NewReader(tt.form.Encode()))
			if r.Header.Set("DPoP", key.Sign(t, claims, nil)); tt.form == nil {
				r.Header.Set("Authorization", "DPoP a.b.c")
			} else {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code/100 != 4 || strings.Contains(w.Body.String(), "invalid_dpop_proof") {
				t.Fatalf("%s: %d %s", tt.path, w.Code, w.Body)
			}
		}
	}
	if n := spent(); n != 0 {
		t.Errorf("%d rows of proofs", n)
	}
	b := bound{t, s, s.App(t, "robot", func(m *clients.Metadata) { m.GrantTypes = []string{clients.ClientCredentials} }), key}
	if code, got, _ := b.post(s, url.Values{"grant_type": {clients.ClientCredentials}}, b.proof()); code != 200 || spent() != 1 {
		t.Errorf("one that is answered: %d %v, %d rows", code, got, spent())
	}
}
