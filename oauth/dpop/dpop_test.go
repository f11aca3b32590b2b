package dpop_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/dpop"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/refusal"
)

const (
	issuer = "https://id.test/realm"
	path   = "/oauth2/token"
)

func judge(proofs ...string) (*dpop.Proof, error) {
	v := &dpop.Verifier{Issuer: issuer}
	return v.Judge(http.Header{"Dpop": proofs}, "POST", path)
}

func code(err error) string {
	if no, ok := errors.AsType[*refusal.Refusal](err); ok {
		return no.Code
	}
	return ""
}

// The example of RFC 9449 section 4.1 and the values of section 7.1.
func TestRFC9449_Vectors(t *testing.T) {
	const (
		proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZ" +
			"OXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIs" +
			"ImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmV" +
			"yLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4Pt" +
			"FLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
		token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
		jkt   = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	)
	// The signature and the key do not depend on the time; that the proof is old is all that is wrong with it today.
	v := &dpop.Verifier{Issuer: "https://server.example.com"}
	_, err := v.Judge(http.Header{"Dpop": {proof}}, "POST", "/token")
	if code(err) != "invalid_dpop_proof" || !strings.Contains(err.Error(), "iat") {
		t.Errorf("got %v", err)
	}
	var key jose.JSONWebKey
	err = key.UnmarshalJSON([]byte(`{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",` +
		`"y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}`))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if got := base64.RawURLEncoding.EncodeToString(sum); err != nil || got != jkt {
		t.Errorf("jkt %s, want %s", got, jkt)
	}
	if got := dpoptest.Hash(token); got != "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo" {
		t.Errorf("ath %s", got)
	}
}

