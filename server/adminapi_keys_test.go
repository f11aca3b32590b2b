package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients/apikey"
	"signet/server/servertest"
	"signet/storage"
)

// keyed is d with a key instead of its token, for an app that has the scopes.
func (d *adminAPI) keyed(id string, permissions ...string) (with *adminAPI, key map[string]any) {
	d.Helper()
	d.want(201, "POST /clients", map[string]any{"client_id": id, "client_name": id, "first_party": true,
		"grant_types":                []string{"client_credentials"},
		"token_endpoint_auth_method": "client_secret_basic", "scope": "signet:people:read signet:groups:write signet:clients:secrets"})
	key = d.want(201, "POST /api-keys", map[string]any{"client_id": id, "name": "directory", "permissions": permissions,
		"expires_at": time.Now().Add(24 * time.Hour)})
	with = new(adminAPI)
	*with = *d
	with.token = key["api_key"].(string)
	return with, key
}

// TestADM64_APIKeys: a key permits what it was made for and its app may still, until it ends, and is shown once.
func TestADM64_APIKeys(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		k, made := d.keyed("hr", "people:read", "signet:groups:write")
		id := made["id"].(string)
		k.want(200, "GET /people", nil)
		k.want(204, "PUT /groups/staff", map[string]any{"description": "x"})
		for _, route := range []string{"GET /clients", "GET /events", "DELETE /api-keys/" + id, "PUT /roles/x"} {
			k.want(403, route, map[string]any{"description": ""})
		}
		list := d.want(200, "GET /api-keys?client_id=hr", nil)
		one := items(list)[0].(map[string]any)
		if len(items(list)) != 1 || one["last_used_at"] == nil || one["api_key"] != nil || one["created_by"] == "" || len(items(d.want(200,
			"GET /api-keys", nil))) != 1 {
			t.Errorf("listed: %v", list)
		}
		events := d.events(t, storage.Event{Name: "group.created"})
		if len(events) != 1 || events[0].ActorKind != "key" || events[0].ActorID != "hr/"+id {
			t.Errorf("events %+v", events)
		}
		for _, e := range d.events(t, storage.Event{ClientID: "hr"}) {
			if strings.Contains(string(e.Detail), k.token) {
				t.Errorf("%s tells the key", e.Name)
			}
		}

		// what the app may no more, its keys may no more
		narrow := map[string]any{"scope": "signet:people:read"}
		d.want(200, "PATCH /clients/hr", narrow, "If-Match: *")
		k.want(403, "PUT /groups/other", map[string]any{"description": "x"})
		d.want(200, "POST /clients/hr/disable", nil)
		k.want(401, "GET /people", nil)
		d.want(200, "POST /clients/hr/enable", nil)
		k.want(200, "GET /people", nil)
		d.want(204, "DELETE /api-keys/"+id, nil)
		k.want(401, "GET /people", nil)
		d.want(404, "DELETE /api-keys/"+id, nil)

		other, _ := d.keyed("gone", "people:read")
		other.want(200, "GET /people", nil)
		d.want(204, "DELETE /clients/gone", nil, "If-Match: *")
		other.want(401, "GET /people", nil)
		again, _ := d.keyed("gone", "people:read") // of the same name: another app
		other.want(401, "GET /people", nil)
		again.want(200, "GET /people", nil)
	})
}

