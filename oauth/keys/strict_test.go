package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
)

// stolen is the ring's own private key, as nobody outside can have it: with it the tests sign what the ring never would.
func stolen(t testing.TB, s *keystest.Store, m *seal.Master) (*ecdsa.PrivateKey, string) {
	t.Helper()
	rows, err := s.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Alg != keys.ES256 {
			continue
		}
		der, err := m.Open(row.Sealed, seal.Place("keys", row.KID, "sealed"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			t.Fatal(err)
		}
		return k.(*ecdsa.PrivateKey), row.KID
	}
	t.Fatal("no key")
	return nil, ""
}

func TestK02_HeadersAreNeverInterpreted(t *testing.T) { // RFC 8725 sections 3.1, 3.6, 3.10; RFC 7515 section 4.1.11
	store, master := &keystest.Store{}, keystest.Master(t)
	r := keystest.Open(t, keys.Options{Store: store, Locks: store, Master: master, Algs: []string{keys.ES256}})
	private, kid := stolen(t, store, master)
	sign := func(header map[string]any) string {
		t.Helper()
		raw, _ := json.Marshal(header)
		digest := crypto.SHA256.New()
		input := base64.RawURLEncoding.EncodeToString(raw) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"eve"}`))
		digest.Write([]byte(input))
		x, y, err := ecdsa.Sign(rand.Reader, private, digest.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		sig := append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)
		return input + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	good := map[string]any{"alg": "ES256", "kid": kid, "typ": "at+jwt"}
	if err := r.Verify(sign(good), keys.TypAccess, &claims{}); err != nil {
		t.Fatalf("the control token must pass: %v", err)
	}
	tests := map[string]map[string]any{
		"alg-none": {"alg": "none"}, "alg-None": {"alg": "NoNe"}, "alg-hs256": {"alg": "HS256"}, "alg-rs256": {"alg": "RS256"},
		"no-alg": {"alg": nil}, "no-kid": {"kid": nil}, "other-kid": {"kid": "../../etc/passwd"}, "typ-case": {"typ": "AT+JWT"},
		"typ-long": {"typ": "application/at+jwt"}, "no-typ": {"typ": nil}, "crit": {"crit": []string{"exp"}}, "b64": {"b64": false},
		"crit-b64": {"crit": []string{"b64"}, "b64": false}, "zip": {"zip": "DEF"}, "cty": {"cty": "JWT"},
		"jku": {"jku": "https://evil.example/jwks"}, "x5u": {"x5u": "https://evil.example/x"}, "x5c": {"x5c": []string{"MII"}},
		"jwk": {"jwk": jose.JSONWebKey{Key: private.Public()}}, "pbes2": {"alg": "PBES2-HS256+A128KW", "p2c": 1 << 30},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			header := maps.Clone(good)
			for k, v := range change {
				header[k] = v
				if v == nil {
					delete(header, k)
				}
			}
			token := sign(header)
			if err := r.Verify(token, keys.TypAccess, &claims{}); err == nil {
				t.Error("accepted")
			}
			if err := r.VerifyRefresh(token, &claims{}); err == nil {
				t.Error("accepted as a refresh token")
			}
		})
	}
}

func TestK01_PublicKeyIsNoHMACSecret(t *testing.T) { // RFC 8725 section 3.1
	r := keystest.Ring(t)
	set := publicKeys(t, r)
	spki, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	jwks, _ := r.JWKS()
	refresh, _ := r.SignRefresh(claims{})
	for _, kid := range []string{set.Keys[0].KeyID, headerOf(t, refresh).Kid} {
		for _, secret := range [][]byte{spki, jwks, make([]byte, 32)} {
			for _, typ := range []string{keys.TypAccess, keys.TypRefresh} {
				signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: kid}},
					(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
				if err != nil {
					t.Fatal(err)
				}
				sig, _ := signer.Sign([]byte(`{"sub":"eve"}`))
				token, _ := sig.CompactSerialize()
				if r.Verify(token, keys.TypAccess, &claims{}) == nil || r.VerifyRefresh(token, &claims{}) == nil {
					t.Errorf("accepted: kid %s typ %s", kid, typ)
				}
			}
		}
	}
}

func TestK07_OnlyCompactStrictBase64(t *testing.T) { // RFC 7515 section 7.1, RFC 8725 section 3.4
	r := keystest.Ring(t)
	token, err := r.Sign(keys.ES256, keys.TypAccess, claims{"ada"})
	if err != nil {
		t.Fatal(err)
	}
	p := strings.Split(token, ".")
	refresh, _ := r.SignRefresh(claims{"ada"})
	q := strings.Split(refresh, ".")
	for name, bad := range map[string]string{
		"empty": "", "dots": "..", "two-segments": p[0] + "." + p[1], "four-segments": token + ".x", "no-signature": p[0] + "." + p[1] + ".",
		"no-header": "." + p[1] + "." + p[2], "no-payload": p[0] + ".." + p[2], "padded": token + "==", "space": token + " ",
		"leading-space": " " + token, "newline-in-signature": p[0] + "." + p[1] + "." + p[2][:9] + "\n" + p[2][9:],
		"newline-in-payload": p[0] + "." + p[1][:3] + "\r\n" + p[1][3:] + "." + p[2], "short-signature": token[:len(token)-4],
		"long-signature": token + "AAAA", "std-alphabet": strings.Map(func(r rune) rune {
			if r == '-' || r == '_' {
				return '+'
			}
			return r
		}, token) + "+",
		"last-bits": p[0] + "." + p[1] + "." + twist(p[2]), "refresh-last-bits": q[0] + "." + q[1] + "." + twist(q[2]),
		"json":  `{"payload":"` + p[1] + `","protected":"` + p[0] + `","signature":"` + p[2] + `"}`,
		"large": p[0] + "." + strings.Repeat("A", 17<<10) + "." + p[2], "nul": "\x00", "utf8": "é.é.é",
		"other-payload":     p[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"eve"}`)) + "." + p[2],
		"swapped-signature": p[0] + "." + p[1] + "." + q[2],
	} {
		if r.Verify(bad, keys.TypAccess, &claims{}) == nil || r.VerifyRefresh(bad, &claims{}) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// twist changes the bits of the last character that carry nothing: the same bytes in another spelling.
func twist(seg string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, seg[len(seg)-1])
	return seg[:len(seg)-1] + string(alphabet[i^1])
}
