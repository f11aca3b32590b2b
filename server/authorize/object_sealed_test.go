package authorize_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/config"
	"signet/oauth/keys"
	"signet/server/servertest"
)

// newSealedWorld has an app that encrypts its requests to the server's keys.
func newSealedWorld(t *testing.T, mode string, change func(m *clients.Metadata)) *objectWorld {
	t.Helper()
	return newObjectWorld(t, mode, change,
		servertest.Change(func(c *config.Config) { c.Authorization.EncryptedRequestObjects = true }))
}

// encryptionKeys are those of the JWKS, by kind.
func (w *objectWorld) encryptionKeys(t *testing.T) map[string]jose.JSONWebKey {
	t.Helper()
	var set jose.JSONWebKeySet
	resp, err := w.HTTP.Get(w.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	found := map[string]jose.JSONWebKey{}
	for i, k := range set.Keys {
		if k.Use != "enc" {
			continue
		}
		if !k.IsPublic() || i < 2 {
			t.Fatalf("key %d: %v", i, k)
		}
		found[map[bool]string{true: keys.ForCurves, false: keys.ForRSA}[isCurve(k)]] = k
	}
	return found
}

func isCurve(k jose.JSONWebKey) bool { _, ok := k.Key.(*ecdsa.PublicKey); return ok }

func encrypted(t *testing.T, alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, kid, text string,
	options *jose.EncrypterOptions) string {
	t.Helper()
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRequestObject_Encrypted(t *testing.T) { // OpenID Connect Core section 6.1, RFC 9101 section 6.1
	w := newSealedWorld(t, "signed", nil)
	ours := w.encryptionKeys(t)
	if len(ours) != 2 {
		t.Fatalf("in the JWKS: %v", ours)
	}
	inside := w.sign(t, members{"state": "inside"}, "")
	nested := (&jose.EncrypterOptions{}).WithContentType("JWT")
	b := w.signedIn(t)
	seal := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, named bool) string {
		kind := keys.ForCurves
		if strings.HasPrefix(string(alg), "RSA") {
			kind = keys.ForRSA
		}
		kid := ""
		if named {
			kid = ours[kind].KeyID
		}
		return encrypted(t, alg, enc, ours[kind].Key, kid, inside, nested)
	}
	for _, alg := range []jose.KeyAlgorithm{jose.RSA_OAEP, jose.RSA_OAEP_256, jose.ECDH_ES, jose.ECDH_ES_A128KW, jose.ECDH_ES_A256KW} {
		for _, enc := range []jose.ContentEncryption{jose.A128CBC_HS256, jose.A256CBC_HS512, jose.A128GCM, jose.A256GCM} {
			_, got := answered(t, b.Get(t, w.ask("request", seal(alg, enc, enc != jose.A128GCM))))
			if got.Get("code") == "" || got.Get("state") != "inside" {
				t.Errorf("%s, %s: %v", alg, enc, got)
			}
		}
	}
	var told struct {
		Algs []string `json:"request_object_encryption_alg_values_supported"`
		Encs []string `json:"request_object_encryption_enc_values_supported"`
	}
	w.discovered(t, &told)
	if !slices.Contains(told.Algs, "ECDH-ES") || slices.Contains(told.Algs, "RSA1_5") || !slices.Contains(told.Encs, "A256GCM") {
		t.Errorf("discovery: %v", told)
	}

	// Rotation: what was encrypted to the key before is still opened, until that one is given up.
	old := seal(jose.ECDH_ES, jose.A128GCM, true)
	ring := w.Services().Keys
	if err := ring.Tick(t.Context(), time.Now().Add(10*time.Second)); err != nil { // the first keys take their place
		t.Fatal(err)
	}
	if _, err := ring.Rotate(t.Context(), keys.ForCurves, false); err != nil {
		t.Fatal(err)
	}
	if err := ring.Tick(t.Context(), time.Now().Add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := ring.Tick(t.Context(), time.Now().Add(3*time.Hour)); err != nil { // retired
		t.Fatal(err)
	}
	now := w.encryptionKeys(t)[keys.ForCurves]
	if now.KeyID == ours[keys.ForCurves].KeyID {
		t.Fatal("nothing rotated")
	}
	for name, object := range map[string]string{"old": old,
		"new": encrypted(t, jose.ECDH_ES, jose.A128GCM, now.Key, now.KeyID, inside, nested)} {
		if _, got := answered(t, b.Get(t, w.ask("request", object))); got.Get("code") == "" {
			t.Errorf("%s key: %v", name, got)
		}
	}
	if err := ring.Tick(t.Context(), time.Now().Add(28*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, got := answered(t, b.Get(t, w.ask("request", old))); got.Get("error") != "invalid_request_object" {
		t.Errorf("a day later: %v", got)
	}
}

func (w *objectWorld) discovered(t *testing.T, out any) {
	t.Helper()
	resp, err := w.HTTP.Get(w.URL + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

func TestRequestObject_EncryptedOnesThatCountForNothing(t *testing.T) { // RFC 8725, RFC 7516 section 11
	w := newSealedWorld(t, "unsigned", func(m *clients.Metadata) { m.RequestObjectSigningAlg = "ES256" })
	ours := w.encryptionKeys(t)
	curve, big := ours[keys.ForCurves], ours[keys.ForRSA]
	b := w.signedIn(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := members{"state": "inside"}
	inside := w.sign(t, m, "")
	seal := func(text string) string {
		return encrypted(t, jose.ECDH_ES, jose.A128GCM, curve.Key, curve.KeyID, text, nil)
	}
	good := seal(inside)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	header := func(h string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(h)) + good[strings.IndexByte(good, '.'):]
	}
	for name, object := range map[string]string{
		"RSA1_5":   encrypted(t, "RSA1_5", jose.A128GCM, big.Key, big.KeyID, inside, nil),
		"deflated": encrypted(t, jose.ECDH_ES, jose.A128GCM, curve.Key, curve.KeyID, inside, &jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"a bomb": encrypted(t, jose.RSA_OAEP, jose.A128GCM, big.Key, "", strings.Repeat("x", 4<<20),
			&jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"an algorithm that is not offered": encrypted(t, jose.RSA_OAEP_256, jose.A192GCM, big.Key, big.KeyID, inside, nil),
		"a secret":                         encrypted(t, jose.DIRECT, jose.A128GCM, make([]byte, 16), "", inside, nil),
		"another's key":                    encrypted(t, jose.ECDH_ES, jose.A128GCM, other.Public(), "", inside, nil),
		"another's key under our kid":      encrypted(t, jose.ECDH_ES, jose.A128GCM, other.Public(), curve.KeyID, inside, nil),
		"another curve":                    encrypted(t, jose.ECDH_ES, jose.A128GCM, foreign.Public(), curve.KeyID, inside, nil),
		"an unknown kid":                   encrypted(t, jose.ECDH_ES, jose.A128GCM, curve.Key, "x", inside, nil),
		"the kid of the other kind":        encrypted(t, jose.ECDH_ES, jose.A128GCM, curve.Key, big.KeyID, inside, nil),
		"only encrypted, must be signed":   seal(string(text)),
		"none inside":                      seal(bare(t, m)), "encrypted twice": seal(good), "text": seal("x"), "nothing": seal(""),
		"changed": good[:len(good)-4] + "AAAA", "crit": header(`{"alg":"ECDH-ES","enc":"A128GCM","crit":["x"],"x":1}`),
		"no header": "...." + good, "points": "....",
		"another's signature": seal(signed(t, jose.ES256, other, m, "")),
	} {
		_, got := answered(t, b.Get(t, w.ask("request", object)))
		if got.Get("error") != "invalid_request_object" || got.Get("state") != "st at&e=1" || strings.Contains(got.Encode(), "key") {
			t.Errorf("%s: %v", name, got)
		}
	}
	// what is encrypted and not signed is like an object that nobody signed
	w = newSealedWorld(t, "unsigned", nil)
	curve = w.encryptionKeys(t)[keys.ForCurves]
	if _, got := answered(t, w.signedIn(t).Get(t, w.ask("request", seal(string(text))))); got.Get("code") == "" ||
		got.Get("state") != "inside" {
		t.Errorf("unsigned: %v", got)
	}
	w = newObjectWorld(t, "signed", nil) // off
	if _, got := answered(t, w.signedIn(t).Get(t, w.ask("request", good))); got.Get("error") != "invalid_request_object" {
		t.Errorf("off: %v", got)
	}
	if len(w.encryptionKeys(t)) != 0 {
		t.Error("keys that nobody needs")
	}
}

// A pushed object counts once, as nobody pushes twice by accident; an address is opened as often as a person likes.
func TestRequestObject_ItsIDCountsOnceWhereItIsPushed(t *testing.T) { // RFC 7519 section 4.1.7
	w := newObjectWorld(t, "signed", nil)
	b := w.signedIn(t)
	object := func(jti any, more ...any) string {
		m := members{"state": "inside", "jti": jti, "response_type": "code", "redirect_uri": w.shop.RedirectURIs[0], "scope": "openid"}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return w.sign(t, m, "")
	}
	push := func(object string) (int, map[string]any) {
		return w.shop.Post(t, "/oauth2/par",
			url.Values{"client_id": {"shop"}, "response_type": {"code"}, "scope": {"openid"}, "request": {object}})
	}
	one := object("1")
	if status, got := push(one); status != http.StatusCreated {
		t.Fatalf("%d %v", status, got)
	}
	if status, got := push(one); status != http.StatusBadRequest || got["error"] != "invalid_request_object" {
		t.Errorf("again: %d %v", status, got)
	}
	if status, _ := push(object("1", "state", "another")); status != http.StatusBadRequest {
		t.Errorf("another object of the same id: %d", status)
	}
	if status, got := push(object("2", "exp", time.Now().Add(time.Minute).Unix())); status != http.StatusCreated {
		t.Errorf("another id: %d %v", status, got)
	}
	for _, odd := range []any{"", 7, []string{"x"}} {
		if status, _ := push(object(odd)); status != http.StatusBadRequest {
			t.Errorf("jti %v: %d", odd, status)
		}
	}
	for range 2 { // and what was pushed may still be reloaded
		if _, got := answered(t, b.Get(t, w.ask("request", one))); got.Get("code") == "" || got.Get("state") != "inside" {
			t.Errorf("in the browser: %v", got)
		}
	}
}
