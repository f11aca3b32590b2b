package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/internal/generatedtest"
	"signet/server/adminapi"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/membership"
)

// adminAPI is a server with a token for its API of administrators.
type adminAPI struct {
	*testing.T
	*servertest.Server
	token string
	etag  string // of the last answer
	head  http.Header
}

func newAdminAPI(t *testing.T, opts ...servertest.Option) *adminAPI {
	t.Helper()
	s := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.Quiet()}, opts...)...)
	token, _, err := s.Services().HostToken(t.Context(), "root@host", nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &adminAPI{T: t, Server: s, token: token}
}

// call sends a request and returns status and decoded answer; headers are "Name: value".
func (d *adminAPI) call(route string, body any, headers ...string) (status int, answer map[string]any) {
	d.Helper()
	method, path, _ := strings.Cut(route, " ")
	var sent io.Reader
	if body != nil {
		raw, isText := body.(string)
		if !isText {
			made, err := json.Marshal(body)
			if err != nil {
				d.Fatal(err)
			}
			raw = string(made)
		}
		sent = strings.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(d.Context(), method, d.URL+"/api/admin/v1"+path, sent)
	if err != nil {
		d.Fatal(err)
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := d.HTTP.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	d.etag, d.head = res.Header.Get("ETag"), res.Header
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &answer); err != nil {
			d.Fatalf("%s: %d, not JSON: %q", route, res.StatusCode, raw)
		}
	}
	kind := res.Header.Get("Content-Type")
	if wrong := res.StatusCode >= 400; wrong != (kind == "application/problem+json") && len(raw) > 0 {
		d.Errorf("%s: %d has the content type %q", route, res.StatusCode, kind)
	}
	return res.StatusCode, answer
}

func (d *adminAPI) want(status int, route string, body any, headers ...string) map[string]any {
	d.Helper()
	got, answer := d.call(route, body, headers...)
	if got != status {
		d.Fatalf("%s: %d %v, want %d", route, got, answer, status)
	}
	return answer
}

func items(answer map[string]any) []any { list, _ := answer["items"].([]any); return list }

// TestAdminAPI goes through all resources as a program would.
func TestAdminAPI(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		adminPeople(d)
		adminApps(d)
		adminGroups(d)
		adminRecords(d)
	})
}

func adminPeople(d *adminAPI) {
	ada := d.want(201, "POST /people", map[string]any{"email": "ada@example.com", "email_verified": true, "username": "ada",
		"password": "correct horse battery staple", "claims": map[string]any{"given_name": "Ada"}})
	id := ada["id"].(string)
	if got := d.want(200, "GET /people?search=AD", nil); len(items(got)) != 1 {
		d.Fatalf("search: %v", got)
	}
	d.want(200, "GET /people/"+id, nil)
	seen := d.etag
	d.want(428, "PATCH /people/"+id, map[string]any{"claims": map[string]any{"name": "Ada L"}})
	changed := d.want(200, "PATCH /people/"+id, map[string]any{"claims": map[string]any{"name": "Ada L"}}, "If-Match: "+seen,
		"Content-Type: application/merge-patch+json")
	if c := changed["claims"].(map[string]any); c["name"] != "Ada L" || c["given_name"] != "Ada" {
		d.Errorf("claims %v", c)
	}
	d.want(412, "PATCH /people/"+id, map[string]any{"claims": map[string]any{"name": "X"}}, "If-Match: "+seen)
	d.want(200, "PATCH /people/"+id, map[string]any{"claims": map[string]any{"name": "X"}}, "If-Match: "+d.patched(id))
	if got := d.want(200, "POST /people/"+id+"/disable", nil); got["disabled"] != true {
		d.Errorf("disabled: %v", got)
	}
	d.want(409, "POST /people/"+id+"/reset-link", map[string]any{})
	d.want(200, "POST /people/"+id+"/enable", nil)
	if got := d.want(200, "POST /people/"+id+"/reset-link", map[string]any{}); !strings.HasPrefix(got["link"].(string), d.URL) {
		d.Errorf("link %v", got)
	}
	if got := d.want(200, "GET /people/"+id+"/factors", nil); got["password"] != true {
		d.Errorf("factors %v", got)
	}
	d.want(200, "POST /people/"+id+"/password", map[string]any{"password": "another horse battery staple"})
	d.want(200, "POST /people/"+id+"/email", map[string]any{"email": "ada@example.org", "verified": true})
	d.want(200, "POST /people/"+id+"/reset-factors", nil)
	d.want(200, "GET /people/"+id+"/sessions", nil)
	d.want(204, "DELETE /people/"+id+"/sessions", nil)
	d.want(404, "DELETE /people/"+id+"/sessions/none", nil)
	d.want(409, "POST /people", map[string]any{"email": "ada@example.org"})
	d.want(404, "GET /people/nobody", nil)
	if got := d.want(200, "DELETE /people/"+id, nil, "If-Match: *"); got["erase_at"] == nil {
		d.Errorf("deleted: %v", got)
	}
	d.want(200, "POST /people/"+id+"/restore", nil)
	d.want(200, "DELETE /people/"+id+"?now=true", nil, "If-Match: *")
	d.want(404, "GET /people/"+id, nil)
}

