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
		"pushed_authorization_request_endpoint": "/oauth2/par", "device_authorization_endpoint": "/oauth2/device_authorization",
		"backchannel_authentication_endpoint": "/oauth2/bc-authorize"} {
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
	// No page is shown where certificates are asked for, whatever the name.
	for _, host := range []string{"mtls.example.com:9443", strings.TrimPrefix(w.URL, "http://")} {
		r, err := http.NewRequest("GET", w.base+"/signin", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		res, err := w.with(cert.TLS()).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if at := res.Header.Get("Location"); res.StatusCode/100 != 3 || !strings.HasPrefix(at, w.URL+"/") {
			t.Errorf("a page for %s: %d %s", host, res.StatusCode, at)
		}
	}
}

// jwksOf is the key set that a certificate is registered by (section 2.2.2).
func jwksOf(p mtlstest.Pair) *jose.JSONWebKeySet {
	return &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.PublicKey, Certificates: []*x509.Certificate{p.Certificate}}}}
}

// rfc9440 writes a certificate as proxies do (RFC 9440 section 2.1).
func rfc9440(p mtlstest.Pair) string { return ":" + base64.StdEncoding.EncodeToString(p.Raw) + ":" }

// bound registers tokens that are bound to certificates.
func toCertificate(m *clients.Metadata) { m.CertificateBoundAccessTokens = true }

func x5t(t *testing.T, token any) any {
	cnf, _ := claimsOf(t, token.(string))["cnf"].(map[string]any)
	return cnf["x5t#S256"]
}

func TestRFC8705_TokensAreBoundToTheCertificate(t *testing.T) { // section 3
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newCertified(t, engine)
		d := w.discovery()
		if !d.Bound {
			t.Error("discovery does not tell (section 3.3)")
		}
		ada, browser := w.Person(t, "ada@example.com"), w.Browser(t)
		app := w.App(t, "spa", servertest.Public, toCertificate)
		mine, other := mtlstest.SelfSigned(t, "mine"), mtlstest.SelfSigned(t, "mine")
		here, there := w.with(mine.TLS()), w.with(other.TLS())
		token := d.Aliases["token_endpoint"]
		wants := func(what string, code int, got map[string]any, wrong string) {
			t.Helper()
			if code != 400 || got["error"] != wrong {
				t.Errorf("%s: %d %v, want %s", what, code, got, wrong)
			}
		}

		form := bound{T: t, s: w.Server, app: app}.code(browser, ada)
		form.Set("client_id", "spa")
		code, got := w.post(w.with(), token, form)
		wants("code without a certificate", code, got, "invalid_request")
		code, got = w.post(http.DefaultClient, w.URL+"/oauth2/token", form, "Client-Cert", rfc9440(mine))
		wants("code at the main listener", code, got, "invalid_request")
		code, one := w.post(here, token, form)
		if code != 200 || one["token_type"] != "Bearer" || x5t(t, one["access_token"]) != mine.Thumbprint() {
			t.Fatalf("code: %d %v, cnf %v, want %s", code, one, x5t(t, one["access_token"]), mine.Thumbprint())
		}
		if cnf := len(claimsOf(t, one["access_token"].(string))["cnf"].(map[string]any)); cnf != 1 {
			t.Errorf("cnf has %d members", cnf)
		}
		code, got = w.post(there, token, form) // spent, and not by this certificate: it ends nothing
		wants("code again with another certificate", code, got, "invalid_grant")

		// Section 4: the refresh tokens of a public client are bound to the certificate.
		refresh := refreshForm(one["refresh_token"])
		refresh.Set("client_id", "spa")
		code, got = w.post(w.with(), token, refresh)
		wants("refresh without", code, got, "invalid_request")
		code, got = w.post(there, token, refresh)
		wants("refresh with another", code, got, "invalid_grant")
		code, two := w.post(here, token, refresh)
		if code != 200 || x5t(t, two["access_token"]) != mine.Thumbprint() {
			t.Fatalf("refresh: %d %v", code, two)
		}
		code, again := w.post(here, token, refresh) // within the grace
		if code != 200 || again["refresh_token"] != two["refresh_token"] {
			t.Errorf("refresh again: %d %v", code, again)
		}
		code, got = w.post(there, token, refresh)
		wants("refresh again with another", code, got, "invalid_grant")

		// The registration gets narrower: what is bound stays bound.
		if _, err := w.Services().Clients.Change(t.Context(), "spa", func(m *clients.Metadata) error {
			m.CertificateBoundAccessTokens = false
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		refresh.Set("refresh_token", two["refresh_token"].(string))
		code, got = w.post(w.with(), token, refresh)
		wants("refresh of a bound grant without, when nothing demands it", code, got, "invalid_grant")
		code, three := w.post(here, token, refresh)
		if code != 200 || x5t(t, three["access_token"]) != mine.Thumbprint() {
			t.Errorf("refresh of a bound grant: %d %v", code, three)
		}

		w.userinfo(one["access_token"].(string), mine, here, there)
	})
}

