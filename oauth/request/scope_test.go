package request

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/storage"
	"signet/storage/storagetest"
)

// scopesParser is a parser with an application for each kind of registration, and a database in which more resources may be made.
func scopesParser(t *testing.T) (*Parser, *storage.DB) {
	t.Helper()
	db := storagetest.SQLite(t)
	app := func(id, scope string) clients.Metadata {
		return clients.Metadata{ClientID: id, ClientSecret: strings.Repeat("s3cr3t-", 6), RedirectURIs: []string{"https://x.example/cb"},
			Scope:      scope,
			GrantTypes: []string{clients.AuthorizationCode, clients.RefreshToken}}
	}
	r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: "https://id.example.com", SecretKeys: [][]byte{{1}},
		Declared: []clients.Metadata{
			app("none", ""), app("identity", "openid email offline_access"), app("apis", "openid offline_access api:read files:read gone:read"),
			app("gone", "gone:read"), app("early", "new:read"), app("files", "files:read"),
		},
		Resources: []clients.Resource{
			{Identifier: "https://api.example.com", Name: "API", Scopes: []string{"api:read", "api:write"}},
			{Identifier: "https://files.example.com", Name: "Files", Scopes: []string{"files:read"}},
			{Identifier: "https://bare.example.com", Name: "Bare"},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return &Parser{Clients: r, Issuer: "https://id.example.com"}, db
}

func asks(client, scope string, resources ...string) url.Values {
	q := form("client_id", client, "redirect_uri", "https://x.example/cb", "scope", scope)
	q["resource"] = resources
	return q
}

func TestH15_ScopesOfAnAuthorizationRequest(t *testing.T) { // RFC 6749 sections 3.3 and 4.1.2.1, RFC 8707 section 2
	const api, files, bare = "https://api.example.com", "https://files.example.com", "https://bare.example.com"
	p, _ := scopesParser(t)
	for name, tt := range map[string]struct {
		q    url.Values
		want string // scopes, or the error
	}{
		"none sent, none registered":                           {asks("none", ""), "openid profile email"},
		"an empty one sent, none registered":                   {asks("none", " "), "openid profile email"},
		"none sent, none registered, a resource without":       {asks("none", "", bare), "openid profile email"},
		"none sent, none registered, a resource with":          {asks("none", "", api), "invalid_target"},
		"sent, none registered":                                {asks("none", "openid offline_access"), "openid offline_access"},
		"one of a resource sent, none registered":              {asks("none", "api:read"), "invalid_scope"},
		"none sent, Signet's own registered":                   {asks("identity", ""), "openid email"},
		"none sent, of resources registered":                   {asks("apis", ""), "api:read files:read"},
		"none sent, a resource named":                          {asks("apis", "", files), "files:read"},
		"none sent, a resource named in other letters":         {asks("apis", "", "https://FILES.example.com:443/"), "files:read"},
		"none sent, an empty resource":                         {asks("apis", "", ""), "api:read files:read"},
		"none sent, a resource without scopes named":           {asks("apis", "", bare), "openid"},
		"none sent, two resources named":                       {asks("apis", "", bare, api), "api:read"},
		"none sent, the issuer named":                          {asks("apis", "", "https://id.example.com"), "openid"},
		"unknown ones dropped":                                 {asks("apis", "nope api:read gone:read openid"), "api:read openid"},
		"only unknown ones":                                    {asks("apis", "nope gone:read"), "invalid_scope"},
		"none sent, only unknown ones registered":              {asks("gone", ""), "invalid_scope"},
		"sent, of another resource than named":                 {asks("apis", "api:read", files), "invalid_scope"},
		"sent, of another resource than named, and openid":     {asks("apis", "openid api:read", files), "openid api:read"},
		"sent, of a resource, one without scopes named":        {asks("files", "files:read", bare), "invalid_scope"},
		"none sent, of a resource, one without scopes named":   {asks("files", "", bare), "invalid_scope"},
		"a resource that nobody has":                           {asks("apis", "", "https://nope.example"), "invalid_target"},
		"a resource that nobody has beside one that there is":  {asks("apis", "", api, "https://nope.example"), "invalid_target"},
		"a scope in other letters is another scope (RFC 6749)": {asks("apis", "API:read"), "invalid_scope"},
	} {
		req, _, err := p.Authorize(t.Context(), tt.q)
		got := strings.Join(req.Scopes, " ")
		if bad, ok := errors.AsType[*Redirectable](err); ok {
			got = bad.Refusal.Code
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestAResourceMadeElsewhereCanBeAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, db := scopesParser(t)
		if _, _, err := p.Authorize(t.Context(), asks("early", "", "https://new.example")); code(errors.Unwrap(err)) != "invalid_scope" {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for i, ask := range []url.Values{asks("early", "new:read"), asks("early", "", "https://newer.example")} {
			id := []string{"https://new.example", "https://newer.example"}[i]
			if err := db.InsertResource(t.Context(),
				storage.Resource{Identifier: id, Name: "New", Scopes: []string{"new:read"}, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			if req, _, err := p.Authorize(t.Context(), ask); err != nil || strings.Join(req.Scopes, " ") != "new:read" {
				t.Errorf("%s: %v %v", id, req.Scopes, err)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestMissesReadAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: "https://id.example.com", SecretKeys: [][]byte{{1}}})
		if err != nil {
			t.Fatal(err)
		}
		looked := 0
		for range 30 { // three seconds
			for range 100 {
				seen := r.Resources()
				now, err := r.Renewed(t.Context(), seen)
				if err != nil {
					t.Fatal(err)
				}
				if now != seen {
					looked++
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		if looked != 3 {
			t.Errorf("%d reads in three seconds", looked)
		}
	})
}
