package kit

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var update = flag.Bool("update", false, "write the vectors of kit/vectors anew")

const (
	issuer   = "https://id.example"
	resource = "https://api.example/v1"
	at       = 1_795_000_000 // when the vectors are decided
	target   = resource + "/notes"
	metaURL  = "https://api.example/.well-known/oauth-protected-resource/v1"
)

type (
	header = map[string]any
	body   = map[string]any
)

// maker makes the vectors: the keys are those of testkeys.json, and the same run makes the same bytes.
type maker struct {
	t    testing.TB
	keys map[string]jose.JSONWebKey // private, by kid
}

// TestVectorsAreMade: the files are what this code makes (-update writes them).
func TestVectorsAreMade(t *testing.T) {
	m := newMaker(t)
	cryptotest.SetGlobalRandom(t, 1)
	for name, s := range m.suites() {
		s.Issuer, s.Resource, s.Time, s.JWKS = issuer, resource, at, m.jwks()
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(vectorsDir, name+".json")
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, out.Bytes()) {
			t.Errorf("%s is not what make_test.go makes: go test -run Made -update (%v)", path, err)
		}
	}
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	path := filepath.Join(vectorsDir, "testkeys.json")
	var set jose.JSONWebKeySet
	if raw, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(raw, &set); err != nil {
			t.Fatal(err)
		}
	} else if *update {
		set = makeKeys(t)
		raw, err := json.MarshalIndent(set, "", " ")
		if err == nil {
			err = os.WriteFile(path, append(raw, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := &maker{t: t, keys: map[string]jose.JSONWebKey{}}
	for _, k := range set.Keys {
		m.keys[k.KeyID] = k
	}
	return m
}

func makeKeys(t testing.TB) (set jose.JSONWebKeySet) {
	add := func(kid, alg, use string, key any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: alg, Use: use})
	}
	curve := func(kid, alg, use string, c elliptic.Curve) {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		add(kid, alg, use, key, err)
	}
	numbers := func(kid, alg, use string, bits int) {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		add(kid, alg, use, key, err)
	}
	curve("es", "ES256", "sig", elliptic.P256())
	curve("es384", "ES384", "sig", elliptic.P384())
	numbers("rs", "RS256", "sig", 2048)
	numbers("ps", "PS256", "sig", 2048)
	numbers("any-rsa", "", "sig", 2048)
	numbers("weak", "RS256", "sig", 1024)
	curve("enc", "", "enc", elliptic.P256())
	curve("stranger", "ES256", "", elliptic.P256())
	curve("client", "ES256", "", elliptic.P256())
	numbers("client-rsa", "PS256", "", 2048)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	add("ed", "EdDSA", "sig", ed, err)
	_, ed, err = ed25519.GenerateKey(rand.Reader)
	add("client-ed", "EdDSA", "", ed, err)
	return set
}

// jwks are the issuer's public keys, with two that must not be used, and one of a kind that nobody knows.
func (m *maker) jwks() json.RawMessage {
	var list []any
	for _, kid := range []string{"es", "es384", "rs", "ps", "any-rsa", "weak", "enc", "ed"} {
		k := m.keys[kid]
		list = append(list, k.Public())
	}
	raw, err := json.Marshal(map[string]any{"keys": append(list, map[string]any{"kty": "XYZ", "kid": "unheard-of", "use": "sig"})})
	if err != nil {
		m.t.Fatal(err)
	}
	return raw
}

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (m *maker) json(v any) []byte {
	if s, ok := v.(string); ok { // as it stands
		return []byte(s)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		m.t.Fatal(err)
	}
	return raw
}

// sign makes a JWS of a header and claims, which may be texts as they stand. ECDSA signatures are those of RFC 6979.
func (m *maker) sign(kid, alg string, head, claims any) string {
	input := b64(m.json(head)) + "." + b64(m.json(claims))
	return input + "." + b64(m.signature(kid, alg, input))
}

func (m *maker) signature(kid, alg, input string) []byte {
	hash := map[string]crypto.Hash{"384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	if hash == 0 {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write([]byte(input))
	sum := h.Sum(nil)
	var out []byte
	var err error
	switch key := m.keys[kid].Key.(type) {
	case *ecdsa.PrivateKey:
		var der []byte
		if der, err = key.Sign(nil, sum, hash); err == nil {
			out = m.fixed(der, (key.Params().BitSize+7)/8)
		}
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			out, err = rsa.SignPSS(rand.Reader, key, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			out, err = rsa.SignPKCS1v15(nil, key, hash, sum)
		}
	case ed25519.PrivateKey:
		out = ed25519.Sign(key, []byte(input))
	default:
		err = fmt.Errorf("no key %s", kid)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// fixed is a signature in the form of JWS (RFC 7518 section 3.4), of one in DER.
func (m *maker) fixed(der []byte, size int) []byte {
	r, s := derNumbers(der)
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out
}

// derNumbers reads SEQUENCE { r INTEGER, s INTEGER } of less than 128 bytes.
func derNumbers(der []byte) (r, s *big.Int) {
	rest := der[2:]
	take := func() *big.Int {
		n := int(rest[1])
		v := new(big.Int).SetBytes(rest[2 : 2+n])
		rest = rest[2+n:]
		return v
	}
	r = take()
	return r, take()
}

// good are the claims of a token that is good, with changes; nil takes one away.
func good(changes body) body {
	c := body{"iss": issuer, "sub": "ada", "aud": resource, "client_id": "app", "iat": at - 60, "exp": at + 600, "jti": "t-1",
		"scope": "notes:read profile"}
	return changed(c, changes)
}

func changed(c, changes map[string]any) map[string]any {
	c = maps.Clone(c)
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// token is one with changes to its claims.
func (m *maker) token(changes body) string {
	return m.sign("es", "ES256", header{"alg": "ES256", "typ": "at+jwt", "kid": "es"}, good(changes))
}

// headed is a good token with changes to its header.
func (m *maker) headed(changes header) string {
	return m.sign("es", "ES256", changed(header{"alg": "ES256", "typ": "at+jwt", "kid": "es"}, changes), good(nil))
}

func (m *maker) thumbprint(kid string) string {
	k := m.keys[kid]
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		m.t.Fatal(err)
	}
	return b64(sum)
}

// proof is a good one for the target and a token, with changes to its claims.
func (m *maker) proof(token string, changes body) string {
	return m.proofWith("client", "ES256", token, nil, changes)
}

func (m *maker) proofWith(kid, alg, token string, head header, changes body) string {
	sum := sha256.Sum256([]byte(token))
	claims := changed(body{"jti": "p-1", "htm": "GET", "htu": target, "iat": at, "ath": b64(sum[:])}, changes)
	k := m.keys[kid]
	public := k.Public()
	return m.sign(kid, alg, changed(header{"typ": "dpop+jwt", "alg": alg, "jwk": jose.JSONWebKey{Key: public.Key}}, head), claims)
}

func nonceAt(key []byte, time int64) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(big.NewInt(time / 120).FillBytes(make([]byte, 8)))
	return b64(mac.Sum(nil)[:18])
}

// certificate is one of the client, self-signed.
func (m *maker) certificate(serial int64) []byte {
	key := m.keys["client-ed"].Key.(ed25519.PrivateKey)
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Unix(at-86400, 0).UTC(), NotAfter: time.Unix(at+86400, 0).UTC()}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	return der
}

// get is a request with the headers, as name, value, name, value.
func get(headers ...string) vectorReq {
	r := vectorReq{Method: "GET", URL: target}
	for pair := range slices.Chunk(headers, 2) {
		r.Headers = append(r.Headers, [2]string{pair[0], pair[1]})
	}
	return r
}

func bearer(token string) vectorReq { return get("Authorization", "Bearer "+token) }

func withProof(token, proof string) vectorReq {
	return get("Authorization", "DPoP "+token, "DPoP", proof)
}

func allowed() outcome {
	return outcome{Status: 200, Subject: "ada", ClientID: "app", Scopes: []string{"notes:read", "profile"}}
}

const (
	proofAlgsText = "ES256 ES384 ES512 PS256 RS256 EdDSA"
	dpopAlone     = `DPoP resource_metadata="` + metaURL + `", algs="` + proofAlgsText + `"`
	bearerAlone   = `Bearer resource_metadata="` + metaURL + `"`
)

// sentences are code and text of the answers, written down a second time.
var sentences = map[Reason][3]string{
	ErrNoToken:     {"401", "", ""},
	ErrRequest:     {"400", "", ""},
	ErrMalformed:   {"401", "invalid_token", "The access token is malformed."},
	ErrType:        {"401", "invalid_token", "The token is not an access token."},
	ErrAlgorithm:   {"401", "invalid_token", "The access token is not valid."},
	ErrKey:         {"401", "invalid_token", "The access token is not valid."},
	ErrSignature:   {"401", "invalid_token", "The access token is not valid."},
	ErrIssuer:      {"401", "invalid_token", "The access token is not valid."},
	ErrAudience:    {"401", "invalid_token", "The access token is for another resource."},
	ErrExpired:     {"401", "invalid_token", "The access token has expired."},
	ErrEarly:       {"401", "invalid_token", "The access token is not valid yet."},
	ErrBinding:     {"401", "invalid_token", "The access token is not valid for the key of this request."},
	ErrProof:       {"401", "invalid_dpop_proof", "The DPoP proof is not valid for this request."},
	ErrNonce:       {"401", "use_dpop_nonce", "Send a DPoP proof with the nonce of the header DPoP-Nonce."},
	ErrReplay:      {"401", "invalid_dpop_proof", "The DPoP proof was used before."},
	ErrInactive:    {"401", "invalid_token", "The access token is not active."},
	ErrScope:       {"403", "insufficient_scope", "The access token lacks a scope."},
	ErrSignIn:      {"401", "insufficient_user_authentication", "Another sign-in is needed."},
	ErrCalls:       {"429", "", ""},
	ErrUnavailable: {"503", "", ""},
}

// refused is the outcome for a request; more goes into the challenge behind the description.
func refused(reason Reason, dpop bool, more string) (o outcome) {
	says := sentences[reason]
	o.Reason = reason
	_, _ = fmt.Sscan(says[0], &o.Status)
	if o.Status != 401 && o.Status != 403 {
		return o
	}
	var params string
	if says[1] != "" {
		params = `error="` + says[1] + `", error_description="` + says[2] + `", `
	}
	if more != "" {
		params += more + ", "
	}
	if dpop {
		o.Challenge = []string{strings.Replace(dpopAlone, "DPoP ", "DPoP "+params, 1), bearerAlone}
	} else {
		o.Challenge = []string{strings.Replace(bearerAlone, "Bearer ", "Bearer "+params, 1), dpopAlone}
	}
	return o
}

const sha256Hash = crypto.SHA256

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}
