package storage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/expired"
	"signet/storage/storagetest"
)

// jobRows is the most rows that a transaction of a job may write: others wait for it on SQLite.
const jobRows = 500

var instant = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// crowd fills every table that a job clears with n rows that are due.
func crowd(t *testing.T, db *storage.DB, n int) {
	t.Helper()
	ended := instant.Add(-time.Hour)
	rows := map[string]func(ctx context.Context, id string) error{
		"grants of one pair": func(ctx context.Context, id string) error {
			return db.InsertGrant(ctx,
				storage.Grant{ID: "live" + id, UserID: "bob", ClientID: "shop", CreatedAt: ended, ExpiresAt: instant.Add(time.Hour)})
		},
		"grants": func(ctx context.Context, id string) error {
			return db.InsertGrant(ctx, storage.Grant{ID: id, UserID: "ada", ClientID: id, CreatedAt: ended, ExpiresAt: ended})
		},
		"sessions": func(ctx context.Context, id string) error {
			return db.InsertSession(ctx, storage.Session{ID: id, SecretHash: id, UserID: "ada", CreatedAt: ended, ExpiresAt: ended})
		},
		"interactions": func(ctx context.Context, id string) error {
			return db.InsertInteraction(ctx, storage.Interaction{ID: id, Network: id, CreatedAt: ended, ExpiresAt: ended}, 1, 0, 0)
		},
		"revoked tokens": func(ctx context.Context, id string) error { return db.RevokeToken(ctx, id, ended) },
		"replay":         func(ctx context.Context, id string) error { return db.SpendOnce(ctx, "k", "o", id, ended) },
		"counters": func(ctx context.Context, id string) error {
			_, err := db.AddToCounter(ctx, id, 1, ended, time.Second)
			return err
		},
		"secrets": func(ctx context.Context, id string) error {
			if err := db.InsertClient(ctx, storage.Client{ID: id, CreatedAt: ended, UpdatedAt: ended}); err != nil {
				return err
			}
			return db.InsertClientSecret(ctx, storage.ClientSecret{ID: id, ClientID: id, MAC: "m", CreatedAt: ended, ExpiresAt: ended}, ended)
		},
		"events": func(ctx context.Context, id string) error {
			return db.InsertEvent(ctx, storage.Event{ID: id, At: ended, Name: "n", Outcome: "success"})
		},
		"messages": func(ctx context.Context, id string) error {
			return db.InsertMessage(ctx, storage.Message{ID: id, Sealed: []byte("x"), DueAt: ended, CreatedAt: ended, ExpiresAt: ended})
		},
		"deliveries": func(ctx context.Context, id string) error {
			return db.InsertDelivery(ctx, storage.Message{ID: id, Sealed: []byte("x"), DueAt: ended, CreatedAt: ended, ExpiresAt: ended})
		},
		"initial tokens": func(ctx context.Context, id string) error {
			return db.InsertInitialToken(ctx, storage.InitialToken{ID: id, TokenHash: id, UsesLeft: 1, CreatedAt: ended, ExpiresAt: ended})
		},
		"waiting": func(ctx context.Context, id string) error {
			return db.InsertWaiting(ctx, storage.Waiting{IDHash: id, Kind: "k", UserCode: id, CreatedAt: ended, ExpiresAt: ended}, n)
		},
		"answers": func(ctx context.Context, id string) error {
			return db.ClaimAnswer(ctx, id, "c", "r", ended.Add(-time.Hour), ended)
		},
		"API keys": func(ctx context.Context, id string) error {
			var slot int
			if _, err := fmt.Sscanf(id, "id%d", &slot); err != nil {
				return err
			}
			return db.InsertAPIKey(ctx, id, "shop", slot, "h", []byte("{}"), ended)
		},
		"traces": func(ctx context.Context, id string) error { return db.PutTrace(ctx, id, "", ended, []byte("{}")) },
		"status of what was deleted": func(ctx context.Context, id string) error {
			return db.Exec(ctx, fmt.Sprintf("INSERT INTO ended_status (status_index, ended_at) VALUES (1%s, %d)", id[2:], ended.UnixMicro()))
		},
		"tickets": func(ctx context.Context, id string) error {
			return db.InsertTicket(ctx, storage.Ticket{ID: id, SecretHash: id, Purpose: "p", Owner: id, CreatedAt: ended, ExpiresAt: ended})
		},
	}
	if err := db.InsertClient(t.Context(), storage.Client{ID: "shop", CreatedAt: ended, UpdatedAt: ended}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"ada", "bob"} {
		if err := db.InsertUser(t.Context(), storage.User{ID: id, EmailKey: id, CreatedAt: ended, UpdatedAt: ended}); err != nil {
			t.Fatal(err)
		}
	}
	for name, insert := range rows {
		for from := 0; from < n; from += 100 { // a transaction of all would outlast its time on a busy machine
			err := db.Tx(t.Context(), func(ctx context.Context) error {
				for i := from; i < min(n, from+100); i++ {
					if err := insert(ctx, fmt.Sprintf("id%04d", i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// TestNoTransactionOfAJobWritesManyRows holds every function that a job of server/jobs.go writes with to jobRows.
func TestNoTransactionOfAJobWritesManyRows(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		t.Parallel()
		const due = 1200
		db := open(t)
		crowd(t, db, due)
		var most, all int64
		db.CountRows(func(rows int64) { most, all = max(most, rows), all+rows })
		jobs := map[string]func(ctx context.Context) (int64, error){
			"trim-grants": func(ctx context.Context) (int64, error) {
				list, _, err := db.CrowdedPairs(ctx, storage.GrantPair{}, 10_000, 100)
				if err != nil || len(list) != 1 {
					return 0, fmt.Errorf("%d crowded pairs, %w", len(list), err)
				}
				for p := range list {
					n, err := db.TrimPair(ctx, p, 100, instant)
					return n + 100, err
				}
				return 0, nil
			},
			"erase-people": func(ctx context.Context) (int64, error) { return db.ClearUser(ctx, "ada", instant) },
		}
		for _, what := range db.Expirables() {
			if what == expired.Grants || what == expired.Sessions {
				continue // those of ada go with her
			}
			jobs["expire-"+string(what)] = func(ctx context.Context) (gone int64, err error) {
				for n := int64(1); n > 0 && err == nil; gone += n {
					n, err = db.DeleteExpired(ctx, what, instant, jobRows)
				}
				return gone, err
			}
		}
		jobs["expire-events"] = func(ctx context.Context) (gone int64, err error) {
			for n := int64(1); n > 0 && err == nil; gone += n {
				n, err = db.DeleteEvents(ctx, "", "z", []string{"n"}, false, instant, jobRows)
			}
			return gone, err
		}
		for name, run := range jobs {
			most, all = 0, 0
			n, err := run(t.Context())
			if err != nil || n < due {
				t.Errorf("%s: worked on %d rows, %v; want %d", name, n, err, due)
			}
			if most == 0 || most > jobRows+2 { // the window of retention opens and closes
				t.Errorf("%s: a transaction wrote %d rows, want at most %d", name, most, jobRows)
			}
		}
	})
}
