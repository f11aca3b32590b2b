package signin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/federation"
)

// link adds an identity on the account's page.
func (w *world) link(t *testing.T, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	b.Get(t, "/account/logins")
	action := b.Attribute("add-"+id, "formaction")
	if action == "" {
		t.Fatalf("no way to add %s: %s", id, b.Text("main"))
	}
	b.Post(t, action, b.FormWith("add-"+id).Fields)
	return w.back(t, b, id, subject)
}

func (w *world) linked(t *testing.T, userID string) []storage.Identity {
	t.Helper()
	list, err := w.House().Federation.Linked(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLinkAndUnlinkOnTheAccountPage(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, true, nil, engine)
		ada := w.Person(t, "ada@example.com")
		b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
		if w.link(t, b, "facebook", fbEve.Subject); !strings.Contains(b.Text("main"), "you can sign in with it now") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		other := w.Browser(t)
		if w.through(t, other, "facebook", fbEve.Subject); w.here(t, other).ID != ada.ID {
			t.Error("it does not sign in")
		}
		if now := w.here(t, b); !strings.Contains(string(now.Profile), "Ada Lovelace") {
			t.Errorf("what the person said of themselves is gone: %s", now.Profile)
		}
		bob := w.Person(t, "bob@example.com") // N04: an identity is one account's
		his := w.Browser(t).Get(t, "/signin").SignIn(t, bob)
		if w.link(t, his, "facebook", fbEve.Subject); !strings.Contains(his.Text("main"), "connected with another account") {
			t.Errorf("at %s: %s", his.URL, his.Text("main"))
		}
		row := w.linked(t, ada.ID)[0]
		his.Post(t, "/account/logins/remove", url.Values{"login": {row.ID}}) // R05
		if his.Status != http.StatusNotFound || len(w.linked(t, ada.ID)) != 1 {
			t.Errorf("somebody else's: %d", his.Status)
		}
		b.Get(t, "/account/logins").Submit(t, "login", url.Values{"login": {row.ID}})
		if !strings.Contains(b.Text("main"), "it signs you in no more") || len(w.linked(t, ada.ID)) != 0 {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
		nobody(t, other) // what began with it ended
		if e := w.events(t, ada.ID); e["upstream.linked"] != 1 || e["upstream.unlinked"] != 1 {
			t.Errorf("events %v", e)
		}
		subjects := ""
		for !strings.Contains(subjects, "Facebook signs you in no more") || !strings.Contains(subjects, "Facebook now signs you in") { // in any order
			subjects += w.box.Wait(t, ada.Email).Subject + "|"
		}
	})
}

func TestF10_LinkingWantsARecentSignIn(t *testing.T) {
	w := upstreams(t, false, nil)
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	row, err := w.House().Sessions.OfUser(t.Context(), ada.ID, 1)
	if err != nil || len(row) != 1 {
		t.Fatal(err)
	}
	aged := row[0]
	aged.AuthTime = aged.AuthTime.Add(-11 * time.Minute)
	if err := w.House().DB.RenewSession(t.Context(), aged.SecretHash, aged); err != nil {
		t.Fatal(err)
	}
	b.Get(t, "/account/logins")
	b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
	if b.URL.Path != "/signin" || b.Landed != nil {
		t.Errorf("at %s", b.URL)
	}
	if b.SignIn(t, ada); b.URL.Path != "/account/logins" {
		t.Errorf("at %s", b.URL)
	}
}

// Whoever finds an unlocked browser is signed in at an upstream, and so here, without proving anything.
func TestF10_AnUpstreamsOldSignInIsNoRecentOne(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		b := w.Browser(t)
		w.through(t, b, "work", "w-1").Submit(t, "newaccount-submit", url.Values{"email": {"ada@work.example"}})
		ada := w.here(t, b)
		old := time.Now().Add(-time.Hour)
		w.work.Tamper(func(c map[string]any) { c["auth_time"] = old.Unix() })
		b = w.Browser(t)
		w.through(t, b, "work", "w-1")
		if v := w.here(t, b); v.ID != ada.ID {
			t.Fatal("another person")
		}
		b.Get(t, "/account/logins")
		b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
		if b.URL.Path != "/signin" || b.Landed != nil {
			t.Fatalf("an old sign-in is recent: at %s", b.URL)
		}
		confirm := *b.URL
		// The request without max_age makes the upstream answer without auth_time: no proof.
		w.work.Tamper(nil)
		press(t, b, "work")
		q := b.Landed.Query()
		if q.Get("max_age") != "0" || q.Get("prompt") != "login" {
			t.Errorf("request %v", q)
		}
		q.Del("max_age")
		b.Landed.RawQuery = q.Encode()
		told(t, w.back(t, b, "work", "w-1"), http.StatusForbidden, "could not be verified")
		// A real one is.
		press(t, b.Get(t, confirm.String()), "work")
		if w.back(t, b, "work", "w-1"); b.URL.Path != "/account/logins" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
		if b.Landed == nil {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
	})
}

