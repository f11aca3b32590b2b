package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// What a losing way to Postgres does to the next statements that are sent with their values.
const (
	losesNothing int32 = iota
	losesTheRequest
	losesTheAnswer // Postgres has done it, and nobody learns of it
)

// losing starts a way to the database of a DSN that cuts a connection once, where mode says, and gives the DSN that leads through it.
func losing(t *testing.T, dsn string) (mode *atomic.Int32, through string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	mode = new(atomic.Int32)
	// A message begins with its kind: B binds values to a statement, 2 is what Postgres answers first.
	pass := func(to, from net.Conn, kind byte, at int32) {
		defer to.Close()
		defer from.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := from.Read(buf)
			if n > 0 && buf[0] == kind && mode.CompareAndSwap(at, losesNothing) {
				return
			}
			if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", target)
			if err != nil {
				_ = c.Close()
				continue
			}
			go pass(s, c, 'B', losesTheRequest)
			go pass(c, s, '2', losesTheAnswer)
		}
	}()
	u.Host = l.Addr().String()
	return mode, u.String()
}

// pipedTo is another handle on the database of a DSN.
func pipedTo(t *testing.T, dsn string, size int) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.WaitForConnections(20 * time.Second)
	return db
}

// with adds parameters to a DSN.
func with(t *testing.T, dsn string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

func rotating(db *storage.DB, ids ...string) (calls []func() error) {
	for _, id := range ids {
		calls = append(calls, func() error { return db.RotateGrant(context.Background(), rotation(id)) })
	}
	return calls
}

func generation(t *testing.T, db *storage.DB, id string) int64 {
	t.Helper()
	s, err := db.GrantStateByID(t.Context(), id)
	if err != nil {
		t.Errorf("%s: %v", id, err)
	}
	return s.Generation
}

// TestALostCommitIsUnknown: where the connection goes while a commit is on its way nobody knows what became of it. Done again it would
// find its own row changed, and a client that did nothing wrong would be taken for a thief.
func TestALostCommitIsUnknown(t *testing.T) {
	t.Parallel()
	direct, dsn := piped(t, 2)
	mode, lossy := losing(t, dsn)
	db := pipedTo(t, lossy, 1)
	grantWith(t, direct, "w", "a", "b", "c", "d", "e", "f")
	if err := db.RotateGrant(t.Context(), rotation("w")); err != nil { // both statements are prepared
		t.Fatal(err)
	}
	for _, lost := range []struct {
		mode int32
		ids  []string
		want int64
	}{{losesTheAnswer, []string{"a", "b", "c"}, 2}, {losesTheRequest, []string{"d", "e"}, 1}, {losesTheAnswer, []string{"f"}, 2}} {
		calls := rotating(db, lost.ids...)
		mode.Store(lost.mode)
		for i, answer := range atOnce(t, db, calls...) {
			if err := <-answer; !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrStale) {
				t.Errorf("%s: %v, want that nobody knows", lost.ids[i], err)
			}
		}
		if mode.Load() != losesNothing {
			t.Fatalf("nothing was lost of %v", lost.ids)
		}
		for _, id := range lost.ids {
			if got := generation(t, direct, id); got != lost.want {
				t.Errorf("%s is at %d, want %d", id, got, lost.want)
			}
		}
		if got := generation(t, db, "w"); got != 2 { // on the next connection
			t.Errorf("w is at %d", got)
		}
		if err := db.RotateGrant(t.Context(), storage.Rotation{ID: "w", Presented: 1}); !errors.Is(err, storage.ErrStale) {
			t.Errorf("after the loss: %v", err)
		}
	}
	// What was only read is read again.
	mode.Store(losesTheAnswer)
	for i, answer := range atOnce(t, db, func() error { return db.ByKey(t.Context(), transaction, nil, new(string)) },
		func() error { _, err := db.GrantStateByID(t.Context(), "a"); return err }) {
		if err := <-answer; err != nil || mode.Load() != losesNothing {
			t.Errorf("read %d: %v", i, err)
		}
	}
}

// TestAServerThatGoesAwayIsUnknown: it says so in the middle, or in place of the end.
func TestAServerThatGoesAwayIsUnknown(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 1)
	grantWith(t, db, "a", "b")
	storagetest.Exec(t, dsn,
		"CREATE FUNCTION leaves() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
		"CREATE CONSTRAINT TRIGGER leaves AFTER UPDATE ON grants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 'b') "+
			"EXECUTE FUNCTION leaves()")
	inTheMiddle := func() error {
		return db.MustByKey(t.Context(), "UPDATE grants SET acr = 'x' WHERE id = $1 AND pg_terminate_backend(pg_backend_pid())", "a")
	}
	for _, calls := range [][]func() error{append(rotating(db, "a"), inTheMiddle), rotating(db, "a", "b")} {
		for i, answer := range atOnce(t, db, calls...) {
			if err := <-answer; !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("call %d: %v", i, err)
			}
		}
		for _, id := range []string{"a", "b"} {
			if got := generation(t, db, id); got != 1 {
				t.Errorf("%s is at %d, want 1", id, got)
			}
		}
	}
}

