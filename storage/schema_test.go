package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/migrations"
	"signet/storage/storagetest"
)

// applied is what a newer binary leaves behind when it has had a step.
func applied(step int64) string {
	return fmt.Sprintf("INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, TRUE)", step)
}

// errAny is any error but that the schema is ahead.
var errAny = errors.New("an error")

// TestASchemaAheadIsToleratedUpToMinRelease: docs/operations.md, Upgrades. A later step that adds something harms nobody; one
// that takes something away names the oldest release that does without.
func TestASchemaAheadIsToleratedUpToMinRelease(t *testing.T) {
	t.Parallel()
	steps, err := fs.Glob(migrations.Files, "sqlite/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	known := int64(len(steps))
	contract := func(minRelease int64) string {
		return fmt.Sprintf("INSERT INTO schema_compat (step, min_release) VALUES (%d, %d)", known+1, minRelease)
	}
	tests := map[string]struct {
		newer []string
		want  error
	}{
		"same":             {nil, nil},
		"additive":         {[]string{"CREATE TABLE later (id TEXT)", applied(known + 1)}, storage.ErrSchemaAhead},
		"two-additive":     {[]string{applied(known + 1), applied(known + 2)}, storage.ErrSchemaAhead},
		"contract-before":  {[]string{applied(known + 1), contract(known - 1)}, storage.ErrSchemaAhead},
		"contract-for-us":  {[]string{applied(known + 1), contract(known)}, storage.ErrSchemaAhead},
		"contract-too-new": {[]string{applied(known + 1), contract(known + 1)}, storage.ErrSchemaNewer},
		"one-of-two-too-new": {
			[]string{applied(known + 1), contract(known + 1), applied(known + 2), contract(known)}, storage.ErrSchemaNewer,
		},
		"no-word-of-it": {[]string{applied(known + 1), "DROP TABLE schema_compat"}, errAny},
	}
	for engine, dsn := range empties(t) {
		for name, test := range tests {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				address := dsn(t)
				db := connect(t, address)
				if _, err := db.MigrateUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				storagetest.Exec(t, address, test.newer...)
				for _, binary := range []*storage.DB{db, connect(t, address)} { // the one that runs, and one that is started again
					if done, err := binary.MigrateUp(t.Context()); err != nil || len(done) > 0 {
						t.Errorf("migrate up: %+v, %v; want nothing to do", done, err)
					}
					err := binary.CheckSchema(t.Context())
					if !errors.Is(err, test.want) && !(test.want == errAny && err != nil && !errors.Is(err, storage.ErrSchemaAhead)) {
						t.Errorf("got %v, want %v", err, test.want)
					}
				}
				if test.want == nil {
					return
				}
				if _, err := db.MigrateDown(t.Context()); !errors.Is(err, storage.ErrSchemaNewer) {
					t.Errorf("migrate down: %v, want that the newer binary is to do it", err)
				}
			})
		}
	}
}

// TestMigrateDownTellsWhatIsLost: rows of the tables and columns that go with a step.
func TestMigrateDownTellsWhatIsLost(t *testing.T) {
	t.Parallel()
	for engine, dsn := range empties(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := dsn(t)
			db := connect(t, address)
			if _, err := db.MigrateUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			storagetest.Exec(t, address, "INSERT INTO schema_compat (step, min_release) VALUES (0, 1), (0, 2)")
			type loss struct {
				what string
				rows int64
			}
			want := map[int64]loss{5: {"table upstream_sessions", 0}, 6: {"table schema_compat", 2}}
			for {
				step, losses, err := db.MigrateDownLoses(t.Context())
				if errors.Is(err, storage.ErrNotFound) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				l, expected := want[step.Version]
				if rows, is := losses[l.what]; expected && (!is || rows != l.rows) {
					t.Errorf("step %d loses %+v; want %+v among them", step.Version, losses, l)
				}
				delete(want, step.Version)
				if back, err := db.MigrateDown(t.Context()); err != nil || back.Version != step.Version {
					t.Fatalf("took back %+v, %v; said it would be %d", back, err, step.Version)
				}
			}
			if len(want) > 0 {
				t.Errorf("never asked about %+v", want)
			}
		})
	}
}

