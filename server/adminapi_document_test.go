package server_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/admin"
	"signet/audit/webhook"
	"signet/clients/apikey"
	"signet/config"
	"signet/internal/openapi"
	"signet/server/servertest"
	"signet/storage"
)

// fuzzedAPI is a server that is asked what can be made of its document.
type fuzzedAPI struct {
	adminAPI
	document *openapi.Document
	made     int
	person   string // of the furniture
	webhook  string
	client   string
	robot    string // an app that may have API keys
	key      string // one of them
	upstream string
	state    string // of everything that can be listed, after the last change
}

func newFuzzedAPI(t testing.TB, opts ...servertest.Option) *fuzzedAPI {
	t.Helper()
	fast := servertest.Change(func(c *config.Config) { c.Admin.RequestsPerSecond, c.Admin.WritesPerSecond = 0, 0 })
	s := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.Quiet(), fast}, opts...)...)
	token, _, err := s.Services().HostToken(t.Context(), "root@host", nil, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d := &fuzzedAPI{adminAPI: adminAPI{Server: s, token: token}}
	_, raw := d.send(t, http.MethodGet, "/openapi.json", nil, nil)
	if d.document, err = openapi.Parse([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	return d
}

// send is one request; that its answer is as the document has it, the transport sees to.
func (d *fuzzedAPI) send(t testing.TB, method, path string, header http.Header, body []byte) (status int, raw string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.URL+"/api/admin/v1"+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatalf("%s %q: %v", method, path, err)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", "Bearer "+d.token)
	res, err := d.HTTP.Do(req)
	if err != nil {
		t.Fatalf("%s %q %.500q: %v", method, path, body, err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

// put sends JSON that has to be taken.
func (d *fuzzedAPI) put(t testing.TB, method, path, body string) {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "If-Match": {"*"}}
	if status, raw := d.send(t, method, path, header, []byte(body)); status >= http.StatusBadRequest && status != http.StatusConflict {
		t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
}

// furnish has something there for each operation, whatever the requests before deleted, and a token that is good still.
func (d *fuzzedAPI) furnish(t testing.TB) {
	t.Helper()
	var err error
	if d.token, _, err = d.Services().HostToken(t.Context(), "root@host", nil, time.Hour); err != nil { // keys are retired, too
		t.Fatal(err)
	}
	gone := func(path, id string) bool {
		status, _ := d.send(t, http.MethodGet, path+id, nil, nil)
		return id == "" || status == http.StatusNotFound
	}
	acts, host := d.Services().Admin, d.Services().Host("test")
	d.made++
	if gone("/people/", d.person) {
		p, err := acts.CreatePerson(t.Context(), host, admin.NewPerson{Email: fmt.Sprintf("ada%d@example.com", d.made)})
		if err != nil {
			t.Fatal(err)
		}
		d.person = p.ID
	}
	if gone("/webhooks/", d.webhook) {
		w, _, err := acts.CreateWebhook(t.Context(), host, webhook.Webhook{URL: "https://hook.example/x", Events: []string{"signin."}}, "")
		if err != nil {
			t.Fatal(err)
		}
		d.webhook = w.ID
	}
	if gone("/clients/", d.client) {
		d.client = fmt.Sprintf("shop%d", d.made)
		d.put(t, http.MethodPost, "/clients", `{"client_id": "`+d.client+`", "redirect_uris": ["https://shop.example/cb"]}`)
	}
	if gone("/clients/", d.robot) {
		d.robot = fmt.Sprintf("robot%d", d.made)
		d.put(t, http.MethodPost, "/clients", `{"client_id": "`+d.robot+`", "first_party": true, "grant_types": ["client_credentials"],
			"token_endpoint_auth_method": "client_secret_basic", "scope": "signet:people:read"}`)
	}
	if _, keys := d.send(t, http.MethodGet, "/api-keys?limit=200", nil, nil); d.key == "" || !strings.Contains(keys, `"`+d.key+`"`) {
		k, _, err := acts.CreateAPIKey(t.Context(), host, apikey.Key{ClientID: d.robot, Name: "directory",
			Permissions: []string{"people:read"}, ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		d.key = k.ID
	}
	if gone("/upstreams/", d.upstream) { // its id is good for the issuer alone that it had
		d.upstream = fmt.Sprintf("team%d", d.made)
		d.put(t, http.MethodPost, "/upstreams", `{"id": "`+d.upstream+`", "kind": "facebook", "client_id": "signet", "client_secret": "x"}`)
	}
	d.agree(t)
	d.put(t, http.MethodPut, "/groups/staff", `{}`)
	d.put(t, http.MethodPut, "/roles/reader", `{"permissions": ["people:read"]}`)
	d.put(t, http.MethodPut, "/groups/staff/members/"+d.person, `{}`)
	d.put(t, http.MethodPut, "/roles/reader/holders/people/"+d.person, `{}`)
	d.put(t, http.MethodPut, "/roles/reader/holders/groups/staff", `{}`)
	d.put(t, http.MethodPut, "/resources/"+url.PathEscape("https://api.example"), `{}`)
	d.put(t, http.MethodPut, "/settings/branding", `{"name": "Acme"}`)
	d.state = d.listed(t)
}

// agree has the person allow the app to act for them by itself.
func (d *fuzzedAPI) agree(t testing.TB) {
	t.Helper()
	db, now := d.Services().DB, time.Now()
	row, err := db.ConsentOf(t.Context(), d.person, d.client)
	if err != nil {
		row = storage.Consent{UserID: d.person, ClientID: d.client, CreatedAt: now}
	}
	row.UpdatedAt, row.AgentUntil = now, now.Add(time.Hour)
	if _, err := db.PutConsent(t.Context(), row); err != nil {
		t.Fatal(err)
	}
}

// example is something good for what is called name in an operation.
func (d *fuzzedAPI) example(op *openapi.Operation) func(name string) string {
	kind := strings.Split(op.Path, "/")[1]
	ids := map[string]string{"people": d.person, "clients": d.client, "groups": "staff", "roles": "reader", "resources": "https://api.example",
		"webhooks": d.webhook, "api-keys": d.key, "upstreams": d.upstream,
		"settings": map[bool]string{true: "mail", false: "branding"}[op.ID == "testMail"]}
	return func(name string) string {
		switch name {
		case "id":
			return ids[kind]
		case "person", "sub":
			return d.person
		case "holder":
			return map[bool]string{true: "staff", false: d.person}[strings.Contains(op.Path, "/groups/")]
		case "email":
			d.made++
			return fmt.Sprintf("somebody%d@example.com", d.made)
		case "client_id":
			if op.ID == "createApiKey" {
				return d.robot
			}
			if op.Method != http.MethodPost {
				return d.client
			}
			d.made++
			return fmt.Sprintf("app%d", d.made)
		case "Idempotency-Key":
			d.made++
			return fmt.Sprintf("key %d", d.made)
		case "iss":
			return d.URL
		case "application/jsonl":
			d.made++
			return fmt.Sprintf("{\"email\":\"line%d@example.com\"}\n{\"email\":\"\"}\n", d.made)
		case "client":
			return d.client
		}
		return examples[name]
	}
}

// examples are good for members of the name, wherever they are.
var examples = map[string]string{
	"password": "correct horse battery staple", "alg": "ES256", "url": "https://hook.example/x", "events": "signin.",
	"permissions": "people:read", "keep": "1h", "If-Match": "*", "redirect_uris": "https://app.example/cb", "client_name": "App",
	"scope": "openid", "grant_types": "authorization_code", "response_types": "code", "token_endpoint_auth_method": "none", "name": "signin.",
	"scopes": "read", "search": "ada", "format": "email", "for": "curl", "key": "staff", "owner": "git", "description": "what it is",
	"to": "ada@example.com",
}

// listed is everything that the API can change and lists.
func (d *fuzzedAPI) listed(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, list := range []string{"/people", "/clients", "/groups", "/roles", "/resources", "/webhooks", "/keys", "/managed", "/api-keys",
		"/upstreams", "/settings/branding", "/settings/mail", "/roles/reader/holders", "/groups/staff/members"} {
		path := list
		if strings.Count(list, "/") == 1 && slices.Contains([]string{"/people", "/clients", "/groups", "/roles", "/managed", "/api-keys"}, list) {
			path += "?limit=200"
		}
		status, raw := d.send(t, http.MethodGet, path, nil, nil)
		fmt.Fprintf(&all, "%s %d %s\n", list, status, raw)
	}
	return all.String()
}

// try asks what was made for an operation, and looks that an error changed nothing.
func (d *fuzzedAPI) try(t testing.TB, op *openapi.Operation, made openapi.Made) (status int) {
	t.Helper()
	status, raw := d.send(t, op.Method, made.Path, made.Header, made.Body)
	if status >= http.StatusInternalServerError {
		t.Errorf("%s %s %v %.500q (%s): %d %s", op.Method, made.Path, made.Header, made.Body, made.Spoilt, status, raw)
	}
	switch {
	case op.Method == http.MethodGet:
	case status < http.StatusBadRequest:
		d.furnish(t)
	default:
		if after := d.listed(t); after != d.state {
			t.Errorf("%s %s %.500q: %d %s, and something changed\n%s\n%s", op.Method, made.Path, made.Body, status, raw, d.state, after)
			d.state = after
		}
	}
	return status
}

// TestAdminAPIWithWhatItsDocumentAllows asks every operation for what its document allows, and for what it does not: no answer is a
// failure of the server or one that the document does not know, and what was refused changed nothing.
func TestAdminAPIWithWhatItsDocumentAllows(t *testing.T) {
	t.Parallel()
	d := newFuzzedAPI(t)
	d.furnish(t)
	for _, op := range d.document.Operations() {
		worked, got := slices.Contains(hard, op.ID), map[int]int{}
		for seed := 0; seed < 6 || !worked && seed < 200; seed++ {
			from := sha256.Sum256(fmt.Append(nil, op.ID, seed))
			made := op.Make(openapi.NewSource(from[:]), d.example(op))
			status := d.try(t, op, made)
			got[status]++
			worked = worked || status < http.StatusBadRequest
		}
		if !worked {
			t.Errorf("%s: nothing that was made of the document for it was carried out: %v", op.ID, got)
		}
	}
}

// hard are operations for which there is nothing here, or that ask for more than their document can tell: which members belong together,
// and when is soon.
var hard = []string{"createApiKey", "removeSecret", "replaceClient", "revokeEverything", "revokeGrant", "retireKey", "getMail", "dropMail",
	"retryMail", "endSession", "applyStep", "explainRequest", "createUpstream", "replaceUpstream", "putSetting"}

// TestWhatChangedIsNotDeleted has somebody change an app while somebody else, who saw it before, deletes it: one of the two is refused.
func TestWhatChangedIsNotDeleted(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		for round := range 12 {
			path := fmt.Sprintf("/clients/shop%d", round)
			d.want(201, "POST /clients", map[string]any{"client_id": path[len("/clients/"):], "redirect_uris": []string{"https://shop.example/cb"}})
			d.want(200, "GET "+path, nil)
			seen, other := "If-Match: "+d.etag, *d
			var deleted, changed int
			var both sync.WaitGroup
			both.Go(func() { deleted, _ = d.call("DELETE "+path, nil, seen) })
			both.Go(func() { changed, _ = other.call("PATCH "+path, map[string]any{"client_name": "Mine"}, seen) })
			both.Wait()
			if (deleted < 300) == (changed < 300) {
				t.Fatalf("deleted %d, changed %d", deleted, changed)
			}
		}
	})
}

// FuzzAdminAPI asks the operations one after the other for what fuzzing makes of the document.
func FuzzAdminAPI(f *testing.F) {
	for seed := range 16 {
		f.Add([]byte{byte(seed), 7, byte(seed), 1})
	}
	d := newFuzzedAPI(f)
	operations := d.document.Operations()
	f.Fuzz(func(t *testing.T, seed []byte) {
		source := openapi.NewSource(seed)
		d.furnish(t)
		for range 4 {
			op := operations[source.Choose(len(operations))]
			d.try(t, op, op.Make(source, d.example(op)))
		}
	})
}
