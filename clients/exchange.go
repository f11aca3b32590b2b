package clients

import (
	"fmt"
	"net/url"
	"slices"
)

// anyClient among Exchange.SubjectsFrom: tokens of every client, as far as they are for a resource that names the exchanger.
const anyClient = "*"

// Exchange is what a client may exchange (RFC 8693). An operator allows it; no application registers it itself.
type Exchange struct {
	// clients whose tokens it may present beside its own; * = any, as far as resources give them to it (exchanged_by)
	SubjectsFrom []string `json:"subjects_from,omitempty"`
	Targets      []string `json:"targets,omitempty"` // resources that the new tokens may be for, by their identifiers
	Scopes       []string `json:"scopes,omitempty"`  // that the new tokens may have
	Actors       []string `json:"actors,omitempty"`  // clients whose tokens it may present as actor_token
	Bearer       bool     `json:"bearer,omitempty"`  // new tokens for bound ones may be bound to no key
}

// TakesFrom reports whether tokens of the client may be presented, and whether they must be for a resource that names the exchanger: all
// but its own. Else whoever gets hold of a token for somebody else could have it exchanged.
func (e *Exchange) TakesFrom(exchanger, client string) (taken, named bool) {
	if client == exchanger {
		return true, false
	}
	return slices.Contains(e.SubjectsFrom, client) || slices.Contains(e.SubjectsFrom, anyClient), true
}

// Reaches reports whether new tokens may be for the resource, which is spelled as registered. A target may be spelled otherwise.
func (e *Exchange) Reaches(known *Resources, issuer, resource string) bool {
	return slices.ContainsFunc(e.Targets, func(id string) bool {
		spelled, ok := known.Named(issuer, id)
		return ok && spelled == resource
	})
}

// mostExchange is how many entries a list of the policy may have.
const mostExchange = 100

// validateExchange wants the grant and its policy together, at a client that can prove itself.
func (m Metadata) validateExchange() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("exchange: "+format, args...)) }
	granted := slices.Contains(m.GrantTypes, TokenExchange)
	switch {
	case m.Exchange == nil && granted:
		add("the grant type %s is for clients that have a policy here: set targets and scopes", TokenExchange)
	case m.Exchange != nil && !granted:
		add("needs the grant type %s", TokenExchange)
	}
	if granted && m.TokenEndpointAuthMethod == MethodNone {
		add("is for clients that can prove themselves; a public one cannot")
	}
	e := m.Exchange
	if e == nil {
		return errs
	}
	if len(e.Targets) == 0 {
		add("targets: name the resources that the new tokens may be for")
	}
	for _, id := range e.Targets {
		if u, err := url.Parse(id); err != nil || !u.IsAbs() || !redirectBytes(id) || len(id) > 512 {
			add("targets: %q is not the identifier of a resource", id)
		}
	}
	for _, id := range slices.Concat(e.SubjectsFrom, e.Actors) {
		if !validID(id) {
			add("subjects_from, actors: %q is not a client id", id)
		}
	}
	if slices.Contains(e.Actors, anyClient) {
		add("actors: name each client")
	}
	for _, s := range e.Scopes {
		if !validScope(s) || s == "offline_access" {
			add("scopes: %q is not a scope that a new token can have", s)
		}
	}
	if max(len(e.SubjectsFrom), len(e.Targets), len(e.Scopes), len(e.Actors)) > mostExchange {
		add("at most %d entries in a list", mostExchange)
	}
	return errs
}
