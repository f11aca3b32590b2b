package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// ways are the directions, with the addresses of fresh, migrated databases.
var ways = map[string]func(t *testing.T) (from, to string){
	"sqlite-to-postgres": func(t *testing.T) (string, string) { return newSQLite(t), newPostgres(t) },
	"postgres-to-sqlite": func(t *testing.T) (string, string) { return newPostgres(t), newSQLite(t) },
}

func eachWay(t *testing.T, test func(t *testing.T, from, to string)) {
	for name, make := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := make(t)
			test(t, from, to)
		})
	}
}

func newSQLite(t *testing.T) string {
	return migrated(t, "sqlite:"+filepath.Join(t.TempDir(), "signet.db"))
}

func newPostgres(t *testing.T) string { return migrated(t, storagetest.PostgresDSN(t)) }

func migrated(t *testing.T, dsn string) string {
	t.Helper()
	db := connected(t, dsn)
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, db.Close())
	return dsn
}

// connected is a handle as a server has it.
func connected(t *testing.T, dsn string) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: 2})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func engineOf(t *testing.T, dsn string) engine {
	t.Helper()
	on, err := open(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { _ = on.close() })
	return on
}

// fill puts rows into every table: odd texts, NULL wherever it may be, empty and binary octets, the ends of the numbers.
func fill(t *testing.T, dsn string, rows int) {
	t.Helper()
	on := engineOf(t, dsn)
	all, err := on.catalogue(t.Context())
	must(t, err)
	tables, err := copied(all)
	must(t, err)
	for _, table := range tables {
		if slices.Contains(fresh, table.name) {
			continue
		}
		var list [][]any
		for i := range rows {
			row := make([]any, len(table.columns))
			for j, c := range table.columns {
				row[j] = odd(c, i, j)
			}
			list = append(list, row)
		}
		must(t, on.tx(t.Context(), func(w writer) error { return w.insert(t.Context(), table, list) }))
	}
	must(t, on.tx(t.Context(), func(w writer) error {
		_, err := w.exec(t.Context(), "UPDATE versions SET version = version + 41")
		return err
	}))
}

// odd makes the value of a column in a row. Texts are the same in all columns, so that rows find what they refer to.
func odd(c column, i, j int) any {
	if !c.required && c.key == 0 && (i+j)%3 == 0 {
		return nil
	}
	switch c.kind {
	case text:
		return fmt.Sprintf("%d é'\"\\%%\u2028{}\x7f", i)
	case integer:
		if c.key != 0 {
			return int64(i)
		}
		return []int64{int64(i), -1 << 63, 1<<63 - 1}[i%3]
	case truth:
		return i%2 == 0
	}
	return []([]byte){{}, {0, 255, byte(i)}, []byte("text")}[i%3]
}

// sums are the hashes of all tables.
func sums(t *testing.T, dsn string) map[string]string {
	t.Helper()
	on := engineOf(t, dsn)
	all, err := on.catalogue(t.Context())
	must(t, err)
	tables, err := copied(all)
	must(t, err)
	found := map[string]string{}
	for _, table := range tables {
		s, err := table.sumOf(t.Context(), on)
		must(t, err)
		found[table.name] = fmt.Sprintf("%d rows %x", s.Rows, s.total.Bytes())
	}
	return found
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) || len(got) < 30 {
		t.Errorf("%d tables, want %d", len(got), len(want))
	}
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s: %s, want %s", name, got[name], sum)
		}
	}
}

// TestEverythingArrives: all rows are the same there, servers start on the target and on it alone, and the source can be had back.
func TestEverythingArrives(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		fill(t, from, 7)
		before := sums(t, from)
		moved, err := Move(t.Context(), Options{From: from, To: to})
		must(t, err)
		same(t, sums(t, to), before)
		if moved.Rows["users"] != 7 || moved.Total < 7*30 || moved.Before || strings.Contains(moved.From+moved.To, "@") {
			t.Errorf("got %+v", moved)
		}
		there := connected(t, to)
		must(t, there.CheckSchema(t.Context()))
		must(t, there.Write(t.Context()))
		if left := storagetest.Dump(t, to); strings.Contains(left, "signet_move") {
			t.Error("something of the move is left in the target")
		}
		again, err := Move(t.Context(), Options{From: from, To: to})
		if must(t, err); !again.Before {
			t.Errorf("a second time: %+v", again)
		}

		here := connected(t, from)
		must(t, here.Ping(t.Context()))
		frozen(t, here)
		if _, err := Unfreeze(t.Context(), from, false); !errors.Is(err, ErrMoved) {
			t.Errorf("unfreeze what was moved: %v", err)
		}
		_, err = Unfreeze(t.Context(), from, true)
		must(t, err)
		must(t, here.Write(t.Context()))
		must(t, here.CheckSchema(t.Context()))
		if _, err := Unfreeze(t.Context(), from, false); !errors.Is(err, ErrNotFrozen) {
			t.Errorf("unfreeze twice: %v", err)
		}
	})
}

