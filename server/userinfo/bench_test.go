package userinfo_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
)

// BenchmarkUserinfo is a token seen before: one read, claims of three scopes.
func BenchmarkUserinfo(b *testing.B) {
	h := oauthtest.New(b, oauthtest.Options{DB: oauthtest.Database(b)})
	h.SignIn(b)
	d := serve(b, h)
	a, err := h.Provider.Token(b.Context(),
		oauth.TokenRequest{Client: h.Client(b, "shop"), Form: oauthtest.Exchange(h.Code(b, "shop", "openid profile email", nil))})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", oauthtest.Issuer+"/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+a.AccessToken)
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
