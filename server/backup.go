package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signet/audit"
	"signet/config"
	"signet/internal/backup"
	"signet/internal/owner"
	"signet/internal/release"
	"signet/storage"
	"signet/storage/sqlitefile"
)

// errNotSQLite: what is asked for is done to a SQLite file only.
var errNotSQLite = errors.New("this is for a SQLite file: restore it as one (SIGNET_STORAGE_DSN=sqlite:PATH), then bring it into " +
	"Postgres by `signet move --to` (docs/operations.md, Backup and restore)")

// BackupOptions of MakeBackup; see BackupOf.
type BackupOptions struct {
	To            string // a folder, a file that ends in .backup, or s3://BUCKET/PREFIX
	S3            config.S3
	Keep          int // of a folder: the newest so many stay; 0 = all
	Sealing       backup.Sealing
	WithMasterKey bool
	Step          func(done string) // told of each step that is done; nil = nobody
}

// BackupOf are the configured options.
func BackupOf(c config.Config) BackupOptions {
	b := c.Backup
	return BackupOptions{
		To: b.To, S3: b.S3, Keep: b.Keep, WithMasterKey: b.WithMasterKey,
		Sealing: backup.Sealing{Recipients: b.Recipients, Passphrase: b.Passphrase.Reveal(), Plain: b.Plain},
	}
}

// MadeBackup is a backup that was made.
type MadeBackup struct {
	Name      string    `json:"name"`
	Path      string    `json:"path"`
	Size      int64     `json:"size"`
	Encrypted bool      `json:"encrypted"`
	CreatedAt time.Time `json:"created_at"`
	Deleted   []string  `json:"deleted,omitempty"` // older ones that went
}

// backupLabel is of the key that signs backups, which is made from the master key.
const backupLabel = "backup"

// MakeBackup copies the configured database, while others use it, and keeps the copy: a SQLite file, of whichever engine it was.
func MakeBackup(ctx context.Context, c config.Config, o BackupOptions) (made MadeBackup, err error) {
	path := c.Storage.DSN.SQLitePath()
	if err := o.Sealing.Check(); err != nil {
		return made, err
	}
	if o.WithMasterKey && !o.Sealing.Encrypts() {
		return made, errors.New("a backup with the master key inside must be encrypted: who finds it has everything")
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return made, fmt.Errorf("storage.dsn: %w at %s: `signet serve` makes it, or `signet migrate up`", storage.ErrNoDatabase, path)
	}
	made.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
	folder, copied, done, err := copyDatabase(ctx, c, o.Step)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, done()) }()
	parts := map[string]string{backup.Database: copied}
	o.Step("copied")
	m := backup.Manifest{Release: releaseName(), Engine: string(storage.SQLite), Issuer: c.Server.Issuer, CreatedAt: made.CreatedAt}
	if err := describeCopy(ctx, c, parts[backup.Database], &m); err != nil {
		return made, err
	}
	if err := addParts(c, folder, o.WithMasterKey, parts); err != nil {
		return made, err
	}
	if master, unread := readMaster(c); unread == nil {
		o.Sealing.Author = master.Derive(backupLabel)
	}
	out := filepath.Join(folder, "out")
	if err := writeBackup(out, m, parts, o.Sealing); err != nil {
		return made, err
	}
	o.Step("written")
	if err := keepBackup(ctx, out, o, &made); err != nil {
		return made, err
	}
	o.Step("kept")
	made.Encrypted = o.Sealing.Encrypts()
	return made, nil
}

// keepBackup puts the file where it belongs, and trims what is there.
func keepBackup(ctx context.Context, file string, o BackupOptions, made *MadeBackup) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	made.Size, made.Name = info.Size(), backup.Name(made.CreatedAt)
	store, err := o.Store()
	if err != nil {
		return err
	}
	made.Path = strings.TrimRight(o.To, "/") + "/" + made.Name
	if strings.HasSuffix(o.To, ".backup") && !config.Bucket(o.To) {
		store, made.Path, made.Name, o.Keep = backup.Folder(filepath.Dir(o.To)), o.To, filepath.Base(o.To), 0
	}
	if err := store.Put(ctx, made.Name, file); err != nil {
		return fmt.Errorf("keep the backup: %w", err)
	}
	made.Deleted, err = backup.Trim(ctx, store, o.Keep)
	return err
}

