package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// pushes drives one app that pushes its requests.
type pushes struct {
	*testing.T
	s   *servertest.Server
	app *servertest.App
}

// form is a request with everything right.
func (p pushes) form(change map[string]string) (url.Values, string) {
	verifier := oauth2.GenerateVerifier()
	form := url.Values{"response_type": {"code"}, "redirect_uri": {p.app.RedirectURIs[0]}, "scope": {"openid"}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"}}
	if p.app.ClientSecret == "" {
		form.Set("client_id", p.app.ClientID)
	}
	for name, value := range change {
		if form.Set(name, value); value == "" {
			form.Del(name)
		}
	}
	return form, verifier
}

// push sends one and returns its reference.
func (p pushes) push(change map[string]string) (uri, verifier string) {
	p.Helper()
	form, verifier := p.form(change)
	status, got := p.app.Post(p.T, "/oauth2/par", form)
	uri, _ = got["request_uri"].(string)
	if status != http.StatusCreated || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") || got["expires_in"] != 90.0 {
		p.Fatalf("push: %d %v", status, got)
	}
	return uri, verifier
}

// open takes a browser to the authorization endpoint.
func (p pushes) open(b *servertest.Browser, uri string, more ...string) {
	p.Helper()
	q := url.Values{"client_id": {p.app.ClientID}, "request_uri": {uri}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	b.Get(p.T, p.s.URL+"/oauth2/authorize?"+q.Encode())
}

// through signs in and allows where that is asked, and returns what came to the app.
func (p pushes) through(b *servertest.Browser, who servertest.Person) url.Values {
	p.Helper()
	if b.Landed == nil && b.Has("login-submit") {
		b.SignIn(p.T, who)
	}
	if b.Landed == nil && b.Has("consent-allow") {
		b.Allow(p.T)
	}
	if b.Landed == nil {
		p.Fatalf("not at the app but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	return b.Landed.Query()
}

func TestRFC9126_APushedRequest(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
			ada := s.Person(t, "ada@example.com")
			p := pushes{t, s, s.App(t, "shop")}
			other := pushes{t, s, s.App(t, "other")}
			uri, verifier := p.push(nil)

			// Another client's reference is neither used nor destroyed; parameters beside it count for nothing.
			b := s.Browser(t)
			other.open(b, uri)
			if b.Landed != nil || b.Status != 400 || !strings.Contains(b.Text("body"), "invalid_request_uri") {
				t.Errorf("another client: %d %s", b.Status, b.Text("body"))
			}
			p.open(b, uri, "scope", "openid profile", "redirect_uri", "https://evil.example/", "state", "evil", "response_mode", "fragment")
			got := p.through(b, ada)
			if got.Get("code") == "" || got.Get("state") != "s" || b.Landed.Host != "shop.example" {
				t.Fatalf("answer: %v", b.Landed)
			}
			status, tokens := p.app.Post(t, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")},
				"redirect_uri": {p.app.RedirectURIs[0]}, "code_verifier": {verifier}})
			if status != 200 || tokens["scope"] != "openid" {
				t.Errorf("tokens: %d %v", status, tokens)
			}
			// It is over.
			p.open(b, uri)
			if b.Landed != nil || !strings.Contains(b.Text("body"), "invalid_request_uri") {
				t.Errorf("after the answer: %s", b.Text("body"))
			}
			// What is repeated beside a reference counts as little as the rest (section 4).
			again, _ := p.push(nil)
			twice := s.Browser(t)
			twice.Get(t, s.URL+"/oauth2/authorize?client_id=shop&redirect_uri=a&redirect_uri=b&state=1&state=2&request_uri="+url.QueryEscape(again))
			if !twice.Has("login-submit") {
				t.Errorf("repeated beside it: %d %s", twice.Status, twice.Text("main"))
			}
			// Two browsers, begun from one request: the second is told at the app that it was used.
			uri, _ = p.push(nil)
			one, two := s.Browser(t), s.Browser(t)
			p.open(one, uri)
			p.open(two, uri)
			if got := p.through(one, ada); got.Get("code") == "" {
				t.Errorf("the first: %v", got)
			}
			if got := p.through(two, ada); got.Get("error") != "invalid_request_uri" {
				t.Errorf("the second: %v", got)
			}
			// A refusal is an answer: the other sign-in is over as well.
			uri, _ = p.push(map[string]string{"prompt": "consent"})
			no, late := s.Browser(t), s.Browser(t)
			p.open(no, uri)
			p.open(late, uri)
			if no.SignIn(t, ada).Deny(t); no.Landed == nil || no.Landed.Query().Get("error") != "access_denied" {
				t.Errorf("denied: %v", no.Landed)
			}
			if got := p.through(late, ada); got.Get("error") != "invalid_request_uri" {
				t.Errorf("after the refusal: %v", got)
			}
			uri, _ = p.push(map[string]string{"prompt": "none"})
			p.open(s.Browser(t), uri)
			if p.open(late, uri); late.Landed != nil || !strings.Contains(late.Text("body"), "invalid_request_uri") {
				t.Errorf("after login_required: %v", late.Landed)
			}
			p.twoReplicas(db, ada)
		})
	}
}

