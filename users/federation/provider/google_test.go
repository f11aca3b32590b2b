package provider_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

func TestGoogleSignIn(t *testing.T) {
	ada := openidAda
	ada.Hosted, ada.Locale = "example.com", "en"
	s := federationtest.NewGoogle(t, ada)
	p := openidProvider(t, openidSettings(s.OIDC, provider.KindGoogle), openidGuarded(t))
	a := openidAuthRequest()
	q := openidRequest(t, p, a)
	for name, want := range map[string]string{"prompt": "select_account", "access_type": "", "hd": "", "scope": "openid email profile",
		"code_challenge_method": "S256"} {
		if q.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, q.Get(name), want)
		}
	}
	i, err := openidSignIn(t.Context(), t, p, s, a, ada.Subject, nil)
	if err != nil || i.Issuer != s.URL || i.Subject != ada.Subject || !i.EmailVerified || i.Text("hd") != "example.com" ||
		i.Text("picture") == "" || i.Tokens.Refresh != "" ||
		!strings.Contains(i.Tokens.Scope, "https://www.googleapis.com/auth/userinfo.email") {
		t.Errorf("got %+v, %v", i, err)
	}
	if n := len(s.Requests("/v1/userinfo")); n != 0 {
		t.Errorf("userinfo was asked %d times", n)
	}
	if _, err := openidSignIn(t.Context(), t, p, s, a, "", nil); err == nil {
		t.Error("a refusal signs in")
	}
}

func TestN06_BothSpellingsAreOneIdentity(t *testing.T) {
	s := federationtest.NewGoogle(t, openidAda)
	p := openidProvider(t, openidSettings(s.OIDC, provider.KindGoogle), openidGuarded(t))
	for iss, want := range map[string]error{
		s.URL: nil, strings.TrimPrefix(s.URL, "http://"): nil, s.URL + "/": provider.ErrIdentity, "accounts.google.com": provider.ErrIdentity,
		"https://accounts.google.com.evil.example": provider.ErrIdentity, "": provider.ErrIdentity,
	} {
		s.Tamper(func(c map[string]any) { c["iss"] = iss })
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, iss, err, want)
		if want == nil && i.Issuer != s.URL {
			t.Errorf("%s: identity of %s", iss, i.Issuer)
		}
		s.Tamper(nil)
		_, err = openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, func(v url.Values) { v.Set("iss", iss) })
		wantError(t, iss+" in the callback", err, want)
	}
}

func TestN06_HostedDomainIsCheckedInTheToken(t *testing.T) {
	s := federationtest.NewGoogle(t)
	settings := openidSettings(s.OIDC, provider.KindGoogle)
	for _, c := range []struct {
		domains      []string
		hd           string // asked for
		hosted, mail string
		want         error
	}{
		{[]string{"example.com"}, "example.com", "example.com", "ada@example.com", nil},
		{[]string{"example.com"}, "example.com", "EXAMPLE.com", "ada@alias.example", nil},
		{[]string{"example.com"}, "example.com", "example.org", "ada@example.org", provider.ErrDomain},
		{[]string{"example.com"}, "example.com", "", "ada@example.com", provider.ErrDomain}, // a private account with that address
		{[]string{"example.com", "example.org"}, "*", "example.org", "ada@example.org", nil},
		{[]string{"example.com", "example.org"}, "*", "example.net", "ada@example.com", provider.ErrDomain},
		{nil, "", "", "ada@gmail.com", nil},
	} {
		settings.Domains = c.domains
		s.SetAccounts(federationtest.Account{Subject: "1", Name: "Ada", Email: c.mail, EmailVerified: true, Hosted: c.hosted})
		p := openidProvider(t, settings, openidGuarded(t))
		if got := openidRequest(t, p, openidAuthRequest()).Get("hd"); got != c.hd {
			t.Errorf("%v: asks for hd %q, want %q", c.domains, got, c.hd)
		}
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), "1", nil)
		wantError(t, c.hosted+" "+c.mail, err, c.want)
	}
}

func TestN05_GoogleIsAuthoritativeForItsMailboxes(t *testing.T) {
	s := federationtest.NewGoogle(t)
	p := openidProvider(t, openidSettings(s.OIDC, provider.KindGoogle), openidGuarded(t))
	for _, c := range []struct {
		mail, hosted string
		verified     bool
		want         bool
	}{
		{"ada@gmail.com", "", true, true}, {"ada@GoogleMail.com", "", true, true}, {"ada@gmail.com", "", false, false},
		{"ada@example.com", "example.com", true, true}, {"ada@example.com", "", true, false}, {"ada@example.com", "example.org", true, false},
		{"ada@example.com", "example.com", false, false}, {"", "", true, false}, {"ada@gmail.com.evil", "", true, false},
		{"gmail.com", "gmail.com", true, false}, {"nonsense", "", true, false}, {"", "example.com", true, false},
	} {
		s.SetAccounts(federationtest.Account{Subject: "1", Name: "Ada", Email: c.mail, EmailVerified: c.verified, Hosted: c.hosted})
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), "1", nil)
		if err != nil || i.Authoritative != c.want || i.EmailVerified != (c.verified && c.mail != "") {
			t.Errorf("%+v: got %+v, %v", c, i, err)
		}
	}
}

func TestGoogleOfflineOnlyWhenAsked(t *testing.T) {
	s := federationtest.NewGoogle(t, openidAda)
	settings := openidSettings(s.OIDC, provider.KindGoogle)
	settings.Offline = true
	p := openidProvider(t, settings, openidGuarded(t))
	q := openidRequest(t, p, openidAuthRequest())
	if q.Get("access_type") != "offline" || q.Get("prompt") != "select_account consent" || strings.Contains(q.Get("scope"), "offline_access") {
		t.Errorf("got %v", q)
	}
	for range 2 { // each time, since consent is asked for each time
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.Tokens.Refresh == "" {
			t.Fatalf("got %+v, %v", i, err)
		}
		tokens, err := p.(provider.Refresher).Refresh(t.Context(), i.Tokens.Refresh)
		if err != nil || tokens.Access == "" || tokens.Access == i.Tokens.Access || tokens.ExpiresAt.Before(time.Now()) {
			t.Errorf("got %+v, %v", tokens, err)
		}
	}
}

func TestGoogleFreshChoosesTheAccount(t *testing.T) {
	s := federationtest.NewGoogle(t, openidAda)
	p := openidProvider(t, openidSettings(s.OIDC, provider.KindGoogle), openidGuarded(t))
	a := openidAuthRequest()
	a.Fresh = true
	if q := openidRequest(t, p, a); q.Get("prompt") != "select_account" || q.Has("max_age") {
		t.Errorf("got %v", q)
	}
	if _, err := openidSignIn(t.Context(), t, p, s, a, openidAda.Subject, nil); err != nil {
		t.Error(err)
	}
}

func TestGoogleServerRefuses(t *testing.T) { // what the real one does before it sends anybody back
	s := federationtest.NewGoogle(t, openidAda)
	settings := openidSettings(s.OIDC, provider.KindGoogle)
	p := openidProvider(t, settings, openidGuarded(t))
	a := openidAuthRequest()
	a.RedirectURI += "/"
	begin, err := p.Begin(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	res, err := openidGuarded(t).Get(begin.String())
	if err != nil || res.StatusCode != 400 {
		t.Errorf("got %v, %v", res, err)
	}
	_ = res.Body.Close()
}
