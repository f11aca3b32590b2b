package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"signet/config"
	"signet/storage"
	"signet/storage/sqlitefile"
)

// beforeStep is what the name of a copy from before a migration has after the database's; the number of the step follows.
const beforeStep = ".before-"

// snapshotStep is told of each step of a snapshot that is done: tests kill the process there.
var snapshotStep = func(done string) {}

// snapshot copies a SQLite database that has pending migrations, or whose newest is to be taken back, to a file beside it, and returns its
// name; "" = there is nothing to copy, or the configuration wants none. Without enough free space nothing is migrated.
func snapshot(ctx context.Context, c config.Config, db *storage.DB, down bool) (string, error) {
	path := c.Storage.DSN.SQLitePath()
	if path == "" || c.Storage.Snapshots == 0 {
		return "", nil
	}
	step, err := nextStep(ctx, db, down)
	if err != nil || step == 0 {
		return "", err
	}
	name := fmt.Sprintf("%s%s%04d", path, beforeStep, step)
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) { // of a run that was killed
		return "", err
	}
	snapshotStep("begun")
	err = sqlitefile.Copy(ctx, path, part)
	if errors.Is(err, sqlitefile.ErrSpace) {
		return "", fmt.Errorf(
			"a copy from before the migration does not fit, so nothing is migrated: %w; make space, or set storage.snapshots: 0",
			err)
	}
	if err == nil {
		snapshotStep("copied")
		err = os.Rename(part, name)
	}
	if err == nil {
		snapshotStep("renamed")
		err = sqlitefile.Sync(name)
	}
	if err != nil {
		return "", fmt.Errorf("copy the database before the migration: %w", err)
	}
	return name, trimSnapshots(path, name, c.Storage.Snapshots)
}

// nextStep is the migration that is to be applied, or taken back; 0 = none, or there is no schema yet.
func nextStep(ctx context.Context, db *storage.DB, down bool) (int64, error) {
	have, err := db.SchemaVersion(ctx)
	if err != nil || have == 0 || down {
		return have, err
	}
	steps, err := db.MigrateStatus(ctx)
	i := slices.IndexFunc(steps, func(m storage.Migration) bool { return m.AppliedAt.IsZero() && m.Version > have })
	if err != nil || i < 0 {
		return 0, err
	}
	return steps[i].Version, nil
}

// trimSnapshots keeps the newest so many copies, by the time they were made.
func trimSnapshots(path, made string, keep int) error {
	all, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		return err
	}
	type copied struct {
		name string
		at   int64
	}
	var list []copied
	for _, name := range all {
		number, ours := strings.CutPrefix(filepath.Base(name), filepath.Base(path)+beforeStep)
		if !ours || len(number) != 4 || strings.Trim(number, "0123456789") != "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		list = append(list, copied{name, info.ModTime().UnixNano()})
	}
	slices.SortFunc(list, func(a, b copied) int { return int(min(1, max(-1, b.at-a.at))) })
	kept := 1 // the one that was just made, whatever the clock says
	for _, old := range list {
		if old.name == made {
			continue
		}
		if kept++; kept <= keep {
			continue
		}
		if err := os.Remove(old.name); err != nil {
			return err
		}
	}
	return nil
}

// StepBack takes the newest migration back. A SQLite file is copied before (see snapshot), and refused while a server uses it: the server
// would go on without what it needs.
func StepBack(ctx context.Context, c config.Config, db *storage.DB, notice func(string)) (m storage.Migration, err error) {
	lock, err := lockFor(Options{Use: ForServing, Config: c})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	copied, err := snapshot(ctx, c, db, true)
	if err != nil {
		return m, err
	}
	if copied != "" {
		notice("Copied the database to " + copied + ", as it was before.")
	}
	return db.MigrateDown(ctx)
}
