package authorize_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
)

// objectWorld has an app that signs its requests.
type objectWorld struct {
	*world
	key *ecdsa.PrivateKey
}

func newObjectWorld(t *testing.T, mode string, change func(m *clients.Metadata), opts ...servertest.Option) *objectWorld {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, append(opts, servertest.HandlerOnly(), servertest.YAML(api+"authorization: {request_objects: \""+mode+"\"}\n"))...)
	w := &world{Server: s, ada: s.Person(t, "ada@example.com"), shop: s.App(t, "shop", func(m *clients.Metadata) {
		m.RedirectURIs = []string{"https://shop.example/cb?z=1", "https://shop.example/second?z=1"}
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}}
		m.TokenEndpointAuthMethod = clients.MethodBasic
		if change != nil {
			change(m)
		}
	})}
	return &objectWorld{w, key}
}

type members = map[string]any

// sign makes an object of members with the app's key.
func (w *objectWorld) sign(t *testing.T, m members, typ string) string {
	return signed(t, jose.ES256, w.key, m, typ)
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, m members, typ string) string {
	t.Helper()
	options := &jose.SignerOptions{}
	if typ != "" {
		options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	object, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func bare(t *testing.T, m members) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
}

func TestRequestObject_ItsParametersWin(t *testing.T) { // OpenID Connect Core section 6.1
	w := newObjectWorld(t, "signed", nil)
	b := w.signedIn(t)
	_, got := answered(t,
		b.Get(t, w.ask("request",
			w.sign(t, members{"state": "inside", "redirect_uri": "https://shop.example/second?z=1", "nonce": "of the object"}, ""))))
	if b.Landed.Path != "/second" || got.Get("state") != "inside" || got.Get("code") == "" {
		t.Fatalf("%s %v", b.Landed, got)
	}
	status, answer := w.shop.Post(t, "/oauth2/token",
		url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {"https://shop.example/second?z=1"}})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	if id := w.shop.IDToken(t, answer["id_token"].(string)); id.Nonce != "of the object" {
		t.Errorf("nonce %q", id.Nonce)
	}
	// numbers, lists and objects arrive as a form would have them
	if _, got := answered(t,
		b.Get(t, w.ask("request",
			w.sign(t, members{"max_age": 3600, "claims": members{"id_token": members{"auth_time": members{"essential": true}}},
				"resource": []string{}, "client_id": "shop", "response_type": "code"}, "JWT")))); got.Get("code") == "" {
		t.Errorf("%v", got)
	}
	if _, got := answered(t, b.Get(t, w.ask("request", w.sign(t, members{"max_age": 1.5}, "")))); got.Get("error") != "invalid_request" {
		t.Errorf("max_age 1.5: %v", got)
	}
	w.Advance(t, b)
}

// Advance sees that max_age inside an object asks for a new sign-in.
func (w *objectWorld) Advance(t *testing.T, b *servertest.Browser) {
	t.Helper()
	w.AgeSessions(t, w.ada.ID, 2*time.Hour)
	if b.Get(t, w.ask("request", w.sign(t, members{"max_age": 3600}, ""))); b.Landed != nil || !b.Has("login-submit") {
		t.Errorf("two hours after the sign-in: landed at %v", b.Landed)
	}
}

func TestRequestObject_OfRFC9101SaysEverything(t *testing.T) { // RFC 9101 sections 5 and 6.3
	w := newObjectWorld(t, "signed", nil)
	b := w.signedIn(t)
	all := func(pairs ...any) members {
		m := members{"iss": "shop", "aud": w.URL, "client_id": "shop", "response_type": "code", "scope": "openid",
			"redirect_uri": w.shop.RedirectURIs[0], "state": "inside",
			"exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Unix()}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
			if pairs[i+1] == nil {
				delete(m, pairs[i].(string))
			}
		}
		return m
	}
	alone := func(object string) string {
		return "/oauth2/authorize?" + url.Values{"client_id": {"shop"}, "request": {object}}.Encode()
	}
	for _, typ := range []string{"", "oauth-authz-req+jwt", "application/OAUTH-authz-req+jwt"} {
		if _, got := answered(t, b.Get(t, alone(w.sign(t, all(), typ)))); got.Get("state") != "inside" || got.Get("code") == "" {
			t.Errorf("%q: %v", typ, got)
		}
	}
	if _, got := answered(t, b.Get(t, w.ask("request", w.sign(t, all("state", nil), "oauth-authz-req+jwt")))); got.Has("state") ||
		got.Get("code") == "" {
		t.Errorf("what stands outside counts: %v", got)
	}
	for name, m := range map[string]members{
		"no iss": all("iss", nil), "another iss": all("iss", "other"), "no aud": all("aud", nil),
		"another aud": all("aud", []string{"https://other.example"}),
		"expired":     all("exp", time.Now().Add(-time.Minute).Unix()), "not yet": all("nbf", time.Now().Add(time.Minute).Unix()),
		"another client": all("client_id", "other"),
		"one in another": all("request", "x"), "an address in it": all("request_uri", "https://shop.example/r"), "aud of a number": all("aud", 1),
	} {
		_, got := answered(t, b.Get(t, w.ask("request", w.sign(t, m, "oauth-authz-req+jwt"))))
		if got.Get("error") != "invalid_request_object" || got.Get("state") != "st at&e=1" {
			t.Errorf("%s: %v", name, got)
		}
		if b.Get(t, alone(w.sign(t, m, ""))); b.Landed != nil || b.Status != http.StatusBadRequest {
			t.Errorf("%s, and nothing outside: %d, landed at %v", name, b.Status, b.Landed)
		}
	}
}

