package ledger_test

import (
	"testing"
	"time"

	"signet/oauth/ledger"
	"signet/storage"
)

func TestDecide(t *testing.T) { // decision 0001; RFC 9700 section 4.14.2
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const grace = time.Minute
	for name, test := range map[string]struct {
		generation, presented int64
		since, grace          time.Duration
		want                  ledger.Verdict
	}{
		"current":                      {3, 3, 0, grace, ledger.Rotate},
		"current-after-months":         {3, 3, 2000 * time.Hour, grace, ledger.Rotate},
		"first":                        {1, 1, time.Second, grace, ledger.Rotate},
		"row-behind":                   {3, 4, time.Second, grace, ledger.Resync},
		"row-far-behind":               {3, 40, time.Hour, grace, ledger.Resync},
		"row-without-any":              {0, 1, time.Hour, grace, ledger.Resync},
		"previous-at-once":             {3, 2, 0, grace, ledger.Replayed},
		"previous-within-grace":        {3, 2, grace - time.Microsecond, grace, ledger.Replayed},
		"previous-past-grace":          {3, 2, grace, grace, ledger.Reuse},
		"previous-long-past-grace":     {3, 2, time.Hour, grace, ledger.Reuse},
		"previous-by-a-clock-ahead":    {3, 2, -5 * time.Second, grace, ledger.Replayed},
		"previous-without-grace":       {3, 2, 0, 0, ledger.Reuse},
		"ahead-without-grace-by-clock": {3, 2, -5 * time.Second, 0, ledger.Reuse},
		"older":                        {3, 1, 0, grace, ledger.Reuse}, // the successor was used: no grace
		"none":                         {3, 0, 0, grace, ledger.Reuse},
		"negative":                     {3, -1, 0, grace, ledger.Reuse},
	} {
		t.Run(name, func(t *testing.T) {
			row := storage.Grant{Generation: test.generation, RotatedAt: at}
			if got := ledger.Decide(row, test.presented, at.Add(test.since), test.grace); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
