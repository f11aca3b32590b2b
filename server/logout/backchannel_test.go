package logout_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/factor"
)

// party is an app's server that is told of sign-outs.
type party struct {
	*httptest.Server
	told   chan *http.Request // with the form parsed
	status chan int           // of the next answers; none = 200
}

func newParty(t *testing.T) *party {
	t.Helper()
	p := &party{told: make(chan *http.Request, 64), status: make(chan int, 8)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		select {
		case code := <-p.status:
			w.WriteHeader(code)
		default:
		}
		_, _ = io.WriteString(w, strings.Repeat("more than we read", 10_000))
		p.told <- r
	}))
	t.Cleanup(p.Close)
	return p
}

// wait is the next notice; "" after some time = none came.
func (p *party) wait(t *testing.T, most time.Duration) string {
	t.Helper()
	select {
	case r := <-p.told:
		if r.Method != http.MethodPost || len(r.PostForm) != 1 || r.URL.RawQuery != "tenant=1" ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Cookie") != "" {
			t.Errorf("%s with %v, %v", r.Method, r.PostForm, r.Header)
		}
		return r.PostForm.Get("logout_token")
	case <-time.After(most):
		return ""
	}
}

const soon = 2 * time.Minute

// loopback lets the server reach the test's apps.
var loopback = servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} })

// toldBack is a change for App.
func toldBack(p *party) func(m *clients.Metadata) {
	return func(m *clients.Metadata) {
		m.BackchannelLogoutURI, m.BackchannelLogoutSessionRequired = p.URL+"/out?tenant=1", true
		m.PostLogoutRedirectURIs = []string{after}
	}
}

type logoutClaims struct {
	Issuer    string                     `json:"iss"`
	Subject   string                     `json:"sub"`
	Audience  any                        `json:"aud"`
	IssuedAt  int64                      `json:"iat"`
	ExpiresAt int64                      `json:"exp"`
	JTI       string                     `json:"jti"`
	SessionID string                     `json:"sid"`
	Nonce     *string                    `json:"nonce"`
	Events    map[string]json.RawMessage `json:"events"`
}

// judge verifies a logout token as an app does (OpenID Connect Back-Channel Logout 1.0 section 2.6).
func judge(t *testing.T, s *servertest.Server, app *servertest.App, token string) logoutClaims {
	t.Helper()
	sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	if typ := sig.Signatures[0].Header.ExtraHeaders[jose.HeaderType]; typ != "logout+jwt" {
		t.Errorf("typ %v", typ)
	}
	provider, err := oidc.NewProvider(app.Context(t.Context()), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	id, err := provider.Verifier(&oidc.Config{ClientID: app.ClientID}).Verify(app.Context(t.Context()), token)
	if err == nil {
		err = id.Claims(&raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	var c logoutClaims
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	const event = "http://schemas.openid.net/event/backchannel-logout"
	if len(c.Events) != 1 || string(c.Events[event]) != "{}" || c.Nonce != nil || c.JTI == "" || c.Audience != app.ClientID {
		t.Errorf("claims %s", raw)
	}
	if life := time.Duration(c.ExpiresAt-c.IssuedAt) * time.Second; life <= 0 || life > 2*time.Minute {
		t.Errorf("lives %s", life)
	}
	return c
}

func TestBackchannelLogout(t *testing.T) { // OpenID Connect Back-Channel Logout 1.0 sections 2.4 to 2.6
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, loopback)
		shop, till := newParty(t), newParty(t)
		ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop", toldBack(shop))
		other := s.App(t, "till", toldBack(till), servertest.Public)
		s.App(t, "never", toldBack(till))
		b := s.Browser(t)
		hint := app.Login(t, b, ada).Extra("id_token").(string)
		app.Login(t, b, ada) // a second time is no second notice
		other.Login(t, b, ada)
		sid := sidOf(t, app.IDToken(t, hint))
		if b.Get(t, out("id_token_hint", hint, "post_logout_redirect_uri", after)); b.Landed == nil {
			t.Fatalf("at %s", b.URL)
		}
		for _, x := range []struct {
			app *servertest.App
			at  *party
		}{{app, shop}, {other, till}} {
			c := judge(t, s, x.app, x.at.wait(t, soon))
			if c.Subject != ada.ID || c.SessionID != sid || c.Issuer != s.URL {
				t.Errorf("%s is told %+v", x.app.ClientID, c)
			}
			if again := x.at.wait(t, 100*time.Millisecond); again != "" {
				t.Errorf("%s is told twice", x.app.ClientID)
			}
		}
	})
}

