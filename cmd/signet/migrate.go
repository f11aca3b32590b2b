package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
)

func (a *app) migrate() *cobra.Command {
	return noun("migrate", "Bring the database's schema up to date, or back",
		a.verb("up", "Apply all pending migrations", 0, a.migrateUp),
		a.verb("down", "Take the newest migration back", 0, a.migrateDown),
		a.verb("status", "List all migrations", 0, a.migrateStatus))
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
func (a *app) database(ctx context.Context) (*storage.DB, error) {
	c, err := a.configured()
	if err != nil {
		return nil, err
	}
	return server.OpenDatabase(ctx, c, nil)
}

func (a *app) migrateUp(cmd *cobra.Command, _ []string) error {
	db, err := a.database(cmd.Context())
	if err != nil {
		return err
	}
	defer db.Close()
	done, err := db.MigrateUp(cmd.Context())
	if err != nil {
		return err
	}
	return a.steps(done, "Nothing to do: the database is up to date.")
}

func (a *app) migrateDown(cmd *cobra.Command, _ []string) error {
	db, err := a.database(cmd.Context())
	if err != nil {
		return err
	}
	defer db.Close()
	m, err := db.MigrateDown(cmd.Context())
	if errors.Is(err, storage.ErrNotFound) {
		return errors.New("there is no migration to take back")
	}
	if err != nil {
		return err
	}
	m.AppliedAt = time.Time{}
	return a.steps([]storage.Migration{m}, "")
}

func (a *app) migrateStatus(cmd *cobra.Command, _ []string) error {
	db, err := a.database(cmd.Context())
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
