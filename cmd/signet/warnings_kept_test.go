package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// TestServeWarnsOfNothingThatTheDatabaseHas: who keeps the mail server in the database is not told that there is none.
func TestServeWarnsOfNothingThatTheDatabaseHas(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", freeAddress(t))
	t.Setenv("SIGNET_SERVER_ISSUER", "http://localhost:9400")
	mail := `{"settings": [{"id": "mail", "from": "id@example.com", "host": "smtp.example.com"}]}`
	if err := os.WriteFile("mail.json", []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	for stored, lines := range [][]string{{"migrate up"}, {"apply --yes mail.json"}} {
		for _, line := range lines {
			if code := run(t.Context(), strings.Fields(line), strings.NewReader(""), t.Output(), t.Output()); code != exitOK {
				t.Fatalf("%s: exit code %d", line, code)
			}
		}
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		out, w := io.Pipe()
		done := make(chan int, 1)
		go func() {
			done <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, strings.NewReader(""), w, &log)
			w.Close()
		}()
		readBlock(t, out)
		stop()
		go func() { _, _ = io.Copy(io.Discard, out) }()
		if code := <-done; code != exitOK {
			t.Fatalf("exit code %d", code)
		}
		if warned := strings.Contains(log.String(), "mail.sender: is not set"); warned != (stored == 0) {
			t.Errorf("with mail in the database %d: warned %v\n%s", stored, warned, &log)
		}
	}
}
