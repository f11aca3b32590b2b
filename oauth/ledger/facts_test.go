package ledger_test

import (
	"testing"

	"signet/oauth/ledger"
	"signet/storage"
)

func TestFactsRoundTrip(t *testing.T) {
	for name, f := range map[string]ledger.Facts{
		"none":  {},
		"all":   {Nonce: "n", RedirectURI: "https://a.test/cb", CodeChallenge: "c", Claims: `{"userinfo":{"name":null}}`, Access: 600, Idle: 60},
		"tempt": {Nonce: `"claims":"x"`, RedirectURI: `","claims":"y`}, // what was sent cannot pose as a claims parameter
	} {
		var g storage.Grant
		if err := f.Put(&g); err != nil {
			t.Fatal(err)
		}
		got, err := ledger.FactsOf(g)
		if err != nil || got != f {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if asked, err := ledger.ClaimsOf(g); err != nil || asked != f.Claims {
			t.Errorf("%s: claims %q, %v", name, asked, err)
		}
	}
	if _, err := ledger.FactsOf(storage.Grant{Data: []byte("{")}); err == nil {
		t.Error("broken facts are read")
	}
	if f, err := ledger.FactsOf(storage.Grant{}); err != nil || f != (ledger.Facts{}) {
		t.Errorf("a row without facts: %+v, %v", f, err)
	}
}
