package server_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"signet/config"
	"signet/server/servertest"
)

// TestAdminAPIRates: who sends too much is told when to go on, changes nothing meanwhile, and holds up nobody else.
func TestAdminAPIRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newAdminAPI(t, servertest.Change(func(c *config.Config) { c.Admin.RequestsPerSecond, c.Admin.WritesPerSecond = 0, 1 }))
		refused := 0
		for i := range 100 {
			status, answer := d.call("PUT /groups/g"+strconv.Itoa(i), map[string]any{"description": "x"})
			if status != http.StatusTooManyRequests {
				continue
			}
			refused++
			if seconds, err := strconv.Atoi(d.head.Get("Retry-After")); err != nil || seconds < 1 || seconds > 10 {
				t.Fatalf("Retry-After %q", d.head.Get("Retry-After"))
			}
			if answer["type"] != d.URL+"/problems/throttled" || answer["status"] != 429.0 {
				t.Fatalf("answered %v", answer)
			}
			if got, _ := d.call("GET /groups/g"+strconv.Itoa(i)+"/members", nil); got != http.StatusNotFound {
				t.Fatalf("refused, and yet there: %d", got)
			}
			break
		}
		if refused == 0 {
			t.Fatal("nobody was refused")
		}
		mine := d.token
		var err error
		if d.token, _, err = d.Services().HostToken(t.Context(), "root@host", nil, time.Hour); err != nil {
			t.Fatal(err)
		}
		d.want(http.StatusNoContent, "PUT /groups/other", map[string]any{"description": "x"})
		d.token = mine
		if status, _ := d.call("PUT /groups/other", map[string]any{"description": "y"}); status != http.StatusTooManyRequests {
			t.Errorf("the first goes on: %d", status)
		}
	})
}
