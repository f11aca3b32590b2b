package provider_test

import (
	"testing"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

func TestOIDCUserinfo(t *testing.T) {
	s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Slim: true, Groups: "groups"}, openidAda)
	settings := openidSettings(s, provider.KindOIDC)
	settings.Groups = "groups"
	p := openidProvider(t, settings, openidGuarded(t))
	i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil || i.Email != openidAda.Email || !i.EmailVerified || i.Text("name") != openidAda.Name ||
		len(i.Claims["groups"].([]any)) != 2 {
		t.Errorf("got %+v, %v", i, err)
	}
	for name, change := range map[string]func(map[string]any){
		"somebody else": func(c map[string]any) { c["sub"] = "2" }, "nobody": func(c map[string]any) { delete(c, "sub") },
		"a number": func(c map[string]any) { c["sub"] = 1 },
	} {
		s.TamperUserinfo(change)
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, provider.ErrIdentity)
	}
	s.TamperUserinfo(func(c map[string]any) { c["acr"], c["sid"], c["iss"], c["email"] = "x", "x", "x", "eve@example.com" })
	s.Tamper(func(c map[string]any) { c["email"] = "ada@example.com" }) // the ID token's address is not verified by a word about another
	i, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil || i.Email != "ada@example.com" || i.EmailVerified || i.ACR != "" || i.SID != "" || i.Issuer != s.Issuer() {
		t.Errorf("got %+v, %v", i, err)
	}
	s.Tamper(func(c map[string]any) { c["email_verified"] = true }) // nor the other way round
	s.TamperUserinfo(func(c map[string]any) { delete(c, "email_verified") })
	if i, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil); err != nil || i.EmailVerified {
		t.Errorf("got %+v, %v", i, err)
	}
	s.Fail(true, "/userinfo")
	_, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	wantError(t, "userinfo fails", err, provider.ErrDown)
}

// Rule D1: what nothing depends on cannot fail a sign-in; what a rule depends on has to be there.
func TestAUserinfoEndpointThatFailsEndsNoSignInWithoutNeed(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*provider.Settings)
		want   error
	}{
		"nothing depends on it":    {},
		"groups depend on it":      {func(s *provider.Settings) { s.Groups = "groups" }, provider.ErrDown},
		"who may come in does too": {func(s *provider.Settings) { s.Domains = []string{"example.com"} }, provider.ErrDown},
	} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Slim: true}, openidAda)
		settings := openidSettings(s, provider.KindOIDC)
		if tt.change != nil {
			tt.change(&settings)
		}
		p := openidProvider(t, settings, openidGuarded(t))
		s.Fail(true, "/userinfo")
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if tt.want != nil {
			wantError(t, name, err, tt.want)
		} else if err != nil || i.Subject != openidAda.Subject || i.Email != "" || i.EmailVerified {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
}
