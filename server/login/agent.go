package login

import (
	"signet/oauth/consent"
	"signet/server/pages"
	"signet/server/pages/acting"
)

// Agent is what a person is asked about an agent; nil = the app is none.
func Agent(q *consent.Agent, of pages.Person) *acting.Choice {
	if q == nil || len(q.Days) == 0 {
		return nil
	}
	c := &acting.Choice{Day: int(q.Day), Call: int(q.Call), Paused: q.Paused, Until: of.At(q.Until)}
	for _, n := range q.Days {
		c.Days = append(c.Days, int(n))
	}
	for _, n := range q.Calls {
		c.Calls = append(c.Calls, int(n))
	}
	return c
}
