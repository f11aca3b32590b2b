package provider_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

func TestOIDCSignIn(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{
		Iss: true, EndSession: true, Groups: "groups", ACR: "urn:mace:incommon:iap:silver", AMR: []string{"pwd", "otp"},
	}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	settings.Groups = "groups"
	p := openidProvider(t, settings, openidGuarded(t))
	a := openidAuthRequest()
	a.Fresh = true
	i, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
	if err != nil {
		t.Fatal(err)
	}
	if i.Issuer != s.Issuer() || i.Subject != openidAda.Subject || i.Email != openidAda.Email || !i.EmailVerified || i.Authoritative ||
		i.Username != "ada" || i.ACR != "urn:mace:incommon:iap:silver" || !slices.Equal(i.AMR, []string{"pwd", "otp"}) ||
		i.SID != s.SID(openidAda.Subject) ||
		time.Since(i.AuthTime).Abs() > time.Minute || i.IDToken == "" || i.Tokens.Access == "" || i.Tokens.Refresh != "" ||
		i.Tokens.ExpiresAt.Before(time.Now()) || i.Tokens.Scope != "openid email profile groups" {
		t.Errorf("got %+v", i)
	}
	want := []string{"email", "email_verified", "family_name", "given_name", "groups", "name", "picture", "preferred_username"}
	if got := slices.Sorted(maps.Keys(i.Claims)); !slices.Equal(got, want) {
		t.Errorf("claims %v, want %v", got, want)
	}
	if len(s.Requests("/userinfo")) != 0 {
		t.Error("userinfo was asked for what was known")
	}
	exchange := s.Requests("/token")
	if len(exchange) != 1 || exchange[0].Header.Get("Authorization") == "" || exchange[0].Form.Has("client_secret") ||
		exchange[0].Form.Get("redirect_uri") != openidCallback {
		t.Errorf("token requests: %v", exchange)
	}
}

func TestN01_RequestHasStateNonceAndChallenge(t *testing.T) {
	s := federationtest.NewOIDC(t,
		federationtest.OIDCOptions{Groups: "groups", Metadata: map[string]any{"code_challenge_methods_supported": nil}}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	p := openidProvider(t, settings, openidGuarded(t))
	a := openidAuthRequest()
	a.LoginHint, a.Locales = "ada@example.com", "de en"
	q := openidRequest(t, p, a)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": s.ClientID, "redirect_uri": openidCallback, "state": a.State, "nonce": a.Nonce,
		"scope":          "openid email profile",
		"code_challenge": oauth2.S256ChallengeFromVerifier(a.Verifier), "code_challenge_method": "S256", "login_hint": "ada@example.com",
		"ui_locales": "de en",
	} {
		if q.Get(name) != want || len(q[name]) != 1 {
			t.Errorf("%s: got %q, want %q", name, q[name], want)
		}
	}
	if len(q) != 10 {
		t.Errorf("more than was wanted: %v", q)
	}
	for _, c := range []struct {
		name   string
		change func(s *provider.Settings, a *provider.AuthRequest)
		want   map[string]string
	}{
		{"fresh", func(_ *provider.Settings, a *provider.AuthRequest) { a.Fresh = true }, map[string]string{"prompt": "login", "max_age": "0"}},
		{"choose", func(_ *provider.Settings, a *provider.AuthRequest) { a.Choose, a.LoginHint = true, "x" },
			map[string]string{"prompt": "select_account", "login_hint": ""}},
		{"prompt", func(s *provider.Settings, _ *provider.AuthRequest) { s.Prompt = "consent" },
			map[string]string{"prompt": "consent", "max_age": ""}},
		{"offline", func(s *provider.Settings, _ *provider.AuthRequest) { s.Offline = true },
			map[string]string{"scope": "openid email profile offline_access", "access_type": "", "prompt": "consent"}},
		{"offline and fresh", func(s *provider.Settings, a *provider.AuthRequest) { s.Offline, a.Fresh = true, true },
			map[string]string{"prompt": "login consent"}},
		{"scopes", func(s *provider.Settings, _ *provider.AuthRequest) { s.Scopes = []string{"email", "x"} },
			map[string]string{"scope": "openid email x"}},
		{"groups", func(s *provider.Settings, _ *provider.AuthRequest) { s.Groups = "groups" },
			map[string]string{"scope": "openid email profile groups"}},
		{"groups without a scope", func(s *provider.Settings, _ *provider.AuthRequest) { s.Groups = "roles" },
			map[string]string{"scope": "openid email profile"}},
	} {
		settings, a := settings, openidAuthRequest()
		c.change(&settings, &a)
		q := openidRequest(t, openidProvider(t, settings, openidGuarded(t)), a)
		for name, want := range c.want {
			if q.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, q.Get(name), want)
			}
		}
	}
}

