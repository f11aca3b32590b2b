package browser_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/session"
)

func newBrowser(t testing.TB, db *storage.DB, issuer string, o browser.Options) *browser.Browser {
	t.Helper()
	s, err := session.New(session.Options{Stores: session.StoresOf(db), Audit: audit.New(db)})
	if err != nil {
		t.Fatal(err)
	}
	if o.Issuer, err = url.Parse(issuer); err != nil {
		t.Fatal(err)
	}
	o.Store, o.Bounds, o.Past, o.Sessions = db, db, db, s
	if o.DeviceKeys == nil {
		o.DeviceKeys = [][]byte{[]byte("a key of thirty-two bytes, sort of")}
	}
	b, err := browser.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func person(t testing.TB, db *storage.DB, id string) string {
	t.Helper()
	now := time.Now()
	u := storage.User{ID: id, Email: id + "@example.org", EmailKey: id + "@example.org", Profile: []byte(`{"name":"Ada Lovelace"}`),
		CreatedAt: now, UpdatedAt: now}
	if err := db.InsertUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return id
}

// tab is one browser's cookies, as its requests carry them.
type tab map[string]string

func (c tab) request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for name, value := range c {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

func (c tab) keep(w *httptest.ResponseRecorder) {
	for _, k := range w.Result().Cookies() {
		if k.MaxAge < 0 {
			delete(c, k.Name)
		} else {
			c[k.Name] = k.Value
		}
	}
}

func (c tab) signIn(t testing.TB, b *browser.Browser, userID string, remember bool) (*browser.Visitor, *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	v, err := b.SignedIn(w, c.request(t, "POST", "/signin"), userID, session.Password(remember, nil))
	if err != nil {
		t.Fatal(err)
	}
	c.keep(w)
	return v, w
}

func (c tab) visitor(t testing.TB, b *browser.Browser) *browser.Visitor {
	t.Helper()
	v, err := b.Visitor(c.request(t, "GET", "/account"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestB06_CookieAttributes(t *testing.T) { // ASVS 3.3.1-3.3.5
	db := storagetest.SQLite(t)
	ada := person(t, db, "ada")
	for issuer, tt := range map[string]struct {
		prefix string
		secure bool
	}{
		"https://id.example.com":        {"__Host-signet_", true},
		"https://id.example.com/tenant": {"__Host-signet_", true},
		"http://localhost:9400":         {"signet_9400_", false},
		"http://127.0.0.1":              {"signet_80_", false},
	} {
		for _, remember := range []bool{false, true} {
			b := newBrowser(t, db, issuer, browser.Options{})
			c := tab{}
			_, w := c.signIn(t, b, ada, remember)
			begun := httptest.NewRecorder()
			if _, err := b.Begin(begun, c.request(t, "GET", "/"), flow.PurposeAuthorize, flow.Request{}); err != nil {
				t.Fatal(err)
			}
			names := map[string]bool{}
			for _, k := range append(w.Result().Cookies(), begun.Result().Cookies()...) {
				names[k.Name] = true
				if !strings.HasPrefix(k.Name, tt.prefix) || k.Secure != tt.secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode ||
					k.Path != "/" || k.Domain != "" || len(k.String()) > 4096 {
					t.Errorf("%s: %s", issuer, k)
				}
				if persistent := k.MaxAge > 0; strings.HasSuffix(k.Name, "session") && persistent != remember {
					t.Errorf("%s: kept after closing %v, want %v", issuer, persistent, remember)
				}
			}
			if len(names) != 3 {
				t.Errorf("%s: %v", issuer, names)
			}
		}
	}
}

func TestB07_TwoCookiesOfANameAreNobody(t *testing.T) { // RFC 6265 §8.6
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c := tab{}
	c.signIn(t, b, person(t, db, "ada"), false)
	if v := c.visitor(t, b); v == nil || v.UserID != "ada" || v.Person.Name != "Ada Lovelace" || v.Person.Email != "ada@example.org" {
		t.Fatalf("visitor: %+v", v)
	}
	r := c.request(t, "GET", "/account")
	r.AddCookie(&http.Cookie{Name: "signet_9400_session", Value: "planted"})
	if v, err := b.Visitor(r); v != nil || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
	w := httptest.NewRecorder()
	b.Tidy(w, r)
	if !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("not cleared: %v", w.Header())
	}
	for name, value := range map[string]string{"signet_9400_session": "planted", "signet_9401_session": c["signet_9400_session"],
		"__Host-signet_session": c["signet_9400_session"]} {
		if v := (tab{name: value}).visitor(t, b); v != nil {
			t.Errorf("%s=%s is %s", name, value, v.UserID)
		}
	}
}

func TestF05_PlantedSecretIsNeverAdopted(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	planted := strings.Repeat("A", 43)
	c := tab{"signet_9400_session": planted}
	c.signIn(t, b, person(t, db, "ada"), false)
	if c["signet_9400_session"] == planted {
		t.Error("the planted secret is the session's")
	}
	old := c["signet_9400_session"]
	first := c.visitor(t, b)
	second, _ := c.signIn(t, b, "ada", false)
	if c["signet_9400_session"] == old || second.SessionID != first.SessionID {
		t.Error("want a new secret and the same sid")
	}
	if (tab{"signet_9400_session": old}).visitor(t, b) != nil {
		t.Error("the old secret lives on")
	}
}

func TestSignOutIsIdempotentAndClears(t *testing.T) { // rule B08, Q04
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c := tab{}
	v, _ := c.signIn(t, b, person(t, db, "ada"), false)
	stolen := tab{"signet_9400_session": c["signet_9400_session"]}
	for range 2 {
		w := httptest.NewRecorder()
		if err := b.SignOut(w, c.request(t, "POST", "/oauth2/logout"), v); err != nil {
			t.Fatal(err)
		}
		if w.Header().Get("Clear-Site-Data") != `"cache"` {
			t.Errorf("headers: %v", w.Header())
		}
		c.keep(w)
	}
	if c["signet_9400_session"] != "" || stolen.visitor(t, b) != nil {
		t.Error("still signed in")
	}
}

func TestF02_DeviceCookieKnowsItsAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		old := []byte("the key of last year, long enough")
		b := newBrowser(t, db, "http://localhost:9400", browser.Options{DeviceKeys: [][]byte{old}})
		c := tab{}
		for i := range 10 {
			c.signIn(t, b, person(t, db, "p"+string(rune('0'+i))), false)
			time.Sleep(time.Second)
		}
		r := c.request(t, "POST", "/signin")
		id := b.Device(r, "p9")
		if id == "" || b.Device(r, "p2") != id || b.Device(r, "p1") != "" || b.Device(r, "stranger") != "" {
			t.Errorf("p9 %q, p2 %q, p1 %q", id, b.Device(r, "p2"), b.Device(r, "p1"))
		}
		next := newBrowser(t, db, "http://localhost:9400",
			browser.Options{DeviceKeys: [][]byte{[]byte("this year's key, long enough also"), old}})
		if next.Device(r, "p9") != id {
			t.Error("a rotated key forgets the browser")
		}
		stranger := newBrowser(t, db, "http://localhost:9400",
			browser.Options{DeviceKeys: [][]byte{[]byte("another server's key, also long one")}})
		if stranger.Device(r, "p9") != "" {
			t.Error("a foreign signature was taken")
		}
		time.Sleep(181 * 24 * time.Hour)
		if b.Device(r, "p9") != "" {
			t.Error("known after half a year of silence")
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func begin(t testing.TB, b *browser.Browser, c tab, req flow.Request) flow.Interaction {
	t.Helper()
	w := httptest.NewRecorder()
	in, err := b.Begin(w, c.request(t, "GET", "/oauth2/authorize"), flow.PurposeAuthorize, req)
	if err != nil {
		t.Fatal(err)
	}
	c.keep(w)
	return in
}

func kind(err error) string {
	if page, ok := errors.AsType[*web.PageError](err); ok {
		return page.Kind
	}
	return ""
}

func TestC06_InteractionsAreBoundToTheirBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		b := newBrowser(t, db, "http://localhost:9400/tenant", browser.Options{})
		c, other := tab{}, tab{}
		max := int64(0)
		in := begin(t, b, c, flow.Request{ClientID: "shop", Scopes: []string{"openid"}, MaxAge: &max, State: "s"})
		begin(t, b, other, flow.Request{})
		at := b.Path("/signin", &in)
		if at != "/tenant/signin?i="+in.ID {
			t.Errorf("path %s", at)
		}
		got, err := b.Interaction(c.request(t, "GET", at))
		if err != nil || got.Request.ClientID != "shop" || got.Purpose != flow.PurposeAuthorize ||
			*got.Request.MaxAge != 0 || got.Request.State != "s" {
			t.Errorf("got %+v, %v", got, err)
		}
		second := begin(t, b, c, flow.Request{ClientID: "notes"}) // another tab, the same cookie
		if _, err := b.Interaction(c.request(t, "GET", b.Path("/signin", &second))); err != nil {
			t.Error(err)
		}
		for name, tt := range map[string]struct {
			r    *http.Request
			kind string
		}{
			"other_browser":      {other.request(t, "GET", at), "expired"},
			"other_browser_post": {other.request(t, "POST", at), "expired"},
			"no_cookie":          {tab{}.request(t, "GET", at), "expired"},
			"no_cookie_post":     {tab{}.request(t, "POST", at), "cookies"},
			"unknown":            {c.request(t, "GET", "/signin?i=unknown"), "expired"},
			"none":               {c.request(t, "GET", "/signin"), "expired"},
			"long":               {c.request(t, "GET", "/signin?i="+strings.Repeat("x", 999)), "expired"},
		} {
			if in, err := b.Interaction(tt.r); kind(err) != tt.kind || in.ID != "" {
				t.Errorf("%s: got %+v, %v; want %s", name, in, err, tt.kind)
			}
		}
		own, err := b.BeginConfirm(httptest.NewRecorder(), c.request(t, "GET", "/account/data"), "/account/data")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*time.Minute + time.Second)
		if in, err := b.Interaction(c.request(t, "GET", at)); err != nil || !in.Over || in.Request.ClientID != "shop" {
			t.Errorf("after half an hour: over %t, %v", in.Over, err)
		}
		if _, err := b.Interaction(other.request(t, "GET", at)); kind(err) != "expired" {
			t.Errorf("after half an hour, in another browser: %v", err)
		}
		if _, err := b.Interaction(c.request(t, "GET", b.Path("/account/data", &own))); kind(err) != "expired" {
			t.Errorf("one of ours after half an hour: %v", err)
		}
		time.Sleep(24 * time.Hour)
		if _, err := b.Interaction(c.request(t, "GET", at)); kind(err) != "expired" {
			t.Errorf("after a day: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestInteractionsOfANetworkAreBounded(t *testing.T) {
	storagetest.Engines(t, interactionsOfANetwork)
}

func interactionsOfANetwork(t *testing.T, open func(t *testing.T) *storage.DB) {
	db := open(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{MaxInteractions: 6})
	n := 0
	from := func(network string) error {
		n++
		c := tab{"signet_9400_browser": strconv.Itoa(n)}
		r := c.request(t, "GET", "/")
		_, err := b.Begin(httptest.NewRecorder(),
			r.WithContext(audit.WithOrigin(r.Context(), audit.Origin{Network: network, Address: "10.0.0." + strconv.Itoa(n)})),
			flow.PurposeAuthorize, flow.Request{})
		if page, ok := errors.AsType[*web.PageError](err); ok && page.RetryAfter == 0 {
			t.Errorf("no Retry-After: %v", err)
		}
		return err
	}
	for i := range 7 {
		if err := from("10.0.0.0/24"); (err == nil) != (i < 6) || err != nil && kind(err) != "too_many" {
			t.Errorf("interaction %d: %v", i, err)
		}
	}
	if err := from("10.0.1.0/24"); err != nil {
		t.Errorf("another network: %v", err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	_, err := b.Begin(w, r, flow.PurposeAuthorize, flow.Request{State: strings.Repeat("x", 17_000)})
	if kind(err) != "too_large" {
		t.Errorf("17,000 bytes of state: %v", err)
	}
}

func TestProgressOfManyTabsIsAllKept(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		b := newBrowser(t, open(t), "http://localhost:9400", browser.Options{})
		in := begin(t, b, tab{}, flow.Request{})
		var wg sync.WaitGroup
		for _, scope := range []string{"a", "b", "c"} {
			wg.Go(func() {
				mine := in
				if err := b.Record(context.Background(), &mine, func(p *flow.Progress) { p.Granted = append(p.Granted, scope) }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := b.Record(t.Context(), &in, func(p *flow.Progress) { p.UserID = "ada" }); err != nil {
			t.Fatal(err)
		}
		if len(in.Progress.Granted) != 3 || in.Progress.UserID != "ada" {
			t.Errorf("progress: %+v", in.Progress)
		}
		won := make(chan bool, 5)
		for range cap(won) {
			wg.Go(func() {
				err := b.Answer(context.Background(), in, func(p *flow.Progress) { p.Answers++ })
				if err != nil && !errors.Is(err, storage.ErrStale) {
					t.Error(err)
				}
				won <- err == nil
			})
		}
		wg.Wait()
		close(won)
		n := 0
		for w := range won {
			if w {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d of 5 answered it, want 1", n)
		}
		if err := b.Record(t.Context(), &in, func(*flow.Progress) {}); err != nil || in.Progress.Answers != 1 {
			t.Errorf("after the answer: %+v, %v", in.Progress, err)
		}
		for range 2 { // done twice is done
			if err := b.End(t.Context(), in); err != nil {
				t.Error(err)
			}
		}
		if err := b.Record(t.Context(), &in, func(*flow.Progress) {}); kind(err) != "expired" {
			t.Errorf("recorded in what is over: %v", err)
		}
	})
}

func FuzzCookies(f *testing.F) {
	db, err := storage.Open(context.Background(), storage.Options{DSN: "sqlite::memory:"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(context.Background()); err != nil {
		f.Fatal(err)
	}
	b := newBrowser(f, db, "http://localhost:9400", browser.Options{})
	f.Add("signet_9400_session=x; signet_9400_browser=y; signet_9400_device=e30.AAAA")
	f.Add("signet_9400_session=" + strings.Repeat("A", 43))
	f.Add("signet_9400_device=.; signet_9400_device=..; =; ;;\x00")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/signin?i=x", nil)
		r.Header["Cookie"] = []string{header}
		if v, err := b.Visitor(r); v != nil || err != nil {
			t.Errorf("visitor %v, %v", v, err)
		}
		if id := b.Device(r, "ada"); id != "" {
			t.Errorf("device %q", id)
		}
		if _, err := b.Interaction(r); kind(err) != "expired" {
			t.Errorf("interaction: %v", err)
		}
		b.Tidy(httptest.NewRecorder(), r)
	})
}

func TestB06_NamesCarryTheIssuersPath(t *testing.T) {
	db := storagetest.SQLite(t)
	ada := person(t, db, "ada")
	for _, hosts := range [][]string{
		{"https://id.example.com", "https://id.example.com/a", "https://id.example.com/b", "https://id.example.com/a/b",
			"https://id.example.com/a_b"},
		{"http://localhost:9400", "http://localhost:9400/a", "http://localhost:9400/session"},
	} {
		c, names := tab{}, map[string]string{}
		browsers := map[string]*browser.Browser{}
		for _, issuer := range hosts {
			b := newBrowser(t, db, issuer, browser.Options{})
			browsers[issuer] = b
			_, w := c.signIn(t, b, ada, true)
			begin(t, b, c, flow.Request{})
			for _, k := range w.Result().Cookies() {
				if other, taken := names[k.Name]; taken {
					t.Errorf("%s is of %s and %s", k.Name, other, issuer)
				}
				names[k.Name] = issuer
			}
		}
		for issuer, b := range browsers {
			if c.visitor(t, b) == nil {
				t.Errorf("signed out of %s by another", issuer)
			}
		}
		if root := strings.NewReplacer("https://id.example.com", "__Host-signet_session", "http://localhost:9400",
			"signet_9400_session").Replace(hosts[0]); names[root] != hosts[0] {
			t.Errorf("the name of a root issuer changed: %v", names)
		}
		if err := browsers[hosts[1]].SignOut(httptest.NewRecorder(), c.request(t, "POST", "/"), c.visitor(t, browsers[hosts[1]])); err != nil {
			t.Fatal(err)
		}
		if c.visitor(t, browsers[hosts[0]]) == nil {
			t.Errorf("signing out of %s ends %s", hosts[1], hosts[0])
		}
	}
}