// patched is the ETag of a person now.
func (d *adminAPI) patched(id string) string {
	d.Helper()
	d.want(200, "GET /people/"+id, nil)
	return d.etag
}

func adminApps(d *adminAPI) {
	made := d.want(201, "POST /clients",
		map[string]any{"client_id": "shop", "client_name": "Shop", "redirect_uris": []string{"https://shop.example/cb"}})
	if made["client_secret"] == nil {
		d.Errorf("no secret: %v", made)
	}
	got := d.want(200, "GET /clients/shop", nil)
	if got["client_secret"] != nil || got["client_name"] != "Shop" {
		d.Errorf("shown: %v", got)
	}
	seen := d.etag
	got = d.want(200, "PATCH /clients/shop", map[string]any{"client_name": "The shop", "access_token_lifetime": "5m"}, "If-Match: "+seen)
	if got["client_name"] != "The shop" || got["redirect_uris"] == nil {
		d.Errorf("patched: %v", got)
	}
	if d.etag == "" || d.etag == seen {
		d.Errorf("etag %q after %q", d.etag, seen)
	}
	for _, tag := range []string{seen, `""`, `W/""`, `"*"`, "W/" + d.etag, "nonsense", seen + ", " + seen} { // ADM10
		d.want(412, "PATCH /clients/shop", map[string]any{"client_name": "Late"}, "If-Match: "+tag)
	}
	d.want(200, "PUT /clients/shop", map[string]any{"client_name": "Again", "redirect_uris": []string{"https://shop.example/cb"}},
		"If-Match: *")
	d.want(428, "POST /clients/shop/allow-admin", nil)
	d.want(412, "POST /clients/shop/allow-admin", nil, "If-Match: "+seen)
	if got = d.want(200, "GET /clients/shop", nil); got["admin_tools"] != nil {
		d.Errorf("allowed the tools as it is no more: %v", got)
	}
	if got = d.want(200, "POST /clients/shop/allow-admin", nil, "If-Match: "+d.etag); got["admin_tools"] != true {
		d.Errorf("not allowed the tools: %v", got)
	}
	if got = d.want(200, "POST /clients/shop/disallow-admin", nil); got["admin_tools"] != nil {
		d.Errorf("allowed the tools still: %v", got)
	}
	got = d.want(200, "PATCH /clients/shop", map[string]any{"agent": true, "agent_max_days": 7}, "If-Match: *")
	if got["agent"] != true || got["agent_max_days"] != 7.0 {
		d.Errorf("an agent: %v", got)
	}
	d.want(422, "PATCH /clients/shop", map[string]any{"agent_max_calls": -1}, "If-Match: *")
	d.want(200, "PATCH /clients/shop", map[string]any{"agent": nil, "agent_max_days": nil}, "If-Match: *")
	for field, body := range map[string]any{
		"/redirect_uris": map[string]any{"redirect_uris": []string{"javascript:alert(1)"}}, "/scop": map[string]any{"scop": "openid"},
		"/client_name": map[string]any{"client_name": 7}, "/client_id": map[string]any{"client_id": "other"},
		"/client_secret": map[string]any{"client_secret": "mine"}, "/document_hash": map[string]any{"document_hash": "x"},
	} {
		status, answer := d.call("PATCH /clients/shop", body, "If-Match: *")
		raw, _ := json.Marshal(answer)
		if status != 422 || !strings.Contains(string(raw), `"pointer":"`+field) {
			d.Errorf("%s: %d %s", field, status, raw)
		}
	}
	if got := d.want(200, "POST /clients/shop/secrets", map[string]any{"keep": "1h"}); got["client_secret"] == nil {
		d.Errorf("rotated: %v", got)
	}
	d.want(200, "POST /clients/shop/disable", nil)
	d.want(200, "POST /clients/shop/enable", nil)
	if got := d.want(200, "GET /clients", nil); len(items(got)) == 0 {
		d.Errorf("list: %v", got)
	}
	api := url.PathEscape("https://api.example/v1")
	d.want(200, "PUT /resources/"+api, map[string]any{"name": "The API", "scopes": []string{"read"}}, "If-Match: *")
	if got := d.want(200, "GET /resources/"+api, nil); got["identifier"] != "https://api.example/v1" {
		d.Errorf("resource: %v", got)
	}
	d.want(422, "PUT /resources/"+url.PathEscape("https://api.example/v2"), map[string]any{"scopes": []string{"signet:keys:rotate"}},
		"If-Match: *")
	d.want(204, "DELETE /resources/"+api, nil)
	d.want(409, "DELETE /resources/"+url.PathEscape(d.URL+"/api/admin"), nil)
	d.want(204, "DELETE /clients/shop", nil, "If-Match: *")
	d.want(404, "GET /clients/shop", nil)
}

