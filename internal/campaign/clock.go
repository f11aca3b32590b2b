package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// shifted is what a replica with a wrong clock is built with: the standard library's own time.Now, and so much more.
const shifted = `
var campaignShift = func() int64 {
	text, _ := syscall.Getenv("CAMPAIGN_CLOCK")
	d, _ := ParseDuration(text)
	return int64(d / Second)
}()
`

// buildShifted compiles a server whose clock is off by the duration in CAMPAIGN_CLOCK.
func buildShifted(ctx context.Context, dir, to string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	const read, first = "sec, nsec, mono := runtimeNow()", "import (\n"
	changed := strings.Replace(string(text), read, read+"\n\tsec += campaignShift", 1)
	changed = strings.Replace(changed, first, first+"\t\"syscall\"\n", 1) + shifted
	if !strings.Contains(changed, "sec += campaignShift") || !strings.Contains(changed, "\t\"syscall\"") {
		return fmt.Errorf("%w: this Go reads its clock in another way", errSkipped)
	}
	file, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		return err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{original: file}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		return err
	}
	return build(ctx, to, "-overlay", overlay)
}

// errServes: a replica serves that must not.
var errServes = errors.New("the replica with the wrong clock says that it is ready")

// neverReady starts a replica and watches for some seconds that it answers, and is not ready.
func (s *site) neverReady(ctx context.Context, i int) error {
	took := make(chan error, 1)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	go func() { _, err := s.start(ctx, i); took <- err }()
	if err := <-took; err == nil {
		return errServes
	}
	select {
	case <-s.procs[i].done:
		return errors.New("the replica with the wrong clock ended")
	default:
		return nil
	}
}

// skewed runs two replicas, the clock of the second off by the shift: it must not be ready, as it would end what the other issued, and must
// not delete what keeps others from spending twice.
func skewed(shift string) func(*campaign, context.Context, *report) error {
	return func(c *campaign, ctx context.Context, r *report) error {
		bin := filepath.Join(c.dir, "signet-shifted")
		if !isFile(bin) {
			if err := buildShifted(ctx, c.dir, bin); err != nil {
				return err
			}
		}
		db, s, err := c.postgres(ctx, "clock"+shift, "", nil)
		defer db.stop()
		if err != nil {
			return err
		}
		s.bins[1], s.env[1] = bin, []string{"CAMPAIGN_CLOCK=" + shift}
		s.out[1].Store(true)
		if _, err := s.startAll(ctx); err != nil {
			return err
		}
		if err := s.neverReady(ctx, 1); err != nil {
			return err
		}
		r.note = "the replica is not ready, and gets no load"
		return c.under(ctx, s, r, func(ctx context.Context) error {
			pause(ctx, 2000, 2500)
			return nil
		})
	}
}
