package provider_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func TestQ03_LogoutTokenIsVerified(t *testing.T) { // Back-Channel Logout 1.0 section 2.6
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{EndSession: true}, openidAda)
	other := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t)).(provider.BackChannelLogout)
	now := time.Now().Unix()
	for _, c := range []struct {
		name   string
		claims map[string]any
		good   bool
	}{
		{"sub and sid", map[string]any{"sub": "1", "sid": "s"}, true},
		{"sub", map[string]any{"sub": "1"}, true},
		{"sid", map[string]any{"sid": "s"}, true},
		{"audiences", map[string]any{"sub": "1", "aud": []string{"x", s.ClientID}}, true},
		{"nine minutes old", map[string]any{"sub": "1", "iat": now - 540}, true},
		{"neither sub nor sid", nil, false},
		{"empty sub", map[string]any{"sub": ""}, false},
		{"another issuer", map[string]any{"sub": "1", "iss": other.Issuer()}, false},
		{"no issuer", map[string]any{"sub": "1", "iss": nil}, false},
		{"another audience", map[string]any{"sub": "1", "aud": "x"}, false},
		{"no audience", map[string]any{"sub": "1", "aud": nil}, false},
		{"expired", map[string]any{"sub": "1", "exp": now - 1}, false},
		{"no exp", map[string]any{"sub": "1", "exp": nil}, false},
		{"old", map[string]any{"sub": "1", "iat": now - 660, "exp": now + 3600}, false},
		{"from the future", map[string]any{"sub": "1", "iat": now + 600, "exp": now + 3600}, false},
		{"no iat", map[string]any{"sub": "1", "iat": nil}, false},
		{"no jti", map[string]any{"sub": "1", "jti": nil}, false},
		{"a nonce", map[string]any{"sub": "1", "nonce": "x"}, false},
		{"no events", map[string]any{"sub": "1", "events": nil}, false},
		{"another event", map[string]any{"sub": "1", "events": map[string]any{"http://schemas.openid.net/event/x": map[string]any{}}}, false},
		{"an event that is none", map[string]any{"sub": "1", "events": map[string]any{logoutEvent: true}}, false},
		{"events in a list", map[string]any{"sub": "1", "events": []string{logoutEvent}}, false},
		{"a long sub", map[string]any{"sub": strings.Repeat("x", 256)}, false},
		{"a long sid", map[string]any{"sid": strings.Repeat("x", 256)}, false},
		{"a long jti", map[string]any{"sub": "1", "jti": strings.Repeat("x", 256)}, false},
		{"a sub with NUL", map[string]any{"sub": "1\x00", "sid": "1"}, false},
		{"a sid with NUL", map[string]any{"sub": "1", "sid": "1\x00"}, false},
		{"long", map[string]any{"sub": "1", "x": strings.Repeat("x", 17<<10)}, false},
	} {
		got, err := p.ReadLogout(t.Context(), s.LogoutToken(t, c.claims))
		if !c.good {
			wantError(t, c.name, err, provider.ErrIdentity)
			if got != (provider.LogoutToken{}) {
				t.Errorf("%s: an error with %+v", c.name, got)
			}
			continue
		}
		sub, _ := c.claims["sub"].(string)
		sid, _ := c.claims["sid"].(string)
		if err != nil || got.Issuer != s.Issuer() || got.Subject != sub || got.SID != sid || got.JTI == "" || got.IssuedAt.IsZero() ||
			!got.ExpiresAt.After(time.Now()) {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
		}
	}
	good := s.LogoutToken(t, map[string]any{"sub": "1"})
	for name, raw := range map[string]string{
		"another upstream's": other.LogoutToken(t, map[string]any{"sub": "1", "iss": s.Issuer()}), "unsigned": unsigned(good), "nonsense": "x",
		"nothing":         "",
		"a shared secret": hmacSigned(t, good, []byte(s.ClientSecret)), "cut": good[:len(good)-4],
	} {
		_, err := p.ReadLogout(t.Context(), raw)
		wantError(t, name, err, provider.ErrIdentity)
	}
	all := map[string]any{
		"iss": s.Issuer(), "aud": s.ClientID, "sub": "1", "iat": now, "exp": now + 60, "jti": "j",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}
	for typ, want := range map[string]error{
		"logout+jwt": nil, "application/logout+jwt": nil, "JWT": nil, "": nil, "at+jwt": provider.ErrIdentity,
		"secevent+jwt": provider.ErrIdentity,
	} {
		_, err := p.ReadLogout(t.Context(), s.Sign(t, typ, maps.Clone(all)))
		wantError(t, "type "+typ, err, want)
	}
	if i, err := openidSignIn(t.Context(), t, p.(provider.Provider), s, openidAuthRequest(), openidAda.Subject, nil); err != nil {
		t.Error(err)
	} else {
		_, err = p.ReadLogout(t.Context(), i.IDToken)
		wantError(t, "an ID token", err, provider.ErrIdentity)
	}
}

