package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMetricsByClientAreFew: each client has series of its own, so there is an end to them.
func TestMetricsByClientAreFew(t *testing.T) {
	many := make([]string, MostByClient+1)
	for i := range many {
		many[i] = fmt.Sprintf("app%d", i)
	}
	for want, ids := range map[string][]string{"": many[:MostByClient], "it may name 50": many, "twice": {"shop", "zoo", "shop"},
		"without an id": {""}} {
		list := `["` + strings.Join(ids, `", "`) + `"]`
		_, err := load(map[string]string{DefaultFile: "metrics: {by_client: " + list + "}"}, Sources{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	c := Config{Metrics: Metrics{ByClient: []string{"declared", "kept"}}, Clients: []Client{{ClientID: "declared"}}}
	if got := c.CountedElsewhere(); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("got %v", got)
	}
}