func adminGroups(d *adminAPI) {
	bob := d.want(201, "POST /people", map[string]any{"email": "bob@example.com"})["id"].(string)
	name := url.PathEscape("eu/staff")
	d.want(204, "PUT /groups/"+name, map[string]any{"description": "Staff"})
	d.want(204, "PUT /groups/"+name+"/members/"+bob, nil)
	if got := d.want(200, "GET /groups/"+name+"/members", nil); len(items(got)) != 1 {
		d.Errorf("members: %v", got)
	}
	d.want(204, "PUT /roles/helpdesk", map[string]any{"permissions": []string{"people:read"}})
	d.want(204, "PUT /roles/helpdesk/holders/groups/"+name, nil)
	if got := d.want(200, "GET /people/"+bob, nil); got["roles"].([]any)[0] != "helpdesk" || got["groups"].([]any)[0] != "eu/staff" {
		d.Errorf("bob: %v", got)
	}
	d.want(200, "GET /roles", nil)
	adminHolders(d, bob)
	d.want(204, "DELETE /roles/helpdesk/holders/groups/"+name, nil)
	d.want(204, "PUT /roles/helpdesk/holders/people/"+bob, nil)
	d.want(204, "DELETE /groups/"+name+"/members/"+bob, nil)
	d.want(204, "DELETE /groups/"+name, nil)
	d.want(204, "DELETE /roles/helpdesk", nil)
	d.want(409, "PUT /roles/admin", map[string]any{"permissions": []string{}})
	d.want(422, "PUT /roles/odd", map[string]any{"permissions": []string{"everything"}})
}

// adminHolders pages through who holds a role: bob, and a group.
func adminHolders(d *adminAPI, bob string) {
	d.Helper()
	d.want(204, "PUT /roles/helpdesk/holders/people/"+bob, nil)
	var seen []any
	path, pages := "/roles/helpdesk/holders?limit=1", 0
	for next := ""; ; pages++ {
		got := d.want(200, "GET "+path+"&after="+url.QueryEscape(next), nil)
		seen = append(append(seen, got["people"].([]any)...), got["groups"].([]any)...)
		if got["next"] == nil {
			break
		}
		next = got["next"].(string)
	}
	if len(seen) != 2 || seen[0] != bob || seen[1] != "eu/staff" || pages != 1 {
		d.Errorf("holders %v on %d pages", seen, pages+1)
	}
	if got := d.want(200, "GET /roles/helpdesk/holders", nil); got["next"] != nil || len(got["people"].([]any)) != 1 {
		d.Errorf("holders %v", got)
	}
	d.want(422, "GET /roles/helpdesk/holders?after=nonsense", nil)
}

func adminRecords(d *adminAPI) {
	d.want(200, "GET /grants?client=shop", nil)
	d.want(422, "GET /grants", nil)
	d.want(404, "DELETE /grants/none", nil)
	if got := d.want(200, "GET /keys", nil); len(items(got)) == 0 {
		d.Errorf("keys: %v", got)
	}
	d.want(422, "POST /keys", map[string]any{"alg": "none"})
	d.want(404, "DELETE /keys/none", nil)
	for made := 0; ; made++ { // an emergency each: all tokens would end
		status, _ := d.call("POST /keys", map[string]any{"alg": "none"})
		if status == 429 {
			if seconds, err := strconv.Atoi(d.head.Get("Retry-After")); made > 6 || err != nil || seconds < 1 {
				d.Errorf("refused after %d, for %q", made, d.head.Get("Retry-After"))
			}
			break
		}
		if made > 10 || status != 422 {
			d.Fatalf("key %d: %d", made, status)
		}
	}
	got := d.want(200, "GET /events?name=client.&limit=2", nil)
	if list := items(got); len(list) != 2 || got["next"] == nil || list[0].(map[string]any)["actor_kind"] != "cli" {
		d.Errorf("events: %v", got)
	}
	d.want(200, "GET /events?name=client.&limit=2&after="+got["next"].(string), nil)
	d.want(200, "GET /mail", nil)
	d.want(422, "GET /events?limit=1000", nil)
	d.want(422, "GET /events?nonsense=1", nil)
	d.want(404, "GET /nothing", nil)
	d.want(405, "POST /events", nil)
}

