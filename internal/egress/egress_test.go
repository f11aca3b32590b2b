package egress_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/internal/egress"
)

func TestO02_AddressesInsideAreRefused(t *testing.T) {
	for _, a := range []string{
		"127.0.0.1:443", "127.9.9.9:443", "0.0.0.0:443", "10.0.0.1:443", "172.16.0.1:443", "192.168.1.1:443", "169.254.169.254:80",
		"100.64.0.1:443", "100.100.100.200:80", "192.0.0.192:80", "168.63.129.16:80", "198.18.0.1:443", "224.0.0.1:443", "240.0.0.1:443",
		"255.255.255.255:443",
		"[::1]:443", "[::]:443", "[fe80::1]:443", "[fe80::1%eth0]:443", "[fc00::1]:443", "[fd00:ec2::254]:80", "[ff02::1]:443", "[fec0::1]:443",
		"[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[::127.0.0.1]:443", "[64:ff9b::7f00:1]:443", "[64:ff9b::a9fe:a9fe]:80",
		"[::ffff:0:7f00:1]:443", "[::ffff:0:a9fe:a9fe]:80",
		"[::5efe:7f00:1]:443", "[100::1]:443", "[4000::1]:443", "[e000::1]:443", "[64:ff9b:2::1]:443",
		"[64:ff9b:1::a00:1]:443", "[2002:7f00:1::]:443", "[2002:a00:1::1]:443", "[2001::1]:443", "[2001:db8::1]:443", "nonsense", "localhost:443",
	} {
		if egress.Public(a) {
			t.Errorf("%s counts as public", a)
		}
	}
	for _, a := range []string{"1.1.1.1:443", "[2606:4700::1111]:443", "[64:ff9b::101:101]:443", "[2002:101:101::1]:443",
		"[::ffff:8.8.8.8]:443"} {
		if !egress.Public(a) {
			t.Errorf("%s counts as inside", a)
		}
	}
}

func TestO01_OnlyHTTPSOnListedPorts(t *testing.T) {
	c := egress.New(egress.Options{Ports: []string{"8443"}, Allow: []string{"localhost"}})
	for raw, ok := range map[string]bool{
		"https://example.com/x": true, "https://example.com:443/": true, "https://example.com:8443/": true, "http://localhost:1234/": true,
		"http://example.com/": false, "https://example.com:80/": false, "https://u:p@example.com/": false, "https://example.com/#x": false,
		"ftp://localhost/": false, "file:///etc/passwd": false, "https:///x": false, "//example.com/": false, "https:example.com": false,
		"": false,
		"https://example.com/" + strings.Repeat("x", 3000): false,
	} {
		if err := c.Check(raw); (err == nil) != ok || err != nil && !errors.Is(err, egress.ErrURL) {
			t.Errorf("%.60s: got %v, want ok %v", raw, err, ok)
		}
	}
}

func TestO02_TheAddressIsCheckedAtDialTime(t *testing.T) { // by name and by number, whatever the port
	asked := false
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	at, _ := url.Parse(s.URL)
	c := egress.New(egress.Options{Ports: []string{at.Port()}})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} {
		if _, err := c.Fetch(t.Context(), egress.Request{URL: "https://" + host + ":" + at.Port()}); !errors.Is(err, egress.ErrAddress) {
			t.Errorf("%s: got %v, want ErrAddress", host, err)
		}
	}
	if asked {
		t.Error("a server inside was asked")
	}
}

// server is a TLS server and a client that may reach it.
func server(t *testing.T, o egress.Options, h http.HandlerFunc) (*egress.Client, string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	o.Allow, o.Roots = []string{"127.0.0.1"}, x509.NewCertPool()
	o.Roots.AddCert(s.Certificate())
	c := egress.New(o)
	t.Cleanup(c.Close)
	return c, s.URL
}

func TestO03_AnswersAreBounded(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	c, at := server(t, egress.Options{MaxBody: 1000, Total: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/large":
			w.Write(make([]byte, 1001))
		case "/fits":
			w.Write(make([]byte, 1000))
		case "/slow":
			<-r.Context().Done()
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
		case "/headers":
			w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/agent":
			w.Write([]byte(r.UserAgent() + r.Header.Get("Cookie") + r.Header.Get("Add-Padding")))
		}
	})
	for path, want := range map[string]error{"/redirect": egress.ErrAnswer, "/large": egress.ErrAnswer, "/gzip": egress.ErrAnswer,
		"/fits": nil, "/missing": nil} {
		if _, err := c.Fetch(t.Context(), egress.Request{URL: at + path}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
	}
	for _, path := range []string{"/slow", "/headers"} {
		if _, err := c.Fetch(t.Context(), egress.Request{URL: at + path}); err == nil {
			t.Errorf("%s: taken", path)
		}
	}
	if _, err := c.Fetch(t.Context(),
		egress.Request{URL: at + "/fits", Types: []string{"application/json"}}); !errors.Is(err, egress.ErrAnswer) {
		t.Errorf("another type: got %v", err)
	}
	a, err := c.Fetch(t.Context(),
		egress.Request{URL: at + "/agent", Header: map[string]string{"Add-Padding": "true"}, Types: []string{"text/plain"}})
	if err != nil || string(a.Body) != "Signettrue" || a.Status != http.StatusOK {
		t.Errorf("got %d %q, %v", a.Status, a.Body, err)
	}
	if _, err := c.Fetch(t.Context(), egress.Request{URL: at, Method: http.MethodDelete}); !errors.Is(err, egress.ErrURL) {
		t.Errorf("DELETE: got %v", err)
	}
}

func TestO04_OneHostGetsItsShare(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	c, at := server(t, egress.Options{PerHost: 2, InFlight: 2}, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := c.Fetch(t.Context(), egress.Request{URL: at}); err != nil {
				t.Error(err)
			}
		})
		<-arrived
	}
	for _, url := range []string{at, "https://example.com"} {
		if _, err := c.Fetch(t.Context(), egress.Request{URL: url}); !errors.Is(err, egress.ErrBusy) {
			t.Errorf("%s: got %v, want ErrBusy", url, err)
		}
	}
	close(release)
	wg.Wait()
}
