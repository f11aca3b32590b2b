package keys_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
)

type claims struct {
	Sub string `json:"sub"`
}

// publicKeys is the JWKS as a client reads it.
func publicKeys(t testing.TB, r *keys.Ring) jose.JSONWebKeySet {
	t.Helper()
	var set jose.JSONWebKeySet
	body, _ := r.JWKS()
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

type header struct{ Alg, Kid, Typ string }

func headerOf(t testing.TB, token string) (h header) {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSignaturesAreReadByOthers(t *testing.T) { // RFC 7515 section 5.1, RFC 7518 sections 3.3, 3.4
	r := keystest.Ring(t, keys.ES256, keys.RS256)
	set := publicKeys(t, r)
	for _, alg := range r.Algs() {
		for range 50 { // r and s are now and then shorter than 32 bytes
			token, err := r.Sign(alg, keys.TypAccess, claims{"ada"})
			if err != nil {
				t.Fatal(err)
			}
			sig, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatal(err)
			}
			head := sig.Signatures[0].Protected
			if head.Algorithm != alg || head.ExtraHeaders[jose.HeaderType] != "at+jwt" {
				t.Fatalf("header %+v", head)
			}
			payload, err := sig.Verify(set.Key(head.KeyID)[0])
			if err != nil {
				t.Fatal(err)
			}
			if string(payload) != `{"sub":"ada"}` {
				t.Fatalf("payload %s", payload)
			}
			var got claims
			if err := r.Verify(token, keys.TypAccess, &got); err != nil || got.Sub != "ada" {
				t.Fatalf("got %v, %v", got, err)
			}
			if alg == keys.RS256 {
				break
			}
		}
	}
	if _, err := r.Sign("ES384", keys.TypAccess, claims{}); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("got %v, want ErrNoKey", err)
	}
	if _, err := r.Sign(keys.ES256, "at+JWT", claims{}); err == nil {
		t.Error("an unknown typ is signed")
	}
}

func TestRefreshTokensAreDeterministicAndInNoJWKS(t *testing.T) { // rule J10
	r := keystest.Ring(t)
	one, err := r.SignRefresh(claims{"ada"})
	if err != nil {
		t.Fatal(err)
	}
	two, _ := r.SignRefresh(claims{"ada"})
	if one != two {
		t.Error("the same claims give different tokens")
	}
	var got claims
	if err := r.VerifyRefresh(one, &got); err != nil || got.Sub != "ada" {
		t.Fatalf("got %v, %v", got, err)
	}
	h := headerOf(t, one)
	if h.Alg != "HS256" || h.Typ != "rt+jwt" || !strings.HasPrefix(h.Kid, "1.") {
		t.Errorf("header %+v", h)
	}
	if set := publicKeys(t, r); len(set.Key(h.Kid)) != 0 {
		t.Error("the refresh key is published")
	}
}

func TestK04_EachVerifierTakesItsOwnTypeOnly(t *testing.T) { // RFC 8725 section 3.11
	r := keystest.Ring(t)
	access, _ := r.Sign(keys.ES256, keys.TypAccess, claims{"ada"})
	id, _ := r.Sign(keys.ES256, keys.TypID, claims{"ada"})
	refresh, _ := r.SignRefresh(claims{"ada"})
	tokens := map[string]string{keys.TypAccess: access, keys.TypID: id, keys.TypRefresh: refresh}
	verifiers := map[string]func(string) error{
		keys.TypAccess:  func(s string) error { return r.Verify(s, keys.TypAccess, &claims{}) },
		keys.TypID:      func(s string) error { return r.Verify(s, keys.TypID, &claims{}) },
		keys.TypRefresh: func(s string) error { return r.VerifyRefresh(s, &claims{}) },
	}
	for typ, verify := range verifiers {
		for kind, token := range tokens {
			err := verify(token)
			if kind == typ && err != nil {
				t.Errorf("%s: refuses its own: %v", typ, err)
			}
			if kind != typ && !errors.Is(err, keys.ErrType) {
				t.Errorf("%s given %s: got %v, want ErrType", typ, kind, err)
			}
		}
	}
	for _, typ := range []string{keys.TypRefresh, "", "jwt", "AT+JWT", "application/at+jwt"} {
		if err := r.Verify(access, typ, &claims{}); err == nil {
			t.Errorf("accepted as %q", typ)
		}
	}
}
