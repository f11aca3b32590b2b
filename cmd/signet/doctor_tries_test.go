package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/storage/storagetest"
)

// examined is one machine with a configuration for doctor to look at.
type examined struct {
	t              *testing.T
	dir, file, dsn string
}

func examine(t *testing.T, dsn, yaml string) examined {
	t.Helper()
	dir := t.TempDir()
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(dir, "signet.db")
	}
	e := examined{t, dir, filepath.Join(dir, "config.yaml"), dsn}
	if err := os.WriteFile(e.file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

// run answers with the exit code and all that was said.
func (e examined) run(args ...string) (int, string) {
	var out bytes.Buffer
	args = append(args, "--config", e.file)
	if os.Getenv("SIGNET_STORAGE_DSN") == "" {
		args = append(args, "--data", e.dir)
	}
	code := run(e.t.Context(), args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// TestDoctorAsksAtThePublicAddress as an app would: what the proxy makes of it is compared, and nothing is followed. That the server is
// stopped excuses silence only.
func TestDoctorAsksAtThePublicAddress(t *testing.T) {
	var status int
	var issuer string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != wellKnown:
			t.Errorf("asked for %s", r.URL)
		case status == http.StatusFound:
			http.Redirect(w, r, "/elsewhere", status)
		case status != http.StatusOK:
			w.WriteHeader(status)
		case issuer == "":
			fmt.Fprint(w, "<html>welcome</html>")
		default:
			fmt.Fprintf(w, `{"issuer":%q}`, issuer)
		}
	}))
	defer proxy.Close()
	ready := http.StatusOK
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(ready) }))
	defer inside.Close()
	runs, stopped := strings.TrimPrefix(inside.URL, "http://"), freeAddress(t)
	for _, c := range []struct {
		what, inner, issuer string
		status, code        int
		says                string
	}{
		{"right", runs, proxy.URL, 200, exitOK, "answers as apps expect"},
		{"right, from another machine", stopped, proxy.URL, 200, exitOK, "is stopped"},
		{"of another server", runs, "https://other.example", 200, exitFailed, `names the issuer "https://other.example"`},
		{"of another server, stopped", stopped, "https://other.example", 200, exitFailed, "server.issuer is"},
		{"with a slash", runs, proxy.URL + "/", 200, exitFailed, "names the issuer"},
		{"a redirect", stopped, proxy.URL, 302, exitFailed, "without a redirect"},
		{"not found", runs, proxy.URL, 404, exitFailed, "docs/proxies.md"},
		{"a page", runs, "", 200, exitFailed, "not a discovery document"},
		{"the proxy does not reach us", runs, proxy.URL, 502, exitFailed, "does not reach server.listen"},
		{"the proxy does not reach us, stopped", stopped, proxy.URL, 502, exitOK, "the server is stopped"},
	} {
		status, issuer = c.status, c.issuer
		e := examine(t, "", fmt.Sprintf("server: {issuer: %q, internal_listen: %q}\n", proxy.URL, c.inner))
		if code, text := e.run("doctor"); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d, want %d and %q: %s", c.what, code, c.code, c.says, text)
		}
	}
	proxy.Close()
	for inner, want := range map[string]int{runs: exitFailed, stopped: exitOK} {
		e := examine(t, "", fmt.Sprintf("server: {issuer: %q, internal_listen: %q}\n", proxy.URL, inner))
		if code, text := e.run("doctor"); code != want || !strings.Contains(text, "no answer from") {
			t.Errorf("nothing there: %d, want %d: %s", code, want, text)
		}
	}
	ready = http.StatusServiceUnavailable
	e := examine(t, "", fmt.Sprintf("server: {issuer: 'http://%s', internal_listen: %q}\n", stopped, runs))
	if code, text := e.run("doctor"); code != exitFailed || !strings.Contains(text, "does not serve") {
		t.Errorf("not ready: %d: %s", code, text)
	}
}

// TestDoctorTriesAWriteAndTakesItAway, on both engines.
func TestDoctorTriesAWriteAndTakesItAway(t *testing.T) {
	t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	stopped := fmt.Sprintf("server: {issuer: 'http://%s', internal_listen: %q}\n", freeAddress(t), freeAddress(t))
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = storagetest.PostgresDSN(t)
			}
			e := examine(t, dsn, stopped)
			t.Setenv("SIGNET_STORAGE_DSN", e.dsn)
			if code, text := e.run("migrate", "up"); code != exitOK {
				t.Fatal(text)
			}
			before := storagetest.Dump(t, e.dsn)
			if code, text := e.run("doctor"); code != exitOK || !strings.Contains(text, "one was tried and taken away") {
				t.Errorf("%d: %s", code, text)
			}
			if storagetest.Dump(t, e.dsn) != before {
				t.Error("something was written")
			}
			storagetest.Exec(t, e.dsn, map[string]string{
				"sqlite":   "CREATE TRIGGER full BEFORE INSERT ON locks BEGIN SELECT RAISE(ABORT, 'disk full'); END",
				"postgres": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
			}[engine])
			if code, text := e.run("doctor"); code != exitFailed || !strings.Contains(text, "takes no writes") {
				t.Errorf("read only: %d: %s", code, text)
			}
		})
	}
}

