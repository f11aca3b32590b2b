package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"signet/storage/storagetest"
)

// accessOf is what each command does to its database: "reads", "acts" (writes what is there), "makes" (a database that is not there),
// "file" (what it does to the file of a SQLite database is looked at in package server) or "none" (opens none), and words with which it
// runs. A new command gets its line here.
var accessOf = map[string]struct{ does, args string }{
	"apply":                 {"acts", "."},
	"assertion key":         {"none", ""},
	"assertion proof":       {"none", "--key-file k.jwk --url https://id.example/oauth2/token"},
	"assertion request":     {"none", "--key-file k.jwk --client a --aud https://id.example"},
	"assertion sign":        {"none", "--key-file k.jwk --client a --aud https://id.example"},
	"audit verify":          {"reads", ""},
	"backup":                {"file", ""},
	"backup list":           {"none", ""},
	"backup verify":         {"none", "b"},
	"client check":          {"acts", "a"},
	"client create":         {"acts", "--id a --redirect-uri https://a.example/cb"},
	"client delete":         {"acts", "a --yes"},
	"client disable":        {"acts", "a"},
	"client enable":         {"acts", "a"},
	"client allow-admin":    {"acts", "a"},
	"client list":           {"reads", ""},
	"client rotate-secret":  {"acts", "a"},
	"client show":           {"reads", "a"},
	"client update":         {"acts", "a --name B"},
	"config check":          {"none", ""},
	"config show":           {"none", ""},
	"delivery drop":         {"acts", "all"},
	"delivery list":         {"reads", ""},
	"delivery release":      {"acts", "all"},
	"dev":                   {"none", "--until-stdin-closes --listen 127.0.0.1:0"},
	"doctor":                {"reads", "--timeout 2s"},
	"event export":          {"reads", ""},
	"event list":            {"reads", ""},
	"explain":               {"reads", "7F3K-92QD-MX"},
	"export":                {"reads", ""},
	"grant list":            {"reads", "--client a"},
	"grant revoke":          {"acts", "g"},
	"group add":             {"acts", "staff ada@example.com"},
	"group create":          {"acts", "staff"},
	"group delete":          {"acts", "staff --yes"},
	"group describe":        {"acts", "staff --description x"},
	"group list":            {"reads", ""},
	"group remove":          {"acts", "staff ada@example.com"},
	"group show":            {"reads", "staff"},
	"api-key create":        {"acts", "shop --name x --permission people:read"},
	"api-key list":          {"reads", ""},
	"api-key revoke":        {"acts", "k"},
	"healthcheck":           {"none", "--timeout 1s"},
	"initial-token create":  {"acts", ""},
	"initial-token list":    {"reads", ""},
	"initial-token revoke":  {"acts", "i"},
	"invitation create":     {"acts", ""},
	"invitation list":       {"reads", ""},
	"invitation revoke":     {"acts", "i"},
	"key generate-master":   {"none", ""},
	"key list":              {"reads", ""},
	"key retire":            {"acts", "k"},
	"key reseal":            {"acts", ""},
	"key rotate":            {"acts", "ES256"},
	"key unwrap":            {"none", "f --vault http://127.0.0.1:1 --token-file t"},
	"key wrap":              {"none", "f --vault http://127.0.0.1:1 --token-file t"},
	"mail drop":             {"acts", "m --yes"},
	"mail queue":            {"reads", ""},
	"mail retry":            {"acts", "m"},
	"mail test":             {"none", "ada@example.com"},
	"migrate check":         {"reads", ""},
	"migrate down":          {"acts", ""},
	"migrate status":        {"reads", ""},
	"migrate up":            {"makes", ""},
	"move":                  {"acts", "--to postgres://127.0.0.1:1/x"},
	"plan":                  {"reads", "."},
	"resource add":          {"acts", "https://api.example"},
	"resource check":        {"none", "http://127.0.0.1:1/"},
	"resource create":       {"acts", "--identifier https://api.example"},
	"resource delete":       {"acts", "https://api.example --yes"},
	"resource list":         {"reads", ""},
	"resource metadata":     {"reads", "https://api.example"},
	"resource show":         {"reads", "https://api.example"},
	"resource update":       {"acts", "https://api.example --name x"},
	"restore":               {"file", "b"},
	"role create":           {"acts", "editor"},
	"role delete":           {"acts", "editor --yes"},
	"role describe":         {"acts", "editor --description x"},
	"role give":             {"acts", "editor ada@example.com"},
	"role list":             {"reads", ""},
	"role permit":           {"acts", "editor --permission audit:read"},
	"role show":             {"reads", "editor"},
	"role take":             {"acts", "editor ada@example.com"},
	"serve":                 {"makes", ""},
	"session list":          {"reads", ""},
	"session revoke":        {"acts", "s"},
	"token create":          {"acts", "--for 5m"},
	"token revoke":          {"acts", "j"},
	"user create":           {"acts", "--email bob@example.com"},
	"user delete":           {"acts", "ada@example.com"},
	"user disable":          {"acts", "ada@example.com"},
	"user enable":           {"acts", "ada@example.com"},
	"user factors":          {"reads", "ada@example.com"},
	"user import":           {"acts", "-"},
	"user list":             {"reads", ""},
	"user reset-factors":    {"acts", "ada@example.com"},
	"user reset-link":       {"acts", "ada@example.com"},
	"user restore":          {"acts", "ada@example.com"},
	"user set-claims":       {"acts", "ada@example.com --claims {}"},
	"user set-metadata":     {"acts", "ada@example.com --metadata {}"},
	"user preview-claims":   {"reads", "ada@example.com --client a"},
	"user set-email":        {"acts", "ada@example.com bob@example.com --verified"},
	"user set-password":     {"acts", "ada@example.com --password-file -"},
	"user show":             {"reads", "ada@example.com"},
	"user unfreeze":         {"acts", "ada@example.com"},
	"user upstream-tokens":  {"acts", "ada@example.com --upstream google"},
	"version":               {"none", ""},
	"setting reset":         {"acts", "branding --yes"},
	"setting show":          {"reads", "branding"},
	"setting test":          {"acts", "ada@example.com"},
	"upstream create":       {"acts", "n --kind facebook --client-id c"},
	"upstream delete":       {"acts", "w --yes"},
	"upstream disable":      {"acts", "w"},
	"upstream enable":       {"acts", "w"},
	"upstream list":         {"reads", ""},
	"upstream show":         {"reads", "w"},
	"upstream test":         {"acts", "w"},
	"upstream update":       {"acts", "w --name Work"},
	"webhook create":        {"acts", "--url https://a.example/x --event *"},
	"webhook delete":        {"acts", "w --yes"},
	"webhook deliveries":    {"reads", "w"},
	"webhook disable":       {"acts", "w"},
	"webhook enable":        {"acts", "w"},
	"webhook list":          {"reads", ""},
	"webhook replay":        {"acts", "w --since 1h"},
	"webhook retry":         {"acts", "w"},
	"webhook rotate-secret": {"acts", "w"},
	"webhook show":          {"reads", "w"},
	"webhook test":          {"acts", "w"},
	"webhook update":        {"acts", "w --description x"},
}

