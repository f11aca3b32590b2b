package loopback_test

import (
	"testing"

	"signet/internal/loopback"
)

// One definition of loopback.
func TestOneDefinitionOfLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "app.localhost": true, "a.b.localhost": true, "127.0.0.1": true, "127.8.9.10": true, "::1": true,
		"": false, ".localhost": false, "localhost.": false, "localhost.example": false, "notlocalhost": false, "LOCALHOST": false,
		"127.1":      false,
		"127.0.0.01": false, "0127.0.0.1": false, "2130706433": false, "0x7f.0.0.1": false, "128.0.0.1": false, "0.0.0.0": false, "::": false,
		"::ffff:127.0.0.1": false, "0:0:0:0:0:0:0:1": false, "::1%lo": false, "[::1]": false, "127.0.0.1:80": false, "localhost:80": false,
		"10.0.0.1": false, "169.254.1.1": false, "fe80::1": false,
	} {
		if got := loopback.Host(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
