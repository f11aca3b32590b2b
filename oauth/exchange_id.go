package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/internal/spaced"
	"signet/internal/telemetry"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/mtls"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/storage"
)

// The types of tokens of draft-ietf-oauth-identity-assertion-authz-grant section 4.3.
const (
	typeIDToken = "urn:ietf:params:oauth:token-type:id_token"
	// TypeIDJAG is an identity assertion authorization grant, as discovery tells of it.
	TypeIDJAG = "urn:ietf:params:oauth:token-type:id-jag"
)

// jagLife is how long an identity assertion authorization grant lives: the client exchanges it at once, or gets another one.
const jagLife = 5 * time.Minute

// exchangeIDToken takes an ID token that the client got here for what the client was granted with it: it stands for the grant's scopes, as
// far as the client may still have them. The grant has to live, and to be the client's own; an ID token of somebody else proves nothing
// about who presents it.
func (p *Provider) exchangeIDToken(ctx context.Context, req *ledger.Request, x *exchanged) error {
	refused := func(why string) error { return unacceptable("subject_token", errors.New(why)) }
	id, err := p.o.Issuer.VerifyID(req.Form.Get("subject_token"))
	switch {
	case err != nil:
		return unacceptable("subject_token", err)
	case req.Now.Unix() >= id.ExpiresAt: // the seconds that verifying spares another clock
		return unacceptable("subject_token", tokens.ErrExpired)
	case len(id.Audience) != 1 || id.Audience[0] != req.Client.ClientID:
		return refused("it is an ID token of another client")
	case id.GrantID == "":
		return refused("it names no grant: it is of a time before its client had a policy of exchange")
	}
	if _, err := p.enabled(ctx, req.Client.ClientID, id.IssuedAt); errors.Is(err, errInactive) {
		return unacceptable("subject_token", err)
	} else if err != nil {
		return err
	}
	s, err := p.reads.GrantStateByID(ctx, id.GrantID)
	if errors.Is(err, storage.ErrNotFound) {
		return refused("its grant is gone")
	} else if err != nil {
		return fmt.Errorf("look up the grant of an ID token: %w", err)
	}
	if err := errors.Join(grants.Alive(&s, req.Now), ledger.Readable(s.Grant)); err != nil {
		return unacceptable("subject_token", err)
	}
	if s.ClientID != req.Client.ClientID || p.o.Names.Subject(req.Client, s.UserID) != id.Subject {
		return refused("its grant is of another client, or its client calls people otherwise now")
	}
	telemetry.Add(ctx, slog.String("subject_client", s.ClientID), slog.String("user_id", s.UserID), slog.String("grant_id", s.ID))
	x.person = &s
	x.subject = tokens.Access{
		Subject: id.Subject, ClientID: s.ClientID, Scope: strings.Join(p.stillGranted(req.Client, s.Grant), " "), IssuedAt: id.IssuedAt,
		ExpiresAt: id.ExpiresAt, AuthTime: id.AuthTime, ACR: id.ACR, AMR: id.AMR, GrantID: s.ID,
	}
	if until := req.Client.AgentEnds(s.AgentUntil, s.AgreedAt); !until.IsZero() && !req.Now.Before(until) {
		return unacceptable("subject_token", errPastEnd)
	} else if !until.IsZero() {
		x.subject.CallLimit = tokens.CallsADay(req.Client.AgentLimit(s.AgentCalls))
		x.subject.ExpiresAt = min(id.ExpiresAt, until.Unix())
	} else if req.Client.Agent {
		return unacceptable("subject_token", errNotAgreed)
	}
	if p.o.Status != nil {
		x.subject.Status = p.o.Status.Claim(s.StatusIndex)
	}
	x.cnf = req.Confirmation()
	return nil
}

// stillGranted are the scopes that an access token of the grant could have now.
func (p *Provider) stillGranted(c *clients.Client, g storage.Grant) []string {
	scopes := slices.DeleteFunc(slices.Clone(g.Scopes), func(s string) bool { return !c.HasScope(s) })
	if len(g.Resources) == 0 {
		return scopes
	}
	known, issuer := p.o.Clients.Resources(), p.o.Issuer.URL()
	aud := []string{issuer}
	for _, id := range g.Resources {
		if spelled, ok := known.Named(issuer, id); ok {
			aud = append(aud, spelled)
		}
	}
	return known.Within(scopes, aud, issuer)
}

