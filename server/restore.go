package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signet/audit"
	"signet/config"
	"signet/internal/backup"
	"signet/internal/mail"
	"signet/internal/owner"
	"signet/oauth/keys"
	"signet/storage/sqlitefile"
)

// RestoreOptions of Restore. The zero value, with a File, is the careful way.
type RestoreOptions struct {
	File    string
	Opening backup.Opening
	Journal string // "" = the configured one

	DryRun       bool // everything but the last step: the database stays as it is
	Replace      bool // a database that is there gives way, and is kept under another name
	KeepSessions bool // people stay signed in; refresh tokens that were revoked since the backup are good again
	KeepKeys     bool // the backup's keys go on signing
	AcceptGap    bool // acts that no journal tells of are undone

	Step func(done string) // told of each step that is done; nil = nobody
}

// RestoredBackup says what a restore did.
type RestoredBackup struct {
	CreatedAt time.Time        `json:"created_at"` // what was committed later is undone
	Ended     map[string]int64 `json:"ended"`      // by kind
	Keys      []string         `json:"keys"`       // algorithms whose keys were replaced
	Acts      map[string]int   `json:"acts"`       // of the journal, done again, by name
	Secrets   []string         `json:"need_secrets,omitempty"`
	Look      []string         `json:"look_at,omitempty"`         // people of whom ways to sign in, or an address, are there again
	Changed   []string         `json:"look_at_clients,omitempty"` // clients that were changed since: they are as they were before
	Gap       string           `json:"gap,omitempty"`             // what the journal does not tell
	Before    string           `json:"before,omitempty"`          // where the database that was there is
	DryRun    bool             `json:"dry_run,omitempty"`
}

// restoreTime bounds each of a restore's transactions.
const restoreTime = 30 * time.Minute

// Restore brings a backup back as the configured SQLite database. All is done to a copy beside it, which takes the database's place in one
// rename at the end: whatever happens before, the database stays as it was.
func Restore(ctx context.Context, c config.Config, o RestoreOptions) (done RestoredBackup, err error) {
	path := c.Storage.DSN.SQLitePath()
	if path == "" {
		return done, errNotSQLite
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if _, err := os.Stat(o.File); err != nil {
		return done, err
	}
	lock, err := lockFor(Options{Use: ForServing, Config: c})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	_, missing := os.Stat(path)
	if missing == nil && !o.Replace && !o.DryRun {
		return done, fmt.Errorf("there is a database at %s; --replace puts the backup in its place and keeps it as %s", path, path+beforeRestore)
	}
	folder, cleared, err := scratch(filepath.Dir(path), scratchPrefix)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, cleared()) }()
	m, err := unpackBackup(ctx, c, o.File, o.Opening, folder)
	if err != nil {
		return done, err
	}
	o.Step("unpacked")
	copied, err := configForCopy(c, folder)
	if err != nil {
		return done, err
	}
	if done, err = repair(ctx, c, copied, m, o); err != nil {
		return done, err
	}
	o.Step("repaired")
	if _, err := drill(ctx, copied); err != nil {
		return done, fmt.Errorf("a server on the restored database does not work: %w", err)
	}
	o.Step("tried")
	done.DryRun = o.DryRun
	if o.DryRun {
		return done, nil
	}
	done.Before, err = swapIn(ctx, c, copied, o.Step)
	return done, err
}

// repair makes of the copy what may be served: nothing that ended since comes back to life, and nothing is sent twice.
func repair(ctx context.Context, c, copied config.Config, m backup.Manifest, o RestoreOptions) (done RestoredBackup, err error) {
	h, err := Open(ctx, Options{Config: copied, Offline: true})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	done.CreatedAt = m.CreatedAt
	acts, gap, err := h.actsSince(ctx, c, m.CreatedAt, o)
	if err != nil {
		return done, err
	}
	done.Gap = gap
	ctx, cancel := context.WithTimeout(audit.WithOrigin(ctx, audit.Origin{Actor: "cli", Kind: "cli"}), restoreTime)
	defer cancel()
	now := time.Now()
	if done.Ended, err = h.DB.HoldAllAfterRestore(ctx, mail.WithLinks(), now); err != nil {
		return done, err
	}
	if !o.KeepSessions {
		ended, err := h.DB.EndAllAfterRestore(ctx, now)
		if err != nil {
			return done, err
		}
		for what, n := range ended {
			done.Ended[what] += n
		}
	}
	if err := h.doAgain(ctx, acts, &done); err != nil {
		return done, err
	}
	if err := h.replaceKeys(ctx, acts, o, &done); err != nil {
		return done, err
	}
	return done, h.Audit.Record(ctx, audit.Event{Name: audit.BackupRestored, Detail: done})
}