// TestDoctorJudgesTheSchemaByWhatServeWillDo with it.
func TestDoctorJudgesTheSchemaByWhatServeWillDo(t *testing.T) {
	const older, newer = "DELETE FROM goose_db_version WHERE version_id > 3", "INSERT INTO goose_db_version (version_id, is_applied) " +
		"VALUES (9001, TRUE)"
	for _, c := range []struct {
		migrate string
		made    []string
		code    int
		says    string
	}{
		{"auto", nil, exitOK, "of this version"},
		{"auto", []string{older}, exitOK, "will be migrated at the next start"},
		{"off", []string{older}, exitFailed, "run `signet migrate up`"},
		{"auto", []string{newer, "INSERT INTO schema_compat (step, min_release) VALUES (9001, 9001)"}, exitFailed, "start the newer binary"},
		{"off", []string{newer}, exitOK, "does no harm"},
		{"auto", []string{"DROP INDEX messages_due"}, exitFailed, "make it again: CREATE INDEX messages_due ON"},
		{"auto", []string{"ALTER TABLE sessions DROP COLUMN agent"}, exitFailed, "the column agent of the table sessions is missing"},
	} {
		e := examine(t, "",
			fmt.Sprintf("server: {issuer: 'http://%s', internal_listen: %q}\nstorage: {migrate: %s}\n", freeAddress(t), freeAddress(t), c.migrate))
		if code, text := e.run("migrate", "up"); code != exitOK {
			t.Fatal(text)
		}
		storagetest.Exec(t, e.dsn, slices.Clone(c.made)...)
		if code, text := e.run("doctor"); code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s %v: %d, want %d and %q: %s", c.migrate, c.made, code, c.code, c.says, text)
		}
	}
}

// TestADatabaseOfAnotherProgramIsLeftAlone: its tables are told, and neither doctor, nor a migration, nor a start changes it.
func TestADatabaseOfAnotherProgramIsLeftAlone(t *testing.T) {
	t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	const versions = "CREATE TABLE goose_db_version (id INTEGER, version_id BIGINT, is_applied BOOLEAN, tstamp TIMESTAMP)"
	for name, c := range map[string]struct {
		made []string
		says string
	}{
		"tables of theirs":      {[]string{"CREATE TABLE moz_places (a INTEGER)", "INSERT INTO moz_places VALUES (1)"}, `"moz_places"`},
		"of a name that we use": {[]string{"CREATE TABLE clients (a INTEGER)"}, `"clients"`},
		"versions of theirs":    {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 3, TRUE, NULL)"}, `"goose_db_version"`},
		"beside tables": {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 9001, TRUE, NULL)",
			"CREATE TABLE x (a INTEGER)"}, `"x"`},
		"before their first version": {[]string{versions, "INSERT INTO goose_db_version VALUES (1, 0, TRUE, NULL)",
			"CREATE TABLE x (a INTEGER)"}, `"x"`},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			t.Run(name+"/"+engine, func(t *testing.T) {
				dsn := ""
				if engine == "postgres" {
					dsn = storagetest.PostgresDSN(t)
				}
				e := examine(t, dsn, fmt.Sprintf("server: {issuer: 'http://localhost:1', listen: %q, internal_listen: %q}\n",
					freeAddress(t), freeAddress(t)))
				t.Setenv("SIGNET_STORAGE_DSN", e.dsn)
				storagetest.Exec(t, e.dsn, c.made...)
				before := storagetest.Dump(t, e.dsn)
				for _, command := range [][]string{{"doctor"}, {"migrate", "up"}, {"migrate", "status"}, {"migrate", "check"},
					{"migrate", "down", "--yes"},
					{"user", "list"}, {"serve"}} {
					if code, text := e.run(command...); code != exitFailed || !strings.Contains(text, "another program's") ||
						!strings.Contains(text, c.says) {
						t.Errorf("%v: %d: %s", command, code, text)
					}
				}
				if after := storagetest.Dump(t, e.dsn); after != before {
					t.Errorf("was\n%s\nis\n%s", before, after)
				}
			})
		}
	}
}

// TestWithoutAMasterKeyPostgresIsNotReadyForAStart: doctor says so of an empty database, too.
func TestWithoutAMasterKeyPostgresIsNotReadyForAStart(t *testing.T) {
	e := examine(t, storagetest.PostgresDSN(t), "server: {issuer: 'http://localhost:1'}\n")
	t.Setenv("SIGNET_STORAGE_DSN", e.dsn)
	if code, text := e.run("doctor"); code != exitFailed || !strings.Contains(text, "PROBLEM  master key") ||
		!strings.Contains(text, "signet key generate-master") {
		t.Errorf("%d: %s", code, text)
	}
}

// TestAnAddressThatCannotBeUsedSaysWhy on one line, and shows no password.
func TestAnAddressThatCannotBeUsedSaysWhy(t *testing.T) {
	t.Setenv("SIGNET_MASTER_KEY", "c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk")
	for rest, says := range map[string]string{
		"@127.0.0.1:1/d": "connection refused", "@127.0.0.1:1/d?sslmode=disable": "connection refused",
		"@127.0.0.1:1/d?connect_timeout=soon": "connect_timeout", "@127.0.0.1:1/d?sslmode=always": "verify-full",
		"@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/nope.pem": "/nope.pem",
		"@127.0.0.1:1/d?target_session_attrs=any-write":            "target_session_attrs",
		"@127.0.0.1:1/d?connect_timeout=hush":                      "no valid postgres:// address",
	} {
		e := examine(t, "postgres://u:hush"+rest, "server: {issuer: 'http://localhost:1'}\n")
		t.Setenv("SIGNET_STORAGE_DSN", e.dsn)
		code, text := e.run("user", "list")
		if code != exitFailed || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 || strings.Contains(text, "hush") {
			t.Errorf("%s: %d: %s", rest, code, text)
		}
	}
}
