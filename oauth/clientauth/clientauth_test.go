package clientauth_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/refusal"
	"signet/storage"
	"signet/storage/storagetest"
)

const (
	issuer   = "https://id.example.com"
	endpoint = issuer + "/oauth2/token"
	platform = "https://kubernetes.example"
	secret   = "a secret with: odd/characters+and%more than 32"
)

type world struct {
	auth *clientauth.Authenticator
	key  *ecdsa.PrivateKey
	db   *storage.DB
}

func newWorld(t testing.TB, db *storage.DB) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	client := func(id, method string) clients.Metadata {
		m := clients.Metadata{ClientID: id, RedirectURIs: []string{"https://x.example/cb"}, TokenEndpointAuthMethod: method}
		if method == clients.MethodBasic || method == clients.MethodPost {
			m.ClientSecret = secret
		}
		if method == clients.MethodJWTKey {
			m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}}
		}
		return m
	}
	workload := clients.Metadata{ClientID: "workload", TokenEndpointAuthMethod: clients.MethodJWTKey,
		GrantTypes: []string{clients.ClientCredentials}}
	workload.FederatedCredentials = []clients.FederatedCredential{
		{Issuer: platform, Subject: "system:serviceaccount:shop:worker", JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}}},
		{Issuer: platform, Subject: "repo:acme/shop", Audience: "signet", Claims: map[string]string{"repository_id": "7", "ref": "main"},
			JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public()}}}},
	}
	r, err := clients.New(t.Context(), clients.Options{Store: db, Issuer: issuer, SecretKeys: [][]byte{bytes.Repeat([]byte{1}, 32)},
		Declared: []clients.Metadata{client("basic", clients.MethodBasic), client("odd:+id", clients.MethodBasic),
			client("post", clients.MethodPost), client("public", clients.MethodNone), client("jwt", clients.MethodJWTKey),
			client("jwt2", clients.MethodJWTKey), workload}})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := clientauth.New(clientauth.Options{Registry: r, Replay: db, Issuer: issuer, Audiences: []string{endpoint},
		Network: func(r *http.Request) string { return r.Header.Get("X-Test-Network") }})
	if err != nil {
		t.Fatal(err)
	}
	return &world{auth: auth, key: key, db: db}
}

