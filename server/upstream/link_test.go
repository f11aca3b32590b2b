package upstream_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
	"signet/storage"
)

// Rule B02: a callback that is loaded twice ends where the first ended.
func TestB02_ALinkCallbackLoadedTwiceIsNoProblem(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/account/logins")
	b.Post(t, b.Attribute("add-facebook", "formaction"), b.FormWith("add-facebook").Fields)
	callback := w.Callback(t, b, "facebook", upstreamtest.FacebookEve.Subject)
	b.Get(t, callback)
	b.Get(t, callback)
	if b.URL.Path != "/account/logins" || b.URL.Query().Has("problem") || len(w.Linked(t, ada.ID)) != 1 {
		t.Errorf("at %s (%d)", b.URL, b.Status)
	}
}

// link adds an identity on the account's page.
func link(t *testing.T, w *upstreamtest.World, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	b.Get(t, "/account/logins")
	action := b.Attribute("add-"+id, "formaction")
	if action == "" {
		t.Fatalf("no way to add %s: %s", id, b.Text("main"))
	}
	b.Post(t, action, b.FormWith("add-"+id).Fields)
	return w.Return(t, b, id, subject)
}

func TestLinkAndUnlinkOnTheAccountPage(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, true, nil, engine)
		ada := w.Person(t, "ada@example.com")
		b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
		if link(t, w, b, "facebook", upstreamtest.FacebookEve.Subject); !strings.Contains(b.Text("main"), "You can sign in with it now") {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		other := w.Browser(t)
		if w.SignIn(t, other, "facebook", upstreamtest.FacebookEve.Subject); w.Visitor(t, other).ID != ada.ID {
			t.Error("it does not sign in")
		}
		if now := w.Visitor(t, b); !strings.Contains(string(now.Profile), "Ada Lovelace") {
			t.Errorf("what the person said of themselves is gone: %s", now.Profile)
		}
		bob := w.Person(t, "bob@example.com") // N04: an identity is one account's
		his := w.Browser(t).Get(t, "/signin").SignIn(t, bob)
		if link(t, w, his, "facebook", upstreamtest.FacebookEve.Subject); !strings.Contains(his.Text("main"), "connected to another account") {
			t.Errorf("at %s: %s", his.URL, his.Text("main"))
		}
		row := w.Linked(t, ada.ID)[0]
		his.Post(t, "/account/logins/remove", url.Values{"login": {row.ID}}) // R05
		if his.Status != http.StatusNotFound || len(w.Linked(t, ada.ID)) != 1 {
			t.Errorf("somebody else's: %d", his.Status)
		}
		b.Get(t, "/account/logins").Submit(t, "login", url.Values{"login": {row.ID}})
		if !strings.Contains(b.Text("main"), "can no longer sign in with it") || len(w.Linked(t, ada.ID)) != 0 {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
		upstreamtest.NoVisitor(t, other) // what began with it ended
		if e := w.Events(t, ada.ID); e["upstream.linked"] != 1 || e["upstream.unlinked"] != 1 {
			t.Errorf("events %v", e)
		}
		subjects := ""
		for !strings.Contains(subjects, "Facebook no longer signs you in") ||
			!strings.Contains(subjects, "Facebook now signs you in") { // in any order
			subjects += w.Box.Wait(t, ada.Email).Subject + "|"
		}
	})
}

