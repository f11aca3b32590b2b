// Package storagetest is the contract of package storage as tests, races included, and the databases to run them on.
//
// Run holds every promise that consumers build on, and runs on both engines alike. SQLite, Postgres and Engines give any
// test a fresh database. Begin reading with Run.
package storagetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"signet/storage"
)

// Engines runs a subtest on each engine; open gives a fresh, migrated database and may be called several times.
func Engines(t *testing.T, test func(t *testing.T, open func(t *testing.T) *storage.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres) })
}

// Addresses gives, by engine, a function for the DSN of a fresh, migrated database that the test opens itself.
var Addresses = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return SQLiteDSN(t) },
	"postgres": migratedDSN,
}

// SQLite is a fresh, migrated database in a file of the test's own folder, closed with the test. Inside a
// testing/synctest bubble call it there, so that its goroutines belong to the bubble.
func SQLite(t *testing.T) *storage.DB {
	t.Helper()
	return opened(t, SQLiteDSN(t))
}

// SQLiteDSN is the DSN of a fresh, migrated database in a folder of the test's own.
func SQLiteDSN(t testing.TB) string {
	t.Helper()
	file, err := migratedFile()
	path := filepath.Join(t.TempDir(), "signet.db")
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		t.Fatalf("make a SQLite database: %v", err)
	}
	return "sqlite:" + path
}

// migratedFile is what fresh SQLite databases are copied from: every step of the schema takes its time.
var migratedFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "signet-template-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, path := context.Background(), filepath.Join(dir, "signet.db")
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite:" + path})
	if err != nil {
		return nil, err
	}
	_, err = db.MigrateUp(ctx)
	if err := errors.Join(err, db.Close()); err != nil { // the last connection that closes empties the write-ahead log
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres is a fresh, migrated database of a throw-away cluster (see PostgresDSN), closed with the test.
func Postgres(t *testing.T) *storage.DB {
	t.Helper()
	return opened(t, migratedDSN(t))
}

// Patience is how long calls of a test wait for a connection: the second of a server is not enough on a machine that has other work.
const Patience = 20 * time.Second

func opened(t *testing.T, dsn string) *storage.DB {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: dsn, Wait: Patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// now is a fixed instant with the microseconds that columns keep.
var now = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// Run holds the database that open gives to everything package storage promises.
func Run(t *testing.T, open func(t *testing.T) *storage.DB) {
	t.Helper()
	parts := map[string]func(t *testing.T, db *storage.DB){
		"users": users, "credentials": credentials, "sessions": sessions, "clients": clients, "secrets": secrets,
		"resources": resources, "consents": consents, "grants": grants, "grant states": grantStates, "revoking": revoking,
		"trimming": trimming, "interactions": interactions, "keys": keys, "sealed": sealedValues, "locks": locks, "replicas": replicas,
		"clock seen": clockSeen,
		"once":       once,
		"counters":   counters, "events": events, "event seals": eventSeals, "webhooks": webhooks, "settings": settings,
		"people at": peopleAt, "API keys": apiKeys, "managed": managed,
		"expiry": expiry, "odd-input": oddInput, "no-text": noText,
		"transactions": transactions, "failed-transactions": failedTransactions, "statistics": statistics,
		"race-code": raceCode, "race-refresh": raceRefresh, "race-interaction": raceInteraction,
		"race-once": raceOnce, "race-session": raceSession, "race-lock": raceLock, "race-bound": raceBound,
		"race-consent": raceConsent, "race-consent-held": raceConsentHeld, "race-counter": raceCounter, "race-mixed-writes": raceMixed,
		"race-epoch": raceEpoch, "race-namespace": raceNamespace, "factors": factors, "identities": identities,
		"upstream-sessions": upstreamSessions, "own-errors": ownErrors, "states": states, "erasure": erasure, "tickets": tickets,
		"pushed":  pushed,
		"waiting": waiting, "race-waiting": raceWaiting,
		"registrations": registrations, "documents": documents, "race-initial-token": raceInitialToken,
		"memberships": memberships, "holder-left": holderLeft, "race-ticket": raceTicket, "race-factor": raceFactor, "race-hold": raceHold,
		"messages": messages, "logos": logos, "pictures": pictures, "refusing": refusing, "user metadata": userMetadata,
		"race-message": raceMessage,
		"deliveries":   deliveries, "queues": queues, "race-delivery": raceDelivery, "session-clients": sessionClients,
		"upstream uses": upstreamUses, "traces of a client": tracesOfClient, "answers": answers, "race-answers": raceAnswers,
		"client-changes": clientChanges, "idle-time": idleTime, "race-updates": raceUpdates, "race-disabling": raceDisabling,
		"race-members": raceMembers,
		"answered":     answered, "erased-interactions": erasedInteractions, "evicted": evicted, "past": past, "race-answer": raceAnswer,
		"unspent": unspent, "race-replace": raceReplace,
		"administration": administration,
		"status":         status, "race-status": raceStatus,
		"locked-user": lockedUser, "race-locked-user": raceLockedUser, "counted-identities": countedIdentities,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t, open(t))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ctxOf is a test's context with a deadline, so that a deadlock ends as an error and not as a hang.
func ctxOf(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// underCI reports whether a missing tool must fail the test rather than skip it.
func underCI() bool { return os.Getenv("CI") != "" }
