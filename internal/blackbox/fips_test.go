package blackbox

import (
	"crypto/sha1" //nolint:gosec // as another product hashed
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyTheFIPSModule runs the binary where Go refuses every algorithm that is not of its cryptographic module: sign-in, code and refresh
// work, with a password that another product hashed by SHA-1 too; what an operator chose and cannot have is a mistake with its key.
func TestOnlyTheFIPSModule(t *testing.T) {
	s := newSite(t, "")
	s.more = []string{"GODEBUG=fips140=only"}
	p := s.start("")
	s.person("ada@example.com")
	sum := sha1.Sum([]byte(password + "salt"))
	people := filepath.Join(s.dir, "people.jsonl")
	bob := fmt.Sprintf(`{"sub":"bob","email":"bob@example.com","email_verified":true,"password_hash":"{SSHA}%s"}`,
		base64.StdEncoding.EncodeToString(append(sum[:], "salt"...)))
	if err := os.WriteFile(people, []byte(bob+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cli(nil, "user", "import", people, "--json")
	app := newApp(t, s.issuer, "openid", "offline_access")
	for _, email := range []string{"ada@example.com", "bob@example.com"} {
		token, err := app.login(t.Context(), newBrowser(t, email))
		if err == nil {
			_, err = app.refresh(t.Context(), token.RefreshToken)
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", email, err, p.out)
		}
	}
	if log := p.out.String(); strings.Contains(log, "panic") {
		t.Error(log)
	}

	list := filepath.Join(s.dir, "breached.txt")
	if err := os.WriteFile(list, []byte("0000000000000000000000000000000000000001:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "config", "check", "--config", s.config)
	cmd.Env, cmd.Dir = append(s.env(), "SIGNET_PASSWORDS_BREACH_FILE="+list, "SIGNET_PASSWORDS_RANGE_API=https://range.example.com/"), s.dir
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"passwords.breach_file: needs SHA-1", "passwords.range_api: needs SHA-1", "fips140=on"} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v %s; want %q", err, out, want)
		}
	}
}
