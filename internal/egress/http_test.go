package egress_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signet/internal/egress"
)

func TestHTTPClientKeepsTheGuard(t *testing.T) { // security notes K01
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
