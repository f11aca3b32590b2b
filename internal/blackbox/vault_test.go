package blackbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMasterKeyWrappedByAVault: the key is wrapped by one command, and each start has it unwrapped by the other. A sealed vault, and a
// token that has ended, keep a server from starting, and say why. The vault is a few lines that answer as OpenBao does.
func TestMasterKeyWrappedByAVault(t *testing.T) {
	var status atomic.Int64
	status.Store(200)
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var body map[string]string
		if r.Header.Get("X-Vault-Token") != "s.abc" || json.NewDecoder(r.Body).Decode(&body) != nil || status.Load() != 200 {
			w.WriteHeader(int(status.Load()))
			_, _ = w.Write([]byte(`{"errors":["Vault is sealed"]}`))
			return
		}
		data := map[string]string{"plaintext": strings.TrimPrefix(body["ciphertext"], "vault:v1:")}
		if r.URL.Path == "/v1/transit/encrypt/signet" {
			data = map[string]string{"ciphertext": "vault:v1:" + body["plaintext"]}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer vault.Close()
	s := newSite(t, "")
	token, wrapped := filepath.Join(s.dir, "token"), filepath.Join(s.dir, "master.key.wrapped")
	if err := os.WriteFile(token, []byte("s.abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := []string{"--vault", vault.URL, "--token-file", token}
	run := func(stdin string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env, cmd.Dir, cmd.Stdin = slices.DeleteFunc(s.env(), func(v string) bool { return strings.HasPrefix(v, "SIGNET_MASTER_KEY=") }),
			s.dir, strings.NewReader(stdin)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		return out.String() + errs.String(), err
	}
	text, err := run(masterKey+"\n", append([]string{"key", "wrap", "-"}, line...)...)
	if err != nil || !strings.HasPrefix(text, "vault:v1:") || strings.Contains(text, masterKey) {
		t.Fatalf("%v %s", err, text)
	}
	if err := os.WriteFile(wrapped, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start("").kill() // with the key itself: what the vault gives back must be the same

	s.more = []string{"SIGNET_MASTER_KEY_COMMAND=" + strings.Join(append([]string{binary, "key", "unwrap", wrapped}, line...), " ")}
	s.wrapped = true
	p := s.start("")
	s.person("ada@example.com")
	p.kill()
	for code, says := range map[int64]string{503: "unseal it", 403: "the token has ended"} {
		status.Store(code)
		if text, err := run("", "serve", "--config", s.config); err == nil || !strings.Contains(text, says) || strings.Contains(text, "s.abc") {
			t.Errorf("%d: %v %s", code, err, text)
		}
	}
	for _, wrong := range []string{"not base64!", "", "c2hvcnQ"} {
		if text, err := run(wrong, append([]string{"key", "wrap", "-"}, line...)...); err == nil {
			t.Errorf("%q was wrapped: %s", wrong, text)
		}
	}
}
