package provider_test

import (
	"cmp"
	"net/url"
	"strings"
	"testing"

	"signet/users/federation/federationtest"
	"signet/users/federation/provider"
)

// microsoftProvider is one for a tenant as it is configured.
func microsoftProvider(t *testing.T, s *federationtest.Microsoft, tenant string) provider.Provider {
	t.Helper()
	settings := openidSettings(s.OIDC, provider.KindMicrosoft)
	settings.Issuer, settings.Tenant = s.URL, tenant
	return openidProvider(t, settings, openidGuarded(t))
}

const (
	contoso  = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	fabrikam = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

func TestN02_MicrosoftIssuerIsTheTokensTenant(t *testing.T) {
	for _, c := range []struct {
		tenant string
		good   []string
		bad    []string
	}{
		{"common", []string{contoso, fabrikam, personal},
			[]string{"", "{tenantid}", "common", strings.ToUpper(contoso), contoso + "/x", "../" + contoso}},
		{"organizations", []string{contoso, fabrikam}, []string{personal, "{tenantid}", "organizations", ""}},
		{"consumers", []string{personal}, []string{contoso, fabrikam, "consumers"}},
		{"contoso.example", []string{contoso}, []string{fabrikam, personal, "contoso.example"}},
		{contoso, []string{contoso}, []string{fabrikam, personal}},
	} {
		asked := c.tenant
		if asked == contoso {
			asked = ""
		}
		s := federationtest.NewMicrosoft(t, asked, openidAda)
		s.KeyIssuer("/{tenantid}/v2.0") // so that the keys refuse none of them
		p := microsoftProvider(t, s, c.tenant)
		for _, tid := range c.good {
			s.TamperTenant(tid)
			i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
			if err != nil || i.Issuer != s.URL+"/"+tid+"/v2.0" || i.Text("tid") != tid {
				t.Errorf("%s, %s: got %+v, %v", c.tenant, tid, i, err)
			}
		}
		for _, tid := range c.bad {
			s.TamperTenant(tid)
			_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
			wantError(t, c.tenant+", "+tid, err, provider.ErrIdentity)
		}
		for name, change := range map[string]func(map[string]any){
			"another tid":           func(c map[string]any) { c["tid"] = "11111111-2222-3333-4444-555555555555" },
			"no tid":                func(c map[string]any) { delete(c, "tid") },
			"a tid that is no text": func(c map[string]any) { c["tid"] = 1 },
			"v1":                    func(c map[string]any) { c["iss"] = "https://sts.windows.net/" + contoso + "/" },
			"another host":          func(c map[string]any) { c["iss"] = "https://evil.example/" + contoso + "/v2.0" },
			"the template":          func(c map[string]any) { c["iss"] = s.URL + "/{tenantid}/v2.0" },
		} {
			s.Tamper(change)
			_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
			wantError(t, c.tenant+": "+name, err, provider.ErrIdentity)
		}
		s.Tamper(nil)
		for iss, want := range map[string]error{s.Issuer(): nil, "https://evil.example": provider.ErrIdentity, "": provider.ErrIdentity} {
			_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, func(v url.Values) { v.Set("iss", iss) })
			wantError(t, c.tenant+": callback of "+iss, err, want)
		}
	}
}

func TestN02_MicrosoftKeysAreForTheirIssuer(t *testing.T) { // a key of one tenant signs for no other
	s := federationtest.NewMicrosoft(t, "contoso.example", openidAda)
	for template, want := range map[string]error{"/{tenantid}/v2.0": nil, "/" + contoso + "/v2.0": nil,
		"/" + fabrikam + "/v2.0": provider.ErrIdentity} {
		s.KeyIssuer(template)
		_, err := openidSignIn(t.Context(), t, microsoftProvider(t, s, "contoso.example"), s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, template, err, want)
	}
}

func TestN05_MicrosoftAddressNeedsItsDomainsOwner(t *testing.T) {
	s := federationtest.NewMicrosoft(t, "common", openidAda)
	p := microsoftProvider(t, s, "")
	for _, c := range []struct {
		edov any
		want bool
	}{{true, true}, {1, true}, {false, false}, {0, false}, {"false", false}, {nil, false}, {2, false}} {
		s.Tamper(func(claims map[string]any) {
			claims["email_verified"] = true // is not Microsoft's to say
			if claims["xms_edov"] = c.edov; c.edov == nil {
				delete(claims, "xms_edov")
			}
		})
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.EmailVerified != c.want || i.Authoritative || i.Email != openidAda.Email || i.Username != "ada" {
			t.Errorf("%v: got %+v, %v", c.edov, i, err)
		}
	}
}

func TestMicrosoftTenantIsChecked(t *testing.T) {
	for _, tenant := range []string{"a/b", "..", "a?b", "{tenantid}", " "} {
		if _, err := provider.New(provider.Settings{Kind: provider.KindMicrosoft, ClientID: "x", Tenant: tenant}, openidGuarded(t)); err == nil {
			t.Errorf("%q: taken", tenant)
		}
	}
	s := federationtest.NewMicrosoft(t, "contoso.example", openidAda)
	s.Register(openidCallback)
	for _, tenant := range []string{contoso, "common"} { // discovery is not there, or names another
		if _, err := microsoftProvider(t, s, tenant).Begin(t.Context(), openidAuthRequest()); err == nil {
			t.Errorf("%s: taken", tenant)
		}
	}
}