func TestF10_LinkingWantsARecentSignIn(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada := w.Person(t, "ada@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	w.AgeSessions(t, ada.ID, 11*time.Minute)
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
func TestF10_AnOldSignInAtAnUpstreamIsNotRecent(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		b := w.Browser(t)
		w.SignIn(t, b, "work", upstreamtest.WorkAda).Submit(t, "newaccount-submit", url.Values{"email": {"ada@work.example"}})
		ada := w.Visitor(t, b)
		old := time.Now().Add(-time.Hour)
		add := func() {
			b.Get(t, "/account/logins")
			b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
		}
		again := func() {
			b = w.Browser(t)
			w.Work.Tamper(func(c map[string]any) { c["auth_time"] = old.Unix() })
			w.SignIn(t, b, "work", upstreamtest.WorkAda)
			if v := w.Visitor(t, b); v.ID != ada.ID {
				t.Fatal("another person")
			}
			if add(); b.URL.Path != "/signin/confirm" || b.Landed != nil {
				t.Fatalf("an old sign-in is recent: at %s", b.URL)
			}
			w.Work.Tamper(nil)
			upstreamtest.Press(t, b, "work")
		}
		// The request without max_age makes the upstream answer without auth_time, which proves nothing: whoever has nothing here, nor an
		// address, confirms by it, which does not allow this (rule V12).
		again()
		q := b.Landed.Query()
		if q.Get("max_age") != "0" || q.Get("prompt") != "login" {
			t.Errorf("request %v", q)
		}
		q.Del("max_age")
		b.Landed.RawQuery = q.Encode()
		w.Return(t, b, "work", upstreamtest.WorkAda)
		add()
		upstreamtest.Shows(t, b, http.StatusForbidden, "Add a password or a passkey first")
		// With it, it does.
		again()
		if w.Return(t, b, "work", upstreamtest.WorkAda); b.URL.Path != "/account/logins" {
			t.Fatalf("at %s: %s", b.URL, b.Text("main"))
		}
		if add(); b.Landed == nil {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
	})
}

func TestN04_ALinkIsForWhoAskedForIt(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	ada, eve := w.Person(t, "ada@example.com"), w.Person(t, "eve@example.com")
	b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
	b.Get(t, "/account/logins")
	b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
	callback := w.Callback(t, b, "google", upstreamtest.GoogleBob.Subject)
	b.Tab(t).Get(t, "/signin?other=1").SignIn(t, eve) // another tab brings another account into view
	if b.Get(t, callback); !strings.Contains(b.Text("main"), "That sign-in has expired") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	victim := w.Browser(t).Get(t, "/signin").SignIn(t, ada) // login CSRF: an attacker's answer in the victim's browser
	attacker := w.Browser(t).Get(t, "/signin").SignIn(t, eve)
	attacker.Get(t, "/account/logins")
	attacker.Post(t, attacker.Attribute("add-google", "formaction"), attacker.FormWith("add-google").Fields)
	victim.Get(t, w.Callback(t, attacker, "google", upstreamtest.GoogleBob.Subject))
	if len(w.Linked(t, ada.ID))+len(w.Linked(t, eve.ID)) != 0 {
		t.Error("linked")
	}
}

func TestN09_TheLastWayToSignInStays(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		b := w.Browser(t)
		ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
		row := w.Linked(t, ada.ID)[0]
		upstreamtest.Shows(t, b.Get(t, "/account/logins").Submit(t, "login", url.Values{"login": {row.ID}}), http.StatusConflict,
			"only way to sign in")
		link(t, w, b, "facebook", upstreamtest.FacebookAda.Subject)
		rows := w.Linked(t, ada.ID)
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
		if gone.Load() != 1 || len(w.Linked(t, ada.ID)) != 1 {
			t.Errorf("%d gone, %d left", gone.Load(), len(w.Linked(t, ada.ID)))
		}
	})
}

func TestN09_AnUpstreamThatIsGoneIsNotAWayToSignIn(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	b := w.Browser(t)
	ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
	err := w.Services().DB.InsertIdentity(t.Context(), storage.Identity{ID: "old", Upstream: "gone", Issuer: "x", Subject: "1", UserID: ada.ID,
		CreatedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	row := w.Linked(t, ada.ID)[0]
	upstreamtest.Shows(t, b.Post(t, "/account/logins/remove", url.Values{"login": {row.ID}}), http.StatusConflict, "only way")
	b.Post(t, "/account/logins/remove", url.Values{"login": {"old"}})
	if got := w.Linked(t, ada.ID); len(got) != 1 || b.Status != http.StatusOK {
		t.Errorf("%v: %d %s", got, b.Status, b.Text("main"))
	}
}

func TestN05_LinkingVerifiesTheAddressThatTheUpstreamAnswersFor(t *testing.T) {
	w := upstreamtest.New(t, false, nil)
	for email, want := range map[string]bool{"Ada@gmail.com": true, "other@gmail.com": false} {
		b := w.Browser(t).Get(t, "/signup").Submit(t, "signup-submit",
			url.Values{"name": {"A"}, "username": {email}, "password": {servertest.NewPassword}})
		u := w.Visitor(t, b)
		subject := upstreamtest.GoogleAda.Subject
		if !want {
			subject = upstreamtest.GoogleBob.Subject
		}
		if link(t, w, b, "google", subject); w.Visitor(t, b).EmailVerified != want {
			t.Errorf("%s: verified %v", email, !want)
		}
		if e := w.Events(t, u.ID); want != (e["email.proven"] == 1) {
			t.Errorf("%s: %v", email, e)
		}
	}
}
