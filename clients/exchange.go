package clients

import (
	"fmt"
	"net/url"
	"slices"

	"signet/clients/tools"
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
	IDJAG        []IDJAG  `json:"id_jag,omitempty"`  // other authorization servers that it may get assertions for
}

// IDJAG is another authorization server that a client may get identity assertion authorization grants for, by the ID tokens that it got
// here (draft-ietf-oauth-identity-assertion-authz-grant).
type IDJAG struct {
	Audience  string   `json:"audience"`             // the issuer of that server
	ClientID  string   `json:"client_id"`            // what the client is called there
	Scopes    []string `json:"scopes,omitempty"`     // scopes of that server; empty = the assertions name none
	Resources []string `json:"resources,omitempty"`  // APIs of that server; empty = the assertions name none
	Groups    []string `json:"groups,omitempty"`     // of which a person is in one; empty = everybody
	SubjectOf string   `json:"subject_of,omitempty"` // people are called as this client knows them; "" = as the exchanging one does
}

// For reports whether a person of the groups may use the server by the client.
func (j *IDJAG) For(groups []string) bool {
	return len(j.Groups) == 0 || slices.ContainsFunc(j.Groups, func(g string) bool { return slices.Contains(groups, g) })
}

// ForServer is the policy of the server; nil = there is none.
func (e *Exchange) ForServer(audience string) *IDJAG {
	if i := slices.IndexFunc(e.IDJAG, func(j IDJAG) bool { return j.Audience == audience }); i >= 0 {
		return &e.IDJAG[i]
	}
	return nil
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
	if len(e.Targets) == 0 && len(e.IDJAG) == 0 {
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
		if !validScope(s) || s == "offline_access" || tools.Is(s) {
			add("scopes: %q is not a scope that a new token can have", s)
		}
	}
	if max(len(e.SubjectsFrom), len(e.Targets), len(e.Scopes), len(e.Actors), len(e.IDJAG)) > mostExchange {
		add("at most %d entries in a list", mostExchange)
	}
	seen := map[string]bool{}
	for _, j := range e.IDJAG {
		for _, mistake := range j.mistakes() {
			add("id_jag of %q: %s", j.Audience, mistake)
		}
		if seen[j.Audience] {
			add("id_jag of %q: is there twice", j.Audience)
		}
		seen[j.Audience] = true
	}
	if len(e.IDJAG) > 0 && !slices.Contains(m.GrantTypes, AuthorizationCode) {
		add("id_jag: is for clients that people sign in to, with authorization_code")
	}
	return errs
}

// mistakes names what is wrong with the policy of one server.
func (j IDJAG) mistakes() (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if !httpsLink(j.Audience) {
		add("audience: must be the issuer of that server, an https address")
	}
	if j.ClientID == "" || len(j.ClientID) > 512 || !plainText(j.ClientID) {
		add("client_id: say what the client is called there")
	}
	for _, s := range j.Scopes {
		if !validScope(s) || s == "offline_access" {
			add("scopes: %q is not a scope that an assertion can have", s)
		}
	}
	for _, id := range j.Resources {
		if u, err := url.Parse(id); err != nil || !u.IsAbs() || !redirectBytes(id) || len(id) > 512 {
			add("resources: %q is not the identifier of a resource", id)
		}
	}
	for _, g := range j.Groups {
		if g == "" || len(g) > 100 || !plainText(g) {
			add("groups: %q is no name of a group", g)
		}
	}
	if j.SubjectOf != "" && !validID(j.SubjectOf) {
		add("subject_of: %q is not a client id", j.SubjectOf)
	}
	if max(len(j.Scopes), len(j.Resources), len(j.Groups)) > mostExchange {
		add("at most %d entries in a list", mostExchange)
	}
	return list
}
