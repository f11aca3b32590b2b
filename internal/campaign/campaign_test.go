package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestShortForm is the campaign in less than half a minute, without what needs a build or a disk of its own.
func TestShortForm(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts and kills processes")
	}
	dir, err := os.MkdirTemp("", "signet-campaign-") // Postgres's account must get there, as it need not into a test's own folder
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &campaign{dir: dir, rounds: 2, races: 300, say: t.Logf}
	c.bin = filepath.Join(c.dir, "signet")
	if err := build(t.Context(), c.bin); err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios() {
		if s.long {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			short := *c
			short.say = t.Logf
			r, err := short.try(t.Context(), s)
			switch {
			case err != nil:
				t.Error(err)
			case errors.Is(r.skipped, errSkipped), r.skipped != nil && os.Getenv("CI") == "":
				t.Skip(r.skipped)
			case len(r.facts) == 0:
				t.Errorf("nothing was checked: %v", r.skipped)
			}
		})
	}
}