// TestWhatACommitRefusesIsDoneAlone: a constraint that is checked at the end of the transaction is one caller's failure, too.
func TestWhatACommitRefusesIsDoneAlone(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 1)
	grantWith(t, db, "a", "b", "c")
	storagetest.Exec(t, dsn,
		"CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not this one''; END'",
		"CREATE CONSTRAINT TRIGGER refuses AFTER UPDATE ON grants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id = 'b') "+
			"EXECUTE FUNCTION refuses()")
	answers := atOnce(t, db, rotating(db, "a", "b", "c")...)
	for i, id := range []string{"a", "b", "c"} {
		err, want := <-answers[i], int64(2)
		if id == "b" {
			want = 1
		}
		if got := generation(t, db, id); (err != nil) != (id == "b") || got != want {
			t.Errorf("%s is at %d (%v), want %d", id, got, err, want)
		}
	}
}

// TestStatementsTogetherLeaveAPrimaryThatOnlyReads, as those that are alone do.
func TestStatementsTogetherLeaveAPrimaryThatOnlyReads(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 4} {
		db, _ := piped(t, size)
		grantWith(t, db, "a", "b")
		if err := db.Exec(t.Context(), "SET default_transaction_read_only = on"); err != nil { // the session that is used next
			t.Fatal(err)
		}
		for i, answer := range atOnce(t, db, rotating(db, "a", "b")...) {
			if err := <-answer; err != nil {
				t.Errorf("%d connections, call %d: %v", size, i, err)
			}
		}
	}
}

// TestTimeoutsOfPostgresAreACallersOwn: a DSN may have them.
func TestTimeoutsOfPostgresAreACallersOwn(t *testing.T) {
	t.Parallel()
	direct, dsn := piped(t, 2)
	grantWith(t, direct, "a", "b")
	db := pipedTo(t, with(t, dsn, "statement_timeout", "1500"), 2)
	raw, tx := held(t, dsn, "LOCK TABLE grants IN SHARE MODE")
	defer raw.Close()
	for i, answer := range atOnce(t, db, rotating(db, "a", "b")...) {
		if err := <-answer; !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for i, answer := range atOnce(t, db, rotating(db, "a", "b")...) {
		if err := <-answer; err != nil {
			t.Errorf("call %d, later: %v", i, err)
		}
	}
}

// held begins a transaction with a statement.
func held(t *testing.T, dsn, query string) (*sql.DB, *sql.Tx) {
	t.Helper()
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := raw.BeginTx(t.Context(), nil)
	if err == nil {
		_, err = tx.ExecContext(t.Context(), query)
	}
	if err != nil {
		t.Fatal(err)
	}
	return raw, tx
}

// TestWhoLeavesAWriteStillLearnsOfIt while there is time; and none of it holds those who read.
func TestWhoLeavesAWriteStillLearnsOfIt(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 3)
	grantWith(t, db, "a", "b", "c")
	raw, tx := held(t, dsn, "LOCK TABLE grants IN SHARE MODE")
	defer raw.Close()
	gone, leave := context.WithTimeout(t.Context(), time.Minute)
	defer leave()
	hurried, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	answers := atOnce(t, db, func() error { return db.RotateGrant(gone, rotation("a")) },
		func() error { return db.RotateGrant(hurried, rotation("b")) }, rotating(db, "c")[0])
	for db.Waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	leave()
	for first := true; first || len(answers[1]) == 0; first = false { // the database answers all the while
		for _, id := range []string{"a", "b", "c"} {
			if got := generation(t, db, id); got != 1 {
				t.Errorf("%s is at %d", id, got)
			}
		}
	}
	if err := <-answers[1]; !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who had not the time: %v", err)
	}
	if len(answers[0]) > 0 {
		t.Fatalf("who left did not wait for what had begun: %v", <-answers[0])
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if err := <-answers[i]; err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if got := generation(t, db, "b"); got != 2 {
		t.Errorf("what was sent for who left is at %d", got)
	}
	gone, leave = context.WithCancel(t.Context())
	leave()
	if err := db.RotateGrant(gone, rotation("a")); !errors.Is(err, context.Canceled) { // nothing begins for them
		t.Errorf("who was gone before: %v", err)
	}
}

// TestHotStatementsInATransaction are part of it, on its connection: there is no other.
func TestHotStatementsInATransaction(t *testing.T) {
	t.Parallel()
	sqlite := func(t *testing.T) *storage.DB { return storagetest.SQLite(t) }
	postgres := func(t *testing.T) *storage.DB { db, _ := piped(t, 1); return db }
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			grantWith(t, db, "a")
			undone := errors.New("undone")
			err := db.Tx(t.Context(), func(ctx context.Context) error {
				if err := db.RotateGrant(ctx, rotation("a")); err != nil {
					return err
				}
				if s, err := db.GrantStateByID(ctx, "a"); err != nil || s.Generation != 2 {
					return fmt.Errorf("within, it is at %d: %w", s.Generation, err)
				}
				if err := db.RotateGrant(ctx, rotation("a")); !errors.Is(err, storage.ErrStale) {
					return fmt.Errorf("a second time: %w", err)
				}
				return undone
			})
			if !errors.Is(err, undone) {
				t.Error(err)
			}
			if got := generation(t, db, "a"); got != 1 {
				t.Errorf("it is at %d, want 1", got)
			}
		})
	}
}