// try authenticates a request with a form and headers (pairs); it returns the client's id.
func (w *world) try(ctx context.Context, form url.Values, headers ...string) (string, error) {
	req := httptest.NewRequestWithContext(ctx, "POST", endpoint, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	c, err := w.auth.Authenticate(ctx, req, form)
	if err != nil {
		return "", err
	}
	return c.ClientID, nil
}

func basic(id, secret string) string {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return req.Header.Get("Authorization")
}

// assertion is a right one, changed.
func (w *world) assertion(t testing.TB, change func(claims map[string]any, o *jose.SignerOptions)) string {
	t.Helper()
	claims := map[string]any{"iss": "jwt", "sub": "jwt", "aud": issuer, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"jti": rand.Text()}
	o := (&jose.SignerOptions{}).WithHeader("kid", "k")
	if change != nil {
		change(claims, o)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: w.key}, o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asserted(assertion string, pairs ...string) url.Values {
	form := url.Values{"client_assertion": {assertion}, "client_assertion_type": {clientauth.AssertionType}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func code(err error) string {
	if r, ok := errors.AsType[*refusal.Refusal](err); ok {
		return r.Code
	}
	return ""
}

func TestMethods(t *testing.T) { // RFC 6749 section 2.3.1, RFC 7523 section 2.2
	w := newWorld(t, storagetest.SQLite(t))
	for want, req := range map[string]struct {
		form   url.Values
		header []string
	}{
		"basic":   {nil, []string{"Authorization", basic("basic", secret)}},
		"odd:+id": {nil, []string{"Authorization", basic("odd:+id", secret)}}, // C6: form-encoded before base64
		"post":    {url.Values{"client_id": {"post"}, "client_secret": {secret}}, nil},
		"public":  {url.Values{"client_id": {"public"}}, nil},
		"jwt":     {asserted(w.assertion(t, nil), "client_id", "jwt"), nil},
	} {
		if got, err := w.try(t.Context(), req.form, req.header...); got != want {
			t.Errorf("%s: got %q, %v", want, got, err)
		}
	}
}

func TestJ01_ExactlyTheRegisteredMethod(t *testing.T) { // RFC 6749 section 2.3
	w := newWorld(t, storagetest.SQLite(t))
	header := []string{"Authorization", basic("basic", secret)}
	tests := map[string]struct {
		form   url.Values
		header []string
		code   string
	}{
		"basic and body secret":    {url.Values{"client_secret": {secret}}, header, "invalid_request"},
		"basic and assertion":      {asserted(w.assertion(t, nil)), header, "invalid_request"},
		"secret and assertion":     {asserted(w.assertion(t, nil), "client_id", "jwt", "client_secret", secret), nil, "invalid_request"},
		"basic, other client_id":   {url.Values{"client_id": {"post"}}, header, "invalid_request"},
		"assertion, other client":  {asserted(w.assertion(t, nil), "client_id", "post"), nil, "invalid_client"},
		"post client by basic":     {nil, []string{"Authorization", basic("post", secret)}, "invalid_client"},
		"basic client by post":     {url.Values{"client_id": {"basic"}, "client_secret": {secret}}, nil, "invalid_client"},
		"basic client by nothing":  {url.Values{"client_id": {"basic"}}, nil, "invalid_client"},
		"J02 public with a secret": {url.Values{"client_id": {"public"}, "client_secret": {"x"}}, nil, "invalid_client"},
		"public by basic":          {nil, []string{"Authorization", basic("public", "")}, "invalid_client"},
		"nobody":                   {nil, nil, "invalid_client"},
		"two headers":              {nil, append(header, header...), "invalid_client"},
		"bearer":                   {nil, []string{"Authorization", "Bearer x"}, "invalid_client"},
		"broken base64":            {nil, []string{"Authorization", "Basic !!"}, "invalid_client"},
		"broken escape":            {nil, []string{"Authorization", "Basic " + "JXp6Onh4"}, "invalid_client"},
		"empty secret":             {nil, []string{"Authorization", basic("basic", "")}, "invalid_client"},
		"other assertion type": {url.Values{"client_assertion": {w.assertion(t, nil)}, "client_assertion_type": {"x"}}, nil,
			"invalid_client"},
	}
	for name, tt := range tests {
		got, err := w.try(t.Context(), tt.form, tt.header...)
		if got != "" || code(err) != tt.code {
			t.Errorf("%s: got %q, %v; want %s", name, got, err, tt.code)
		}
	}
}

func TestJ04_C5_UnknownClientLooksLikeAWrongSecret(t *testing.T) { // RFC 6749 section 5.2
	w := newWorld(t, storagetest.SQLite(t))
	_, wrong := w.try(t.Context(), nil, "Authorization", basic("basic", "wrong"))
	_, unknown := w.try(t.Context(), nil, "Authorization", basic("nobody", "wrong"))
	a, _ := errors.AsType[*refusal.Refusal](wrong)
	b, _ := errors.AsType[*refusal.Refusal](unknown)
	if a == nil || b == nil || a.Code != b.Code || a.Description != b.Description || a.Status != 401 || b.Status != 401 {
		t.Fatalf("%v and %v", wrong, unknown)
	}
	if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic ") || !strings.HasPrefix(b.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("no challenge: %v, %v", a.Header, b.Header)
	}
}

func TestJ03_Assertions(t *testing.T) { // RFC 7523 section 3
	type claims = map[string]any
	type options = *jose.SignerOptions
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	tests := map[string]struct {
		change func(c claims, o options)
		ok     bool
	}{
		"right":                    {nil, true},
		"C2 token endpoint":        {func(c claims, _ options) { c["aud"] = endpoint }, true},
		"one audience in a list":   {func(c claims, _ options) { c["aud"] = []string{issuer} }, true},
		"C1 8 s ahead":             {func(c claims, _ options) { c["iat"], c["nbf"] = in(8*time.Second), in(8*time.Second) }, true},
		"typ JWT":                  {func(_ claims, o options) { o.WithType("JWT") }, true},
		"C3 typ client-auth":       {func(_ claims, o options) { o.WithType("client-authentication+jwt") }, true},
		"no iat":                   {func(c claims, _ options) { delete(c, "iat") }, true},
		"two audiences":            {func(c claims, _ options) { c["aud"] = []string{issuer, "https://evil.example"} }, false},
		"other audience":           {func(c claims, _ options) { c["aud"] = "https://evil.example" }, false},
		"audience with slash":      {func(c claims, _ options) { c["aud"] = issuer + "/" }, false},
		"no audience":              {func(c claims, _ options) { delete(c, "aud") }, false},
		"audience a number":        {func(c claims, _ options) { c["aud"] = 1 }, false},
		"other iss":                {func(c claims, _ options) { c["iss"] = "jwt2" }, false},
		"other sub":                {func(c claims, _ options) { c["sub"] = "jwt2" }, false},
		"no exp":                   {func(c claims, _ options) { delete(c, "exp") }, false},
		"expired":                  {func(c claims, _ options) { c["exp"] = in(-time.Minute) }, false},
		"C1 ten years":             {func(c claims, _ options) { c["exp"] = in(10 * 365 * 24 * time.Hour) }, false},
		"exp beyond all numbers":   {func(c claims, _ options) { c["exp"] = 1e300 }, false},
		"C1 nbf over 60 s ahead":   {func(c claims, _ options) { c["nbf"] = in(61 * time.Second) }, false},
		"iat over 60 s ahead":      {func(c claims, _ options) { c["iat"] = in(61 * time.Second) }, false},
		"no jti":                   {func(c claims, _ options) { delete(c, "jti") }, false},
		"long jti":                 {func(c claims, _ options) { c["jti"] = strings.Repeat("x", 257) }, false},
		"typ of an access token":   {func(_ claims, o options) { o.WithType("at+jwt") }, false},
		"K03 other kid":            {func(_ claims, o options) { o.WithHeader("kid", "other") }, false},
		"K02 crit":                 {func(_ claims, o options) { o.WithHeader("crit", []string{"x"}).WithHeader("x", 1) }, false},
		"a request object":         {func(c claims, _ options) { c["response_type"] = "code" }, false},
		"one without its type":     {func(c claims, _ options) { c["redirect_uri"] = "https://app.example/cb" }, false},
		"exp a string":             {func(c claims, _ options) { c["exp"] = "soon" }, false},
		"sub of an unknown client": {func(c claims, _ options) { c["iss"], c["sub"] = "nobody", "nobody" }, false},
	}
	w := newWorld(t, storagetest.SQLite(t))
	for name, tt := range tests {
		got, err := w.try(t.Context(), asserted(w.assertion(t, tt.change)))
		if (got == "jwt") != tt.ok || !tt.ok && code(err) != "invalid_client" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	foreign := newWorld(t, storagetest.SQLite(t)).assertion(t, nil)
	for name, assertion := range map[string]string{"foreign key": foreign,
		"none": "eyJhbGciOiJub25lIn0." + strings.Split(foreign, ".")[1] + ".", "garbage": "x.y.z",
		"huge": foreign + strings.Repeat("A", 20<<10)} {
		if got, err := w.try(t.Context(), asserted(assertion)); got != "" || code(err) != "invalid_client" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestJ03_AnAssertionCountsOnce(t *testing.T) { // RFC 7523 section 3, item 7
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		const jti = "one id for two clients"
		form := asserted(w.assertion(t, func(c map[string]any, _ *jose.SignerOptions) { c["jti"] = jti }))
		var mu sync.Mutex
		won, refused := 0, 0
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				got, err := w.try(t.Context(), form)
				mu.Lock()
				defer mu.Unlock()
				if got == "jwt" {
					won++
				} else if code(err) == "invalid_client" { // C5: not jti_known
					refused++
				}
			})
		}
		wg.Wait()
		if won != 1 || refused != 19 {
			t.Errorf("%d won, %d refused", won, refused)
		}
		other := w.assertion(t, func(c map[string]any, _ *jose.SignerOptions) { c["jti"], c["iss"], c["sub"] = jti, "jwt2", "jwt2" })
		if got, err := w.try(t.Context(), asserted(other)); got != "jwt2" {
			t.Errorf("another client's jti: %v", err)
		}
	})
}

type replayAway struct{}

func (replayAway) SpendOnce(context.Context, string, string, string, time.Time) error {
	return storage.ErrUnavailable
}

func TestA18_UnreachableReplayStoreFailsClosed(t *testing.T) {
	w := newWorld(t, storagetest.SQLite(t))
	good := w.assertion(t, nil)
	r, err := clients.New(t.Context(),
		clients.Options{Store: w.db, Issuer: issuer, SecretKeys: [][]byte{{1}}, Declared: []clients.Metadata{{ClientID: "jwt",
			RedirectURIs: []string{"https://x.example/cb"}, TokenEndpointAuthMethod: clients.MethodJWTKey,
			JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: w.key.Public(), KeyID: "k"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if w.auth, err = clientauth.New(clientauth.Options{Registry: r, Replay: replayAway{}, Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.try(t.Context(), asserted(good)); got != "" || !errors.Is(err, storage.ErrUnavailable) || code(err) == "invalid_client" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJ04_FailuresAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		try := func(secret, network string) error {
			_, err := w.try(t.Context(), nil, "Authorization", basic("basic", secret), "X-Test-Network", network)
			return err
		}
		var last *refusal.Refusal
		for range 25 {
			last, _ = errors.AsType[*refusal.Refusal](try("wrong", "192.0.2.0/24"))
		}
		if last == nil || last.Status != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
			t.Fatalf("after 25 failures: %v", last)
		}
		if err := try(secret, "198.51.100.0/24"); err != nil {
			t.Errorf("the client itself, elsewhere: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := try(secret, "192.0.2.0/24"); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

func FuzzAssertion(f *testing.F) {
	w := newWorld(f, openMemory(f))
	f.Add(w.assertion(f, nil)[:40])
	f.Add("e30.e30.e30")
	f.Add("eyJhbGciOiJub25lIn0.eyJzdWIiOiJqd3QifQ.")
	f.Fuzz(func(t *testing.T, assertion string) {
		got, err := w.try(t.Context(), asserted(assertion), "X-Test-Network", rand.Text())
		if got != "" || code(err) != "invalid_client" && code(err) != "invalid_request" {
			t.Fatalf("%q: got %q, %v", assertion, got, err)
		}
	})
}

func openMemory(f testing.TB) *storage.DB {
	f.Helper()
	db, err := storage.Open(f.Context(), storage.Options{DSN: "sqlite::memory:"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	if _, err := db.MigrateUp(f.Context()); err != nil {
		f.Fatal(err)
	}
	return db
}
