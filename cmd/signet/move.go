package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/config"
	"signet/internal/program"
	"signet/server"
	"signet/storage"
	"signet/storage/transfer"
)

// move copies the configured database into another one, for good, or takes the begin of that back.
func (a *app) move() *cobra.Command {
	var to, file string
	var unfreeze, sure bool
	c := a.verb("move --to DSN", "Move everything to another database, from SQLite to Postgres or back; writes are refused meanwhile", 0,
		func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interrupted(cmd)
			defer stop()
			c, err := a.configured()
			if err != nil {
				return err
			}
			if unfreeze {
				return a.unfreeze(ctx, c, sure)
			}
			if file != "" {
				if to, err = a.readText(file); err != nil {
					return fmt.Errorf("--to-file: %w", err)
				}
			}
			if to == "" {
				return usage("say where to: --to postgres://… or --to sqlite:PATH, or --to-file with a file that has the address in it")
			}
			return a.moveTo(ctx, c, config.NewDSN(strings.TrimSpace(to)))
		})
	c.Long = "Move everything to another database, from SQLite to Postgres or back.\n\n" +
		"The configured database is frozen first: it answers what is read and refuses every write, whichever release asks. Then all\n" +
		"rows are copied, and each is compared. Interrupted or killed, run it again: it goes on. The target must be empty; no server\n" +
		"starts on it before everything is there. The master key stays the same. The old database stays as it was, and frozen."
	f := c.Flags()
	f.StringVar(&to, "to", "", "`address` of the new database, as storage.dsn has it")
	f.StringVar(&file, "to-file", "", "`file` with that address, whose password nobody then sees among the processes; - = standard input")
	f.BoolVar(&unfreeze, "unfreeze", false, "have the configured database take writes again, as if the move had not begun")
	f.BoolVar(&sure, "yes", false, "with --unfreeze: although the move is finished, and what was written to the new database is not here")
	return c
}

func (a *app) moveTo(ctx context.Context, c config.Config, to config.DSN) error {
	at := c
	at.Storage.DSN = to
	if to.HoldsPassword() {
		at.Storage.PasswordCommand = "" // it is the source's
	}
	// This says what is wrong with the source: there is none, its schema is older, the master key is another one.
	if err := opens(ctx, c); err != nil {
		return err
	}
	switch {
	case to.Mistake() != "":
		return usage("--to %s", to.Mistake())
	case !to.Postgres() && to.SQLitePath() == "":
		return usage("--to names a database in memory, which ends with this command")
	case !to.Postgres() && !c.Storage.DSN.Postgres():
		return usage("both databases are SQLite files: stop the server and copy the file and its master key, or use `signet backup`")
	}
	if c.MasterKey.Empty() { // it is in the file beside the SQLite database
		key, err := os.ReadFile(filepath.Join(filepath.Dir(c.Storage.DSN.SQLitePath()), server.MasterFile))
		if err != nil {
			return fmt.Errorf("the master key: %w", err)
		}
		at.MasterKey = config.NewSecret(strings.TrimSpace(string(key)))
	}
	if _, err := server.Migrate(ctx, at, a.notice); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	from, err := addressOf(ctx, c)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	target, err := addressOf(ctx, at)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	moved, err := transfer.Move(ctx, transfer.Options{From: from, To: target, Step: a.progress()})
	if err != nil {
		return err
	}
	if err := opens(ctx, at); err != nil {
		return fmt.Errorf("everything is in %s, but no server can start on it: %w", moved.To, err)
	}
	if err := noteMove(ctx, at, moved); err != nil {
		a.notice("Warning: the move is not noted in the new database: " + err.Error())
	}
	return a.answer(moved, func(w io.Writer) { writeMove(w, moved, c) })
}

// addressOf is the address of the database, with the password that the configured command prints, if there is one.
func addressOf(ctx context.Context, c config.Config) (string, error) {
	dsn, err := program.Address(ctx, c.Storage.DSN.Reveal(), c.Storage.PasswordCommand)
	if err != nil {
		return "", fmt.Errorf("storage.password_command: %w", err)
	}
	return dsn, nil
}

// noteMove writes the event into the new database: once, although the command may have been killed before.
func noteMove(ctx context.Context, at config.Config, moved transfer.Moved) error {
	if moved.Before {
		db, err := server.OpenDatabase(ctx, at, nil, server.ForReading)
		if err != nil {
			return err
		}
		list, err := db.EventsLike(ctx, storage.Event{Name: string(audit.DatabaseMoved), At: moved.Finished}, "", 1)
		if err := errors.Join(err, db.Close()); err != nil || len(list) > 0 {
			return err
		}
	}
	detail := map[string]any{"from": moved.From, "to": moved.To, "rows": moved.Total, "finished_at": moved.Finished}
	return server.NoteAct(audit.WithOrigin(ctx, audit.Origin{Actor: "cli"}), at, audit.DatabaseMoved, detail)
}

// opens tries a database with its master key, as a command that reads does.
func opens(ctx context.Context, c config.Config) error {
	h, err := server.Open(ctx, server.Options{Use: server.ForReading, Config: c})
	if err != nil {
		return err
	}
	return h.Close()
}

// progress tells of steps; of batches of rows once a second.
func (a *app) progress() func(done string) {
	var told time.Time
	return func(done string) {
		if strings.HasPrefix(done, "copied") && time.Since(told) < time.Second {
			return
		}
		told = time.Now()
		a.notice(done)
	}
}

func writeMove(w io.Writer, m transfer.Moved, c config.Config) {
	row(w, "from", m.From)
	row(w, "to", m.To)
	if m.Before {
		row(w, "nothing done", "this move was finished at "+when(m.Finished))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Rows)) {
		if m.Rows[name] > 0 {
			row(w, name, fmt.Sprint(m.Rows[name]))
		}
	}
	row(w, "next", "set storage.dsn (SIGNET_STORAGE_DSN) to the new address, run `signet doctor`, and start the servers")
	if c.MasterKey.Empty() {
		row(w, "master key", "give every server the same one: SIGNET_MASTER_KEY_FILE="+
			filepath.Join(filepath.Dir(c.Storage.DSN.SQLitePath()), server.MasterFile))
	}
	row(w, "the old one", "stays as it is, and frozen: `signet move --unfreeze` there takes that back")
}

func (a *app) unfreeze(ctx context.Context, c config.Config, sure bool) error {
	db, err := server.OpenDatabase(ctx, c, nil, server.ForActing) // says how to make one, if there is none
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	address, err := addressOf(ctx, c)
	if err != nil {
		return err
	}
	other, err := transfer.Unfreeze(ctx, address, sure)
	switch {
	case errors.Is(err, transfer.ErrNotFrozen):
		return fmt.Errorf("there is nothing to do: %w", err)
	case errors.Is(err, transfer.ErrMoved):
		return fmt.Errorf("%w. Nothing was done; stop the servers there, and say --yes to go on with this one as it was", err)
	case err != nil:
		return err
	}
	from := transfer.Describe(c.Storage.DSN.Reveal())
	noted := audit.WithOrigin(ctx, audit.Origin{Actor: "cli"})
	if err := server.NoteAct(noted, c, audit.DatabaseUnfrozen, map[string]string{"left": other}); err != nil {
		a.notice("Warning: this is not noted in the database: " + err.Error())
	}
	return a.answer(map[string]string{"unfrozen": from, "left": other}, func(w io.Writer) {
		row(w, "unfrozen", from)
		row(w, "left", other+", which is of no use: start no server on it")
	})
}
