package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"signet/storage/storagetest"
)

// wicked names the window, clears the screen, begins a line and a cell of its own, turns the direction of text, and does all that once more
// as one character (C1) or one byte.
const wicked = "\x1b]0;owned\x07\x1b[2J\nroot\tadmin\r\u202eexe\u2066\u009b31m\u0085\x7f\U000e0041"

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\n": "a\tb\n", "Zoë 👩\u200d🚀 علی\u200cرضا": "Zoë 👩\u200d🚀 علی\u200cرضا",
		"\x1b[2J\r\u009b1m\u202e\x7f\U000e0041": `\u001b[2J\u000d\u009b1m\u202e\u007f\udb40\udc41`, "\x9b1m": `\ufffd1m`,
	} {
		for size := 1; size <= len(text); size++ { // in pieces
			var out bytes.Buffer
			p := &plain{w: &out}
			for rest := []byte(text); len(rest) > 0; {
				n := min(size, len(rest))
				if wrote, err := p.Write(rest[:n]); wrote != n || err != nil {
					t.Fatal(wrote, err)
				}
				rest = rest[n:]
			}
			if out.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", text, size, out.String(), want)
			}
		}
	}
}

// TestCommandsShowWhatStrangersWrote as it is written: nothing of it moves the cursor, begins a line or a cell, or turns text around.
func TestCommandsShowWhatStrangersWrote(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "signet.db")
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_STORAGE_DSN", address)
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:1")
	t.Setenv("SIGNET_MAIL_SENDER", "file")
	t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	for _, first := range []string{
		"migrate up", "client create --id a --redirect-uri https://a.example/cb", "user create --email ada@example.com", "group create staff",
		"role create editor", "resource create https://api.example", "group add staff ada@example.com", "role give editor ada@example.com",
	} {
		if code, _, errs := command(t, first); code != exitOK {
			t.Fatalf("%s: %s", first, errs)
		}
	}
	sql := "'" + wicked + "'"
	inside, err := json.Marshal(wicked)
	if err != nil {
		t.Fatal(err)
	}
	inText := "'" + strings.ReplaceAll(string(inside), "'", "''") + "'"
	for _, statement := range []string{
		"UPDATE users SET username = " + sql + ", profile = json_object('name', " + sql + ")",
		"UPDATE clients SET metadata = json_set(metadata, '$.client_name', " + sql + ", '$.scope', " + sql + ")",
		"UPDATE groups SET description = " + sql, "UPDATE roles SET description = " + sql,
		"UPDATE resources SET name = " + sql,
		"INSERT INTO events (id, at, name, outcome, network, agent, detail) VALUES ('zz', 9, 'signin.failed', 'failure', " + sql + ", " + sql +
			", json_object('said', " + sql + "))",
		`INSERT INTO sessions (id, secret_hash, user_id, auth_time, acr, agent, address, created_at, seen_at, expires_at)
			SELECT 's', 'h', id, 1, '1', ` + sql + ", " + sql + `, 1, 1, 9000000000000000 FROM users`,
		`INSERT INTO traces (reference, expires_at, data) VALUES ('7F3K-92QD-MX', 9000000000000000,
			'{"reference":"7F3K-92QD-MX","route":' || ` + inText + ` || ',"error":' || ` + inText + ` || ',"description":' || ` + inText +
			` || ',"facts":[{"name":' || ` + inText + ` || ',"value":' || ` + inText + ` || '}]}')`,
	} {
		storagetest.Exec(t, address, statement)
	}
	shown := 0
	for path, entry := range accessOf {
		if entry.does != "reads" {
			continue
		}
		for _, as := range []string{"", " --json"} {
			_, out, errs := command(t, path+" "+entry.args+as)
			for _, text := range []string{out, errs} {
				for _, r := range text {
					if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
						t.Errorf("%s%s shows %U of a stranger's text: %.300q", path, as, r, text)
						break
					}
				}
				if strings.Contains(text, "\nroot") || strings.Contains(text, "root\tadmin") {
					t.Errorf("%s%s: a stranger's text begins a line: %.300q", path, as, text)
				}
				shown += strings.Count(text, "owned")
			}
		}
	}
	if shown < 20 {
		t.Errorf("it was shown %d times only", shown)
	}
}
