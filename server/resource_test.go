package server_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

var metadataAt = regexp.MustCompile(`resource_metadata="([^"]+)"`)

// An application that knows nothing but the address of userinfo finds out how to call it (RFC 9728 section 5), also under a path.
func TestL07_UserinfoTellsHowItIsCalled(t *testing.T) {
	for name, opts := range map[string][]servertest.Option{"root": nil, "path": {servertest.Path("/tenant")}} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, append(opts, servertest.HandlerOnly())...)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/userinfo", nil))
			found := metadataAt.FindStringSubmatch(w.Header().Get("WWW-Authenticate"))
			if w.Code != http.StatusUnauthorized || found == nil {
				t.Fatalf("%d %v", w.Code, w.Header())
			}
			_, got, h := answer(t, s, httptest.NewRequest("GET", found[1], nil))
			resource, _ := got["resource"].(string)
			servers, _ := got["authorization_servers"].([]any)
			scopes, _ := got["scopes_supported"].([]any)
			if resource != s.URL+"/userinfo" || !slices.Equal(servers, []any{s.URL}) || !slices.Contains(scopes, any("openid")) ||
				got["dpop_signing_alg_values_supported"] == nil || h.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%v %v", got, h)
			}
			// The name that stands there is one that a token can be asked for with (RFC 8707).
			app, ada := s.App(t, "shop"), s.Person(t, "ada@example.com")
			tokens := app.Login(t, s.Browser(t), ada, oauth2.SetAuthURLParam("resource", resource))
			if told := app.Userinfo(t, tokens.AccessToken); told["sub"] != ada.ID {
				t.Errorf("userinfo: %v", told)
			}
		})
	}
}
