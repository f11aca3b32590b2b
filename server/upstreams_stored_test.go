package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
	"signet/storage"
	"signet/users/federation/federationtest"
)

// storedWorld is a server without upstreams, an administrator's token for its API, and a provider to be kept in its database.
type storedWorld struct {
	*adminAPI
	up *upstreamtest.World
}

func newStored(t *testing.T, opts ...servertest.Option) *storedWorld {
	t.Helper()
	work := workProvider(t)
	opts = append([]servertest.Option{servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} })}, opts...)
	w := &storedWorld{adminAPI: newAdminAPI(t, opts...)}
	w.up = &upstreamtest.World{Server: w.Server, Work: work}
	return w
}

func workProvider(t *testing.T) *federationtest.OIDC {
	t.Helper()
	work := federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work", Iss: true}, federationtest.Account{
		Subject: upstreamtest.WorkAda, Email: "ada@work.example", EmailVerified: true, Name: "Ada of Work",
	})
	work.Register("https://id.example.com/signin/with/work/callback")
	return work
}

// work is what is said of the provider.
func (w *storedWorld) work() map[string]any {
	return map[string]any{"id": "work", "kind": "oidc", "name": "Work & Sons", "issuer": w.up.Work.Issuer(), "client_id": w.up.Work.ClientID,
		"client_secret": w.up.Work.ClientSecret, "authoritative_for": []string{"work.example"}}
}

func (w *storedWorld) does(want int, route string, body any, headers ...string) map[string]any {
	w.Helper()
	status, answer := w.call(route, body, headers...)
	if status != want {
		w.Fatalf("%s: %d, want %d: %v", route, status, want, answer)
	}
	return answer
}

func (w *storedWorld) watch() {
	w.Helper()
	if err := w.Watch(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *storedWorld) button(want bool) {
	w.Helper()
	if b := w.Browser(w.T).Get(w.T, "/signin"); strings.Contains(b.Body, `id="with-work"`) != want {
		w.Errorf("a button of the provider: want %v: %s", want, b.Text("main"))
	}
}

func (w *storedWorld) named(name string) []storage.Event {
	w.Helper()
	list, err := w.Services().DB.EventsLike(w.Context(), storage.Event{Name: name}, "", 100)
	if err != nil {
		w.Fatal(err)
	}
	return list
}

// TestStoredUpstreams keeps one in the database, has people sign in there, and ends that.
func TestStoredUpstreams(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		w.button(false)
		w.watch()
		w.button(true)
		ada := w.Browser(t)
		w.up.SignIn(t, ada, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil)
		upstreamtest.Shows(t, ada.Get(t, "/account/logins"), http.StatusOK, "Work & Sons")

		shown := w.does(http.StatusOK, "GET /upstreams/work", nil)
		if raw, _ := json.Marshal(shown); strings.Contains(string(raw), w.up.Work.ClientSecret) {
			t.Errorf("the secret is told: %s", raw)
		}
		if raw, _ := json.Marshal(w.does(http.StatusOK, "POST /upstreams/work/test", nil)); !strings.Contains(string(raw),
			"1 people are linked to it, 1 of whom") {
			t.Errorf("people: %s", raw)
		}
		tag := "If-Match: " + w.tagOf("work")
		w.does(http.StatusPreconditionRequired, "PATCH /upstreams/work", map[string]any{"name": "X"})
		w.does(http.StatusOK, "PATCH /upstreams/work", map[string]any{"name": "Works"}, tag)
		w.does(http.StatusPreconditionFailed, "PATCH /upstreams/work", map[string]any{"name": "Late"}, tag)
		w.does(http.StatusPreconditionFailed, "DELETE /upstreams/work", nil, tag)
		w.watch()
		again := w.Browser(t)
		w.up.SignIn(t, again, "work", upstreamtest.WorkAda) // the secret stayed
		upstreamtest.Shows(t, again.Get(t, "/account/logins"), http.StatusOK, "Works")

		begun := w.Browser(t).Get(t, "/signin")
		upstreamtest.Press(t, begun, "work")
		callback := w.up.Callback(t, begun, "work", upstreamtest.WorkAda)
		w.does(http.StatusOK, "POST /upstreams/work/disable", nil)
		w.watch()
		w.button(false)
		if begun.Get(t, callback); begun.Status == http.StatusOK && begun.URL.Path == "/account" {
			t.Error("a sign-in that was begun before it was disabled came through")
		}
		upstreamtest.NoVisitor(t, begun)
		if again.Get(t, "/account"); again.URL.Path != "/account" {
			t.Error("the session that began there ended")
		}
		w.does(http.StatusOK, "POST /upstreams/work/enable", nil)
		w.watch()
		w.button(true)
		w.does(http.StatusNoContent, "DELETE /upstreams/work", nil, "If-Match: *")
		w.does(http.StatusNotFound, "GET /upstreams/work", nil)
		w.watch()
		w.button(false)
		for name, want := range map[string]int{"upstream.created": 1, "upstream.changed": 1, "upstream.disabled": 1, "upstream.enabled": 1,
			"upstream.deleted": 1} {
			list := w.named(name)
			if len(list) != want {
				t.Errorf("%d events %s", len(list), name)
			}
			for _, e := range list {
				if strings.Contains(string(e.Detail), w.up.Work.ClientSecret) || !strings.Contains(string(e.Detail), `"work"`) {
					t.Errorf("%s: %s", name, e.Detail)
				}
			}
		}
	})
}

