package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"signet/internal/freeport"
	"signet/oauth/mtls"
	"signet/oauth/mtls/mtlstest"
	"signet/server/web"
)

// theirs is the configuration of a proxy, made of the blocks of docs/proxies.md.
type theirs struct {
	program string
	args    func(file string) []string
	// config has the blocks in what the program needs beside them: dir is its own, port takes HTTPS for both hosts.
	config func(p *proxy) string
	header string // that certificates come in
	form   mtls.Form
}

var proxies = map[string]theirs{
	"nginx": {"nginx", func(f string) []string { return []string{"-c", f} }, nginx, "X-SSL-Client-Cert", mtls.PEMURLEncoded},
	"Caddy": {"caddy", func(f string) []string { return []string{"run", "--adapter", "caddyfile", "--config", f} }, caddy, "Client-Cert",
		mtls.RFC9440},
	"Apache": {"apache2", func(f string) []string { return []string{"-DFOREGROUND", "-f", f} }, apache, "X-SSL-Client-Cert",
		mtls.PEMURLEncoded},
	"HAProxy": {"haproxy", func(f string) []string { return []string{"-f", f} }, haproxy, "Client-Cert", mtls.RFC9440},
	"Traefik": {"traefik", func(f string) []string { return []string{"--configFile=" + f + ".yml"} }, traefik, "X-Forwarded-Tls-Client-Cert",
		mtls.PEMURLEncoded},
	"Envoy": {"envoy", func(f string) []string {
		return []string{"-c", f + ".json", "--disable-hot-restart", "--concurrency", "1"}
	}, envoy,
		"X-Forwarded-Client-Cert", mtls.XFCC},
}

// TestE05_RealProxies runs the samples of docs/proxies.md with the programs that they are for, where those are installed;
// SIGNET_TEST_PROXIES=required wants them all.
func TestE05_RealProxies(t *testing.T) {
	for name, its := range proxies {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(its.program)
			if err != nil {
				if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			p := startProxy(t, path, name, its)
			p.pages(t)
			p.certificates(t)
		})
	}
}

// proxy is a proxy that runs, and what it leads to.
type proxy struct {
	its        theirs
	name       string
	dir, port  string
	apps       string // the port of the host for certificates: HAProxy's has one of its own
	inner      string // where Signet listens
	cert, key  string
	plain, app []string // blocks of the docs: of the proxy, and of certificates
	pool       *x509.CertPool
	ca         mtlstest.Pair
}

