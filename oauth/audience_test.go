package oauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
	"signet/storage"
	"signet/storage/storagetest"
)

func TestL05_ATokenForAResourceDoesNotOpenUserinfo(t *testing.T) { // RFC 8707 section 2.2
	const scope = "openid profile email offline_access api:read files:read"
	all := func(a *oauth.Authorization) { a.Request.Resources = []string{oauthtest.API, oauthtest.Files} }
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		for name, tt := range map[string]struct {
			authorized func(*oauth.Authorization)
			resource   string
			audience   string
			scope      string
			opens      bool
		}{
			"nothing named":         {nil, "", oauthtest.API + " " + oauthtest.Files + " " + oauthtest.Issuer, scope, true},
			"named at authorize":    {all, "", oauthtest.API + " " + oauthtest.Files + " " + oauthtest.Issuer, scope, true},
			"one named":             {all, oauthtest.API, oauthtest.API, "offline_access api:read", false},
			"one named, other case": {all, "HTTPS://API.test:443/", oauthtest.API, "offline_access api:read", false},
			"both named": {all, oauthtest.API + "|" + oauthtest.Files, oauthtest.API + " " + oauthtest.Files,
				"offline_access api:read files:read", false},
			"one of the scopes' named": {nil, oauthtest.Files, oauthtest.Files, "offline_access files:read", false},
			"the issuer named":         {all, oauthtest.Issuer, oauthtest.Issuer, "openid profile email offline_access", true},
			"issuer and one": {all, oauthtest.Issuer + "|" + oauthtest.API, oauthtest.Issuer + " " + oauthtest.API,
				"openid profile email offline_access api:read", true},
		} {
			check := func(t *testing.T, got *oauth.Answer) {
				t.Helper()
				a := claims(t, h, got)
				if strings.Join(a.Audience, " ") != tt.audience || a.Scope != tt.scope || got.Scope != tt.scope || got.IDToken == "" {
					t.Errorf("%s: audience %v, scope %q, answered %q, ID token %v", name, a.Audience, a.Scope, got.Scope, got.IDToken != "")
				}
				if _, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken}); (err == nil) != tt.opens ||
					err != nil && !errors.Is(err, refusal.InvalidToken("")) {
					t.Errorf("%s: userinfo %v", name, err)
				}
			}
			got := get(t, h, "shop", with(oauthtest.Exchange(h.Code(t, "shop", scope, tt.authorized)), "resource", tt.resource))
			check(t, got)
			got = get(t, h, "shop", with(oauthtest.Refresh(got.RefreshToken), "resource", tt.resource))
			check(t, got)
			whole := get(t, h, "shop", oauthtest.Refresh(got.RefreshToken)) // one narrow token narrows no later one
			if _, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: whole.AccessToken}); err != nil || whole.Scope != scope {
				t.Errorf("%s: the next refresh: scope %q, userinfo %v", name, whole.Scope, err)
			}
		}
	})
}

func scoped(id, scope string, grants ...string) clients.Metadata {
	m := clients.Metadata{ClientID: id, ClientSecret: oauthtest.Secret, Scope: scope, GrantTypes: grants,
		TokenEndpointAuthMethod: clients.MethodBasic}
	if slices.Contains(grants, clients.AuthorizationCode) {
		m.RedirectURIs = []string{oauthtest.Callback}
	}
	m.FirstParty = slices.Contains(grants, clients.Password)
	return m
}