func TestN05_MicrosoftDomainNeedsItsOwner(t *testing.T) { // an administrator elsewhere can write any address into their directory
	s := federationtest.NewMicrosoft(t, "common", openidAda)
	s.Register(openidCallback)
	settings := provider.Settings{
		ID: "m", Kind: provider.KindMicrosoft, Issuer: s.URL, ClientID: s.ClientID, ClientSecret: s.ClientSecret,
		Domains: []string{"example.com"},
	}
	p := openidProvider(t, settings, openidGuarded(t))
	for name, c := range map[string]struct {
		tamper func(claims map[string]any)
		want   error
	}{
		"owner":               {nil, nil},
		"no owner":            {func(c map[string]any) { delete(c, "xms_edov") }, provider.ErrDomain},
		"only email_verified": {func(c map[string]any) { delete(c, "xms_edov"); c["email_verified"] = true }, provider.ErrDomain},
		"another domain":      {func(c map[string]any) { c["email"] = "ada@example.com.evil" }, provider.ErrDomain},
		"below it":            {func(c map[string]any) { c["email"] = "ada@x.example.com" }, provider.ErrDomain},
	} {
		s.Tamper(c.tamper)
		_, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, name, err, c.want)
	}
}

func TestN02_MicrosoftDocumentIsTheTenants(t *testing.T) {
	for _, c := range []struct {
		asked, serves string // as configured, and the tenant whose document is there
		want          error
	}{
		{"common", "/{tenantid}/v2.0", nil}, {"organizations", "/{tenantid}/v2.0", nil}, {"consumers", "/" + personal + "/v2.0", nil},
		{contoso, "/" + contoso + "/v2.0", nil}, {"contoso.example", "/" + contoso + "/v2.0", nil},
		{"Contoso.Example", "/" + contoso + "/v2.0", nil},
		{contoso, "/" + fabrikam + "/v2.0", provider.ErrUpstream}, {contoso, "/{tenantid}/v2.0", provider.ErrUpstream},
		{"contoso.example", "/{tenantid}/v2.0", provider.ErrUpstream}, {"contoso.example", "/contoso.example/v2.0", provider.ErrUpstream},
		{"consumers", "/" + contoso + "/v2.0", provider.ErrUpstream}, {"common", "/" + contoso + "/v2.0", provider.ErrUpstream},
		{"organizations", "/" + contoso + "/v2.0", provider.ErrUpstream}, {"common", "/{tenantid}/", provider.ErrUpstream},
	} {
		s := federationtest.NewOIDC(t, federationtest.OIDCOptions{Path: "/" + strings.ToLower(c.asked) + "/v2.0", Template: c.serves})
		p := openidProvider(t, provider.Settings{ID: "m", Kind: provider.KindMicrosoft, Issuer: s.URL, ClientID: s.ClientID, Tenant: c.asked},
			openidGuarded(t))
		_, err := p.Begin(t.Context(), openidAuthRequest())
		wantError(t, c.asked+" is "+c.serves, err, c.want)
	}
}

func TestN02_MicrosoftTokenOfAnotherTenantBySharedKeys(t *testing.T) { // keys that sign for all of them
	for asked, tid := range map[string]string{"contoso.example": fabrikam, "": fabrikam, "consumers": contoso} {
		s := federationtest.NewMicrosoft(t, asked, openidAda)
		s.KeyIssuer("/{tenantid}/v2.0")
		s.TamperTenant(tid)
		_, err := openidSignIn(t.Context(), t, microsoftProvider(t, s, cmp.Or(asked, s.TenantID)), s, openidAuthRequest(), openidAda.Subject, nil)
		wantError(t, asked, err, provider.ErrIdentity)
	}
}

func TestMicrosoftCheck(t *testing.T) {
	s := federationtest.NewMicrosoft(t, "common")
	for _, f := range microsoftProvider(t, s, "common").Check(t.Context(), openidCallback) {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
}

func TestMicrosoftOffline(t *testing.T) {
	s := federationtest.NewMicrosoft(t, "common", openidAda)
	settings := openidSettings(s.OIDC, provider.KindMicrosoft)
	settings.Issuer, settings.Offline = s.URL, true
	p := openidProvider(t, settings, openidGuarded(t))
	i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
	if err != nil || i.Tokens.Refresh == "" {
		t.Fatalf("got %+v, %v", i.Tokens, err)
	}
	if renewed, err := p.(provider.Refresher).Refresh(t.Context(), i.Tokens.Refresh); err != nil || renewed.Access == i.Tokens.Access ||
		renewed.Refresh == "" {
		t.Errorf("got %+v, %v", renewed, err)
	}
}

func TestN05_MicrosoftOwnerIsOfTheAddressInTheToken(t *testing.T) { // not of one that userinfo adds
	s := federationtest.NewMicrosoft(t, "common", openidAda)
	p := microsoftProvider(t, s, "common")
	for name, c := range map[string]struct{ token, userinfo func(claims map[string]any) }{
		"owner of no address": {func(c map[string]any) { delete(c, "email") },
			func(c map[string]any) { c["email"] = "boss@victim.example" }},
		"owner told by userinfo": {func(c map[string]any) { delete(c, "name"); delete(c, "xms_edov") },
			func(c map[string]any) { c["xms_edov"] = true }},
		"both told by userinfo": {func(c map[string]any) { delete(c, "email"); delete(c, "xms_edov") },
			func(c map[string]any) { c["xms_edov"] = true }},
		"verified told by it": {func(c map[string]any) { delete(c, "name"); delete(c, "xms_edov") },
			func(c map[string]any) { c["email_verified"] = true }},
		"an address that is empty": {func(c map[string]any) { c["email"] = "" }, nil},
	} {
		s.Tamper(c.token)
		s.TamperUserinfo(c.userinfo)
		i, err := openidSignIn(t.Context(), t, p, s, openidAuthRequest(), openidAda.Subject, nil)
		if err != nil || i.EmailVerified || i.Authoritative {
			t.Errorf("%s: got %+v, %v", name, i, err)
		}
	}
}
