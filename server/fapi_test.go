package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/dpop/dpoptest"
	"signet/server/servertest"
)

// fapi is a client of the FAPI 2.0 Security Profile.
type fapi struct {
	pushes
	key *ecdsa.PrivateKey
}

func newFAPI(t *testing.T, profile string, change ...func(m *clients.Metadata)) (fapi, bound) {
	t.Helper()
	return fapiAt(t, servertest.New(t, servertest.HandlerOnly()), profile, change...)
}

func fapiAt(t *testing.T, s *servertest.Server, profile string, change ...func(m *clients.Metadata)) (fapi, bound) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	app := s.App(t, "bank", func(m *clients.Metadata) {
		m.Profile, m.TokenEndpointAuthMethod = profile, clients.MethodJWTKey
		m.GrantTypes = []string{clients.AuthorizationCode, clients.RefreshToken}
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}}
		for _, f := range change {
			f(m)
		}
	})
	return fapi{pushes{t, s, app}, key}, bound{t, s, app, dpoptest.New(t)}
}

// authenticated adds a client assertion to a form.
func (f fapi) authenticated(form url.Values, change map[string]any) url.Values {
	f.Helper()
	claims := map[string]any{"iss": "bank", "sub": "bank", "aud": f.s.URL, "jti": rand.Text(), "exp": time.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, change)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		f.Fatal(err)
	}
	assertion, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		f.Fatal(err)
	}
	out := url.Values{"client_assertion_type": {clientauth.AssertionType}, "client_assertion": {assertion}}
	maps.Copy(out, form)
	return out
}

func TestFAPI2_ACodeAndARefreshTokenThatStays(t *testing.T) {
	f, b := newFAPI(t, clients.ProfileFAPI2)
	ada, browser := f.s.Person(t, "ada@example.com"), f.s.Browser(t)
	form, verifier := f.form(map[string]string{"scope": "openid offline_access"})
	status, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, nil))
	if status != 201 {
		t.Fatalf("push: %d %v", status, got)
	}
	f.open(browser, got["request_uri"].(string))
	answer := f.through(browser, ada)
	if answer.Get("iss") != f.s.URL {
		t.Errorf("iss: %v", answer)
	}
	exchange := url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": f.app.RedirectURIs,
		"code_verifier": {verifier}}
	if status, got, _ := b.post(f.s, f.authenticated(exchange, nil), ""); status != 400 || got["error"] != "invalid_dpop_proof" {
		t.Errorf("without proof: %d %v", status, got)
	}
	status, one, _ := b.post(f.s, f.authenticated(exchange, nil), b.proof())
	if status != 200 || one["token_type"] != "DPoP" {
		t.Fatalf("%d %v", status, one)
	}
	head, err := jose.ParseSignedCompact(one["id_token"].(string), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || head.Signatures[0].Header.Algorithm != "ES256" {
		t.Errorf("ID token: %v", err)
	}
	last := one
	for range 3 { // FAPI 2.0 Security Profile section 5.3.2.1: no rotation
		status, next, _ := b.post(f.s, f.authenticated(refreshForm(last["refresh_token"]), nil), b.proof())
		if status != 200 || next["refresh_token"] != one["refresh_token"] || next["access_token"] == last["access_token"] {
			t.Fatalf("refresh: %d %v", status, next)
		}
		last = next
	}
}

// login is a sign-in of the person, and what the token endpoint gave for it.
func (f fapi) login(b bound, browser *servertest.Browser, who servertest.Person) map[string]any {
	f.Helper()
	form, verifier := f.form(map[string]string{"scope": "openid offline_access"})
	status, got := f.app.Post(f.T, "/oauth2/par", f.authenticated(form, nil))
	if status != 201 {
		f.Fatalf("push: %d %v", status, got)
	}
	f.open(browser, got["request_uri"].(string))
	status, got, _ = b.post(f.s, f.authenticated(url.Values{"grant_type": {"authorization_code"}, "code_verifier": {verifier},
		"redirect_uri": f.app.RedirectURIs, "code": {f.through(browser, who).Get("code")}}, nil), b.proof())
	if status != 200 {
		f.Fatalf("code: %d %v", status, got)
	}
	return got
}

