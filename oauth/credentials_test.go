package oauth_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/grants"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
)

func credentials(pairs ...string) url.Values {
	return with(url.Values{"grant_type": {"client_credentials"}}, pairs...)
}

func TestH15_ClientCredentialsScopes(t *testing.T) { // decision 0002; RFC 6749 sections 3.3 and 4.4
	h := protocol(t, oauthtest.Options{})
	for name, test := range map[string]struct {
		form     url.Values
		scope    string
		audience []string
		refused  string
	}{
		"all-its-own":       {credentials(), "api:read api:write", []string{oauthtest.API}, ""}, // but not openid
		"one":               {credentials("scope", "api:write"), "api:write", []string{oauthtest.API}, ""},
		"twice":             {credentials("scope", "api:read  api:read"), "api:read", []string{oauthtest.API}, ""},
		"resource":          {credentials("resource", oauthtest.API), "api:read api:write", []string{oauthtest.API}, ""},
		"unknown-scope":     {credentials("scope", "nobody:knows"), "", nil, "invalid_scope"},
		"anothers-scope":    {credentials("scope", "files:read"), "", nil, "invalid_scope"},
		"openid":            {credentials("scope", "openid"), "", nil, "invalid_scope"},
		"openid-among":      {credentials("scope", "api:read openid"), "", nil, "invalid_scope"},
		"unknown-resource":  {credentials("resource", "https://nowhere.test"), "", nil, "invalid_target"},
		"anothers-resource": {credentials("resource", oauthtest.Files), "", nil, "invalid_target"},
		"relative-resource": {credentials("resource", "/x"), "", nil, "invalid_target"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.refused != "" {
				refused(t, h, "robot", test.form, test.refused)
				return
			}
			got := get(t, h, "robot", test.form)
			a := claims(t, h, got)
			if got.Scope != test.scope || a.Scope != test.scope || !slices.Equal(a.Audience, test.audience) {
				t.Errorf("scope %q, audience %v", got.Scope, a.Audience)
			}
		})
	}
}

func TestJ16_ClientCredentials(t *testing.T) { // rule J16; RFC 6749 section 4.4.3, RFC 9068 section 5
	like := clients.Metadata{
		ClientID: oauthtest.Ada, ClientSecret: oauthtest.Secret, GrantTypes: []string{"client_credentials"}, Scope: "api:read",
	}
	h := protocol(t, oauthtest.Options{})
	got := get(t, h, "robot", credentials())
	a := claims(t, h, got)
	if got.RefreshToken != "" || got.IDToken != "" || a.Subject != "robot" || a.GrantID != "" || a.AuthTime != 0 || got.ExpiresIn != 600 {
		t.Errorf("answer %+v, token %+v", got, a)
	}
	if err := like.WithDefaults().Validate(); err == nil {
		t.Error("a client may register a person's id")
	}
	_, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &clients.Client{Metadata: like}, Form: credentials()})
	wants(t, err, "unauthorized_client")
	if !clients.LooksLikePerson(oauthtest.Ada) || clients.LooksLikePerson("robot") || clients.LooksLikePerson("adaadaadaadaadaadaadaadaad") {
		t.Error("a person's id is not told from a client's")
	}
	public := *h.Client(t, "robot")
	public.TokenEndpointAuthMethod = clients.MethodNone
	_, err = h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &public, Form: credentials()})
	wants(t, err, "unauthorized_client")
	if _, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken}); err == nil {
		t.Error("a token without a person at the userinfo endpoint")
	}
}

func TestDefaultAudience(t *testing.T) { // decision 0001
	bare := clients.Metadata{ClientID: "bare", ClientSecret: oauthtest.Secret, GrantTypes: []string{"client_credentials"}}
	for audience, want := range map[string]string{"": oauthtest.Issuer, "https://all.test": "https://all.test"} {
		h := protocol(t, oauthtest.Options{Clients: []clients.Metadata{bare}, Audience: audience})
		got := get(t, h, "bare", credentials())
		if a := claims(t, h, got); !slices.Equal(a.Audience, []string{want}) || got.Scope != "" {
			t.Errorf("audience %v, want %q", a.Audience, want)
		}
	}
}

func TestJ05_GrantMustBeRegistered(t *testing.T) { // rule J05; RFC 6749 section 5.2
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
	refused(t, h, "robot", form, "unauthorized_client")
	refused(t, h, "shop", credentials(), "unauthorized_client")
	refused(t, h, "post", oauthtest.Refresh("x"), "unauthorized_client")
	refused(t, h, "shop", url.Values{"grant_type": {"password"}, "username": {"a"}, "password": {"b"}}, "unauthorized_client")
	get(t, h, "shop", form) // nothing was touched
}

func TestUnknownGrantType(t *testing.T) { // decision 0002; RFC 6749 section 5.2
	h := protocol(t, oauthtest.Options{})
	refused(t, h, "shop", url.Values{"grant_type": {"urn:nope"}}, "unsupported_grant_type")
	refused(t, h, "shop", url.Values{"grant_type": {"authorization_code refresh_token"}}, "unsupported_grant_type")
	refused(t, h, "shop", url.Values{"grant_type": {"implicit"}}, "unsupported_grant_type")
	refused(t, h, "shop", url.Values{}, "invalid_request")
	told := []string{"authorization_code", "refresh_token", "client_credentials"} // of password only whom an operator named knows
	if got := h.Provider.GrantTypes(); !slices.Equal(got, told) {
		t.Errorf("grants %v", got)
	}
}

