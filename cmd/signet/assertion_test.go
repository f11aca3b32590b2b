package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// TestProofsAreForAnAddressWithoutItsQuery (RFC 9449 section 4.2), which may hold what is nobody else's; and for nothing else than an
// address.
func TestProofsAreForAnAddressWithoutItsQuery(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, errs := command(t, "assertion key --key-file k.jwk"); code != 0 {
		t.Fatal(errs)
	}
	for _, address := range []string{"https://id.example/a%2Fb?code=secret#part", "https://id.example/a%2Fb?", "https://id.example/a%2Fb"} {
		code, out, errs := command(t, "assertion proof --key-file k.jwk --url "+address)
		if code != 0 {
			t.Fatalf("%s: %s", address, errs)
		}
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(out, ".")[1])
		var claims struct{ HTU string }
		if err != nil || json.Unmarshal(raw, &claims) != nil || claims.HTU != "https://id.example/a%2Fb" {
			t.Errorf("%s: %s", address, raw)
		}
	}
	for _, wrong := range []string{"nonsense", "/oauth2/token", "ftp://id.example/", "https://me:pass@id.example/", "https:///x",
		"id.example:443"} {
		if code, out, _ := command(t, "assertion proof --key-file k.jwk --url "+wrong); code != 2 || out != "" {
			t.Errorf("%s: exit code %d, %s", wrong, code, out)
		}
	}
}
