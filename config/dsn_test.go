package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestS04_NoPartOfADatabasePasswordIsShown: passwords that were not percent-encoded are refused, and nothing of them is in the error or in
// what config show shows.
func TestS04_NoPartOfADatabasePasswordIsShown(t *testing.T) {
	t.Parallel()
	refused := []string{
		"postgres://u:hush@hush@h/d", "postgres://u:hush@hush/hush@h/d", "postgres://u:12/hush@h/d", "postgres://u:hush/hush@h/d",
		"postgres://u:12?hush@h/d", "postgres://u:hush?hush@h/d", "postgres://u:12#hush@h/d", "postgres://u:hush#hush@h/d",
		"postgres://u:hush%zz@h/d", "postgres://u:hu sh@h/d", "postgresql://u:hush@hush:hush@h:5432/d?sslmode=disable", "postgres://u:h@us/h/d",
		"postgres://u@h/d?password=hush@hush", "postgres://u@h/d?password=hush;hush", "postgres://u:hush@[h/d", "postgres:u:hush@h/d",
		"host=h user=u password=hush", " postgres://u:hush@h/d", "Postgres://u:hush@h/d", "mysql://u:hush@h/d", "u:hush@h/d",
		"sqlite://u:hush@h/d", "sqlite:x.db?_auth_pass=hush", "postgres://u:hush@h/d?sslmode=hush",
	}
	taken := []string{
		"postgres://u:hu%40sh@h/d", "postgres://u:hu:sh@h1:5432,h2:5433/d?target_session_attrs=read-write", "postgres://u:hush@h",
		"postgres://u:hush@/d?host=/run/pg",
		"postgres://u:hush@[::1]:5432/d", "postgres://u@h/d?password=hush", "postgres://u@h/d?sslpassword=hush&sslmode=verify-full",
		"postgres://u@h/d?odd=hush",
		"postgresql://u:hush@h/d/",
	}
	for i, dsn := range append(refused, taken...) {
		c, err := load(nil, Sources{Environ: []string{"SIGNET_STORAGE_DSN=" + dsn, "SIGNET_MASTER_KEY=x"}})
		if wrong := err != nil; wrong != (i < len(refused)) {
			t.Errorf("%s: got %v", dsn, err)
		}
		if err != nil && !strings.Contains(err.Error(), "storage.dsn: ") {
			t.Errorf("%s: %v does not name the key", dsn, err)
		}
		_, quoted := load(file("storage: {dsn: ["+dsn+"]}"), Sources{})
		text := fmt.Sprintf("%v %v %+v", errors.Join(err, quoted), c.Settings(), c.Storage)
		for _, part := range []string{"hush", "hu%40", "hu:sh", "h@us", "hu sh"} {
			if strings.Contains(text, part) {
				t.Errorf("%s: shows %q in %s", dsn, part, text)
			}
		}
	}
	if got := NewDSN("postgres://u:hush@h1,h2/d?sslmode=disable").String(); got != "postgres://u:xxxxx@h1,h2/d?sslmode=disable" {
		t.Errorf("got %s", got)
	}
}

// TestFormsOfASQLiteAddress: other products' forms are refused instead of making a file of that name.
func TestFormsOfASQLiteAddress(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"sqlite:./data/signet.db": "", "sqlite:x.db": "", "sqlite:/var/lib/signet/a b#1.db": "", "sqlite::memory:": "", "sqlite:../x": "",
		"sqlite:///x.db?_fk=true": "plain path", "sqlite://x.db": "plain path", "sqlite:////x.db": "plain path", "sqlite:file:x.db": "plain path",
		"sqlite::memory": "plain path", "sqlite::memory:?cache=shared": "plain path", "sqlite:x.db?mode=ro": "no parameters",
		"sqlite:":      "must be sqlite:PATH",
		"sqlite: x.db": "must be sqlite:PATH", "sqlite:data/": "a folder", "sqlite:.": "a folder", "sqlite:data/..": "a folder",
		"sqlite3:x.db": "must be sqlite:PATH",
		"file:x.db":    "must be sqlite:PATH", "./x.db": "must be sqlite:PATH",
	} {
		_, err := load(nil, Sources{Environ: []string{"SIGNET_STORAGE_DSN=" + dsn}})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", dsn, err, want)
		}
	}
}