func startProxy(t *testing.T, path, name string, its theirs) *proxy {
	t.Helper()
	apps, err := url.Parse("https://mtls.id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	seen := func(w http.ResponseWriter, r *http.Request) error {
		c, err := web.Certificate(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(w, strings.TrimSpace(web.Address(r).String()+" "+c.Thumbprint()))
		return err
	}
	d := open(t, "https://id.example.com", func(m *web.Mux) {
		m.Page("GET /page", seen)
		m.API("GET /oauth2/seen", web.NoCORS, seen)
	}, func(o *web.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		o.Certificates = web.CertificateHeader{Name: its.header, Form: its.form, URL: apps}
	})
	inner := httptest.NewServer(d)
	t.Cleanup(inner.Close)

	p := &proxy{its: its, name: name, dir: t.TempDir(), port: freePort(t), inner: inner.Listener.Addr().String(), pool: x509.NewCertPool(),
		ca: mtlstest.Authority(t, "Company")}
	shown := mtlstest.SelfSigned(t, "id.example.com",
		func(c *x509.Certificate) { c.DNSNames = []string{"id.example.com", "mtls.id.example.com"} })
	p.pool.AddCert(shown.Certificate)
	p.cert, p.key = shown.Write(t)
	if err := os.WriteFile(p.file("apps-ca.pem"), p.ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if p.apps = p.port; name == "HAProxy" {
		p.apps = freePort(t)
	}
	p.blocks(t)
	config := p.file("config")
	if err := os.WriteFile(config, []byte(its.config(p)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, path, its.args(config))
	return p
}

func (p *proxy) file(name string) string { return filepath.Join(p.dir, name) }

func freePort(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	return port
}

// blocks takes the samples out of the docs.
func (p *proxy) blocks(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	fenced := regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	in := func(heading string) (all []string) {
		_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
		if !ok {
			t.Fatalf("docs/proxies.md has no section %q", heading)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for _, m := range fenced.FindAllStringSubmatch(section, -1) {
			all = append(all, strings.ReplaceAll(m[1], "127.0.0.1:9400", p.inner))
		}
		return all
	}
	p.plain = in(p.name)
	mark := map[string]string{"nginx": "ssl_verify_client", "Caddy": "client_auth {", "Apache": "SSLVerifyClient",
		"HAProxy": "verify optional", "Traefik": "passTLSClientCert", "Envoy": "DownstreamTlsContext"}[p.name]
	for _, block := range in("Certificates of apps") {
		if strings.Contains(block, mark) {
			p.app = append(p.app, block)
		}
	}
	if len(p.plain) != 1 || len(p.app) != 1 {
		t.Fatalf("%d and %d samples", len(p.plain), len(p.app))
	}
}

func (p *proxy) run(t *testing.T, path string, args []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, args...)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	for {
		if p.answers() {
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", p.name, out)
		case <-t.Context().Done():
			t.Fatalf("%s does not listen:\n%s", p.name, out)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers reports whether the proxy has read its configuration: Traefik listens before, with a certificate of its own, and then with no
// route.
func (p *proxy) answers() bool {
	c, err := tls.Dial("tcp", "127.0.0.1:"+p.port, &tls.Config{RootCAs: p.pool, ServerName: "id.example.com"})
	if err != nil {
		return false
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /page HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n"); err != nil {
		return false
	}
	answer, err := io.ReadAll(c)
	return err == nil && bytes.HasPrefix(answer, []byte("HTTP/1.1 200"))
}

// get asks from an address that is no proxy's.
func (p *proxy) get(t *testing.T, host, path string, shown []tls.Certificate, headers ...string) (int, string) {
	t.Helper()
	port := p.port
	if host != "id.example.com" {
		port = p.apps
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: p.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(shown) == 0 {
				return new(tls.Certificate), nil
			}
			return &shown[0], nil
		}},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			return from.DialContext(ctx, "tcp", "127.0.0.1:"+port)
		},
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

const caller = "127.0.0.2"

// pages: the name and the address arrive, whatever callers say of themselves, and large headers pass.
func (p *proxy) pages(t *testing.T) {
	t.Helper()
	for name, headers := range map[string][]string{
		"plain":                   nil,
		"another address claimed": {"X-Forwarded-For", "198.51.100.7"},
		"two lines of addresses":  {"X-Forwarded-For", "198.51.100.7", "X-Forwarded-For", "198.51.100.8, 198.51.100.9"},
		"what is no address":      {"X-Forwarded-For", "unknown"},
		"other headers of it":     {"Forwarded", "for=198.51.100.7", "X-Real-IP", "198.51.100.7"},
		"large headers":           {"Cookie", "a=" + strings.Repeat("x", 7_500), "X-Long", strings.Repeat("x", 7_500)},
	} {
		if code, got := p.get(t, "id.example.com", "/page", nil, headers...); code != 200 || got != caller {
			t.Errorf("%s: %d %.200s", name, code, got)
		}
	}
}

// certificates arrive through the host that asks for them, and callers cannot say what they showed.
func (p *proxy) certificates(t *testing.T) {
	t.Helper()
	const host = "mtls.id.example.com"
	one := p.ca.Sign(t, "one")
	forged := p.ca.Sign(t, "other")
	value := ":" + base64DER(forged) + ":"
	switch p.its.form {
	case mtls.PEMURLEncoded:
		value = escaped(forged)
	case mtls.XFCC:
		value = `Hash=00;Cert="` + escaped(forged) + `"`
	}
	for name, c := range map[string]struct {
		host    string
		shown   []tls.Certificate
		headers []string
		want    string
	}{
		"one that the app shows":      {host, []tls.Certificate{one.TLS()}, nil, caller + " " + one.Thumbprint()},
		"one of nobody":               {host, []tls.Certificate{mtlstest.SelfSigned(t, "self").TLS()}, nil, ""},
		"none":                        {host, nil, nil, caller},
		"none, and one in the header": {host, nil, []string{p.its.header, value}, caller},
		"one, and another in the header": {host, []tls.Certificate{one.TLS()}, []string{p.its.header, value},
			caller + " " + one.Thumbprint()},
		"in the header of the issuer's host": {"id.example.com", nil, []string{p.its.header, value}, caller},
	} {
		code, got := p.get(t, c.host, "/oauth2/seen", c.shown, c.headers...)
		if c.want == "" { // who signed it is for Signet to judge
			c.want = caller + " " + thumbprint(c.shown[0])
		}
		if code != 200 || got != c.want {
			t.Errorf("%s: %d %.200s, want %s", name, code, got, c.want)
		}
	}
}
