package server

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"signet/config"
	"signet/storage"
	"signet/storage/sqlitefile"
)

const snapshotVariable = "SIGNET_TEST_SNAPSHOT"

// TestSnapshotChild is the process that the tests below kill, or that may write no large file: a migration of the database named.
func TestSnapshotChild(t *testing.T) {
	path, harm, is := strings.Cut(os.Getenv(snapshotVariable), "|")
	if !is {
		t.Skip("is run by other tests")
	}
	die := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	snapshotStep = func(done string) {
		switch {
		case done == harm:
			die()
		case done == "begun" && harm == "copying":
			go func() {
				for {
					if info, err := os.Stat(newestCopy(path) + ".part"); err == nil && info.Size() > 0 {
						die()
					}
				}
			}()
		case done == "begun" && harm == "full":
			limit := &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Migrate(t.Context(), snapshotConfig(path), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if harm == "copying" { // it was as fast as that
		die()
	}
}

func snapshotConfig(path string) config.Config {
	c := config.Default()
	c.Storage.DSN, c.Storage.Snapshots = config.NewDSN("sqlite:"+path), 2
	return c
}

// newestCopy is how the copy from before the newest migration is named.
func newestCopy(path string) string {
	steps, _ := filepath.Glob("../storage/migrations/sqlite/*.sql")
	return path + beforeStep + filepath.Base(steps[len(steps)-1])[:4]
}

func migrating(t *testing.T, path, harm string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSnapshotChild$")
	cmd.Env = append(os.Environ(), snapshotVariable+"="+path+"|"+harm)
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err = cmd.Run()
	return all.String(), err
}

// behind makes a database that is one migration behind, and returns what its schema is.
func behind(t *testing.T, path string) int64 {
	t.Helper()
	if _, err := Migrate(t.Context(), snapshotConfig(path), func(string) {}); err != nil {
		t.Fatal(err)
	}
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.MigrateDown(t.Context())
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return schemaOf(t, path)
}

// schemaOf a database that is whole.
func schemaOf(t *testing.T, path string) int64 {
	t.Helper()
	db, err := storage.Open(t.Context(), storage.Options{DSN: "sqlite:" + path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	step, err := db.SchemaVersion(t.Context())
	if err := errors.Join(err, db.Close(), sqlitefile.Check(t.Context(), path)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return step
}

// TestSnapshotKilledAtEveryStep: under its name there is the copy of before, or the new one, whole, or none; the database is whole; and the
// next run leaves nothing of the one that was killed.
func TestSnapshotKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signet.db")
	was := behind(t, path)
	name := newestCopy(path)
	for _, there := range []bool{false, true} { // a copy of the same name, of an earlier attempt
		for _, harm := range []string{"begun", "copying", "copied", "renamed"} {
			if !there {
				_ = os.Remove(name)
			}
			out, err := migrating(t, path, harm)
			if err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("%s: %v\n%s", harm, err, out)
			}
			schemaOf(t, path)
			_, missing := os.Stat(name)
			switch {
			case missing == nil:
				if step := schemaOf(t, name); step != was {
					t.Errorf("%s: the copy is of %d, not %d", harm, step, was)
				}
			case there || harm == "renamed":
				t.Errorf("%s: %v", harm, missing)
			}
			behind(t, path) // the next run
			if _, err := os.Stat(name + ".part"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: the next run leaves a part: %v", harm, err)
			}
			if step := schemaOf(t, name); step != was {
				t.Errorf("%s: the copy of the next run is of %d, not %d", harm, step, was)
			}
		}
	}
}

// TestSnapshotOnAFullDisk: nothing is migrated, the message says what failed, and what there was stays.
func TestSnapshotOnAFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signet.db")
	was := behind(t, path)
	before, err := filepath.Glob(path + beforeStep + "*")
	if err != nil {
		t.Fatal(err)
	}
	out, err := migrating(t, path, "full")
	if err == nil || !strings.Contains(out, "copy the database before the migration") {
		t.Errorf("%v\n%s", err, out)
	}
	if step := schemaOf(t, path); step != was {
		t.Errorf("migrated to %d without a copy", step)
	}
	after, err := filepath.Glob(path + beforeStep + "*")
	if err != nil || len(after) != len(before) {
		t.Errorf("left %v, there were %v; %v", after, before, err)
	}
}
