package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"signet/oauth/refusal"
	"signet/server/web"
)

func TestB01_B04_B08_HeadersOfPages(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.Page("GET /signin", text("x"))
		m.Page("GET /account", text("x"))
		m.API("GET /api", web.NoCORS, text("x"))
	})
	h := d.do(request("GET", "/signin")).Header()
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src " +
			"'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "no-store", "Strict-Transport-Security": "max-age=31536000", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "",
	}
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: got %q, want %q", name, h.Get(name), value)
		}
	}
	if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
		t.Error("no Permissions-Policy")
	}
	if got := d.do(request("GET", "/account")).Header().Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("account page's opener policy: got %q", got)
	}
	h = d.do(request("GET", "/api")).Header()
	if h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") == "" {
		t.Errorf("api: %v", h)
	}
	plain := open(t, "http://localhost:9400", func(m *web.Mux) { m.API("GET /api", web.NoCORS, text("x")) })
	if got := plain.do(request("GET", "/api")).Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("HSTS without TLS: %q", got)
	}
}

func TestB02_FormActionNamesTheClientsNextHop(t *testing.T) {
	tests := map[string]string{
		"https://shop.example/cb":        "'self' https:",
		"http://127.0.0.1:8080/cb":       "'self' https: http://127.0.0.1:8080",
		"http://localhost/cb":            "'self' https: http://localhost",
		"http://[::1]:8080/cb":           "'self' https: http:",
		"com.example.app:/cb":            "'self' https: com.example.app:",
		"http://a;script-src *.evil/cb":  "'self' https:",
		"http://a.example:80;x/cb":       "'self' https:",
		"://":                            "'self' https:",
		"http://evil.example%20*:80/":    "'self' https:",
		"http://a.example,b.example/cb":  "'self' https:",
		"http://intranet.example:81/a;b": "'self' https: http://intranet.example:81",
	}
	for uri, want := range tests {
		w := httptest.NewRecorder()
		web.AllowFormAction(w, uri)
		_, got, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "form-action ")
		if got != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
}

func TestFramesOfExactlyTheseOrigins(t *testing.T) { // OpenID Connect Front-Channel Logout 1.0 section 3; B01
	d := open(t, issuer, func(m *web.Mux) {
		m.Page("GET /page", func(w http.ResponseWriter, _ *http.Request) error {
			got := web.AllowFrames(w, []string{
				"https://shop.example/frame?a=b", "https://shop.example/other", "https://SHOP.example:8443/", "javascript:alert(1)", "data:text/html,x",
				"http://127.0.0.1:9430/frame", "http://[::1]:8080/", "https://a;script-src *.evil/", "https://a.example,b.example/",
				"https://evil.example%20*/",
				"//shop.example/", "https:///x", "com.example.app:/out", "https://'unsafe-inline'/",
			})
			if len(got) != 4 {
				t.Errorf("framed: %q", got)
			}
			return nil
		})
		m.Page("GET /none", func(w http.ResponseWriter, _ *http.Request) error {
			if got := web.AllowFrames(w, []string{"javascript:alert(1)"}); got != nil {
				t.Errorf("framed: %q", got)
			}
			return nil
		})
	})
	got := d.do(request("GET", "/page")).Header().Get("Content-Security-Policy")
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri " +
		"'none'; " +
		"object-src 'none'; frame-ancestors 'none'; frame-src https://shop.example https://shop.example:8443 http://127.0.0.1:9430; " +
		"form-action 'self'"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := d.do(request("GET", "/none")).Header().Get("Content-Security-Policy"); strings.Contains(got, "frame-src") {
		t.Errorf("got %q", got)
	}
	if got := d.do(request("GET", "/page")).Header().Get("Content-Security-Policy"); got != want { // nothing is left of the answer before
		t.Errorf("got %q", got)
	}
}

