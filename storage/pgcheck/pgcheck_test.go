package pgcheck_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"signet/storage"
	"signet/storage/pgcheck"
	"signet/storage/storagetest"
)

func look(t *testing.T, dsn string, pool int) (bad bool, text string) {
	t.Helper()
	list, err := pgcheck.Look(t.Context(), dsn, pool, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		bad, text = bad || !r.OK, text+r.Text+"\n"
	}
	return bad, text
}

func TestLook(t *testing.T) {
	t.Parallel()
	dsn := storagetest.PostgresDSN(t)
	bad, text := look(t, dsn, 16)
	fits := strings.Contains(text, "sorts by C\n") && strings.Contains(text, "servers with a pool of 16") && !strings.Contains(text, "pooler")
	if bad || !fits {
		t.Errorf("%v\n%s", bad, text)
	}
	if !strings.Contains(text, "archive_mode is off") {
		t.Errorf("nothing is archived: %s", text)
	}
	if bad, text := look(t, dsn, 200); !bad || !strings.Contains(text, "in each of the 2 servers seen") {
		t.Errorf("two servers: %v\n%s", bad, text)
	}
	if bad, text := look(t, dsn, 5000); !bad || !strings.Contains(text, "storage.pool_size") {
		t.Errorf("a large pool: %v\n%s", bad, text)
	}
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Ping(t.Context()); err != nil { // a server that is there already counts
		t.Fatal(err)
	}
	if bad, text := look(t, dsn, 16); bad {
		t.Errorf("%s", text)
	}
	if _, err := pgcheck.Look(t.Context(), "postgres://a:secret@b:x/", 1, 0); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

func TestLookAtAnOrderOfPeople(t *testing.T) {
	t.Parallel()
	dsn := storagetest.PostgresDSN(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := "signet_" + strings.ToLower(t.Name())
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'")
	if err != nil {
		t.Skip(err) // Postgres of before 15, or without ICU
	}
	t.Cleanup(func() {
		again, err := sql.Open("pgx", dsn)
		if err == nil {
			_, err = again.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		}
		if err != nil {
			t.Error(err)
		}
		_ = again.Close()
	})
	at := strings.Replace(dsn, "/"+strings.SplitN(strings.SplitN(dsn, "@", 2)[1], "/", 2)[1], "/"+name+"?sslmode=disable", 1)
	if bad, text := look(t, at, 16); bad || !strings.Contains(text, "worth a look: it sorts by en-US") {
		t.Errorf("%v\n%s", bad, text)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE pg_database SET datcollversion = '1' WHERE datname = $1", name); err != nil {
		t.Fatal(err)
	}
	if bad, text := look(t, at, 16); !bad || !strings.Contains(text, "REINDEX") {
		t.Errorf("%v\n%s", bad, text)
	}
	_, err = db.ExecContext(t.Context(), "UPDATE pg_database SET encoding = pg_char_to_encoding('LATIN1') WHERE datname = $1", name)
	if err != nil {
		t.Fatal(err)
	}
	if bad, text := look(t, at, 16); !bad || !strings.Contains(text, "its encoding is LATIN1") {
		t.Errorf("%v\n%s", bad, text)
	}
}

func TestLookThroughAPooler(t *testing.T) {
	t.Parallel()
	dsn := storagetest.Pooler(t)(storagetest.PostgresDSN(t))
	if bad, text := look(t, dsn, 16); !bad || !strings.Contains(text, "default_query_exec_mode=cache_describe") {
		t.Errorf("%v\n%s", bad, text)
	}
	bad, text := look(t, dsn+"&default_query_exec_mode=cache_describe", 16)
	if bad || !strings.Contains(text, "suits it") {
		t.Errorf("%v\n%s", bad, text)
	}
}
