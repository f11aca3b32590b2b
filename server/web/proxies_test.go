package web_test

import (
	"io"
	"net/http"
	"net/netip"
	"testing"

	"signet/server/web"
)

// What proxies send for a person at 203.0.113.8 who asked for https://id.example/signin; those of docs/proxies.md themselves are run by
// TestE05_RealProxies.
func TestA03_HeadersOfKnownProxies(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.Page("GET /signin", func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, web.Address(r).String())
			return err
		})
	}, func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for name, tt := range map[string]struct {
		host    string
		headers []string
	}{
		"nginx as in the docs": {"id.example", []string{"X-Forwarded-For", "203.0.113.8", "X-Forwarded-Proto", "https"}},
		"nginx, inner host and X-Forwarded-Host": {"127.0.0.1:9400", []string{"X-Forwarded-For", "203.0.113.8",
			"X-Forwarded-Proto", "https", "X-Forwarded-Host", "id.example"}},
		"caddy": {"id.example",
			[]string{"X-Forwarded-For", "203.0.113.8", "X-Forwarded-Host", "id.example", "X-Forwarded-Proto", "https", "Via", "2.0 Caddy"}},
		"traefik": {"id.example", []string{"X-Forwarded-For", "203.0.113.8", "X-Forwarded-Host", "id.example", "X-Forwarded-Port", "443",
			"X-Forwarded-Proto", "https", "X-Forwarded-Server", "traefik", "X-Real-Ip", "203.0.113.8"}},
		"apache as in the docs": {"id.example", []string{"X-Forwarded-For", "203.0.113.8", "X-Forwarded-Host", "id.example",
			"X-Forwarded-Server", "id.example", "X-Forwarded-Proto", "https"}},
		"apache without ProxyPreserveHost": {"127.0.0.1:9400", []string{"X-Forwarded-For", "203.0.113.8", "X-Forwarded-Host", "id.example",
			"X-Forwarded-Server", "id.example"}},
		"azure, with a port": {"id.example", []string{"X-Forwarded-For", "203.0.113.8:50123", "X-Forwarded-Proto", "https"}},
	} {
		r := request("GET", "/signin", tt.headers...)
		r.Host = tt.host
		if w := d.do(r); w.Code != 200 || w.Body.String() != "203.0.113.8" {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header()["Location"], w.Body)
		}
	}
}
