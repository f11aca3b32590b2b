package main

import (
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/oauth/mtls/mtlstest"
)

// TestCertificatesThatCallersRefuse are told before callers do it.
func TestCertificatesThatCallersRefuse(t *testing.T) {
	t.Parallel()
	now := time.Now()
	made := mtlstest.Authority(t, "CA").Sign(t, "id", func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{"id.example.com"}, now.Add(-time.Hour), now.Add(time.Hour)
	})
	cert, key := made.Write(t)
	c := config.Config{Server: config.Server{Issuer: "https://id.example.com", TLS: config.TLS{CertFile: cert, KeyFile: key}}}
	elsewhere, behind := c, c
	elsewhere.Server.Issuer = "https://login.example.com"
	behind.Server.Issuer, behind.Server.TrustedProxies = elsewhere.Server.Issuer, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, w := range map[string]struct {
		c       config.Config
		now     time.Time
		says    string
		remedy  string
		nothing bool
	}{
		"in its time":    {c: c, now: now, nothing: true},
		"ended":          {c: c, now: now.Add(2 * time.Hour), says: "server.tls.cert_file: the certificate ended on ", remedy: "renew it"},
		"not begun":      {c: c, now: now.Add(-2 * time.Hour), says: "the certificate begins on ", remedy: "this machine's clock"},
		"another's name": {c: elsewhere, now: now, says: "is not for login.example.com", remedy: "get one that names it"},
		"behind a proxy": {c: behind, now: now, nothing: true},
	} {
		got := strings.Join(certificateWarnings(w.c, w.now), "\n")
		if w.nothing != (got == "") || !strings.Contains(got, w.says) || !strings.Contains(got, w.remedy) {
			t.Errorf("%s: got %q, want %q and %q", name, got, w.says, w.remedy)
		}
	}
}

// TestFilesOfAnotherAccount: the message says whose they must be.
func TestFilesOfAnotherAccount(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may open all files; the packages' tests by hand look at this")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("config.yaml", nil, 0o000); err != nil {
		t.Fatal(err)
	}
	check := func(what, remedy string, args ...string) {
		t.Helper()
		var out strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), &out, &out); code == exitOK || !strings.Contains(out.String(), remedy) {
			t.Errorf("%s: %d %s", what, code, &out)
		}
	}
	check("settings", "let the account that runs this read it", "config", "check", "--config", filepath.Join(dir, "config.yaml"))
	if err := os.Chmod("config.yaml", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("data", 0o500); err != nil {
		t.Fatal(err)
	}
	check("database", "must be those of the account that runs this", "serve", "--config", filepath.Join(dir, "config.yaml"), "--data",
		filepath.Join(dir, "data"))
}