// frozen: every kind of write is refused as unavailable, which servers answer 503, with the remedy for whoever reads the log.
func frozen(t *testing.T, db *storage.DB) {
	t.Helper()
	for what, write := range map[string]func() error{
		"insert": func() error {
			return db.InsertEvent(t.Context(), storage.Event{ID: "new", Name: "n", Outcome: "success", At: time.Now()})
		},
		"update": func() error { return db.SetFirstRun(t.Context(), "", "x", time.Now()) },
		"delete": func() error { return db.DeleteKey(t.Context(), "0 é'\"\\%\u2028{}\x7f") },
		"upsert": func() error { return db.Write(t.Context()) },
	} {
		if err := write(); !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "signet move --unfreeze") {
			t.Errorf("%s: %v; want unavailable, and the remedy", what, err)
		}
	}
}

// TestPostgresToPostgres: to another server of the same engine, too, in several batches.
func TestPostgresToPostgres(t *testing.T) {
	t.Parallel()
	from, to := newPostgres(t), newPostgres(t)
	fill(t, from, 1)
	storagetest.Exec(t, from, `INSERT INTO replay (kind, owner, id_hash, expires_at)
		SELECT CASE n % 2 WHEN 0 THEN 'B' ELSE 'a' END, n % 7, n, n FROM generate_series(1, 15000) n`)
	before := sums(t, from)
	batches := 0
	_, err := Move(t.Context(), Options{From: from, To: to, Step: func(done string) {
		if strings.HasPrefix(done, "copied: replay, 5000") {
			batches++
		}
	}})
	must(t, err)
	same(t, sums(t, to), before)
	if batches != 3 {
		t.Errorf("%d batches, want 3", batches)
	}
}

// TestWhatWasAcknowledgedIsMoved: a server writes all the time. What it was told is written is in the target; the rest was refused.
func TestWhatWasAcknowledgedIsMoved(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		db := connected(t, from)
		acknowledged := make(chan []string)
		refused := make(chan struct{})
		go func() {
			var ids []string
			for i := 0; ; i++ {
				id := fmt.Sprintf("event-%06d", i)
				err := db.InsertEvent(context.Background(), storage.Event{ID: id, Name: "n", Outcome: "success", At: time.Now()})
				if err != nil {
					if i > 5 {
						close(refused)
					}
					acknowledged <- ids
					return
				}
				if ids = append(ids, id); len(ids) == 5 {
					refused <- struct{}{}
				}
			}
		}()
		<-refused // it writes
		_, err := Move(t.Context(), Options{From: from, To: to})
		must(t, err)
		ids := <-acknowledged
		list, err := connected(t, to).Events(t.Context(), "", 1_000_000)
		must(t, err)
		if len(list) != len(ids) {
			t.Errorf("%d events arrived, %d were acknowledged", len(list), len(ids))
		}
	})
}

// TestNothingElseIsMoved: what does not fit is refused, with the remedy, before or after something was done.
func TestNothingElseIsMoved(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		fill(t, from, 3)
		before := sums(t, from)
		try := func(want error, remedy string, o Options) {
			t.Helper()
			if _, err := Move(t.Context(), o); !errors.Is(err, want) || !strings.Contains(err.Error(), remedy) {
				t.Errorf("got %v, want %v and %q", err, want, remedy)
			}
		}
		plain := Options{From: from, To: to}

		// Of the target before anything is frozen.
		storagetest.Exec(t, to, "INSERT INTO groups (name, created_at) VALUES ('x', 1)")
		try(ErrNotEmpty, "table groups", plain)
		storagetest.Exec(t, to, "DELETE FROM groups")
		storagetest.Exec(t, to, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, TRUE)")
		try(ErrSchema, "signet migrate up", plain)
		storagetest.Exec(t, to, "DELETE FROM goose_db_version WHERE version_id = 9001")
		must(t, connected(t, from).Write(t.Context()))

		// Stopped in the middle: no server starts on the target, and only this move goes on.
		ctx, stop := context.WithCancel(t.Context())
		_, err := Move(ctx, Options{From: from, To: to, Step: func(done string) {
			if strings.HasPrefix(done, "copied: users") {
				stop()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		there := connected(t, to)
		if err := there.CheckSchema(t.Context()); !errors.Is(err, storage.ErrSchemaNewer) || !strings.Contains(err.Error(), "signet move") {
			t.Errorf("a server on the target: %v", err)
		}
		_, another := ways["sqlite-to-postgres"](t)
		try(ErrAnother, "--unfreeze", Options{From: from, To: another})
		try(ErrAnother, "have not all arrived", Options{From: to, To: another})
		if _, err := Unfreeze(t.Context(), to, true); !errors.Is(err, ErrAnother) {
			t.Errorf("unfreeze the target: %v", err)
		}
		second := newSQLite(t)
		try(ErrAnother, "belongs to a move", Options{From: second, To: to})

		// Somebody changes a row of the target.
		storagetest.Exec(t, to, "UPDATE users SET email = 'mallory@example.com' WHERE id LIKE '1%'")
		try(ErrDiffers, "table users (3 rows here, 3 there)", plain)
		must(t, ignored(Unfreeze(t.Context(), from, false)))
		same(t, sums(t, from), before)
	})
}

func ignored(_ string, err error) error { return err }

// TestTwoAtOnce: of two commands on the same target one goes to the end, or the second run does; no row is there twice.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		fill(t, from, 3)
		before := sums(t, from)
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- errorOf(Move(t.Context(), Options{From: from, To: to})) }()
		}
		for range 2 {
			if err := <-errs; err != nil {
				t.Log(err)
			}
		}
		must(t, errorOf(Move(t.Context(), Options{From: from, To: to})))
		same(t, sums(t, to), before)
	})
}