func TestN04_ALinkIsForWhoAskedForIt(t *testing.T) {
	w := upstreams(t, false, nil)
	ada, eve := w.Person(t, "ada@example.com"), w.Person(t, "eve@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/account/logins")
	b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
	callback := w.answer(t, b, "google", gmailBob.Subject)
	b.Tab(t).Get(t, "/signin?other=1").SignIn(t, eve) // another tab brings another account into view
	if b.Get(t, callback); !strings.Contains(b.Text("main"), "That sign-in is over") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	victim := w.Browser(t).Get(t, "/signin").SignIn(t, ada) // login CSRF: an attacker's answer in the victim's browser
	attacker := w.Browser(t).Get(t, "/signin").SignIn(t, eve)
	attacker.Get(t, "/account/logins")
	attacker.Post(t, attacker.Attribute("add-google", "formaction"), attacker.FormWith("add-google").Fields)
	victim.Get(t, w.answer(t, attacker, "google", gmailBob.Subject))
	if len(w.linked(t, ada.ID))+len(w.linked(t, eve.ID)) != 0 {
		t.Error("linked")
	}
}

func TestN09_TheLastWayInStays(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		b := w.Browser(t)
		ada := w.joined(t, b, "google", gmailAda.Subject)
		row := w.linked(t, ada.ID)[0]
		told(t, b.Get(t, "/account/logins").Submit(t, "login", url.Values{"login": {row.ID}}), http.StatusConflict, "only way you can sign in")
		w.link(t, b, "facebook", fbAda.Subject)
		rows := w.linked(t, ada.ID)
		if len(rows) != 2 {
			t.Fatalf("%d linked: %s", len(rows), b.Text("main"))
		}
		var wg sync.WaitGroup // both at once: one stays
		var gone atomic.Int32
		for _, r := range rows {
			tab := b.Tab(t)
			wg.Go(func() {
				if tab.Post(t, "/account/logins/remove", url.Values{"login": {r.ID}}); tab.Status == http.StatusOK {
					gone.Add(1)
				}
			})
		}
		wg.Wait()
		if gone.Load() != 1 || len(w.linked(t, ada.ID)) != 1 {
			t.Errorf("%d gone, %d left", gone.Load(), len(w.linked(t, ada.ID)))
		}
	})
}