func TestO04_LogoutTokensMakeNobodyAsk(t *testing.T) { // whoever likes can post them
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	other := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}}).(provider.BackChannelLogout)
		for range 50 {
			_, err := p.ReadLogout(t.Context(), other.LogoutToken(t, map[string]any{"sub": "1", "iss": s.Issuer()}))
			wantError(t, "another's key", err, provider.ErrIdentity)
		}
		if got := len(s.Requests("/keys")); got != 2 {
			t.Errorf("%d fetches of keys, want the first and a forced one", got)
		}
		for _, path := range []string{"/keys", "/.well-known/openid-configuration"} {
			s.Down(true, path)
			time.Sleep(3 * time.Hour)
			_, err := p.ReadLogout(t.Context(), s.LogoutToken(t, map[string]any{"sub": "1"}))
			wantError(t, path+" is down", err, provider.ErrDown)
			s.Down(false)
			time.Sleep(time.Minute)
		}
		_, err := p.ReadLogout(t.Context(), s.LogoutToken(t, map[string]any{"sub": "1"}))
		wantError(t, "well again", err, nil)
	})
}

func FuzzReadLogout(f *testing.F) {
	s := federationtest.NewOIDC(f, federationtest.OIDCOptions{}, openidAda)
	p, err := provider.New(provider.Settings{Kind: provider.KindOIDC, Issuer: s.Issuer(), ClientID: s.ClientID},
		&http.Client{Transport: openidNear{s}})
	if err != nil {
		f.Fatal(err)
	}
	good := s.LogoutToken(f, map[string]any{"sub": "1"})
	for _, seed := range []string{good, unsigned(good), "", "..", good + ".", strings.ToLower(good), `{"payload":"e30","signatures":[]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := p.(provider.BackChannelLogout).ReadLogout(t.Context(), raw)
		// The last character of a signature has bits that mean nothing; jti is what tells tokens apart.
		if err == nil && (got.Subject != "1" || raw[:len(raw)-1] != good[:len(good)-1]) {
			t.Fatalf("%q is taken: %+v", raw, got)
		}
	})
}

func TestOIDCLogoutURL(t *testing.T) { // RP-Initiated Logout 1.0 section 2
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{EndSession: true}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	const home = "https://id.example.test/signed-out"
	i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := p.(provider.LogoutURLer).LogoutURL(t.Context(), i.IDToken, home, "st")
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"id_token_hint": {i.IDToken}, "post_logout_redirect_uri": {home}, "state": {"st"}, "client_id": {s.ClientID}}
	if u.Path != "/logout" || u.Query().Encode() != want.Encode() {
		t.Errorf("got %s", u)
	}
	u, err = p.(provider.LogoutURLer).LogoutURL(t.Context(), "", home, "")
	if err != nil || u.Query().Has("id_token_hint") || u.Query().Has("state") {
		t.Errorf("got %s, %v", u, err)
	}
	s.RegisterSignedOut(home)
	client := openidGuarded(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Get(s.URL + "/logout?" + want.Encode())
	if err != nil || res.Header.Get("Location") != home+"?state=st" {
		t.Errorf("the server answers %v, %v", res, err)
	}
	_ = res.Body.Close()
	g := federationtest.NewGoogle(t, openidAda)
	u, err = openidProvider(t, openidSettings(g.OIDC, provider.KindGoogle),
		openidGuarded(t)).(provider.LogoutURLer).LogoutURL(t.Context(), "x", home, "")
	if u != nil || err != nil {
		t.Errorf("Google: got %v, %v", u, err)
	}
	g.Down(true)
	_, err = openidProvider(t, openidSettings(g.OIDC, provider.KindGoogle),
		openidGuarded(t)).(provider.LogoutURLer).LogoutURL(t.Context(), "x", home, "")
	wantError(t, "down", err, provider.ErrDown)
}

func TestOIDCRefresh(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	settings.Offline = true
	p := openidProvider(t, settings, openidGuarded(t))
	i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil || i.Tokens.Refresh == "" {
		t.Fatalf("got %+v, %v", i, err)
	}
	r := p.(provider.Refresher)
	tokens, err := r.Refresh(t.Context(), i.Tokens.Refresh)
	if err != nil || tokens.Access == i.Tokens.Access || tokens.Access == "" || tokens.Refresh != i.Tokens.Refresh ||
		tokens.ExpiresAt.Before(time.Now()) {
		t.Errorf("got %+v, %v", tokens, err)
	}
	for _, bad := range []string{"", "made up"} {
		_, err = r.Refresh(t.Context(), bad)
		wantError(t, "refresh token "+bad, err, provider.ErrUpstream)
	}
	s.Down(true, "/token")
	_, err = r.Refresh(t.Context(), i.Tokens.Refresh)
	wantError(t, "down", err, provider.ErrDown)
	s.Down(false)
	s.SetAccounts()
	_, err = r.Refresh(t.Context(), i.Tokens.Refresh)
	wantError(t, "gone", err, provider.ErrUpstream)
}

func TestOIDCCheck(t *testing.T) {
	server := func(o federationtest.OIDCOptions) (*federationtest.OIDC, provider.Settings) {
		s := federationtest.NewOIDC(t, o)
		return s, openidSettings(s, provider.KindOIDC)
	}
	bad := func(name string, s provider.Settings, word string) {
		t.Helper()
		var text []string
		for _, f := range openidProvider(t, s, openidGuarded(t)).Check(t.Context(), openidCallback) {
			if !f.OK {
				text = append(text, f.Text)
			}
		}
		all := strings.Join(text, "\n")
		if (word == "") != (all == "") || !strings.Contains(all, word) || s.ClientSecret != "" && strings.Contains(all, s.ClientSecret) ||
			strings.Contains(all, "secret-of") {
			t.Errorf("%s: got %q, want %q", name, all, word)
		}
	}
	s, good := server(federationtest.OIDCOptions{})
	bad("as it should be", good, "")
	findings := openidProvider(t, good, openidGuarded(t)).Check(t.Context(), openidCallback)
	if text := fmt.Sprint(findings); !strings.Contains(text, openidCallback) || !strings.Contains(text, s.Issuer()) ||
		!strings.Contains(text, "takes the client id and secret") {
		t.Errorf("got %s", text)
	}
	wrong := good
	wrong.ClientSecret = "wrong"
	bad("wrong secret", wrong, "invalid_client")
	wrong = good
	wrong.Issuer += "/"
	bad("a slash too many", wrong, "it names the issuer \""+s.Issuer()+"\"")
	wrong = good
	wrong.ClientSecret = ""
	bad("no secret", wrong, "wants one")
	for word, o := range map[string]federationtest.OIDCOptions{
		"code flow":                          {Metadata: map[string]any{"response_types_supported": []string{"id_token"}}},
		"S256":                               {Metadata: map[string]any{"code_challenge_methods_supported": []string{"plain"}}},
		"cannot prove itself":                {AuthMethods: []string{"private_key_jwt"}},
		"signs with nothing":                 {Metadata: map[string]any{"id_token_signing_alg_values_supported": []string{"HS256"}}},
		"none of its keys":                   {Metadata: map[string]any{"id_token_signing_alg_values_supported": []string{"RS256"}}},
		"its keys are not to be had":         {Metadata: map[string]any{"jwks_uri": "http://127.0.0.1:1/keys"}},
		"its token endpoint does not answer": {Metadata: map[string]any{"token_endpoint": "http://127.0.0.1:1/token"}},
	} {
		_, settings := server(o)
		bad(word, settings, word)
	}
	_, offline := server(federationtest.OIDCOptions{Metadata: map[string]any{"scopes_supported": []string{"openid"}}})
	offline.Offline = true
	bad("offline", offline, "offline_access")
	s.Fail(true)
	bad("fails", good, "not to be had")
	a := federationtest.NewApple(t)
	bad("apple", appleSettings(a), "")
	settings := appleSettings(a)
	settings.TeamID = "WRONG"
	bad("apple of another team", settings, "invalid_client")
	g := federationtest.NewGoogle(t)
	bad("google", openidSettings(g.OIDC, provider.KindGoogle), "")
	m := federationtest.NewMicrosoft(t, "common")
	settings = openidSettings(m.OIDC, provider.KindMicrosoft)
	settings.Issuer = m.URL
	bad("microsoft", settings, "")
}
