package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/oauth/mtls/mtlstest"
	"signet/server/servertest"
)

// proxied is a server behind a proxy that asks for certificates.
type proxied struct {
	*testing.T
	*servertest.Server
	ca mtlstest.Pair
}

func newProxied(t *testing.T, header, form string) proxied {
	t.Helper()
	p := proxied{T: t, ca: mtlstest.Authority(t, "Company")}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, p.ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Server = servertest.New(t, servertest.HandlerOnly(), servertest.YAML(fmt.Sprintf(
		"server: {trusted_proxies: [10.0.0.0/8], mtls: {url: https://mtls.example.com, header: %s, header_form: %s, ca_file: %q}}\n",
		header, form, file)))
	return p
}

// send sends a form, from an address, for a host, with headers in pairs.
func (p proxied) send(from, host, path string, form url.Values, headers ...string) (int, map[string]any) {
	p.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.RemoteAddr, r.Host = from+":1234", host
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	var got map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			p.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	return w.Code, got
}

const (
	theProxy = "10.1.2.3"
	outside  = "198.51.100.7"
	mtlsHost = "mtls.example.com"
)

func TestRFC9440_OnlyATrustedProxySaysWhichCertificate(t *testing.T) { // RFC 9440 section 4, RFC 8705 section 6.5, rule A04
	p := newProxied(t, "Client-Cert", "rfc9440")
	p.App(t, "one", byName("one"))
	p.App(t, "two", byName("two"))
	p.App(t, "bound", byName("one"), toCertificate)
	one, two := p.ca.Sign(t, "one"), p.ca.Sign(t, "two")
	between := p.ca.Sign(t, "x")
	for _, test := range []struct {
		name, from, host, client string
		headers                  []string
		status                   int
	}{
		{"by the proxy", theProxy, mtlsHost, "one", []string{"Client-Cert", rfc9440(one)}, 200},
		{"by the proxy, with its port", theProxy, mtlsHost + ":443", "one", []string{"Client-Cert", rfc9440(one)}, 200},
		{"with a chain", theProxy, mtlsHost, "one", []string{"Client-Cert", rfc9440(one), "Client-Cert-Chain", rfc9440(between)}, 200},
		{"from outside", outside, mtlsHost, "one", []string{"Client-Cert", rfc9440(one)}, 401},
		{"from outside, saying it is the proxy", outside, mtlsHost, "one", []string{"Client-Cert", rfc9440(one), "X-Forwarded-For", theProxy},
			401},
		{"through the proxy's other host", theProxy, "id.example.com", "one", []string{"Client-Cert", rfc9440(one)}, 401},
		{"through the other host, naming this one", theProxy, "id.example.com", "one", []string{"Client-Cert", rfc9440(one),
			"X-Forwarded-Host", mtlsHost}, 401},
		{"of A as B", theProxy, mtlsHost, "two", []string{"Client-Cert", rfc9440(one)}, 401},
		{"none", theProxy, mtlsHost, "one", nil, 401},
		{"empty", theProxy, mtlsHost, "one", []string{"Client-Cert", ""}, 401},
		{"another header", theProxy, mtlsHost, "one", []string{"X-Forwarded-Client-Cert", rfc9440(one)}, 401},
		{"a header that looks like it", theProxy, mtlsHost, "one", []string{"Client_Cert", rfc9440(one)}, 401},
		{"a chain alone", theProxy, mtlsHost, "one", []string{"Client-Cert-Chain", rfc9440(one)}, 401},
		{"two headers", theProxy, mtlsHost, "one", []string{"Client-Cert", rfc9440(one), "client-cert", rfc9440(two)}, 400},
		{"two in one header", theProxy, mtlsHost, "one", []string{"Client-Cert", rfc9440(two) + ", " + rfc9440(one)}, 400},
		{"malformed", theProxy, mtlsHost, "one", []string{"Client-Cert", ":!:"}, 400},
		{"1 MiB", theProxy, mtlsHost, "one", []string{"Client-Cert", ":" + strings.Repeat("A", 1<<20) + ":"}, 400},
		{"malformed from outside", outside, mtlsHost, "one", []string{"Client-Cert", ":!:"}, 401},
	} {
		code, got := p.send(test.from, test.host, "/oauth2/token", credentialsOf(test.client), test.headers...)
		if wrong := map[int]any{400: "invalid_request", 401: "invalid_client"}[test.status]; code != test.status || got["error"] != wrong {
			t.Errorf("%s: %d %v", test.name, code, got)
		}
	}

	// Bound tokens, and the endpoints beside the token endpoint.
	code, got := p.send(theProxy, mtlsHost, "/oauth2/token", credentialsOf("bound"), "Client-Cert", rfc9440(one))
	if code != 200 || x5t(t, got["access_token"]) != one.Thumbprint() {
		t.Fatalf("bound: %d %v", code, got)
	}
	about := url.Values{"client_id": {"bound"}, "token": {got["access_token"].(string)}}
	for _, path := range []string{"/oauth2/introspect", "/oauth2/revoke", "/oauth2/par"} {
		for from, status := range map[string]int{theProxy: 200, outside: 401} {
			code, got := p.send(from, mtlsHost, path, about, "Client-Cert", rfc9440(one))
			if path == "/oauth2/par" && from == theProxy {
				status = 400 // proven, and no request that could be pushed
			}
			if code != status {
				t.Errorf("%s from %s: %d %v", path, from, code, got)
			}
		}
		if code, got := p.send(theProxy, mtlsHost, path, about, "Client-Cert", ":!:"); code != 400 || got["error"] != "invalid_request" {
			t.Errorf("%s, malformed: %d %v", path, code, got)
		}
	}
	if code, got := p.send(theProxy, mtlsHost, "/userinfo", nil, "Authorization", "Bearer x", "Client-Cert", ":!:"); code != 400 {
		t.Errorf("userinfo, malformed: %d %v", code, got)
	}
}

func TestEnvoyAndNginxSayWhichCertificate(t *testing.T) {
	for form, test := range map[string]struct{ header, before, after string }{
		"pem_urlencoded": {header: "X-SSL-Client-Cert"},
		"xfcc":           {"x-forwarded-client-cert", `Hash=00;Cert="`, `";Subject="CN=\"two\",O=Example"`},
	} {
		t.Run(form, func(t *testing.T) {
			p := newProxied(t, test.header, form)
			p.App(t, "one", byName("one"))
			p.App(t, "two", byName("two"))
			value := test.before + url.PathEscape(string(p.ca.Sign(t, "one").PEM())) + test.after
			for client, status := range map[string]int{"one": 200, "two": 401} { // what a proxy says of a name counts for nothing
				if code, got := p.send(theProxy, mtlsHost, "/oauth2/token", credentialsOf(client), test.header, value); code != status {
					t.Errorf("%s: %d %v", client, code, got)
				}
			}
			if code, got := p.send(outside, mtlsHost, "/oauth2/token", credentialsOf("one"), test.header, value); code != http.StatusUnauthorized {
				t.Errorf("from outside: %d %v", code, got)
			}
		})
	}
}
