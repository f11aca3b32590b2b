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

// TestAdminAPIImportGivesNothingThatItsSenderLost: a body may take a minute to arrive; a key that is revoked meanwhile, and an app that is
// disabled or registered for less, import nobody.
func TestAdminAPIImportGivesNothingThatItsSenderLost(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		app := d.want(201, "POST /clients", map[string]any{"client_id": "hr", "client_name": "HR", "first_party": true,
			"grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "client_secret_post", "scope": "signet:people:write"})
		key := d.want(201, "POST /api-keys", map[string]any{"client_id": "hr", "name": "nightly", "permissions": []string{"people:write"},
			"expires_at": time.Now().Add(time.Hour)})
		res, err := d.HTTP.PostForm(d.URL+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"hr"},
			"client_secret": {app["client_secret"].(string)}, "resource": {d.URL + "/api/admin"}, "scope": {"signet:people:write"}})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Token string `json:"access_token"`
		}
		err = json.NewDecoder(res.Body).Decode(&got)
		res.Body.Close()
		if err != nil || got.Token == "" {
			t.Fatalf("no token: %d %v", res.StatusCode, err)
		}
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
		late("nothing", got.Token, http.StatusOK, func() {})
		late("key", key["api_key"].(string), http.StatusUnauthorized, func() {
			d.want(204, "DELETE /api-keys/"+key["id"].(string), nil)
		})
		late("scope", got.Token, http.StatusForbidden, func() {
			d.want(200, "PATCH /clients/hr", map[string]any{"scope": "signet:people:read"}, "If-Match: *")
		})
	})
}
