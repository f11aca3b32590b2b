package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signet/clients"
	"signet/config"
	"signet/oauth/tokens"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// receiver is the address of an app that is sent its tokens.
type receiver struct {
	*httptest.Server
	got    chan map[string]any
	status atomic.Int64
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan map[string]any, 8)}
	r.status.Store(http.StatusNoContent)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		got := map[string]any{"": q.Method + " " + q.URL.Path + " " + q.Header.Get("Authorization") + " " + q.Header.Get("Content-Type")}
		_ = json.Unmarshal(body, &got)
		r.got <- got
		w.Header().Set("Location", "/elsewhere") // is not followed
		w.WriteHeader(int(r.status.Load()))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) wait(t *testing.T) map[string]any {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(90 * time.Second):
		t.Fatal("nothing was sent")
		return nil
	}
}

func (r *receiver) nothing(t *testing.T, what string, within time.Duration) {
	t.Helper()
	select {
	case got := <-r.got:
		t.Errorf("%s: sent %v", what, got)
	case <-time.After(within):
	}
}

func pushOn(c *config.Config) { c.CIBA.Push, c.Egress.AllowHosts = true, []string{"127.0.0.1"} }

func toBePushed(url string) func(*clients.Metadata) {
	return func(m *clients.Metadata) { m.BackchannelDelivery, m.BackchannelNotification = "push", url }
}

// pushes begins a request; its answer has no interval.
func (c counter) pushes(hint string) string {
	c.Helper()
	status, got := c.ask(hint, "client_notification_token", "tok3n")
	id, _ := got["auth_req_id"].(string)
	if status != 200 || id == "" || got["interval"] != nil {
		c.Fatalf("%d %v", status, got)
	}
	return id
}

// TestCIBA_APush: the replica that took the decision is gone before it sent anything; two others bring the tokens once, and nobody can ask
// for them.
func TestCIBA_APush(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			db, app := open(t), newReceiver(t)
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db), servertest.Change(pushOn))
			ada := s.Person(t, "ada@example.com")
			c := newCounter(t, s, "bank", toBePushed(app.URL+"/push"))
			other := newCounter(t, s, "shop")
			if status, got := c.ask(ada.Email); status != 400 || got["error"] != "invalid_request" {
				t.Errorf("without client_notification_token: %d %v", status, got)
			}
			id := c.pushes(ada.Email)
			c.wants("asked for", id, "unauthorized_client")
			b := s.Browser(t)
			c.sees(b, ada, 1)
			twice := b.Tab(t).Get(t, b.URL.RequestURI())
			b.Submit(t, "request-allow", nil)
			twice.Submit(t, "request-allow", nil)
			c.wants("asked for once allowed", id, "unauthorized_client")
			other.wants("asked for by another", id, "invalid_grant")
			there := map[any]*servertest.Server{} // by issuer: in a test each replica has its own
			for range 2 {
				one := servertest.New(t, servertest.On(db), servertest.Change(pushOn))
				there[one.URL] = one
			}
			got := app.wait(t)
			access, refresh, signed := text(got, "access_token"), text(got, "refresh_token"), text(got, "id_token")
			if got[""] != "POST /push Bearer tok3n application/json" || got["auth_req_id"] != id || got["error"] != nil ||
				got["token_type"] != "Bearer" || got["expires_in"] == nil || access == "" || refresh == "" {
				t.Fatalf("%v", got)
			}
			const claim = "urn:openid:params:jwt:claim:"
			claims := claimsOf(t, signed)
			if claims["sub"] != ada.ID || claims["aud"] != "bank" || claims[claim+"auth_req_id"] != id ||
				claims[claim+"rt_hash"] != tokens.Hash("RS256", refresh) || claims["at_hash"] != tokens.Hash("RS256", access) {
				t.Errorf("ID token %v", claims)
			}
			app.nothing(t, "twice", 4*time.Second)
			if there[claims["iss"]] == nil {
				t.Fatalf("issuer %v", claims["iss"])
			}
			if status, again := there[claims["iss"]].Declared(c.app.Metadata).Post(t, "/oauth2/token", refreshForm(refresh)); status != 200 {
				t.Errorf("refresh: %d %v", status, again)
			}
			c.wants("asked for afterwards", id, "unauthorized_client")
		})
	}
}

func text(m map[string]any, name string) string { s, _ := m[name].(string); return s }

