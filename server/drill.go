package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"signet/config"
	"signet/internal/backup"
	"signet/oauth/keys"
	"signet/storage/sqlitefile"
)

// VerifyOptions of VerifyBackup.
type VerifyOptions struct {
	File    string // a path
	Opening backup.Opening
	Scratch string // folder for the copy; "" = the system's for temporary files
}

// VerifiedBackup is a backup that is good.
type VerifiedBackup struct {
	File      string           `json:"file"`
	CreatedAt time.Time        `json:"created_at"`
	Encrypted bool             `json:"encrypted"`
	Release   string           `json:"release"`
	Schema    int64            `json:"schema"`
	Issuer    string           `json:"issuer"`
	MasterKey string           `json:"master_key"` // id
	Signed    bool             `json:"signed"`     // with the master key; else anybody may have made it
	Rows      map[string]int64 `json:"rows"`
	Took      config.Duration  `json:"took"`
	// Unreadable is how many sealed values do not open, of up to a thousand of a kind.
	Unreadable int `json:"unreadable"`
}

// VerifyBackup opens a backup in a temporary place: every byte, the database's own checks, its rows against the manifest, sealed values
// with the master key; then it starts a server on the copy that reaches nobody, and has it sign a token.
func VerifyBackup(ctx context.Context, c config.Config, o VerifyOptions) (v VerifiedBackup, err error) {
	start := time.Now()
	folder, cleared, err := scratch(o.Scratch, "signet-verify-")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, cleared()) }()
	m, err := unpackBackup(ctx, c, o.File, o.Opening, folder)
	if err != nil {
		return v, err
	}
	copied, err := configForCopy(c, folder)
	if err != nil {
		return v, err
	}
	unreadable, err := drill(ctx, copied)
	if err != nil {
		return v, fmt.Errorf("the backup opens, but a server on it does not work: %w", err)
	}
	return VerifiedBackup{
		File: filepath.Base(o.File), CreatedAt: m.CreatedAt, Encrypted: m.Encrypted, Release: m.Release, Schema: m.Schema, Issuer: m.Issuer,
		MasterKey: m.MasterKey, Signed: m.MAC != "", Rows: m.Rows, Unreadable: unreadable,
		Took: config.Duration(time.Since(start).Round(time.Millisecond)),
	}, nil
}

// unpackBackup puts a backup's parts into a folder and looks through the database. Where there is a master key, the backup must be made
// with it: encryption tells nothing of who encrypted. And it must be the one that its name says, not an old one under a new name.
func unpackBackup(ctx context.Context, c config.Config, file string, o backup.Opening, folder string) (backup.Manifest, error) {
	master, err := readMaster(c)
	if err == nil {
		o.Authors = master.DeriveAll(backupLabel)
	} else if !errors.Is(err, ErrNoMasterKey) { // else it may be in the backup, and what that says is believed
		return backup.Manifest{}, err
	}
	m, err := backup.Read(file, o, folder, func(bytes int64) error { return sqlitefile.Space(folder, bytes) })
	switch {
	case errors.Is(err, backup.ErrForged) && m.MAC == "":
		return m, fmt.Errorf("%w: nothing in it says who made it; --unsigned takes it all the same, if you know", err)
	case errors.Is(err, backup.ErrForged) && !slices.Contains(master.IDs(), m.MasterKey):
		return m, fmt.Errorf("%w: it names the master key %s, and there is %s", err, cmp.Or(m.MasterKey, "-"), strings.Join(master.IDs(), ", "))
	case err != nil:
		return m, err
	}
	if at, named := backup.NamedAt(file); named && !at.Equal(m.CreatedAt) {
		return m, fmt.Errorf("%w: its name says %s, and it was made at %s", backup.ErrForged, at.Format(time.RFC3339),
			m.CreatedAt.Format(time.RFC3339))
	}
	path := filepath.Join(folder, backup.Database)
	if err := sqlitefile.Check(ctx, path); err != nil {
		return m, fmt.Errorf("the backup's %w", err)
	}
	rows, err := sqlitefile.Rows(ctx, path)
	if err != nil {
		return m, err
	}
	if !maps.Equal(rows, m.Rows) {
		return m, fmt.Errorf("%w: its tables have other numbers of rows than its manifest says", backup.ErrDamaged)
	}
	return m, nil
}

// configForCopy is the configuration for a database that lies in a folder: the master key is the configured one, or, where there is none,
// the one that came out of the backup.
func configForCopy(c config.Config, folder string) (config.Config, error) {
	text, err := masterText(c)
	if errors.Is(err, ErrNoMasterKey) {
		inside, unread := os.ReadFile(filepath.Join(folder, backup.MasterKey))
		if unread != nil {
			return c, fmt.Errorf("%w, and none is in the backup; put yours into SIGNET_MASTER_KEY_FILE", err)
		}
		text, err = inside, nil
	}
	if err != nil {
		return c, err
	}
	c.MasterKey = config.NewSecret(string(text))
	c.Storage.DSN = config.NewDSN("sqlite:" + filepath.Join(folder, backup.Database))
	c.Storage.Migrate, c.Storage.Snapshots = config.MigrateAuto, 0
	c.Backup = config.Backup{}
	return c, nil
}

// inspectMost is how many sealed values of a kind a drill opens.
const inspectMost = 1000

// drill serves the database of a configuration on a port of this machine, for a moment, with every way out closed. It returns how many
// sealed values do not open, of those that it tried: each is a fault of its own row only.
func drill(ctx context.Context, c config.Config) (unreadable int, err error) {
	h, err := Open(ctx, Options{Config: c, Offline: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	damaged, err := reseals(h.DB, h.Master).Inspect(ctx, inspectMost)
	if err != nil {
		return 0, err
	}
	s, err := New(h)
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := s.httpServer(s.Handler())
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(l) }()
	defer func() {
		err = errors.Join(err, srv.Close())
		if end := <-stopped; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}()
	return len(damaged), h.try(ctx, "http://"+l.Addr().String())
}

// try asks whether the server is ready, and has it sign and verify.
func (h *Services) try(ctx context.Context, at string) error {
	base := h.Config.IssuerURL()
	get := func(path string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+path, nil)
		if err != nil {
			return nil, err
		}
		req.Host = base.Host
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req) // no proxy
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: status %d: %.200s", path, res.StatusCode, body)
		}
		return body, err
	}
	if _, err := get("/readyz"); err != nil {
		return err
	}
	published, err := get(base.Path + "/oauth2/jwks")
	if err != nil {
		return err
	}
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(published, &set); err != nil || len(set.Keys) == 0 {
		return errors.Join(errors.New("the key set has no key"), err)
	}
	now := time.Now()
	token, err := h.Keys.Sign(keys.ES256, keys.TypAccess, map[string]any{"iss": h.Config.Server.Issuer, "exp": now.Add(time.Minute).Unix()})
	if err != nil {
		return fmt.Errorf("sign a token: %w", err)
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := h.Keys.Verify(token, keys.TypAccess, &claims); err != nil || claims.Issuer != h.Config.Server.Issuer {
		return errors.Join(errors.New("a token that was signed does not verify"), err)
	}
	return nil
}