// fapi2-…-test-claims-parameter-identity-claims warns of claims that nobody asked for: sid is there for those who have a use for it, at the
// code and at each refresh.
func TestFAPI2_TheSessionIsNamedToThoseWhoUseIt(t *testing.T) {
	const after = "https://bank.example/bye"
	for name, test := range map[string]struct {
		change func(m *clients.Metadata)
		named  bool
	}{
		"no sign-out":   {func(*clients.Metadata) {}, false},
		"begins them":   {func(m *clients.Metadata) { m.PostLogoutRedirectURIs = []string{after} }, true},
		"back-channel":  {func(m *clients.Metadata) { m.BackchannelLogoutURI = "https://bank.example/out" }, true},
		"front-channel": {func(m *clients.Metadata) { m.FrontchannelLogoutURI = "https://bank.example/frame" }, true},
	} {
		for _, profile := range []string{clients.ProfileFAPI2, clients.ProfileFAPI2Messages} {
			m := clients.Metadata{Profile: profile}
			if test.change(&m); m.LearnsSessions() != test.named {
				t.Errorf("%s, %s: %t", name, profile, m.LearnsSessions())
			}
		}
		t.Run(name, func(t *testing.T) {
			of := func(m *clients.Metadata) { m.RedirectURIs = []string{"https://bank.example/cb"} }
			f, b := newFAPI(t, clients.ProfileFAPI2, of, test.change)
			got := f.login(b, f.s.Browser(t), f.s.Person(t, "ada@example.com"))
			_, again, _ := b.post(f.s, f.authenticated(refreshForm(got["refresh_token"]), nil), b.proof())
			for _, answer := range []map[string]any{got, again} {
				if sid := claimsOf(t, answer["id_token"].(string))["sid"]; (sid != nil) != test.named {
					t.Errorf("sid: %v", sid)
				}
			}
		})
	}
}

// A sign-out that the app begins goes through without a question where its ID token names the session; the others' people are asked.
func TestFAPI2_SignOut(t *testing.T) {
	const after = "https://bank.example/bye"
	for _, registered := range []bool{true, false} {
		f, b := newFAPI(t, clients.ProfileFAPI2, func(m *clients.Metadata) {
			if registered {
				m.PostLogoutRedirectURIs = []string{after}
			}
		})
		browser := f.s.Browser(t)
		hint := f.login(b, browser, f.s.Person(t, "ada@example.com"))["id_token"].(string)
		here := func() bool { return !browser.Tab(t).Get(t, "/account").Has("login-submit") }
		q := url.Values{"id_token_hint": {hint}}
		if registered {
			q.Set("post_logout_redirect_uri", after)
		}
		browser.Get(t, "/oauth2/logout?"+q.Encode())
		if registered {
			if browser.Landed == nil || browser.Landed.String() != after || here() {
				t.Errorf("%d at %s, landed at %v", browser.Status, browser.URL, browser.Landed)
			}
			continue
		}
		if !browser.Has("logout-confirm") || !strings.Contains(browser.Text("main"), "ada@example.com") || !here() {
			t.Fatalf("%d at %s: %s", browser.Status, browser.URL, browser.Text("main"))
		}
		if browser.Submit(t, "logout-confirm", nil); here() {
			t.Errorf("still signed in, at %s", browser.URL)
		}
	}
}

func TestFAPI2_WhatIsRefused(t *testing.T) {
	f, _ := newFAPI(t, clients.ProfileFAPI2)
	browser := f.s.Browser(t)
	form, _ := f.form(map[string]string{"client_id": "bank"})
	browser.Get(t, f.s.URL+"/oauth2/authorize?"+form.Encode())
	if browser.Landed == nil || browser.Landed.Query().Get("error") != "invalid_request" {
		t.Errorf("not pushed: %v", browser.Landed)
	}
	for name, change := range map[string]map[string]string{
		"no PKCE": {"code_challenge": "", "code_challenge_method": ""}, "no redirect_uri": {"redirect_uri": "", "scope": "profile"},
		"another response type": {"response_type": "code id_token"},
	} {
		form, _ := f.form(change)
		if status, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, nil)); status != 400 {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	for name, change := range map[string]map[string]any{
		"aud of the token endpoint": {"aud": f.s.URL + "/oauth2/token"}, "aud of this endpoint": {"aud": f.s.URL + "/oauth2/par"},
		"aud in a list": {"aud": []string{f.s.URL}}, "too long": {"exp": time.Now().Add(8 * time.Minute).Unix()},
		"nbf ahead": {"nbf": time.Now().Add(2 * time.Minute).Unix()},
	} {
		form, _ := f.form(nil)
		if status, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, change)); status != 401 || got["error"] != "invalid_client" {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}

}

