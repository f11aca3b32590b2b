package signin_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/users/federation"
	"signet/users/federation/federationtest"
)

func TestOneNewcomersFormOfManyMakesTheAccount(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		for _, change := range []map[string]func(*config.Upstream){
			nil, {"facebook": func(u *config.Upstream) { u.KeepTokens = true }},
		} {
			w := upstreams(t, false, change, engine)
			id, subject, fields := "google", gmailAda.Subject, url.Values{"name": {"Ada"}}
			if change != nil { // an address that the upstream does not answer for, and no mail
				id, subject, fields = "facebook", fbEve.Subject, url.Values{"name": {"Eve"}, "email": {"eve@example.com"}}
			}
			b := w.Browser(t)
			w.through(t, b, id, subject)
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
			if statuses[http.StatusOK] != 1 || statuses[http.StatusOK]+statuses[http.StatusBadRequest]+statuses[http.StatusConflict] != 6 {
				t.Errorf("%s: %v", id, statuses)
			}
			if list, err := w.House().People.List(t.Context(), "", 10); err != nil || len(list) != 1 || len(w.linked(t, list[0].ID)) != 1 {
				t.Errorf("%s: %v, %v", id, list, err)
			}
		}
	})
}

func TestOneAccountOfTwoGetsTheIdentity(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		ada, bob := w.Person(t, "ada@example.com"), w.Person(t, "bob@example.com")
		var callbacks []string
		var browsers []*servertest.Browser
		for _, p := range []servertest.Person{ada, bob} {
			b := w.Browser(t).Get(t, "/signin").SignIn(t, p)
			b.Get(t, "/account/logins")
			b.Post(t, b.Attribute("add-google", "formaction"), b.FormWith("add-google").Fields)
			callbacks, browsers = append(callbacks, w.answer(t, b, "google", gmailAda.Subject)), append(browsers, b)
		}
		var wg sync.WaitGroup
		for i, b := range browsers {
			wg.Go(func() { b.Get(t, callbacks[i]) })
		}
		wg.Wait()
		if a, b := len(w.linked(t, ada.ID)), len(w.linked(t, bob.ID)); a+b != 1 {
			t.Errorf("ada has %d, bob %d", a, b)
		}
		for _, b := range browsers {
			if b.URL.Path != "/account/logins" || b.Status != http.StatusOK {
				t.Errorf("at %s: %d", b.URL, b.Status)
			}
		}
	})
}

func TestAnErasedPersonsIdentityIsNobodys(t *testing.T) { // R07
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		b := w.Browser(t)
		ada := w.joined(t, b, "google", gmailAda.Subject)
		press(t, b.Get(t, "/signin?other=1"), "google")
		callback := w.answer(t, b, "google", gmailAda.Subject)
		if _, err := w.House().Deletion.Delete(t.Context(), ada.ID, true); err != nil {
			t.Fatal(err)
		}
		if b.Get(t, callback); !b.Has("newaccount-submit") {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
		if again := w.joined(t, w.Browser(t), "google", gmailAda.Subject); again.ID == ada.ID {
			t.Error("the same account")
		}
	})
}

func TestOddCallsAreAnswered(t *testing.T) {
	w := upstreams(t, false, nil)
	b := w.Browser(t).Get(t, "/signin")
	long := strings.Repeat("ab", 4000)
	for path, want := range map[string]int{
		"/signin/with/google/callback": 400, "/signin/with/google/callback?state=%00&code=%ff": 400, "/signin/with/google/new": 400, "/signin/with/google/new?a=x": 400,
		"/signin/with/nowhere/new?a=x": 400, "/signin/connect": 200, "/signin/connect?a=x": 200, "/signin/with/signed-out": 200, "/signin/with/signed-out?state=x": 200,
		"/signin/with/google/deletion": 404, "/signin/with/google/deletion?code=" + long[:4000]: 404,
	} {
		if b.Get(t, path); b.Status != want {
			t.Errorf("%s: %d, want %d: %s", path, b.Status, want, b.Text("main"))
		}
	}
	for path, form := range map[string]url.Values{
		"/signin/with/nowhere": {}, "/signin/with/google/new?a=x": {}, "/signin/with/google/callback": {"state": {"x", "y"}, "code": {"c"}},
		"/signin/with/google/logout": {}, "/signin/with/google/logout?x": {"logout_token": {"a", "b"}}, "/signin/with/facebook/deletion": {"signed_request": {long}},
		"/signin/with/nowhere/deauthorize": {"signed_request": {"x"}},
	} {
		if b.Post(t, path, form); b.Status < 400 || b.Status > 499 && b.Status != http.StatusBadGateway {
			t.Errorf("POST %s: %d", path, b.Status)
		}
	}
	if b.PostFrom(t, "https://appleid.apple.com", "/signin/with/google/callback", url.Values{"state": {"x"}, "code": {long}}); b.Status != http.StatusRequestEntityTooLarge && b.Status != http.StatusBadRequest {
		t.Errorf("a long answer: %d", b.Status)
	}
	if b.PostFrom(t, "https://evil.example", "/signin/with/google", url.Values{}); b.Status != http.StatusForbidden { // C01
		t.Errorf("another site begins a sign-in: %d", b.Status)
	}
}

func TestC01_APostedAnswerComesBackByGet(t *testing.T) { // Apple
	apple := federationtest.NewApple(t, federationtest.Account{Subject: "001.ada", Email: "ada@icloud.com", EmailVerified: true, GivenName: "Ada", FamilyName: "Lovelace"})
	apple.Register("https://id.example.com/signin/with/apple/callback")
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		c.Egress.AllowHosts = []string{"127.0.0.1"}
		c.Upstreams = []config.Upstream{{ID: "apple", Kind: config.UpstreamApple, Issuer: apple.URL, ClientID: apple.ClientID, TeamID: apple.TeamID, KeyID: apple.KeyID,
			PrivateKey: config.NewSecret(apple.PrivateKey)}}
	}))
	b := s.Browser(t).Get(t, "/signin")
	press(t, b, "apple")
	if b.Landed == nil || b.Landed.Query().Get("response_mode") != "form_post" {
		t.Fatalf("at %s: %v", b.URL, b.Landed)
	}
	callback, values := apple.Answer(t, b.Landed, "001.ada")
	if b.PostFrom(t, apple.URL, callback, values); !b.Has("newaccount-submit") || b.Attribute("name", "value") != "Ada Lovelace" {
		t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	b.Submit(t, "newaccount-submit", nil)
	u, err := s.House().People.ByAddress(t.Context(), "ada@icloud.com")
	if err != nil || !u.EmailVerified {
		t.Fatalf("%+v, %v", u, err)
	}
	if ok, err := s.House().Federation.CanSignIn(t.Context(), u.ID); !ok || err != nil {
		t.Error(ok, err)
	}
	if _, err := s.House().Federation.Pending(t.Context(), "x", ""); err == nil || err.Error() != federation.ErrExpired.Error() {
		t.Error(err)
	}
}
