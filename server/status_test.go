package server_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	kit "signet/kit/go"
	"signet/oauth/keys"
	"signet/server/servertest"
	"signet/storage/storagetest"
)

// statusClaim is where a token says it is looked up.
type statusClaim struct {
	List struct {
		Index int64  `json:"idx"`
		URI   string `json:"uri"`
	} `json:"status_list"`
}

// statusOf is the claim status of a token.
func statusOf(t *testing.T, token string) (own statusClaim) {
	t.Helper()
	raw, err := json.Marshal(claimsOf(t, token)["status"])
	if err == nil {
		err = json.Unmarshal(raw, &own)
	}
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// endedAt reports whether the list at a server says that what the claim is about has ended.
func endedAt(t *testing.T, s *servertest.Server, claim statusClaim) bool {
	t.Helper()
	_, path, ok := strings.Cut(claim.List.URI, "/oauth2/")
	if !ok {
		t.Fatalf("the claim status is %+v", claim)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/oauth2/"+path, nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/statuslist+jwt" ||
		w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Cache-Control") != "public, max-age=2" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	var list struct {
		Subject string `json:"sub"`
		Expires int64  `json:"exp"`
		Status  struct {
			Bits int    `json:"bits"`
			List string `json:"lst"`
		} `json:"status_list"`
	}
	if err := s.Services().Keys.Verify(w.Body.String(), keys.TypStatus, &list); err != nil {
		t.Fatal(err)
	}
	if list.Subject != claim.List.URI || list.Status.Bits != 1 || list.Expires <= time.Now().Unix() {
		t.Errorf("the list is %+v", list)
	}
	packed, err := base64.RawURLEncoding.DecodeString(list.Status.List)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	bits, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return bits[claim.List.Index/8]>>(claim.List.Index%8)&1 == 1
}

// endsAt waits until both servers say that it has ended, as they are asked in all that time.
func endsAt(t *testing.T, servers []*servertest.Server, claim statusClaim) {
	t.Helper()
	for _, s := range servers {
		for begin := time.Now(); !endedAt(t, s, claim); time.Sleep(200 * time.Millisecond) {
			if time.Since(begin) > time.Minute {
				t.Fatal("revoked, and a minute later the list does not say so")
			}
		}
	}
}

// TestStatusLists: what ends, and by whose act: the lists of two replicas on one database say so.
func TestStatusLists(t *testing.T) {
	db := storagetest.Postgres(t)
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	other := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	both := []*servertest.Server{s, other}
	app, shop := s.App(t, "notes", servertest.Public), s.App(t, "shop")
	robot := s.App(t, "robot", func(m *clients.Metadata) {
		m.RedirectURIs, m.ResponseTypes, m.GrantTypes, m.Scope = nil, nil, []string{clients.ClientCredentials}, ""
	})
	ada, bob := s.Person(t, "ada@example.com"), s.Person(t, "bob@example.com")
	one := app.Login(t, s.Browser(t), ada).AccessToken
	two := shop.With("openid").Login(t, s.Browser(t), ada).AccessToken
	his := app.Login(t, s.Browser(t), bob).AccessToken
	left := shop.Login(t, s.Browser(t), bob).AccessToken
	status, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	if status != 200 {
		t.Fatalf("%d %v", status, answer)
	}
	own := answer["access_token"].(string)
	seen := map[statusClaim]bool{}
	for _, token := range []string{one, two, his, left, own} {
		claim := statusOf(t, token)
		if seen[claim] || endedAt(t, s, claim) || endedAt(t, other, claim) {
			t.Errorf("%+v is another's, or has ended", claim)
		}
		seen[claim] = true
	}
	registry, people := s.Services().Clients, s.Services().People
	ends := func(what, token string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		claim := statusOf(t, token)
		endsAt(t, both, claim)
	}
	ends("a client that acts for itself is disabled", own, registry.SetDisabled(t.Context(), "robot", true))
	ends("a client of people is disabled", one, registry.SetDisabled(t.Context(), "notes", true))
	if claim := statusOf(t, his); !endedAt(t, s, claim) {
		t.Error("a client was disabled, and another person's grant of it lives on")
	}
	if claim := statusOf(t, two); endedAt(t, s, claim) {
		t.Error("a client was disabled, and a grant of another ended")
	}
	sessions, err := db.SessionsOfUser(t.Context(), ada.ID, time.Now(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range sessions {
		if err := s.Services().Sessions.End(t.Context(), one.ID, ada.ID, "test"); err != nil {
			t.Fatal(err)
		}
	}
	ends("the person signs out", two, nil)
	ends("a person is disabled", left, people.Disable(t.Context(), bob.ID))
}

// TestStatusListsOff: tokens name no list, and there is none.
func TestStatusListsOff(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML("tokens:\n  status_lists: false\n"))
	robot := s.App(t, "robot", func(m *clients.Metadata) {
		m.RedirectURIs, m.ResponseTypes, m.GrantTypes, m.Scope = nil, nil, []string{clients.ClientCredentials}, ""
	})
	_, answer := robot.Post(t, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}})
	if claims := claimsOf(t, answer["access_token"].(string)); claims["status"] != nil {
		t.Errorf("the token has %v", claims["status"])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/oauth2/status/0", nil))
	if w.Code != 404 {
		t.Errorf("a list is served: %d", w.Code)
	}
}

// TestKit_RevokedOffline: a person removes an app on the account page, or an operator disables it, and an API that asks nobody about tokens
// refuses them within 15 seconds, whichever of two replicas it asks for lists. What is said of one holds for tokens of an exchange.
func TestKit_RevokedOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(kitWorld))
		other := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(kitWorld), servertest.On(s.Services().DB))
		apis := []*guarded{newGuarded(t, s, kit.Options{}), newGuarded(t, other, kit.Options{})}
		shop := s.App(t, "shop", func(m *clients.Metadata) { m.FirstParty = true; m.Scope += " api:read" })
		gate := s.App(t, "gate", func(m *clients.Metadata) {
			m.RedirectURIs, m.ResponseTypes, m.Scope = nil, nil, ""
			m.GrantTypes = []string{clients.TokenExchange}
			m.Exchange = &clients.Exchange{SubjectsFrom: []string{"*"}, Targets: []string{kitResource}, Scopes: []string{"api:read"}}
		})
		known := s.Services().Clients
		if err := known.PutResource(t.Context(), clients.Resource{Identifier: "https://gate.test", Scopes: []string{"api:read"},
			ExchangedBy: []string{"gate"}}); err != nil {
			t.Fatal(err)
		}
		b, ada := s.Browser(t), s.Person(t, "ada@example.com")
		token := func() string { return shop.With("openid", "api:read").Login(t, b, ada).AccessToken }
		exchanged := func() string {
			r := shop.With("openid", "api:read").Begin(t, b, oauth2.SetAuthURLParam("resource", "https://gate.test"))
			subject := r.Exchange(t, r.Code(t, b))
			status, answer := gate.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "resource": {kitResource},
				"subject_token": {subject.AccessToken}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}})
			if status != 200 {
				t.Fatalf("%d %v", status, answer)
			}
			return answer["access_token"].(string)
		}
		disable := func(id string, is bool) {
			if err := known.SetDisabled(t.Context(), id, is); err != nil {
				t.Fatal(err)
			}
		}
		for _, test := range []struct {
			name  string
			token func() string
			act   func()
		}{
			{"the app is removed on the account page", token, func() { b.Post(t, s.URL+"/account/apps", url.Values{"app": {"shop"}}) }},
			{"the same, of an exchanged token", exchanged, func() { b.Post(t, s.URL+"/account/apps", url.Values{"app": {"shop"}}) }},
			{"all apps are removed on the account page", token, func() { b.Post(t, s.URL+"/account/apps", url.Values{"all": {"1"}}) }},
			{"who exchanged it is disabled", exchanged, func() { disable("gate", true) }},
			{"the app is disabled", token, func() { disable("shop", true) }},
		} {
			good := test.token()
			for _, api := range apis {
				api.wants(test.name+": before", api.call("GET", "/v1/notes", "Bearer "+good, ""), 200, ada.ID)
			}
			time.Sleep(7 * time.Second) // the list that the APIs have is neither new nor old
			test.act()
			for range 30 { // as they are called all the time
				time.Sleep(500 * time.Millisecond)
				for _, api := range apis {
					api.call("GET", "/v1/notes", "Bearer "+good, "")
				}
			}
			for _, api := range apis {
				api.wants(test.name, api.call("GET", "/v1/notes", "Bearer "+good, ""), 401, "not active")
			}
			disable("gate", false)
			time.Sleep(5 * time.Second)
		}
	})
}