func TestN09_AnUpstreamThatIsGoneIsNoWayIn(t *testing.T) {
	w := upstreams(t, false, nil)
	b := w.Browser(t)
	ada := w.joined(t, b, "google", gmailAda.Subject)
	err := w.House().DB.InsertIdentity(t.Context(), storage.Identity{ID: "old", Upstream: "gone", Issuer: "x", Subject: "1", UserID: ada.ID, CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	row := w.linked(t, ada.ID)[0]
	told(t, b.Post(t, "/account/logins/remove", url.Values{"login": {row.ID}}), http.StatusConflict, "only way")
	b.Post(t, "/account/logins/remove", url.Values{"login": {"old"}})
	if got := w.linked(t, ada.ID); len(got) != 1 || b.Status != http.StatusOK {
		t.Errorf("%v: %d %s", got, b.Status, b.Text("main"))
	}
}

func TestProfileAndGroupsAreTakenOver(t *testing.T) {
	for mode, want := range map[string]struct {
		name   string
		groups []string
	}{"first": {"Ada of Work", []string{"staff"}}, "always": {"Ada King", []string{"boss"}}, "never": {"Ada of Work", nil}} {
		w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) {
			u.Profile, u.AuthoritativeFor, u.GroupsClaim = mode, []string{"work.example"}, "groups"
			u.Groups = map[string]string{"staff-eu": "staff", "bosses": "boss", "x": "there-is-none"}
			u.Claims = map[string]string{"nickname": "preferred_username"}
		}})
		for _, g := range []string{"staff", "boss", "own"} {
			if err := w.House().Members.CreateGroup(t.Context(), g, ""); err != nil {
				t.Fatal(err)
			}
		}
		b := w.Browser(t)
		ada := w.joined(t, b, "work", "w-1")
		if _, err := w.House().Members.Add(t.Context(), "own", ada.ID); err != nil {
			t.Fatal(err)
		}
		account, _ := w.work.Account("w-1")
		account.Name, account.Groups, account.Email = "Ada King", []string{"bosses", "x"}, "king@work.example"
		w.work.SetAccounts(account)
		other := w.Browser(t)
		w.through(t, other, "work", "w-1")
		now := w.here(t, other)
		groups, _, err := w.House().Members.Of(t.Context(), ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(now.Profile), want.name) || now.Email != "ada@work.example" || !slices.Equal(slices.Sorted(slices.Values(groups)), slices.Sorted(slices.Values(append(want.groups, "own")))) {
			t.Errorf("%s: %s %s %v", mode, now.Profile, now.Email, groups)
		}
	}
}

func TestN09_TokensAreKeptOnlyWhereConfiguredAndSealed(t *testing.T) { // S01
	for _, keep := range []bool{false, true} {
		w := upstreams(t, false, map[string]func(*config.Upstream){"google": func(u *config.Upstream) { u.KeepTokens, u.Offline = keep, keep }})
		b := w.Browser(t)
		ada := w.joined(t, b, "google", gmailAda.Subject)
		row := w.linked(t, ada.ID)[0]
		if bytes.Contains(row.Tokens, []byte("ya29")) || keep != (len(row.Tokens) > 0) {
			t.Fatalf("keep %v: %q", keep, row.Tokens)
		}
		got, err := w.House().Federation.Tokens(t.Context(), ada.ID, "google")
		if keep != (err == nil) || keep && (!strings.HasPrefix(got.Access, "ya29") || got.Refresh == "") {
			t.Errorf("keep %v: %+v, %v", keep, got, err)
		}
		if !keep {
			continue
		}
		moved := row // to another row, they do not open
		moved.ID, moved.Subject = "moved", "another"
		if err := w.House().DB.DeleteIdentity(t.Context(), row.ID, ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.House().DB.InsertIdentity(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
		if _, err := w.House().Federation.Tokens(t.Context(), ada.ID, "google"); err == nil {
			t.Error("sealed tokens open in another row")
		}
	}
}

func TestSigningOutSignsOutThereToo(t *testing.T) {
	w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.SignOut, u.AuthoritativeFor = true, []string{"*"} }})
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.through(t, b, "work", "w-1").Submit(t, "newaccount-submit", nil)
	id := r.Exchange(t, r.Code(t, b.Allow(t))).Extra("id_token").(string)
	b.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {id}}.Encode())
	if b.Landed == nil || !strings.HasPrefix(b.Landed.String(), w.work.URL+"/logout") {
		t.Fatalf("at %s, %v", b.URL, b.Landed)
	}
	q := b.Landed.Query()
	if q.Get("id_token_hint") == "" || q.Get("post_logout_redirect_uri") != "https://id.example.com/signin/with/signed-out" || q.Get("state") == "" {
		t.Errorf("got %v", q)
	}
	nobody(t, b)
	stranger := w.Browser(t).Get(t, "/signin")
	stranger.Get(t, "/signin/with/signed-out?state="+q.Get("state"))
	if stranger.URL.Path != "/oauth2/logout/done" {
		t.Errorf("another browser: at %s", stranger.URL)
	}
	if b.Get(t, "/signin/with/signed-out?state="+q.Get("state")); b.URL.Path != "/oauth2/logout/done" || !strings.Contains(b.Text("main"), "signed out") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	if dump := b.Body; strings.Contains(dump, id) {
		t.Error("shows a token")
	}
	// An upstream that cannot be asked keeps nobody here.
	b = w.Browser(t)
	w.through(t, b, "work", "w-1")
	w.work.Down(true)
	b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
	nobody(t, b)
}

