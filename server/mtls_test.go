package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/mtls/mtlstest"
	"signet/server/servertest"
)

// certified is a server with a listener that asks for certificates, and an authority that it believes.
type certified struct {
	*testing.T
	*servertest.Server
	ca   mtlstest.Pair
	pool *x509.CertPool
	base string // server.mtls.url
}

func newCertified(t *testing.T, opts ...servertest.Option) certified {
	t.Helper()
	w := certified{T: t, ca: mtlstest.Authority(t, "Company"), pool: x509.NewCertPool(), base: "https://mtls.example.com:9443"}
	shown := mtlstest.SelfSigned(t, "mtls", func(c *x509.Certificate) { c.DNSNames = []string{"mtls.example.com"} })
	w.pool.AddCert(shown.Certificate)
	cert, key := shown.Write(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, w.ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Server = servertest.New(t, append(opts, servertest.YAML(fmt.Sprintf(
		"server: {mtls: {url: %q, listen: 127.0.0.1:0, ca_file: %q, tls: {cert_file: %q, key_file: %q}}}\n", w.base, file, cert, key)))...)
	return w
}

// with is an HTTP client that shows a certificate to whoever asks; none = it has none.
func (w certified) with(shown ...tls.Certificate) *http.Client {
	return client(w.T, w.MTLS, w.pool, shown...)
}

func client(t *testing.T, address string, pool *x509.CertPool, shown ...tls.Certificate) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: shown},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// post sends a form to one of the addresses of an endpoint, with headers in pairs.
func (w certified) post(c *http.Client, address string, form url.Values, headers ...string) (int, map[string]any) {
	w.Helper()
	r, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	var got map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &got); err != nil {
			w.Fatalf("%d %s", res.StatusCode, text)
		}
	}
	return res.StatusCode, got
}

func (w certified) discovery() (d struct {
	Aliases map[string]string `json:"mtls_endpoint_aliases"`
	Methods []string          `json:"token_endpoint_auth_methods_supported"`
	Asking  []string          `json:"introspection_endpoint_auth_methods_supported"`
	Bound   bool              `json:"tls_client_certificate_bound_access_tokens"`
}) {
	w.Helper()
	res, err := w.HTTP.Get(w.URL + "/.well-known/openid-configuration")
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&d); err != nil {
		w.Fatal(err)
	}
	return d
}

// byName is a change for App: a client whose certificate has the subject CN=name,O=Example.
func byName(name string) func(m *clients.Metadata) {
	return func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.TLSClientAuthSubjectDN = clients.MethodTLS, "CN="+name+",O=Example"
	}
}

func credentialsOf(client string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {client}}
}

