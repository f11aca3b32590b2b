package storage_test

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"signet/internal/generatedtest"
	"signet/storage/storagetest"
)

var update = flag.Bool("update", false, "write migrations/*.txt anew")

// TestOutlinesAreDocumented: migrations/sqlite.txt and postgres.txt are what the steps make.
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
		generatedtest.File(t, *update, "migrations/"+engine+".txt", outline)
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
