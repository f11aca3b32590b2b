package webhook_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/audit/webhook"
	"signet/internal/egress"
	"signet/internal/freeport"
	"signet/storage/storagetest"
)

// TestTheReceiverOfTheDocuments builds and runs the one of docs/webhooks.md, and sends to it.
func TestTheReceiverOfTheDocuments(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(text), "```go\n")
	code, _, ok := strings.Cut(code, "\n```")
	if !ok {
		t.Fatal("docs/webhooks.md has no receiver")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(source, []byte(code+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}

	w := newWorld(t, storagetest.SQLite(t))
	w.s, w.delivery = serviceOn(t, w.db, egress.New(egress.Options{Allow: []string{"127.0.0.1"}, MaxBody: 1}))
	made, secret, err := w.s.Create(t.Context(), webhook.Webhook{URL: "http://" + address + "/signet", Events: []string{"*"}}, "")
	w.ok(err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "LISTEN="+address)
	said, err := cmd.StdoutPipe()
	w.ok(err)
	w.ok(cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Since(start) > 2*time.Minute {
			t.Fatal(err)
		}
	}
	w.edit(made.ID, func(m map[string]any) { m["since"] = time.Now().Add(-time.Hour) })
	want := w.happens("user.changed")
	w.turn()
	if left := w.waiting(made.ID); len(left) > 0 {
		t.Fatalf("it did not take %+v", left)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || strings.TrimSpace(line) != want {
		t.Errorf("it took %q, %v; want %s", line, err, want)
	}
	forged, err := http.Post("http://"+address+"/signet", "application/json", strings.NewReader(`{"type":"user.changed"}`))
	w.ok(err)
	_ = forged.Body.Close()
	if forged.StatusCode != http.StatusUnauthorized {
		t.Errorf("it answers %d to what is not signed", forged.StatusCode)
	}
}