func TestRequestObject_ForgedOnesCountForNothing(t *testing.T) { // RFC 8725, RFC 9101 section 10
	w := newObjectWorld(t, "signed", nil)
	b := w.signedIn(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(w.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	m := members{"state": "inside", "redirect_uri": "https://shop.example/second?z=1"}
	good := w.sign(t, m, "")
	for name, object := range map[string]string{
		"another's key": signed(t, jose.ES256, other, m, ""), "our public key as a secret": signed(t, jose.HS256, der, m, ""),
		"nobody's":      bare(t, m),
		"a changed one": good[:len(good)-4] + "AAAA", "two signatures": good + "." + good, "an access token's type": w.sign(t, m, "at+jwt"),
		"one that could be an assertion": w.sign(t, members{"state": "inside", "sub": "shop"}, ""),
		"an assertion's":                 w.sign(t, m, "client-authentication+jwt"),
		"nothing":                        "..", "text": "x", "a list": signedText(t, w.key, "[]"),
		"too long": w.sign(t, members{"state": strings.Repeat("x", 17<<10)}, ""),
	} {
		if name == "too long" {
			object = good + strings.Repeat("A", 17<<10)
		}
		page := w.ask("request", object)
		if len(page) > 14<<10 {
			continue // no address is that long; the limit is the server's
		}
		_, got := answered(t, b.Get(t, page))
		if got.Get("error") != "invalid_request_object" || got.Get("state") != "st at&e=1" || b.Landed.Path != "/cb" {
			t.Errorf("%s: %s %v", name, b.Landed.Path, got)
		}
	}
	// the object's redirect URI is judged like any other, and an unreadable object tells nothing to an address outside that is not registered
	for name, page := range map[string]string{
		"evil inside":  w.ask("request", w.sign(t, members{"redirect_uri": "https://evil.example/cb"}, "")),
		"evil outside": w.ask("request", bare(t, m), "redirect_uri", "https://evil.example/cb"),
	} {
		if b.Get(t, page); b.Landed != nil || b.Status != http.StatusBadRequest {
			t.Errorf("%s: %d, landed at %v", name, b.Status, b.Landed)
		}
	}
	if _, got := answered(t,
		b.Get(t, w.ask("request", w.sign(t, members{"redirect_uri": w.shop.RedirectURIs[0], "state": "x"}, ""), "redirect_uri",
			"https://evil.example/cb"))); got.Get("code") == "" || b.Landed.Host != "shop.example" {
		t.Errorf("an attacker's redirect URI outside: %s %v", b.Landed, got)
	}
	if _, got := answered(t,
		b.Get(t, w.ask("request", w.sign(t, members{"response_type": "none"}, "")))); got.Get("error") != "invalid_request_object" {
		t.Errorf("another response type inside: %v", got)
	}
}

func signedText(t *testing.T, key any, text string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestRequestObject_UnsignedOnlyWhereRegisteredOrAllowed(t *testing.T) { // OpenID Connect Core section 6.1
	for name, tt := range map[string]struct {
		mode   string
		change func(m *clients.Metadata)
		ok     bool
	}{
		"signed":                      {"signed", nil, false},
		"signed, none registered":     {"signed", func(m *clients.Metadata) { m.RequestObjectSigningAlg = "none" }, true},
		"unsigned":                    {"unsigned", nil, true},
		"unsigned, ES256 registered":  {"unsigned", func(m *clients.Metadata) { m.RequestObjectSigningAlg = "ES256" }, false},
		"unsigned, client demands it": {"unsigned", func(m *clients.Metadata) { m.RequireSignedRequestObject = true }, false},
	} {
		w := newObjectWorld(t, tt.mode, tt.change)
		page := w.ask("request", bare(t, members{"state": "inside"}))
		_, got := answered(t, w.Browser(t).Get(t, page+"&prompt=none"))
		if (got.Get("error") == "login_required" && got.Get("state") == "inside") != tt.ok ||
			!tt.ok && got.Get("error") != "invalid_request_object" {
			t.Errorf("%s: %v", name, got)
		}
	}
	w := newObjectWorld(t, "signed", func(m *clients.Metadata) { m.RequireSignedRequestObject = true })
	if _, got := answered(t, w.Browser(t).Get(t, w.ask())); got.Get("error") != "invalid_request" {
		t.Errorf("without the object that the client said it always sends: %v", got)
	}
	object := w.sign(t, members{"response_type": "code", "redirect_uri": w.shop.RedirectURIs[1], "scope": "openid"}, "")
	if b := w.Browser(t).Get(t, w.ask("prompt", "none", "request", object)); b.Landed != nil || !b.Has("login-submit") {
		t.Errorf("prompt=none counts, which nobody signed: landed at %v", b.Landed)
	}
	w = newObjectWorld(t, "off", nil)
	for name, code := range map[string]string{"request": "request_not_supported", "request_uri": "request_uri_not_supported"} {
		if _, got := answered(t, w.Browser(t).Get(t, w.ask(name, "https://shop.example/r"))); got.Get("error") != code {
			t.Errorf("off: %s: %v", name, got)
		}
	}
}

// loopback lets the server fetch from the test's own sites.
var loopback = servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} })