func TestB10_B11_CORS(t *testing.T) {
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /jwks", web.PublicCORS, text("x"))
		m.API("POST /token", web.RegisteredCORS, text("x"))
		m.API("GET /userinfo", web.RegisteredCORS, failing(refusal.InvalidToken("No.")))
		m.API("POST /userinfo", web.RegisteredCORS, text("x"))
		m.API("POST /introspect", web.NoCORS, text("x"))
		m.Page("GET /page", text("x"))
	}, func(o *web.Options) {
		o.Origins = func(_ context.Context, origin string) bool { return origin == "https://spa.example" }
	})
	tests := []struct {
		method, path, origin string
		status               int
		allow, vary, methods string
	}{
		{"GET", "/jwks", "https://any.example", 200, "*", "", ""},
		{"OPTIONS", "/jwks", "https://any.example", 204, "*", "", "GET, HEAD"},
		{"POST", "/token", "https://spa.example", 200, "https://spa.example", "Origin", ""},
		{"POST", "/token", "https://evil.example", 200, "", "Origin", ""},
		{"POST", "/token", "", 200, "", "Origin", ""},
		{"POST", "/token", "null", 200, "", "Origin", ""},
		{"OPTIONS", "/token", "https://spa.example", 204, "https://spa.example", "Origin", "POST"},
		{"OPTIONS", "/token", "https://evil.example", 204, "", "Origin", ""},
		{"GET", "/userinfo", "https://spa.example", 401, "https://spa.example", "Origin", ""},
		{"OPTIONS", "/userinfo", "https://spa.example", 204, "https://spa.example", "Origin", "GET, HEAD, POST"},
		{"POST", "/introspect", "https://spa.example", 200, "", "", ""},
		{"OPTIONS", "/introspect", "https://spa.example", 405, "", "", ""},
		{"GET", "/page", "https://spa.example", 200, "", "", ""},
		{"OPTIONS", "/page", "https://spa.example", 405, "", "", ""},
	}
	for _, tt := range tests {
		r := request(tt.method, tt.path)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := d.do(r)
		h := w.Header()
		if w.Code != tt.status || h.Get("Access-Control-Allow-Origin") != tt.allow || h.Get("Vary") != tt.vary ||
			h.Get("Access-Control-Allow-Methods") != tt.methods {
			t.Errorf("%s %s from %s: got %d %v", tt.method, tt.path, tt.origin, w.Code, h)
		}
		if h["Access-Control-Allow-Credentials"] != nil {
			t.Errorf("%s %s allows credentials", tt.method, tt.path)
		}
	}
}

func TestB12_EachSideIgnoresTheOthersCredential(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintf(w, "cookie=%q authorization=%q", r.Header.Get("Cookie"), r.Header.Get("Authorization"))
		return err
	}
	d := open(t, issuer, func(m *web.Mux) {
		m.API("GET /api", web.NoCORS, echo)
		m.Page("GET /page", echo)
	})
	if got := d.do(request("GET", "/api", "Cookie", "a=b", "Authorization",
		"Bearer t")).Body.String(); got != `cookie="" authorization="Bearer t"` {
		t.Errorf("api: %s", got)
	}
	if got := d.do(request("GET", "/page", "Cookie", "a=b", "Authorization",
		"Bearer t")).Body.String(); got != `cookie="a=b" authorization=""` {
		t.Errorf("page: %s", got)
	}
}

func TestC01_CrossSiteFormsAreRefused(t *testing.T) {
	changed := 0
	d := open(t, issuer, func(m *web.Mux) {
		m.Page("GET /page", text("shown"))
		m.Page("POST /page", func(http.ResponseWriter, *http.Request) error { changed++; return nil })
		m.API("POST /program", web.NoBrowsers, func(http.ResponseWriter, *http.Request) error { changed++; return nil }, web.Nothing)
		m.CrossSitePage("POST /oauth2/authorize", "OpenID Connect Core section 3.1.2.1", text("stored"))
	})
	refused := [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"},
		{"Origin", "null"}}
	for _, h := range refused {
		if w := d.do(form("/page", "", h...)); w.Code != 403 || !strings.Contains(w.Body.String(), "cross_site") {
			t.Errorf("%v: got %d %s", h, w.Code, w.Body)
		}
		if w := d.do(form("/program", "", h...)); w.Code != 403 || !strings.Contains(w.Body.String(), `"invalid_request"`) {
			t.Errorf("an endpoint for programs, %v: got %d %s", h, w.Code, w.Body)
		}
	}
	if changed != 0 {
		t.Error("a refused form changed something")
	}
	for _, h := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", issuer}, {}} {
		if w := d.do(form("/page", "", h...)); w.Code != 200 {
			t.Errorf("%v: got %d", h, w.Code)
		}
		if w := d.do(form("/program", "", h...)); w.Code != 200 {
			t.Errorf("an endpoint for programs, %v: got %d", h, w.Code)
		}
	}
	if w := d.do(request("GET", "/page", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")); w.Code != 200 {
		t.Errorf("a link from another site: got %d", w.Code)
	}
	if w := d.do(form("/oauth2/authorize", "", "Sec-Fetch-Site", "cross-site", "Origin",
		"https://shop.example")); w.Body.String() != "stored" {
		t.Errorf("POST authorize: got %d %s", w.Code, w.Body)
	}
	if got := d.mux.OutsideProtection(); len(got) != 1 {
		t.Errorf("outside: %v", got)
	}
}