func (w *storedWorld) tagOf(id string) string {
	w.Helper()
	w.does(http.StatusOK, "GET /upstreams/"+id, nil)
	return w.etag
}

// TestN06_AnotherIssuerIsAnotherProvider: who is linked at one issuer is nobody at another, however it is set up, and a secret that was
// given for one provider goes to no other.
func TestN06_AnotherIssuerIsAnotherProvider(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	evil := workProvider(t)
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	w.does(http.StatusUnprocessableEntity, "PATCH /upstreams/work", map[string]any{"issuer": evil.Issuer()}, "If-Match: *")
	own := map[string]any{"issuer": evil.Issuer(), "client_secret": "its own"} // nobody is linked yet
	w.does(http.StatusOK, "PATCH /upstreams/work", own, "If-Match: *")
	kept, err := w.Services().Settings.Kept(t.Context(), "work")
	if err != nil || kept.Secrets.ClientSecret != "its own" {
		t.Errorf("the secret goes to another provider: %v", err)
	}
	back := map[string]any{"issuer": w.up.Work.Issuer(), "client_secret": w.up.Work.ClientSecret}
	w.does(http.StatusOK, "PATCH /upstreams/work", back, "If-Match: *")
	w.watch()
	ada := w.Browser(t)
	w.up.SignIn(t, ada, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", nil)
	upstreamtest.Shows(t, ada.Get(t, "/account/logins"), http.StatusOK, "Work & Sons")

	w.does(http.StatusConflict, "PATCH /upstreams/work", map[string]any{"issuer": evil.Issuer(), "client_secret": "x"}, "If-Match: *")
	w.does(http.StatusConflict, "PATCH /upstreams/work", map[string]any{"kind": "github", "issuer": nil, "client_secret": "x"}, "If-Match: *")
	w.does(http.StatusNoContent, "DELETE /upstreams/work", nil, "If-Match: *")
	other := w.work()
	other["issuer"] = evil.Issuer()
	w.does(http.StatusConflict, "POST /upstreams", other)
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	w.watch()
	again := w.Browser(t)
	w.up.SignIn(t, again, "work", upstreamtest.WorkAda)
	if again.Get(t, "/account"); again.URL.Path != "/account" {
		t.Errorf("the same provider does not let in who is linked: %s", again.Text("main"))
	}
}

// TestADM68_WhoSaysWherePeopleSignInMayDoEverything: with an upstream of one's own one is whom one likes.
func TestADM68_WhoSaysWherePeopleSignInMayDoEverything(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	all := w.token
	less, _, err := w.Services().HostToken(t.Context(), "less@host", []string{"upstreams:write", "upstreams:read", "people:read",
		"people:write", "people:credentials", "roles:give", "clients:write"}, 1e12)
	if err != nil {
		t.Fatal(err)
	}
	w.token = less
	other := w.work()
	other["id"] = "mine"
	for route, body := range map[string]any{"POST /upstreams": other, "PUT /upstreams/work": w.work(),
		"PATCH /upstreams/work": map[string]any{"authoritative_for": []string{"*"}}, "DELETE /upstreams/work": nil,
		"POST /upstreams/work/disable": nil, "POST /upstreams/work/enable": nil,
		"POST /upstreams/work/secret-state": map[string]any{"client_secret": "x"}} {
		w.does(http.StatusForbidden, route, body, "If-Match: *")
	}
	w.token = all
	if list := w.does(http.StatusOK, "GET /upstreams", nil)["items"].([]any); len(list) != 1 {
		t.Errorf("there are %v", list)
	}
}

// TestStoredUpstreamsAreChecked as declared ones are, and more: a kind whose issuer is known has no other, no file is read.
func TestStoredUpstreamsAreChecked(t *testing.T) {
	t.Parallel()
	w := newStored(t, servertest.Change(func(c *config.Config) {
		c.Upstreams = []config.Upstream{{ID: "theirs", Kind: config.UpstreamGoogle, ClientID: "c", ClientSecret: config.NewSecret("s"),
			Routes: []string{"routed.example"}}}
	}))
	for name, change := range map[string]map[string]any{
		"id":              {"id": "Work!"},
		"reserved id":     {"id": "signed-out"},
		"kind":            {"kind": "saml"},
		"no client":       {"client_id": ""},
		"issuer":          {"issuer": "https://work.example/?x"},
		"plain issuer":    {"issuer": "http://work.example"},
		"known issuer":    {"kind": "google"},
		"facebook's":      {"kind": "facebook", "name": "F"},
		"route":           {"routes": []string{"routed.example"}},
		"domain":          {"domains": []string{"*"}},
		"accounts":        {"new_accounts": "yes"},
		"claims":          {"claims": map[string]string{"sub": "x"}},
		"unknown":         {"client_secret_file": "/etc/passwd"},
		"logo":            {"logo": "/etc/passwd"},
		"stored":          {"Stored": true},
		"number":          {"client_secret": 7},
		"key of no Apple": {"kind": "apple", "issuer": "", "team_id": "t", "key_id": "k", "private_key": "no key"},
		"long":            {"scopes": []string{strings.Repeat("x", 40_000)}},
	} {
		body := w.work()
		maps.Copy(body, change)
		if status, answer := w.call("POST /upstreams", body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, status, answer)
		} else if raw, _ := json.Marshal(answer); strings.Contains(string(raw), "no key") ||
			strings.Contains(string(raw), w.up.Work.ClientSecret) {
			t.Errorf("%s: tells a secret: %s", name, raw)
		}
	}
	mine := w.work()
	mine["id"] = "theirs"
	w.does(http.StatusConflict, "POST /upstreams", mine)
	w.does(http.StatusConflict, "PUT /upstreams/theirs", mine, "If-Match: *")
	w.does(http.StatusConflict, "DELETE /upstreams/theirs", nil, "If-Match: *")
	w.does(http.StatusConflict, "POST /upstreams/theirs/disable", nil)
	if got := w.does(http.StatusOK, "GET /upstreams/theirs", nil); got["declared"] != true {
		t.Errorf("got %v", got)
	}
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	w.does(http.StatusConflict, "POST /upstreams", w.work())
	w.does(http.StatusNotFound, "PUT /upstreams/nobody", map[string]any{"kind": "oidc"}, "If-Match: *")
	routed := w.work()
	routed["id"], routed["routes"] = "b", []string{"b.example"}
	w.does(http.StatusCreated, "POST /upstreams", routed)
	routed["id"] = "c"
	w.does(http.StatusUnprocessableEntity, "POST /upstreams", routed)
}

