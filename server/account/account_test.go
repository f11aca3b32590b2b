package account_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/clients"
	"signet/internal/seal"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/server/account"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/deletion"
	"signet/users/export"
	"signet/users/factor"
	"signet/users/membership"
	"signet/users/passkey"
	"signet/users/password"
	"signet/users/session"
	"signet/users/ticket"
)

const (
	grace   = 168 * time.Hour
	present = "analytical engine"
	next    = "difference engine"
)

// fixture is the handler over a database, and a sign-in page that is not asked for anything.
type fixture struct {
	http.Handler
	db       *storage.DB
	audit    *audit.Log
	people   *users.Service
	deletion *deletion.Service
	sessions *session.Sessions
	browser  *browser.Browser
	passkeys *passkey.Service // nil at an address without a name
}

func newFixture(t *testing.T, address string, change ...func(*account.Options)) *fixture {
	t.Helper()
	issuer, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	db := storagetest.SQLite(t)
	h := &fixture{db: db, audit: audit.New(db)}
	if h.sessions, err = session.New(session.Options{Stores: session.StoresOf(db), Audit: h.audit}); err != nil {
		t.Fatal(err)
	}
	passwords, err := password.New(password.Options{Cost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	ways, err := factor.NewWays(factor.WaysOptions{Stores: factor.StoresOf(db)})
	if err != nil {
		t.Fatal(err)
	}
	h.people, err = users.New(users.Options{
		Stores: users.StoresOf(db), Ways: ways, Audit: h.audit, Sessions: h.sessions, Passwords: passwords, Tickets: tickets(t, db),
	})
	if err != nil {
		t.Fatal(err)
	}
	if h.deletion, err = deletion.New(deletion.Options{Store: db, Rows: db, Audit: h.audit, People: h.people, Grace: grace,
		Administrators: membership.Administrators{Store: db, Usable: func(context.Context) ([]string, error) { return nil, nil }}}); err != nil {
		t.Fatal(err)
	}
	exports, err := export.New(export.Options{Store: db, History: db, Audit: h.audit, People: h.people, Sessions: h.sessions})
	if err != nil {
		t.Fatal(err)
	}
	if h.browser, err = browser.New(
		browser.Options{Issuer: issuer, Store: db, Bounds: db, Sessions: h.sessions, DeviceKeys: [][]byte{[]byte("some key")}}); err != nil {
		t.Fatal(err)
	}
	prefix := strings.TrimSuffix(issuer.Path, "/")
	look, err := pages.New(pages.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: look.Error, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	options := account.Options{
		Login: h.login(t, look, ways), Browser: h.browser, Profile: h.people, Connected: h.people, Credentials: h.people,
		Deletion: h.deletion, Export: exports, Sessions: h.sessions, Pages: look,
		App: func(_ context.Context, id string) pages.App {
			return pages.App{Name: "The " + id, Host: id + ".example"}
		},
		Resource: func(id string) string { return "API of " + id },
	}
	if passkey.Usable(issuer) {
		if h.passkeys, err = passkey.New(passkey.Options{
			Stores: passkey.StoresOf(db), Ways: ways, Audit: h.audit, Tickets: tickets(t, db), Name: "Signet", RPID: issuer.Hostname(),
			Origins: []string{issuer.Scheme + "://" + issuer.Host},
		}); err != nil {
			t.Fatal(err)
		}
		options.Passkeys = h.passkeys
	}
	for _, f := range change {
		f(&options)
	}
	handler, err := account.New(options)
	if err != nil {
		t.Fatal(err)
	}
	handler.Mount(mux)
	mux.Page("GET /signin", func(w http.ResponseWriter, r *http.Request) error {
		_, leaving, err := h.browser.Present(r)
		if err != nil {
			return err
		}
		if leaving != nil {
			return h.browser.Go(w, r, "/account/keep", nil)
		}
		if err := h.browser.Tidy(w, r); err != nil {
			return err
		}
		_, err = fmt.Fprint(w, "the sign-in page")
		return err
	})
	h.Handler = mux.Handler()
	return h
}

// login is what pages share, of a server without apps.
func (h *fixture) login(t *testing.T, look *pages.Pages, ways *factor.Ways) *login.Login {
	t.Helper()
	master, err := seal.New([]byte("a-master-key-of-thirty-two-bytes"))
	if err != nil {
		t.Fatal(err)
	}
	factors, err := factor.New(factor.Options{
		Stores: factor.StoresOf(h.db), Ways: ways, Audit: h.audit, Tickets: tickets(t, h.db), Sealer: master, Place: seal.Place,
		Notices: h.people, Issuer: "Signet",
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := login.New(login.Options{
		Browser: h.browser, Pages: look, People: h.people, Factors: factors, Tx: h.db.Tx,
		Consents:  &consent.Consents{Store: h.db, Audit: h.audit},
		Client:    func(context.Context, string) (*clients.Client, error) { return nil, clients.ErrUnknown },
		App:       func(context.Context, string, string) *pages.App { return nil },
		Resources: func() *clients.Resources { return new(clients.Resources) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (h *fixture) person(t *testing.T, email string) storage.User {
	t.Helper()
	u, err := h.people.CreateAccount(t.Context(), users.Registration{
		Email: email, Username: strings.Split(email, "@")[0], Method: users.WithPassword(present), Voucher: users.VouchedByOperator(),
		Claims: []byte(`{"name":"Ada <Lovelace>","birthdate":"1815-12-10"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// tab is a browser with its cookies.
type tab struct {
	h       *fixture
	origin  string
	cookies map[string]string
	*httptest.ResponseRecorder
}

// signedIn is a browser in which the person is, by password.
func (h *fixture) signedIn(t *testing.T, u storage.User, agent string) (*tab, *browser.Visitor) {
	t.Helper()
	return h.signedInBy(t, u, agent, session.Password(true, nil))
}

// strongly is a browser in which the person is by their passkey, as they have to be who change passkeys.
func (h *fixture) strongly(t *testing.T, u storage.User) *tab {
	t.Helper()
	b, _ := h.signedInBy(t, u, "", session.How{AMR: []string{"hwk", "user"}, ACR: flow.ACRResistant, Remember: true})
	return b
}

func (h *fixture) signedInBy(t *testing.T, u storage.User, agent string, how session.How) (*tab, *browser.Visitor) {
	t.Helper()
	b := &tab{h: h, origin: "http://localhost:9400", cookies: map[string]string{}}
	w := httptest.NewRecorder()
	ctx := audit.WithOrigin(t.Context(), audit.Origin{Agent: agent, Address: "203.0.113.24"})
	v, err := h.browser.SignedIn(w, httptest.NewRequestWithContext(ctx, "POST", "/", nil), u.ID, how)
	if err != nil {
		t.Fatal(err)
	}
	b.keep(w)
	return b, v
}

func (b *tab) keep(w *httptest.ResponseRecorder) {
	for _, k := range w.Result().Cookies() {
		if k.MaxAge < 0 {
			delete(b.cookies, k.Name)
		} else {
			b.cookies[k.Name] = k.Value
		}
	}
}

func (b *tab) do(t *testing.T, method, target string, form url.Values) *tab {
	t.Helper()
	for range 5 {
		r := httptest.NewRequestWithContext(t.Context(), method, b.origin+target, strings.NewReader(form.Encode()))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		b.ResponseRecorder = httptest.NewRecorder()
		b.h.ServeHTTP(b, r)
		b.keep(b.ResponseRecorder)
		if b.Code != http.StatusSeeOther {
			return b
		}
		method, target, form = http.MethodGet, b.Header().Get("Location"), nil
	}
	t.Fatal("too many redirects")
	return nil
}

func (b *tab) get(t *testing.T, target string) *tab { t.Helper(); return b.do(t, "GET", target, nil) }

func (b *tab) post(t *testing.T, target string, pairs ...string) *tab {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.do(t, "POST", target, form)
}

func (b *tab) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if b.Code != status {
		t.Errorf("status %d, want %d", b.Code, status)
	}
	body := b.Body.String()
	for _, p := range parts {
		if miss, not := strings.CutPrefix(p, "!"); not && strings.Contains(body, miss) {
			t.Errorf("page holds %q", miss)
		} else if !not && !strings.Contains(body, p) {
			t.Errorf("page lacks %q:\n%.4000s", p, body)
		}
	}
}

func (h *fixture) grant(t *testing.T, u storage.User, g storage.Grant) {
	t.Helper()
	now := time.Now()
	g.UserID, g.UserEpoch, g.CreatedAt, g.CodeUsedAt, g.ExpiresAt, g.EndsAt = u.ID, u.Epoch, now, now, now.Add(time.Hour), now.Add(time.Hour)
	if err := h.db.InsertGrant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

func (h *fixture) revoked(t *testing.T, id string) bool {
	t.Helper()
	s, err := h.db.GrantStateByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return !s.RevokedAt.IsZero()
}

func TestPageTellsWhoIAmAndWhatIHave(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	b, _ := h.signedIn(t, u, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	h.signedIn(t, u, "curl/8")
	now := time.Now()
	if _, err := h.db.PutConsent(t.Context(),
		storage.Consent{UserID: u.ID, ClientID: "shop", Offered: []string{"openid", "email"}, Granted: []string{"openid", "email"},
			Resources: []string{"notes"}, CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	h.grant(t, u, storage.Grant{ID: "g", ClientID: "board", Scopes: []string{"openid", "api:read"}, LastUsedAt: now})
	b.get(t, "/account").want(t, 200, "Ada &lt;Lovelace&gt;", "ada@example.org", "2 browsers", "2 apps", "!may have copied it")
	b.get(t, "/account/profile").want(t, 200, `value="1815-12-10"`, `value="Ada &lt;Lovelace&gt;"`, `value="ada"`)
	b.get(t, "/account/sessions").want(t, 200, "Firefox on Linux", "This browser", "203.0.113.x", "Sign out everywhere else")
	b.get(t, "/account/apps").want(t, 200, "The shop", "shop.example", "The board", "email", "never used", "At: <bdi>API of notes</bdi>")
	if cache := b.Header().Get("Cache-Control"); !strings.Contains(cache, "no-store") { // B08
		t.Errorf("Cache-Control %q", cache)
	}
	if err := h.audit.Record(t.Context(), audit.Event{Name: audit.RefreshReused, UserID: u.ID}); err != nil {
		t.Fatal(err)
	}
	b.get(t, "/account?done=%3Cscript%3E").want(t, 200, "may have copied it", "!&lt;script")
	b.get(t, "/account?done=app").want(t, 200, "The app has been removed")
}

func TestStrangersAreSentToSignIn(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	b := &tab{h: h, origin: "http://localhost:9400", cookies: map[string]string{"signet_9400_session": "planted"}}
	b.get(t, "/account").want(t, 200, "the sign-in page")
	if len(b.cookies) != 0 {
		t.Errorf("a planted cookie stays: %v", b.cookies) // B07
	}
	for _, path := range []string{"/account/password", "/account/sessions", "/account/apps"} {
		b.post(t, path, "session", "others", "app", "shop", "current", present, "password", next).want(t, 200, "the sign-in page")
	}
}

func TestE11_ChangePasswordEndsAllElseAndKeepsThisBrowser(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u := h.person(t, "ada@example.org")
	b, v := h.signedIn(t, u, "")
	other, _ := h.signedIn(t, u, "")
	h.grant(t, u, storage.Grant{ID: "offline", ClientID: "shop", Offline: true})
	b.get(t, "/account/password").want(t, 200, `autocomplete="current-password"`, `autocomplete="new-password"`)
	for name, tt := range map[string]struct {
		current, new string
		status       int
		says         string
	}{
		"wrong":     {"wrong password", next, 403, "not your current password"},
		"no_old":    {"", next, 400, "Enter a password"},
		"no_new":    {present, "", 400, "Enter a password"},
		"short":     {present, "short", 400, "at least 12 characters"},
		"long":      {present, strings.Repeat("x y", 400), 400, "at most 1024 bytes"},
		"same":      {present, present, 400, "your current password"},
		"own_name":  {present, "ada@example.org", 400, "contains your name"},
		"too_usual": {present, "password1234", 400, "list of stolen passwords"},
	} {
		t.Run(name, func(t *testing.T) {
			b.post(t, "/account/password", "current", tt.current, "password", tt.new).want(t, tt.status, tt.says)
		})
	}
	before := b.cookies["signet_9400_session"]
	b.post(t, "/account/password", "current", present, "password", next).want(t, 200, "Your password has been changed")
	if b.cookies["signet_9400_session"] == before {
		t.Error("the cookie's secret is the old one") // F05
	}
	if now, err := h.browser.Visitor(request(t, b)); err != nil || now == nil || now.SessionID != v.SessionID || !now.Remember {
		t.Errorf("this browser: %+v, %v", now, err)
	}
	other.get(t, "/account").want(t, 200, "the sign-in page")
	if !h.revoked(t, "offline") {
		t.Error("the app keeps its access")
	}
}

func request(t *testing.T, b *tab) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/account", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func TestGuessingThePresentPasswordIsThrottled(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	b, _ := h.signedIn(t, h.person(t, "ada@example.org"), "")
	for range 11 {
		b.post(t, "/account/password", "current", "wrong password", "password", next)
	}
	b.want(t, 429, "Too many attempts")
	if b.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestR08_SessionsAreEnded(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	b, v := h.signedIn(t, u, "")
	one, ofOne := h.signedIn(t, u, "")
	two, _ := h.signedIn(t, u, "")
	his, ofBob := h.signedIn(t, bob, "")
	h.grant(t, u, storage.Grant{ID: "online", ClientID: "shop", SessionID: ofOne.SessionID})
	h.grant(t, u, storage.Grant{ID: "offline", ClientID: "shop", SessionID: ofOne.SessionID, Offline: true})

	for _, id := range []string{ofBob.SessionID, "unknown", ""} { // R05
		b.post(t, "/account/sessions", "session", id).want(t, 404)
	}
	his.get(t, "/account").want(t, 200, "bob@example.org")
	b.post(t, "/account/sessions", "session", ofOne.SessionID).want(t, 200, "That browser has been signed out")
	one.get(t, "/account").want(t, 200, "the sign-in page")
	if !h.revoked(t, "online") || h.revoked(t, "offline") {
		t.Error("exactly what is not offline should end with its session")
	}
	b.post(t, "/account/sessions", "session", "others").want(t, 200, "signed out everywhere else")
	two.get(t, "/account").want(t, 200, "the sign-in page")
	b.get(t, "/account").want(t, 200, "ada@example.org")
	b.post(t, "/account/sessions", "session", v.SessionID).want(t, 200, "the sign-in page")
}

func TestR08_AppsAreRemoved(t *testing.T) {
	h := newFixture(t, "http://localhost:9400")
	u, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	b, _ := h.signedIn(t, u, "")
	h.grant(t, u, storage.Grant{ID: "hers", ClientID: "shop", Offline: true})
	h.grant(t, bob, storage.Grant{ID: "his", ClientID: "shop", Offline: true})
	h.grant(t, bob, storage.Grant{ID: "board", ClientID: "board"})
	for _, id := range []string{"board", "unknown", ""} { // R05
		b.post(t, "/account/apps", "app", id).want(t, 404)
	}
	b.post(t, "/account/apps", "app", "shop").want(t, 200, "The app has been removed", "!The shop")
	if !h.revoked(t, "hers") || h.revoked(t, "his") || h.revoked(t, "board") {
		t.Error("exactly her own grant should end")
	}
	h.grant(t, u, storage.Grant{ID: "again", ClientID: "shop", Offline: true})
	b.get(t, "/account/apps").want(t, 200, "The shop", "!Remove all apps")
	h.grant(t, u, storage.Grant{ID: "other", ClientID: "board"})
	b.get(t, "/account/apps").want(t, 200, "The shop", "The board", "Remove all apps")
	b.post(t, "/account/apps", "all", "1").want(t, 200, "All apps have been removed", "!The shop", "!The board")
	if !h.revoked(t, "again") || !h.revoked(t, "other") || h.revoked(t, "his") || h.revoked(t, "board") {
		t.Error("all of her grants should end, and nobody else's")
	}
	b.post(t, "/account/apps", "all", "1").want(t, 200, "All apps have been removed")
}

func TestWellKnownChangePassword(t *testing.T) { // W3C A Well-Known URL for Changing Passwords
	for issuer, paths := range map[string]map[string]string{
		"http://localhost:9400": {"/.well-known/change-password": "/account/password", "/": "/account"},
		"http://localhost:9400/tenant": {"/.well-known/change-password": "/tenant/account/password",
			"/tenant/.well-known/change-password": "/tenant/account/password", "/tenant/": "/tenant/account"},
	} {
		h := newFixture(t, issuer)
		for path, to := range paths {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost:9400"+path, nil))
			if w.Code != http.StatusFound || w.Header().Get("Location") != to {
				t.Errorf("%s%s: %d to %q, want 302 to %q", issuer, path, w.Code, w.Header().Get("Location"), to)
			}
		}
	}
}

func tickets(t testing.TB, db *storage.DB) *ticket.Tickets {
	t.Helper()
	b, err := ticket.New(ticket.StoresOf(db), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
