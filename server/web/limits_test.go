package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signet/oauth/refusal"
	"signet/server/web"
)

func TestA06_TooLongIsRefused(t *testing.T) {
	read := func(w http.ResponseWriter, r *http.Request) error {
		if err := r.ParseForm(); err != nil {
			return refusal.InvalidRequest("The form cannot be read.") // the cause is lost on the way
		}
		return web.WriteJSON(w, 200, "fine")
	}
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, read)
		m.Page("POST /signin", read)
		m.Page("GET /signin", text("x"))
	})
	long := "a=" + strings.Repeat("b", 64<<10)
	chunked := func(path string) *http.Request {
		r := form(path, long)
		r.ContentLength = -1
		return r
	}
	tests := map[string]struct {
		r      *http.Request
		status int
		body   string
	}{
		"token body":           {form("/token", long), 413, `"error":"invalid_request"`},
		"token body, chunked":  {chunked("/token"), 413, `"error":"invalid_request"`},
		"token body at limit":  {form("/token", long[:64<<10]), 200, "fine"},
		"signin body, chunked": {chunked("/signin"), 413, "<h1>too_large</h1>"},
		"signin body":          {form("/signin", long), 413, "<h1>too_large</h1>"},
		"token url":            {form("/token?"+strings.Repeat("a", 8<<10), ""), 414, `"error":"invalid_request"`},
		"signin url":           {request("GET", "/signin?"+strings.Repeat("a", 8<<10)), 414, "<h1>too_long</h1>"},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := d.do(tt.r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.status, tt.body)
			}
		})
	}
}

func TestA06_SlowAndHugeOverARealSocket(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.NoCORS, func(_ http.ResponseWriter, r *http.Request) error {
			if err := r.ParseForm(); err != nil {
				return refusal.InvalidRequest("The form cannot be read.")
			}
			return nil
		})
	})
	s := httptest.NewUnstartedServer(d)
	web.Harden(s.Config)
	if s.Config.ReadHeaderTimeout != 5*time.Second || s.Config.ReadTimeout != 15*time.Second || s.Config.WriteTimeout != 30*time.Second ||
		s.Config.IdleTimeout != time.Minute {
		t.Errorf("timeouts: %+v", s.Config)
	}
	s.Config.ReadTimeout = 300 * time.Millisecond // the same path, sooner
	s.Start()
	t.Cleanup(s.Close)
	send := func(raw string) string {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_, _ = io.WriteString(c, raw)
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
		answer, err := io.ReadAll(c)
		if err != nil && len(answer) == 0 {
			t.Fatalf("no answer: %v", err)
		}
		return string(answer)
	}
	slow := send("POST /token HTTP/1.1\r\nHost: id.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		"100\r\n\r\na=")
	if !strings.HasPrefix(slow, "HTTP/1.1 408 ") {
		t.Errorf("slow body: got %q", slow)
	}
	huge := send("GET / HTTP/1.1\r\nHost: id.example\r\nX: " + strings.Repeat("a", 17<<10) + "\r\n\r\n")
	if !strings.HasPrefix(huge, "HTTP/1.1 431 ") {
		t.Errorf("huge header: got %.100q", huge)
	}
}

func TestA07_TooMuchWorkIsRefusedButKeysAndHealthAnswer(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{})
	d := open(t, issuer, func(m *web.Mux) {
		m.API("POST /token", web.RegisteredCORS, func(http.ResponseWriter, *http.Request) error {
			entered <- struct{}{}
			<-hold
			return nil
		})
		m.API("GET /jwks", web.PublicCORS, text("keys"))
		m.Vital("GET /healthz", text("ok"))
		m.Page("GET /account", text("me"))
	}, func(o *web.Options) { o.InFlight = 1 })
	done := make(chan struct{})
	go func() { d.do(form("/token", "")); close(done) }()
	<-entered
	if w := d.do(form("/token", "")); w.Code != 503 || w.Header().Get("Retry-After") == "" ||
		!strings.Contains(w.Body.String(), "temporarily_unavailable") {
		t.Errorf("token: got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := d.do(request("GET", "/account")); w.Code != 503 || w.Header().Get("Retry-After") == "" ||
		!strings.Contains(w.Body.String(), "busy") {
		t.Errorf("page: got %d %v %s", w.Code, w.Header(), w.Body)
	}
	for _, path := range []string{"/jwks", "/healthz"} {
		if w := d.do(request("GET", path)); w.Code != 200 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	close(hold)
	<-done
}

// TestA06_AnUploadIsReadByItsHandler: a route for files has a limit of its own, and nothing is read before its handler wants it.
func TestA06_AnUploadIsReadByItsHandler(t *testing.T) {
	const largest = 100 << 10
	reads := true
	d := open(t, issuer, func(m *web.Mux) {
		m.Upload("POST /picture", largest, func(w http.ResponseWriter, r *http.Request) error {
			if !reads {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			return web.WriteJSON(w, 200, len(body))
		}, web.Nothing)
		m.Page("POST /signin", func(_ http.ResponseWriter, r *http.Request) error { return r.ParseForm() }, web.Nothing)
	})
	send := func(size int, known bool) int {
		r := form("/picture", strings.Repeat("a", size))
		if !known {
			r.ContentLength = -1
		}
		return d.do(r).Code
	}
	for size, want := range map[int]int{largest: 200, largest + 1: 413} {
		for _, known := range []bool{true, false} {
			if got := send(size, known); got != want {
				t.Errorf("%d bytes, length told %v: got %d, want %d", size, known, got, want)
			}
		}
	}
	if w := d.do(form("/signin", strings.Repeat("a", 64<<10+1))); w.Code != 413 {
		t.Errorf("another route: got %d", w.Code)
	}
	reads = false
	body := strings.NewReader(strings.Repeat("a", largest))
	r := form("/picture", "")
	r.Body, r.ContentLength = io.NopCloser(body), largest
	if w := d.do(r); w.Code != 200 || body.Len() != largest {
		t.Errorf("got %d, %d bytes were read", w.Code, largest-body.Len())
	}
}