func TestN01_IssuerOfTheAnswer(t *testing.T) { // RFC 9207: mix-up
	for _, advertised := range []bool{true, false} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Iss: advertised}, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		missing := provider.ErrIdentity
		if !advertised {
			missing = nil
		}
		for _, c := range []struct {
			name string
			iss  []string
			want error
		}{
			{"right", []string{s.Issuer()}, nil}, {"missing", nil, missing},
			{"another's", []string{"https://attacker.example"}, provider.ErrIdentity},
			{"empty", []string{""}, provider.ErrIdentity}, {"with a slash", []string{s.Issuer() + "/"}, provider.ErrIdentity},
			{"twice", []string{s.Issuer(), "https://attacker.example"}, provider.ErrUpstream},
		} {
			for _, subject := range []string{openidAda.Subject, ""} { // also of an error
				before := len(s.Requests("/token"))
				_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), subject, func(v url.Values) {
					if v["iss"] = c.iss; c.iss == nil {
						v.Del("iss")
					}
				})
				want := c.want
				if want == nil && subject == "" {
					want = provider.ErrDenied
				}
				wantError(t, c.name, err, want)
				if want != nil && len(s.Requests("/token")) != before {
					t.Errorf("%s: the code was sent to the token endpoint", c.name)
				}
			}
		}
	}
}

func TestN03_ErrorsOfTheAnswer(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	for _, c := range []struct {
		answer url.Values
		want   error
		text   string
	}{
		{url.Values{"error": {"access_denied"}, "error_description": {"secret-of-the-upstream"}}, provider.ErrDenied, ""},
		{url.Values{"error": {"server_error"}, "error_description": {"secret-of-the-upstream"}}, provider.ErrUpstream, "server_error"},
		{url.Values{"error": {"<b>mine</b>"}}, provider.ErrUpstream, "an error of its own"},
		{url.Values{"error": {"access_denied"}, "code": {"x"}}, provider.ErrDenied, ""},
		{url.Values{"error": {"access_denied", "x"}}, provider.ErrUpstream, ""},
		{url.Values{"code": {"x", "y"}}, provider.ErrUpstream, ""},
		{url.Values{"code": {""}}, provider.ErrUpstream, ""},
		{url.Values{}, provider.ErrUpstream, ""},
		{url.Values{"code": {"made up"}}, provider.ErrUpstream, "invalid_grant"},
	} {
		_, err := p.Complete(t.Context(), openidAuthRequest(), c.answer)
		wantError(t, c.answer.Encode(), err, c.want)
		if err != nil &&
			(strings.Contains(err.Error(), "secret-of") || strings.Contains(err.Error(), "<b>") || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%v: says %s", c.answer, err)
		}
	}
}

func TestN01_CodeIsBoundToTheAuthRequest(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	mine, theirs := openidAuthRequest(), openidAuthRequest()
	for name, change := range map[string]func(a *provider.AuthRequest){
		"verifier": func(a *provider.AuthRequest) { a.Verifier = theirs.Verifier },
		"nonce":    func(a *provider.AuthRequest) { a.Nonce = theirs.Nonce },
		"no nonce": func(a *provider.AuthRequest) { a.Nonce = "" }, "redirect URI": func(a *provider.AuthRequest) { a.RedirectURI += "/x" },
	} {
		begin, err := p.Begin(t.Context(), mine)
		if err != nil {
			t.Fatal(err)
		}
		_, values := s.Answer(t, begin, openidAda.Subject)
		other := mine
		change(&other)
		want := provider.ErrUpstream // refused by the upstream
		if strings.Contains(name, "nonce") {
			want = provider.ErrIdentity
		}
		_, err = p.Complete(t.Context(), other, values)
		wantError(t, name, err, want)
		_, err = p.Complete(t.Context(), mine, values)
		wantError(t, name+", then replayed", err, provider.ErrUpstream)
	}
}

