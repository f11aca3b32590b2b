package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"signet/server/web"
)

// crowd holds requests in their handlers until it is let go.
type crowd struct {
	*served
	hold chan struct{}
	wg   sync.WaitGroup
}

func newCrowd(t *testing.T, places int) *crowd {
	c := &crowd{hold: make(chan struct{})}
	waits := func(w http.ResponseWriter, r *http.Request) error {
		if r.FormValue("wait") != "" {
			_, _ = io.WriteString(w, "in")
			<-c.hold
		}
		return nil
	}
	c.served = open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, waits)
		m.Page("GET /signin", waits)
		m.API("GET /jwks", web.PublicCORS, text("keys"))
	}, func(o *web.Options) {
		o.InFlight = places
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's peer
	})
	t.Cleanup(func() { close(c.hold); c.wg.Wait() })
	return c
}

// firstByte is a ResponseWriter that tells when the first byte was written.
type firstByte struct {
	*httptest.ResponseRecorder
	once sync.Once
	in   chan int
}

func (a *firstByte) Write(p []byte) (int, error) {
	a.once.Do(func() { a.in <- a.Code })
	return a.ResponseRecorder.Write(p)
}

func (c *crowd) request(path, address string) *http.Request {
	r := request("GET", path, "X-Forwarded-For", address)
	if strings.HasPrefix(path, "/token") {
		r = form(path, "a=b", "X-Forwarded-For", address)
	}
	return r
}

// stays begins a request that stays, and reports whether it was let in.
func (c *crowd) stays(path, address string) bool {
	a := &firstByte{ResponseRecorder: httptest.NewRecorder(), in: make(chan int, 2)}
	c.wg.Go(func() {
		c.ServeHTTP(a, c.request(path+"?wait=1", address))
		a.in <- a.Code
	})
	return <-a.in == 200
}

// passes reports whether a request is answered now.
func (c *crowd) passes(path, address string) bool {
	return c.do(c.request(path, address)).Code == 200
}

func TestV07_NoNetworkHoldsMoreThanItsShare(t *testing.T) {
	tests := map[string]struct {
		attacker func(i int) string
		most     int
	}{
		"one address":   {func(int) string { return "198.51.100.7" }, 32},
		"one /24":       {func(i int) string { return fmt.Sprint("198.51.100.", i) }, 32},
		"one IPv6 /56":  {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 32},
		"one IPv6 /48":  {func(i int) string { return fmt.Sprintf("2001:db8:0:%x00::1", i) }, 32},
		"one IPv6 /32":  {func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 32},
		"IPv4 in IPv6":  {func(i int) string { return fmt.Sprint("::ffff:198.51.100.", i) }, 32},
		"many networks": {func(i int) string { return fmt.Sprintf("198.51.%d.1", i) }, 48},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			c, in := newCrowd(t, 64), 0
			for i := range 100 {
				if c.stays("/token", tt.attacker(i)) {
					in++
				}
			}
			if in > tt.most {
				t.Errorf("%d of 64 places taken, want at most %d", in, tt.most)
			}
			if !c.passes("/signin", "203.0.113.1") {
				t.Error("a person elsewhere is turned away")
			}
			if in == 32 && !c.passes("/token", "203.0.113.1") {
				t.Error("an app elsewhere is turned away")
			}
			if !c.passes("/jwks", tt.attacker(1)) {
				t.Error("keys are not answered")
			}
		})
	}
}

func TestA07_PagesHavePlacesWhileTokensAreOverloaded(t *testing.T) {
	for _, kinds := range [][2]string{{"/token", "/signin"}, {"/signin", "/token"}} {
		c, in := newCrowd(t, 64), 0
		for i := range 200 {
			if c.stays(kinds[0], fmt.Sprintf("198.51.%d.1", i)) {
				in++
			}
		}
		if in != 48 {
			t.Errorf("%s took %d of 64 places, want 48", kinds[0], in)
		}
		for i := range 16 {
			if !c.stays(kinds[1], fmt.Sprintf("203.0.%d.1", i)) {
				t.Errorf("%s: request %d is turned away", kinds[1], i)
			}
		}
	}
}

// A body counts once it has arrived.
func TestV07_SlowBodiesTakeNoPlace(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
			if err := r.ParseForm(); err != nil {
				return err
			}
			_, err := io.WriteString(w, r.PostForm.Get("a"))
			return err
		})
	}, func(o *web.Options) { o.InFlight = 32 })
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	const head = "POST /token HTTP/1.1\r\nHost: id.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\na="
	for range 100 {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		res, err := http.Post(s.URL+"/token", "application/x-www-form-urlencoded", strings.NewReader("a=fine"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || string(body) != "fine" {
			t.Fatalf("%s %s", res.Status, body)
		}
	}
}
