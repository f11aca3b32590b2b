package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"signet/server/web"
)

// RFC 9112 section 6.1: what has both a length and an encoding, or an encoding in HTTP/1.0, is the last of its connection.
func TestV11_AmbiguousFramingEndsTheConnection(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, err = w.Write(body)
			}
			return err
		})
	})
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	const head = "POST /token HTTP/1.1\r\nHost: id.example\r\n"
	const chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	for name, tt := range map[string]struct {
		raw    string
		closed bool
	}{
		"both":                {head + "Content-Length: 5\r\n" + chunks, true},
		"both, other order":   {head + "Transfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
		"both, for a way out": {head + "Content-Length: 5\r\n" + chunks + "GET /none HTTP/1.1\r\nHost: id.example\r\n\r\n", true},
		"not there":           {strings.Replace(head, "/token", "/none", 1) + "Content-Length: 5\r\n" + chunks, true},
		"encoding in HTTP/1.0": {strings.Replace(head, "1.1", "1.0", 1) +
			"Connection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", true},
		"length alone": {head + "Content-Length: 5\r\n\r\nhello", false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = io.WriteString(c, tt.raw)
			in := bufio.NewReader(c)
			var got []byte
			answer, err := http.ReadResponse(in, nil)
			if err == nil {
				got, err = io.ReadAll(answer.Body)
			}
			if err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if !tt.closed { // what is closed is read to its end, however long that takes
				_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			}
			more, err := io.ReadAll(in)
			if closed := err == nil; closed != tt.closed || len(more) > 0 {
				t.Errorf("closed %t, want %t: %q and %q, %v", closed, tt.closed, got, more, err)
			}
		})
	}
}

func TestA04_ForwardedAddresses(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /who", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, web.Address(r).String())
			return err
		})
	}, func(o *web.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fd00::/8")}
	})
	const peer = "192.0.2.1"
	for header, want := range map[string]string{
		"203.0.113.8":                 "203.0.113.8",
		"203.0.113.8:50123":           "203.0.113.8",
		"[2001:db8::1]:443":           "2001:db8::1",
		"[2001:db8::1]":               "2001:db8::1",
		"2001:db8::1":                 "2001:db8::1",
		`"[2001:db8::1]:443"`:         "2001:db8::1",
		"2001:db8::1%eth0":            "2001:db8::1",
		"[fe80::1%eth0]:80":           "fe80::1",
		"::ffff:203.0.113.8":          "203.0.113.8",
		"[::ffff:203.0.113.8]:1":      "203.0.113.8",
		"198.51.100.1, 203.0.113.8:5": "203.0.113.8",
		"203.0.113.8:5, 192.0.2.7:80": "203.0.113.8",
		"203.0.113.8, [fd00::1]:80":   "203.0.113.8",
		"203.0.113.8 ,, ":             "203.0.113.8",
		"203.0.113.8:":                "203.0.113.8",
		// what the proxy could not name counts for the proxy; what stands before it is the client's word
		"unknown":                          peer,
		"198.51.100.1, unknown":            peer,
		"198.51.100.1, _hidden, 192.0.2.7": "192.0.2.7",
		"203.0.113.8:port":                 peer,
		"2001:db8::1:443x":                 peer,
		"[2001:db8::1":                     peer,
		"[203.0.113.8:1":                   peer,
		"999.1.1.1":                        peer,
		":80":                              peer,
		"[]":                               peer,
		"":                                 peer,
	} {
		if got := d.do(request("GET", "/who", "X-Forwarded-For", header)).Body.String(); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
}

// behind is a browser behind a proxy that passes its inner Host on.
type behind struct {
	*served
	cookies map[string]string
}