func (d *adminAPI) events(t *testing.T, like storage.Event) []storage.Event {
	t.Helper()
	list, err := d.Services().DB.EventsLike(t.Context(), like, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestADM65_NobodyGetsMoreByAKey: none permits more than its maker and its app have, makes another, or is taken anywhere else.
func TestADM65_NobodyGetsMoreByAKey(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	k, made := d.keyed("hr", "people:read", "clients:secrets")
	ask := func(client string, permissions ...string) map[string]any {
		return map[string]any{"client_id": client, "name": "x", "permissions": permissions, "expires_at": time.Now().Add(time.Hour)}
	}
	for _, p := range []string{"people:erase", "everything", "", "openid", "signet:signet:people:read"} {
		if got := d.want(422, "POST /api-keys", ask("hr", p)); !strings.Contains(got["errors"].([]any)[0].(map[string]any)["pointer"].(string),
			"permissions") {
			t.Errorf("%q: %v", p, got)
		}
	}
	d.want(404, "POST /api-keys", ask("nobody", "people:read"))
	body := ask("hr", "people:read")
	body["expires_at"] = time.Now().Add(366 * 24 * time.Hour)
	d.want(422, "POST /api-keys", body)
	body["expires_at"] = nil
	d.want(422, "POST /api-keys", body)
	if got := k.want(409, "POST /api-keys", ask("hr", "people:read")); !strings.Contains(got["detail"].(string), "makes no other") {
		t.Errorf("a key makes a key: %v", got)
	}
	d.want(201, "POST /api-keys", ask("hr", "people:read"))
	if got := d.want(409, "POST /api-keys", ask("hr", "people:read")); !strings.Contains(got["detail"].(string), "revoke one") {
		t.Errorf("a third: %v", got)
	}

	// an administrator who holds less than the app, or the key
	ctx, acts := t.Context(), d.Services().Admin
	few := admin.Actor{Kind: admin.KindPerson, ID: "few", Holds: admin.SetOf(admin.ClientsSecrets, admin.ClientsRead)}
	if _, _, err := acts.CreateAPIKey(ctx, few, apikey.Key{ClientID: "hr", Permissions: []string{"people:read"}}); !isRefused(err) {
		t.Errorf("gave what they do not hold: %v", err)
	}
	if err := acts.RevokeAPIKey(ctx, few, made["id"].(string)); !isRefused(err) {
		t.Errorf("took what they do not hold: %v", err)
	}

	// a key is no token anywhere else, and no other scheme carries it
	for _, address := range []string{"/userinfo", "/api/admin/mcp"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+address, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+k.token)
		res, err := d.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s takes it: %d", address, res.StatusCode)
		}
	}
	token := k.token
	k.token = ""
	k.want(401, "GET /people", nil, "Authorization: DPoP "+token)
	k.want(401, "GET /people", nil, "Authorization: Basic "+token)
	k.want(401, "GET /people", nil, "X-API-Key: "+token)
	k.want(200, "GET /people", nil, "Authorization: Bearer "+token)
	for _, wrong := range []string{token + "x", "sgnk_" + made["id"].(string) + "_", "sgnk_x_y"} {
		answer := k.want(401, "GET /people", nil, "Authorization: Bearer "+wrong)
		if text := answer["detail"].(string); !strings.HasPrefix(text, "The API key is wrong, was revoked") {
			t.Errorf("told: %q", text)
		}
	}
}

func isRefused(err error) bool { _, ok := err.(*admin.Refused); return ok }

// TestADM65_KeysOfDeclaredApps: an app of the configuration has none, and is told why.
func TestADM65_KeysOfDeclaredApps(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t, servertest.YAML(`
clients:
  - client_id: declared
    client_secret: "a secret of thirty-two characters"
    first_party: true
    grant_types: [client_credentials]
    scope: signet:people:read
`))
	got := d.want(409, "POST /api-keys", map[string]any{"client_id": "declared", "name": "x", "permissions": []string{"people:read"},
		"expires_at": time.Now().Add(time.Hour)})
	if !strings.Contains(got["detail"].(string), "declared in the configuration") {
		t.Errorf("%v", got)
	}
}

// TestAPIKeysThatEnd: health tells of those that end soon.
func TestAPIKeysThatEnd(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	state := func() string {
		t.Helper()
		all := d.want(200, "GET /health", nil)
		i := slices.IndexFunc(items(all), func(one any) bool { return one.(map[string]any)["check"] == "api keys" })
		if i < 0 {
			t.Fatalf("health: %v", all)
		}
		return items(all)[i].(map[string]any)["state"].(string)
	}
	if got := state(); got != "good" {
		t.Errorf("without keys: %s", got)
	}
	d.keyed("hr", "people:read")
	if got := state(); got != "notice" {
		t.Errorf("with one that ends tomorrow: %s", got)
	}
}
