package server_test

import (
	"net/http"
	"net/url"
	"testing"

	"signet/server/servertest"
)

// In a whole server, what the operator lists under apps.
func TestAppsWithASchemeOfTheirOwnAndWebViews(t *testing.T) {
	s := servertest.New(t, servertest.YAML(`
apps: {private_schemes: [myapp], origins: ["capacitor://localhost"]}
clients: [{client_id: app, application_type: native, token_endpoint_auth_method: none, redirect_uris: ["myapp:/cb"]}]
`))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path, origin string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	for origin, want := range map[string]string{"capacitor://localhost": "capacitor://localhost", "capacitor://other": "",
		"ionic://localhost": ""} {
		for _, path := range []string{"/oauth2/token", "/oauth2/revoke", "/userinfo"} {
			if got := ask(http.MethodOptions, path, origin).Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s at %s: %q", origin, path, got)
			}
		}
	}
	q := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "scope": {"openid"}, "state": {"12345678"}, "redirect_uri": {"myapp:/cb"},
		"prompt":         {"none"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	res := ask(http.MethodGet, "/oauth2/authorize?"+q.Encode(), "")
	if to, err := res.Location(); err != nil || to.Scheme != "myapp" || to.Query().Get("error") != "login_required" {
		t.Errorf("%d, to %v, %v", res.StatusCode, to, err)
	}
}