func TestRFC8705_ClientsComeByCertificate(t *testing.T) { // sections 2 and 5
	w := newCertified(t)
	w.App(t, "one", byName("one"))
	w.App(t, "two", byName("two"))
	w.App(t, "secret")
	own := mtlstest.SelfSigned(t, "own")
	w.App(t, "own", func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.JWKS = clients.MethodSelfSigned, jwksOf(own)
	})
	d := w.discovery()
	for name, path := range map[string]string{"token_endpoint": "/oauth2/token", "revocation_endpoint": "/oauth2/revoke",
		"introspection_endpoint": "/oauth2/introspect", "userinfo_endpoint": "/userinfo",
		"pushed_authorization_request_endpoint": "/oauth2/par"} {
		if d.Aliases[name] != w.base+path {
			t.Errorf("alias of %s: %q", name, d.Aliases[name])
		}
	}
	for _, method := range []string{"tls_client_auth", "self_signed_tls_client_auth"} {
		if !slices.Contains(d.Methods, method) || !slices.Contains(d.Asking, method) {
			t.Errorf("%s is in %v, %v", method, d.Methods, d.Asking)
		}
	}

	one := w.with(w.ca.Sign(t, "one").TLS())
	token := d.Aliases["token_endpoint"]
	for _, test := range []struct {
		name, client string
		by           *http.Client
		status       int
	}{
		{"its certificate", "one", one, 200},
		{"its key", "own", w.with(own.TLS()), 200},
		{"of client A as client B", "two", one, 401},
		{"of client A as a client with a secret", "secret", one, 401},
		{"as nobody", "nobody", one, 401},
		{"none", "one", w.with(), 401},
		{"by itself", "one", w.with(mtlstest.SelfSigned(t, "one").TLS()), 401},
	} {
		code, got := w.post(test.by, token, credentialsOf(test.client))
		if code != test.status ||
			code == 401 && (got["error"] != "invalid_client" || got["error_description"] != "Client authentication failed.") {
			t.Errorf("%s: %d %v", test.name, code, got)
		}
	}
	if code, got := w.post(one, token, url.Values{"grant_type": {"client_credentials"}}); code != 401 || got["error"] != "invalid_client" {
		t.Errorf("without client_id (section 2): %d %v", code, got)
	}

	// The other endpoints take the certificate, too.
	_, given := w.post(one, token, credentialsOf("one"))
	about := url.Values{"client_id": {"one"}, "token": {given["access_token"].(string)}}
	if code, got := w.post(one, d.Aliases["introspection_endpoint"], about); code != 200 || got["active"] != true {
		t.Errorf("introspection: %d %v", code, got)
	}
	if code, got := w.post(one, d.Aliases["pushed_authorization_request_endpoint"], url.Values{"client_id": {"one"}, "response_type": {"code"},
		"redirect_uri": {"https://one.example/cb"}, "scope": {"openid"}, "code_challenge": {strings.Repeat("a", 43)},
		"code_challenge_method": {"S256"}}); code != 201 {
		t.Errorf("pushed request: %d %v", code, got)
	}
	if code, got := w.post(one, d.Aliases["revocation_endpoint"], about); code != 200 {
		t.Errorf("revocation: %d %v", code, got)
	}
	if _, got := w.post(one, d.Aliases["introspection_endpoint"], about); got["active"] != false {
		t.Errorf("revoked: %v", got)
	}

	// A client that proves itself otherwise comes to either address; its proofs may name either.
	key, app := dpoptest.New(t), w.App(t, "post", func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodPost })
	form := credentialsOf("post")
	form.Set("client_secret", app.ClientSecret)
	for htu, status := range map[string]int{token: 200, w.URL + "/oauth2/token": 200, "https://evil.example/oauth2/token": 400} {
		if code, got := w.post(one, token, form, "DPoP", key.Proof(t, "POST", htu)); code != status {
			t.Errorf("proof for %s: %d %v", htu, code, got)
		}
	}
}

func TestRFC8705_OnlyTheListenerThatAsksBelievesCertificates(t *testing.T) { // section 5; rule A04
	w := newCertified(t)
	w.App(t, "one", byName("one"))
	cert := w.ca.Sign(t, "one")
	// Headers say nothing, at neither listener.
	for name, c := range map[string]*http.Client{"main": http.DefaultClient, "mtls": w.with()} {
		address := map[string]string{"main": w.URL, "mtls": w.base}[name] + "/oauth2/token"
		for _, header := range []string{"Client-Cert", "X-Forwarded-Client-Cert", "X-Client-Cert"} {
			code, got := w.post(c, address, credentialsOf("one"), header, rfc9440(cert))
			if code != 401 {
				t.Errorf("%s at %s: %d %v", header, name, code, got)
			}
		}
	}
	// The main listener asks nobody for a certificate, and takes none.
	res, err := w.with(cert.TLS()).Get(w.base + "/signin")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if at := res.Header.Get("Location"); res.StatusCode/100 != 3 || !strings.HasPrefix(at, w.URL+"/") {
		t.Errorf("a page where certificates are asked for: %d %s", res.StatusCode, at)
	}
}

// jwksOf is the key set that a certificate is registered by (section 2.2.2).
func jwksOf(p mtlstest.Pair) *jose.JSONWebKeySet {
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.PublicKey, Certificates: []*x509.Certificate{p.Certificate}}}}
}

// rfc9440 writes a certificate as proxies do (RFC 9440 section 2.1).
func rfc9440(p mtlstest.Pair) string { return ":" + base64.StdEncoding.EncodeToString(p.Raw) + ":" }
