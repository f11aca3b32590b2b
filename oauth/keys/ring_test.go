package keys_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
)

func TestJWKS_HasOnlyPublicMembers(t *testing.T) { // RFC 7517 section 5, RFC 7638, conformance section 2
	r := keystest.Ring(t, keys.ES256, keys.RS256)
	body, etag := r.JWKS()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 {
		t.Fatalf("got %d keys: %s", len(set.Keys), body)
	}
	want := map[string][]string{"ES256": {"kty", "crv", "x", "y"}, "RS256": {"kty", "n", "e"}}
	for _, k := range set.Keys {
		members := append(want[k["alg"]], "kid", "use", "alg")
		if len(k) != len(members) || k["use"] != "sig" {
			t.Errorf("key %v, want members %v", k, members)
		}
		for _, m := range members {
			if k[m] == "" {
				t.Errorf("%s: no %q", k["alg"], m)
			}
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(k["kid"]) {
			t.Errorf("kid %q is not a SHA-256 thumbprint", k["kid"])
		}
	}
	if !strings.HasPrefix(etag, `"`) || len(etag) != 45 {
		t.Errorf("entity tag %s", etag)
	}
}

func TestS02_WrongMasterKeyStopsTheStart(t *testing.T) {
	store := &keystest.Store{}
	first := keystest.Open(t, keys.Options{Store: store, Locks: store, Master: keystest.Master(t, 1), Algs: []string{keys.ES256}})
	token, _ := first.SignRefresh(claims{"ada"})

	_, err := keys.Open(t.Context(), keys.Options{Store: store, Locks: store, Master: keystest.Master(t, 2), Algs: []string{keys.ES256}})
	if !errors.Is(err, seal.ErrWrongKey) {
		t.Fatalf("got %v, want ErrWrongKey", err)
	}

	both := keystest.Open(t, keys.Options{Store: store, Locks: store, Master: keystest.Master(t, 2, 1), Algs: []string{keys.ES256}})
	if err := both.VerifyRefresh(token, &claims{}); err != nil {
		t.Errorf("a refresh token under the older master key: %v", err)
	}
	fresh, _ := both.SignRefresh(claims{"ada"})
	if fresh == token {
		t.Error("the first master key must sign")
	}
	if err := both.Tick(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	_, err = keys.Open(t.Context(), keys.Options{Store: store, Locks: store, Master: keystest.Master(t, 2), Algs: []string{keys.ES256}})
	if err != nil {
		t.Errorf("after a tick the older master key should not be needed any more: %v", err)
	}
}