// replaceKeys has none of the backup's keys sign any more, and publishes none of them; or, where they are to stay, none that was revoked.
func (h *Services) replaceKeys(ctx context.Context, acts []backup.Act, o RestoreOptions, done *RestoredBackup) error {
	list, err := h.Keys.List(ctx)
	if err != nil {
		return err
	}
	revoked := map[string]bool{}
	for _, a := range acts {
		if a.Name == string(audit.KeyRetired) {
			revoked[a.Key] = true
		}
	}
	for _, k := range list {
		encrypts := k.Alg == keys.ForRSA || k.Alg == keys.ForCurves // others hold it for as long as they like, and it signs nothing
		stays := o.KeepKeys || encrypts
		if k.Alg == keys.Refresh {
			stays = o.KeepSessions
		}
		switch {
		case stays && !revoked[k.KID], slices.Contains(done.Keys, k.Alg):
			continue
		case stays && k.State != "active":
			if err := h.Keys.Retire(ctx, k.KID); err != nil && !errors.Is(err, keys.ErrUnknownKey) {
				return fmt.Errorf("retire the revoked key %s: %w", k.KID, err)
			}
			continue
		}
		if _, err := h.Keys.Rotate(ctx, k.Alg, true); err != nil {
			return fmt.Errorf("replace the keys for %s: %w", k.Alg, err)
		}
		done.Keys = append(done.Keys, k.Alg)
	}
	return nil
}

// beforeRestore is added to the name of a database that gave way.
const beforeRestore = ".before-restore"

// swapIn puts the copy in the place of the database, and returns where that is kept.
func swapIn(ctx context.Context, c, copied config.Config, step func(string)) (before string, err error) {
	path, from := c.Storage.DSN.SQLitePath(), copied.Storage.DSN.SQLitePath()
	if err := sqlitefile.Settle(ctx, from); err != nil {
		return "", err
	}
	if err := keepMaster(c, copied); err != nil {
		return "", err
	}
	step("settled")
	before, err = freeName(path + beforeRestore)
	if err != nil {
		return "", err
	}
	if _, missing := os.Stat(path); missing != nil {
		before, err = "", moveLog(path, before)
	} else {
		err = stepAside(ctx, path, before)
	}
	if err != nil {
		return "", err
	}
	step("aside")
	if err := owner.GiveFile(from, filepath.Dir(path)); err != nil {
		return "", err
	}
	if err := os.Rename(from, path); err != nil {
		return "", err
	}
	step("renamed")
	return before, sqlitefile.Sync(path)
}

// stepAside gives the database a second name. It keeps the first until the copy takes that.
func stepAside(ctx context.Context, path, before string) error {
	err := sqlitefile.Settle(ctx, path)
	if errors.Is(err, sqlitefile.ErrBusy) {
		return fmt.Errorf("%w: stop all servers and commands first", err)
	}
	if err != nil { // damaged: that may be why somebody restores
		if err := moveLog(path, before); err != nil {
			return err
		}
	}
	return os.Link(path, before)
}

// moveLog takes away the log of a database that is gone or damaged: SQLite would write it into the one that comes.
func moveLog(path, before string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+suffix, before+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// freeName is the name, or the name with the time if it is taken.
func freeName(name string) (string, error) {
	_, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name, nil
	case err != nil:
		return "", err
	}
	return name + "-" + time.Now().UTC().Format("20060102T150405.000Z"), nil
}

// keepMaster writes the master key that came out of the backup beside the database, where none is.
func keepMaster(c, copied config.Config) error {
	if !c.MasterKey.Empty() {
		return nil
	}
	err := writeOnce(masterFile(c.Storage.DSN.SQLitePath()), []byte(copied.MasterKey.Reveal()))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