// noConnection is what a call says on a machine that is busy, and then it has done nothing.
func noConnection(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no connection became free")
}

// TestTwoReplicasAndOneToken: of all who present a refresh token or a code one gets through, whatever goes together with it on either
// replica, in whatever order, and however the database is told to keep transactions apart.
func TestTwoReplicasAndOneToken(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "repeatable read", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			_, dsn := piped(t, 1)
			dsn = with(t, dsn, "default_transaction_isolation", isolation)
			replicas := []*storage.DB{pipedTo(t, dsn, 4), pipedTo(t, dsn, 4)}
			const grants, each, rounds = 4, 3, 30
			now := time.Now().Truncate(time.Microsecond)
			later := now.Add(time.Hour)
			for i := range grants {
				id := fmt.Sprintf("g%d", i)
				if err := replicas[0].InsertGrant(t.Context(), storage.Grant{ID: id, UserID: "anna", ClientID: "shop", CodeHash: id,
					CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour)}); err != nil {
					t.Fatal(err)
				}
			}
			for round := range int64(rounds) {
				var won [grants]atomic.Int32
				var wg sync.WaitGroup
				for n := range grants * each {
					for r, db := range replicas {
						i := n % grants
						if r == 1 {
							i = grants - 1 - i
						}
						id := fmt.Sprintf("g%d", i)
						wg.Go(func() {
							call := func() error {
								if round == 0 {
									return db.SpendCode(t.Context(), storage.Spend{CodeHash: id, Generation: 1, Now: now, ExpiresAt: later})
								}
								return db.RotateGrant(t.Context(), storage.Rotation{ID: id, Presented: round, Now: now, ExpiresAt: later})
							}
							err := call()
							for noConnection(err) {
								err = call()
							}
							switch {
							case err == nil:
								won[i].Add(1)
							case !errors.Is(err, storage.ErrStale):
								t.Errorf("round %d, %s: %v", round, id, err)
							}
						})
					}
				}
				wg.Wait()
				for i := range won {
					id := fmt.Sprintf("g%d", i)
					if got := generation(t, replicas[1], id); won[i].Load() != 1 || got != round+1 {
						t.Errorf("round %d: %d got through with %s, which is at %d", round, won[i].Load(), id, got)
					}
				}
			}
		})
	}
}

// TestStatementsTogetherWhileTheDatabaseHangs: nobody waits longer than for one that is alone, and all goes on afterwards.
func TestStatementsTogetherWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	direct, dsn := piped(t, 1)
	grantWith(t, direct, "a", "b")
	h, hangs := through(t, dsn)
	db := pipedTo(t, hangs, 2)
	db.WaitForConnections(time.Second)
	if err := db.RotateGrant(t.Context(), rotation("a")); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	var wg sync.WaitGroup
	for range 20 {
		for _, call := range []func() error{
			func() error { _, err := db.GrantStateByID(t.Context(), "a"); return err }, rotating(db, "b")[0],
		} {
			wg.Go(func() {
				began := time.Now()
				if err := call(); !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
			})
		}
	}
	wg.Wait()
	h.mu.Unlock()
	err := errors.New("not tried")
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); {
		if _, err = db.GrantStateByID(t.Context(), "a"); err == nil {
			if err = db.RotateGrant(t.Context(), rotation("b")); errors.Is(err, storage.ErrStale) {
				err = nil // one that nobody waits for any more has been through
			}
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAStatementIsCountedOnce, however it came to its end: alone, together, or both.
func TestAStatementIsCountedOnce(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		grantWith(t, db, "a")
		ctx, stats := storage.WithStats(t.Context())
		var texts []string
		stats.Each = func(_ context.Context, query string, _ time.Time, failed bool) {
			if failed {
				t.Errorf("failed: %s", query)
			}
			texts = append(texts, query)
		}
		for _, want := range []error{nil, storage.ErrStale} {
			if err := db.RotateGrant(ctx, rotation("a")); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		for _, want := range []error{nil, storage.ErrNotFound} {
			if _, err := db.GrantStateByID(ctx, map[bool]string{true: "a", false: "none"}[want == nil]); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		if stats.Writes() != 2 || stats.Reads() != 2 || len(texts) != 4 || texts[0] != texts[1] || texts[2] != texts[3] {
			t.Errorf("%d writes, %d reads, told of %q", stats.Writes(), stats.Reads(), texts)
		}
	})
}