func (b *behind) get(path string, headers ...string) *httptest.ResponseRecorder {
	r := request("GET", path, headers...)
	r.Host = "127.0.0.1:9400"
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := b.do(r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return w
}

func TestA03_ProxyPassesItsInnerHost(t *testing.T) {
	proxies := func(o *web.Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} }
	mount := func(m *web.Mux) { m.Page("GET /signin", text("in")) }
	b := &behind{open(t, issuer, mount, proxies), map[string]string{}}
	for i := range 3 {
		if w := b.get("/signin?a=b"); w.Code != 303 || w.Header().Get("Location") != issuer+"/signin?a=b" {
			t.Fatalf("round %d: %d %v", i, w.Code, w.Header())
		}
	}
	w := b.get("/signin?a=b")
	if w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "wrong_host") {
		t.Errorf("the round goes on: %d %v %s", w.Code, w.Header(), w.Body)
	}
	b.cookies = map[string]string{}
	for host, want := range map[string]int{
		"id.example": 200, "ID.example:443": 200, "id.example, 127.0.0.1:9400": 200, "evil.example, id.example": 200,
		"evil.example": 303, "": 303, "id.example.evil.example": 303,
	} {
		if w := b.get("/signin", "X-Forwarded-Host", host); w.Code != want {
			t.Errorf("X-Forwarded-Host %q: %d, want %d", host, w.Code, want)
		}
		b.cookies = map[string]string{}
	}
	nobody := &behind{open(t, issuer, mount), map[string]string{}}
	if w := nobody.get("/signin", "X-Forwarded-Host", "id.example"); w.Code != 303 {
		t.Errorf("of whoever sends it: %d", w.Code)
	}
}

func TestB10_AnyHeaderForPublicDocuments(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /jwks", web.PublicCORS, text("x"))
		m.API("POST /token", web.RegisteredCORS, text("x"))
	})
	ask := func(headers string) string {
		return d.do(request("OPTIONS", "/jwks", "Origin", "https://any.example", "Access-Control-Request-Headers", headers)).Header().Get(
			"Access-Control-Allow-Headers")
	}
	for _, headers := range []string{"mcp-protocol-version", "traceparent,x-requested-with", "authorization, x_1"} {
		if got := ask(headers); !strings.HasSuffix(got, ", "+headers) {
			t.Errorf("%s: got %q", headers, got)
		}
	}
	for _, headers := range []string{"a:b", "a\"b", "ä", strings.Repeat("a", 2000)} {
		if got := ask(headers); got != "Authorization, Content-Type, DPoP" {
			t.Errorf("%.20q: got %.80q", headers, got)
		}
	}
	got := d.do(request("GET", "/jwks", "Origin", "https://any.example")).Header().Get("Access-Control-Expose-Headers")
	for _, name := range []string{"WWW-Authenticate", "DPoP-Nonce", "Retry-After"} {
		if !strings.Contains(got, name) {
			t.Errorf("%s is not exposed: %s", name, got)
		}
	}
}

func TestWhatSaysNothingIsHarmless(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, func(w http.ResponseWriter, r *http.Request) error {
			_, sent := r.Header["Authorization"]
			if err := r.ParseForm(); err != nil {
				return err
			}
			_, err := fmt.Fprint(w, r.PostForm.Get("a"), " ", sent, " ", r.Header.Get("Content-Type"))
			return err
		})
	})
	for _, tt := range []struct{ auth, kind, want string }{
		{"", "application/x-www-form-urlencoded; charset=", "b false application/x-www-form-urlencoded"},
		{" ", "application/x-www-form-urlencoded;charset", "b false application/x-www-form-urlencoded"},
		{"\t", "Application/X-WWW-Form-URLEncoded ; charset=;", "b false application/x-www-form-urlencoded"},
		{"", "application/x-www-form-urlencoded;", "b false application/x-www-form-urlencoded;"},
		{"Basic eA==", "application/x-www-form-urlencoded; charset=UTF-8", "b true application/x-www-form-urlencoded; charset=UTF-8"},
		{"", "text/plain; charset=", " false text/plain; charset="},
	} {
		r := form("/token", "a=b", "Authorization", tt.auth)
		r.Header.Set("Content-Type", tt.kind)
		if got := d.do(r).Body.String(); got != tt.want && tt.kind != "text/plain; charset=" {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}
