package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// filler is a file that takes all space there is.
type filler struct{ path string }

// fill writes until the disk is full.
func (f filler) fill() error {
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, size := range []int64{1 << 20, 4 << 10, 1} {
		_, err = io.CopyBuffer(struct{ io.Writer }{out}, zeros{}, make([]byte, size))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk does not fill: %w", err)
	}
	return nil
}

func (f filler) empty() error { return os.Remove(f.path) }

// zeros never end.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (c *campaign) fullSQLite(ctx context.Context, r *report) error {
	dir := filepath.Join(c.dir, "full-sqlite")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unmount, err := mount(ctx, dir, "96m")
	if err != nil {
		return err
	}
	defer unmount()
	s, err := newSite(dir, c.bin, "", patient, 1)
	if err != nil {
		return err
	}
	f := filler{filepath.Join(dir, "filler")}
	return c.under(ctx, s, r, func(ctx context.Context) error {
		if err := f.fill(); err != nil {
			return err
		}
		pause(ctx, 300, 1500)
		if rand.IntN(3) == 0 {
			s.kill(0) // on a full disk, too
		}
		return f.empty()
	})
}

func (c *campaign) fullPostgres(ctx context.Context, r *report) error {
	dir := filepath.Join(c.dir, "full-postgres-database")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unmount, err := mount(ctx, dir, "160m")
	if err != nil {
		return err
	}
	defer unmount()
	db, s, err := c.postgres(ctx, "full-postgres", patient, nil)
	defer db.stop()
	if err != nil {
		return err
	}
	f := filler{filepath.Join(dir, "filler")}
	died := 0
	err = c.under(ctx, s, r, func(ctx context.Context) error {
		if err := f.fill(); err != nil {
			return err
		}
		pause(ctx, 1500, 4000)
		if err := f.empty(); err != nil {
			return err
		}
		if !db.running() {
			died++
			return db.start(ctx)
		}
		return db.await(ctx)
	})
	r.note = fmt.Sprintf("Postgres itself stopped %d times", died)
	return err
}
