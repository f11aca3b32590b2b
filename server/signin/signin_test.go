package signin_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"signet/audit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/signin"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
	"signet/users/password"
	"signet/users/session"
	"signet/users/ticket"
)

// house is the room between a stub of the dispatcher and of the account page.
type house struct {
	http.Handler
	db      *storage.DB
	people  *users.Service
	browser *browser.Browser
	counts  map[string]int
}

type settings struct {
	signup    users.Signup
	passwords password.Options
	contact   string
}

const right = "analytical engine"

func newHouse(t *testing.T, db *storage.DB, o settings) *house {
	t.Helper()
	issuer, _ := url.Parse("http://localhost:9400")
	book := audit.New(db)
	sessions, err := session.New(session.Options{Store: db, Audit: book})
	if err != nil {
		t.Fatal(err)
	}
	if o.passwords.Cost == 0 {
		o.passwords.Cost = bcrypt.MinCost
	}
	passwords, err := password.New(o.passwords)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{db: db, counts: map[string]int{}}
	if h.people, err = users.New(users.Options{Store: db, Audit: book, Sessions: sessions, Passwords: passwords, Tickets: tickets(t, db), Signup: o.signup}); err != nil {
		t.Fatal(err)
	}
	if h.browser, err = browser.New(browser.Options{Issuer: issuer, Store: db, Sessions: sessions, DeviceKeys: [][]byte{[]byte("some key")}}); err != nil {
		t.Fatal(err)
	}
	look, err := pages.New(pages.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: look.Error, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	var mu sync.Mutex
	room, err := signin.New(signin.Options{
		Browser: h.browser, People: h.people, Mailed: h.people, Pages: look, Contact: o.contact,
		App: func(_ context.Context, id, redirectURI string) *pages.App {
			return &pages.App{ID: id, Name: "The " + id, Host: "shop.example"}
		},
		Count: func(outcome string) { mu.Lock(); h.counts[outcome]++; mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	room.Mount(mux)
	mux.Page("GET /oauth2/authorize", func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		in, err := h.browser.Begin(w, r, browser.ErrandAuthorize, flow.Request{
			ClientID: "shop", RedirectURI: "https://shop.example/cb", LoginHint: q.Get("login_hint"),
			Prompts: strings.Fields(q.Get("prompt")), HintSubject: q.Get("hint"), UILocales: strings.Fields(q.Get("ui_locales")),
		})
		if err != nil {
			return err
		}
		return h.browser.Go(w, r, "/signin", &in)
	})
	mux.Page("GET /oauth2/continue", func(w http.ResponseWriter, r *http.Request) error {
		in, err := h.browser.Interaction(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "continue user=%s at=%t refused=%t granted=%v", in.Facts.UserID, !in.Facts.SignedInAt.IsZero(), in.Facts.RefusedSign, in.Facts.Granted)
		return err
	})
	mux.Page("GET /account", func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.browser.Visitor(r)
		if err != nil || v == nil {
			return err
		}
		_, err = fmt.Fprintf(w, "account of %s", v.Person.Email)
		return err
	})
	h.Handler = mux.Handler()
	return h
}

func (h *house) person(t *testing.T, email string) storage.User {
	t.Helper()
	r := users.Registration{Email: email, Name: "Ada", Method: users.WithPassword(right), Voucher: users.VouchedByOperator()}
	u, err := h.people.CreateAccount(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// tab is a browser with its cookies and the page in view.
type tab struct {
	h       *house
	cookies map[string]string
	deaf    bool // keeps no cookies
	*httptest.ResponseRecorder
	at string // path and query of the page in view
}

func (h *house) tab() *tab { return &tab{h: h, cookies: map[string]string{}} }

func (b *tab) do(t *testing.T, method, target string, form url.Values) *tab {
	t.Helper()
	for range 10 {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:9400"+target, strings.NewReader(form.Encode()))
		r.RemoteAddr = "203.0.113.24:1234"
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		b.ResponseRecorder, b.at = httptest.NewRecorder(), target
		b.h.ServeHTTP(b, r)
		for _, k := range b.Result().Cookies() {
			if k.MaxAge < 0 {
				delete(b.cookies, k.Name)
			} else if !b.deaf {
				b.cookies[k.Name] = k.Value
			}
		}
		if b.Code != http.StatusSeeOther && b.Code != http.StatusFound {
			return b
		}
		method, target, form = http.MethodGet, b.Header().Get("Location"), nil
	}
	t.Fatal("too many redirects")
	return nil
}

func (b *tab) get(t *testing.T, target string) *tab { t.Helper(); return b.do(t, "GET", target, nil) }

func (b *tab) signIn(t *testing.T, target, name, pw string) *tab {
	t.Helper()
	return b.do(t, "POST", target, url.Values{"username": {name}, "password": {pw}})
}

func (b *tab) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if b.Code != status {
		t.Errorf("%s: status %d, want %d", b.at, b.Code, status)
	}
	body := b.Body.String()
	for _, p := range parts {
		if miss, not := strings.CutPrefix(p, "!"); not && strings.Contains(body, miss) {
			t.Errorf("%s: page holds %q", b.at, miss)
		} else if !not && !strings.Contains(body, p) {
			t.Errorf("%s: page lacks %q:\n%.3000s", b.at, p, body)
		}
	}
}

func TestSignInLeadsBackToTheApp(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	u := h.person(t, "ada@example.org")
	b := h.tab().get(t, "/oauth2/authorize?login_hint=ada%40example.org")
	b.want(t, 200, `value="ada@example.org"`, "The shop", `autocomplete="username webauthn"`, `autocomplete="current-password"`, "/signup?i=", "/forgot?i=")
	if csp := b.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https:") {
		t.Errorf("the form's answer may not lead to the app: %s", csp) // B02
	}
	form := b.at
	b.signIn(t, form, "ada@example.org", "wrong password").want(t, 403, `value="ada@example.org"`, "We could not sign you in", "The shop", "!wrong password")
	if b.at != form {
		t.Errorf("at %s", b.at)
	}
	b.signIn(t, form, "ada@example.org", right).want(t, 200, "continue user="+u.ID+" at=true refused=false")
	if h.counts["success"] != 1 || h.counts["failure"] != 1 {
		t.Errorf("counts %v", h.counts)
	}
	// Signed in, the plain page has nothing to ask (Back leads here).
	b.get(t, "/signin").want(t, 200, "account of ada@example.org")
}

func TestPlainSignInLeadsToTheAccount(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.person(t, "ada@example.org")
	b := h.tab().get(t, "/signin")
	b.want(t, 200, "to your account", `action="/signin"`)
	b.do(t, "POST", "/signin", url.Values{"username": {"ada@example.org"}, "password": {right}, "remember": {"1"}}).want(t, 200, "account of ada@example.org")
}

func TestE10_OneAnswerForAllWhoFail(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.person(t, "ada@example.org")
	off := h.person(t, "off@example.org")
	if err := h.people.Disable(t.Context(), off.ID); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, pw := range map[string]string{"ada@example.org": "wrong password", "off@example.org": right, "nil@example.org": right} {
		b := h.tab().get(t, "/signin").signIn(t, "/signin", name, pw)
		head := b.Header().Clone()
		head.Del("Set-Cookie")
		seen[fmt.Sprint(b.Code, head)+strings.ReplaceAll(b.Body.String(), name, "NAME")] = name
	}
	if len(seen) != 1 {
		t.Errorf("%d different answers", len(seen))
	}
}

func TestF04_ThrottledSaysHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		h := newHouse(t, db, settings{})
		h.person(t, "ada@example.org")
		answers := map[string]string{}
		for _, name := range []string{"ada@example.org", "nil@example.org"} {
			b := h.tab().get(t, "/signin")
			for range 11 {
				b.signIn(t, "/signin", name, "wrong password")
			}
			b.want(t, 429, "Too many tries", "Wait 1 second")
			if b.Header().Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", b.Header().Get("Retry-After"))
			}
			answers[strings.ReplaceAll(b.Body.String(), name, "NAME")] = name
		}
		if len(answers) != 1 {
			t.Error("throttling tells who exists")
		}
		time.Sleep(time.Second)
		h.tab().get(t, "/signin").signIn(t, "/signin", "ada@example.org", right).want(t, 200, "account of")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestF02_KnownBrowserSignsInAtOnceDespiteStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		h := newHouse(t, db, settings{})
		h.person(t, "ada@example.org")
		owner := h.tab().get(t, "/signin").signIn(t, "/signin", "ada@example.org", right)
		delete(owner.cookies, "signet_9400_session") // signed out
		stranger := h.tab().get(t, "/signin")
		for range 1000 {
			stranger.signIn(t, "/signin", "ada@example.org", "wrong password")
		}
		stranger.want(t, 429)
		owner.get(t, "/signin").signIn(t, "/signin", "ada@example.org", right).want(t, 200, "account of ada@example.org")
		h.tab().get(t, "/signin").signIn(t, "/signin", "ada@example.org", right).want(t, 429)
		time.Sleep(time.Minute)
		h.tab().get(t, "/signin").signIn(t, "/signin", "ada@example.org", right).want(t, 200, "account of ada@example.org")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOldPageRecovers(t *testing.T) { // product notes: an expired login page left open in a tab
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		h := newHouse(t, db, settings{})
		h.person(t, "ada@example.org")
		b := h.tab().get(t, "/oauth2/authorize")
		form := b.at
		other := h.tab().get(t, form) // C06: another browser learns nothing
		other.want(t, 200, "Sign in", "open for too long", "!The shop")
		time.Sleep(31 * time.Minute)
		b.get(t, form).want(t, 200, "open for too long", `action="/signin"`, "!The shop")
		b.signIn(t, form, "ada@example.org", right).want(t, 200, "account of ada@example.org")
		other.signIn(t, form, "ada@example.org", right).want(t, 200, "account of ada@example.org")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBrowserWithoutCookiesIsTold(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.person(t, "ada@example.org")
	for _, path := range []string{"/signin", "/signup"} {
		b := h.tab()
		b.deaf = true
		b.get(t, "/oauth2/authorize")
		b.signIn(t, path, "ada@example.org", right).want(t, 400, "We need a cookie")
	}
}

func TestTwoTabsSignInTwice(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	ada, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	one := h.tab()
	two := h.tab()
	two.cookies = one.cookies
	first, second := one.get(t, "/oauth2/authorize").at, two.get(t, "/oauth2/authorize").at
	one.signIn(t, first, "ada@example.org", right).want(t, 200, "continue user="+ada.ID)
	two.signIn(t, second, "ada@example.org", right).want(t, 200, "continue user="+ada.ID)
	one.signIn(t, first, "ada@example.org", right).want(t, 200, "continue user="+ada.ID) // Back, and once more
	two.signIn(t, second, "bob@example.org", right).want(t, 200, "continue user="+bob.ID)
	one.get(t, "/account").want(t, 200, "account of bob@example.org")
}

func TestReauthenticationFixesTheNameButNotTheTyped(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	ada, bob := h.person(t, "ada@example.org"), h.person(t, "bob@example.org")
	b := h.tab().get(t, "/signin").signIn(t, "/signin", "ada@example.org", right)
	b.get(t, "/oauth2/authorize?prompt=login").want(t, 200, "Sign in again", `value="ada@example.org" readonly`, "&amp;other=1")
	form := b.at
	b.get(t, form+"&other=1").want(t, 200, "!readonly", "!Sign in again")
	b.signIn(t, form, "bob@example.org", right).want(t, 200, "continue user="+bob.ID)
	b.get(t, "/oauth2/authorize?prompt=select_account").want(t, 200, "!readonly")
	b.get(t, "/oauth2/authorize?prompt=login&hint="+ada.ID).want(t, 200, "!readonly")
	b.get(t, "/oauth2/authorize?prompt=login&hint="+bob.ID).want(t, 200, "readonly")
}

func TestWhatAnotherPersonDecidedIsForgotten(t *testing.T) { // consent is the person's own (OpenID Connect Core §3.1.2.4)
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.person(t, "ada@example.org")
	bob := h.person(t, "bob@example.org")
	b := h.tab().get(t, "/oauth2/authorize")
	form := b.at
	b.signIn(t, form, "ada@example.org", right)
	row, err := h.db.InteractionByID(t.Context(), strings.TrimPrefix(form, "/signin?i="), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in := flow.Interaction{ID: row.ID}
	if err := h.browser.Record(t.Context(), &in, func(f *flow.Facts) { f.DecidedAt, f.Granted = time.Now(), []string{"email"} }); err != nil {
		t.Fatal(err)
	}
	b.signIn(t, form, "ada@example.org", right).want(t, 200, "granted=[email]")
	b.signIn(t, form, "bob@example.org", right).want(t, 200, "user="+bob.ID, "granted=[]")
}

func TestCancelRefusesTheApp(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	b := h.tab().get(t, "/oauth2/authorize")
	b.want(t, 200, "cancel=1")
	b.get(t, b.at+"&cancel=1").want(t, 200, "refused=true")
}

func TestAppsLanguageIsSpoken(t *testing.T) { // OpenID Connect Core §3.1.2.1 ui_locales
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.tab().get(t, "/oauth2/authorize?ui_locales=de-AT+en").want(t, 200, "Anmelden", `lang="de"`)
}

func TestSignUpMakesAndSignsIn(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	b := h.tab().get(t, "/oauth2/authorize")
	b.get(t, strings.Replace(b.at, "/signin", "/signup", 1))
	b.want(t, 200, "Create your account", `autocomplete="new-password"`, `autocomplete="username"`, `autocomplete="name"`, "At least 12 characters", "The shop")
	form := b.at
	typed := url.Values{"name": {`Ada <i>"L"`}, "username": {"ada@example"}, "handle": {"a b"}, "password": {"short"}}
	b.do(t, "POST", form, typed).want(t, 400, "Ada &lt;i&gt;", `value="ada@example"`, `value="a b"`, "complete e-mail address", "Use 3 to 64 letters", "Use at least 12 characters", `!value="short"`)
	typed = url.Values{"name": {"Ada Lovelace"}, "username": {"ada@example.org"}, "handle": {"ada"}, "password": {right}}
	b.do(t, "POST", form, typed).want(t, 200, "continue user=", "at=true")
	u, err := h.people.Show(t.Context(), "ada@example.org")
	if err != nil || u.EmailVerified || u.Username != "ada" {
		t.Errorf("made %+v (%v)", u, err)
	}
	h.tab().get(t, "/signup").do(t, "POST", "/signup", typed).want(t, 400, "There is an account with this address", "This username is taken")
	other := h.tab().get(t, "/signup")
	typed.Set("username", "bob@example.org")
	typed.Set("handle", "")
	other.do(t, "POST", "/signup", typed).want(t, 200, "account of bob@example.org")
}

func TestSignUpClosedSaysSo(t *testing.T) { // security notes D12
	h := newHouse(t, storagetest.SQLite(t), settings{signup: users.Signup{Closed: true}})
	b := h.tab().get(t, "/signup")
	b.want(t, 403, "Sign-up is closed")
	b.get(t, "/signin").want(t, 200, "!/signup")
	b.do(t, "POST", "/signup", url.Values{"name": {"Ada"}, "username": {"ada@example.org"}, "password": {right}}).want(t, 403, "Sign-up is closed")
	if list, err := h.people.List(t.Context(), "", 10); len(list) != 0 || err != nil {
		t.Errorf("%d accounts (%v)", len(list), err)
	}
}

func TestForgotSaysWhomToAsk(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{contact: "the help desk, help@example.com"})
	h.tab().get(t, "/forgot").want(t, 200, "the help desk, help@example.com", `href="/signin"`)
	h = newHouse(t, storagetest.SQLite(t), settings{})
	h.tab().get(t, "/forgot").want(t, 200, "the people who run")
}

func TestC01_FormsOfOtherSitesAreStopped(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	h.person(t, "ada@example.org")
	b := h.tab().get(t, "/signin")
	for _, path := range []string{"/signin", "/signup"} {
		body := url.Values{"username": {"ada@example.org"}, "password": {right}, "name": {"X"}}.Encode()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost:9400"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.example")
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", path, w.Code, w.Result().Cookies())
		}
	}
}

