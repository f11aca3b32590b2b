package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// disk is one that can be filled.
type disk interface {
	fill() error
	empty() error
	close()
}

// disk makes the disk of a folder one that can be filled: a small file system of its own; where none may be mounted, the processes that
// write to it, whose numbers pids tells, are held from making a file larger.
func (c *campaign) disk(ctx context.Context, dir, size string, pids func() []int) (disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if !c.noMount {
		err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "size="+size+",mode=0755", "none", dir).Run()
		if err == nil {
			return filler{filepath.Join(dir, "filler"), dir}, nil
		}
	}
	if _, err := exec.LookPath("prlimit"); err != nil {
		return nil, fmt.Errorf("%w: a disk is filled by mounting a small file system, or by prlimit (of util-linux)", errSkipped)
	}
	return limiter{pids}, nil
}

// told notes which it was.
func told(r *report, d disk) {
	if _, limits := d.(limiter); limits {
		r.note = strings.TrimSuffix("no mount: files could not grow; "+r.note, "; ")
	}
}

// limiter holds processes from writing behind the first bytes of a file, so that none grows.
type limiter struct{ pids func() []int }

// held is how long a file may be then: the files of a database have more.
const held = "4096"

func (l limiter) set(bytes string) error {
	var list error
	for _, pid := range l.pids() {
		cmd := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+bytes+":")
		info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
		if err != nil {
			continue // it ended
		}
		owner := info.Sys().(*syscall.Stat_t)
		if int(owner.Uid) != os.Geteuid() { // root alone need not have the right
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		}
		if out, err := cmd.CombinedOutput(); err != nil && syscall.Kill(pid, 0) == nil {
			list = errors.Join(list, fmt.Errorf("prlimit of %d: %w %s", pid, err, out))
		}
	}
	return list
}

func (l limiter) fill() error  { return l.set(held) }
func (l limiter) empty() error { return l.set("unlimited") }
func (limiter) close()         {}

// filler is a file that takes all space there is.
type filler struct{ path, mounted string }

func (f filler) close() { _ = exec.Command("umount", "-l", f.mounted).Run() }

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
	var s *site
	f, err := c.disk(ctx, dir, "96m", func() []int { return s.pids() })
	if err != nil {
		return err
	}
	defer f.close()
	defer told(r, f)
	if s, err = newSite(dir, c.bin, "", patient, 1); err != nil {
		return err
	}
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
	var db *cluster
	f, err := c.disk(ctx, dir, "160m", func() []int { return db.pids() })
	if err != nil {
		return err
	}
	defer f.close()
	db, s, err := c.postgres(ctx, "full-postgres", patient, nil)
	defer db.stop()
	if err != nil {
		return err
	}
	died := 0
	err = c.under(ctx, s, r, func(ctx context.Context) error {
		if err := f.fill(); err != nil {
			return err
		}
		pause(ctx, 1500, 4000)
		if err := f.empty(); err != nil {
			return err
		}
		err := db.await(ctx)
		if !db.running() {
			died++
			return db.start(ctx)
		}
		return err
	})
	r.note = fmt.Sprintf("Postgres itself stopped %d times", died)
	told(r, f)
	return err
}
