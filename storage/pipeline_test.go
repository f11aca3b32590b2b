package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/storagetest"
)

// piped opens a migrated Postgres with so many connections.
func piped(t *testing.T, size int) (*storage.DB, string) {
	t.Helper()
	dsn := storagetest.PostgresDSN(t)
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, PoolSize: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.WaitForConnections(20 * time.Second) // on a machine that is busy it takes long until all of them wait
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db, dsn
}

// atOnce has calls wait for a connection, in their order, and lets them go.
func atOnce(t *testing.T, db *storage.DB, calls ...func() error) []chan error {
	t.Helper()
	back := db.TakeConnections()
	all := make([]chan error, len(calls))
	for i, call := range calls {
		all[i] = make(chan error, 1)
		go func() { all[i] <- call() }()
		for db.Waiting() <= i {
			if len(all[i]) > 0 {
				t.Fatalf("call %d did not wait: %v", i, <-all[i])
			}
			time.Sleep(time.Millisecond)
		}
	}
	back()
	return all
}

func grantWith(t *testing.T, db *storage.DB, ids ...string) {
	t.Helper()
	now := time.Now().Truncate(time.Microsecond)
	for _, id := range ids {
		if err := db.InsertGrant(t.Context(), storage.Grant{ID: id, UserID: "anna", ClientID: "shop", Generation: 1, CreatedAt: now,
			LastUsedAt: now, ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
}

func rotation(id string) storage.Rotation {
	now := time.Now().Truncate(time.Microsecond)
	return storage.Rotation{ID: id, Presented: 1, Now: now, ExpiresAt: now.Add(time.Hour)}
}

const transaction = "SELECT CAST(pg_current_xact_id() AS TEXT)" // with another number in each

func TestStatementsShareARoundTrip(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 2)
	ids := make([]string, 12)
	for i := range ids {
		ids[i] = fmt.Sprintf("g%d", i)
	}
	grantWith(t, db, ids...)
	var reads, writes []func() error
	in := make([]string, len(ids))
	for i := range ids {
		reads = append(reads, func() error { return db.ByKey(t.Context(), transaction, nil, &in[i]) })
		writes = append(writes, func() error { return db.RotateGrant(t.Context(), rotation(ids[i])) })
	}
	together := func(calls []func() error) {
		for i, answer := range atOnce(t, db, calls...) {
			if err := <-answer; err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	together(writes)
	for tries := 1; ; tries++ { // on a machine that is busy a round trip may take so long that they are read again, each alone
		together(reads)
		if strings.Join(in, " ") == strings.TrimSuffix(strings.Repeat(in[0]+" ", len(in)), " ") {
			break
		}
		if tries == 20 {
			t.Fatalf("the reads were in transactions %s, want one", in)
		}
	}
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var commits, rotated int
	if err := raw.QueryRowContext(t.Context(), "SELECT count(DISTINCT xmin::text), count(*) FROM grants WHERE generation = 2").
		Scan(&commits, &rotated); err != nil || commits != 1 || rotated != len(ids) {
		t.Errorf("%d rotations in %d commits (%v), want %d in one", rotated, commits, err, len(ids))
	}
}

// TestASlowReadHoldsNobody: what was sent with it is read elsewhere, and whoever has waited long enough leaves.
func TestASlowReadHoldsNobody(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 6)
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	tx, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE consents IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	consent := func(ctx context.Context) func() error {
		return func() error { _, err := db.ConsentOf(ctx, "anna", "shop"); return err }
	}
	honest := func() error { return db.ByKey(t.Context(), transaction, nil, new(string)) }
	hurried, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	patient, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	answers := atOnce(t, db, honest, consent(patient), honest, honest, consent(hurried), honest, consent(gone), honest)
	leave()
	for _, i := range []int{0, 2, 3, 5, 7} {
		if err := <-answers[i]; err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := <-answers[6]; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	if err := <-answers[4]; !errors.Is(err, storage.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who had a second and a half: %v", err)
	}
	if len(answers[1]) > 0 {
		t.Fatalf("the slow one: %v", <-answers[1])
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-answers[1]; !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the slow one: %v", err)
	}
}

// TestAHeldRowHoldsNobodyElse: a refresh whose grant another transaction holds waits for it alone.
func TestAHeldRowHoldsNobodyElse(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 3)
	grantWith(t, db, "a", "b", "c")
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	tx, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "SELECT 1 FROM grants WHERE id = 'b' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	rotate := func(id string) func() error {
		return func() error { return db.RotateGrant(t.Context(), rotation(id)) }
	}
	answers := atOnce(t, db, rotate("a"), rotate("b"), rotate("c"), rotate("a"))
	for i, want := range map[int]error{0: nil, 2: nil, 3: storage.ErrStale} {
		if err := <-answers[i]; !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
	}
	if len(answers[1]) > 0 {
		t.Fatalf("the grant that somebody holds: %v", <-answers[1])
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-answers[1]; err != nil {
		t.Errorf("the grant that somebody held: %v", err)
	}
}

// TestAFailureIsOneCallersAlone: the others that went with it are done all the same, and once.
func TestAFailureIsOneCallersAlone(t *testing.T) {
	t.Parallel()
	db, dsn := piped(t, 2)
	grantWith(t, db, "a", "b")
	by := func(n int64) func() error {
		return func() error {
			var got int64
			err := db.ByKey(t.Context(), "SELECT CAST(10 AS BIGINT) / CAST($1 AS BIGINT)", []any{n}, &got)
			if err == nil && got != 10/n {
				err = fmt.Errorf("%d", got)
			}
			return err
		}
	}
	more := func(id string, n int64) func() error {
		return func() error {
			return db.MustByKey(t.Context(), "UPDATE grants SET generation = generation + 10 / CAST($2 AS BIGINT) WHERE id = $1", id, n)
		}
	}
	for _, calls := range [][]func() error{{by(2), by(0), by(5)}, {more("a", 2), more("a", 0), more("b", 5), more("c", 1)}} {
		answers := atOnce(t, db, calls...)
		for i, answer := range answers {
			err := <-answer
			switch {
			case i == 1 && (err == nil || !strings.Contains(err.Error(), "division by zero")), i == 3 && !errors.Is(err, storage.ErrStale),
				i != 1 && i != 3 && err != nil:
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	for id, want := range map[string]int64{"a": 6, "b": 3} {
		if s, err := db.GrantStateByID(t.Context(), id); err != nil || s.Generation != want {
			t.Errorf("%s is at %d (%v), want %d", id, s.Generation, err, want)
		}
	}
	// A connection that is dead, and a plan that is stale, are nobody's failure.
	grantWith(t, db, "d")
	storagetest.Exec(t, dsn, "ALTER TABLE grants ALTER COLUMN acr TYPE varchar",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	for range 2 {
		if _, err := db.GrantStateByID(t.Context(), "d"); err != nil {
			t.Errorf("after connections died: %v", err)
		}
		storagetest.Exec(t, dsn, "ALTER TABLE grants ALTER COLUMN acr TYPE text")
	}
}

// TestRowsAreTheSame, whichever way they come.
func TestRowsAreTheSame(t *testing.T) {
	t.Parallel()
	db, _ := piped(t, 2)
	grantWith(t, db, "bare")
	now := time.Now().Truncate(time.Microsecond)
	full := storage.Grant{ID: "full", ClientID: "shop", UserID: "anna", SessionID: "s", Offline: true, UserEpoch: 1 << 40, ConsentEpoch: -3,
		Scopes: []string{"openid", "a:b"}, Resources: []string{"https://api.example.com"}, AuthTime: now, ACR: "é", AMR: []string{"pwd"},
		Data: []byte(`{"a":"ü"}`), CodeHash: "hash", CodeExpiresAt: now, CodeUsedAt: now, Generation: 7, RotatedAt: now, CreatedAt: now,
		LastUsedAt: now.Add(-100 * 365 * 24 * time.Hour), ExpiresAt: now, EndsAt: now, RevokedAt: now, RevokedWhy: "x", StatusIndex: 9}
	if err := db.InsertGrant(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	if err := db.InsertUser(t.Context(), storage.User{ID: "anna", Email: "anna@example.com", EmailKey: "anna@example.com",
		Username: "anna", UsernameKey: "anna", EmailVerified: true, Epoch: 3,
		Profile: []byte(`{"name":"Änna"}`), CreatedAt: now, UpdatedAt: now, DisabledAt: now}); err != nil {
		t.Fatal(err)
	}
	if err := db.InsertUser(t.Context(), storage.User{ID: "bob", EmailKey: "bob", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []storage.Session{
		{ID: "s", SecretHash: "full", UserID: "anna", AuthTime: now, ACR: "a", AMR: []string{"pwd", "otp"}, Agent: "x", Address: "192.0.2.1",
			Remember: true, CreatedAt: now, SeenAt: now, ExpiresAt: now, EndsAt: now, EndedAt: now},
		{ID: "r", SecretHash: "bare", UserID: "bob", AuthTime: now, CreatedAt: now, SeenAt: now, ExpiresAt: now, EndsAt: now},
	} {
		if err := db.InsertSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []storage.Consent{
		{UserID: "anna", ClientID: "shop", Offered: []string{"a"}, Granted: []string{"openid"}, Resources: []string{"r"}, ClientHash: "h",
			CreatedAt: now, UpdatedAt: now, AgentUntil: now, AgentCalls: 3},
		{UserID: "bob", ClientID: "shop", CreatedAt: now, UpdatedAt: now},
	} {
		if _, err := db.PutConsent(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	for _, of := range [][]string{{"full", "hash", "full", "anna"}, {"bare", "", "bare", "bob"}, {"none", "none", "none", "none"}} {
		for _, hot := range storage.HotReads(of[0], of[1], of[2], of[3], "shop") {
			alone, dest := hot.Dest()
			want := db.One(t.Context(), hot.Query, hot.Args, dest...)
			together, dest := hot.Dest()
			got := db.Together(t.Context(), hot.Query, hot.Args, dest...)
			if want == nil {
				found++
			}
			if !errors.Is(got, want) || !reflect.DeepEqual(alone, together) {
				t.Errorf("%v of %s: %v, %+v\nwant %v, %+v", hot.Args, hot.Query, got, together, want, alone)
			}
		}
	}
	if found != 9 { // of the second there is no code, of the third nothing
		t.Errorf("%d rows were found", found)
	}
}

// TestStatementsForRowsNotLockedAreIndexed, as those that wait are.
func TestStatementsForRowsNotLockedAreIndexed(t *testing.T) {
	t.Parallel()
	_, dsn := piped(t, 1)
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetMaxOpenConns(1)
	if _, err := raw.ExecContext(t.Context(), "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	for i, query := range storage.NotLocked() {
		args := []string{"'1', 2, 3, 4, 5, 6", "'1', 2, 3, 4, 5"}[i]
		if _, err := raw.ExecContext(t.Context(), fmt.Sprintf("PREPARE p%d AS %s", i, query)); err != nil {
			t.Fatal(err)
		}
		rows, err := raw.QueryContext(t.Context(), fmt.Sprintf("EXPLAIN EXECUTE p%d (%s)", i, args))
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || strings.Contains(plan.String(), "Seq Scan") ||
			strings.Count(plan.String(), "Index Cond") != 2 {
			t.Errorf("%v\n%s\n%s", err, query, plan.String())
		}
	}
}
