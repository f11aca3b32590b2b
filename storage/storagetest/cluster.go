package storagetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/storage"
	"signet/storage/migrations"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver named "pgx"
)

// PostgresDSN is the DSN of a fresh, empty database, dropped with the test. SIGNET_TEST_POSTGRES names a server whose
// databases it may create and drop; else one throw-away cluster per test process is started from the server binaries
// found on this machine. Where there is neither, the test is skipped, or fails if the environment variable CI is set.
func PostgresDSN(t *testing.T) string {
	t.Helper()
	return freshDatabase(t, maintenance(t), "")
}

// template is the migrated database that fresh ones are copied from, one per version of the schema: on a server of
// SIGNET_TEST_POSTGRES it stays for the next test process.
var template = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	admin, err := server()
	if err != nil {
		return "", err
	}
	name, err := templateName()
	if err != nil {
		return "", err
	}
	err = admin.exec(ctx, "CREATE DATABASE "+name)
	if e, is := errors.AsType[*pgconn.PgError](err); err != nil && !(is && e.Code == duplicateDatabase) {
		return "", err
	}
	db, err := storage.Open(ctx, storage.Options{DSN: admin.dsn(name), PoolSize: 2})
	if err != nil {
		return "", err
	}
	_, err = db.MigrateUp(ctx)
	return name, errors.Join(err, db.Close())
})

// SQLSTATEs of Postgres: the database is there already; somebody has the template open.
const duplicateDatabase, objectInUse = "42P04", "55006"

// copying makes copies of the template one at a time: Postgres refuses to copy a database that another has open.
var copying sync.Mutex

func (a *admin) create(ctx context.Context, query string) error {
	copying.Lock()
	defer copying.Unlock()
	for tries := 0; ; tries++ {
		err := a.exec(ctx, query)
		e, is := errors.AsType[*pgconn.PgError](err)
		if !is || e.Code != objectInUse || tries == 2000 {
			return err
		}
		time.Sleep(50 * time.Millisecond) // another test process on the same server
	}
}

// migratedDSN is a fresh database with the schema in it.
func migratedDSN(t *testing.T) string {
	t.Helper()
	admin := maintenance(t)
	name, err := template()
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	return freshDatabase(t, admin, name)
}

func freshDatabase(t *testing.T, admin *admin, from string) string {
	t.Helper()
	name := databaseName("test")
	create := "CREATE DATABASE " + name
	if from != "" {
		create += " TEMPLATE " + from
	}
	if err := admin.create(t.Context(), create); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		defer cancel()
		if err := admin.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Logf("drop database: %v", err)
		}
	})
	return admin.dsn(name)
}

// templateName names the schema by the contents of its steps.
func templateName() (string, error) {
	sum := sha256.New()
	steps, err := fs.Glob(migrations.Files, "postgres/*.sql")
	for _, step := range steps {
		text, err := migrations.Files.ReadFile(step)
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	return "signet_template_" + hex.EncodeToString(sum.Sum(nil)[:8]), err
}

// databaseName is random, so that test processes may share a server.
func databaseName(kind string) string {
	return "signet_" + kind + "_" + strings.ToLower(rand.Text()[:16])
}

// admin is a server on which databases may be created.
type admin struct {
	pool     *sql.DB
	address  url.URL
	lifeline *os.File // of our own cluster, see startWatchdog
}

func (a *admin) exec(ctx context.Context, query string) error {
	_, err := a.pool.ExecContext(ctx, query)
	return err
}

func (a *admin) dsn(database string) string {
	u := a.address
	u.Path = "/" + database
	return u.String()
}

// errNoPostgres: neither a server is named nor are its binaries here.
var errNoPostgres = errors.New("no Postgres: set SIGNET_TEST_POSTGRES to the DSN of a server, or install its binaries")

var server = sync.OnceValues(func() (*admin, error) {
	var lifeline *os.File
	dsn := os.Getenv("SIGNET_TEST_POSTGRES")
	if dsn == "" {
		bin, err := findBinaries()
		if err != nil {
			return nil, err
		}
		if dsn, lifeline, err = startCluster(bin); err != nil {
			return nil, fmt.Errorf("start a throw-away cluster: %w", err)
		}
	}
	return newAdmin(dsn, lifeline)
})

func newAdmin(dsn string, lifeline *os.File) (*admin, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("SIGNET_TEST_POSTGRES is no valid postgres:// address")
	}
	pool, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(2)
	return &admin{pool: pool, address: *u, lifeline: lifeline}, pool.Ping()
}

func maintenance(t *testing.T) *admin {
	t.Helper()
	a, err := server()
	switch {
	case errors.Is(err, errNoPostgres) && !underCI():
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return a
}

// findBinaries looks for a folder with initdb and postgres: on the PATH, then where packages put them, newest first.
func findBinaries() (string, error) {
	var folders []string
	folders = append(folders, filepath.SplitList(os.Getenv("PATH"))...)
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(pattern) // the patterns are well-formed
		for i := len(found) - 1; i >= 0; i-- {
			folders = append(folders, found[i])
		}
	}
	for _, folder := range folders {
		if executable(filepath.Join(folder, "initdb")) && executable(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", errNoPostgres
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
