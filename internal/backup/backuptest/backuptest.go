// Package backuptest starts a store that others wrote, versitygw, for tests of backups in buckets. Begin with Start.
package backuptest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/internal/freeport"
)

// The bucket of Start, and who may use it.
const (
	Bucket, Region    = "bucket", "here"
	AccessKey, Secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Start runs the store until the test ends, with one bucket, and returns its address. .ci/run full builds the program; elsewhere the test
// is skipped.
func Start(t testing.TB) (endpoint string) {
	t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		if os.Getenv("SIGNET_TEST_PROXIES") == "required" {
			t.Fatal("versitygw is not there")
		}
		t.Skip("versitygw is not there; .ci/run full has it")
	}
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{"data/" + Bucket, "sidecar"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.CommandContext(t.Context(), program, "--port", address, "--access", AccessKey, "--secret", Secret, "--region",
		Region, "--quiet", "posix", "--sidecar", filepath.Join(folder, "sidecar"), filepath.Join(folder, "data"))
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for n := 0; ; n++ {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return "http://" + address
		}
		if n == 12_000 {
			_ = server.Process.Kill()
			_ = server.Wait()
			t.Fatalf("%v; it says %s", err, said.String())
		}
		time.Sleep(10 * time.Millisecond) // a program of others has no other way to say that it is there
	}
}