// TestStoredUpstreamsRace: of administrators who change what they saw, one wins; what is made twice is made once.
func TestStoredUpstreamsRace(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		run := func(do func(i int) int) map[int]int {
			var wg sync.WaitGroup
			got := make([]int, 6)
			for i := range got {
				wg.Go(func() { got[i] = do(i) })
			}
			wg.Wait()
			counts := map[int]int{}
			for _, status := range got {
				counts[status]++
			}
			return counts
		}
		send := func(method, path string, body any, match string) int {
			raw, _ := json.Marshal(body)
			req, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/api/admin/v1"+path, strings.NewReader(string(raw)))
			if err != nil {
				t.Error(err)
				return 0
			}
			req.Header.Set("Authorization", "Bearer "+w.token)
			req.Header.Set("Content-Type", "application/json")
			if match != "" {
				req.Header.Set("If-Match", match)
			}
			res, err := w.HTTP.Do(req)
			if err != nil {
				t.Error(err)
				return 0
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		got := run(func(int) int { return send("POST", "/upstreams", w.work(), "") })
		if got[http.StatusCreated] != 1 || got[http.StatusConflict] != 5 {
			t.Errorf("made: %v", got)
		}
		tag := w.tagOf("work")
		got = run(func(i int) int {
			return send("PATCH", "/upstreams/work", map[string]any{"name": fmt.Sprint("W", i)}, tag)
		})
		if got[http.StatusOK] != 1 || got[http.StatusPreconditionFailed] != 5 {
			t.Errorf("changed: %v", got)
		}
		tag = w.tagOf("work")
		got = run(func(int) int { return send("DELETE", "/upstreams/work", nil, tag) })
		if got[http.StatusNoContent] != 1 || got[http.StatusNoContent]+got[http.StatusPreconditionFailed]+got[http.StatusNotFound] != 6 {
			t.Errorf("deleted: %v", got)
		}
		for _, name := range []string{"upstream.created", "upstream.changed", "upstream.deleted"} {
			if n := len(w.named(name)); n != 1 {
				t.Errorf("%d events %s", n, name)
			}
		}
	})
}

