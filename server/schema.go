package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"signet/config"
	"signet/storage"
)

// fitSchema brings the schema up to date for serving, or says that somebody should. A schema that is ahead will do.
func (h *Services) fitSchema(ctx context.Context, o Options) error {
	if o.Use == ForServing && h.Config.Storage.Migrate != config.MigrateOff {
		copied, err := snapshot(ctx, h.Config, h.DB, false)
		if err != nil {
			return err
		}
		if copied != "" {
			h.Log.InfoContext(ctx, "database copied before the migration", "file", copied)
		}
		done, err := h.DB.MigrateUp(ctx)
		if len(done) > 0 {
			h.Log.InfoContext(ctx, "database migrated", "steps", len(done), "to", done[len(done)-1].Version)
		}
		if err != nil {
			return err
		}
	}
	err := h.DB.CheckSchema(ctx)
	if !errors.Is(err, storage.ErrSchemaAhead) {
		return err
	}
	h.Metrics.SchemaAhead(true)
	h.noteSchema(ctx, slog.LevelWarn, err)
	if o.Use != ForServing {
		o.Notice("Warning: " + err.Error())
	}
	return nil
}

// watchSchema looks whether a newer binary has migrated, or somebody has taken something away, while this one runs. Whatever it finds, the
// server goes on: what was taken away fails by itself, and the replicas that do the work meanwhile must not stop all at once.
func (h *Services) watchSchema(ctx context.Context) error {
	err := h.DB.CheckSchema(ctx)
	if version, err := h.DB.SchemaVersion(ctx); err == nil {
		h.Metrics.SchemaVersion(version)
	}
	switch {
	case err == nil:
		h.Metrics.SchemaAhead(false)
		damage, err := h.DB.SchemaDamage(ctx)
		if err != nil || len(damage) == 0 {
			h.schemaNoted.Store(nil)
			return err
		}
		h.noteSchema(ctx, slog.LevelError, errors.New(strings.Join(damage, "; ")))
	case errors.Is(err, storage.ErrSchemaAhead):
		h.Metrics.SchemaAhead(true)
		h.noteSchema(ctx, slog.LevelWarn, err)
	case errors.Is(err, storage.ErrSchemaNewer):
		h.Metrics.SchemaAhead(true)
		h.noteSchema(ctx, slog.LevelError, err)
	default:
		return err
	}
	return nil
}

// noteSchema says what is to be said of the schema, once for each thing.
func (h *Services) noteSchema(ctx context.Context, level slog.Level, err error) {
	text := err.Error()
	if before := h.schemaNoted.Swap(&text); before == nil || *before != text {
		h.Log.Log(ctx, level, "database schema", "error", err)
	}
}
