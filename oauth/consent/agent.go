package consent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"signet/audit"
	"signet/storage"
)

const day = 24 * time.Hour

// Agent is what a person agrees on with a client that acts for them by itself: for how many days, and how many calls a day, of those that
// its registration leaves them.
type Agent struct {
	Days, Calls   []int64 // to choose from, few to many; 0 calls = any number
	Day, Call     int64   // those that are chosen at first
	Until         time.Time
	Paused, Asked bool // it is paused now; the person has to agree anew
	Kept          bool // what was agreed before stays: Until, and Call a day
}

// asks reports whether the person has to agree: they did not yet, it is over, or it is paused.
func (a *Agent) asks() bool { return a != nil && a.Asked }

// agent is what there is to agree on, of what was agreed before. A client that was an agent when the person agreed to it, and is none any
// more, is bound by that until they agree to what it is now.
func (a Asked) agent(row storage.Consent, now time.Time) *Agent {
	row.AgentUntil = a.Client.AgentEnds(row.AgentUntil, row.UpdatedAt)
	over := !row.AgentUntil.IsZero() && !now.Before(row.AgentUntil) || !row.PausedAt.IsZero()
	if !a.Client.Agent {
		if over {
			return &Agent{Asked: true}
		}
		return nil
	}
	q := &Agent{Days: a.Client.AgentDays(), Calls: a.Client.AgentCalls(), Until: row.AgentUntil, Paused: !row.PausedAt.IsZero(),
		Asked: over || row.AgentUntil.IsZero()}
	q.Day, q.Call = closest(q.Days, 7), closest(q.Calls, 1_000)
	if !row.AgentUntil.IsZero() && slices.Contains(q.Calls, row.AgentCalls) {
		q.Call = row.AgentCalls
	}
	return q
}

// closest is the most of the list that is not more than n, or the least there is.
func closest(list []int64, n int64) int64 {
	best := list[0]
	for _, one := range list {
		if one != 0 && one <= n {
			best = one
		}
	}
	return best
}

// ErrUnseen: the answer says nothing of how long an agent may act, or how often, or what is not to be chosen, or that something was allowed
// before which is not any more: the page showed another question. Ask again.
var ErrUnseen = errors.New("the page showed another question")

// limits are what the person chose, or what they agreed to before and the page said stays: no longer than it may be agreed to now.
func (d Decision) limits(row storage.Consent, now time.Time) (until time.Time, calls int64, err error) {
	if !d.Client.Agent {
		return time.Time{}, 0, nil
	}
	if d.Days == "" && d.Calls == "" {
		if len(row.Granted) == 0 || d.agent(row, now).asks() {
			return time.Time{}, 0, ErrUnseen
		}
		return d.Client.AgentEnds(row.AgentUntil, row.UpdatedAt), row.AgentCalls, nil
	}
	days, err1 := strconv.ParseInt(d.Days, 10, 64)
	calls, err2 := strconv.ParseInt(d.Calls, 10, 64)
	if err1 != nil || err2 != nil || !slices.Contains(d.Client.AgentDays(), days) || !slices.Contains(d.Client.AgentCalls(), calls) {
		return time.Time{}, 0, ErrUnseen
	}
	return now.Add(time.Duration(days) * day), calls, nil
}

// agentAllowed writes down that an agent may act for the person, and tells them by email where it could not before.
func (b *Consents) agentAllowed(ctx context.Context, d Decision, before, row storage.Consent) error {
	err := b.Audit.Record(ctx, audit.Event{Name: audit.AgentAllowed, UserID: d.UserID, ClientID: d.Client.ClientID,
		Detail: map[string]any{"until": row.AgentUntil.UTC().Format(time.RFC3339), "calls_a_day": row.AgentCalls}})
	if err != nil || b.Notices == nil || row.UpdatedAt.Before(before.AgentUntil) {
		return err
	}
	if err := b.Notices.AgentAllowed(ctx, d.UserID, d.Client.ClientName); err != nil {
		return fmt.Errorf("tell the person of an agent: %w", err)
	}
	return nil
}
