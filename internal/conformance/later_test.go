package conformance

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"signet/server/servertest"
)

// oidcc-codereuse-30seconds: a code that comes a second time, half a minute later, is refused, and the access token that it brought is good
// for nothing any more. In a bubble, where that time passes at once; the other tests have sockets and cannot be in one.
func TestBasic_OIDCCCodeReuse30Seconds(t *testing.T) { // OpenID Connect Core section 3.1.3.2, RFC 6749 section 4.1.2
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
		ada, app, b := s.Person(t, "ada@example.com"), s.App(t, "rp").With("openid"), s.Browser(t)
		r := app.Begin(t, b)
		b.SignIn(t, ada).Allow(t)
		form := url.Values{"grant_type": {"authorization_code"}, "code": {r.Code(t, b)}, "redirect_uri": {app.RedirectURIs[0]},
			"code_verifier": {r.Verifier}}
		status, first := app.Post(t, "/oauth2/token", form)
		access, _ := first["access_token"].(string)
		if status != http.StatusOK || app.Userinfo(t, access)["sub"] != ada.ID {
			t.Fatalf("%d %v", status, first)
		}
		time.Sleep(30 * time.Second)
		if status, second := app.Post(t, "/oauth2/token", form); status != http.StatusBadRequest || second["error"] != "invalid_grant" {
			t.Errorf("half a minute later: %d %v", status, second)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+access)
		res, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("the first access token afterwards: %d", res.StatusCode)
		}
	})
}