// unsigned is a token of "none", with the claims of another.
func unsigned(raw string) string {
	parts := strings.Split(raw, ".")
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
}

func TestN02_IDTokenIsVerified(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	other := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	p := openidProvider(t, settings, openidGuarded(t))
	now := time.Now().Unix()
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	drop := func(name string) func(map[string]any) { return func(c map[string]any) { delete(c, name) } }
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		good   bool
	}{
		{"as it is", nil, true},
		{"audiences and azp", set("aud", []string{s.ClientID, "x"}), true},
		{"no azp, one audience", drop("azp"), true},
		{"no at_hash", drop("at_hash"), true},
		{"another audience", set("aud", "x"), false},
		{"no audience", drop("aud"), false},
		{"audiences without azp", func(c map[string]any) { c["aud"] = []string{"x", s.ClientID}; delete(c, "azp") }, false},
		{"another azp", set("azp", "x"), false},
		{"an azp that is no text", set("azp", 1), false},
		{"another issuer", set("iss", other.Issuer()), false},
		{"an issuer with a slash", set("iss", s.Issuer()+"/"), false},
		{"no issuer", drop("iss"), false},
		{"expired", set("exp", now-1), false},
		{"no exp", drop("exp"), false},
		{"from the future", set("iat", now+600), false},
		{"no iat", drop("iat"), false},
		{"not yet", set("nbf", now+3600), false},
		{"another nonce", set("nonce", "x"), false},
		{"no nonce", drop("nonce"), false},
		{"nobody", set("sub", ""), false},
		{"no subject", drop("sub"), false},
		{"subject under another name", func(c map[string]any) { c["SUB"] = c["sub"]; delete(c, "sub") }, false},
		{"a subject that is no text", set("sub", 42), false},
		{"a name that is there twice", set("address", json.RawMessage(`{"country":"CH","country":"DE"}`)), false},
		{"a long subject", set("sub", strings.Repeat("x", 256)), false},
		{"a subject that just fits", set("sub", strings.Repeat("x", 255)), true},
		{"another access token's hash", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), false},
		{"auth_time in the future", set("auth_time", now+600), false},
		{"auth_time that is none", set("auth_time", "now"), false},
		{"an old auth_time, which nobody asked about", set("auth_time", now-86400), true},
	} {
		s.Tamper(c.change)
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if c.good {
			wantError(t, c.name, err, nil)
		} else {
			wantError(t, c.name, err, provider.ErrIdentity)
		}
		if c.good && (i.Issuer != s.Issuer() || i.Subject == "") {
			t.Errorf("%s: got %+v", c.name, i)
		}
	}
	s.Tamper(nil)
	for name, change := range map[string]func(raw string) string{
		"unsigned": unsigned, "empty signature": func(raw string) string { return raw[:strings.LastIndexByte(raw, '.')+1] },
		"another key": func(string) string {
			return other.Sign(t, "JWT", map[string]any{"iss": s.Issuer(), "aud": s.ClientID, "sub": "1", "exp": now + 60, "iat": now})
		},
		"nonsense": func(string) string { return "x" }, "a token in a token": func(raw string) string { return raw + "." + raw },
		"a shared secret": func(raw string) string { return hmacSigned(t, raw, []byte(s.ClientSecret)) },
		"changed claims": func(raw string) string {
			parts := strings.Split(raw, ".")
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "ada@example.com", "eve@example.com", 1)))
			return strings.Join(parts, ".")
		},
	} {
		s.TamperSigned(change)
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, provider.ErrIdentity)
	}
	s.TamperSigned(func(string) string { return "" })
	_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "no ID token", err, provider.ErrUpstream)
}