// RS256 counts nowhere (section 5.4), whatever the client signs with it; the same key with PS256 does.
func TestFAPI2_NoRS256(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly())
	app := s.App(t, "bank", func(m *clients.Metadata) {
		m.Profile, m.TokenEndpointAuthMethod = clients.ProfileFAPI2, clients.MethodJWTKey
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}}
		m.GrantTypes = []string{clients.AuthorizationCode, clients.RefreshToken}
	})
	p := pushes{t, s, app}
	sign := func(alg jose.SignatureAlgorithm, typ string, claims map[string]any) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key},
			(&jose.SignerOptions{}).WithHeader("kid", "k").WithType(jose.ContentType(typ)))
		if err != nil {
			t.Fatal(err)
		}
		text, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, test := range []struct {
		assertion, object jose.SignatureAlgorithm
		status            int
		wrong             string
	}{
		{jose.PS256, jose.PS256, 201, ""}, {jose.RS256, jose.PS256, 401, "invalid_client"},
		{jose.PS256, jose.RS256, 400, "invalid_request_object"},
	} {
		end := time.Now().Add(time.Minute).Unix()
		form, _ := p.form(map[string]string{"client_id": "bank"})
		claims := map[string]any{"iss": "bank", "aud": s.URL, "exp": end, "nbf": time.Now().Unix()}
		for name := range form {
			claims[name] = form.Get(name)
		}
		status, got := app.Post(t, "/oauth2/par", url.Values{
			"request":               {sign(test.object, "oauth-authz-req+jwt", claims)},
			"client_assertion_type": {clientauth.AssertionType},
			"client_assertion": {sign(test.assertion, "jwt",
				map[string]any{"iss": "bank", "sub": "bank", "aud": s.URL, "jti": rand.Text(), "exp": end})},
		})
		if status != test.status || test.wrong != "" && got["error"] != test.wrong {
			t.Errorf("%v: %d %v", test, status, got)
		}
	}
}

// A grant in use does not end, however short its idle time is, though its use is noted now and then only.
func TestFAPI2_AGrantInUseStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFAPI(t, clients.ProfileFAPI2)
		m := f.app.Metadata
		m.RefreshTokenIdle = clients.Duration(30 * time.Minute)
		if err := f.s.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		ada, browser := f.s.Person(t, "ada@example.com"), f.s.Browser(t)
		form, verifier := f.form(map[string]string{"scope": "openid offline_access"})
		_, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, nil))
		f.open(browser, got["request_uri"].(string))
		_, one, _ := b.post(f.s, f.authenticated(url.Values{"grant_type": {"authorization_code"},
			"code": {f.through(browser, ada).Get("code")}, "redirect_uri": f.app.RedirectURIs, "code_verifier": {verifier}}, nil), b.proof())
		for i := range 8 {
			time.Sleep(20 * time.Minute)
			if status, got, _ := b.post(f.s, f.authenticated(refreshForm(one["refresh_token"]), nil), b.proof()); status != 200 {
				t.Fatalf("after %d minutes: %d %v", 20*(i+1), status, got)
			}
		}
		time.Sleep(31 * time.Minute)
		if status, got, _ := b.post(f.s, f.authenticated(refreshForm(one["refresh_token"]), nil), b.proof()); status != 400 {
			t.Errorf("idle for too long: %d %v", status, got)
		}
	})
}

// TestFAPI2_CodesLiveAMinute, however long those of others do (FAPI 2.0 Security Profile section 5.3.2.1).
func TestFAPI2_CodesLiveAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.YAML("tokens: {code_lifetime: 5m}\n"))
		f, b := fapiAt(t, s, clients.ProfileFAPI2)
		ada, browser := s.Person(t, "ada@example.com"), s.Browser(t)
		for wait, want := range map[time.Duration]int{59 * time.Second: 200, 61 * time.Second: 400} {
			form, verifier := f.form(nil)
			_, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, nil))
			f.open(browser, got["request_uri"].(string))
			exchange := url.Values{"grant_type": {"authorization_code"}, "code": {f.through(browser, ada).Get("code")},
				"redirect_uri": f.app.RedirectURIs, "code_verifier": {verifier}}
			time.Sleep(wait)
			if status, got, _ := b.post(s, f.authenticated(exchange, nil), b.proof()); status != want {
				t.Errorf("after %v: %d %v", wait, status, got)
			}
		}
	})
}

