package provider_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

func appleSettings(s *federationtest.Apple) provider.Settings {
	settings := openidSettings(s.OIDC, provider.KindApple)
	settings.TeamID, settings.KeyID, settings.PrivateKey = s.TeamID, s.KeyID, s.PrivateKey
	return settings
}

func TestAppleSignIn(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	a := openidAuthRequest()
	a.Locales, a.LoginHint, a.Fresh = "de", "ada@example.com", true
	q := openidRequest(t, p, a)
	if q.Get("response_mode") != "form_post" || q.Get("scope") != "name email" || q.Get("code_challenge_method") != "S256" ||
		q.Get("nonce") == "" ||
		q.Has("prompt") || q.Has("max_age") || q.Has("ui_locales") || q.Has("login_hint") {
		t.Errorf("got %v", q)
	}
	i, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
	if err != nil || i.Issuer != s.URL || !i.EmailVerified || i.Authoritative || i.Text("name") != "Ada Lovelace" ||
		i.Text("given_name") != "Ada" || i.Text("family_name") != "Lovelace" {
		t.Errorf("first: got %+v, %v", i, err)
	}
	i, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil || i.Subject != openidAda.Subject || i.Email != openidAda.Email || i.Text("name") != "" {
		t.Errorf("second: got %+v, %v", i, err)
	}
	_, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), "", nil)
	wantError(t, "cancelled", err, provider.ErrDenied)
}

func TestN05_AppleSaysVerifiedInTwoWays(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	for _, c := range []struct {
		mail                    string
		verified                any
		isVerified, isWarranted bool
	}{
		{"ada@example.com", "true", true, false}, {"ada@example.com", true, true, false}, {"ada@example.com", "false", false, false},
		{"ada@example.com", "TRUE", false, false},
		{"ada@example.com", 1, false, false}, {"x@privaterelay.appleid.com", "true", true, true}, {"ada@icloud.com", true, true, true},
		{"ada@me.com", true, true, true},
		{"ada@MAC.com", true, true, true}, {"ada@icloud.com", false, false, false}, {"ada@icloud.com.evil", true, true, false},
		{"", true, false, false},
	} {
		s.Tamper(func(claims map[string]any) { claims["email"], claims["email_verified"] = c.mail, c.verified })
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.EmailVerified != c.isVerified || i.Authoritative != c.isWarranted {
			t.Errorf("%+v: got %+v, %v", c, i, err)
		}
	}
}

func TestAppleClientSecretIsKeptForItsLife(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	settings := appleSettings(s)
	synctest.Test(t, func(t *testing.T) {
		p := openidProvider(t, settings, &http.Client{Transport: openidNear{s}})
		secret := func() string {
			if _, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil); err != nil {
				t.Fatal(err)
			}
			asked := s.Requests("/auth/token")
			return asked[len(asked)-1].Form.Get("client_secret")
		}
		first := secret()
		time.Sleep(3 * time.Minute)
		if secret() != first {
			t.Error("made anew each time")
		}
		time.Sleep(70 * time.Second)
		if second := secret(); second == first {
			t.Error("used until it is too old")
		}
	})
	settings.KeyID = "WRONG"
	_, err := openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "wrong key id", err, provider.ErrUpstream)
}

// applePEM is a private key as the developer's account gives it.
func applePEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestAppleSettingsAreChecked(t *testing.T) {
	good := appleSettings(federationtest.NewApple(t))
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*provider.Settings){
		"no team": func(s *provider.Settings) { s.TeamID = "" }, "no key id": func(s *provider.Settings) { s.KeyID = "" },
		"no key": func(s *provider.Settings) { s.PrivateKey = "" }, "no PEM": func(s *provider.Settings) { s.PrivateKey = "x" },
		"P-384":   func(s *provider.Settings) { s.PrivateKey = applePEM(t, wide) },
		"Ed25519": func(s *provider.Settings) { s.PrivateKey = applePEM(t, ed25519.NewKeyFromSeed(make([]byte, 32))) },
		"two":     func(s *provider.Settings) { s.PrivateKey += s.PrivateKey },
		"no PKCS #8": func(s *provider.Settings) {
			s.PrivateKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		},
	} {
		s := good
		change(&s)
		if _, err := provider.New(s, openidGuarded(t)); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestN05_AppleUserFieldIsANameOnly(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	for user, want := range map[string]string{
		`{"name":{"firstName":"Eve","lastName":""},"email":"eve@icloud.com","email_verified":true,"sub":"2"}`: "Eve",
		`{"name":{"firstName":" Zoë ","lastName":"O’Neil-李"}}`:                                                "Zoë O’Neil-李",
		`{"name":{"firstName":"a\u0000b","lastName":"\u202eevil"}}`:                                           "",
		`{"name":{"firstName":"a\ud800b","lastName":"a\u200bb"}}`:                                             "",
		`{"name":{"firstName":"` + strings.Repeat("x", 101) + `","lastName":"L"}}`:                            "L",
		`{"name":{"firstName":"A"},"x":"` + strings.Repeat("x", 5000) + `"}`:                                  "",
		`{"name":{"firstName":"A"},"name":{"firstName":"B"}}`:                                                 "",
		`{"NAME":{"firstName":"A"}}`:                                                                          "",
		`{"name":"A"}`:                                                                                        "",
		`[]`:                                                                                                  "",
		`nonsense`:                                                                                            "",
		``:                                                                                                    "",
		`{}`:                                                                                                  "",
	} {
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, func(v url.Values) { v.Set("user", user) })
		if err != nil || i.Text("name") != want || i.Email != openidAda.Email || i.Subject != openidAda.Subject || i.Authoritative {
			t.Errorf("%.80s: got %+v, %v", user, i, err)
		}
	}
}

