package server_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/oauth/tokens"
	"signet/server/servertest"
)

// watched notes what is signed, and what of it while a transaction is open. A transaction's body runs on the goroutine of whoever began it,
// so that it stands on the stack.
type watched struct {
	mu             sync.Mutex
	signed, inside map[string]int
}

func watch(s *servertest.Server) *watched {
	w := &watched{signed: map[string]int{}, inside: map[string]int{}}
	s.Services().Keys.Watch(func(typ string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.signed[typ]++
		if inTransaction() {
			w.inside[typ]++
		}
	})
	return w
}

func inTransaction() bool {
	var calls [256]uintptr
	frames := runtime.CallersFrames(calls[:runtime.Callers(2, calls[:])])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, "/storage.(*DB).Tx") {
			return true
		}
	}
	return false
}

// signs wants the step to sign tokens of these kinds, and none of them while a transaction is open.
func (w *watched) signs(t *testing.T, what string, step func(), kinds ...string) {
	t.Helper()
	w.mu.Lock()
	clear(w.signed)
	clear(w.inside)
	w.mu.Unlock()
	step()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := slices.Sorted(maps.Keys(w.signed)); !slices.Equal(got, slices.Sorted(slices.Values(kinds))) {
		t.Errorf("%s: signed %v, want %v", what, w.signed, kinds)
	}
	if len(w.inside) > 0 {
		t.Errorf("%s: signed %v while a transaction was open", what, w.inside)
	}
}

// TestNothingIsSignedInATransaction: a signature takes a millisecond, in which nobody else could write to SQLite, and on Postgres rows
// would stay locked. Whoever adds a way to get tokens adds it here.
func TestNothingIsSignedInATransaction(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		app := newReceiver(t)
		s := servertest.New(t, engine, servertest.Quiet(), servertest.Change(pushOn), servertest.Change(func(c *config.Config) {
			c.Authorization.ResponseTypes = clients.ResponseTypes
		}), servertest.YAML(`
resources: [{identifier: "https://api.example.com/", name: API, scopes: ["api:read"], exchanged_by: [api]}]
`))
		w := watch(s)
		everyWay(t, s, w, app)
		watchBites(t, s, w)
	})
}

// watchBites: what the test looks for is found.
func watchBites(t *testing.T, s *servertest.Server, w *watched) {
	issuer, err := tokens.New(s.URL, s.Services().Keys, tokens.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sign := func(context.Context) error { _, err := issuer.SignStatus(map[string]any{}); return err }
	if err := s.Services().DB.Tx(t.Context(), sign); err != nil {
		t.Fatal(err)
	}
	if w.inside["statuslist+jwt"] != 1 {
		t.Errorf("signed in a transaction, and not noticed: %v", w.inside)
	}
}

func everyWay(t *testing.T, s *servertest.Server, w *watched, pushed *receiver) {
	const access, refresh, id = "at+jwt", "rt+jwt", "JWT"
	ada, b := s.Person(t, "ada@example.com"), s.Browser(t)
	shop := s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope, m.UserinfoSignedResponseAlg = m.Scope+" api:read", "RS256"
		m.GrantTypes, m.ResponseTypes = append(m.GrantTypes, clients.Implicit), clients.ResponseTypes
		m.BackchannelLogoutURI = pushed.URL + "/out" // a grant is written with who was there
	})
	api := s.App(t, "api", func(m *clients.Metadata) {
		m.RedirectURIs, m.Scope, m.GrantTypes = nil, "api:read", []string{clients.TokenExchange}
		m.Exchange = &clients.Exchange{SubjectsFrom: []string{"*"}, Targets: []string{"https://api.example.com/"}, Scopes: []string{"api:read"}}
	})
	asked := shop.With("openid", "offline_access")
	var got *oauth2.Token
	w.signs(t, "sign-in, consent and code", func() { got = asked.Login(t, b, ada) }, access, refresh, id)
	for kind, kinds := range map[string][]string{
		"none": nil, "id_token": {id}, "id_token token": {access, id}, "code id_token": {id}, "code token": {access},
		"code id_token token": {access, id},
	} {
		w.signs(t, kind, func() {
			asked.Begin(t, b, oauth2.SetAuthURLParam("response_type", kind))
			if b.Landed == nil || strings.Contains(b.Landed.String(), "error=") {
				t.Errorf("%s: at %s, landed %v", kind, b.URL, b.Landed)
			}
		}, kinds...)
	}
	w.signs(t, "a signed answer", func() { asked.Begin(t, b, oauth2.SetAuthURLParam("response_mode", "jwt")) }, id)
	w.signs(t, "refresh", func() {
		if status, got := shop.Post(t, "/oauth2/token", refreshForm(got.RefreshToken)); status != http.StatusOK {
			t.Errorf("refresh: %d %v", status, got)
		}
	}, access, refresh, id)
	w.signs(t, "userinfo", func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+got.AccessToken)
		res, err := s.HTTP.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}, id)
	w.signs(t, "introspection", func() { ask(t, s, shop, got.AccessToken, "application/token-introspection+jwt") }, "token-introspection+jwt")

	forAPI := shop.With("api:read").Login(t, b, ada, oauth2.SetAuthURLParam("resource", "https://api.example.com/"))
	w.signs(t, "exchange", func() {
		status, got := api.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {forAPI.AccessToken},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}, "resource": {"https://api.example.com/"}})
		if status != http.StatusOK {
			t.Errorf("exchange: %d %v", status, got)
		}
	}, access)
	w.signs(t, "client credentials", func() {
		if status, got := shop.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.ClientCredentials}}); status != http.StatusOK {
			t.Errorf("client credentials: %d %v", status, got)
		}
	}, access)
	everyWayElsewhere(t, s, w, pushed, ada, b)
	w.signs(t, "a status list", func() { endedAt(t, s, statusOf(t, forAPI.AccessToken)) }, "statuslist+jwt")
	w.signs(t, "sign-out", func() {
		b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
		pushed.wait(t)
	}, "logout+jwt")
}

// everyWayElsewhere are those in which the person decides in another browser than the app's.
func everyWayElsewhere(t *testing.T, s *servertest.Server, w *watched, pushed *receiver, ada servertest.Person, b *servertest.Browser) {
	all := []string{"at+jwt", "rt+jwt", "JWT"}
	d := newTV(t, s, "tv")
	code, user := d.begin("openid offline_access")
	w.signs(t, "a device is connected", func() { d.asked(b, ada, user); b.Submit(t, "device-allow", nil) })
	w.signs(t, "tokens of a device", func() {
		if status, got := d.poll(code); status != http.StatusOK {
			t.Errorf("device: %d %v", status, got)
		}
	}, all...)
	bank := newCounter(t, s, "bank")
	id := bank.begin(ada.Email)
	w.signs(t, "a request elsewhere is allowed", func() { bank.sees(b, ada, 1); b.Submit(t, "request-allow", nil) })
	w.signs(t, "tokens that are fetched", func() {
		if status, got := bank.poll(id); status != http.StatusOK {
			t.Errorf("CIBA: %d %v", status, got)
		}
	}, all...)
	till := newCounter(t, s, "till", toBePushed(pushed.URL+"/push"))
	till.pushes(ada.Email)
	w.signs(t, "tokens that are pushed", func() {
		till.sees(b, ada, 1)
		b.Submit(t, "request-allow", nil)
		if got := pushed.wait(t); got["access_token"] == nil {
			t.Errorf("pushed: %v", got)
		}
	}, all...)
}
