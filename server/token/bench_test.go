package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/tokens"
)

// The benchmarks measure handlers, middleware and log line included, without sockets. BenchmarkBare is the yardstick: net/http's
// form parsing, JSON and one ES256 signature. docs/benchmarks.md compares them under load.

// nowhere is a ResponseWriter that keeps the body for whoever wants it.
type nowhere struct {
	head   http.Header
	body   []byte
	status int
}

func (w *nowhere) Header() http.Header { return w.head }
func (w *nowhere) WriteHeader(s int)   { w.status = s }
func (w *nowhere) Write(p []byte) (int, error) {
	w.body = append(w.body[:0], p...)
	return len(p), nil
}

func asked(client string, form url.Values, path string) *http.Request {
	r := httptest.NewRequest("POST", oauthtest.Issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, oauthtest.Secret)
	return r
}

func run(b *testing.B, handler http.Handler, r *http.Request) []byte {
	w := &nowhere{head: http.Header{}, status: 200}
	handler.ServeHTTP(w, r)
	if w.status != 200 {
		b.Fatalf("%d %s", w.status, w.body)
	}
	return w.body
}

func BenchmarkBare(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"bare"}`))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			b.Error(err)
		}
		now := time.Now().Unix()
		claims, _ := json.Marshal(tokens.Access{
			Issuer: "x", Subject: "robot", Audience: tokens.Audience{oauthtest.API}, ClientID: "robot",
			Scope: r.PostForm.Get("scope"), IssuedAt: now, ExpiresAt: now + 600, JTI: rand.Text(),
		})
		signed := head + "." + base64.RawURLEncoding.EncodeToString(claims)
		digest := sha256.Sum256([]byte(signed))
		sr, ss, _ := ecdsa.Sign(rand.Reader, key, digest[:])
		var sig [64]byte
		sr.FillBytes(sig[:32])
		ss.FillBytes(sig[32:])
		w.Header().Set("Content-Type", "application/json")
		out, _ := json.Marshal(
			oauth.Answer{AccessToken: signed + "." + base64.RawURLEncoding.EncodeToString(sig[:]), TokenType: "Bearer", ExpiresIn: 600})
		_, _ = w.Write(out)
	})
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}
	b.ReportAllocs()
	for b.Loop() {
		run(b, mux, asked("robot", form, "/oauth2/token"))
	}
}

func BenchmarkRequestOnly(b *testing.B) { // what making the request costs in all of these
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}
	b.ReportAllocs()
	for b.Loop() {
		asked("robot", form, "/oauth2/token")
	}
}

func BenchmarkClientCredentials(b *testing.B) {
	d := open(b, oauthtest.Options{})
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}
	b.ReportAllocs()
	for b.Loop() {
		run(b, d.handler, asked("robot", form, "/oauth2/token"))
		d.log.Reset()
	}
}

func refresher(b *testing.B) (*endpoint, *string) {
	d := open(b, oauthtest.Options{})
	first := run(b, d.handler, asked("shop", oauthtest.Exchange(d.Code(b, "shop", "openid api:read", nil)), "/oauth2/token"))
	token := refreshOf(b, first)
	return d, &token
}

func refreshOf(b *testing.B, body []byte) string {
	var a oauth.Answer
	if err := json.Unmarshal(body, &a); err != nil {
		b.Fatal(err)
	}
	return a.RefreshToken
}

func BenchmarkRefresh(b *testing.B) { // access token and ID token ES256, refresh token HS256, one read, one durable write
	d, token := refresher(b)
	b.ReportAllocs()
	for b.Loop() {
		*token = refreshOf(b, run(b, d.handler, asked("shop", oauthtest.Refresh(*token), "/oauth2/token")))
		d.log.Reset()
	}
}

func BenchmarkCodeFlow(b *testing.B) { // authorize's INSERT and the exchange
	d := open(b, oauthtest.Options{})
	b.ReportAllocs()
	for b.Loop() {
		run(b, d.handler, asked("shop", oauthtest.Exchange(d.Code(b, "shop", "openid api:read", nil)), "/oauth2/token"))
		d.log.Reset()
	}
}

func BenchmarkIntrospection(b *testing.B) { // a token seen before: one read
	d := open(b, oauthtest.Options{})
	var a oauth.Answer
	body := run(b, d.handler, asked("shop", oauthtest.Exchange(d.Code(b, "shop", "openid api:read", nil)), "/oauth2/token"))
	if err := json.Unmarshal(body, &a); err != nil {
		b.Fatal(err)
	}
	form := url.Values{"token": {a.AccessToken}}
	b.ReportAllocs()
	for b.Loop() {
		run(b, d.handler, asked("shop-api", form, "/oauth2/introspect"))
		d.log.Reset()
	}
}