// exchangeForServer answers with an identity assertion authorization grant (ID-JAG): what the other authorization server, which trusts
// this one, takes from the client for an access token of its own (draft-ietf-oauth-identity-assertion-authz-grant section 4.3). It is made
// for a server and a name of the client there that an operator wrote down, for the person of an ID token that the client got here; nobody
// is asked, so there is an event. What is refused by the policy costs no read.
func (p *Provider) exchangeForServer(ctx context.Context, req *ledger.Request, x *exchanged) (*Answer, error) {
	audience := req.Form["audience"]
	if len(audience) != 1 {
		return nil, refusal.InvalidTarget("Name one authorization server by audience: its issuer.")
	}
	policy := req.Client.Exchange.ForServer(audience[0])
	if policy == nil {
		return nil, refusal.InvalidTarget("The audience is none that this client may get an ID-JAG for.")
	}
	scopes, err := part(req.Form.Get("scope"), policy.Scopes)
	if err != nil {
		return nil, refusal.InvalidScope("A scope is not one that this client's ID-JAGs for that server may have.")
	}
	resources := req.Form["resource"]
	if slices.ContainsFunc(resources, func(id string) bool { return !slices.Contains(policy.Resources, id) }) {
		return nil, refusal.InvalidTarget("A resource is not one that this client's ID-JAGs for that server may be for.")
	}
	if len(resources) == 0 {
		resources = policy.Resources
	}
	if err := p.exchangeIDToken(ctx, req, x); err != nil {
		return nil, err
	}
	subject, err := p.calledThere(ctx, x, policy)
	if err != nil {
		return nil, err
	}
	jag := tokens.IDJAG{
		Subject: subject, Audience: policy.Audience, ClientID: policy.ClientID, Scope: strings.Join(scopes, " "), Resource: resources,
		IssuedAt: req.Now.Unix(), ExpiresAt: min(req.Now.Add(jagLife).Unix(), x.subject.ExpiresAt), JTI: rand.Text(),
		AuthTime: x.subject.AuthTime, ACR: x.subject.ACR, AMR: x.subject.AMR,
	}
	if u := x.person.User; u.EmailVerified && slices.Contains(spaced.Words(x.subject.Scope), "email") {
		jag.Email = u.Email
	}
	if req.Proof != nil {
		jag.Cnf = mtls.Confirmation(req.Proof.JKT, "")
	}
	signed, err := p.o.Issuer.SignIDJAG(req.Client.IDTokenSignedResponseAlg, jag)
	if err != nil {
		return nil, err
	}
	req.Tell(audit.Event{
		Name: audit.GrantDelegated, ActorID: req.Client.ClientID, UserID: x.person.UserID, ClientID: req.Client.ClientID,
		SessionID: x.person.SessionID, GrantID: x.person.ID, Detail: map[string]string{"audience": policy.Audience, "scope": jag.Scope},
	})
	return &Answer{
		AccessToken: signed, IssuedTokenType: TypeIDJAG, TokenType: "N_A", ExpiresIn: jag.ExpiresAt - jag.IssuedAt, Scope: jag.Scope,
	}, nil
}

// part are the words that were asked for, all where there are none; an error if one is not allowed.
func part(asked string, allowed []string) ([]string, error) {
	words := spaced.Words(asked)
	if len(words) == 0 {
		return allowed, nil
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(allowed, w) }) {
		return nil, errors.New("not allowed")
	}
	return words, nil
}

// calledThere is what the other server calls the person: it is a client here, or knows the names that the exchanging client has. A person
// who is in none of the policy's groups is refused.
func (p *Provider) calledThere(ctx context.Context, x *exchanged, policy *clients.IDJAG) (string, error) {
	if len(policy.Groups) > 0 {
		groups, err := p.o.Belongs.GroupsOfUser(ctx, x.person.UserID)
		if err != nil {
			return "", fmt.Errorf("read the groups of an ID-JAG's person: %w", err)
		}
		if !policy.For(groups) {
			return "", refusal.InvalidTarget("The person is in no group that may use that server by this client.")
		}
	}
	if policy.SubjectOf == "" {
		return x.subject.Subject, nil
	}
	server, err := p.enabled(ctx, policy.SubjectOf, x.subject.IssuedAt)
	if errors.Is(err, errInactive) {
		return "", refusal.InvalidTarget("The server's own client here is gone or disabled.").Because(err)
	} else if err != nil {
		return "", err
	}
	return p.o.Names.Subject(server, x.person.UserID), nil
}
