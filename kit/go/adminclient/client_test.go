package adminclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signet/kit/go/adminclient"
	"signet/kit/go/signettest"
)

const seed = `
clients:
  - client_id: backoffice
    client_secret: "a secret of thirty-two characters"
    token_endpoint_auth_method: client_secret_post
    first_party: true
    grant_types: [client_credentials]
    scope: signet:people:read signet:people:write signet:groups:write signet:clients:read signet:clients:write signet:audit:read
admin: {api: true, mcp: off}
`

// token asks for one by client credentials.
func token(t *testing.T, issuer string) string {
	t.Helper()
	res, err := http.PostForm(issuer+"/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"backoffice"},
		"client_secret": {"a secret of thirty-two characters"}, "resource": {issuer + "/api/admin"},
		"scope": {"signet:people:read signet:people:write signet:groups:write signet:clients:read signet:clients:write signet:audit:read"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.AccessToken == "" {
		t.Fatalf("%d %s %v", res.StatusCode, got.Error, err)
	}
	return got.AccessToken
}

// TestAdmin goes through what a program of an administrator does, at a real server.
func TestAdmin(t *testing.T) {
	id := signettest.Start(t, seed)
	admin, err := adminclient.New(id.Issuer, adminclient.Fixed(token(t, id.Issuer)), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	body := adminclient.PersonInBody{Email: "eve@example.com", EmailVerified: new(true), Claims: map[string]any{"given_name": "Eve"}}
	eve, err := admin.CreatePerson(ctx, body, "a-key-of-mine")
	if err != nil {
		t.Fatal(err)
	}
	again, err := admin.CreatePerson(ctx, body, "a-key-of-mine")
	if err != nil || again.ID != eve.ID || !again.EmailVerified {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	seen, tag, err := admin.GetPerson(ctx, eve.ID)
	if err != nil || tag == "" || seen.CreatedAt.IsZero() {
		t.Fatalf("%+v %q, %v", seen, tag, err)
	}
	patch := map[string]any{"claims": map[string]any{"family_name": "Adams", "given_name": nil}}
	if _, tag, err = admin.ChangePerson(ctx, eve.ID, tag, patch); err != nil || tag == "" {
		t.Fatal(err)
	}
	_, _, err = admin.ChangePerson(ctx, eve.ID, `"stale"`, patch)
	if p, ok := errors.AsType[*adminclient.Problem](err); !ok || p.Status != http.StatusPreconditionFailed || p.Kind() != "changed" ||
		p.Reference == "" {
		t.Errorf("on a state of before: %v", err)
	}
	if err := admin.PutGroup(ctx, "staff/of §1", adminclient.GroupInBody{}); err == nil {
		t.Error("a name that cannot be")
	}
	if err := admin.PutGroup(ctx, "staff", adminclient.GroupInBody{Description: "all"}); err != nil {
		t.Fatal(err)
	}
	if err := admin.AddMember(ctx, "staff", eve.ID); err != nil {
		t.Fatal(err)
	}
	members, err := admin.ListMembers(ctx, "staff", adminclient.Paging{Limit: 1})
	if err != nil || len(members.Items) != 1 || members.Items[0].ID != eve.ID || members.Next != "" {
		t.Errorf("%+v, %v", members, err)
	}
	people, err := admin.ListPeople(ctx, adminclient.ListPeopleQuery{Search: "eve@"})
	if err != nil || len(people.Items) != 1 {
		t.Errorf("%+v, %v", people, err)
	}
	app, err := admin.CreateClient(ctx, adminclient.ClientBody{ClientName: "Shop", RedirectURIs: []string{"https://shop.example/cb"}})
	if err != nil || app.ClientSecret == "" || app.ApplicationType != "web" {
		t.Fatalf("%+v, %v", app, err)
	}
	if err := admin.DeleteClient(ctx, app.ClientID, adminclient.Any); err != nil {
		t.Error(err)
	}
	events, err := admin.ListEvents(ctx, adminclient.ListEventsQuery{Name: "client.deleted", Limit: 5})
	if err != nil || len(events.Items) != 1 || events.Items[0].ClientID != app.ClientID || time.Since(events.Items[0].At) > time.Minute {
		t.Errorf("%+v, %v", events, err)
	}
	_, err = admin.ListKeys(ctx)
	if p, ok := errors.AsType[*adminclient.Problem](err); !ok || p.Status != http.StatusForbidden || !strings.Contains(p.Detail, "keys:read") {
		t.Errorf("without the permission: %v", err)
	}
}

// TestPatience: what a server has no time for is sent again where that does no harm, and a token goes nowhere else.
func TestPatience(t *testing.T) {
	var asked atomic.Int64
	var elsewhere atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Store(true) }))
	defer other.Close()
	status := http.StatusTooManyRequests
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			_, _ = w.Write([]byte(`{"items": []}`))
			return
		}
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Location", other.URL)
		w.WriteHeader(status)
	}))
	defer s.Close()
	admin, err := adminclient.New(s.URL, adminclient.Fixed("t"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ListPeople(t.Context(), adminclient.ListPeopleQuery{}); err != nil || asked.Load() != 2 {
		t.Errorf("%d requests, %v", asked.Load(), err)
	}
	for status = range map[int]bool{http.StatusServiceUnavailable: true, http.StatusTemporaryRedirect: true} {
		asked.Store(0)
		if _, err := admin.CreatePerson(t.Context(), adminclient.PersonInBody{}); err == nil || asked.Load() != 1 {
			t.Errorf("%d: %d requests, %v", status, asked.Load(), err)
		}
	}
	if elsewhere.Load() {
		t.Error("a redirect was followed")
	}
	for _, wrong := range []string{"http://id.example.com", "ftp://x", "id.example.com", "https://u:p@id.example.com", "https://x/?a=b"} {
		if _, err := adminclient.New(wrong, adminclient.Fixed("t"), nil); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
	failing := errors.New("no token")
	admin, err = adminclient.New(s.URL, func(context.Context) (string, error) { return "", failing }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ListKeys(t.Context()); !errors.Is(err, failing) {
		t.Errorf("got %v", err)
	}
}