func writeBackup(to string, m backup.Manifest, parts map[string]string, s backup.Sealing) error {
	f, err := owner.Open(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = backup.Write(f, m, parts, s)
	return errors.Join(err, f.Sync(), f.Close())
}

// describeCopy fills in what the copy itself tells.
func describeCopy(ctx context.Context, c config.Config, path string, m *backup.Manifest) (err error) {
	if m.Rows, err = sqlitefile.Rows(ctx, path); err != nil {
		return err
	}
	db, err := storage.Open(ctx, storage.Options{DSN: "sqlite:" + path, ReadOnly: true, PoolSize: 1})
	if err != nil {
		return err
	}
	m.Schema, err = db.SchemaVersion(ctx)
	if master, unread := readMaster(c); unread == nil {
		m.MasterKey = master.IDs()[0]
	}
	return errors.Join(err, db.Close())
}

// addParts writes what goes into a backup beside the database.
func addParts(c config.Config, folder string, withMaster bool, parts map[string]string) error {
	var settings bytes.Buffer
	for _, s := range c.Settings() { // secrets are masked
		fmt.Fprintf(&settings, "%s = %s  (%s)\n", s.Key, s.Text(), s.Origin)
	}
	texts := map[string][]byte{backup.Settings: settings.Bytes()}
	if withMaster {
		text, err := masterText(c)
		if err != nil {
			return err
		}
		texts[backup.MasterKey] = text
	}
	for name, text := range texts {
		parts[name] = filepath.Join(folder, name)
		if err := os.WriteFile(parts[name], text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// masterText is the master key as it is configured, or as it is in the file beside the database.
func masterText(c config.Config) ([]byte, error) {
	if !c.MasterKey.Empty() {
		return []byte(c.MasterKey.Reveal()), nil
	}
	text, err := os.ReadFile(masterFile(c.Storage.DSN.SQLitePath()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoMasterKey, err)
	}
	return text, err
}

// releaseName names this binary.
func releaseName() string {
	revision, _, _ := release.Revision()
	return strings.TrimSpace(release.Version() + " " + revision)
}

// NoteAct writes down what a command did with a whole database, in that database, if its schema is ours.
func NoteAct(ctx context.Context, c config.Config, name audit.Name, detail any) (err error) {
	db, err := OpenDatabase(ctx, c, nil, ForActing)
	if errors.Is(err, storage.ErrNoDatabase) {
		return nil // verified on another machine
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckSchema(ctx); err != nil && !errors.Is(err, storage.ErrSchemaAhead) {
		return nil
	}
	return audit.New(db).Record(ctx, audit.Event{Name: name, Detail: detail})
}

// backupEvery is when the job looks whether a backup is due.
const backupEvery = 10 * time.Minute

// backUp makes a backup if the newest is old enough, and notes how old it is.
func (h *Services) backUp(ctx context.Context) error {
	if err := h.noteVerified(ctx); err != nil {
		return err
	}
	o := BackupOf(h.Config)
	store, err := o.Store()
	if err != nil {
		return err
	}
	list, err := store.List(ctx)
	if err != nil {
		return err
	}
	last, _ := backup.Newest(list, time.Now())
	newest := last.CreatedAt
	h.Metrics.BackupMade(newest)
	h.lastBackup.Store(&newest)
	if time.Since(newest) < h.Config.Backup.Every {
		return nil
	}
	made, err := MakeBackup(ctx, h.Config, o)
	if err != nil {
		return err
	}
	h.Metrics.BackupMade(made.CreatedAt)
	h.lastBackup.Store(&made.CreatedAt)
	ctx = audit.WithOrigin(ctx, audit.Origin{Actor: "system"})
	return h.Audit.Record(ctx, audit.Event{Name: audit.BackupMade, Detail: made})
}

// noteVerified notes when a backup was last found good.
func (h *Services) noteVerified(ctx context.Context) error {
	last, err := h.DB.EventsLike(ctx, storage.Event{Name: string(audit.BackupVerified)}, "", 1)
	if err == nil && len(last) > 0 {
		h.Metrics.BackupVerified(last[0].At)
	}
	return err
}
