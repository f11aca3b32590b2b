package authorize_test

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// both is a browser in which Bob and then Ada signed in: Ada is in view.
func (w *world) both(t *testing.T) (b *servertest.Browser, bob servertest.Person) {
	t.Helper()
	bob = w.Person(t, "bob@example.com")
	b = w.Browser(t).Get(t, "/signin").SignIn(t, bob)
	b.Get(t, "/signin?other=1").SignIn(t, w.ada)
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), w.ada.Email) || !strings.Contains(b.Body, "Switch account") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	return b, bob
}

// account is the session of a person in the chooser's form.
func account(t *testing.T, b *servertest.Browser, email, button string) url.Values {
	t.Helper()
	_, rest, found := strings.Cut(b.Body, ">"+email+"</bdi></small>")
	if !found {
		if _, rest, found = strings.Cut(b.Body, ">"+email+"</bdi></b>"); !found {
			t.Fatalf("%s is not offered at %s: %s", email, b.URL, b.Text("main"))
		}
	}
	_, rest, _ = strings.Cut(rest, `name="`+button+`" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	return url.Values{button: {id}}
}

func subject(t *testing.T, w *world, r *servertest.Request, b *servertest.Browser) (sub, sid string) {
	t.Helper()
	id := w.shop.IDToken(t, r.Exchange(t, r.Code(t, b)).Extra("id_token").(string))
	var c struct {
		SID string `json:"sid"`
	}
	if err := id.Claims(&c); err != nil {
		t.Fatal(err)
	}
	return id.Subject, c.SID
}

func TestChooserTakesNoPassword(t *testing.T) { // OpenID Connect Core section 3.1.2.1, select_account
	w := newWorld(t)
	b, bob := w.both(t)
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account"))
	b.Post(t, b.URL.RequestURI(), account(t, b, bob.Email, "account"))
	if !b.Has("consent-allow") || !strings.Contains(b.Text("main"), bob.Email) {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Allow(t)
	sub, sid := subject(t, w, r, b)
	if sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account"))
	b.Post(t, b.URL.RequestURI(), account(t, b, w.ada.Email, "account"))
	b.Allow(t) // what Bob allowed is not what Ada allows
	if sub, other := subject(t, w, r, b); sub != w.ada.ID || other == sid {
		t.Errorf("the token is %s's, session %s", sub, other)
	}
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account"))
	b.Post(t, b.URL.RequestURI(), account(t, b, bob.Email, "account"))
	if sub, again := subject(t, w, r, b); sub != bob.ID || again != sid {
		t.Errorf("%s, and a sid that moved from %s to %s", sub, sid, again)
	}
}

// A choice, and what was decided, count for the one who made it.
func TestFactsDoNotPassFromAccountToAccount(t *testing.T) {
	w := newWorld(t)
	b, bob := w.both(t)
	w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "select_account consent"))
	chooser := b.URL.RequestURI()
	b.Post(t, chooser, account(t, b, w.ada.Email, "account"))
	page := b.Tab(t).Get(t, b.URL.RequestURI())
	b.Get(t, chooser)
	b.Post(t, chooser, account(t, b, bob.Email, "account"))
	if page.Submit(t, "consent-allow", nil); page.Landed != nil || !strings.Contains(page.Text("main"), bob.Email) {
		t.Fatalf("Ada's page, answered by Bob: at %s, landed %v", page.URL, page.Landed)
	}
	for _, id := range []string{bob.ID, w.ada.ID} {
		if row, err := w.Services().DB.ConsentOf(t.Context(), id, "shop"); err == nil && len(row.Granted) > 0 {
			t.Errorf("%s is said to have agreed: %+v", id, row)
		}
	}
	stale := b.Tab(t)
	stale.Get(t, "/account/profile")
	form := stale.FormWith("profile-submit")
	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, w.ada.Email, "account"))
	form.Fields.Set("nickname", "Bobby")
	if stale.Post(t, "/account/profile", form.Fields); stale.Status != 409 {
		t.Errorf("Bob's form, Ada in view: %d", stale.Status)
	}
	if u, err := w.Services().People.Show(t.Context(), w.ada.ID); err != nil || strings.Contains(string(u.Profile), "Bobby") {
		t.Errorf("%s, %v", u.Profile, err)
	}
}

// hinted has the shop ask about Bob by a login_hint, whom the person then chooses and answers for.
func (w *world) hinted(t *testing.T, b *servertest.Browser, bob servertest.Person, hint string) (token string) {
	t.Helper()
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("login_hint", hint))
	if b.URL.Path != "/choose" {
		t.Fatalf("there is a question to ask, and Ada in view: at %s (%d)", b.URL, b.Status)
	}
	b.Post(t, b.URL.RequestURI(), account(t, b, bob.Email, "account"))
	b.Allow(t)
	return r.Exchange(t, r.Code(t, b)).Extra("id_token").(string)
}

// A login_hint of another account of the browser switches nothing: anybody can make a link (A17). An id_token_hint does.
func TestHintedAccount(t *testing.T) { // OpenID Connect Core section 3.1.2.1, login_hint and id_token_hint
	w := newWorld(t)
	b, bob := w.both(t)
	inView := func(p servertest.Person) {
		t.Helper()
		if b.Get(t, "/account"); !strings.Contains(b.Text("main"), p.Email) {
			t.Errorf("in view: %s, want %s", b.Text("main"), p.Email)
		}
	}
	w.shop.Begin(t, b, oauth2.SetAuthURLParam("login_hint", "BOB@example.com"))
	inView(w.ada)
	token := w.hinted(t, b, bob, "BOB@example.com")
	if id := w.shop.IDToken(t, token); id.Subject != bob.ID {
		t.Fatalf("the token is %s's", id.Subject)
	}
	inView(bob)
	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, w.ada.Email, "account"))

	// Where there is nothing to ask the answer is about the hinted one, and the browser shows what it showed.
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("login_hint", bob.Email))
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	inView(w.ada)

	// prompt=none: the hinted one if he is signed in here, and nothing of what the browser shows changes.
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("id_token_hint", token))
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "none"), oauth2.SetAuthURLParam("login_hint", "bob@example.com"))
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	inView(w.ada)
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "none"))
	if got := r.Answer(t, b); got.Get("error") != "consent_required" { // Ada's own matter, whatever Bob allowed
		t.Errorf("got %v", got)
	}

	// prompt=login and max_age want the hinted one's password all the same.
	for name, value := range map[string]string{"prompt": "login", "max_age": "0"} {
		w.shop.Begin(t, b, oauth2.SetAuthURLParam("id_token_hint", token), oauth2.SetAuthURLParam(name, value))
		if form := b.FormWith("login-submit"); form == nil || form.Fields.Get("username") != bob.Email {
			t.Errorf("%s: at %s, landed %v", name, b.URL, b.Landed)
		}
	}

	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, w.ada.Email, "account"))
	r = w.shop.Begin(t, b, oauth2.SetAuthURLParam("id_token_hint", token))
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	inView(bob)

	// Somebody who is not signed in here signs in.
	stranger := w.Browser(t).Get(t, "/signin").SignIn(t, w.ada)
	w.shop.Begin(t, stranger, oauth2.SetAuthURLParam("id_token_hint", token))
	if !stranger.Has("login-submit") {
		t.Errorf("at %s, landed %v", stranger.URL, stranger.Landed)
	}
	r = w.shop.Begin(t, stranger, oauth2.SetAuthURLParam("id_token_hint", token), oauth2.SetAuthURLParam("prompt", "none"))
	if got := r.Answer(t, stranger); got.Get("error") != "login_required" {
		t.Errorf("got %v", got)
	}
}

// Whoever is left is asked for before the sign-in page; signing out says which account, or all.
func TestSigningOutOfOneOrAllAccounts(t *testing.T) {
	w := newWorld(t)
	b, bob := w.both(t)
	if b.Get(t, "/oauth2/logout"); !strings.Contains(b.Text("main"), w.ada.Email) || !b.Has("logout-all") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	page := b.Tab(t).Get(t, "/oauth2/logout")
	b.Submit(t, "logout-confirm", nil)
	if !strings.Contains(b.Text("main"), "signed out") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	if page.Submit(t, "logout-confirm", nil); !strings.Contains(page.Tab(t).Get(t, "/choose").Text("main"), bob.Email) {
		t.Error("Ada's page signed Bob out")
	}
	r := w.shop.Begin(t, b)
	if b.URL.Path != "/choose" || strings.Contains(b.Text("main"), w.ada.Email) {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Post(t, b.URL.RequestURI(), account(t, b, bob.Email, "account"))
	b.Allow(t)
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
	b.Get(t, "/signin?other=1").SignIn(t, w.ada)
	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, bob.Email, "sign_out"))
	if strings.Contains(b.Text("main"), bob.Email) || !strings.Contains(b.Text("main"), w.ada.Email) {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Get(t, "/signin?other=1").SignIn(t, bob)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-all", nil)
	for _, path := range []string{"/account", "/choose"} {
		if b.Get(t, path); !b.Has("login-submit") {
			t.Errorf("%s shows %s: %s", path, b.URL, b.Text("main"))
		}
	}
	if !strings.Contains(b.Get(t, "/account").Header.Get("Cache-Control"), "no-store") { // B08
		t.Error("kept for Back")
	}
}

// An app signs its own person out by the hint, whoever is in view.
func TestAppSignsOutItsOwnAccount(t *testing.T) { // RP-Initiated Logout section 2
	w := newWorld(t)
	b, bob := w.both(t)
	token := w.hinted(t, b, bob, bob.Email)
	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, w.ada.Email, "account"))
	b.Get(t, "/oauth2/logout?id_token_hint="+token)
	if b.Get(t, "/choose"); strings.Contains(b.Text("main"), bob.Email) || !strings.Contains(b.Text("main"), w.ada.Email) {
		t.Errorf("signed in: %s", b.Text("main"))
	}
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), w.ada.Email) {
		t.Errorf("in view: %s", b.Text("main"))
	}
}

// Ids of sessions that this browser does not hold the secret of are nothing.
func TestR05_ChooserTakesOnlyItsOwn(t *testing.T) {
	w := newWorld(t)
	b, bob := w.both(t)
	b.Get(t, "/choose")
	hers := account(t, b, w.ada.Email, "account")
	eve := w.Person(t, "eve@example.com")
	e := w.Browser(t).Get(t, "/signin").SignIn(t, eve)
	for _, form := range []url.Values{hers, {"sign_out": hers["account"]}, {"account": {bob.ID}}, {"account": {""}}, {}} {
		if e.Post(t, "/choose", form); e.URL.Path != "/choose" || strings.Contains(e.Text("main"), w.ada.Email) {
			t.Errorf("%v: at %s: %s", form, e.URL, e.Text("main"))
		}
	}
	if e.PostFrom(t, "https://evil.example", "/choose", url.Values{"decision": {"other"}}); e.Status != 403 {
		t.Errorf("from elsewhere: %d", e.Status)
	}
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), w.ada.Email) {
		t.Errorf("in view: %s", b.Text("main"))
	}
}

// Somebody on the way to an app whose account is to be erased is asked first, and then goes on to the app.
func TestR07_KeptOnTheWayToAnApp(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Services().Deletion.Request(t.Context(), w.ada.ID); err != nil {
		t.Fatal(err)
	}
	b := w.Browser(t)
	r := w.shop.Begin(t, b)
	start := b.URL.RequestURI()
	b.SignIn(t, w.ada)
	if !b.Has("keep-submit") || b.URL.Query().Get("i") == "" {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	tab := b.Tab(t)
	if got := w.shop.Begin(t, tab, oauth2.SetAuthURLParam("prompt", "none")).Answer(t, tab); got.Get("error") != "login_required" {
		t.Errorf("got %v", got)
	}
	for _, path := range []string{start, strings.Replace(start, "/signin", "/consent", 1),
		strings.Replace(start, "/signin", "/oauth2/continue", 1), "/choose", "/account"} {
		if tab := b.Tab(t).Get(t, path); tab.Landed != nil || !tab.Has("keep-submit") {
			t.Errorf("%s: at %s, landed %v", path, tab.URL, tab.Landed)
		}
	}
	b.Submit(t, "keep-submit", nil).Allow(t)
	if sub, _ := subject(t, w, r, b); sub != w.ada.ID {
		t.Errorf("the token is %s's", sub)
	}
}

// With several accounts in a browser a form counts only for the one it was shown to; one that does not say is not taken.
func TestFormsCountForTheAccountTheyWereShownTo(t *testing.T) {
	w := newWorld(t)
	b, bob := w.both(t)
	tab := b.Tab(t)
	forms := map[string]string{"/account/profile": "profile-submit", "/account/sessions": "session", "/account/password": "password-submit",
		"/account/data":   "data-download",
		"/account/delete": "delete-submit", "/account/second-step/add": "totp-confirm"}
	for path, button := range forms {
		form := tab.Get(t, path).FormWith(button)
		if form == nil || form.Fields.Get("as") == "" {
			t.Errorf("%s: the form of Ada's page says not whose it is: %+v", path, form)
			continue
		}
		for _, as := range []string{form.Fields.Get("as") + "x", ""} {
			fields := url.Values{"as": {as}, "session": {"all"}, "confirm": {w.ada.Email}}
			if tab.Post(t, form.Action, fields); tab.Status != 409 {
				t.Errorf("%s as %q: %d at %s", path, as, tab.Status, tab.URL)
			}
		}
	}
	b.Get(t, "/choose")
	b.Post(t, "/choose", account(t, b, bob.Email, "account"))
	if b.Get(t, "/account"); !strings.Contains(b.Text("main"), bob.Email) {
		t.Errorf("in view: %s", b.Text("main"))
	}
}

// The app wants a fresh sign-in (prompt=login). Ada makes one, and then chooses Bob, who is signed in since yesterday: what she
// proved does not count for him.
func TestFreshSignInDoesNotPassToAnotherAccount(t *testing.T) {
	w := newWorld(t)
	b, bob := w.both(t)
	r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
	chooser := strings.Replace(b.URL.RequestURI(), "/signin", "/choose", 1)
	if b.SignIn(t, w.ada); !b.Has("consent-allow") {
		t.Fatalf("at %s: %s", b.URL, b.Text("main"))
	}
	b.Get(t, chooser)
	b.Post(t, chooser, account(t, b, bob.Email, "account"))
	if form := b.FormWith("login-submit"); form == nil || form.Fields.Get("username") != bob.Email {
		t.Fatalf("Bob was not asked for his password: at %s, landed %v", b.URL, b.Landed)
	}
	b.SignIn(t, bob).Allow(t)
	if sub, _ := subject(t, w, r, b); sub != bob.ID {
		t.Errorf("the token is %s's", sub)
	}
}
