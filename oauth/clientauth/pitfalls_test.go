package clientauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/oauth/clientauth"
	"signet/oauth/refusal"
	"signet/storage/storagetest"
)

func TestK02_HeadersThatChangeTheMeaningAreRefused(t *testing.T) { // RFC 7515 section 4.1.11, RFC 8725 sections 3.6 and 3.10
	w := newWorld(t, storagetest.SQLite(t))
	for name, tt := range map[string]struct {
		change func(o *jose.SignerOptions)
		ok     bool
	}{
		"critical b64":      {func(o *jose.SignerOptions) { o.WithHeader("b64", true).WithCritical("b64") }, false},
		"b64":               {func(o *jose.SignerOptions) { o.WithHeader("b64", true) }, false},
		"zip":               {func(o *jose.SignerOptions) { o.WithHeader("zip", "DEF") }, false},
		"typ a number":      {func(o *jose.SignerOptions) { o.WithHeader("typ", 1) }, false},
		"typ in lower case": {func(o *jose.SignerOptions) { o.WithType("jwt") }, true},
		"jku is ignored":    {func(o *jose.SignerOptions) { o.WithHeader("jku", "https://evil.example/jwks") }, true},
		"x5u is ignored":    {func(o *jose.SignerOptions) { o.WithHeader("x5u", "https://evil.example/x5u") }, true},
	} {
		got, err := w.try(t.Context(), asserted(w.assertion(t, func(_ map[string]any, o *jose.SignerOptions) { tt.change(o) })),
			"X-Test-Network", name)
		if (got == "jwt") != tt.ok || !tt.ok && code(err) != "invalid_client" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestK02_AKeyInTheHeaderIsNoKey(t *testing.T) { // RFC 7515 section 4.1.3
	w, stranger := newWorld(t, storagetest.SQLite(t)), newWorld(t, storagetest.SQLite(t))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger.key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(
		map[string]any{"iss": "jwt", "sub": "jwt", "aud": issuer, "exp": time.Now().Add(time.Minute).Unix(), "jti": "x"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.try(t.Context(), asserted(text)); got != "" || code(err) != "invalid_client" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestJ04_UnknownClientsAssertionLooksLikeAWrongOne(t *testing.T) {
	w, stranger := newWorld(t, storagetest.SQLite(t)), newWorld(t, storagetest.SQLite(t))
	of := func(id string) *refusal.Refusal {
		_, err := w.try(t.Context(),
			asserted(stranger.assertion(t, func(c map[string]any, _ *jose.SignerOptions) { c["iss"], c["sub"] = id, id })))
		r, _ := errors.AsType[*refusal.Refusal](err)
		return r
	}
	a, b := of("jwt"), of("nobody")
	if a == nil || b == nil || a.Code != b.Code || a.Status != b.Status || a.Description != b.Description || len(a.Header) != len(b.Header) {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestJ04_APublicClientIsNotPausedByOthersGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		var last error
		for range 30 {
			_, last = w.try(t.Context(), url.Values{"client_id": {"public"}, "client_secret": {"guess"}}, "X-Test-Network", "192.0.2.0/24")
		}
		if r, ok := errors.AsType[*refusal.Refusal](last); !ok || r.Status != http.StatusTooManyRequests {
			t.Fatalf("guesses go on: %v", last)
		}
		if got, err := w.try(t.Context(), url.Values{"client_id": {"public"}}, "X-Test-Network", "192.0.2.0/24"); got != "public" {
			t.Errorf("the app itself: %v", err)
		}
	})
}

func TestEndlessIdsShareOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, storagetest.SQLite(t))
		var last error
		for i := range 30 {
			_, last = w.try(t.Context(), nil, "Authorization", basic(strings.Repeat("x", 10_000)+strconv.Itoa(i), "guess"), "X-Test-Network",
				"192.0.2.0/24")
		}
		if r, ok := errors.AsType[*refusal.Refusal](last); !ok || r.Status != http.StatusTooManyRequests {
			t.Errorf("each has an entry of its own: %v", last)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b, openMemory(b))
	stranger := newWorld(b, openMemory(b))
	unknown := stranger.assertion(b, func(c map[string]any, _ *jose.SignerOptions) { c["iss"], c["sub"] = "nobody", "nobody" })
	for _, bb := range []struct {
		name   string
		form   url.Values
		header string
		want   string
	}{
		{"basic", nil, basic("basic", secret), "basic"},
		{"post", url.Values{"client_id": {"post"}, "client_secret": {secret}}, "", "post"},
		{"public", url.Values{"client_id": {"public"}}, "", "public"},
		{"wrong assertion", asserted(stranger.assertion(b, nil)), "", ""},
		{"assertion of nobody", asserted(unknown), "", ""}, // about as much
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, endpoint, nil)
				if err != nil {
					b.Fatal(err)
				}
				if bb.header != "" {
					req.Header.Set("Authorization", bb.header)
				}
				if bb.want == "" {
					req.Header.Set("X-Test-Network", strconv.Itoa(n))
				}
				c, err := w.auth.Authenticate(b.Context(), req, bb.form)
				if (err == nil) != (bb.want != "") || err == nil && c.ClientID != bb.want {
					b.Fatal(err)
				}
			}
		})
	}
}

var _ clientauth.Registry = (*clients.Registry)(nil)