// TestO02_StoredUpstreamsReachNothingInside: neither by their issuer, nor by way of a host that the configuration's own upstreams reach.
func TestO02_StoredUpstreamsReachNothingInside(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	s := newAdminAPI(t, servertest.Change(func(c *config.Config) {
		c.Upstreams = []config.Upstream{{ID: "inner", Kind: config.UpstreamOIDC, Name: "I", Issuer: inside.URL, ClientID: "c"}}
	}))
	w := &storedWorld{adminAPI: s, up: &upstreamtest.World{Server: s.Server, Work: workProvider(t)}}
	body := w.work()
	body["issuer"] = inside.URL + "/realms/x"
	w.does(http.StatusCreated, "POST /upstreams", body)
	w.watch()
	got := w.does(http.StatusOK, "POST /upstreams/work/test", nil)["items"].([]any)
	if raw, _ := json.Marshal(got); !strings.Contains(string(raw), `"problem"`) || strings.Contains(string(raw), `"good"`) {
		t.Errorf("found %s", raw)
	}
	b := w.Browser(t).Get(t, "/signin")
	upstreamtest.Press(t, b, "work")
	if b.Landed != nil || reached.Load() > 0 {
		t.Error("a host inside was reached")
	}
}

// TestEveryReplicaTakesUpStoredUpstreams, and what the configuration declares wins.
func TestEveryReplicaTakesUpStoredUpstreams(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	beside := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(w.Services().DB),
		servertest.Change(func(c *config.Config) {
			c.Egress.AllowHosts = []string{"127.0.0.1"}
			c.Upstreams = []config.Upstream{{ID: "google", Kind: config.UpstreamGoogle, ClientID: "c", ClientSecret: config.NewSecret("s")}}
		}))
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	mine := map[string]any{"id": "google", "kind": "google", "name": "Mine", "client_id": "mine", "client_secret": "mine"}
	w.does(http.StatusCreated, "POST /upstreams", mine) // this replica declares none of that id
	if err := beside.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := beside.Browser(t).Get(t, "/signin")
	if !strings.Contains(b.Body, `id="with-work"`) || !strings.Contains(b.Body, `id="with-google"`) || strings.Contains(b.Body, "Mine") {
		t.Errorf("the other replica: %s", b.Text("main"))
	}
	// What cannot be used any more is left out, and the rest is there.
	db := w.Services().DB
	_, err := db.InsertSetting(t.Context(), "upstreams/broken", []byte(`{"kind":"oidc","issuer":"x"}`), []byte("sealed by nobody"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Watch(t.Context()), beside.Watch(t.Context())); err != nil {
		t.Fatal(err)
	}
	w.button(true)
}

// TestATestOfAnUpstream asks it for its discovery document.
func TestATestOfAnUpstream(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	w.does(http.StatusCreated, "POST /upstreams", w.work())
	if raw, _ := json.Marshal(w.does(http.StatusOK, "POST /upstreams/work/test", nil)); !strings.Contains(string(raw), `"good"`) {
		t.Errorf("found %s", raw)
	}
	w.up.Work.Down(true)
	if raw, _ := json.Marshal(w.does(http.StatusOK, "POST /upstreams/work/test", nil)); !strings.Contains(string(raw), `"problem"`) {
		t.Errorf("found %s", raw)
	}
	w.does(http.StatusNotFound, "POST /upstreams/nobody/test", nil)
}