// TestAHandleThatReadsWritesNothing: not even through gorm, in a transaction, or by a migration.
func TestAHandleThatReadsWritesNothing(t *testing.T) {
	t.Parallel()
	for engine, dsn := range empties(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := dsn(t)
			if _, err := connect(t, address).MigrateUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			db, err := storage.Open(t.Context(), storage.Options{DSN: address, ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			client := storage.Client{ID: "c", Metadata: []byte("{}")}
			_, up := db.MigrateUp(t.Context())
			_, down := db.MigrateDown(t.Context())
			for name, err := range map[string]error{
				"gorm":      db.InsertClient(t.Context(), client),
				"statement": db.RevokeToken(t.Context(), "j", time.Now()),
				"tx":        db.Tx(t.Context(), func(ctx context.Context) error { return db.InsertClient(ctx, client) }),
				"down":      down,
			} {
				if !errors.Is(err, storage.ErrReadOnly) || errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if up != nil {
				t.Errorf("nothing to migrate: %v", up)
			}
			if _, _, err := db.ClientByID(t.Context(), "c"); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// takesAway is what the release before does not survive, if it happens to something that it uses.
var takesAway = regexp.MustCompile(
	`(?i)\b(DROP\s+TABLE|DROP\s+COLUMN|RENAME\s+(TO|COLUMN)|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE)\b`)

// harmless are steps that take something away which the release before does not use, or put it back before they end.
var harmless = map[string]string{
	"0005_identities": "before the law",
}

// TestStepsThatTakeSomethingAwaySaySo: contracting steps are named so and write into schema_compat.
func TestStepsThatTakeSomethingAwaySaySo(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Files, "*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := migrations.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		up, down, _ := strings.Cut(string(text), "-- +goose Down\n")
		name := strings.TrimSuffix(path.Base(file), ".sql")
		if strings.Contains(name, "_contract_") {
			if !strings.Contains(up, "INSERT INTO schema_compat") || !strings.Contains(down, "DELETE FROM schema_compat") {
				t.Errorf("%s is a contracting step: it must write its row into schema_compat, and delete it on the way back", file)
			}
			continue
		}
		if what := takesAway.FindString(up); what != "" && harmless[name] == "" {
			t.Errorf("%s has %q, which the release before may not survive: name it NNNN_contract_…, two releases after the last use", file, what)
		}
	}
}

var (
	makesTable = regexp.MustCompile(`(?i)\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	makesIndex = regexp.MustCompile(`(?i)\bCREATE (UNIQUE )?INDEX (CONCURRENTLY IF NOT EXISTS )?\w+\s+ON (\w+)`)
	makesRule  = regexp.MustCompile(`(?is)\bCREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER .*?\bON (\w+)`)
	addsColumn = regexp.MustCompile(`(?i)\bADD COLUMN[^,;]*\bNOT NULL\b[^,;]*`)
	addsRule   = regexp.MustCompile(`(?i)\bADD CONSTRAINT [^,;]*`)
	alone      = regexp.MustCompile(
		`(?m)^(?:CREATE INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) [^;]*;|^--[^\n]*\n|\s`)
	withDefault = regexp.MustCompile(`(?i)\bDEFAULT\b`)
	notValid    = regexp.MustCompile(`(?i)\bNOT VALID\b`)
)

// hinders tells what a step does to those who write into tables of earlier steps: it stops them for long, or refuses what the release
// before writes. "" = nothing.
func hinders(dialect, text string) string {
	apart := strings.HasPrefix(text, "-- +goose NO TRANSACTION\n")
	if rest := alone.ReplaceAllString(text, ""); dialect == "postgres" && apart && rest != "" {
		return "without a transaction, and has more than indexes beside writes: " + rest
	}
	up, _, _ := strings.Cut(text, "-- +goose Down\n")
	var own []string
	for _, m := range makesTable.FindAllStringSubmatch(up, -1) {
		own = append(own, m[1])
	}
	for _, m := range makesIndex.FindAllStringSubmatch(up, -1) {
		switch {
		case slices.Contains(own, m[3]):
		case m[1] != "":
			return m[0] + " refuses what the release before writes"
		case dialect == "postgres" && (m[2] == "" || !apart):
			return m[0] + " stops writes"
		}
	}
	for _, m := range makesRule.FindAllStringSubmatch(up, -1) {
		if !slices.Contains(own, m[1]) {
			return "a trigger on " + m[1] + " refuses or changes what the release before writes"
		}
	}
	for _, m := range addsColumn.FindAllString(up, -1) {
		if !withDefault.MatchString(m) {
			return m + " refuses what the release before writes"
		}
	}
	for _, m := range addsRule.FindAllString(up, -1) {
		if !notValid.MatchString(m) {
			return m + " reads all rows under a lock: NOT VALID, and VALIDATE CONSTRAINT in a later step"
		}
	}
	return ""
}

// TestStepsLetOthersWrite: from step 39 on nobody waits for more than a moment because of a step, and the release before may write as
// it did.
func TestStepsLetOthersWrite(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.Files, "*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := migrations.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if what := hinders(path.Dir(file), string(text)); what != "" && path.Base(file) >= "0039" {
			t.Errorf("%s: %s", file, what)
		}
	}
	const apart, up = "-- +goose NO TRANSACTION\n-- +goose Up\n", "-- +goose Up\n"
	for text, want := range map[string]bool{
		up + "CREATE TABLE a (id TEXT);\nCREATE UNIQUE INDEX a_x ON a (x);":                  false,
		up + "ALTER TABLE a ADD COLUMN b TEXT NOT NULL DEFAULT '';":                          false,
		up + "ALTER TABLE a ADD COLUMN b TEXT;":                                              false,
		up + "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID;":                       false,
		apart + "-- Why.\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a\n    (x);\n":      false,
		up + "CREATE INDEX a_x ON a (x);":                                                    true,
		up + "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x);":                         true,
		apart + "CREATE INDEX CONCURRENTLY a_x ON a (x);":                                    true,
		apart + "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_x ON a (x);\nUPDATE a SET x = 1;": true,
		up + "CREATE UNIQUE INDEX a_x ON a (x);":                                             true,
		up + "CREATE TRIGGER t BEFORE INSERT ON a EXECUTE FUNCTION f();":                     true,
		up + "ALTER TABLE a ADD COLUMN b TEXT NOT NULL;":                                     true,
		up + "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);":                                 true,
	} {
		if got := hinders("postgres", text); (got != "") != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