// fetches registers addresses of request objects by http, which only a test may.
func (w *objectWorld) fetches(t *testing.T, registered []string) {
	t.Helper()
	row, _, err := w.Services().DB.ClientByID(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(registered)
	if err != nil {
		t.Fatal(err)
	}
	changed := append(append([]byte(`{"request_uris":`), list...), append([]byte(","), row.Metadata[1:]...)...)
	if err := w.Services().DB.UpdateClient(t.Context(), "shop", row.Metadata, changed, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Services().Clients.SetDisabled(t.Context(), "shop", false); err != nil { // and read it anew
		t.Fatal(err)
	}
}

func TestRequestObject_ByReference(t *testing.T) { // OpenID Connect Core section 6.2
	content, asked := "", 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/gone":
			http.NotFound(w, r)
		case "/moved":
			http.Redirect(w, r, "/r", http.StatusFound)
		case "/huge":
			_, _ = w.Write([]byte(strings.Repeat("x", 300<<10)))
		default:
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte(content))
		}
	}))
	defer site.Close()
	var registered []string
	for _, path := range []string{"/r", "/gone", "/moved", "/huge", "/named#" + strings.Repeat("B", 43)} {
		registered = append(registered, site.URL+path)
	}
	w := newObjectWorld(t, "signed", nil, loopback)
	w.fetches(t, registered)
	b := w.signedIn(t)
	content = w.sign(t, members{"state": "there"}, "")
	sum := sha256.Sum256([]byte(content))
	for _, mark := range []string{"", "#" + base64.RawURLEncoding.EncodeToString(sum[:]), "#v1"} {
		if _, got := answered(t, b.Get(t, w.ask("request_uri", site.URL+"/r"+mark))); got.Get("state") != "there" || got.Get("code") == "" {
			t.Errorf("%q: %v", mark, got)
		}
	}
	if _, got := answered(t, b.Get(t, w.ask("request_uri", registered[4]))); got.Get("code") == "" { // a registered fragment is a name
		t.Errorf("registered with a fragment: %v", got)
	}
	before := asked
	// RFC 9126: nothing but the reference counts, so there is nowhere to send an error.
	if b.Get(t, w.ask("request_uri", "urn:ietf:params:oauth:request_uri:x")); b.Landed != nil || b.Status != 400 {
		t.Errorf("never pushed: %d %v", b.Status, b.Landed)
	}
	for name, address := range map[string]string{
		"not registered": site.URL + "/other", "a query more": site.URL + "/r?x",
		"a file": "file:///etc/passwd", "an inner address": "https://169.254.169.254/latest",
	} {
		if _, got := answered(t, b.Get(t, w.ask("request_uri", address))); got.Get("error") != "invalid_request_uri" ||
			got.Get("state") != "st at&e=1" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if asked != before {
		t.Error("an address that is not registered was asked for")
	}
	for _, path := range []string{"/gone", "/moved", "/huge", "/r#" + strings.Repeat("A", 43)} {
		if _, got := answered(t, b.Get(t, w.ask("request_uri", site.URL+path))); got.Get("error") != "invalid_request_uri" {
			t.Errorf("%s: %v", path, got)
		}
	}
	if _, got := answered(t, b.Get(t, w.ask("request_uri", site.URL+"/r", "request", content))); got.Get("error") != "invalid_request" {
		t.Errorf("both: %v", got)
	}
}
