package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/server/servertest"
	"signet/storage/storagetest"
)

// TestCIBA_APersonRefusesAllRequests: what waits is denied, apps reach nobody and are not told, until the person takes it back.
func TestCIBA_APersonRefusesAllRequests(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), engine)
		ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
		c, other := newCounter(t, s, "bank"), newCounter(t, s, "till")
		one, two, bobs := c.begin(ada.Email), other.begin(ada.Email), c.begin(bob.Email)
		b := s.Browser(t)
		c.sees(b, ada, 1)
		late := b.Tab(t).Get(t, b.URL.RequestURI())
		b.Get(t, "/account/apps")
		if !strings.Contains(b.Body, `href="/account/requests"`) {
			t.Errorf("no way to the switch: %s", b.Text("main"))
		}
		b.Get(t, "/account/requests?refuse=1") // no GET refuses
		if b.Has("refused") || !b.Has("request-refuse") {
			t.Fatalf("before: %s", b.Text("main"))
		}
		twice := b.Tab(t).Get(t, "/account/requests")
		if b.Submit(t, "request-refuse", nil); !strings.Contains(b.Text("outcome"), "refused now") || !b.Has("refused") {
			t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		if twice.Submit(t, "request-refuse", nil); !twice.Has("refused") {
			t.Errorf("twice: %d %s", twice.Status, twice.Text("main"))
		}
		c.wants("what waited", one, "access_denied")
		other.wants("what waited of another", two, "access_denied")
		c.wants("what waits for somebody else", bobs, "authorization_pending")
		if late.Submit(t, "request-allow", nil); !strings.Contains(late.Text("outcome"), "expired") {
			t.Errorf("allowed afterwards: at %s %s", late.URL, late.Text("main"))
		}
		c.wants("what waited, later", one, "access_denied")
		again := c.begin(ada.Email)
		c.wants("a new one", again, "authorization_pending") // as of nobody
		if b.Get(t, "/account/requests"); strings.Contains(b.Body, "?request=") {
			t.Errorf("the person is asked: %s", b.Text("main"))
		}
		all, err := s.Services().Export.Make(t.Context(), ada.ID)
		if err != nil || all.Profile.RefusesSince.IsZero() {
			t.Errorf("the export: %+v %v", all.Profile, err)
		}
		if b.Submit(t, "request-take", nil); b.Has("refused") || !strings.Contains(b.Text("outcome"), "accepted again") {
			t.Errorf("taken back: %s", b.Text("main"))
		}
		c.begin(ada.Email)
		c.sees(b, ada, 1)
		if b.Get(t, "/account/activity?kind=apps"); strings.Count(b.Text("main"), "You refused all requests") != 1 ||
			!strings.Contains(b.Text("main"), "You accept requests from apps again") {
			t.Errorf("the activity: %s", b.Text("main"))
		}
	})
}

// TestCIBA_OnlyThePersonRefuses: nobody who is signed in as another one, or not at all, nor another site.
func TestCIBA_OnlyThePersonRefuses(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	refuses := func(what string, want bool) {
		t.Helper()
		for _, p := range []servertest.Person{ada, bob} {
			since, err := s.Services().DB.RefusesRequests(t.Context(), p.ID)
			if err != nil || !since.IsZero() != (want && p.ID == ada.ID) {
				t.Errorf("%s: %s since %v, %v", what, p.Email, since, err)
			}
		}
	}
	to, form := "/account/requests/refusal", url.Values{"refuse": {"1"}}
	stranger := s.Browser(t)
	if stranger.Post(t, to, form); stranger.URL.Path != "/signin" {
		t.Errorf("a stranger is at %s", stranger.URL)
	}
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	if b.PostFrom(t, "https://evil.example", to, form); b.Status != http.StatusForbidden {
		t.Errorf("another site: %d", b.Status)
	}
	refuses("before", false)
	tab := b.Tab(t).Get(t, "/account/requests")
	b.Get(t, "/account/requests/account").SignIn(t, bob)
	tab.Submit(t, "request-refuse", nil) // a page of ada's
	refuses("in a browser of bob's now", false)
	b = s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/requests").Submit(t, "request-refuse", nil)
	refuses("by herself", true)
}

// TestCIBA_ARefusalRaces with a decision, on two replicas: the app gets one answer.
func TestCIBA_ARefusalRaces(t *testing.T) {
	db := storagetest.Postgres(t)
	one, two := servertest.New(t, servertest.HandlerOnly(), servertest.On(db)), servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	ada, c := one.Person(t, "ada@example.com"), newCounter(t, one, "bank")
	for range 5 {
		id := c.begin(ada.Email)
		b, there := one.Browser(t), two.Browser(t)
		c.sees(b, ada, 1)
		there.Get(t, "/signin").SignIn(t, ada).Get(t, "/account/requests")
		var all sync.WaitGroup
		all.Go(func() { b.Submit(t, "request-allow", nil) })
		all.Go(func() { there.Submit(t, "request-refuse", nil) })
		all.Wait()
		status, got := c.poll(id)
		if allowed := strings.Contains(b.Text("main"), "Allowed"); allowed != (status == 200) || !allowed && got["error"] != "access_denied" {
			t.Errorf("%d %v: %s", status, got, b.Text("main"))
		}
		if there.Status != http.StatusOK || !there.Has("refused") {
			t.Errorf("%d %s", there.Status, there.Text("main"))
		}
		there.Submit(t, "request-take", nil)
	}
}