// TestAdminAPIRefusesStrangers tries every kind of token that is not for it, or not any more.
func TestAdminAPIRefusesStrangers(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	bob := d.Person(t, "bob@example.com")
	if err := d.Services().Members.CreateRole(t.Context(), "reader", ""); err != nil {
		t.Fatal(err)
	}
	api := d.URL + "/api/admin"
	host := d.token
	for name, token := range map[string]string{"none": "", "made up": "x", "cut": host[:len(host)-2]} {
		d.token = token
		d.want(401, "GET /people", nil)
		if h := d.head.Get("WWW-Authenticate"); !strings.Contains(h, "resource_metadata=") {
			t.Errorf("%s: challenge %q", name, h)
		}
	}
	robot := d.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.Scope = true, "signet:people:read signet:clients:read openid"
	})
	ask := func(form url.Values) string {
		status, answer := robot.Post(t, "/oauth2/token", form)
		if status != 200 {
			t.Fatalf("token: %d %v", status, answer)
		}
		return answer["access_token"].(string)
	}
	d.token = ask(url.Values{"grant_type": {"client_credentials"}, "scope": {"signet:people:read"}, "resource": {api}})
	d.want(200, "GET /people", nil)
	d.want(403, "GET /clients", nil)
	d.want(403, "POST /people", map[string]any{"email": "x@example.com"})
	if _, err := d.Services().Clients.Change(t.Context(), "robot",
		func(m *clients.Metadata) error { m.Scope = "openid"; return nil }); err != nil {
		t.Fatal(err)
	}
	d.want(403, "GET /people", nil) // the registration says less now
	if _, err := d.Services().Clients.Change(t.Context(), "robot", func(m *clients.Metadata) error {
		m.Scope = "signet:people:read openid"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	adminOfPerson(d, robot, bob)
	d.token = host
	list, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "admin.refused"}, "", 10)
	if err != nil || len(list) < 3 {
		t.Errorf("refusals: %v %v", list, err)
	}
	token, jti, err := d.Services().HostToken(t.Context(), "root@host", []string{"people:read"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	d.token = token
	d.want(200, "GET /people", nil)
	d.want(403, "GET /keys", nil)
	if err := d.Services().RevokeHostToken(t.Context(), jti); err != nil {
		t.Fatal(err)
	}
	d.want(401, "GET /people", nil)
}

// adminOfPerson: the token of a person permits what their roles do now, and no more than its scope.
func adminOfPerson(d *adminAPI, robot *servertest.App, bob servertest.Person) {
	d.Helper()
	app := robot.With("signet:people:read")
	factor := d.AddAuthenticator(d, bob)
	b := d.Browser(d)
	signInWith(d.T, b, bob, factor)
	d.token = app.Login(d, b, bob).AccessToken
	d.want(403, "GET /people", nil) // no role
	ctx := d.Context()
	members := d.Services().Admin
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	if err := members.GiveRole(ctx, root, admin.RoleAuditor, membership.Holder{UserID: bob.ID}); err != nil {
		d.Fatal(err)
	}
	d.want(200, "GET /people", nil) // counts at once
	d.want(403, "GET /events", nil) // not asked for
	if err := members.TakeRole(ctx, root, admin.RoleAuditor, membership.Holder{UserID: bob.ID}); err != nil {
		d.Fatal(err)
	}
	d.want(403, "GET /people", nil) // is gone at once
	if _, err := members.SetDisabled(ctx, root, bob.ID, true); err != nil {
		d.Fatal(err)
	}
	d.want(401, "GET /people", nil)
}

// TestAdminAPIDocument keeps the document, and holds that a token is needed for everything but it.
func TestAdminAPIDocument(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	d.token = ""
	document := d.want(200, "GET /openapi.json", nil)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "adminapi.json")
	for _, name := range missing(readDocument(t, golden), document) {
		if !adminapi.Removable(name, time.Now()) { // also with -update
			t.Fatalf("%s is gone before its sunset: clients of this version of the API use it (docs/administration.md)", name)
		}
	}
	generatedtest.File(t, *update, golden, out.String())
	for path, methods := range document["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			d.want(401, strings.ToUpper(method)+" "+strings.NewReplacer("{", "", "}", "").Replace(path), nil)
		}
	}
}

// TestAdminAPINeverEchoesWhatWasSent: a password that is wrong comes back in no error.
func TestAdminAPINeverEchoesWhatWasSent(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	secret := strings.Repeat("hunter2", 200)
	for _, body := range []any{
		map[string]any{"email": "a@example.com", "password": secret}, map[string]any{"email": secret}, map[string]any{secret: 1},
		map[string]any{"email": map[string]any{"x": secret}}, `{"email": "` + secret, `"` + secret + `"`, secret,
	} {
		status, answer := d.call("POST /people", body)
		raw, _ := json.Marshal(answer)
		if status < 400 || status >= 500 || strings.Contains(string(raw), "hunter2hunter2") {
			t.Errorf("%d %s", status, raw)
		}
	}
}