// passwords knows one password.
type passwords struct{ err error }

func (b passwords) CheckPassword(_ context.Context, username, password, _ string) (string, int64, error) {
	switch {
	case b.err != nil:
		return "", 0, b.err
	case username != "ada" || password != "correct horse":
		return "", 0, grants.ErrWrongPassword
	}
	return oauthtest.Ada, 3, nil
}

func passwordForm(pairs ...string) url.Values {
	return with(url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {"correct horse"}}, pairs...)
}

func TestPasswordGrant(t *testing.T) { // RFC 6749 section 4.3; rule H10
	h := protocol(t, oauthtest.Options{Passwords: passwords{}})
	got := get(t, h, "legacy", passwordForm("scope", "openid api:read offline_access"))
	a, id := claims(t, h, got), idOf(t, h, got)
	if a.Subject != oauthtest.Ada || a.GrantID == "" || id.SessionID != "" || id.AuthTime == 0 || !slices.Equal(id.AMR, []string{"pwd"}) ||
		id.Nonce != "" {
		t.Errorf("access %+v, ID %+v", a, id)
	}
	s, err := h.DB.GrantStateByID(t.Context(), a.GrantID)
	if err != nil || s.SessionID != "" || !s.Offline || s.Generation != 1 || s.UserEpoch != 3 || s.CodeHash != "" {
		t.Errorf("row %+v, %v", s.Grant, err)
	}
	if !alive(t, h, got) {
		t.Error("the access token does not work")
	}
	two := get(t, h, "legacy", oauthtest.Refresh(got.RefreshToken))
	if two.Scope != got.Scope {
		t.Errorf("scope %q", two.Scope)
	}
	if plain := get(t, h, "legacy", passwordForm()); plain.Scope != "api:read api:write files:read" || plain.IDToken != "" {
		t.Errorf("without scope: %+v", plain)
	}
	if err := h.DB.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, h, "legacy", oauthtest.Refresh(two.RefreshToken), "invalid_grant") // as any grant of hers
}

func TestPasswordGrantRefuses(t *testing.T) { // RFC 6749 section 5.2; rule H10
	h := protocol(t, oauthtest.Options{Passwords: passwords{}})
	refused(t, h, "legacy", passwordForm("password", "wrong"), "invalid_grant")
	refused(t, h, "legacy", passwordForm("username", "nobody"), "invalid_grant")
	refused(t, h, "legacy", passwordForm("password", ""), "invalid_request")
	refused(t, h, "legacy", passwordForm("username", ""), "invalid_request")
	refused(t, h, "legacy", passwordForm("scope", "nobody:knows"), "invalid_scope")
	refused(t, h, "legacy", passwordForm("resource", "https://nowhere.test"), "invalid_target")
	for name, change := range map[string]func(*clients.Client){
		"public":      func(c *clients.Client) { c.TokenEndpointAuthMethod = clients.MethodNone },
		"third-party": func(c *clients.Client) { c.FirstParty = false },
		"two factors": func(c *clients.Client) { c.RequireSecondFactor = true },
		"unasked":     func(c *clients.Client) { c.GrantTypes = []string{"authorization_code"} },
	} {
		t.Run(name, func(t *testing.T) {
			c := *h.Client(t, "legacy")
			change(&c)
			_, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &c, Form: passwordForm()})
			wants(t, err, "unauthorized_client")
		})
	}
	t.Run("switched-off", func(t *testing.T) {
		refused(t, protocol(t, oauthtest.Options{}), "legacy", passwordForm(), "unauthorized_client")
	})
	t.Run("throttled", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{Passwords: passwords{err: &grants.Throttled{RetryAfter: 90*time.Second + 1}}})
		_, err := token(t, h, "legacy", passwordForm())
		no, _ := err.(*refusal.Refusal)
		if no == nil || no.Status != 429 || no.Header.Get("Retry-After") != "91" || no.Code != "temporarily_unavailable" {
			t.Errorf("got %+v", no)
		}
	})
	t.Run("busy", func(t *testing.T) {
		refused(t, protocol(t, oauthtest.Options{Passwords: passwords{err: grants.ErrBusy}}), "legacy", passwordForm(), "temporarily_unavailable")
	})
	list, err := h.DB.GrantsOfUser(t.Context(), oauthtest.Ada, time.Now(), "", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("%d grants of refused requests, %v", len(list), err)
	}
}

// counter counts.
type counter struct {
	issued        map[string]int
	reuse, replay int
}

func (c *counter) TokenIssued(grant string) { c.issued[grant]++ }
func (c *counter) RefreshReuse()            { c.reuse++ }
func (c *counter) CodeReplay()              { c.replay++ }
func (c *counter) Proof(string)             {}

func (c *counter) Asserted(_, outcome string) { c.issued["assertion "+outcome]++ }

func TestMetrics(t *testing.T) { // rule T05
	m := &counter{issued: map[string]int{}}
	l := oauthtest.Lifetimes
	l.Grace = 0
	h := protocol(t, oauthtest.Options{Metrics: m, Lifetimes: l})
	one := first(t, h, "shop", "openid")
	get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
	refused(t, h, "shop", oauthtest.Refresh(one.RefreshToken), "invalid_grant")
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
	get(t, h, "shop", form)
	refused(t, h, "shop", form, "invalid_grant")
	if m.issued["authorization_code"] != 2 || m.issued["refresh_token"] != 1 || m.reuse != 1 || m.replay != 1 {
		t.Errorf("got %+v", m)
	}
	var _ oauth.Metrics = m
}
