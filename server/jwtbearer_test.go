package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
)

// TestRFC7523_FromOutside: an app gets a token for a person by what the company's issuer signed, whose keys its discovery document tells.
func TestRFC7523_FromOutside(t *testing.T) {
	w := newInnerWorld(t)
	if !slices.Contains(grantTypesTold(t, w.Server), clients.JWTBearer) {
		t.Error("discovery does not tell the grant")
	}
	var d map[string]any
	told := httptest.NewRecorder()
	w.Handler().ServeHTTP(told, httptest.NewRequest("GET", w.URL+"/.well-known/oauth-authorization-server", nil))
	if err := json.Unmarshal(told.Body.Bytes(), &d); err != nil || d["authorization_grant_profiles_supported"] != nil {
		t.Errorf("ID-JAGs are off, and told: %v %v", d["authorization_grant_profiles_supported"], err)
	}
	ada := w.Person(t, "ada@example.com")
	w.subjects["emp-7"] = ada.ID
	crm := bound{t, w.Server, w.App(t, "crm", func(m *clients.Metadata) {
		m.RedirectURIs, m.GrantTypes, m.Scope = nil, []string{clients.JWTBearer}, "api:read openid email"
	}), dpoptest.New(t)}
	assertion := func(change map[string]any) string {
		claims := map[string]any{"iss": w.site.URL, "sub": "emp-7", "aud": w.URL, "exp": time.Now().Add(time.Minute).Unix(),
			"jti": dpoptest.Claims("", "")["jti"]}
		maps.Copy(claims, change)
		return w.signed(t, "JWT", claims)
	}
	form := url.Values{"grant_type": {clients.JWTBearer}, "assertion": {assertion(nil)}, "scope": {"openid email"}}
	code, got, h := crm.post(w.Server, form, crm.proof())
	if code != 200 || got["token_type"] != "DPoP" || got["refresh_token"] != nil || got["id_token"] != nil ||
		h.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", code, got)
	}
	token := got["access_token"].(string)
	jag := w.signed(t, "oauth-id-jag+jwt", map[string]any{"iss": w.site.URL, "sub": "emp-7", "aud": w.URL, "client_id": "crm", "jti": "j",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
	if code, got, _ := crm.post(w.Server, url.Values{"grant_type": {clients.JWTBearer}, "assertion": {jag}}, crm.proof()); code != 400 {
		t.Errorf("an ID-JAG while they are off: %d %v", code, got)
	}
	r := httptest.NewRequest("GET", w.URL+"/userinfo", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	claims := dpoptest.Claims("GET", w.URL+"/userinfo")
	claims["ath"] = dpoptest.Hash(token)
	r.Header.Set("DPoP", crm.key.Sign(t, claims, nil))
	if code, got, _ := answer(t, w.Server, r); code != 200 || got["email"] != "ada@example.com" {
		t.Errorf("userinfo: %d %v", code, got)
	}
	// used again; of nobody; repeated in the form
	for what, form := range map[string]url.Values{
		"again":     form,
		"of nobody": {"grant_type": {clients.JWTBearer}, "assertion": {assertion(map[string]any{"sub": "emp-8"})}},
	} {
		code, got, _ := crm.post(w.Server, form, crm.proof())
		if code != 400 || got["error"] != "invalid_grant" || strings.Contains(got["error_description"].(string), "emp") {
			t.Errorf("%s: %d %v", what, code, got)
		}
	}
	twice := url.Values{"grant_type": {clients.JWTBearer}, "assertion": {assertion(nil), assertion(nil)}}
	if code, got, _ := crm.post(w.Server, twice, ""); code != 400 || got["error"] != "invalid_request" {
		t.Errorf("two assertions: %d %v", code, got)
	}
	// an app that registers itself gets no such grant
	status, registered := w.register(t, map[string]any{"redirect_uris": []string{"https://shop.example/cb"},
		"grant_types": []string{"authorization_code", clients.JWTBearer}})
	if grants, _ := registered["grant_types"].([]any); status != http.StatusCreated || slices.Contains(grants, any(clients.JWTBearer)) {
		t.Errorf("registered: %d %v", status, registered)
	}
	w2 := httptest.NewRecorder()
	w.Services().Metrics.Handler().ServeHTTP(w2, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`signet_assertions_total{issuer="` + w.site.URL + `",outcome="taken"} 1`,
		`signet_assertions_total{issuer="` + w.site.URL + `",outcome="replayed"} 1`,
		`signet_assertions_total{issuer="` + w.site.URL + `",outcome="refused"} 1`,
	} {
		if !strings.Contains(w2.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestIDJAG_IssuingIsTold where it is done, and never for whom.
func TestIDJAG_IssuingIsTold(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(fmt.Sprintf(`
id_jag: {issue: %t}
clients:
  - client_id: portal
    client_secret: 0123456789abcdef0123456789abcdef
    grant_types: [authorization_code, "urn:ietf:params:oauth:grant-type:token-exchange"]
    redirect_uris: ["https://portal.example.com/cb"]
    scope: openid
    exchange:
      id_jag: [{audience: "https://auth.chat.example", client_id: portal-at-chat, scopes: [chat.read], groups: [staff]}]`, on)))
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/.well-known/oauth-authorization-server", nil))
		told := strings.Contains(w.Body.String(),
			`"identity_chaining_requested_token_types_supported":["urn:ietf:params:oauth:token-type:id-jag"]`)
		if told != on || strings.Contains(w.Body.String(), "chat.example") {
			t.Errorf("%t: %s", on, w.Body)
		}
		c, err := s.Services().Clients.Client(t.Context(), "portal")
		if err != nil || c.Exchange.ForServer("https://auth.chat.example") == nil || c.Exchange.IDJAG[0].Groups[0] != "staff" {
			t.Errorf("the policy of the file: %+v %v", c, err)
		}
	}
}

// TestIDJAG_ThePersonSeesWhere an app may act for them elsewhere, and each time that it got an assertion to do so.
func TestIDJAG_ThePersonSeesWhere(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML("id_jag: {issue: true}"))
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "portal", func(m *clients.Metadata) {
		m.GrantTypes = append(m.GrantTypes, clients.TokenExchange)
		m.Exchange = &clients.Exchange{IDJAG: []clients.IDJAG{{Audience: "https://auth.chat.example", ClientID: "portal-at-chat"},
			{Audience: "https://auth.secret.example", ClientID: "x", Groups: []string{"staff"}}}}
	})
	b := s.Browser(t)
	token := app.Login(t, b, ada)
	b.Get(t, "/account/apps")
	if text := b.Text("main"); !strings.Contains(text, "https://auth.chat.example") || strings.Contains(text, "secret.example") {
		t.Errorf("apps: %s", text)
	}
	if b.Get(t, "/account/activity"); strings.Contains(b.Text("main"), "chat.example") {
		t.Errorf("before: %s", b.Text("main"))
	}
	status, got := app.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.TokenExchange}, "audience": {"https://auth.chat.example"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:id-jag"}, "subject_token": {token.Extra("id_token").(string)},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"}})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	if b.Get(t, "/account/activity"); !strings.Contains(b.Text("main"), "may act for you at another server https://auth.chat.example") {
		t.Errorf("the activity: %s", b.Text("main"))
	}
}

// TestIDJAG_IsTold where it is taken.
func TestIDJAG_IsTold(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML(`
id_jag: {accept: true}
trusted_issuers: [{issuer: "https://login.example.com", clients: [crm], scopes: [openid], subjects: {a: B}}]`))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", s.URL+"/.well-known/oauth-authorization-server", nil))
	if !strings.Contains(w.Body.String(), `"authorization_grant_profiles_supported":["urn:ietf:params:oauth:grant-profile:id-jag"]`) ||
		strings.Contains(w.Body.String(), "login.example.com") {
		t.Errorf("discovery: %s", w.Body)
	}
}