// call posts what an upstream tells us.
func (w *world) call(t *testing.T, path, field, value string) (status int, body string) {
	t.Helper()
	res, err := w.HTTP.PostForm(w.URL+path, url.Values{field: {value}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: Cache-Control %q", path, res.Header.Get("Cache-Control"))
	}
	return res.StatusCode, string(raw)
}

func TestBackChannelLogoutOfAnUpstream(t *testing.T) { // OpenID Connect Back-Channel Logout 1.0 sections 2.5 to 2.8
	w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	app := w.App(t, "shop").With("openid")
	b := w.Browser(t)
	r := app.Begin(t, b)
	w.through(t, b, "work", "w-1").Submit(t, "newaccount-submit", nil)
	refresh := r.Exchange(t, r.Code(t, b.Allow(t))).RefreshToken
	const path = "/signin/with/work/logout"
	for name, with := range map[string]map[string]any{
		"another audience": {"aud": "another"}, "with a nonce": {"nonce": "x"}, "another issuer": {"iss": "https://evil.example"}, "no events": {"events": map[string]any{}},
		"nobody": {"sub": nil, "sid": nil}, "old": {"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix()}, "no jti": {"jti": nil},
	} {
		if status, body := w.call(t, path, "logout_token", w.work.LogoutToken(t, merge(map[string]any{"sub": "w-1"}, with))); status != http.StatusBadRequest || !strings.Contains(body, "invalid_request") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := w.call(t, path, "logout_token", "x.y.z"); status != http.StatusBadRequest {
		t.Errorf("no token at all: %d", status)
	}
	if status, _ := w.call(t, "/signin/with/facebook/logout", "logout_token", "x.y.z"); status != http.StatusBadRequest {
		t.Errorf("an upstream without such a thing: %d", status)
	}
	w.here(t, b) // nothing ended so far
	token := w.work.LogoutToken(t, map[string]any{"sub": "w-1", "sid": w.work.SID("w-1")})
	if status, body := w.call(t, path, "logout_token", token); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	nobody(t, b)
	if _, err := app.OAuth.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refresh}).Token(); refresh != "" && err == nil {
		t.Error("its refresh token lives on")
	}
	w.through(t, b.Get(t, "/signin"), "work", "w-1")
	if status, _ := w.call(t, path, "logout_token", token); status != http.StatusBadRequest {
		t.Errorf("replayed: %d", status)
	}
	w.here(t, b)
}

func merge(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}

func TestN08_FacebookDeauthorizes(t *testing.T) {
	w := upstreams(t, false, map[string]func(*config.Upstream){"facebook": func(u *config.Upstream) { u.KeepTokens = true }})
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	w.link(t, b, "facebook", fbAda.Subject)
	const path = "/signin/with/facebook/deauthorize"
	for name, raw := range map[string]string{"unsigned": "x.y", "empty": "", "of yesterday": w.facebook.SignedRequest(t, fbAda.Subject, map[string]any{"issued_at": time.Now().Add(-24 * time.Hour).Unix()})} {
		if status, _ := w.call(t, path, "signed_request", raw); status != http.StatusBadRequest || len(w.linked(t, ada.ID)) != 1 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := w.call(t, path, "signed_request", w.facebook.SignedRequest(t, "nobody", nil)); status != http.StatusOK {
		t.Errorf("nobody of ours: %d", status)
	}
	if status, _ := w.call(t, path, "signed_request", w.facebook.SignedRequest(t, fbAda.Subject, nil)); status != http.StatusOK || len(w.linked(t, ada.ID)) != 0 {
		t.Errorf("%d, %d linked", status, len(w.linked(t, ada.ID)))
	}
	// Where it is the only way in, it stays, without tokens and sessions.
	eve := w.Browser(t)
	w.through(t, eve, "facebook", fbEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
	u := w.here(t, eve)
	if status, _ := w.call(t, path, "signed_request", w.facebook.SignedRequest(t, fbEve.Subject, nil)); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	nobody(t, eve)
	if rows := w.linked(t, u.ID); len(rows) != 1 || rows[0].Tokens != nil {
		t.Errorf("got %+v", rows)
	}
}

func TestN08_FacebookAsksForDeletion(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		ask := func(subject string) (code, status string) {
			t.Helper()
			httpStatus, body := w.call(t, "/signin/with/facebook/deletion", "signed_request", w.facebook.SignedRequest(t, subject, nil))
			var said struct {
				URL  string
				Code string `json:"confirmation_code"`
			}
			if err := json.Unmarshal([]byte(body), &said); err != nil || httpStatus != http.StatusOK || !strings.HasPrefix(said.URL, w.URL+"/signin/with/facebook/deletion?code=") {
				t.Fatalf("%d %s", httpStatus, body)
			}
			return said.Code, strings.TrimPrefix(said.URL, w.URL)
		}
		if _, page := ask("nobody"); !strings.Contains(w.Browser(t).Get(t, page).Text("main"), "was deleted") {
			t.Error("nobody of ours is done at once")
		}
		ada := w.Person(t, "ada@example.com")
		b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
		w.link(t, b, "facebook", fbAda.Subject)
		_, page := ask(fbAda.Subject)
		if !strings.Contains(w.Browser(t).Get(t, page).Text("main"), "was deleted") || len(w.linked(t, ada.ID)) != 0 {
			t.Error("the link stays")
		}
		w.here(t, b) // who has a password keeps the account

		eve := w.Browser(t)
		w.through(t, eve, "facebook", fbEve.Subject).Submit(t, "newaccount-submit", url.Values{"email": {"eve@example.com"}})
		u := w.here(t, eve)
		code, page := ask(fbEve.Subject)
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "will be deleted") || !strings.Contains(got, code) {
			t.Errorf("got %s", got)
		}
		nobody(t, eve)
		now, err := w.House().People.Show(t.Context(), u.ID)
		if err != nil || now.EraseAt.IsZero() {
			t.Errorf("%+v, %v", now, err)
		}
		w.through(t, eve.Get(t, "/signin"), "facebook", fbEve.Subject) // she wants to keep it after all
		eve.Submit(t, "keep-submit", nil)
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "keep your account") {
			t.Errorf("got %s", got)
		}
		told(t, w.Browser(t).Get(t, "/signin/with/facebook/deletion?code=unknown"), http.StatusNotFound, "no request with this code")
		if _, err := w.House().Deletion.Delete(t.Context(), u.ID, true); err != nil {
			t.Fatal(err)
		}
		if got := w.Browser(t).Get(t, page).Text("main"); !strings.Contains(got, "was deleted") {
			t.Errorf("got %s", got)
		}
	})
}