// twoReplicas finishes sign-ins of one pushed request at the same moment on two replicas: one gets a code.
func (p pushes) twoReplicas(db *storage.DB, who servertest.Person) {
	p.Helper()
	second := servertest.New(p.T, servertest.HandlerOnly(), servertest.On(db))
	uri, _ := p.push(nil)
	var codes, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		s := p.s
		if i%2 == 1 {
			s = second
		}
		b := s.Browser(p.T)
		b.Get(p.T, "/account").SignIn(p.T, who)
		wg.Go(func() {
			on := pushes{p.T, s, s.Declared(p.app.Metadata)}
			on.open(b, uri)
			switch {
			case b.Landed != nil && b.Landed.Query().Get("code") != "":
				codes.Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if codes.Load() != 1 || refused.Load() != 3 {
		p.Errorf("%d codes, %d refusals", codes.Load(), refused.Load())
	}
}

func TestRFC9126_2_3_WhatIsRefused(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	p := pushes{t, s, s.App(t, "shop")}
	public := pushes{t, s, s.App(t, "spa", servertest.Public)}
	for name, test := range map[string]struct {
		change map[string]string
		status int
		code   string
	}{
		"request_uri":         {map[string]string{"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"},
		"redirect_uri":        {map[string]string{"redirect_uri": "https://evil.example/"}, 400, "invalid_request"},
		"no redirect_uri":     {map[string]string{"redirect_uri": ""}, 400, "invalid_request"},
		"response_type":       {map[string]string{"response_type": "token"}, 400, "unsupported_response_type"},
		"unknown type":        {map[string]string{"response_type": "x"}, 400, "unsupported_response_type"},
		"challenge":           {map[string]string{"code_challenge": "short"}, 400, "invalid_request"},
		"another client":      {map[string]string{"client_id": "spa"}, 400, "invalid_request"},
		"object":              {map[string]string{"request": "a.b.c"}, 400, "invalid_request_object"},
		"state too long":      {map[string]string{"state": strings.Repeat("a", 5000)}, 400, "invalid_request"},
		"resource":            {map[string]string{"resource": "https://nowhere.example"}, 400, "invalid_target"},
		"control characters":  {map[string]string{"nonce": "a\x00b"}, 400, "invalid_request"},
		"dpop_jkt":            {map[string]string{"dpop_jkt": "x"}, 400, "invalid_request"},
		"claims":              {map[string]string{"claims": "{"}, 400, "invalid_request"},
		"prompt":              {map[string]string{"prompt": "none login"}, 400, "invalid_request"},
		"a secret, not wrong": {map[string]string{}, 201, ""},
	} {
		form, _ := p.form(test.change)
		if status, got := p.app.Post(t, "/oauth2/par", form); status != test.status || test.code != "" && got["error"] != test.code {
			t.Errorf("%s: %d %v, want %d %s", name, status, got, test.status, test.code)
		}
	}
	wrong := *p.app
	wrong.ClientSecret = "wrong"
	form, _ := p.form(nil)
	if status, got := wrong.Post(t, "/oauth2/par", form); status != 401 || got["error"] != "invalid_client" {
		t.Errorf("wrong secret: %d %v", status, got)
	}
	form, _ = public.form(map[string]string{"code_challenge": "", "code_challenge_method": ""})
	if status, got := public.app.Post(t, "/oauth2/par", form); status != 400 || got["error"] != "invalid_request" {
		t.Errorf("public, without PKCE: %d %v", status, got)
	}
	public.push(nil)
	if status, _ := p.app.Post(t, "/oauth2/par", url.Values{"x": {strings.Repeat("a", 100<<10)}}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("100 KiB: %d", status)
	}
	r := httptest.NewRequest(http.MethodGet, s.URL+"/oauth2/par?"+form.Encode(), nil)
	if status, _, h := answer(t, s, r); status != http.StatusMethodNotAllowed || !strings.Contains(h.Get("Allow"), "POST") {
		t.Errorf("GET: %d, Allow %q", status, h.Get("Allow"))
	}
	p.keepsNoProof()
	b := s.Browser(t)
	for _, uri := range []string{"urn:ietf:params:oauth:request_uri:", "urn:ietf:params:oauth:request_uri:" + strings.Repeat("A", 3000),
		"urn:ietf:params:oauth:request_uri:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if p.open(b, uri); b.Landed != nil || b.Status != 400 {
			t.Errorf("%.60s: %d", uri, b.Status)
		}
	}
}

// keepsNoProof: of a push the judged request is kept, and nothing by which the client proved to be itself (section 2.1).
func (p pushes) keepsNoProof() {
	p.Helper()
	post := pushes{p.T, p.s, p.s.App(p.T, "post", func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodPost })}
	secret := post.app.ClientSecret
	post.app.ClientSecret = "" // for it is in the form
	uri, _ := post.push(map[string]string{"client_id": "post", "client_secret": secret, "state": "kept"})
	sum := sha256.Sum256([]byte(strings.TrimPrefix(uri, "urn:ietf:params:oauth:request_uri:")))
	row, err := p.s.Services().DB.Pushed(p.Context(), base64.RawURLEncoding.EncodeToString(sum[:]), time.Now())
	if err != nil || !strings.Contains(string(row.Data), "kept") || strings.Contains(string(row.Data), secret) {
		p.Errorf("kept: %v %s", err, row.Data)
	}
}

func TestRFC9126_2_2_ItEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, p := s.Person(t, "ada@example.com"), pushes{t, s, s.App(t, "shop")}
		late, slow := s.Browser(t), s.Browser(t)
		uri, _ := p.push(nil)
		p.open(slow, uri)
		time.Sleep(91 * time.Second)
		if p.open(late, uri); late.Landed != nil || late.Status != 400 {
			t.Errorf("after 91 seconds: %d", late.Status)
		}
		time.Sleep(10 * time.Minute) // to find the password
		if got := p.through(slow, ada); got.Get("code") == "" {
			t.Errorf("a slow sign-in: %v", got)
		}
	})
}

