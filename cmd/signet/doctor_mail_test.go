package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/internal/mail/mailtest"
)

// Rule E1: doctor tries the mail server as an email would, and sends none.
func TestDoctorGreetsTheMailServer(t *testing.T) {
	box := mailtest.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	examine := func(port int) (int, string) {
		t.Helper()
		yaml := fmt.Sprintf(
			"server: {internal_listen: %q}\nmail: {sender: smtp, from: signet@example.com, smtp: {host: 127.0.0.1, port: %d, tls: none}}\n",
			freeAddress(t), port)
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"doctor", "--config", file, "--data", dir}, strings.NewReader(""), &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, text := examine(box.Port); code != exitOK || box.Count() != 0 {
		t.Errorf("there: %d, %d emails: %s", code, box.Count(), text)
	}
	if code, text := examine(1); code != exitFailed || !strings.Contains(text, "mail.smtp") {
		t.Errorf("not there: %d: %s", code, text)
	}
	if code := run(t.Context(), []string{"migrate", "up", "--config", file, "--data", dir}, strings.NewReader(""), new(bytes.Buffer),
		os.Stderr); code != exitOK {
		t.Fatal(code)
	}
	if code, text := examine(box.Port); code != exitOK || !strings.Contains(text, "clock") {
		t.Errorf("with a database: %d: %s", code, text)
	}
}
