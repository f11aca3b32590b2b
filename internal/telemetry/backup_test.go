package telemetry

import (
	"testing"
	"time"
)

// TestBackupsThatAreScheduledAndNotMadeAreZero: an alert can tell them from backups that nobody asked for.
func TestBackupsThatAreScheduledAndNotMadeAreZero(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	values := func() map[string]float64 {
		t.Helper()
		families, err := m.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]float64{}
		for _, f := range families {
			switch name := f.GetName(); name {
			case "signet_backup_last_success_timestamp_seconds", "signet_backup_last_verify_timestamp_seconds":
				found[name[len("signet_backup_last_"):]] = f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return found
	}
	m.BackupsScheduled(false)
	if got := values(); len(got) != 0 {
		t.Errorf("none are scheduled: %v", got)
	}
	m.BackupsScheduled(true)
	if got := values(); len(got) != 2 || got["success_timestamp_seconds"] != 0 || got["verify_timestamp_seconds"] != 0 {
		t.Errorf("scheduled: %v", got)
	}
	m.BackupMade(time.Unix(1000, 0))
	m.BackupsScheduled(true) // the configuration is loaded again
	if got := values(); got["success_timestamp_seconds"] != 1000 {
		t.Errorf("what was known is gone: %v", got)
	}
	m.BackupsScheduled(false)
	if got := values(); len(got) != 0 {
		t.Errorf("none are scheduled any more: %v", got)
	}
}
