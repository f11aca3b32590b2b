package upstream_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
)

func TestOneFormOfManyMakesTheAccount(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for _, change := range []upstreamtest.Changes{
			nil, {"facebook": func(u *config.Upstream) { u.KeepTokens = true }},
		} {
			w := upstreamtest.New(t, false, change, engine)
			id, subject, fields := "google", upstreamtest.GoogleAda.Subject, url.Values{"name": {"Ada"}}
			if change != nil { // an address that the upstream does not answer for, and no mail
				id, subject, fields = "facebook", upstreamtest.FacebookEve.Subject, url.Values{"name": {"Eve"}, "email": {"eve@example.com"}}
			}
			b := w.Browser(t)
			w.SignIn(t, b, id, subject)
			form := b.URL.RequestURI()
			var mu sync.Mutex
			statuses := map[int]int{}
			var wg sync.WaitGroup
			for range 6 {
				tab := b.Tab(t)
				wg.Go(func() {
					tab.Post(t, form, fields)
					mu.Lock()
					defer mu.Unlock()
					statuses[tab.Status]++
				})
			}
			wg.Wait()
			// Whoever comes late is told so, or is led on as the person who is signed in by then.
			if statuses[http.StatusOK] == 0 || statuses[http.StatusOK]+statuses[http.StatusBadRequest]+statuses[http.StatusConflict] != 6 {
				t.Errorf("%s: %v", id, statuses)
			}
			if list, err := w.Services().People.List(t.Context(), "", 10); err != nil || len(list) != 1 || len(w.Linked(t, list[0].ID)) != 1 {
				t.Errorf("%s: %v, %v", id, list, err)
			} else if sessions, err := w.Services().Sessions.OfUser(t.Context(), list[0].ID, 10); err != nil || len(sessions) != 1 {
				t.Errorf("%s: %d sessions (%v)", id, len(sessions), err)
			}
		}
	})
}

func TestOneAccountOfTwoGetsTheIdentity(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		ada, bob := w.Person(t, "ada@example.com"), w.Person(t, "bob@example.com")
		var callbacks []string
		var browsers []*servertest.Browser
		for _, p := range []servertest.Person{ada, bob} {
			b := w.Browser(t).Get(t, "/signin").SignIn(t, p)
			b.Get(t, "/account/logins")
			b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
			callbacks, browsers = append(callbacks, w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)), append(browsers, b)
		}
		var wg sync.WaitGroup
		for i, b := range browsers {
			wg.Go(func() { b.Get(t, callbacks[i]) })
		}
		wg.Wait()
		if a, b := len(w.Linked(t, ada.ID)), len(w.Linked(t, bob.ID)); a+b != 1 {
			t.Errorf("ada has %d, bob %d", a, b)
		}
		for _, b := range browsers {
			if b.URL.Path != "/account/logins" || b.Status != http.StatusOK {
				t.Errorf("at %s: %d", b.URL, b.Status)
			}
		}
	})
}

func TestR07_TheIdentityOfADeletedAccountIsFree(t *testing.T) { // R07
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreamtest.New(t, false, nil, engine)
		b := w.Browser(t)
		ada := w.Join(t, b, "google", upstreamtest.GoogleAda.Subject)
		upstreamtest.Press(t, b.Get(t, "/signin?other=1"), "google")
		callback := w.Callback(t, b, "google", upstreamtest.GoogleAda.Subject)
		if _, err := w.Services().Deletion.Delete(t.Context(), ada.ID, true); err != nil {
			t.Fatal(err)
		}
		if b.Get(t, callback); !b.Has("newaccount-submit") {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
		if again := w.Join(t, w.Browser(t), "google", upstreamtest.GoogleAda.Subject); again.ID == ada.ID {
			t.Error("the same account")
		}
	})
}
