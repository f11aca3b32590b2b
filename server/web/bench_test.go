package web_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/internal/telemetry"
	"signet/server/web"
)

// quiet is a ResponseWriter that costs nothing.
type quiet struct{ h http.Header }

func (q *quiet) Header() http.Header         { return q.h }
func (q *quiet) Write(p []byte) (int, error) { return len(p), nil }
func (q *quiet) WriteHeader(int)             {}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

var answer = tokenAnswer{strings.Repeat("a", 600), "Bearer", 600}

// benchmarkHandler drives a handler as the server would, without a socket: the difference between the two benchmarks below
// is what the whole frame adds to a token request (event to a buffered log, metrics, limits, headers, context).
func benchmarkHandler(b *testing.B, h http.Handler) {
	const body = "grant_type=client_credentials&scope=api:read"
	b.ReportAllocs()
	for b.Loop() {
		r := &http.Request{Method: "POST", URL: &url.URL{Path: "/oauth2/token"}, RequestURI: "/oauth2/token", Host: "id.example",
			RemoteAddr: "203.0.113.9:4711",
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {"Basic c2hvcDpzZWNyZXQ="},
				"User-Agent": {"bench"}},
			ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
		h.ServeHTTP(&quiet{http.Header{}}, r)
	}
}

func BenchmarkHandler(b *testing.B) {
	log := telemetry.NewBuffered(io.Discard)
	defer log.Close()
	u, _ := url.Parse("https://id.example")
	m := web.NewMux(
		web.Options{Issuer: u, Metrics: telemetry.NewMetrics(), Log: telemetry.NewLogger(telemetry.LogOptions{Writer: log, Format: "json"}),
			Errors: func(http.ResponseWriter, *http.Request, *web.PageError) error { return nil }})
	m.API("POST /oauth2/token", web.RegisteredCORS, func(w http.ResponseWriter, _ *http.Request) error {
		return web.WriteJSON(w, http.StatusOK, answer)
	})
	benchmarkHandler(b, m.Handler())
}

func BenchmarkBare(b *testing.B) {
	m := http.NewServeMux()
	m.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = web.WriteJSON(w, http.StatusOK, answer)
	})
	benchmarkHandler(b, m)
}
