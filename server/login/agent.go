package login

import (
	"cmp"
	"slices"

	"signet/clients"
	"signet/oauth/consent"
	"signet/server/pages"
	"signet/server/pages/acting"
)

// Agent is what a person is asked about an agent; nil = the app is none.
func Agent(q *consent.Agent, of pages.Person) *acting.Choice {
	if q == nil || len(q.Days) == 0 || q.Kept {
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

// Before is what the person allowed the app before, and what they agreed on with an agent, where the question is what is new.
func Before(q consent.Prompt, of pages.Person, say func(scope string, resources []string) pages.ScopeLine) (
	before []pages.ScopeLine, kept *acting.Line) {
	for _, scope := range q.Before {
		if scope != "openid" || len(q.Before) == 1 {
			before = append(before, say(scope, q.Resources))
		}
	}
	if q.Agent != nil && q.Agent.Kept {
		kept = &acting.Line{Until: of.At(q.Agent.Until), Calls: int(q.Agent.Call)}
	}
	return before, kept
}

// Scopes are those that a person is asked about, with the boxes as given: what goes with allowing, and what is chosen.
func Scopes(q consent.Prompt, ticked []string, say func(scope string, resources []string) pages.ScopeLine) (
	fixed, choices []pages.ScopeLine) {
	for _, scope := range q.Fixed {
		if !slices.Contains(q.Before, scope) && (scope != "openid" || len(q.Fixed) == 1) {
			fixed = append(fixed, say(scope, q.Resources))
		}
	}
	for _, scope := range q.Choices {
		if slices.Contains(q.Before, scope) {
			continue
		}
		line := say(scope, q.Resources)
		line.Checked, line.LeftOut = slices.Contains(ticked, scope), slices.Contains(q.LeftOut, scope)
		choices = append(choices, line)
	}
	return fixed, choices
}

// UsedAt are the names of the APIs that an app is to be used at: those that it asks for, and of an agent also those that it can get
// tokens for by exchange (RFC 8693), as people agree to where it acts.
func UsedAt(c *clients.Client, q consent.Prompt, known *clients.Resources) (names []string) {
	ids := q.Resources
	if c.Agent && c.Exchange != nil {
		ids = slices.Concat(ids, c.Exchange.Targets)
	}
	for _, id := range ids {
		api, ok := known.Find(id) // the issuer's own is who the person is, which the scopes say
		if name := cmp.Or(api.Name, api.Identifier); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
