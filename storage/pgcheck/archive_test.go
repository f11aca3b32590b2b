package pgcheck

import (
	"strings"
	"testing"
	"time"
)

// TestArchivingThatFailsIsAProblem, and what is off, or old, is worth a look.
func TestArchivingThatFailsIsAProblem(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		mode         string
		last, failed time.Time
		ok           bool
		says         string
	}{
		"off":                    {"off", time.Time{}, time.Time{}, true, "archive_mode is off"},
		"fails":                  {"on", ago(time.Hour), ago(time.Minute), false, "fails (0001, at 2026-01-09T23:59:00Z)"},
		"never did but fail":     {"always", time.Time{}, ago(time.Minute), false, "fails"},
		"failed once":            {"on", ago(5 * time.Minute), ago(time.Minute), true, "archived 5m0s ago"},
		"failed, and goes again": {"on", ago(time.Minute), ago(time.Hour), true, "archived 1m0s ago"},
		"nothing yet":            {"on", time.Time{}, time.Time{}, true, "nothing of its log"},
		"long ago":               {"on", ago(25 * time.Hour), time.Time{}, true, "worth a look: a part of its log was last archived 25h"},
	} {
		r := judgeArchive(c.mode, "0001", c.last, c.failed, now)
		if r.OK != c.ok || !strings.Contains(r.Text, c.says) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