// object is a request object of the client, with the changes.
func (f fapi) object(mode string, change ...map[string]any) url.Values {
	f.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.key},
		(&jose.SignerOptions{}).WithHeader("kid", "k").WithType("oauth-authz-req+jwt"))
	if err != nil {
		f.Fatal(err)
	}
	form, _ := f.form(map[string]string{"client_id": "bank", "response_mode": mode})
	claims := map[string]any{"iss": "bank", "aud": f.s.URL, "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"jti": rand.Text()}
	for name := range form {
		claims[name] = form.Get(name)
	}
	for _, members := range change {
		for name, value := range members {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		f.Fatal(err)
	}
	return url.Values{"request": {text}}
}

// FAPI 2.0 Message Signing section 5.3.1, for whatever such a client signs: also where its profile does not make it sign.
func TestFAPI2_SignedRequestsLiveShort(t *testing.T) {
	for _, profile := range []string{clients.ProfileFAPI2, clients.ProfileFAPI2Messages} {
		f, _ := newFAPI(t, profile)
		now := time.Now().Unix()
		for name, change := range map[string]map[string]any{
			"no nbf": {"nbf": nil}, "no exp": {"exp": nil}, "old": {"nbf": now - 3700}, "long": {"exp": now + 3700}, "expired": {"exp": now - 60},
			"no aud": {"aud": nil}, "no iss": {"iss": nil},
		} {
			form := f.authenticated(f.object("jwt", change), nil)
			if status, got := f.app.Post(t, "/oauth2/par", form); status != 400 || got["error"] != "invalid_request_object" {
				t.Errorf("%s, %s: %d %v", profile, name, status, got)
			}
		}
		if status, got := f.app.Post(t, "/oauth2/par", f.authenticated(f.object("jwt"), nil)); status != 201 {
			t.Errorf("%s: %d %v", profile, status, got)
		}
	}
}

func TestFAPI2_MessageSigning(t *testing.T) {
	f, _ := newFAPI(t, clients.ProfileFAPI2Messages)
	ada, browser := f.s.Person(t, "ada@example.com"), f.s.Browser(t)
	form, _ := f.form(map[string]string{"response_mode": "jwt"})
	if status, got := f.app.Post(t, "/oauth2/par", f.authenticated(form, nil)); status != 400 {
		t.Errorf("unsigned: %d %v", status, got)
	}
	plain := f.authenticated(f.object("query"), nil)
	if status, got := f.app.Post(t, "/oauth2/par", plain); status != 400 || got["error"] != "invalid_request" {
		t.Errorf("a plain answer: %d %v", status, got)
	}
	status, got := f.app.Post(t, "/oauth2/par", f.authenticated(f.object("jwt"), nil))
	if status != 201 {
		t.Fatalf("push: %d %v", status, got)
	}
	f.open(browser, got["request_uri"].(string))
	answer := f.through(browser, ada)
	claims := claimsOf(t, answer.Get("response"))
	if len(answer) != 1 || claims["code"] == nil || claims["iss"] != f.s.URL || claims["aud"] != "bank" || claims["state"] != "s" {
		t.Errorf("%v: %v", answer, claims)
	}
}

// Every clash is told at once, when the client is registered.
func TestFAPI2_EveryClashIsTold(t *testing.T) {
	m := clients.Metadata{ClientID: "x", Profile: clients.ProfileFAPI2, RedirectURIs: []string{"http://localhost/cb"},
		GrantTypes: []string{clients.AuthorizationCode, clients.Implicit, clients.Password}, ResponseTypes: []string{"code", "id_token"},
		IDTokenSignedResponseAlg: "RS256", TokenEndpointAuthSigningAlg: "RS256", ClientSecret: "s"}
	err := m.WithDefaults().Validate()
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, field := range []string{"token_endpoint_auth_method", "grant_types: profile fapi2: implicit",
		"grant_types: profile fapi2: password",
		`response_types: profile fapi2: "id_token"`, "id_token_signed_response_alg", "token_endpoint_auth_signing_alg", "redirect_uris"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not told: %v", field, err)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	m = clients.Metadata{ClientID: "x", Profile: clients.ProfileFAPI2, RedirectURIs: []string{"https://x.example/cb"},
		JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), Algorithm: "RS256"}}}}
	if err := m.WithDefaults().Validate(); err == nil || !strings.Contains(err.Error(), "jwks: profile fapi2: key 0") {
		t.Errorf("a key that can never be used: %v", err)
	}
	if err := (clients.Metadata{ClientID: "x", Profile: "fapi9"}).WithDefaults().Validate(); err == nil {
		t.Error("an unknown profile was taken")
	}
}
