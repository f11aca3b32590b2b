package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/server/servertest"
	"signet/users/membership"
)

// consoleWorld is a server with an administrator, who has a second factor, a support agent who has none, and bob.
type consoleWorld struct {
	*servertest.Server
	boss, support, bob servertest.Person
}

func newConsole(t *testing.T, opts ...servertest.Option) *consoleWorld {
	t.Helper()
	w := &consoleWorld{Server: servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.Quiet()}, opts...)...)}
	w.boss, w.support, w.bob = w.Person(t, "boss@example.com"), w.Person(t, "support@example.com"), w.Person(t, "bob@example.com")
	w.MakeAdmin(t, w.boss)
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	if err := w.Services().Admin.GiveRole(t.Context(), root, admin.RoleSupport, membership.Holder{UserID: w.support.ID}); err != nil {
		t.Fatal(err)
	}
	return w
}

// signInWith signs in with password and authenticator app.
func signInWith(t *testing.T, b *servertest.Browser, p servertest.Person, app *servertest.Authenticator) {
	t.Helper()
	b.Get(t, "/signin").SignIn(t, p)
	b.Submit(t, "factor-submit", url.Values{"code": {app.Code(t)}})
}

// TestConsole walks through all pages and acts of an administrator.
func TestConsole(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	app := w.AddAuthenticator(t, w.boss)
	b := w.Browser(t)
	b.Get(t, "/admin")
	if !strings.Contains(b.URL.Path, "/signin") {
		t.Fatalf("without a sign-in: %s", b.URL)
	}
	signInWith(t, b, w.boss, app)
	act := func(path, what string, fields ...string) {
		t.Helper()
		form := url.Values{"what": {what}}
		for i := 0; i < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		b.Post(t, path, form)
		if b.Status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", path, what, b.Status, b.Text("main"))
		}
	}
	b.Get(t, "/admin/people?search=bob")
	if !strings.Contains(b.Text("main"), "bob@example.com") {
		t.Fatalf("search: %s", b.Text("main"))
	}
	person := "/admin/people/" + w.bob.ID
	b.Get(t, person)
	act(person, "disable")
	if !strings.Contains(b.Text("main"), "Disabled") {
		t.Errorf("disabled: %s", b.Text("main"))
	}
	act(person, "enable")
	act(person, "reset-link")
	if link := b.Text("secret"); !strings.HasPrefix(link, w.URL) {
		t.Errorf("link %q", link)
	}
	for _, what := range []string{"end-sessions", "reset-factors", "delete", "restore"} {
		act(person, what)
	}
	act("/admin/groups", "create", "name", "eu/staff")
	act("/admin/groups/eu%2Fstaff", "add", "person", "bob@example.com")
	if !strings.Contains(b.Text("main"), "bob@example.com") {
		t.Errorf("members: %s", b.Text("main"))
	}
	act("/admin/roles", "create", "name", "reader", "permissions", "people:read, audit:read")
	act("/admin/roles/reader", "give", "group", "eu/staff")
	act("/admin/roles/reader", "take-group eu/staff")
	act(person, "give", "role", "reader")
	act(person, "take reader")
	act("/admin/roles/reader", "delete")
	act("/admin/groups/eu%2Fstaff", "remove "+w.bob.ID)
	act("/admin/groups/eu%2Fstaff", "delete")
	act("/admin/people", "create", "email", "new@example.com", "name", "New")
	if !strings.Contains(b.Text("main"), "New") {
		t.Errorf("created: %s", b.Text("main"))
	}
	act("/admin/apps", "create", "name", "Shop", "kind", "web", "proof", "secret", "redirect", "https://shop.example/cb",
		"scope", "openid")
	secret := b.Text("secret")
	id, _, _ := strings.Cut(strings.TrimPrefix(secret, "client_id="), " ")
	if !strings.Contains(secret, "client_secret=") {
		t.Fatalf("secret %q", secret)
	}
	shop := "/admin/apps/" + id
	act(shop, "change", "name", "The shop", "redirect", "https://shop.example/cb", "scope", "openid email")
	act(shop, "secret")
	act(shop, "disable")
	act(shop, "enable")
	b.Post(t, shop, url.Values{"what": {"change"}, "name": {"X"}, "redirect": {"javascript:alert(1)"}})
	if b.Status != http.StatusUnprocessableEntity || !strings.Contains(b.Text("main"), "redirect_uris") {
		t.Errorf("a wrong address: %d %s", b.Status, b.Text("main"))
	}
	consoleMapsClaims(t, b, person, shop, id)
	act(shop, "delete")
	act("/admin/keys", "rotate", "alg", "ES256")
	for _, page := range []string{"/admin", "/admin/people", "/admin/groups", "/admin/roles", "/admin/roles/admin", "/admin/apps",
		"/admin/events", "/admin/events?name=client.&actor=" + w.boss.ID, "/admin/keys"} {
		if b.Get(t, page); b.Status != http.StatusOK {
			t.Errorf("%s: %d", page, b.Status)
		}
	}
	if b.Get(t, "/admin/people/nobody"); b.Status != http.StatusNotFound {
		t.Errorf("nobody: %d", b.Status)
	}
	b.Post(t, "/admin/groups", url.Values{"what": {"create"}, "name": {"x"}, "next": {"//evil.example/"}})
	if b.Landed != nil || b.URL.Path != "/admin/groups" {
		t.Errorf("led to %s %v", b.URL, b.Landed)
	}
	consoleWantsARecentSignIn(t, w, b)
}

