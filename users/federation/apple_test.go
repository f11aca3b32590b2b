package federation_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/users/federation"
	"signet/users/federation/federationtest"
)

func appleSettings(s *federationtest.Apple) federation.Settings {
	settings := openidSettings(s.OIDC, federation.KindApple)
	settings.TeamID, settings.KeyID, settings.PrivateKey = s.TeamID, s.KeyID, s.PrivateKey
	return settings
}

func TestAppleSignIn(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	a := openidAttempt()
	a.Locales, a.LoginHint, a.Fresh = "de", "ada@example.com", true
	q := openidRequest(t, p, a)
	if q.Get("response_mode") != "form_post" || q.Get("scope") != "name email" || q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" ||
		q.Has("prompt") || q.Has("max_age") || q.Has("ui_locales") || q.Has("login_hint") {
		t.Errorf("got %v", q)
	}
	i, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil)
	if err != nil || i.Issuer != s.URL || !i.EmailVerified || i.Authoritative || i.Text("name") != "Ada Lovelace" || i.Text("given_name") != "Ada" || i.Text("family_name") != "Lovelace" {
		t.Errorf("first: got %+v, %v", i, err)
	}
	i, err = openidSignIn(t.Context(), t, p, s, openidAttempt(), openidAda.Subject, nil)
	if err != nil || i.Subject != openidAda.Subject || i.Email != openidAda.Email || i.Text("name") != "" {
		t.Errorf("second: got %+v, %v", i, err)
	}
	_, err = openidSignIn(t.Context(), t, p, s, openidAttempt(), "", nil)
	wantError(t, "cancelled", err, federation.ErrDenied)
}

func TestN05_AppleSaysVerifiedInTwoWays(t *testing.T) {
	s := federationtest.NewApple(t, openidAda)
	p := openidProvider(t, appleSettings(s), openidGuarded(t))
	for _, c := range []struct {
		mail                    string
		verified                any
		isVerified, isWarranted bool
	}{
		{"ada@example.com", "true", true, false}, {"ada@example.com", true, true, false}, {"ada@example.com", "false", false, false}, {"ada@example.com", "TRUE", false, false},
		{"ada@example.com", 1, false, false}, {"x@privaterelay.appleid.com", "true", true, true}, {"ada@icloud.com", true, true, true}, {"ada@me.com", true, true, true},
		{"ada@MAC.com", true, true, true}, {"ada@icloud.com", false, false, false}, {"ada@icloud.com.evil", true, true, false}, {"", true, false, false},
	} {
		s.Tamper(func(claims map[string]any) { claims["email"], claims["email_verified"] = c.mail, c.verified })
		i, err := openidSignIn(t.Context(), t, p, s, openidAttempt(), openidAda.Subject, nil)
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
			if _, err := openidSignIn(t.Context(), t, p, s, openidAttempt(), openidAda.Subject, nil); err != nil {
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
	_, err := openidSignIn(t.Context(), t, openidProvider(t, settings, openidGuarded(t)), s, openidAttempt(), openidAda.Subject, nil)
	wantError(t, "wrong key id", err, federation.ErrUpstream)
}

func TestAppleSettingsAreChecked(t *testing.T) {
	good := appleSettings(federationtest.NewApple(t))
	for name, change := range map[string]func(*federation.Settings){
		"no team": func(s *federation.Settings) { s.TeamID = "" }, "no key id": func(s *federation.Settings) { s.KeyID = "" },
		"no key": func(s *federation.Settings) { s.PrivateKey = "" }, "no PEM": func(s *federation.Settings) { s.PrivateKey = "x" },
		"no PKCS #8": func(s *federation.Settings) {
			s.PrivateKey = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
		},
	} {
		s := good
		change(&s)
		if _, err := federation.NewProvider(s, openidGuarded(t)); err == nil || strings.Contains(err.Error(), "AAAA") {
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
		`{"name":{"firstName":"` + strings.Repeat("x", 101) + `","lastName":"L"}}`:                            "L",
		`{"name":{"firstName":"A"},"x":"` + strings.Repeat("x", 5000) + `"}`:                                  "",
		`{"name":"A"}`: "", `[]`: "", `nonsense`: "", ``: "", `{}`: "",
	} {
		i, err := openidSignIn(t.Context(), t, p, s, openidAttempt(), openidAda.Subject, func(v url.Values) { v.Set("user", user) })
		if err != nil || i.Text("name") != want || i.Email != openidAda.Email || i.Subject != openidAda.Subject || i.Authoritative {
			t.Errorf("%.80s: got %+v, %v", user, i, err)
		}
	}
}
