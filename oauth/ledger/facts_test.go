package ledger_test

import (
	"context"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/ledger"
	"signet/storage"
)

// noClients is a registry's store with nothing in it.
type noClients struct{ clients.Store }

func (noClients) Resources(context.Context) ([]storage.Resource, error) { return nil, nil }
func (noClients) Clients(context.Context, string, int) ([]storage.Client, error) {
	return nil, nil
}

// shop is a client that registered the scopes.
func shop(t *testing.T, scope string) *clients.Client {
	t.Helper()
	registry, err := clients.New(t.Context(), clients.Options{
		Store: noClients{}, Issuer: "https://id.example", SecretKeys: [][]byte{make([]byte, 32)},
		Declared: []clients.Metadata{
			{ClientID: "shop", RedirectURIs: []string{"https://shop.example/cb"}, TokenEndpointAuthMethod: clients.MethodNone, Scope: scope}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := registry.Client(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFactsRoundTrip(t *testing.T) {
	for name, f := range map[string]ledger.Facts{
		"none": {},
		"all": {Nonce: "n", RedirectURI: "https://a.test/cb", CodeChallenge: "c", Claims: `{"userinfo":{"name":null}}`, ClaimsGranted: true,
			Access: 600, Idle: 60},
		"tempt": {Nonce: `"claims":"x"`, RedirectURI: `","claims":"y`}, // what was sent cannot pose as a claims parameter
	} {
		var g storage.Grant
		if err := f.Put(&g); err != nil {
			t.Fatal(err)
		}
		got, err := ledger.FactsOf(g)
		f.Version = 1
		if err != nil || got != f {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if granted, err := ledger.ClaimsOf(g, shop(t, "openid profile")); err != nil || granted.String() != f.Claims {
			t.Errorf("%s: claims %q, %v", name, granted, err)
		}
	}
	if _, err := ledger.FactsOf(storage.Grant{Data: []byte("{")}); err == nil {
		t.Error("broken facts are read")
	}
	if f, err := ledger.FactsOf(storage.Grant{}); err != nil || f != (ledger.Facts{}) {
		t.Errorf("a row without facts: %+v, %v", f, err)
	}
}

// A replica of a release that does not know a fact which binds a grant refuses it: each of them has a version of its own.
func TestFactsThatBindHaveAVersion(t *testing.T) { // RFC 9449 section 5, RFC 8705 section 4
	for want, f := range map[string]ledger.Facts{
		`{"v":1,`: {Nonce: "n"}, `{"v":2,`: {Nonce: "n", JKT: "k"}, `{"v":3,`: {Nonce: "n", X5T: "c"},
		`{"v":3,"nonce":"m"`: {Nonce: "m", JKT: "k", X5T: "c"},
	} {
		var g storage.Grant
		if err := f.Put(&g); err != nil || !strings.HasPrefix(string(g.Data), want) {
			t.Errorf("%s, %v, want %s", g.Data, err, want)
		}
		if err := ledger.Readable(g); err != nil {
			t.Error(err)
		}
	}
}

func TestV04_GrantedClaimsAreOfTheRowAndTheRegistration(t *testing.T) {
	const asked = `{"userinfo":{"email":null,"name":null,"phone_number":null}}`
	for name, tt := range map[string]struct {
		facts      ledger.Facts
		registered string
		want       string
	}{
		"as granted":                {ledger.Facts{Claims: asked, ClaimsGranted: true}, "openid profile email phone", asked},
		"the registration narrower": {ledger.Facts{Claims: asked, ClaimsGranted: true}, "openid email", `{"userinfo":{"email":null}}`},
		"as sent, an older row":     {ledger.Facts{Claims: asked}, "openid profile email phone", `{"userinfo":{"email":null,"name":null}}`},
		"an older row, odd sub": {ledger.Facts{Claims: `{"id_token":{"sub":{"value":5},"email":null}}`}, "openid email",
			`{"id_token":{"email":null}}`},
		"nothing": {ledger.Facts{}, "openid email", ""},
	} {
		g := storage.Grant{Scopes: []string{"openid", "email", "profile"}}
		if err := tt.facts.Put(&g); err != nil {
			t.Fatal(err)
		}
		if got, err := ledger.ClaimsOf(g, shop(t, tt.registered)); err != nil || got.String() != tt.want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, tt.want)
		}
	}
	var f ledger.Facts
	if f.Grant(claims.Param{}); f != (ledger.Facts{}) {
		t.Errorf("nothing granted is kept as %+v", f)
	}
}