// userinfo wants the certificate that a token is bound to: mine has it, other has another one.
func (w certified) userinfo(token string, bound mtlstest.Pair, mine, other *http.Client) {
	w.Helper()
	for name, test := range map[string]struct {
		by      *http.Client
		address string
		status  int
	}{
		"the same":             {mine, w.base + "/userinfo", 200},
		"another":              {other, w.base + "/userinfo", 401},
		"none":                 {w.with(), w.base + "/userinfo", 401},
		"at the main listener": {http.DefaultClient, w.URL + "/userinfo", 401},
	} {
		r, err := http.NewRequest("GET", test.address, nil)
		if err != nil {
			w.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Client-Cert", rfc9440(bound))
		res, err := test.by.Do(r)
		if err != nil {
			w.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != test.status || test.status == 401 && !strings.Contains(res.Header.Get("WWW-Authenticate"), "invalid_token") {
			w.Errorf("userinfo with %s: %d %v", name, res.StatusCode, res.Header["Www-Authenticate"])
		}
		if id := res.Header.Get("X-Fapi-Interaction-Id"); (len(id) == 36) != (test.by == mine || test.by == other) { // one of ours
			w.Errorf("userinfo with %s: %q", name, id)
		}
	}
}

func TestRFC8705_ConfidentialClientsWithBoundTokens(t *testing.T) { // sections 3, 6.3 and 7.1
	w := newCertified(t)
	d, token := w.discovery(), w.base+"/oauth2/token"
	ada, browser := w.Person(t, "ada@example.com"), w.Browser(t)
	app := w.App(t, "shop", byName("shop"), toCertificate)
	w.App(t, "free", byName("shop"))
	first, second := w.ca.Sign(t, "shop"), w.ca.Sign(t, "shop")
	here, renewed := w.with(first.TLS()), w.with(second.TLS())

	form := bound{T: t, s: w.Server, app: app}.code(browser, ada)
	form.Set("client_id", "shop")
	code, one := w.post(here, token, form)
	if code != 200 || x5t(t, one["access_token"]) != first.Thumbprint() {
		t.Fatalf("code: %d %v", code, one)
	}
	// The client's own authentication binds its refresh tokens: a renewed certificate binds the new access token.
	refresh := refreshForm(one["refresh_token"])
	refresh.Set("client_id", "shop")
	code, two := w.post(renewed, token, refresh)
	if code != 200 || x5t(t, two["access_token"]) != second.Thumbprint() {
		t.Fatalf("refresh: %d %v", code, two)
	}
	// Introspection tells which certificate the resource has to see.
	_, about := w.post(here, d.Aliases["introspection_endpoint"], url.Values{"client_id": {"shop"}, "token": {two["access_token"].(string)}})
	cnf, _ := about["cnf"].(map[string]any)
	if about["active"] != true || cnf["x5t#S256"] != second.Thumbprint() || about["token_type"] != "Bearer" {
		t.Errorf("introspection: %v", about)
	}
	// Whoever did not register for it gets tokens that are not bound.
	if code, got := w.post(here, token, credentialsOf("free")); code != 200 || x5t(t, got["access_token"]) != nil {
		t.Errorf("not registered: %d %v", code, got)
	}

	// With another method (section 3: binding is apart from authentication), and with a proof beside it.
	secret := w.App(t, "secret", toCertificate, func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodPost })
	form = credentialsOf("secret")
	form.Set("client_secret", secret.ClientSecret)
	if code, got := w.post(w.with(), token, form); code != 400 || got["error"] != "invalid_request" {
		t.Errorf("secret without a certificate: %d %v", code, got)
	}
	own := mtlstest.SelfSigned(t, "anything")
	if code, got := w.post(w.with(own.TLS()), token, form); code != 200 || x5t(t, got["access_token"]) != own.Thumbprint() {
		t.Errorf("secret with a certificate: %d %v", code, got)
	}
	key := dpoptest.New(t)
	code, both := w.post(w.with(own.TLS()), token, form, "DPoP", key.Proof(t, "POST", token))
	if code != 200 || both["token_type"] != "DPoP" || x5t(t, both["access_token"]) != own.Thumbprint() {
		t.Fatalf("proof and certificate: %d %v", code, both)
	}
	if cnf := claimsOf(t, both["access_token"].(string))["cnf"].(map[string]any); cnf["jkt"] != key.Thumbprint(t) {
		t.Errorf("cnf: %v", cnf)
	}
}

func TestFAPI2_ByCertificateAlone(t *testing.T) { // FAPI 2.0 Security Profile section 5.3.2.1
	w := newCertified(t)
	app := w.App(t, "bank", byName("bank"), toCertificate, func(m *clients.Metadata) {
		m.Profile, m.GrantTypes = clients.ProfileFAPI2, []string{clients.AuthorizationCode, clients.RefreshToken}
	})
	if app.DPoPBoundAccessTokens {
		t.Error("the profile demands DPoP beside certificates")
	}
	ada, browser := w.Person(t, "ada@example.com"), w.Browser(t)
	here, other := w.with(w.ca.Sign(t, "bank").TLS()), w.with(w.ca.Sign(t, "other").TLS())
	p := pushes{t, w.Server, app}
	form, verifier := p.form(map[string]string{"scope": "openid offline_access", "client_id": "bank"})
	if code, got := w.post(other, w.base+"/oauth2/par", form); code != 401 {
		t.Errorf("pushed by another: %d %v", code, got)
	}
	code, got := w.post(here, w.base+"/oauth2/par", form)
	if code != 201 {
		t.Fatalf("push: %d %v", code, got)
	}
	p.open(browser, got["request_uri"].(string))
	exchange := url.Values{"grant_type": {"authorization_code"}, "code": {p.through(browser, ada).Get("code")}, "client_id": {"bank"},
		"redirect_uri": app.RedirectURIs, "code_verifier": {verifier}}
	for name, by := range map[string]*http.Client{"another": other, "none": w.with()} {
		if code, got := w.post(by, w.base+"/oauth2/token", exchange); code != 401 {
			t.Errorf("code with %s: %d %v", name, code, got)
		}
	}
	code, one := w.post(here, w.base+"/oauth2/token", exchange)
	if code != 200 || x5t(t, one["access_token"]) == nil {
		t.Fatalf("%d %v", code, one)
	}
	refresh := refreshForm(one["refresh_token"])
	refresh.Set("client_id", "bank")
	for range 2 { // no rotation
		if code, two := w.post(here, w.base+"/oauth2/token", refresh); code != 200 || two["refresh_token"] != one["refresh_token"] {
			t.Errorf("refresh: %d %v", code, two)
		}
	}
}

func TestRFC8705_NobodyShowsACertificateWithoutItsKey(t *testing.T) { // sections 2 and 7.5
	w := newCertified(t)
	w.App(t, "one", byName("one"))
	mine := w.ca.Sign(t, "one")
	stolen := mtlstest.Pair{Certificate: mine.Certificate, Key: mtlstest.SelfSigned(t, "thief").Key}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		thief := w.with(stolen.TLS())
		thief.Transport.(*http.Transport).TLSClientConfig.MaxVersion = version
		if res, err := thief.PostForm(w.base+"/oauth2/token", credentialsOf("one")); err == nil {
			res.Body.Close()
			t.Errorf("%s: answered with %d", tls.VersionName(version), res.StatusCode)
		}
	}
	long := w.with(mine.TLS(w.ca, w.ca, w.ca, w.ca, w.ca))
	if code, got := w.post(long, w.base+"/oauth2/token", credentialsOf("one")); code != 400 || got["error"] != "invalid_request" {
		t.Errorf("six certificates: %d %v", code, got)
	}
	r, err := http.NewRequest("POST", w.base+"/oauth2/token", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-Cert", strings.Repeat("A", 1<<20))
	if res, err := w.with(mine.TLS()).Do(r); err == nil { // HTTP/2 may break the connection off
		res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 1 MiB: %d", res.StatusCode)
		}
	}
}