func TestRFC9126_6_WhoMustPush(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	must := pushes{t, s, s.App(t, "must", func(m *clients.Metadata) { m.RequirePushedRequests = true })}
	all := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Authorization.RequirePushed = true }))
	for _, p := range []pushes{must, {t, all, all.App(t, "shop")}} {
		b := p.s.Browser(t)
		form, _ := p.form(map[string]string{"client_id": p.app.ClientID})
		b.Get(t, p.s.URL+"/oauth2/authorize?"+form.Encode())
		if b.Landed == nil || b.Landed.Query().Get("error") != "invalid_request" {
			t.Errorf("%s, not pushed: %v %d", p.app.ClientID, b.Landed, b.Status)
		}
		uri, _ := p.push(nil)
		if p.open(b, uri); !b.Has("login-submit") {
			t.Errorf("%s, pushed: %d %s", p.app.ClientID, b.Status, b.Text("main"))
		}
	}
}

// RFC 9449 section 10.1: a proof at the endpoint binds the code.
func TestRFC9449_10_1_AProofAtThePush(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, p := s.Person(t, "ada@example.com"), pushes{t, s, s.App(t, "spa", servertest.Public)}
	key, other := dpoptest.New(t), dpoptest.New(t)
	bound := bound{t, s, p.app, key}
	push := func(jkt, proof string) (int, map[string]any, string) {
		form, verifier := p.form(map[string]string{"dpop_jkt": jkt})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/oauth2/par", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("DPoP", proof)
		status, got, _ := answer(t, s, r)
		return status, got, verifier
	}
	proof := key.Proof(t, "POST", s.URL+"/oauth2/par")
	if status, got, _ := push(other.Thumbprint(t), proof); status != 400 || got["error"] != "invalid_dpop_proof" {
		t.Errorf("another key: %d %v", status, got)
	}
	status, got, verifier := push("", proof)
	if status != 201 {
		t.Fatalf("%d %v", status, got)
	}
	if status, got, _ := push("", proof); status != 400 || got["error"] != "invalid_dpop_proof" {
		t.Errorf("replayed: %d %v", status, got)
	}
	b := s.Browser(t)
	p.open(b, got["request_uri"].(string))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {p.through(b, ada).Get("code")}, "redirect_uri": {p.app.RedirectURIs[0]},
		"code_verifier": {verifier}}
	if status, got, _ := bound.post(s, form, other.Proof(t, "POST", s.URL+"/oauth2/token")); status != 400 || got["error"] != "invalid_grant" {
		t.Errorf("the code with another key: %d %v", status, got)
	}
	if status, got, _ := bound.post(s, form, bound.proof()); status != 200 || got["token_type"] != "DPoP" {
		t.Errorf("the code: %d %v", status, got)
	}
}

// A public app that many people in one network sign in to is not refused: what is being signed in to, and what was used, has no share.
func TestRFC9126_ManySignInsFromOneNetwork(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, p := s.Person(t, "ada@example.com"), pushes{t, s, s.App(t, "spa", servertest.Public)}
	b := s.Browser(t)
	b.Get(t, "/account").SignIn(t, ada)
	for range 120 {
		uri, _ := p.push(nil)
		if p.open(b, uri); p.through(b, ada).Get("code") == "" {
			t.Fatalf("landed %v", b.Landed)
		}
	}
}
