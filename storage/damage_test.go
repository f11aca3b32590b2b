package storage_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"signet/storage/storagetest"
)

var update = flag.Bool("update", false, "write migrations/*.txt.gz anew")

// TestOutlinesAreDocumented: migrations/sqlite.txt.gz and postgres.txt.gz are what the steps make.
func TestOutlinesAreDocumented(t *testing.T) {
	for engine, dsn := range empties(t) {
		db := connect(t, dsn(t))
		if _, err := db.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		outline, err := db.Outline(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			writeOutline(t, "migrations/"+engine+".txt.gz", outline)
		} else if wanted, err := db.Wanted(); err != nil || wanted != outline {
			t.Errorf("%s.txt.gz is not what the steps make (%v): run this test with -update", engine, err)
		}
	}
}

func writeOutline(t *testing.T, name, outline string) {
	t.Helper()
	var text bytes.Buffer
	w, err := gzip.NewWriterLevel(&text, gzip.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, outline)
	}
	if err := errors.Join(err, w.Close(), os.WriteFile(name, text.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsMissingInTheSchemaIsNamed: each kind of thing that somebody took away or changed, and how it comes back; an index comes back
// by the statement that the message has.
func TestWhatIsMissingInTheSchemaIsNamed(t *testing.T) {
	t.Parallel()
	for engine, dsn := range empties(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := dsn(t)
			db := connect(t, address)
			if _, err := db.MigrateUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if damage, err := db.SchemaDamage(t.Context()); err != nil || len(damage) > 0 {
				t.Fatalf("nothing was done: %q, %v", damage, err)
			}
			trigger := "DROP TRIGGER events_no_update"
			if engine == "postgres" {
				trigger = "ALTER TABLE events DISABLE TRIGGER events_no_change"
			}
			storagetest.Exec(t, address, "DROP TABLE upstream_uses", "ALTER TABLE sessions DROP COLUMN agent", "DROP INDEX messages_due", trigger,
				"ALTER TABLE users RENAME COLUMN terms TO conditions", "CREATE TABLE theirs (id TEXT)", "ALTER TABLE users ADD COLUMN theirs TEXT",
				"DROP INDEX messages_expiry", "CREATE INDEX messages_expiry ON messages (due_at)")
			damage, err := db.SchemaDamage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			again := ""
			for _, want := range []string{
				"the table upstream_uses is missing: ", "the column agent of the table sessions is missing: ",
				"the index messages_due of the table messages is missing: make it again: CREATE INDEX ", "the trigger events_no_",
				"the column terms of the table users is missing: ", "the index messages_expiry of the table messages is \"due_at\" and should be \"e",
			} {
				i := slices.IndexFunc(damage, func(text string) bool { return strings.HasPrefix(text, want) })
				if i < 0 {
					t.Fatalf("nothing begins with %q in %q", want, damage)
				}
				if _, statement, is := strings.Cut(damage[i], "make it again: "); is {
					again = statement
				}
				damage = slices.Delete(damage, i, i+1)
			}
			if len(damage) > 0 {
				t.Errorf("more than was done: %q", damage)
			}
			storagetest.Exec(t, address, again)
			damage, err = db.SchemaDamage(t.Context())
			if err != nil || slices.ContainsFunc(damage, func(text string) bool { return strings.Contains(text, "messages_due") }) {
				t.Errorf("after the statement: %q, %v", damage, err)
			}
		})
	}
}