func TestSignInAgainEndsNothingThatBeganThere(t *testing.T) { // the session keeps its beginning
	w := upstreams(t, false, map[string]func(*config.Upstream){"work": func(u *config.Upstream) { u.AuthoritativeFor = []string{"*"} }})
	b := w.Browser(t)
	ada := w.joined(t, b, "work", "w-1")
	list, err := w.House().Sessions.OfUser(t.Context(), ada.ID, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(err)
	}
	from, err := w.House().DB.UpstreamSessionByID(t.Context(), list[0].ID)
	if err != nil || from.Upstream != "work" || from.Subject != "w-1" || from.SID == "" || from.IDToken != nil {
		t.Errorf("got %+v, %v", from, err)
	}
	if _, err := w.House().Federation.AfterLogout(t.Context(), "x", "y"); err == nil || err.Error() != federation.ErrExpired.Error() {
		t.Errorf("got %v", err)
	}
}

func TestN05_ALinkProvesTheAddressThatTheUpstreamAnswersFor(t *testing.T) {
	w := upstreams(t, false, nil)
	for email, want := range map[string]bool{"Ada@gmail.com": true, "other@gmail.com": false} {
		b := w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit", url.Values{"name": {"A"}, "username": {email}, "password": {fresh}})
		u := w.here(t, b)
		subject := gmailAda.Subject
		if !want {
			subject = gmailBob.Subject
		}
		if w.link(t, b, "google", subject); w.here(t, b).EmailVerified != want {
			t.Errorf("%s: proven %v", email, !want)
		}
		if e := w.events(t, u.ID); want != (e["email.proven"] == 1) {
			t.Errorf("%s: %v", email, e)
		}
	}
}
