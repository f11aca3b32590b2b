package clients

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// defaultAgentDays is for how long people let an agent act at most, where its registration does not say.
const defaultAgentDays = 90

// AgentDays are for how many days a person can let the agent act, from few to many.
func (m Metadata) AgentDays() []int64 {
	return upTo([]int64{1, 7, 30, 90}, cmp.Or(m.AgentMaxDays, defaultAgentDays))
}

// AgentCalls are how many calls a day a person can allow the agent, from few to many; 0, the last, is any number.
func (m Metadata) AgentCalls() []int64 {
	list := []int64{10, 100, 1_000, 10_000}
	if m.AgentMaxCalls == 0 {
		return append(list, 0)
	}
	return upTo(list, m.AgentMaxCalls)
}

// AgentLimit is how many calls a day it has of those that a person allowed it, 0 = any number: no more than it may be allowed now.
func (m Metadata) AgentLimit(allowed int64) int64 {
	if m.AgentMaxCalls > 0 && (allowed == 0 || allowed > m.AgentMaxCalls) {
		return m.AgentMaxCalls
	}
	return allowed
}

// AgentEnds is until when it may act, of what a person agreed to at a time: no longer than it may be allowed now. Zero = they agreed to
// nothing. An app that is an agent no more keeps to what was agreed.
func (m Metadata) AgentEnds(until, agreed time.Time) time.Time {
	if until.IsZero() || !m.Agent {
		return until
	}
	if most := agreed.Add(time.Duration(cmp.Or(m.AgentMaxDays, defaultAgentDays)) * 24 * time.Hour); most.Before(until) {
		return most
	}
	return until
}

// upTo are those of the list that are not more than most, and most itself.
func upTo(list []int64, most int64) []int64 {
	list = slices.DeleteFunc(list, func(n int64) bool { return n >= most })
	return append(list, most)
}

// validateAgent wants an agent to be one whose people are asked, and whose tokens all come from what they said.
func (m Metadata) validateAgent() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !m.Agent {
		if m.AgentMaxDays != 0 || m.AgentMaxCalls != 0 {
			add("agent_max_days, agent_max_calls: are for agents (agent: true)")
		}
		return errs
	}
	if m.AgentMaxDays < 0 || m.AgentMaxDays > 3650 {
		add("agent_max_days: use 1 to 3650, or 0 for %d", defaultAgentDays)
	}
	if m.AgentMaxCalls < 0 || m.AgentMaxCalls > 1_000_000_000 {
		add("agent_max_calls: use at most 1000000000, or 0 for any number")
	}
	for _, g := range []string{Password, Implicit, JWTBearer} {
		if slices.Contains(m.GrantTypes, g) {
			add("agent: the grant type %s asks nobody how long, and how often, an agent may act", g)
		}
	}
	if slices.ContainsFunc(m.ResponseTypes, FromFront) {
		add("agent: its response type is code, so that each of its tokens says that it acts")
	}
	if m.AdminTools {
		add("agent: administers nothing (admin_tools)")
	}
	if m.Exchange != nil && len(m.Exchange.IDJAG) > 0 {
		add("agent: gets no id_jag, where nobody would know of its limits")
	}
	if m.Exchange != nil && slices.ContainsFunc(m.Exchange.SubjectsFrom, func(id string) bool { return id != m.ClientID }) {
		add("agent: exchanges its own tokens alone (subjects_from), as its person agreed to nothing else, and pauses nothing else")
	}
	return errs
}
