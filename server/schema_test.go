package server_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"signet/config"
	"signet/server"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestAReplicaStartsOnASchemaAhead: it warns in log and metric, and refuses only what it cannot serve.
func TestAReplicaStartsOnASchemaAhead(t *testing.T) {
	t.Parallel()
	engines := map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "signet.db") },
		"postgres": storagetest.PostgresDSN,
	}
	for engine, dsn := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address := dsn(t)
			var out bytes.Buffer
			open := func(migrate string) (*server.Services, error) {
				out.Reset()
				c, err := config.Load(config.Sources{
					Environ: []string{"SIGNET_MASTER_KEY=c2VydmVydGVzdC1zZXJ2ZXJ0ZXN0LW1hc3Rlci1rZXk", "SIGNET_STORAGE_DSN=" + address,
						"SIGNET_STORAGE_MIGRATE=" + migrate},
					ReadFile: func(string) ([]byte, error) { return nil, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				return server.Open(t.Context(), server.Options{Config: c, Log: slog.New(slog.NewTextHandler(&out, nil))})
			}
			running, err := open(config.MigrateAuto)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = running.Close() })
			if ahead(t, running) != "0" {
				t.Errorf("signet_schema_ahead %s on the own schema", ahead(t, running))
			}

			s, err := server.New(running)
			if err != nil {
				t.Fatal(err)
			}
			storagetest.Exec(t, address, "DROP TABLE upstream_uses")
			for range 2 {
				runJob(t, s, "schema")
			}
			if strings.Count(out.String(), "the table upstream_uses is missing") != 1 || ahead(t, running) != "0" {
				t.Errorf("somebody took a table away: signet_schema_ahead %s; %s", ahead(t, running), &out)
			}
			storagetest.Exec(t, address, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9001, TRUE)",
				"INSERT INTO schema_compat (step, min_release) VALUES (9001, 6)")
			for range 2 {
				runJob(t, s, "schema")
			}
			if ahead(t, running) != "1" || strings.Count(out.String(), `level=WARN msg="database schema"`) != 1 {
				t.Errorf("a replica that runs: signet_schema_ahead %s; %s", ahead(t, running), &out)
			}
			storagetest.Exec(t, address, "UPDATE schema_compat SET min_release = 9001")
			out.Reset()
			runJob(t, s, "schema")
			if !strings.Contains(out.String(), "level=ERROR") {
				t.Errorf("a replica that runs on what it cannot serve: %s", &out)
			}
			if err := running.Close(); err != nil { // a SQLite file is served by one process
				t.Error(err)
			}
			storagetest.Exec(t, address, "UPDATE schema_compat SET min_release = 6")
			for _, migrate := range []string{config.MigrateAuto, config.MigrateOff} {
				again, err := open(migrate)
				if err != nil {
					t.Fatalf("started again with migrate %s: %v", migrate, err)
				}
				if ahead(t, again) != "1" || !strings.Contains(out.String(), `level=WARN msg="database schema"`) {
					t.Errorf("started again: signet_schema_ahead %s; %s", ahead(t, again), &out)
				}
				if err := again.Close(); err != nil {
					t.Error(err)
				}
			}

			storagetest.Exec(t, address, "UPDATE schema_compat SET min_release = 9001")
			if _, err := open(config.MigrateAuto); !errors.Is(err, storage.ErrSchemaNewer) {
				t.Errorf("started on what it cannot serve: %v", err)
			}
		})
	}
}

func runJob(t *testing.T, s *server.Server, name string) {
	t.Helper()
	for _, job := range s.Jobs() {
		if job.Name == name {
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no job %s", name)
}

// ahead reads the metric signet_schema_ahead.
func ahead(t *testing.T, h *server.Services) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.Metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	_, after, _ := strings.Cut(w.Body.String(), "\nsignet_schema_ahead ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}