func TestN02_NoNonceIsNoNonce(t *testing.T) { // two that are missing are not the same
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	a := openidAuthRequest()
	a.Nonce = ""
	s.Tamper(func(c map[string]any) { delete(c, "nonce") })
	_, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
	wantError(t, "no nonce at all", err, provider.ErrIdentity)
}

func TestN02_KeysAreForSigning(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	for name, c := range map[string]struct {
		change func(key map[string]any)
		want   error
	}{
		"as it is":             {func(map[string]any) {}, nil},
		"says little":          {func(k map[string]any) { delete(k, "alg"); delete(k, "use"); delete(k, "kid") }, provider.ErrIdentity},
		"says less":            {func(k map[string]any) { delete(k, "alg"); delete(k, "use") }, nil},
		"for encryption":       {func(k map[string]any) { k["use"] = "enc" }, provider.ErrUpstream},
		"of another algorithm": {func(k map[string]any) { k["alg"] = "ES384" }, provider.ErrIdentity},
		"of another name":      {func(k map[string]any) { k["kid"] = "x" }, provider.ErrIdentity},
		"a secret":             {func(k map[string]any) { k["kty"], k["k"], k["alg"] = "oct", "AAAA", "HS256" }, provider.ErrUpstream},
		"unreadable":           {func(k map[string]any) { k["x"] = "!" }, provider.ErrUpstream},
		"off the curve":        {func(k map[string]any) { k["y"] = k["x"] }, provider.ErrUpstream},
		"a private key":        {func(k map[string]any) { k["d"] = k["x"] }, provider.ErrUpstream},
	} {
		s.TamperKeys(c.change)
		_, err := openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, c.want)
	}
}

func TestN02_AlgorithmIsPinned(t *testing.T) {
	for _, algs := range []any{[]string{"RS256"}, nil} { // none listed = RS256 only
		s := federationtest.NewOIDC(t,
			federationtest.OIDCOptions{Alg: "ES256", Metadata: map[string]any{"id_token_signing_alg_values_supported": algs}}, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, fmt.Sprint(algs), err, provider.ErrIdentity)
	}
	for _, algs := range [][]string{{"none"}, {"HS256"}, {"none", "HS256", "HS512"}, {}} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Metadata: map[string]any{"id_token_signing_alg_values_supported": algs}},
			openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		_, err := p.Begin(t.Context(), openidAuthRequest())
		wantError(t, fmt.Sprint(algs), err, provider.ErrUpstream)
	}
	for _, alg := range []string{"RS256", "PS256", "ES384", "EdDSA"} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Alg: alg}, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, alg, err, nil)
	}
}

func TestN02_DiscoveryMustBeTheIssuers(t *testing.T) {
	for name, c := range map[string]struct {
		field string
		value any
	}{
		"another issuer": {"issuer", "https://attacker.example"}, "no issuer": {"issuer", nil}, "no token endpoint": {"token_endpoint", nil},
		"an authorization endpoint that runs": {"authorization_endpoint", "javascript:alert(1)"}, "no keys": {"jwks_uri", nil},
		"a file": {"jwks_uri", "file:///etc/passwd"}, "userinfo elsewhere": {"userinfo_endpoint", "//x"},
		"an end session that runs": {"end_session_endpoint", "data:text/html,x"},
	} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Metadata: map[string]any{c.field: c.value}}, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		_, err := p.Begin(t.Context(), openidAuthRequest())
		wantError(t, name, err, provider.ErrUpstream)
	}
}

