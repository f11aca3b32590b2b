package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/config"
	"signet/server"
	"signet/storage"
	"signet/storage/sqlitefile"
)

// errPerson: an upgrade needs somebody.
var errPerson = errors.New("this upgrade needs somebody: see the lines above")

// What a step costs, roughly, on a machine with a disk that is not slow.
const (
	indexedASecond = 100_000 // rows
	writtenASecond = 50_000
	longStep       = 30 * time.Second // servers wait for it, so somebody should choose the hour
)

// pendingStep is a migration that the next start would apply.
type pendingStep struct {
	Version  int64            `json:"version"`
	Name     string           `json:"name"`
	Contract bool             `json:"contract"` // takes something away that an older release needs
	Does     map[string]int64 `json:"does"`     // to how many rows
	About    config.Duration  `json:"about"`    // how long it may take
	Stops    []string         `json:"stops"`    // tables with rows that are not written meanwhile
}

// migrateCheck is what an operator asks a new binary before it serves.
func (a *app) migrateCheck() *cobra.Command {
	c := a.verb("check", "Tell what the start of this binary would do to the database; exit code 3 if it needs somebody", 0,
		func(cmd *cobra.Command, _ []string) (err error) {
			c, err := a.checked() // settings that are gone are said here
			if err != nil {
				return err
			}
			db, err := server.OpenDatabase(cmd.Context(), c, nil, server.ForReading)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			if err := db.CheckSchema(cmd.Context()); errors.Is(err, storage.ErrSchemaNewer) {
				return err
			}
			steps, err := pending(cmd.Context(), db)
			if err != nil {
				return err
			}
			needs := needsSomebody(cmd.Context(), c, steps)
			running := []string{}
			if releases, err := db.Replicas(cmd.Context(), time.Now()); err == nil { // the database may be empty
				running = append(running, releases...)
			}
			if err := a.answer(map[string]any{"steps": steps, "needs": needs, "running": running}, func(w io.Writer) {
				writePending(w, steps, needs)
				writeRunning(w, running)
			}); err != nil {
				return err
			}
			if len(needs) > 0 {
				return errPerson
			}
			return nil
		})
	return c
}

func pending(ctx context.Context, db *storage.DB) ([]pendingStep, error) {
	steps, costs, err := db.MigrateUpCosts(ctx)
	out := make([]pendingStep, 0, len(steps))
	for _, m := range steps {
		p := pendingStep{Version: m.Version, Name: m.Name, Contract: strings.Contains(m.Name, "_contract_"), Does: costs[m.Version],
			Stops: []string{}}
		for what, rows := range p.Does {
			_, table, index := strings.Cut(what, " on ")
			if index && rows > 0 && !strings.Contains(table, " ") && !slices.Contains(p.Stops, table) {
				p.Stops = append(p.Stops, table)
			}
			switch {
			case strings.HasPrefix(what, "index"):
				p.About += config.Duration(time.Duration(rows) * time.Second / indexedASecond)
			case strings.HasPrefix(what, "rows"):
				p.About += config.Duration(time.Duration(rows) * time.Second / writtenASecond)
			}
		}
		slices.Sort(p.Stops)
		out = append(out, p)
	}
	return out, err
}

// needsSomebody lists what a start should not come upon unawares; nothing where nothing is pending.
func needsSomebody(ctx context.Context, c config.Config, steps []pendingStep) []string {
	needs := []string{}
	if len(steps) == 0 {
		return needs
	}
	var total time.Duration
	for _, s := range steps {
		total += time.Duration(s.About)
		if s.Contract {
			needs = append(needs, fmt.Sprintf("%s takes away what older releases need: stop all of their servers first", s.Name))
		}
	}
	if total > longStep {
		needs = append(needs, fmt.Sprintf("the migrations may take about %s: choose the hour", total.Round(time.Second)))
	}
	if c.Storage.Migrate == config.MigrateOff {
		needs = append(needs, "`signet serve` will not migrate (storage.migrate: off): run `signet migrate up`")
	}
	path := c.Storage.DSN.SQLitePath()
	if path == "" {
		return needs
	}
	if size, err := sqlitefile.Size(path); err == nil && c.Storage.Snapshots > 0 {
		if err := sqlitefile.Space(filepath.Dir(path), size); err != nil {
			needs = append(needs, "the copy from before the migration does not fit (storage.snapshots): "+err.Error())
		}
	}
	for _, f := range lookAtBackups(ctx, c) {
		if !f.OK {
			needs = append(needs, "backups: "+f.Text)
		}
	}
	return needs
}

// writeRunning tells the releases of the servers that run, and how many of each.
func writeRunning(w io.Writer, releases []string) {
	count := map[string]int{}
	for _, release := range releases {
		count[release]++
	}
	for _, release := range slices.Sorted(maps.Keys(count)) {
		row(w, "running", release, fmt.Sprintf("servers: %d", count[release]))
	}
}

func writePending(w io.Writer, steps []pendingStep, needs []string) {
	if len(steps) == 0 {
		fmt.Fprintln(w, "Nothing to do: the database is up to date.")
	}
	for _, s := range steps {
		row(w, "pending", s.Name, "about "+time.Duration(s.About).Round(time.Second).String())
		for _, what := range slices.Sorted(maps.Keys(s.Does)) {
			row(w, "", what, fmt.Sprintf("%d rows", s.Does[what]))
		}
		if len(s.Stops) > 0 {
			row(w, "", "writes wait meanwhile", strings.Join(s.Stops, ", "))
		}
	}
	for _, n := range needs {
		row(w, "to do", n)
	}
}
