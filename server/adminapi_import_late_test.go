package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"signet/server/servertest"
)

// TestAdminAPIImportGivesNothingThatItsSenderLost: a body may take a minute to arrive; a key or an access token that is revoked meanwhile,
// and an app that is disabled or registered for less, import nobody.
func TestAdminAPIImportGivesNothingThatItsSenderLost(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		app := d.want(201, "POST /clients", map[string]any{"client_id": "hr", "client_name": "HR", "first_party": true,
			"grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "client_secret_post", "scope": "signet:people:write"})
		key := d.want(201, "POST /api-keys", map[string]any{"client_id": "hr", "name": "nightly", "permissions": []string{"people:write"},
			"expires_at": time.Now().Add(time.Hour)})
		post := func(path string, form url.Values) (token string) {
			t.Helper()
			form.Set("client_id", "hr")
			form.Set("client_secret", app["client_secret"].(string))
			res, err := d.HTTP.PostForm(d.URL+path, form)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var got struct {
				Token string `json:"access_token"`
			}
			_ = json.NewDecoder(res.Body).Decode(&got) // a revocation answers with nothing
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d", path, res.StatusCode)
			}
			return got.Token
		}
		issue := func() string {
			return post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "resource": {d.URL + "/api/admin"},
				"scope": {"signet:people:write"}})
		}
		token, revoked := issue(), issue()
		late := func(name, token string, want int, lose func()) {
			t.Helper()
			slow, rest := io.Pipe()
			over := make(chan int)
			go func() {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/api/admin/v1/people:import", slow)
				req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/jsonl"}}
				status := 0
				if res, err := d.HTTP.Do(req); err == nil {
					status = res.StatusCode
					res.Body.Close()
				}
				over <- status
			}()
			_, _ = io.WriteString(rest, `{"email":"`+name) // it is being read from here on
			lose()
			_, _ = io.WriteString(rest, "@example.com\"}\n")
			_ = rest.Close()
			if status := <-over; status != want {
				t.Errorf("%s: %d, want %d", name, status, want)
			}
			if n := len(items(d.want(200, "GET /people?search="+name, nil))); (n > 0) != (want == http.StatusOK) {
				t.Errorf("%s: %d imported", name, n)
			}
		}
		late("nothing", token, http.StatusOK, func() {})
		late("key", key["api_key"].(string), http.StatusUnauthorized, func() {
			d.want(204, "DELETE /api-keys/"+key["id"].(string), nil)
		})
		late("revoked", revoked, http.StatusUnauthorized, func() { post("/oauth2/revoke", url.Values{"token": {revoked}}) })
		late("disabled", token, http.StatusUnauthorized, func() { d.want(200, "POST /clients/hr/disable", nil) })
		d.want(200, "POST /clients/hr/enable", nil)
		late("scope", token, http.StatusForbidden, func() {
			d.want(200, "PATCH /clients/hr", map[string]any{"scope": "signet:people:read"}, "If-Match: *")
		})
	})
}