func TestN05_AppleNameOfTheTokenStands(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	forge := func(form url.Values) {
		form.Set("user", `{"name":{"firstName":"Eve"},"email":"eve@icloud.com"}`)
		form.Set("email", "eve@icloud.com")
		form.Set("sub", "2")
		form.Set("id_token", "e30.e30.")
	}
	s.Tamper(func(claims map[string]any) { claims["name"] = "Ada of the token"; delete(claims, "email") })
	i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, forge)
	if err != nil || i.Text("name") != "Ada of the token" || i.Subject != openidAda.Subject || i.Email != "" || i.EmailVerified ||
		i.Authoritative {
		t.Errorf("got %+v, %v", i, err)
	}
	s.Tamper(nil)
	two := func(form url.Values) {
		form["user"] = []string{`{"name":{"firstName":"Eve"}}`, `{"name":{"firstName":"Ada"}}`}
	}
	if i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, two); err != nil || i.Text("name") != "" {
		t.Errorf("two fields: got %+v, %v", i, err)
	}
}

func TestAppleTellsOfPrivateAddresses(t *testing.T) {
	hidden := openidAda
	hidden.Email = "x7yz@privaterelay.appleid.com"
	s := federationtest.NewApple(t, hidden)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	for said, want := range map[any]bool{"true": true, true: true, "false": false, false: false, 1: false} {
		s.Tamper(func(claims map[string]any) { claims["is_private_email"] = said })
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), hidden.Subject, nil)
		if got, ok := i.Claims["is_private_email"].(bool); err != nil || !ok || got != want {
			t.Errorf("%v: got %v, %v", said, i.Claims, err)
		}
	}
}

func TestN02_AppleTokenIsVerified(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	for name, tamper := range map[string]func(claims map[string]any){
		"nonce": func(c map[string]any) { c["nonce"] = "other" }, "audience": func(c map[string]any) { c["aud"] = "com.example.other" },
		"no nonce": func(c map[string]any) { delete(c, "nonce"); c["nonce_supported"] = false },
		"nobody":   func(c map[string]any) { delete(c, "sub") },
		"issuer":   func(c map[string]any) { c["iss"] = "https://appleid.apple.com" },
		"expired":  func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
	} {
		s.Tamper(tamper)
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, provider.ErrIdentity)
	}
}

func TestN02_AppleFreshMeansNow(t *testing.T) { // nothing can be asked for, but auth_time tells
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	a := openidAuthRequest()
	a.Fresh = true
	for ago, want := range map[time.Duration]error{0: nil, time.Hour: provider.ErrIdentity} {
		s.Tamper(func(claims map[string]any) { claims["auth_time"] = time.Now().Add(-ago).Unix() })
		_, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
		wantError(t, ago.String(), err, want)
	}
}

func TestN03_AppleErrors(t *testing.T) {
	s, other := federationtest.NewApple(t, openidAda), federationtest.NewApple(t)
	for name, change := range map[string]func(*provider.Settings){
		"key": func(s *provider.Settings) { s.PrivateKey = other.PrivateKey }, "team": func(s *provider.Settings) { s.TeamID = "OTHER" },
	} {
		settings := appleSettings(s)
		change(&settings)
		_, err := openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, "another "+name, err, provider.ErrUpstream)
		if err == nil || !strings.Contains(err.Error(), "invalid_client") || strings.Contains(err.Error(), "provided") {
			t.Errorf("another %s: %v", name, err)
		}
	}
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), "",
		func(form url.Values) { form.Set("error", "<b>secret-of-the-upstream</b>") })
	wantError(t, "an error of its own", err, provider.ErrUpstream)
	s.Fail(true, "/auth/token")
	_, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "500", err, provider.ErrDown)
	s.Fail(false)
	s.Down(true, "/auth/token")
	_, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "no answer", err, provider.ErrDown)
}

func TestAppleCheck(t *testing.T) {
	s := federationtest.NewApple(t)
	for _, f := range openidProvider(t, appleSettings(s), openidGuarded(t)).Check(t.Context(), openidCallback) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
}
