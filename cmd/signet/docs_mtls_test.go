package main

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsOfCertificates runs what docs/mtls.md has to be tried, in one shell, and compares the two thumbprints that it shows.
func TestDocumentsOfCertificates(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("openssl makes the certificates")
	}
	s := newShell(t)
	_, mutual, _ := net.SplitHostPort(freeAddress(t))
	script := "trap 'kill %1' EXIT\n"
	for _, b := range blocksOf(t, "docs/mtls.md") {
		if b.language == "sh" {
			script += b.text + "\n"
		}
	}
	ready := "signet serve >log 2>&1 &\nfor i in $(seq 99); do curl -sf http://" + s.listen + "/readyz >ready && break; sleep 0.1; done\n"
	script = strings.NewReplacer("signet serve &\n", ready, "9443", mutual).Replace(script)
	cmd := s.command(t.Context(), "")
	cmd.Args = []string{"bash", "-c", script}
	if bash, err := exec.LookPath("bash"); err == nil {
		cmd.Path = bash
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), `"access_token"`); n != 2 {
		t.Errorf("%d tokens\n%s", n, out)
	}
	bound := regexp.MustCompile(`"x5t#S256":"([\w-]{43})"`).FindSubmatch(out)
	if bound == nil || !strings.HasSuffix(strings.TrimSpace(string(out)), string(bound[1])) {
		t.Errorf("the thumbprints differ: %s\n%s", bound, out)
	}
}
