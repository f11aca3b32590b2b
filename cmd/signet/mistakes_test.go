package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/storage/storagetest"
)

// TestMistakesOfAnOperator: for each of what goes wrong on the first day, and on a bad one, the command ends, and its words say what is
// wrong (the first of each) and how it is mended (the second).
func TestMistakesOfAnOperator(t *testing.T) {
	const dsn, key = "SIGNET_STORAGE_DSN", "SIGNET_MASTER_KEY"
	const other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMDE"
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	foreign, locked := storagetest.PostgresDSN(t), storagetest.PostgresDSN(t)
	storagetest.Exec(t, foreign, "CREATE TABLE orders (id int)")
	behind, _, _ := strings.Cut(locked, "@")
	for name, m := range map[string]mistake{
		"a key is mistyped": {yaml: "server: {isuer: https://id.example.com}", line: "config check", wrong: "server.isuer: is not a key",
			mend: "did you mean issuer"},
		"an issuer in clear": {yaml: "server: {issuer: http://id.example.com}", line: "config check", wrong: "must be https",
			mend: "server.tls"},
		"no such certificate": {yaml: "server: {issuer: https://id.example.com, tls: {cert_file: no.pem, key_file: no.key}}",
			line: "config check", wrong: "open no.pem", mend: "name a PEM file that this account can read"},
		"an @ in a password": {env: map[string]string{dsn: "postgres://a:b@c/d@127.0.0.1/x"}, line: "config check",
			wrong: "storage.dsn: is not a valid address", mend: "write @ as %40"},
		"the port is taken": {line: "serve --listen " + taken.Addr().String(), wrong: taken.Addr().String(), mend: "choose another"},
		"no migration": {yaml: "storage: {migrate: off}", line: "serve", wrong: "older than this binary",
			mend: "run `signet migrate up`"},
		"another master key": {env: map[string]string{key: other}, first: "migrate up\nkey rotate ES256", line: "serve",
			wrong: "master key", mend: "SIGNET_MASTER_KEY"},
		"Postgres, no key": {env: map[string]string{dsn: locked, key: ""}, line: "serve", wrong: "no master key",
			mend: "signet key generate-master"},
		"Postgres is away": {env: map[string]string{dsn: "postgres://a:b@127.0.0.1:1/x?sslmode=disable", key: other}, line: "serve",
			wrong: "connection refused", mend: "storage.dsn"},
		"another password": {env: map[string]string{dsn: strings.Replace(locked, behind, behind+"x", 1), key: other}, line: "serve",
			wrong: "password authentication failed", mend: "storage.dsn"},
		"no such database": {env: map[string]string{dsn: strings.Replace(locked, "/signet_test", "/nowhere", 1), key: other}, line: "serve",
			wrong: "does not exist", mend: "make the database that storage.dsn names"},
		"of another program": {env: map[string]string{dsn: foreign, key: other}, line: "serve", wrong: "orders", mend: "database of its own"},
		"nobody":             {first: "migrate up", line: "user show ada@example.com", wrong: "nobody has", mend: "signet user list"},
	} {
		t.Run(name, m.check)
	}
}

// TestMistakesInWhatStandsAround: the same of what a server asks others for.
func TestMistakesInWhatStandsAround(t *testing.T) {
	const dsn, key = "SIGNET_STORAGE_DSN", "SIGNET_MASTER_KEY"
	const other = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMDE"
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	standby := storagetest.PostgresDSN(t) + "&default_transaction_read_only=on"
	for name, m := range map[string]mistake{
		"Postgres only reads": {env: map[string]string{dsn: standby, key: other}, line: "serve", wrong: "it only reads",
			mend: "storage.dsn must lead to the primary"},
		"a command that prints a newline": {env: map[string]string{key + "_COMMAND": "echo", key: ""}, line: "config check",
			wrong: "echo wrote nothing", mend: "run it by hand, as the account of the server"},
		"a command that is not there": {env: map[string]string{key + "_COMMAND": "/opt/vault get key", key: ""}, line: "config check",
			wrong: "no such file", mend: "with its whole path"},
		"what is not a master key": {env: map[string]string{key: "permission denied"}, line: "serve",
			wrong: "what its _COMMAND prints", mend: "signet key generate-master"},
		"a proxy by its name": {yaml: "server: {trusted_proxies: [proxy.internal]}", line: "config check", wrong: "is not a network",
			mend: "write it like 10.0.0.0/8"},
		"proxies in one text": {yaml: "server: {trusted_proxies: 10.0.0.0/8 192.0.2.1}", line: "config check", wrong: "must be a list",
			mend: "like [a, b]"},
		"the port of metrics is taken": {env: map[string]string{"SIGNET_SERVER_INTERNAL_LISTEN": taken.Addr().String()}, line: "serve",
			wrong: taken.Addr().String(), mend: "choose another"},
		"a bucket without a key": {yaml: "backup: {to: 's3://b/x', plain: true}", line: "config check", wrong: "backup.s3",
			mend: "SIGNET_BACKUP_S3_SECRET_KEY_FILE"},
	} {
		t.Run(name, m.check)
	}
}

// mistake is what an operator did, and what is said of it.
type mistake struct {
	yaml  string
	env   map[string]string
	first string // commands that go well before
	line  string
	wrong string
	mend  string
}

func (m mistake) check(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "")
	t.Setenv("SIGNET_SERVER_LISTEN", "127.0.0.1:0") // somebody may work with a server on the default port
	if err := os.WriteFile("config.yaml", []byte(m.yaml+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	does := func(line string) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		var out bytes.Buffer
		args := append(strings.Fields(line), "--config", filepath.Join(".", "config.yaml"))
		code := run(ctx, args, strings.NewReader(""), &out, &out)
		if ctx.Err() != nil {
			t.Error("it went on")
		}
		return code, out.String()
	}
	for line := range strings.Lines(m.first) {
		if code, out := does(line); code != exitOK {
			t.Fatal(out)
		}
	}
	for name, value := range m.env {
		t.Setenv(name, value)
	}
	code, out := does(m.line)
	t.Log(out)
	if code == exitOK || !strings.Contains(out, m.wrong) || !strings.Contains(out, m.mend) {
		t.Errorf("%d, want %q and %q", code, m.wrong, m.mend)
	}
}