// TestEveryCommandSaysWhatItDoesToTheDatabase: the table is whole, and the marks in the commands agree with it.
func TestEveryCommandSaysWhatItDoesToTheDatabase(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var walk func(c *cobra.Command, path string)
	walk = func(c *cobra.Command, path string) {
		for _, sub := range c.Commands() {
			walk(sub, strings.TrimSpace(path+" "+sub.Name()))
		}
		if c.HasSubCommands() && c.Annotations[actsMark] == "" || !c.Runnable() {
			return
		}
		seen[path] = true
		entry, known := accessOf[path]
		if !known {
			t.Errorf("%q is not in the table: say what it does to the database", path)
			return
		}
		if marked := c.Annotations[readsMark] != ""; marked != (entry.does == "reads") && path != "doctor" {
			t.Errorf("%q is marked as reading: %v; the table says it %s", path, marked, entry.does)
		}
	}
	walk((&app{}).root(), "")
	for path := range accessOf {
		if !seen[path] {
			t.Errorf("there is no command %q", path)
		}
	}
}

// TestCommandsMakeNoDatabase: in an empty folder every command but serve and migrate up leaves it empty, and those that need a
// database say how to make one.
func TestCommandsMakeNoDatabase(t *testing.T) {
	for path, entry := range accessOf {
		t.Run(strings.ReplaceAll(path, " ", "-"), func(t *testing.T) {
			if entry.does == "makes" {
				t.Skip("makes one")
			}
			dir := t.TempDir()
			t.Chdir(dir)
			t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:1")
			code, _, errs := command(t, path+" "+entry.args)
			if left := listing(t, dir); left != "" {
				t.Errorf("made %s", left)
			}
			if (entry.does == "reads" || entry.does == "acts") && path != "doctor" &&
				(code != exitFailed || !strings.Contains(errs, "signet serve") || !strings.Contains(errs, "signet migrate up")) {
				t.Errorf("exit code %d: %s; want 1 and how to make a database", code, errs)
			}
		})
	}
}

