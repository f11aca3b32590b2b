package server_test

import (
	"path/filepath"
	"testing"

	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/storage/transfer"

	"golang.org/x/oauth2"
)

// TestAServerOnAFrozenDatabase: from the begin of a move on, what is read is answered and what writes is refused as 503, by every replica,
// which is not ready. When the database is given back it goes on as if nothing had been.
func TestAServerOnAFrozenDatabase(t *testing.T) {
	t.Parallel()
	sqlite := func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "signet.db") }
	for name, way := range map[string]struct{ from, to func(t *testing.T) string }{
		"sqlite": {sqlite, storagetest.PostgresDSN}, "postgres": {storagetest.PostgresDSN, sqlite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := way.from(t), way.to(t)
			opened := func(dsn string) *storage.DB {
				db, err := storage.Open(t.Context(), storage.Options{DSN: dsn})
				if err == nil {
					_, err = db.MigrateUp(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
				return db
			}
			s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(opened(from)))
			app := s.App(t, "shop")
			if err := opened(to).Close(); err != nil {
				t.Fatal(err)
			}
			answers := func(when string, want map[string]int) {
				t.Helper()
				for path, status := range want {
					res, err := s.HTTP.Get(s.URL + path)
					if err != nil {
						t.Fatal(err)
					}
					_ = res.Body.Close()
					if res.StatusCode != status {
						t.Errorf("%s: %s: %d, want %d", when, path, res.StatusCode, status)
					}
				}
			}
			begin := app.OAuth.AuthCodeURL("state-of-the-app", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))[len(s.URL):]
			answers("before", map[string]int{begin: 303})
			if _, err := transfer.Move(t.Context(), transfer.Options{From: from, To: to}); err != nil {
				t.Fatal(err)
			}
			answers("frozen", map[string]int{begin: 503, "/readyz": 503, "/oauth2/jwks": 200, "/.well-known/openid-configuration": 200})
			if _, err := transfer.Unfreeze(t.Context(), from, true); err != nil {
				t.Fatal(err)
			}
			answers("given back", map[string]int{begin: 303})
		})
	}
}
