package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"signet/admin"
	"signet/server/servertest"
	"signet/storage"
)

// TestADM68_OneSecretOfSeveral: an app's secrets are listed without what they are, one of them can be taken away, and the last cannot.
func TestADM68_OneSecretOfSeveral(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		app := d.App(t, "hr")
		first := app.ClientSecret
		second := d.want(200, "POST /clients/hr/secrets", map[string]any{"keep": "24h"})["client_secret"].(string)
		opens := func(secret string) bool {
			app.ClientSecret, app.OAuth.ClientSecret = secret, secret
			status, _ := app.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
			return status == 200
		}
		if !opens(first) || !opens(second) {
			t.Fatal("both are good at first")
		}
		list := items(d.want(200, "GET /clients/hr/secrets", nil))
		raw, err := json.Marshal(list)
		if err != nil || len(list) != 2 || strings.Contains(string(raw), first) || strings.Contains(string(raw), second) ||
			strings.Contains(string(raw), "mac") {
			t.Fatalf("listed %s, %v", raw, err)
		}
		newest, oldest := list[0].(map[string]any), list[1].(map[string]any)
		if newest["expires_at"] != nil || oldest["expires_at"] == nil || oldest["created_at"] == nil {
			t.Errorf("listed %s", raw)
		}
		old := "/clients/hr/secrets/" + oldest["id"].(string)
		d.want(404, "DELETE /clients/other/secrets/"+oldest["id"].(string), nil)
		d.want(204, "DELETE "+old, nil)
		d.want(404, "DELETE "+old, nil)
		if opens(first) || !opens(second) {
			t.Error("what was taken away is good, or the other is not")
		}
		d.want(409, "DELETE /clients/hr/secrets/"+newest["id"].(string), nil)
		if !opens(second) {
			t.Error("the last is gone")
		}
		if events := d.events(t, storage.Event{Name: "client.secret_removed"}); len(events) != 1 || events[0].ClientID != "hr" ||
			!strings.Contains(string(events[0].Detail), oldest["id"].(string)) {
			t.Errorf("events %+v", events)
		}
		few := admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: admin.SetOf(admin.ClientsRead, admin.ClientsSecrets)}
		d.want(201, "POST /clients", map[string]any{"client_id": "more", "first_party": true, "grant_types": []string{"client_credentials"},
			"token_endpoint_auth_method": "client_secret_basic", "scope": "signet:people:read"})
		id := items(d.want(200, "GET /clients/more/secrets", nil))[0].(map[string]any)["id"].(string)
		if err := d.Services().Admin.RemoveSecret(t.Context(), few, "more", id); err == nil || !strings.Contains(err.Error(), "people:read") {
			t.Errorf("of an app that gets more: %v", err)
		}
	})
}

// TestSnippetsOverTheAPI: what signet client show --for has, without a secret, and with what does not go together.
func TestSnippetsOverTheAPI(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	secret := d.want(201, "POST /clients", map[string]any{"client_id": "shop", "redirect_uris": []string{"https://shop.example/cb"},
		"token_endpoint_auth_method": "client_secret_basic"})["client_secret"].(string)
	got := d.want(200, "GET /clients/shop/snippet?for=curl", nil)
	text, _ := got["text"].(string)
	if got["for"] != "curl" || !strings.Contains(text, d.URL) || !strings.Contains(text, "shop") || strings.Contains(text, secret) {
		t.Errorf("got %v", got)
	}
	d.want(200, "PATCH /clients/shop", map[string]any{"dpop_bound_access_tokens": true}, "If-Match: *")
	warned := false
	for _, name := range []string{"curl", "oidc-client-ts", "grafana", "go", "nextauth"} {
		if status, got := d.call("GET /clients/shop/snippet?for="+name, nil); status == 200 && got["warnings"] != nil {
			warned = true
		}
	}
	if !warned {
		t.Error("no library is said not to send proofs")
	}
	d.want(422, "GET /clients/shop/snippet?for=nothing", nil)
	d.want(404, "GET /clients/nobody/snippet?for=curl", nil)
	if status, _ := d.call("GET /clients/shop/snippet", nil); status != 400 && status != 422 {
		t.Errorf("without a name: %d", status)
	}
}

// TestConsentsOverTheAPI: what a person allowed apps is listed, by pages, and taken back with all access; not of who holds more.
func TestConsentsOverTheAPI(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		ada, boss := d.Person(t, "ada@example.com"), d.Person(t, "boss@example.com")
		d.MakeAdmin(t, boss)
		shop, notes := d.App(t, "shop"), d.App(t, "notes")
		tokens := shop.Login(t, d.Browser(t), ada)
		notes.Login(t, d.Browser(t), ada)
		path := "/people/" + ada.ID + "/consents"
		page := d.want(200, "GET "+path+"?limit=1", nil)
		first := items(page)[0].(map[string]any)
		if len(items(page)) != 1 || first["client_id"] != "notes" || !strings.Contains(first["scope"].(string), "openid") ||
			first["created_at"] == nil {
			t.Errorf("first page %v", page)
		}
		if rest := items(d.want(200, "GET "+path+"?limit=1&after="+url.QueryEscape(page["next"].(string)), nil)); len(rest) != 1 ||
			rest[0].(map[string]any)["client_id"] != "shop" {
			t.Errorf("second page %v", rest)
		}
		few := admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: admin.SetOf(admin.GrantsRevoke)}
		if err := d.Services().Admin.WithdrawConsent(t.Context(), few, boss.ID, "shop"); err == nil {
			t.Error("of somebody who holds more")
		}
		d.want(204, "DELETE "+path+"/shop", nil)
		d.want(404, "DELETE "+path+"/shop", nil)
		d.want(404, "DELETE /people/nobody/consents/shop", nil)
		d.want(404, "GET /people/nobody/consents", nil)
		if status, _ := shop.Post(t, "/oauth2/token", url.Values{"grant_type": {"refresh_token"},
			"refresh_token": {tokens.RefreshToken}}); status != 400 {
			t.Errorf("the app refreshes: %d", status)
		}
		if left := items(d.want(200, "GET "+path, nil)); len(left) != 1 {
			t.Errorf("left %v", left)
		}
		if events := d.events(t, storage.Event{Name: "consent.withdrawn"}); len(events) != 1 || events[0].ActorID == ada.ID {
			t.Errorf("events %+v", events)
		}
	})
}
