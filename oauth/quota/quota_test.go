package quota_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"signet/oauth/quota"
)

// rows is who has how many.
type rows map[string][2]int64

func (r rows) Shares(context.Context, time.Time) (map[string][2]int64, error) {
	return maps.Clone(r), nil
}

func (r rows) Evict(_ context.Context, owner string, most int) (int64, error) {
	n := min(r[owner][0], int64(most))
	r[owner] = [2]int64{r[owner][0] - n, r[owner][1] - 10*n}
	return n, nil
}

func (r rows) total() (n int64) {
	for _, of := range r {
		n += of[0]
	}
	return n
}

// Somebody with a provider's addresses has as many networks as they like: of each one row. Rule V07 counts them as one.
func TestV07_ManyNetworksOfOneProviderPushOutNobody(t *testing.T) {
	for name, network := range map[string]func(i int) string{
		"a provider":        func(i int) string { return fmt.Sprintf("2001:db9:%x:%x00::/56", i%50, i/50%250) },
		"a site":            func(i int) string { return fmt.Sprintf("2001:db9:1:%x00::/56", i%250) },
		"the same provider": func(i int) string { return fmt.Sprintf("2001:db8:%x:%x00::/56", 2+i%50, i/50%250) },
		"IPv4":              func(i int) string { return fmt.Sprintf("198.51.%d.0/24", i%4) },
	} {
		t.Run(name, func(t *testing.T) {
			const most = 200
			have, evicted := rows{}, 0
			c := quota.New(quota.Options{
				Bounds: have, Rows: most, Bytes: 1 << 20, Evicted: func() { evicted++ },
				Weight: func(owner string) int {
					if strings.HasSuffix(owner, " ") {
						return 1
					}
					return 20
				},
				Network: func(owner string) string { return owner[strings.LastIndexByte(owner, ' ')+1:] },
			})
			now := time.Now()
			comes := func(owner string) {
				t.Helper()
				if now = now.Add(time.Millisecond); c.Admit(t.Context(), now) != nil {
					t.Fatal("not admitted")
				}
				have[owner] = [2]int64{have[owner][0] + 1, have[owner][1] + 10}
				c.Came(owner, 10)
			}
			honest := map[string]int{"machine ": 30, "spa 2001:db8:1:100::/56": 2, "spa 203.0.113.0/24": 2}
			for owner, n := range honest {
				for range n {
					comes(owner)
				}
			}
			for i := range 2000 {
				comes("spa " + network(i))
				if n := have.total(); n > most {
					t.Fatalf("%d rows", n)
				}
			}
			for owner, n := range honest {
				if have[owner][0] != int64(n) {
					t.Errorf("%q has %d, had %d", owner, have[owner][0], n)
				}
			}
			if evicted < 1500 {
				t.Errorf("%d gave way", evicted)
			}
		})
	}
}
