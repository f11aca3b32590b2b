package egress_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signet/internal/egress"
)

func TestHTTPClientKeepsTheGuard(t *testing.T) { // rule K01
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, server.URL+"/fine", http.StatusFound)
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 65))
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
		default:
			_, _ = io.WriteString(w, strings.Repeat("x", 64))
		}
	}))
	t.Cleanup(server.Close)
	get := func(c *egress.Client, url string) (string, error) {
		res, err := c.HTTP().Get(url)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	free := egress.New(egress.Options{Allow: []string{"127.0.0.1"}, MaxBody: 64, PerHost: 1})
	t.Cleanup(free.Close)
	for range 3 { // places are given back
		if body, err := get(free, server.URL+"/fine"); err != nil || len(body) != 64 {
			t.Fatalf("got %d bytes, %v", len(body), err)
		}
	}
	for _, path := range []string{"/away", "/large", "/packed"} {
		if _, err := get(free, server.URL+path); !errors.Is(err, egress.ErrAnswer) {
			t.Errorf("%s: %v", path, err)
		}
	}
	guarded := egress.New(egress.Options{})
	t.Cleanup(guarded.Close)
	if _, err := get(guarded, server.URL+"/fine"); !errors.Is(err, egress.ErrURL) {
		t.Errorf("plain http: %v", err)
	}
	if _, err := get(guarded, "https://127.0.0.1/"); !errors.Is(err, egress.ErrAddress) {
		t.Errorf("inside: %v", err)
	}
}

func TestChosenHostsAreReachedInsideByHTTPSOnly(t *testing.T) { // an operator's own provider
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := egress.New(egress.Options{Inner: []string{"127.0.0.1"}, Roots: roots})
	t.Cleanup(c.Close)
	if _, err := c.Fetch(t.Context(), egress.Request{URL: server.URL}); err != nil {
		t.Errorf("chosen: %v", err)
	}
	for _, refused := range []string{strings.Replace(server.URL, "https:", "http:", 1),
		strings.Replace(server.URL, "127.0.0.1", "127.0.0.2", 1), strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		if _, err := c.Fetch(t.Context(), egress.Request{URL: refused}); !errors.Is(err, egress.ErrURL) {
			t.Errorf("%s: %v", refused, err)
		}
	}
}