func TestN02_FreshMeansNow(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	silent := federationtest.NewOIDC(t, federationtest.OIDCOptions{Metadata: map[string]any{"claims_supported": []string{"sub"}}}, openidAda)
	a := openidAuthRequest()
	a.Fresh = true
	for name, c := range map[string]struct {
		of   *federationtest.OIDC
		at   any
		want error
	}{
		"now": {s, time.Now().Unix(), nil}, "an hour ago": {s, time.Now().Add(-time.Hour).Unix(), provider.ErrIdentity},
		"not said":                      {s, nil, provider.ErrIdentity}, // somebody may have taken max_age out of the request
		"not said, as it never is said": {silent, nil, nil},
	} {
		s := c.of
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		s.Tamper(func(claims map[string]any) {
			if claims["auth_time"] = c.at; c.at == nil {
				delete(claims, "auth_time")
			}
		})
		_, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
		wantError(t, name, err, c.want)
	}
}

func TestN05_VerifiedIsBooleanTrue(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	p := openidProvider(t, settings, openidGuarded(t))
	settings.Domains = []string{"example.com"}
	limited := openidProvider(t, settings, openidGuarded(t))
	for _, value := range []any{true, false, "true", 1, nil, []any{true}} {
		s.Tamper(func(c map[string]any) { c["email_verified"] = value })
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.EmailVerified != (value == true) || i.Authoritative {
			t.Errorf("%v: got %+v, %v", value, i, err)
		}
		_, err = openidSignIn(t.Context(), t, limited, s, openidAuthRequest(), openidAda.Subject, nil)
		var want error
		if value != true {
			want = provider.ErrDomain
		}
		wantError(t, fmt.Sprint(value), err, want)
	}
	s.Tamper(func(c map[string]any) { delete(c, "email") })
	s.TamperUserinfo(func(c map[string]any) { delete(c, "email") })
	if i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil); err != nil || i.EmailVerified {
		t.Errorf("no address: got %+v, %v", i, err)
	}
	for email, want := range map[string]error{
		"ada@EXAMPLE.com": nil, "ada@example.com.evil": provider.ErrDomain, "ada@evil@example.org": provider.ErrDomain,
		"@example.com": provider.ErrDomain,
		"example.com":  provider.ErrDomain, "": provider.ErrDomain, "ada@sub.example.com": provider.ErrDomain,
	} {
		s.Tamper(func(c map[string]any) { c["email"] = email })
		_, err := openidSignIn(t.Context(), t, limited, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, email, err, want)
	}
}

func TestOIDCClientAuthentication(t *testing.T) {
	for name, o := range map[string]federationtest.OIDCOptions{
		"basic": {AuthMethods: []string{"client_secret_basic"}}, "post": {AuthMethods: []string{"private_key_jwt", "client_secret_post"}},
		"said nothing": {AuthMethods: []string{"client_secret_basic"}, Metadata: map[string]any{"token_endpoint_auth_methods_supported": nil}},
		"public":       {Public: true},
	} {
		s := federationtest.NewOIDC(t, o, openidAda)
		p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, nil)
		if got := len(s.Requests("/token")); got != 1 {
			t.Errorf("%s: %d token requests", name, got)
		}
	}
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{AuthMethods: []string{"private_key_jwt"}}, openidAda)
	p := openidProvider(t, openidSettings(s, provider.KindOIDC), openidGuarded(t))
	_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "no method of ours", err, provider.ErrUpstream)
	if len(s.Requests("/token")) != 0 {
		t.Error("the secret was sent where it is not taken")
	}
	s = federationtest.NewOIDC(t, federationtest.OIDCOptions{}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	settings.ClientSecret = "wrong"
	_, err = openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "wrong secret", err, provider.ErrUpstream)
	if err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("got %v", err)
	}
	if got := len(s.Requests("/token")); got != 1 {
		t.Errorf("a wrong secret is tried %d times", got)
	}
}

func TestOIDCSettingsAreChecked(t *testing.T) {
	for name, s := range map[string]provider.Settings{
		"no issuer": {ClientID: "x"}, "no client": {Issuer: "https://id.example"}, "a query": {Issuer: "https://id.example?x", ClientID: "x"},
		"a person": {Issuer: "https://a:b@id.example", ClientID: "x"}, "a file": {Issuer: "file:///x", ClientID: "x"},
		"relative": {Issuer: "id.example", ClientID: "x"},
	} {
		s.Kind = provider.KindOIDC
		if _, err := provider.New(s, openidGuarded(t)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