// TestCIBA_WhatIsPushedInPlaceOfTokens, and what is not pushed at all.
func TestCIBA_WhatIsPushedInPlaceOfTokens(t *testing.T) {
	db, app := storagetest.SQLite(t), newReceiver(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db), servertest.Change(pushOn))
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	begin := func(id, button string) counter {
		c := newCounter(t, s, id, toBePushed(app.URL+"/"+id))
		c.pushes(ada.Email)
		c.sees(b, ada, 1)
		b.Submit(t, button, nil)
		return c
	}
	begin("denied", "request-deny")
	begin("removed", "request-allow")
	b.Post(t, s.URL+"/account/apps", map[string][]string{"app": {"removed"}}) // the person takes it back
	begin("disabled", "request-allow")
	if err := s.Services().Clients.SetDisabled(t.Context(), "disabled", true); err != nil {
		t.Fatal(err)
	}
	polls := begin("switched", "request-allow")
	_, err := s.Services().Clients.Change(t.Context(), "switched", func(m *clients.Metadata) error {
		m.BackchannelDelivery, m.BackchannelNotification = "poll", ""
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = polls
	servertest.New(t, servertest.On(db), servertest.Change(pushOn))
	want := map[string]string{"denied": "access_denied", "removed": "transaction_failed"}
	for range want {
		got := app.wait(t)
		name, _, _ := strings.Cut(strings.TrimPrefix(text(got, ""), "POST /"), " ")
		if got["error"] != want[name] || got["access_token"] != nil || want[name] == "" {
			t.Errorf("%v", got)
		}
	}
	app.nothing(t, "for a client that is disabled, or asks by now", 4*time.Second)
}

// TestCIBA_PushIsTheOperatorsChoice: off, it can neither be registered nor used, and it is never for tokens that are bound, nor for FAPI.
func TestCIBA_PushIsTheOperatorsChoice(t *testing.T) {
	db := storagetest.SQLite(t)
	off := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	on := servertest.New(t, servertest.HandlerOnly(), servertest.On(db), servertest.Change(pushOn))
	register := func(s *servertest.Server, id string, change func(*clients.Metadata)) error {
		m := clients.Metadata{ClientID: id, Scope: "openid"}
		atCounter(&m)
		toBePushed("https://bank.example/push")(&m)
		change(&m)
		_, err := s.Services().Clients.Create(t.Context(), m)
		return err
	}
	if err := register(off, "a", func(*clients.Metadata) {}); err == nil || !strings.Contains(err.Error(), "ciba.push") {
		t.Errorf("off: %v", err)
	}
	for what, change := range map[string]func(*clients.Metadata){
		"DPoP":       func(m *clients.Metadata) { m.DPoPBoundAccessTokens = true },
		"mTLS":       func(m *clients.Metadata) { m.CertificateBoundAccessTokens = true },
		"FAPI":       func(m *clients.Metadata) { m.Profile = clients.ProfileFAPI2 },
		"http":       func(m *clients.Metadata) { m.BackchannelNotification = "http://bank.example/push" },
		"inside":     func(m *clients.Metadata) { m.BackchannelNotification = "http://10.0.0.1/push" },
		"no address": func(m *clients.Metadata) { m.BackchannelNotification = "" },
	} {
		if err := register(on, "b", change); err == nil {
			t.Errorf("registered with %s", what)
		}
	}
	c := newCounter(t, on, "bank", toBePushed("https://bank.example/push"))
	there := counter{t, off, off.Declared(c.app.Metadata)}
	if status, got := there.ask("ada@example.com", "client_notification_token", "t"); status != 400 || got["error"] != "unauthorized_client" {
		t.Errorf("off: %d %v", status, got)
	}
	for s, want := range map[*servertest.Server]bool{off: false, on: true} {
		if b := s.Browser(t).Get(t, s.URL+"/.well-known/openid-configuration"); strings.Contains(b.Body, `"ping","push"`) != want {
			t.Errorf("discovery: %s", b.Body)
		}
	}
}

// TestCIBA_APushReachesNoInnerHost: what a client registers is not taken for an address inside.
func TestCIBA_APushReachesNoInnerHost(t *testing.T) {
	app := newReceiver(t)
	s := servertest.New(t, servertest.Change(func(c *config.Config) { c.CIBA.Push = true }))
	ada := s.Person(t, "ada@example.com")
	c := newCounter(t, s, "bank", toBePushed(strings.Replace(app.URL, "127.0.0.1", "localhost", 1)+"/push"))
	c.pushes(ada.Email)
	b := s.Browser(t)
	c.sees(b, ada, 1)
	b.Submit(t, "request-allow", nil)
	app.nothing(t, "inside", 5*time.Second)
}

// TestCIBA_WhatIsNotTakenIsRevoked: an app that refuses, or leads elsewhere, has a grant that nobody has the tokens of.
func TestCIBA_WhatIsNotTakenIsRevoked(t *testing.T) {
	app := newReceiver(t)
	app.status.Store(http.StatusFound)
	s := servertest.New(t, servertest.Change(pushOn))
	ada := s.Person(t, "ada@example.com")
	c := newCounter(t, s, "bank", toBePushed(app.URL+"/push"))
	c.pushes(ada.Email)
	b := s.Browser(t)
	c.sees(b, ada, 1)
	b.Submit(t, "request-allow", nil)
	got := app.wait(t)
	app.nothing(t, "again", 2*time.Second)
	if status, again := c.app.Post(t, "/oauth2/token", refreshForm(got["refresh_token"])); status != 400 || again["error"] != "invalid_grant" {
		t.Errorf("refresh: %d %v", status, again)
	}
}
