package config

import "slices"

// MostByClient is how many clients metrics.by_client may name: each has series of its own, in Prometheus too.
const MostByClient = 50

// Metrics are what Prometheus scrapes.
type Metrics struct {
	// ByClient lists the ids of clients whose requests, tokens and errors are counted by client, beside the sum of all; 50 at most.
	ByClient []string `yaml:"by_client"`
}

// CountedElsewhere are the clients of metrics.by_client that the configuration does not declare: they should be in the database.
func (c Config) CountedElsewhere() (ids []string) {
	for _, id := range c.Metrics.ByClient {
		if !slices.ContainsFunc(c.Clients, func(d Client) bool { return d.ClientID == id }) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c Config) checkMetrics(bad *complaints) {
	const key = "metrics.by_client"
	ids := slices.Sorted(slices.Values(c.Metrics.ByClient))
	bad.check(len(ids) <= MostByClient, key, "names %d clients; it may name %d, for each has series of its own in Prometheus", len(ids),
		MostByClient)
	bad.check(!slices.Contains(ids, ""), key, "names a client without an id")
	bad.check(len(slices.Compact(slices.Clone(ids))) == len(ids), key, "names a client twice")
}
