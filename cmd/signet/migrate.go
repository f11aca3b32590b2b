package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
)

func (a *app) migrate() *cobra.Command {
	return noun("migrate", "Bring the database's schema up to date, or back",
		a.verb("up", "Apply all pending migrations; makes a new SQLite database and its master key", 0, a.migrateUp),
		a.migrateDown(),
		reads(a.verb("status", "List all migrations", 0, a.migrateStatus)), reads(a.migrateCheck()))
}

// step is a migration as it is shown.
type step struct {
	Version   int64     `json:"version"`
	Name      string    `json:"name"`
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

func (a *app) steps(ms []storage.Migration, none string) error {
	out := make([]step, 0, len(ms))
	for _, m := range ms {
		out = append(out, step(m))
	}
	return a.answer(out, func(w io.Writer) {
		if len(out) == 0 {
			fmt.Fprintln(w, none)
			return
		}
		row(w, "VERSION", "NAME", "APPLIED")
		for _, s := range out {
			at := when(s.AppliedAt)
			if s.AppliedAt.IsZero() {
				at = "pending"
			}
			row(w, fmt.Sprint(s.Version), s.Name, at)
		}
	})
}

// database opens the database alone: without migrating it and without a master key.
func (a *app) database(ctx context.Context, use server.Use) (*storage.DB, error) {
	c, err := a.configured()
	if err != nil {
		return nil, err
	}
	return server.OpenDatabase(ctx, c, nil, use)
}

func (a *app) migrateUp(cmd *cobra.Command, _ []string) error {
	c, err := a.configured()
	if err != nil {
		return err
	}
	done, err := server.Migrate(cmd.Context(), c, a.notice)
	if err != nil {
		return err
	}
	if len(done) == 0 {
		if err := a.tooNew(cmd.Context()); err != nil {
			return err
		}
	}
	return a.steps(done, "Nothing to do: the database is up to date.")
}

// tooNew is an error where the schema is of a release that this one cannot run beside: there is nothing to do, and nothing would start.
func (a *app) tooNew(ctx context.Context) error {
	db, err := a.database(ctx, server.ForReading)
	if err != nil {
		return err
	}
	if err := errors.Join(db.CheckSchema(ctx), db.Close()); errors.Is(err, storage.ErrSchemaNewer) {
		return err
	}
	return nil
}

// migrateDown says what would be lost and does it with --yes only.
func (a *app) migrateDown() *cobra.Command {
	var sure bool
	c := a.verb("down", "Take the newest migration back, and delete what it holds", 0, func(cmd *cobra.Command, _ []string) (err error) {
		c, err := a.configured()
		if err != nil {
			return err
		}
		db, err := server.OpenDatabase(cmd.Context(), c, nil, server.ForActing)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		m, losses, err := db.MigrateDownLoses(cmd.Context())
		if errors.Is(err, storage.ErrNotFound) {
			return errors.New("there is no migration to take back")
		}
		if err != nil {
			return err
		}
		if !sure {
			return fmt.Errorf("this takes back migration %d (%s) and deletes %s; nothing was done. Stop all servers, make a backup, and say --yes",
				m.Version, m.Name, lost(losses))
		}
		if m, err = server.StepBack(cmd.Context(), c, db, a.notice); err != nil {
			return err
		}
		a.notice("deleted: " + lost(losses))
		return a.steps([]storage.Migration{m}, "")
	})
	c.Flags().BoolVar(&sure, "yes", false, "delete what the migration holds")
	return c
}

// lost names what goes, for a sentence.
func lost(losses map[string]int64) string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(losses)) {
		all = append(all, fmt.Sprintf("%s (%d rows)", what, losses[what]))
	}
	return cmp.Or(strings.Join(all, ", "), "no rows")
}

func (a *app) migrateStatus(cmd *cobra.Command, _ []string) error {
	db, err := a.database(cmd.Context(), server.ForReading)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.MigrateStatus(cmd.Context())
	if err != nil {
		return err
	}
	return a.steps(all, "There are no migrations.")
}
