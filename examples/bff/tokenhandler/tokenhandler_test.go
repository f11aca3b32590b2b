package tokenhandler_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/examples/bff/tokenhandler"
	"signet/server/servertest"
)

// page is the app in a browser: it keeps the cookies as a browser does.
type page struct {
	t       *testing.T
	handler http.Handler
	cookies map[string]*http.Cookie
}

func (p *page) send(method, path string, header ...string) *http.Response {
	p.t.Helper()
	r := httptest.NewRequest(method, "https://app.example"+path, nil)
	for _, c := range p.cookies {
		r.AddCookie(c)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
			p.t.Errorf("cookie %s", c)
		}
		if p.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(p.cookies, c.Name)
		}
	}
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// world is a server, an API that says what it was sent, and the app before both.
type world struct {
	*servertest.Server
	ada     servertest.Person
	handler http.Handler
	seen    []*http.Request
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())}
	w.ada = w.Person(t, "ada@example.com")
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.seen = append(w.seen, r)
		rw.Header().Set("Set-Cookie", "theirs=1")
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(rw, "at "+r.URL.RequestURI())
	}))
	t.Cleanup(api.Close)
	to, err := url.Parse(api.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	app := w.App(t, "bff", func(m *clients.Metadata) {
		m.RedirectURIs, m.PostLogoutRedirectURIs = []string{"https://app.example/bff/callback"}, []string{"https://app.example/"}
	})
	h, err := tokenhandler.New(t.Context(), tokenhandler.Options{Issuer: w.URL, ClientID: "bff", ClientSecret: app.ClientSecret,
		Base: "https://app.example", Scopes: []string{"offline_access"}, APIs: map[string]url.URL{"notes": *to}, HTTP: w.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = h.Routes()
	return w
}

// begin leaves for the server, and returns where it sends the browser back to.
func (w *world) begin(t *testing.T, p *page) string {
	t.Helper()
	b := w.Browser(t)
	b.Get(t, p.send("GET", "/bff/login").Header.Get("Location"))
	if b.Has("login-submit") {
		b.SignIn(t, w.ada)
	}
	if b.Landed == nil {
		b.Allow(t)
	}
	return b.Landed.RequestURI()
}

func (w *world) page(t *testing.T) *page { return &page{t, w.handler, map[string]*http.Cookie{}} }

const header = "X-Requested-With"

// TestNoTokenReachesThePage: it signs in, calls the API and signs out, and sees neither a token nor what the API says to browsers.
func TestNoTokenReachesThePage(t *testing.T) {
	w := newWorld(t)
	p := w.page(t)
	if res := p.send("GET", "/bff/me", header, "x"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("before: %d", res.StatusCode)
	}
	back := p.send("GET", w.begin(t, p))
	if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != "/" {
		t.Fatalf("%d %s", back.StatusCode, body(t, back))
	}
	session := p.cookies["__Host-bff"]
	if session == nil || session.SameSite != http.SameSiteStrictMode || len(p.cookies) != 1 {
		t.Fatalf("cookies %v", p.cookies)
	}
	if text := body(t, p.send("GET", "/bff/me", header, "x")); text != `{"sub":"`+w.ada.ID+"\"}\n" {
		t.Errorf("me: %s", text)
	}
	res := p.send("GET", "/bff/api/notes/list?a=1&a=2", header, "x", "Authorization", "Bearer of-the-page", "Origin", "https://app.example")
	if text := body(t, res); text != "at /v1/list?a=1&a=2" || res.Header.Get("Set-Cookie") != "" ||
		res.Header.Get("Access-Control-Allow-Origin") != "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", text, res.Header)
	}
	got := w.seen[0].Header
	if token := got.Get("Authorization"); !strings.HasPrefix(token, "Bearer eyJ") || got.Get("Cookie") != "" || got.Get("Origin") != "" ||
		got.Get(header) != "" {
		t.Errorf("the API got %v", got)
	}
	if p.send("POST", "/bff/logout", "Sec-Fetch-Site", "cross-site"); p.cookies["__Host-bff"] == nil {
		t.Error("another site signs out")
	}
	res = p.send("POST", "/bff/logout", "Sec-Fetch-Site", "same-origin")
	if to := res.Header.Get("Location"); !strings.HasPrefix(to, w.URL+"/") || len(p.cookies) != 0 || strings.Contains(body(t, res), "eyJ") {
		t.Errorf("%d to %s", res.StatusCode, to)
	}
	p.cookies["__Host-bff"] = session // kept by somebody
	if res := p.send("GET", "/bff/me", header, "x"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", res.StatusCode)
	}
}

// TestOnlyTheAPIsThatAreNamed are reached, and only by the page.
func TestOnlyTheAPIsThatAreNamed(t *testing.T) {
	w := newWorld(t)
	p := w.page(t)
	p.send("GET", w.begin(t, p))
	for _, path := range []string{"/bff/api/other/x", "/bff/api//x", "/bff/api/notes/..%2f..%2fadmin", "/bff/api/notes/%2e%2e/admin",
		"/bff/api/notes/a/%2E%2E/%2e%2e/admin", "/bff/api/notes/..%5cadmin", "/bff/api/notes%2f..%2fx/y", "/bff/api/http:%2f%2fevil.example/"} {
		if res := p.send("GET", path, header, "x"); res.StatusCode == http.StatusOK {
			t.Errorf("%s: %s", path, body(t, res))
		}
	}
	if res := p.send("GET", "/bff/api/notes/list"); res.StatusCode != http.StatusForbidden { // an image, a form, a link
		t.Errorf("without the header: %d", res.StatusCode)
	}
	asked := p.send("OPTIONS", "/bff/api/notes/list", "Origin", "https://evil.example", "Access-Control-Request-Headers", header)
	if asked.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin is let in")
	}
	if len(w.seen) != 0 {
		t.Errorf("the API was called: %v", w.seen[0].URL)
	}
}

// TestASignInIsOfOneBrowser: an answer counts once, in the browser that asked.
func TestASignInIsOfOneBrowser(t *testing.T) {
	w := newWorld(t)
	mine, other := w.page(t), w.page(t)
	answer := w.begin(t, mine)
	if res := other.send("GET", answer); res.StatusCode != http.StatusBadRequest || other.cookies["__Host-bff"] != nil {
		t.Errorf("a browser that never asked: %d", res.StatusCode)
	}
	w.begin(t, other)
	if res := other.send("GET", answer); res.StatusCode != http.StatusBadRequest || other.cookies["__Host-bff"] != nil {
		t.Errorf("a browser that asked for itself: %d", res.StatusCode)
	}
	kept := mine.cookies["__Host-bff-login"]
	planted := &http.Cookie{Name: "__Host-bff", Value: "chosen", Path: "/", Secure: true, HttpOnly: true}
	mine.cookies["__Host-bff"] = planted
	wrong := strings.Replace(answer, "iss=", "iss=x", 1)
	if res := w.page(t).send("GET", wrong); res.StatusCode != http.StatusBadRequest {
		t.Errorf("another issuer: %d", res.StatusCode)
	}
	if res := mine.send("GET", answer); res.StatusCode != http.StatusSeeOther || mine.cookies["__Host-bff"].Value == "chosen" {
		t.Errorf("%d: the session has a name from before", res.StatusCode)
	}
	mine.cookies["__Host-bff-login"] = kept
	if res := mine.send("GET", answer); res.StatusCode != http.StatusBadRequest {
		t.Errorf("once more: %d", res.StatusCode)
	}
}