func TestH15_ScopesAtTheTokenEndpoint(t *testing.T) { // RFC 6749 sections 3.3 and 5.1
	h := protocol(t, oauthtest.Options{Clients: []clients.Metadata{
		scoped("none", "", clients.ClientCredentials), scoped("gone", "gone:read", clients.ClientCredentials),
		scoped("some", "gone:read api:read", clients.ClientCredentials), scoped("member", "openid groups roles", clients.ClientCredentials),
		scoped("both", "api:read files:read", clients.ClientCredentials),
	}})
	if err := h.Registry.PutResource(t.Context(), clients.Resource{Identifier: "https://bare.test", Name: "without scopes"}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		client   string
		pairs    []string
		scope    string // of answer and token
		audience string
		refused  string
	}{
		"none registered, none asked":           {"none", nil, "", oauthtest.Issuer, ""},
		"none registered, a resource":           {"none", []string{"resource", "https://bare.test"}, "", "https://bare.test", ""},
		"none registered, one asked":            {"none", []string{"scope", "api:read"}, "", "", "invalid_scope"},
		"none registered, openid asked":         {"none", []string{"scope", "openid"}, "", "", "invalid_scope"},
		"none registered, a resource of scopes": {"none", []string{"resource", oauthtest.API}, "", "", "invalid_target"},
		"only unknown ones, none asked":         {"gone", nil, "", "", "invalid_scope"},
		"only unknown ones, asked":              {"gone", []string{"scope", "gone:read"}, "", "", "invalid_scope"},
		"an unknown one, none asked":            {"some", nil, "api:read", oauthtest.API, ""},
		"an unknown one, asked":                 {"some", []string{"scope", "api:read gone:read"}, "", "", "invalid_scope"},
		"an unknown one beside":                 {"some", []string{"scope", "api:read"}, "api:read", oauthtest.API, ""},
		"about people, none asked":              {"member", nil, "", oauthtest.Issuer, ""},
		"about people, asked":                   {"member", []string{"scope", "groups"}, "", "", "invalid_scope"},
		"a resource, none asked":                {"both", []string{"resource", oauthtest.Files}, "files:read", oauthtest.Files, ""},
		"a resource, another's asked":           {"both", []string{"resource", oauthtest.Files, "scope", "api:read"}, "", "", "invalid_scope"},
		"a resource without scopes, asked": {"both", []string{"resource", "https://bare.test", "scope", "api:read"}, "", "",
			"invalid_scope"},
		"a resource without scopes, none asked": {"both", []string{"resource", "https://bare.test"}, "", "https://bare.test", ""},
		"two resources, one without scopes": {"both", []string{"resource", "https://bare.test|" + oauthtest.API}, "api:read",
			"https://bare.test " + oauthtest.API, ""},
	} {
		got, err := token(t, h, tt.client, credentials(tt.pairs...))
		if tt.refused != "" {
			if no, ok := errors.AsType[*refusal.Refusal](err); !ok || no.Code != tt.refused {
				t.Errorf("%s: got %+v %v, want %s", name, got, err, tt.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a := claims(t, h, got); got.Scope != tt.scope || a.Scope != tt.scope || strings.Join(a.Audience, " ") != tt.audience {
			t.Errorf("%s: answered %q, token %q for %v", name, got.Scope, a.Scope, a.Audience)
		}
	}
}

func TestJ15_AGrantWhoseScopesBelongToNothing(t *testing.T) { // RFC 6749 section 6
	h := protocol(t,
		oauthtest.Options{Clients: []clients.Metadata{scoped("old", "openid old:read", clients.AuthorizationCode, clients.RefreshToken)}})
	old := clients.Resource{Identifier: "https://old.test", Name: "Old", Scopes: []string{"old:read"}}
	if err := h.Registry.PutResource(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	only, both := first(t, h, "old", "old:read"), first(t, h, "old", "openid old:read")
	if err := h.Registry.DeleteResource(t.Context(), old.Identifier); err != nil {
		t.Fatal(err)
	}
	refused(t, h, "old", oauthtest.Refresh(only.RefreshToken), "invalid_scope")
	if got := get(t, h, "old", oauthtest.Refresh(both.RefreshToken)); got.Scope != "openid" {
		t.Errorf("scope %q", got.Scope)
	}
	if err := h.Registry.PutResource(t.Context(), old); err != nil { // the refusal has ended nothing
		t.Fatal(err)
	}
	if got := get(t, h, "old", oauthtest.Refresh(only.RefreshToken)); got.Scope != "old:read" {
		t.Errorf("scope %q", got.Scope)
	}
}

func TestAResourceMadeElsewhereWorksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		h := protocol(t, oauthtest.Options{DB: db, Clients: []clients.Metadata{
			scoped("early", "new:read new:write", clients.ClientCredentials, clients.AuthorizationCode),
			scoped("asker", "new:read", clients.ClientCredentials),
		}})
		make := func(id string, scopes ...string) { // on another replica
			err := db.InsertResource(t.Context(),
				storage.Resource{Identifier: id, Name: "New", Scopes: scopes, IntrospectedBy: []string{"asker"}, CreatedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
		}
		refused(t, h, "early", credentials("scope", "new:read"), "invalid_scope")
		make("https://new.test", "new:read")
		refused(t, h, "early", credentials("scope", "new:read"), "invalid_scope") // it was looked for a moment ago
		time.Sleep(time.Second)
		if got := get(t, h, "early", credentials("scope", "new:read")); got.Scope != "new:read" {
			t.Errorf("by scope: %q", got.Scope)
		}
		time.Sleep(time.Second)
		make("https://newer.test", "new:read", "new:write")
		if got := get(t, h, "early", credentials("resource", "https://newer.test")); got.Scope != "new:read new:write" {
			t.Errorf("by resource: %q", got.Scope)
		}
		time.Sleep(time.Second)
		elsewhere := h.WithClient(t, scoped("early", "new:read", clients.ClientCredentials))
		make("https://newest.test", "new:read")
		a := get(t, elsewhere, "early", credentials("resource", "https://newest.test"))
		if told, err := h.Provider.Introspect(t.Context(), h.Client(t, "asker"), a.AccessToken); err != nil || !told.Active {
			t.Errorf("introspection: %+v %v", told, err)
		}
		h.Registry.Close()
	})
}
