package keys

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"signet/storage"
)

func TestPlan(t *testing.T) { // rule K11, OpenID Connect Core section 10.1.1
	const day = 24 * time.Hour
	r := rules{algs: []string{ES256}, schedule: 90 * day, publish: time.Minute, lead: day, longest: time.Hour, hints: 30 * day}
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	row := func(kid, state string, made, signs, retires time.Duration) storage.Key {
		k := storage.Key{KID: kid, Alg: ES256, State: state, MadeAt: t0.Add(made), SignsFrom: t0.Add(signs)}
		if retires != 0 {
			k.RetiresAt = t0.Add(retires)
		}
		return k
	}
	tests := []struct {
		name string
		rows []storage.Key
		now  time.Duration
		want []string
	}{
		{"first start", nil, 0, []string{"make active +0s"}},
		{"young ring rests", []storage.Key{row("a", active, 0, 0, 0)}, 88 * day, nil},
		{"next is made a day ahead", []storage.Key{row("a", active, 0, 0, 0)}, 89 * day, []string{"make next +2160h0m0s"}},
		{"never before it was published", []storage.Key{row("a", active, 0, 0, 0)}, 100 * day, []string{"make next +2400h1m0s"}},
		{"next waits for its turn", []storage.Key{row("a", active, 0, 0, 0), row("b", next, 89*day, 90*day, 0)}, 90*day - time.Second, nil},
		{"next takes its turn", []storage.Key{row("a", active, 0, 0, 0), row("b", next, 89*day, 90*day, 0)}, 90 * day,
			[]string{"b active", "a retiring"}},
		{"too young to sign", []storage.Key{row("a", active, 0, 0, 0), row("b", next, 0, 0, 0)}, 59 * time.Second, nil},
		{"old enough", []storage.Key{row("a", active, 0, 0, 0), row("b", next, 0, 0, 0)}, time.Minute, []string{"b active", "a retiring"}},
		{"nobody signs", []storage.Key{row("b", next, 0, time.Hour, 0)}, time.Second, []string{"b active"}},
		{"two sign", []storage.Key{row("a", active, 0, 0, 0), row("b", active, 0, 1, 0), row("c", active, 0, 0, 0)}, 2,
			[]string{"a retiring", "c retiring"}},
		{"two sign since the same instant", []storage.Key{row("b", active, 0, 0, 0), row("a", active, 0, 0, 0)}, 2, []string{"b retiring"}},
		{"still needed", []storage.Key{row("a", active, 0, 0, 0), row("z", retiring, 0, 0, time.Hour)}, time.Hour - 1, nil},
		{"last token has died", []storage.Key{row("a", active, 0, 0, 0), row("z", retiring, 0, 0, time.Hour)}, time.Hour, []string{"z retired"}},
		{"still proves hints", []storage.Key{row("a", active, 0, 0, 0), row("z", retired, 0, 0, time.Hour)}, 30 * day, nil},
		{"forgotten", []storage.Key{row("a", active, 0, 0, 0), row("z", retired, 0, 0, time.Hour)}, 30*day + time.Hour, []string{"forget z"}},
		{"by a clock that is behind nothing is", []storage.Key{row("a", active, 3650*day, 3650*day, 0), row("b", next, 3650*day, 3651*day, 0),
			row("z", retiring, 0, 0, 3650*day)}, 10 * day, nil},
		{"epochs are not its matter", []storage.Key{row("a", active, 0, 0, 0), {KID: "refresh-1", Alg: Refresh, State: retiring}}, time.Hour,
			nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range plan(test.rows, r, t0.Add(test.now)) {
				switch c.do {
				case makeKey:
					got = append(got, fmt.Sprintf("make %s +%s", c.state, c.signsFrom.Sub(t0)))
				case moveTo:
					got = append(got, c.row.KID+" "+c.state)
					if c.state == retiring && !c.retiresAt.Equal(t0.Add(test.now+time.Hour)) {
						t.Errorf("retires at %v", c.retiresAt)
					}
				case forget:
					got = append(got, "forget "+c.row.KID)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