func errorOf(_ Moved, err error) error { return err }

// TestUnfrozenMeanwhile: a source that was given back is not declared moved.
func TestUnfrozenMeanwhile(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		fill(t, from, 2)
		_, err := Move(t.Context(), Options{From: from, To: to, Step: func(done string) {
			if strings.HasPrefix(done, "compared: versions") {
				if _, err := Unfreeze(context.Background(), from, false); err != nil {
					t.Error(err)
				}
				storagetest.Exec(t, from, "DELETE FROM replay")
			}
		}})
		if err == nil {
			t.Fatal("it was moved")
		}
		if err := connected(t, to).CheckSchema(t.Context()); !errors.Is(err, storage.ErrSchemaNewer) {
			t.Errorf("the target: %v", err)
		}
		must(t, connected(t, from).Write(t.Context()))
	})
}

// TestAMoveThatEndsWhileItIsTakenBack is not taken back by who saw it unfinished.
func TestAMoveThatEndsWhileItIsTakenBack(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		var seen mark
		on := engineOf(t, from)
		_, err := Move(t.Context(), Options{From: from, To: to, Step: func(done string) {
			if strings.HasPrefix(done, "compared: versions") {
				var err error
				seen, err = markOf(context.Background(), on)
				must(t, err)
			}
		}})
		must(t, err)
		if err := seen.takeBack(t.Context(), on); !errors.Is(err, ErrAnother) {
			t.Errorf("taken back: %v", err)
		}
		if _, err := Unfreeze(t.Context(), from, false); !errors.Is(err, ErrMoved) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestAFinishedMoveIsFinishedWhereTheRowsAre: not in a database of the same address that was made anew, of which nobody is told that
// everything is there.
func TestAFinishedMoveIsFinishedWhereTheRowsAre(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, from, to string) {
		must(t, connected(t, from).InsertGroup(t.Context(), storage.Group{Name: "staff", CreatedAt: time.Now()}))
		must(t, errorOf(Move(t.Context(), Options{From: from, To: to})))
		if again, err := Move(t.Context(), Options{From: from, To: to}); err != nil || !again.Before {
			t.Fatalf("again: %+v, %v", again, err)
		}
		storagetest.Exec(t, to, "DELETE FROM groups")
		if moved, err := Move(t.Context(), Options{From: from, To: to}); !errors.Is(err, ErrMoved) {
			t.Errorf("a new database: %+v, %v", moved, err)
		}
		_, err := Unfreeze(t.Context(), from, true)
		must(t, err)
		must(t, errorOf(Move(t.Context(), Options{From: from, To: to})))
	})
}

// TestAddressesAreShownWithoutPasswords.
func TestAddressesAreShownWithoutPasswords(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://signet:secret@db:5433/id?sslmode=disable": "postgres://db:5433/id",
		"postgres://a:b@h1:1,h2:2/id":                         "postgres://h1:1/id",
		"sqlite:/a/b.db":                                      "sqlite:/a/b.db",
	} {
		if got := Describe(dsn); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestExportIsOneMoment: while somebody writes, a copy has all rows as they were at the begin, of every table alike, and is compared.
func TestExportIsOneMoment(t *testing.T) {
	t.Parallel()
	from, to := newPostgres(t), newSQLite(t)
	fill(t, from, 7)
	ctx, stop := context.WithCancel(t.Context())
	db := connected(t, from)
	wrote, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			id := fmt.Sprintf("event-%06d", i)
			_ = db.Tx(ctx, func(ctx context.Context) error { // both or none
				if err := db.InsertEvent(ctx, storage.Event{ID: id, Name: "n", Outcome: "success", At: time.Now()}); err != nil {
					return err
				}
				return db.RevokeToken(ctx, id, time.Now().Add(time.Hour))
			})
			if i == 5 {
				close(wrote)
			}
		}
	}()
	<-wrote
	must(t, Export(t.Context(), from, to, func(string) {}))
	stop()
	<-done
	there := engineOf(t, to)
	for _, table := range []string{"events", "revoked_tokens"} {
		row, err := one(t.Context(), there, "SELECT count(*) FROM "+table)
		must(t, err)
		other, err := one(t.Context(), there, "SELECT count(*) FROM events")
		must(t, err)
		if row[0] != other[0] || row[0].(int64) < 7+5 {
			t.Errorf("%s: %d rows, events: %d", table, row[0], other[0])
		}
	}
	must(t, db.Write(t.Context())) // nothing is frozen
	if left := storagetest.Dump(t, to); strings.Contains(left, "signet_move") {
		t.Error("something of the copying is left")
	}
	must(t, connected(t, to).CheckSchema(t.Context()))
}
