package server

import (
	"context"
	"slices"
)

// passesTo names the apps that may act in the place of an agent: by a policy of exchange that takes its tokens, at one of the APIs that it
// may use.
func (h *Services) passesTo(ctx context.Context, clientID string, resources []string) (names []string) {
	known := h.Clients.Resources()
	for _, id := range resources {
		r, _ := known.Find(id)
		for _, other := range r.ExchangedBy {
			c, err := h.Clients.Client(ctx, other)
			if err != nil || !c.Enabled() || c.Exchange == nil || c.ClientID == clientID {
				continue // it may not, or nobody can tell now
			}
			if taken, _ := c.Exchange.TakesFrom(c.ClientID, clientID); taken && !slices.Contains(names, c.ClientName) {
				names = append(names, c.ClientName)
			}
		}
	}
	return names
}