// consoleMapsClaims keeps metadata, gives an app claims of it, and looks at what it would be told. Forms of what has changed meanwhile are
// refused.
func consoleMapsClaims(t *testing.T, b *servertest.Browser, person, shop, id string) {
	t.Helper()
	tagOf := func(path, act string) string {
		t.Helper()
		b.Get(t, path)
		_, rest, found := strings.Cut(b.Body, `value="`+act+" ")
		tag, _, _ := strings.Cut(rest, `"`)
		if !found {
			t.Fatalf("%s has no form to %s", path, act)
		}
		return act + " " + tag
	}
	post := func(path, what, field, text string, status int, want string) {
		t.Helper()
		b.Post(t, path, url.Values{"what": {what}, field: {text}})
		if b.Status != status || !strings.Contains(b.Text("main"), want) {
			t.Errorf("%s %s: %d, %s; want %d, %s", path, text, b.Status, b.Text("main"), status, want)
		}
	}
	old := tagOf(person, "metadata")
	post(person, old, "metadata", `{"dept":"Sales","level":3}`, http.StatusOK, `{"dept":"Sales","level":3}`)
	post(person, old, "metadata", `{}`, http.StatusUnprocessableEntity, "")
	post(person, tagOf(person, "metadata"), "metadata", `{"dept"`, http.StatusUnprocessableEntity, "must be a JSON object")
	post(person, tagOf(person, "metadata"), "metadata", `{"dept":"<b>Sales</b>"}`, http.StatusOK, `"dept"`)
	old = tagOf(shop, "change_map")
	post(shop, old, "claims_map", `[{"claim":"department","from":"metadata.dept"}]`, http.StatusOK, "department")
	post(shop, old, "claims_map", `[]`, http.StatusUnprocessableEntity, "")
	for text, want := range map[string]string{`[{"claim":"sub","value":"x"}]`: "sub", `{}`: "JSON list",
		`[{"claim":"a","form":"x"}]`: "JSON list"} {
		post(shop, tagOf(shop, "change_map"), "claims_map", text, http.StatusUnprocessableEntity, want)
	}
	b.Get(t, person+"/claims?client="+id)
	if text := b.Text("main"); b.Status != http.StatusOK || !strings.Contains(text, `id_token: department`) ||
		strings.Contains(b.Body, "<b>Sales") {
		t.Errorf("preview: %d %s", b.Status, text)
	}
	for query, want := range map[string]string{"": "", "?client=nobody": "not found", "?client=" + id + "&scope=x": "no scope"} {
		if b.Get(t, person+"/claims"+query); b.Status != http.StatusOK || !strings.Contains(b.Text("main"), want) {
			t.Errorf("preview%s: %d %s", query, b.Status, b.Text("main"))
		}
	}
}

func consoleWantsARecentSignIn(t *testing.T, w *consoleWorld, b *servertest.Browser) {
	t.Helper()
	person := "/admin/people/" + w.bob.ID
	w.AgeSessions(t, w.boss.ID, time.Hour)
	b.Post(t, person, url.Values{"what": {"disable"}})
	if !strings.Contains(b.URL.Path, "/signin") {
		t.Errorf("with an old sign-in: %s %s", b.URL, b.Text("main"))
	}
}

// TestConsoleIsNotThereForOthers: nobody without a permission finds it, and a permission without a second factor shows and does not act.
func TestConsoleIsNotThereForOthers(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	b.Get(t, "/signin").SignIn(t, w.bob)
	for _, page := range []string{"/admin", "/admin/people", "/admin/people/" + w.bob.ID, "/admin/keys"} {
		if b.Get(t, page); b.Status != http.StatusNotFound {
			t.Errorf("%s for bob: %d", page, b.Status)
		}
	}
	b.Post(t, "/admin/people/"+w.boss.ID, url.Values{"what": {"disable"}})
	if b.Status != http.StatusNotFound {
		t.Errorf("bob acts: %d", b.Status)
	}
	s := w.Browser(t)
	s.Get(t, "/signin").SignIn(t, w.support)
	if s.Get(t, "/admin/people/"+w.bob.ID); s.Status != http.StatusOK || strings.Contains(s.Text("main"), "Give a role") {
		t.Errorf("support looks: %d %s", s.Status, s.Text("main"))
	}
	s.Post(t, "/admin/people/"+w.bob.ID, url.Values{"what": {"end-sessions"}})
	if s.Status != http.StatusForbidden || !strings.Contains(s.Text("main"), "two-step verification") {
		t.Errorf("support without a second factor acts: %d %s", s.Status, s.Text("main"))
	}
	app := w.AddAuthenticator(t, w.support)
	s = w.Browser(t)
	signInWith(t, s, w.support, app)
	s.Get(t, "/admin/people/"+w.boss.ID)
	s.Post(t, "/admin/people/"+w.boss.ID, url.Values{"what": {"reset-link"}})
	if s.Status != http.StatusUnprocessableEntity || !strings.Contains(s.Text("main"), "permissions that you do not have") {
		t.Errorf("support resets the administrator: %d %s", s.Status, s.Text("main"))
	}
	if s.Get(t, "/admin/keys"); s.Status != http.StatusForbidden {
		t.Errorf("keys for support: %d", s.Status)
	}
}

// TestConsoleLinksAreEscaped: the id of an app may have characters that mean something in an address.
func TestConsoleLinksAreEscaped(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	app := w.AddAuthenticator(t, w.boss)
	w.App(t, "a&name=admin.#x", func(m *clients.Metadata) { m.RedirectURIs = []string{"https://app.example/cb"} })
	b := w.Browser(t)
	signInWith(t, b, w.boss, app)
	if b.Get(t, "/admin/apps/a&name=admin.%23x"); b.Status != http.StatusOK || strings.Contains(b.Body, "client=a&amp;name") {
		t.Errorf("%d: a link that an id leads elsewhere: %s", b.Status, b.Body)
	}
}