// TestConsoleOfUpstreams adds one in the browser, and carries out every act on it.
func TestConsoleOfUpstreams(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	post := func(path, what string, want int, form url.Values) {
		t.Helper()
		if form == nil {
			form = url.Values{}
		}
		form.Set("what", what)
		if b.Post(t, path, form); b.Status != want {
			t.Fatalf("%s %s: %d, want %d: %s", path, what, b.Status, want, b.Text("main"))
		}
	}
	const list, page = "/admin/upstreams", "/admin/upstreams/work"
	if b.Get(t, list); !strings.Contains(b.Body, list+"/add/oidc") {
		t.Fatalf("nothing can be added: %s", b.Text("main"))
	}
	if b.Get(t, list+"/add/google"); !strings.Contains(b.Text("main"), "https://id.example.com/signin/with/google/callback") {
		t.Errorf("no redirect URI to copy: %s", b.Text("main"))
	}
	form := url.Values{"id": {"work"}, "name": {"<b>Work"}, "issuer": {"http://work.example"}, "client_id": {"c"},
		"client_secret": {"hush-hush"},
		"routes":        {"a.example, b.example"}, "new_accounts": {"never"}, "trust_second_factor": {"no"}}
	post(list+"/add/oidc", "create", http.StatusUnprocessableEntity, form)
	if strings.Contains(b.Body, "hush-hush") || !strings.Contains(b.Body, "http://work.example") {
		t.Error("the form does not keep what was typed, but the secret")
	}
	form.Set("issuer", "https://work.example")
	post(list+"/add/oidc", "create", http.StatusOK, form)
	if b.URL.Path != page || strings.Contains(b.Body, "<b>Work") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	seen := func(act string) string {
		t.Helper()
		b.Get(t, page)
		_, rest, _ := strings.Cut(b.Body, `value="`+act+` `)
		tag, _, _ := strings.Cut(rest, `"`)
		return act + " " + tag
	}
	before := seen("change")
	form.Set("name", "Works")
	form.Del("client_secret")
	post(page, before, http.StatusOK, form)
	post(page, before, http.StatusUnprocessableEntity, form) // somebody changed it meanwhile
	form.Set("groups", "admins")
	post(page, seen("change"), http.StatusUnprocessableEntity, form)
	form.Set("groups", "admins = staff\r\n\r\nall of them=everybody\r\n")
	form.Set("claims", "nickname = short\n")
	form["groups_claim"], form["profile"], form["sign_out"] = []string{"groups"}, []string{"always"}, []string{"yes"}
	post(page, seen("change"), http.StatusOK, form)
	if b.Get(t, page); !strings.Contains(b.Body, "admins = staff\nall of them = everybody\n") {
		t.Errorf("the form has not what is kept: %s", b.Body)
	}
	kept, err := w.Services().Settings.Kept(t.Context(), "work")
	if err != nil || kept.Secrets.ClientSecret != "hush-hush" || kept.Name != "Works" || len(kept.Routes) != 2 {
		t.Errorf("kept %+v, %v", kept.Upstream, err)
	}
	if u := kept.Upstream; u.Claims["nickname"] != "short" || u.Groups["all of them"] != "everybody" || len(u.Groups) != 2 ||
		u.GroupsClaim != "groups" || u.Profile != "always" || !u.SignOut {
		t.Errorf("kept %+v", u)
	}
	post(page, seen("disable"), http.StatusOK, nil)
	if !strings.Contains(b.Text("main"), "Disabled") {
		t.Errorf("disabled: %s", b.Text("main"))
	}
	post(page, seen("enable"), http.StatusOK, nil)
	post(page, "test", http.StatusOK, nil)
	if !strings.Contains(b.Text("main"), "Problem") {
		t.Errorf("tested: %s", b.Text("main"))
	}
	post(page, seen("delete"), http.StatusOK, nil)
	if b.URL.Path != list {
		t.Errorf("after it was deleted: at %s", b.URL.Path)
	}
	if b.Get(t, list+"/add/saml"); b.Status != http.StatusNotFound {
		t.Errorf("a kind that is none: %d", b.Status)
	}

	support := w.Browser(t)
	signInWith(t, support, w.support, w.AddAuthenticator(t, w.support))
	for _, path := range []string{list, page, list + "/add/google"} {
		if support.Get(t, path); support.Status == http.StatusOK {
			t.Errorf("support sees %s", path)
		}
	}
}
