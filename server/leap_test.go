package server_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"signet/server/health"
	"signet/server/servertest"
)

// TestNoJobDeletesByAClockThatLeapt: a job refuses to run while the clock is not trusted, unless it is listed here because it deletes
// nothing and does nothing that people have a time to stop.
func TestNoJobDeletesByAClockThatLeapt(t *testing.T) {
	harmless := []string{"watch", "clock", "schema", "replicas", "webhooks", "traces", "master-keys", "logos", "logos-read", "geoip",
		"upstream-uses", "journal", "backup", "mail-survey", "seal-events", "audit-file", "audit-horizon"}
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		now := time.Now()
		if err := s.Services().DB.NoteClock(t.Context(), now.Add(-10*365*24*time.Hour), time.Time{}); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, job := range s.Jobs() {
			if slices.Contains(harmless, job.Name) {
				continue
			}
			if err := job.Run(t.Context()); !errors.Is(err, health.ErrLeap) {
				t.Errorf("the job %s ran: %v", job.Name, err)
			}
			refused++
		}
		if refused < 20 {
			t.Errorf("only %d jobs refused", refused)
		}
	})
}