func TestRFC9449_4_3_AProofIsJudged(t *testing.T) {
	key := dpoptest.New(t)
	good := func(change map[string]any) map[string]any {
		c := dpoptest.Claims("POST", issuer+path)
		maps.Copy(c, change)
		for name, v := range c {
			if v == nil {
				delete(c, name)
			}
		}
		return c
	}
	public := jose.JSONWebKey{Key: key.Private.Public()}
	other := jose.JSONWebKey{Key: dpoptest.New(t).Private.Public()}
	asked, _ := json.Marshal(public)
	with := func(member string) json.RawMessage {
		return json.RawMessage(strings.Replace(string(asked), "{", "{"+member+",", 1))
	}
	now := time.Now().Unix()
	for name, test := range map[string]struct {
		claims, header map[string]any
		ok             bool
	}{
		"good":                {ok: true},
		"htu other case":      {claims: map[string]any{"htu": "HTTPS://ID.test:443/realm/oauth2/token"}, ok: true},
		"htu query":           {claims: map[string]any{"htu": issuer + path + "?a=b#c"}, ok: true},
		"htu percent":         {claims: map[string]any{"htu": "https://id.test/re%61lm/oauth2/token"}, ok: true},
		"a bit ahead":         {claims: map[string]any{"iat": now + 20}, ok: true},
		"a bit old":           {claims: map[string]any{"iat": now - 50}, ok: true},
		"iat with a fraction": {claims: map[string]any{"iat": float64(now) + .5}, ok: true},
		"exp ahead":           {claims: map[string]any{"exp": now + 60, "nbf": now - 1}, ok: true},
		"further claims":      {claims: map[string]any{"sub": "x", "aud": []string{"y"}}, ok: true},

		"method":             {claims: map[string]any{"htm": "GET"}},
		"method other case":  {claims: map[string]any{"htm": "post"}},
		"no method":          {claims: map[string]any{"htm": nil}},
		"endpoint":           {claims: map[string]any{"htu": issuer + "/userinfo"}},
		"host":               {claims: map[string]any{"htu": "https://id.test.evil/realm/oauth2/token"}},
		"no issuer path":     {claims: map[string]any{"htu": "https://id.test/oauth2/token"}},
		"port":               {claims: map[string]any{"htu": "https://id.test:8443/realm/oauth2/token"}},
		"http":               {claims: map[string]any{"htu": "http://id.test/realm/oauth2/token"}},
		"user in htu":        {claims: map[string]any{"htu": "https://a@id.test/realm/oauth2/token"}},
		"slash at the end":   {claims: map[string]any{"htu": issuer + path + "/"}},
		"encoded slash":      {claims: map[string]any{"htu": "https://id.test/realm%2Foauth2/token"}},
		"htu of 10 KiB":      {claims: map[string]any{"htu": issuer + path + "?" + strings.Repeat("a", 5<<10)}},
		"relative":           {claims: map[string]any{"htu": "/realm" + path}},
		"no htu":             {claims: map[string]any{"htu": nil}},
		"no iat":             {claims: map[string]any{"iat": nil}},
		"old":                {claims: map[string]any{"iat": now - 90}},
		"ahead":              {claims: map[string]any{"iat": now + 60}},
		"iat as text":        {claims: map[string]any{"iat": "1"}},
		"iat huge":           {claims: map[string]any{"iat": 1e300}},
		"expired":            {claims: map[string]any{"exp": now - 1}},
		"not yet":            {claims: map[string]any{"nbf": now + 60}},
		"no jti":             {claims: map[string]any{"jti": nil}},
		"jti empty":          {claims: map[string]any{"jti": ""}},
		"jti too long":       {claims: map[string]any{"jti": strings.Repeat("a", 257)}},
		"jti number":         {claims: map[string]any{"jti": 7}},
		"names in capitals":  {claims: map[string]any{"htm": nil, "HTM": "POST"}},
		"a name twice":       {claims: map[string]any{"x": json.RawMessage(`{"a":1,"a":2}`)}},
		"typ":                {header: map[string]any{"typ": "JWT"}},
		"no typ":             {header: map[string]any{"typ": nil}},
		"typ other case":     {header: map[string]any{"typ": "DPOP+JWT"}},
		"no jwk":             {header: map[string]any{"jwk": nil}},
		"jwk of another":     {header: map[string]any{"jwk": &other}},
		"private key":        {header: map[string]any{"jwk": &jose.JSONWebKey{Key: key.Private}}},
		"symmetric key":      {header: map[string]any{"jwk": map[string]string{"kty": "oct", "k": "c2VjcmV0"}}},
		"HS256":              {header: map[string]any{"alg": "HS256"}},
		"none":               {header: map[string]any{"alg": "none"}},
		"alg of another key": {header: map[string]any{"alg": "PS256"}},
		"crit":               {header: map[string]any{"crit": []string{"b64"}, "b64": false}},
		"jwk for encryption": {header: map[string]any{"jwk": with(`"use":"enc"`)}},
		"jwk of another alg": {header: map[string]any{"jwk": with(`"alg":"ES384"`)}},
		"jwk with x5u":       {header: map[string]any{"jwk": with(`"x5u":"https://evil.test/"`)}},
		"jwk with x5c":       {header: map[string]any{"jwk": with(`"x5c":["AAAA"]`)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := judge(key.Sign(t, good(test.claims), test.header))
			switch {
			case test.ok && (err != nil || got.JKT != key.Thumbprint(t)):
				t.Errorf("got %v, %v", got, err)
			case !test.ok && (code(err) != "invalid_dpop_proof" || got != nil):
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestRFC9449_4_3_OneWellFormedProof(t *testing.T) {
	key := dpoptest.New(t)
	proof := key.Proof(t, "POST", issuer+path)
	for name, sent := range map[string][]string{
		"two headers": {proof, key.Proof(t, "POST", issuer+path)}, "two in one": {proof + "," + proof}, "empty": {""}, "garbage": {"a.b.c"},
		"10 KiB": {proof + strings.Repeat("A", 10<<10)}, "cut": {proof[:len(proof)-4]}, "JSON": {`{"payload":"e30","signatures":[]}`},
	} {
		if got, err := judge(sent...); code(err) != "invalid_dpop_proof" || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := judge(); got != nil || err != nil {
		t.Errorf("without a header: %v, %v", got, err)
	}
}

// Each algorithm that discovery names is taken.
func TestRFC9449_5_1_EveryAlgorithmWorks(t *testing.T) {
	ec := dpoptest.New(t).Private
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // too small is what is tried
	if err != nil {
		t.Fatal(err)
	}
	sign := func(alg string, key any) string {
		o := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, o)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(dpoptest.Claims("POST", issuer+path))
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signer.Sign(raw)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	keys := map[string]any{"ES256": ec, "PS256": rsaKey, "RS256": rsaKey, "EdDSA": ed}
	for _, alg := range dpop.Algs() {
		if got, err := judge(sign(alg, keys[alg])); err != nil || len(got.JKT) != 43 {
			t.Errorf("%s: %v, %v", alg, got, err)
		}
	}
	if _, err := judge(sign("PS256", small)); code(err) != "invalid_dpop_proof" {
		t.Errorf("1,024 bits: %v", err)
	}
}

func TestAProofFitsTheClientsProfile(t *testing.T) { // FAPI 2.0 Security Profile section 5.4
	plain, strong := &clients.Client{}, &clients.Client{Metadata: clients.Metadata{Profile: clients.ProfileFAPI2}}
	for _, test := range []struct {
		p    *dpop.Proof
		c    *clients.Client
		fits bool
	}{
		{nil, strong, true}, {&dpop.Proof{Alg: "RS256"}, plain, true}, {&dpop.Proof{Alg: "PS256"}, strong, true},
		{&dpop.Proof{Alg: "RS256"}, strong, false},
	} {
		if no := test.p.Fits(test.c); (no == nil) != test.fits {
			t.Errorf("%+v: %v", test, no)
		}
	}
	var none *dpop.Verifier
	if p, err := none.Judge(http.Header{"Dpop": {"x"}}, "POST", path); p != nil || err != nil {
		t.Errorf("where none are read: %v, %v", p, err)
	}
}

func TestRFC9449_8_Nonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := dpoptest.New(t)
		nonces := func(keys ...string) *dpop.Verifier {
			v := &dpop.Verifier{Issuer: issuer, Nonces: &dpop.Nonces{}, Demand: true}
			for _, k := range keys {
				v.Nonces.Keys = append(v.Nonces.Keys, []byte(k))
			}
			return v
		}
		one, replica, foreign, rotated := nonces("a"), nonces("a"), nonces("b"), nonces("b", "a")
		ask := func(v *dpop.Verifier, nonce string) (*dpop.Proof, string, error) {
			c := dpoptest.Claims("POST", issuer+path)
			if nonce != "" {
				c["nonce"] = nonce
			}
			p, err := v.Judge(http.Header{"Dpop": {key.Sign(t, c, nil)}}, "POST", path)
			if no, ok := errors.AsType[*refusal.Refusal](err); ok && no.Code == "use_dpop_nonce" {
				return nil, no.Header.Get("DPoP-Nonce"), nil
			}
			return p, "", err
		}
		_, given, _ := ask(one, "")
		if given == "" {
			t.Fatal("no nonce was given")
		}
		for name, test := range map[string]struct {
			v    *dpop.Verifier
			sent string
			ok   bool
		}{
			"same": {one, given, true}, "replica": {replica, given, true}, "after a rotation of the master key": {rotated, given, true},
			"another server": {foreign, given, false}, "made up": {one, "AAAAAAAAAAAAAAAAAAAAAAAA", false}, "longer": {one, given + "A", false},
		} {
			if p, again, err := ask(test.v, test.sent); (p != nil) != test.ok || (again != "") == test.ok || err != nil {
				t.Errorf("%s: %v, %q, %v", name, p, again, err)
			}
		}
		time.Sleep(2 * time.Minute)
		p, _, err := ask(one, given)
		h := http.Header{}
		if err == nil {
			one.Renew(h, p)
		}
		if err != nil || h.Get("DPoP-Nonce") == "" || h.Get("DPoP-Nonce") == given {
			t.Errorf("in the next window: %v, %v", err, h)
		}
		time.Sleep(2 * time.Minute)
		if p, again, err := ask(one, given); p != nil || again == "" || err != nil {
			t.Errorf("two windows later: %v, %q, %v", p, again, err)
		}
	})
}

// A key that nobody registered is not verified with if that would take long.
func TestRFC9449_11_CostlyKeysAreNotTried(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	for name, test := range map[string]struct {
		bytes int
		e     []byte
		tried bool
	}{
		"usual": {512, []byte{1, 0, 1}, true}, "huge": {520, []byte{1, 0, 1}, false}, "exponent": {256, []byte{0x7f, 0xff, 0xff, 0xff}, false},
	} {
		n := bytes.Repeat([]byte{0xff}, test.bytes)
		head := `{"typ":"dpop+jwt","alg":"PS256","jwk":{"kty":"RSA","n":"` + b64(n) + `","e":"` + b64(test.e) + `"}}`
		_, err := judge(b64([]byte(head)) + "." + b64([]byte("{}")) + "." + b64(make([]byte, test.bytes)))
		if code(err) != "invalid_dpop_proof" || strings.Contains(err.Error(), "too large") == test.tried {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is sent as a proof is refused or good, never a panic; and what is good has a key and says when it ends.
func FuzzJudge(f *testing.F) {
	key := dpoptest.New(f)
	f.Add(key.Proof(f, "POST", issuer+path))
	f.Add("a.b.c")
	f.Add(`eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7fX0.e30.AA`)
	f.Fuzz(func(t *testing.T, sent string) {
		p, err := judge(sent)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		if err != nil {
			if code(err) != "invalid_dpop_proof" {
				t.Fatal(err)
			}
			return
		}
		if _, id, until := p.Once(); len(p.JKT) != 43 || id == "" || time.Until(until) < time.Minute {
			t.Fatalf("%v", p)
		}
	})
}
