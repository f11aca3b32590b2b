package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/server/browser"
	"signet/storage"
	"signet/storage/storagetest"
)

const (
	inView = "signet_9400_session"
	behind = "signet_9400_accounts"
)

func (c tab) accounts(t testing.TB, b *browser.Browser) string {
	t.Helper()
	list, err := b.Accounts(c.request(t, "GET", "/choose"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range list {
		name := v.UserID
		if v.Current {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (c tab) of(t testing.TB, b *browser.Browser, userID string) *browser.Visitor {
	t.Helper()
	list, err := b.Accounts(c.request(t, "GET", "/choose"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		if v.UserID == userID {
			return v
		}
	}
	t.Fatalf("%s is not signed in here", userID)
	return nil
}

func (c tab) answer(t testing.TB, act func(w http.ResponseWriter, r *http.Request) error) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := act(w, c.request(t, "POST", "/choose")); err != nil {
		t.Fatal(err)
	}
	c.keep(w)
	return w
}

func (c tab) change(t testing.TB, b *browser.Browser, to *browser.Visitor) bool {
	t.Helper()
	var here bool
	c.answer(t, func(w http.ResponseWriter, r *http.Request) (err error) { here, err = b.Switch(w, r, to); return err })
	return here
}

func (c tab) want(t testing.TB, b *browser.Browser, accounts string) {
	t.Helper()
	if got := c.accounts(t, b); got != accounts {
		t.Errorf("signed in here: %q, want %q", got, accounts)
	}
}

func TestSeveralAccountsInOneBrowser(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c := tab{}
	for _, id := range []string{"ada", "bob", "cy"} {
		c.signIn(t, b, person(t, db, id), false)
	}
	c.want(t, b, "cy* bob ada")
	if v := c.visitor(t, b); v.UserID != "cy" || !v.Person.Several {
		t.Errorf("in view: %+v", v)
	}
	ada := c.of(t, b, "ada")
	secret := c[inView]
	if !c.change(t, b, ada) || c.visitor(t, b).SessionID != ada.SessionID {
		t.Error("Ada is not in view, or not with her sid")
	}
	c.want(t, b, "ada* cy bob")
	if !strings.Contains(c[behind], secret) {
		t.Error("going over made a secret; nobody proved anything") // F05: none is made, none is adopted
	}
	again, _ := c.signIn(t, b, "bob", false) // he is here already: the same sid, a new secret
	if bob := c.of(t, b, "bob"); bob.SessionID != again.SessionID {
		t.Error("another sid")
	}
	c.want(t, b, "bob* ada cy")

	c.answer(t, func(w http.ResponseWriter, r *http.Request) error { return b.SignOut(w, r, c.of(t, b, "ada")) })
	c.want(t, b, "bob* cy")
	c.answer(t, func(w http.ResponseWriter, r *http.Request) error { return b.SignOut(w, r, c.of(t, b, "bob")) })
	if v := c.visitor(t, b); v != nil {
		t.Errorf("%s came into view by himself", v.UserID)
	}
	c.want(t, b, "cy")
	stolen := tab{inView: c[behind]}
	w := c.answer(t, func(w http.ResponseWriter, r *http.Request) error { return b.SignOutAll(w, r) })
	if c[inView] != "" || c[behind] != "" || stolen.visitor(t, b) != nil || w.Header().Get("Clear-Site-Data") != `"cache"` {
		t.Errorf("left: %v", c)
	}
}

func TestOldestOfTooManyAccountsEnds(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c := tab{}
	first, _ := c.signIn(t, b, person(t, db, "a"), false)
	for _, id := range []string{"b", "c", "d", "e", "f"} {
		c.signIn(t, b, person(t, db, id), false)
	}
	c.want(t, b, "f* e d c b")
	if live, err := db.SessionsOfUser(t.Context(), first.UserID, time.Now(), 10); err != nil || len(live) != 0 {
		t.Errorf("a session whose secret nobody has: %v, %v", live, err)
	}
}

func TestWhoIsGoneDropsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
		c := tab{}
		for _, id := range []string{"ended", "disabled", "leaving", "fine", "view"} {
			c.signIn(t, b, person(t, db, id), true)
		}
		if _, err := db.EndSession(t.Context(), c.of(t, b, "ended").SessionID, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := db.SetUserDisabled(t.Context(), "disabled", time.Now(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := db.SetUserErase(t.Context(), "leaving", time.Now().Add(time.Hour), time.Now()); err != nil {
			t.Fatal(err)
		}
		c.want(t, b, "view* fine")
		if _, err := db.EndSession(t.Context(), c.of(t, b, "view").SessionID, "", time.Now()); err != nil {
			t.Fatal(err)
		}
		c.want(t, b, "fine")
		c.answer(t, b.Tidy)
		if c[inView] != "" || strings.Count(c[behind], ".") != 1 { // fine, and leaving who may come back
			t.Errorf("kept %v", c)
		}
		time.Sleep(25 * time.Hour) // idle
		c.want(t, b, "")
		c.answer(t, b.Tidy)
		if len(c[behind]) != 0 {
			t.Errorf("kept %v", c)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestB07_TamperedAccountsCookie(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c, eve := tab{}, tab{}
	c.signIn(t, b, person(t, db, "ada"), false)
	c.signIn(t, b, person(t, db, "bob"), false)
	eve.signIn(t, b, person(t, db, "eve"), false)
	if eve.change(t, b, c.of(t, b, "ada")) { // R05: an id is not a secret
		t.Error("Eve went over to Ada")
	}
	eve.want(t, b, "eve*")
	good := c[behind]
	for _, bad := range []string{
		"", ".", "....", "x", good[:20], good + "x", strings.Repeat("A", 43), c.of(t, b, "ada").SessionID, strings.Repeat(good+".", 200)[:4500],
	} {
		tampered := tab{inView: c[inView], behind: bad}
		tampered.want(t, b, "bob*")
	}
	twice := tab{inView: c[inView], behind: c[inView] + "." + good + "." + good}
	twice.want(t, b, "bob* ada")
	r := c.request(t, "GET", "/choose")
	r.AddCookie(&http.Cookie{Name: behind, Value: eve[inView]}) // two of the name are none
	if list, err := b.Accounts(r); err != nil || len(list) != 1 || list[0].UserID != "bob" {
		t.Errorf("got %v, %v", list, err)
	}
	r = c.request(t, "GET", "/choose")
	r.AddCookie(&http.Cookie{Name: inView, Value: "planted"})
	if v, err := b.Visitor(r); v != nil || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestB06_AccountsCookie(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "https://id.example.com", browser.Options{})
	for _, id := range []string{"ada", "bob", "cy"} {
		person(t, db, id)
	}
	for name, tt := range map[string]struct {
		remember []bool // ada, bob, cy
		kept     bool
	}{
		"all are remembered":    {[]bool{true, true, false}, true}, // whoever is in view has a cookie of their own
		"one is not remembered": {[]bool{false, true, true}, false},
	} {
		c := tab{}
		var last *httptest.ResponseRecorder
		for i, id := range []string{"ada", "bob", "cy"} {
			_, last = c.signIn(t, b, id, tt.remember[i])
		}
		for _, k := range last.Result().Cookies() {
			if k.Name == "__Host-signet_accounts" &&
				((k.MaxAge > 0) != tt.kept || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/") {
				t.Errorf("%s: %s", name, k)
			}
		}
		if c["__Host-signet_accounts"] == "" {
			t.Errorf("%s: no cookie", name)
		}
	}
}

// Two tabs sign in and switch at once. Whichever answer the browser keeps, it holds whole accounts, each once.
func TestRaceOfTwoTabs(t *testing.T) {
	db := storagetest.SQLite(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	c := tab{}
	for _, id := range []string{"ada", "bob", "cy"} {
		person(t, db, id)
	}
	c.signIn(t, b, "ada", false)
	c.signIn(t, b, "bob", false)
	ada := c.of(t, b, "ada")
	var wg sync.WaitGroup
	tabs := make([]tab, 6)
	for i := range tabs {
		tabs[i] = tab{inView: c[inView], behind: c[behind]}
		wg.Go(func() {
			switch i % 3 {
			case 0:
				tabs[i].signIn(t, b, "cy", false)
			case 1:
				tabs[i].signIn(t, b, "bob", false)
			case 2:
				tabs[i].change(t, b, ada)
			}
		})
	}
	wg.Wait()
	for i, tab := range tabs {
		got := tab.accounts(t, b)
		for name := range strings.FieldsSeq(strings.ReplaceAll(got, "*", "")) {
			if strings.Count(got, name) != 1 {
				t.Errorf("tab %d: %s", i, got)
			}
		}
		if v := tab.visitor(t, b); v != nil && v.UserID != []string{"cy", "bob", "ada"}[i%3] {
			t.Errorf("tab %d shows %s", i, v.UserID)
		}
	}
	if n := sessionsOf(t, db, "ada"); n != 1 {
		t.Errorf("Ada has %d sessions", n)
	}
}

func sessionsOf(t testing.TB, db *storage.DB, userID string) int {
	t.Helper()
	list, err := db.SessionsOfUser(t.Context(), userID, time.Now(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