// TestOlderAndNewerSchemas: no command but serve and migrate changes a schema, a reading one changes nothing at all.
func TestOlderAndNewerSchemas(t *testing.T) {
	manyCommands(t)
	engines := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "signet.db") },
		"postgres": storagetest.PostgresDSN,
	}
	for engine, dsn := range engines {
		t.Run(engine, func(t *testing.T) {
			address := dsn(t)
			t.Chdir(t.TempDir())
			t.Setenv("SIGNET_STORAGE_DSN", address)
			t.Setenv("SIGNET_SERVER_INTERNAL_LISTEN", "127.0.0.1:1")
			t.Setenv("SIGNET_MAIL_SENDER", "file")
			t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
			for _, first := range []string{
				"migrate up", "client create --id a --redirect-uri https://a.example/cb --secret",
				"user create --email ada@example.com", "group create staff",
				"role create editor", "key rotate ES256", "resource create https://api.example",
			} {
				if code, _, errs := command(t, first); code != exitOK {
					t.Fatalf("%s: %s", first, errs)
				}
			}
			_, made, errs := command(t, "webhook create --url https://hooks.example --event * --json")
			var hook struct{ ID string }
			if err := json.Unmarshal([]byte(made), &hook); err != nil {
				t.Fatalf("%v: %s%s", err, made, errs)
			}
			storagetest.Exec(t, address, `INSERT INTO settings (id, data, version) VALUES ('upstreams/w',
				'{"id": "w", "kind": "oidc", "name": "W", "issuer": "https://127.0.0.1:1", "client_id": "c"}', 1)`)
			if code, _, errs := command(t, "export ."); code != exitOK {
				t.Fatal(errs)
			}
			storagetest.Exec(t, address, `INSERT INTO traces (reference, expires_at, data) VALUES ('7F3K-92QD-MX', 1, '{}')`)
			whole := func() string {
				return fmt.Sprintf("%s %x", filepath.Dir(listing(t, ".")), sha256.Sum256([]byte(storagetest.Dump(t, address))))
			}
			each := func(schema string, want func(path, does string, code int, errs string) string) {
				for path, entry := range accessOf {
					if entry.does != "reads" && (schema != "older" || entry.does != "acts" || path == "migrate down") {
						continue
					}
					before, args := whole(), entry.args
					if strings.HasPrefix(path, "webhook ") && args == "w" {
						args = hook.ID
					}
					code, _, errs := command(t, path+" "+args)
					if whole() != before {
						t.Errorf("%s schema: %s changed something", schema, path)
					}
					if wrong := want(path, entry.does, code, errs); wrong != "" {
						t.Errorf("%s schema: %s: %s: exit code %d, %s", schema, path, wrong, code, errs)
					}
				}
			}
			succeeds := func(path, _ string, code int, errs string) string {
				if code != exitOK && path != "doctor" && (code != exitPerson || path != "migrate check") {
					return "want success"
				}
				return ""
			}
			each("own", succeeds)
			storagetest.Exec(t, address, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, TRUE)")
			each("newer", func(path, does string, code int, errs string) string {
				if path != "doctor" && path != "migrate status" && path != "migrate check" &&
					!strings.Contains(errs, "Warning: database schema is ahead") {
					return "no word of it"
				}
				return succeeds(path, does, code, errs)
			})
			storagetest.Exec(t, address, "DELETE FROM goose_db_version WHERE version_id = 9001")
			if code, _, errs := command(t, "migrate down --yes"); code != exitOK {
				t.Fatal(errs)
			}
			each("older", func(path, _ string, code int, errs string) string {
				if path != "doctor" && path != "migrate status" && path != "migrate check" &&
					(code != exitFailed || !strings.Contains(errs, "signet migrate up")) {
					return "want that it refuses with the remedy"
				}
				return ""
			})
		})
	}
}

// command runs one as it is typed.
func command(t *testing.T, line string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), strings.Fields(line), strings.NewReader("correct horse battery staple"), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// listing names the files beneath a folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if path != "." {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