func sidOf(t *testing.T, id *oidc.IDToken) string {
	t.Helper()
	var c struct {
		SessionID string `json:"sid"`
	}
	if err := id.Claims(&c); err != nil || c.SessionID == "" {
		t.Fatalf("sid %q, %v", c.SessionID, err)
	}
	return c.SessionID
}

// Every way to end a session is one to tell the apps.
func TestBackchannelLogoutWhoeverEndsTheSession(t *testing.T) {
	s := servertest.New(t, loopback)
	shop := newParty(t)
	app := s.App(t, "shop", toldBack(shop))
	type act = func(ctx context.Context, b *servertest.Browser, p servertest.Person, sid string) error
	h := s.Services()
	for name, end := range map[string]act{
		"operator-one": func(ctx context.Context, _ *servertest.Browser, _ servertest.Person, sid string) error {
			return h.Sessions.End(ctx, sid, "", "test")
		},
		"operator-all": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			return h.People.EndAll(ctx, p.ID, "", "test")
		},
		"disabled": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			return h.People.Disable(ctx, p.ID)
		},
		"password": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			return h.People.SetPassword(ctx, factor.ForOperator(p.ID, factor.ResetPassword), "another long password 7")
		},
		"consent": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			return h.People.Disconnect(ctx, p.ID, "shop")
		},
		"deletion": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			_, err := h.Deletion.Request(ctx, p.ID)
			return err
		},
		"erasure": func(ctx context.Context, _ *servertest.Browser, p servertest.Person, _ string) error {
			_, err := h.Deletion.Delete(ctx, p.ID, true)
			return err
		},
		"sign-out": func(_ context.Context, b *servertest.Browser, _ servertest.Person, _ string) error {
			b.Get(t, out()).Submit(t, "logout-confirm", nil)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := s.Person(t, name+"@example.com"), s.Browser(t)
			sid := sidOf(t, app.IDToken(t, app.Login(t, b, p).Extra("id_token").(string)))
			if err := end(t.Context(), b, p, sid); err != nil {
				t.Fatal(err)
			}
			if c := judge(t, s, app, shop.wait(t, soon)); c.Subject != p.ID || c.SessionID != sid {
				t.Errorf("told %+v", c)
			}
		})
	}
}

func TestBackchannelLogoutRefused(t *testing.T) { // Back-Channel Logout 1.0 section 2.8
	s := servertest.New(t, loopback)
	shop := newParty(t)
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop", toldBack(shop))
	b := s.Browser(t)
	app.Login(t, b, ada)
	shop.status <- http.StatusBadRequest
	b.Get(t, out()).Submit(t, "logout-confirm", nil)
	if shop.wait(t, soon) == "" {
		t.Fatal("not told")
	}
	for deadline := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		q, err := s.Services().Deliveries.Of(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Services().DB.Events(t.Context(), "", 50) // the event follows the row
		if err != nil {
			t.Fatal(err)
		}
		noted := slices.ContainsFunc(events, func(e storage.Event) bool { return e.Name == "logout.failed" })
		if q.Failed == 1 && q.Waiting == 0 && strings.Contains(q.LastError, "400") && noted {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("queue %+v, event %t", q, noted)
		}
	}
}

func TestLogoutTokenIsNoHint(t *testing.T) { // a token of another kind says nothing
	s := servertest.New(t, loopback)
	shop := newParty(t)
	ada, app := s.Person(t, "ada@example.com"), s.App(t, "shop", toldBack(shop))
	b := s.Browser(t)
	app.Login(t, b, ada)
	b.Get(t, out()).Submit(t, "logout-confirm", nil)
	token := shop.wait(t, soon)
	app.Login(t, b, ada)
	if b.Get(t, out("id_token_hint", token, "post_logout_redirect_uri", after)); b.Landed != nil || !here(t, b) {
		t.Error("a logout token signs people out")
	}
}