func TestE08_BusyIs503WithRetryAfter(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{passwords: password.Options{Cost: 9, Workers: 1, Queue: time.Nanosecond}})
	codes := make(chan *httptest.ResponseRecorder, 12)
	var wg sync.WaitGroup
	for i := range cap(codes) {
		b := h.tab().get(t, "/signin")
		wg.Go(func() { codes <- b.signIn(t, "/signin", fmt.Sprintf("p%d@example.org", i), "x").ResponseRecorder })
	}
	wg.Wait()
	close(codes)
	busy := 0
	for w := range codes {
		if w.Code == http.StatusServiceUnavailable {
			busy++
			if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Many people are signing in") {
				t.Errorf("headers %v", w.Header())
			}
		} else if w.Code != http.StatusForbidden {
			t.Errorf("status %d", w.Code)
		}
	}
	if busy == 0 {
		t.Error("nobody was asked to wait")
	}
}

func TestA18_DatabaseAwayIs503(t *testing.T) {
	db := storagetest.SQLite(t)
	h := newHouse(t, db, settings{})
	b := h.tab().get(t, "/signin")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b.signIn(t, "/signin", "ada@example.org", right).want(t, 503)
	if b.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestOddForms(t *testing.T) {
	h := newHouse(t, storagetest.SQLite(t), settings{})
	b := h.tab().get(t, "/signin")
	for _, body := range []string{"", "username=%00%ff&password=x", "username=" + strings.Repeat("%C3%A4", 3000) + "&password=x", "username=a&username=b&password=c&password=d", "password=" + strings.Repeat("x", 60000) + "&username=a"} {
		for _, path := range []string{"/signin", "/signup", "/signin?i=%00", "/signin?i=" + strings.Repeat("x", 3000)} {
			form, err := url.ParseQuery(body)
			if err != nil {
				t.Fatal(err)
			}
			if b.do(t, "POST", path, form); b.Code != 400 && b.Code != 403 && b.Code != 429 {
				t.Errorf("%.60s %.40q: status %d", path, body, b.Code)
			}
		}
	}
}

func tickets(t testing.TB, db *storage.DB) *ticket.Book {
	t.Helper()
	b, err := ticket.New(db, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
