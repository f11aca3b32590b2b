package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/server"
)

// started is a server on free ports.
type started struct {
	public, internal string
	stop             context.CancelFunc
	done             chan error
}

func start(t *testing.T, yaml string) started {
	t.Helper()
	c, err := config.Load(config.Sources{
		Listen: "127.0.0.1:0", Data: t.TempDir(), Environ: []string{"SIGNET_SERVER_INTERNAL_LISTEN=127.0.0.1:0"},
		ReadFile: func(string) ([]byte, error) { return []byte(yaml), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := server.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h, err := server.Open(t.Context(), server.Options{Config: c.WithListener(l.Public.Addr().String()), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(h)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	up := started{public: l.Public.Addr().String(), internal: l.Internal.Addr().String(), stop: stop, done: make(chan error, 1)}
	ready := make(chan struct{})
	go func() { up.done <- s.Run(ctx, l, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() { stop(); _ = up.wait(); _ = h.Close() })
	return up
}

func (s started) wait() error {
	select {
	case err := <-s.done:
		s.done <- err
		return err
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("does not stop")
	}
}

func TestTwoListeners(t *testing.T) { // rule R09
	s := start(t, "")
	for at, want := range map[string]int{
		s.public + "/healthz": 200, s.public + "/readyz": 200, s.public + "/metrics": 404,
		s.internal + "/healthz": 200, s.internal + "/readyz": 200, s.internal + "/metrics": 200, s.internal + "/account": 404,
	} {
		res, err := http.Get("http://" + at)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", at, res.StatusCode, want)
		}
	}
}

// TestStopFinishesRequestsInHand: the server is told to stop after it has begun to read a request, and answers it.
func TestStopFinishesRequestsInHand(t *testing.T) {
	s := start(t, "")
	conn, err := net.Dial("tcp", s.public)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = "grant_type=client_credentials&client_id=nobody&client_secret=x"
	fmt.Fprintf(conn,
		"POST /oauth2/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: "+
			"100-continue\r\n\r\n", s.public, len(body))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("got %q, %v", line, err)
	}
	s.stop()
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ReadString('\n'); err != nil { // the end of the 100
		t.Fatal(err)
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", res.StatusCode)
	}
	if err := s.wait(); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", s.public); err == nil {
		conn.Close()
		t.Error("still accepts")
	}
}

// certificate writes a self-signed pair and returns it as authorities.
func certificate(t *testing.T, dir string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return pool
}

func TestNativeTLS(t *testing.T) { // TLS 1.3, or 1.2 with ECDHE and AES-GCM only
	dir := t.TempDir()
	pool := certificate(t, dir, 1)
	s := start(t, fmt.Sprintf("server: {issuer: https://localhost:8443, tls: {cert_file: %[1]s/cert.pem, key_file: %[1]s/key.pem}}", dir))
	dial := func(c *tls.Config) (tls.ConnectionState, error) {
		c.RootCAs, c.ServerName = pool, "localhost"
		conn, err := tls.Dial("tcp", s.public, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close()
		return conn.ConnectionState(), nil
	}
	if state, err := dial(&tls.Config{}); err != nil || state.Version != tls.VersionTLS13 {
		t.Errorf("by default: version %x, %v", state.Version, err)
	}
	if _, err := dial(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		_, err := dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		want := strings.Contains(suite.Name, "ECDHE_ECDSA") && strings.Contains(suite.Name, "AES") && strings.Contains(suite.Name, "GCM")
		if (err == nil) != want {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, ForceAttemptHTTP2: true}}
	res, err := client.Get("https://" + s.public + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 || !bytes.Contains(body, []byte(`"issuer":"https://localhost:8443"`)) {
		t.Errorf("%s %s %v", res.Proto, body, err)
	}
}

func TestCheckNamesWhatOnlyTheServicesKnow(t *testing.T) {
	yaml := `
server: {issuer: https://id.example.com, tls: {cert_file: nowhere.pem, key_file: nowhere.pem}}
branding: {logo: nowhere.svg}
clients:
  - {client_id: shop, token_endpoint_auth_method: attest_jwt_client_auth, redirect_uris: [http://shop.example/cb]}
resources: [{identifier: "https://api.example.com", scopes: [openid]}]
`
	c, err := config.Load(config.Sources{ReadFile: func(string) ([]byte, error) { return []byte(yaml), nil }})
	if err != nil {
		t.Fatal(err)
	}
	err = server.Check(c)
	for _, want := range []string{"server.tls.cert_file: ", "branding.logo: ", "clients[shop].token_endpoint_auth_method: ",
		"clients[shop].redirect_uris: ", "resources[https://api.example.com].scopes: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %s in\n%v", want, err)
		}
	}
}
