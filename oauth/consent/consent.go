// Package consent knows what a person is asked before a client gets in, and what was agreed to: a row of what was offered and
// what was granted.
//
// The person is asked again only for what was not yet offered (or under prompt=consent). It shows no pages and revokes nothing:
// withdrawing is package users. Begin with Ask.
package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/clients/tools"
	"signet/internal/spaced"
	"signet/oauth/claims"
	"signet/oauth/details"
	"signet/oauth/flow"
	"signet/storage"
)

// Prompt is what stands between a request and its grant.
type Prompt struct {
	Needed    bool         // something is asked for that was not yet offered, or that goes with allowing and was never granted
	Fixed     []string     // goes with allowing: who the person is, and what a resource requires
	Choices   []string     // ticked or not; also the scopes whose claims only the claims parameter asks for
	Ticked    []string     // of the choices, those that start ticked
	LeftOut   []string     // of the choices, those that were offered before and left out
	Before    []string     // of both, what was allowed before, where the question is what is new; none: the question is everything
	Details   details.List // goes with allowing; asked each time (RFC 9396)
	Resources []string     // identifiers of the APIs that the request names
	Epoch     int64        // of the consent row, 0 = none
	Agent     *Agent       // what is agreed with an agent beside it; nil = the client is none
	granted   []string
	claims    claims.Param
	client    *clients.Client
}

// Nothing reports whether nothing of what was asked for is the client's any more: its registration has changed since.
func (q Prompt) Nothing() bool { return len(q.Fixed)+len(q.Choices)+len(q.Details) == 0 }

// Question is what an answer brings back of what its page showed beside the details: who asks, and what goes with allowing, which is not in
// the form. An app that registered itself changes both by itself, also while somebody reads the page.
func (q Prompt) Question() string {
	name := sha256.Sum256([]byte(q.client.ClientName))
	return strings.Join(append([]string{hex.EncodeToString(name[:8])}, q.Fixed...), " ")
}

// Other reports whether the page of a form showed another question than this, or less; more is no harm. One that says nothing of it was
// shown by a release before.
func (q Prompt) Other(form url.Values) bool {
	if !form.Has("question") {
		return false
	}
	shown, now := spaced.Words(form.Get("question")), spaced.Words(q.Question())
	return len(without(now, shown)) > 0
}

// Asked is what is asked and of whom: a request, its client, and the resources as they are now.
type Asked struct {
	Client    *clients.Client
	Resources *clients.Resources
	Request   flow.Request
}

// Demanded is the class of sign-in that the client's registration demands, or a resource that the token is for; "" = none.
func (a Asked) Demanded() string {
	if a.Client != nil && a.Client.RequireSecondFactor || a.Request.SecondFactor {
		return flow.ACRMulti
	}
	return ""
}

// identity scopes tell who the person is; without them a client has no use for the person at all.
var identity = []string{"openid", "profile", "email", "address", "phone"}

// Ask compares a request with what is remembered (the zero Consent: nothing).
func Ask(a Asked, row storage.Consent) Prompt {
	c, req := a.Client, a.Request
	row = a.agreed(row)
	q := Prompt{client: c, Epoch: row.Epoch, Resources: req.Resources, Details: a.details()}
	scopes, param := registered(c, req), parameter(c, req)
	asked := union(scopes, param.Scopes())
	a.sort(&q, scopes, asked, row)
	not := func(list []string) func(string) bool { return func(s string) bool { return !slices.Contains(list, s) } }
	unoffered, ungranted := not(row.Offered), not(row.Granted)
	skip := c.SkipsConsent()
	refused := func(s string) bool { return ungranted(s) && !(skip && unoffered(s)) }
	q.granted = slices.DeleteFunc(slices.Clone(scopes), refused)
	q.claims = param.Within(slices.DeleteFunc(slices.Clone(asked), refused))
	q.Agent = a.agent(row, time.Now())
	added := len(q.Details) > 0 || slices.ContainsFunc(asked, unoffered) || slices.ContainsFunc(req.Resources, not(row.Resources))
	q.Needed = q.Agent.asks() || len(q.granted)+len(q.Details) == 0 || slices.ContainsFunc(q.Fixed, refused) || !skip && added
	if added || slices.ContainsFunc(q.Fixed, ungranted) {
		a.settle(&q, asked, row)
	}
	return q
}

// settle tells what was allowed before from what is new. A scope of a resource that was never named is new: it opens something else. Where
// nothing is new but where it is used, everything says what for.
func (a Asked) settle(q *Prompt, asked []string, row storage.Consent) {
	if q.Agent.asks() || len(row.Granted) == 0 {
		return
	}
	elsewhere := func(r clients.Resource) bool {
		return slices.ContainsFunc(a.Request.Resources, func(id string) bool {
			named, ok := a.Resources.Find(id)
			return ok && named.Identifier == r.Identifier && !slices.Contains(row.Resources, id)
		})
	}
	before := slices.DeleteFunc(slices.Clone(asked), func(s string) bool {
		return !slices.Contains(row.Granted, s) || slices.ContainsFunc(a.Resources.ScopeOwners(s, a.Request.Resources), elsewhere)
	})
	if len(before) == len(asked) && len(q.Details) == 0 {
		return
	}
	q.Before = before
	if q.Agent != nil {
		q.Agent.Kept, q.Agent.Call = true, a.Client.AgentLimit(row.AgentCalls)
	}
}

// agreed is what is remembered, as far as the client is still what the person agreed to: one that nobody registered may have become another
// (OAuth Client ID Metadata Document section 6).
func (a Asked) agreed(row storage.Consent) storage.Consent {
	if row.ClientHash != a.Client.DocumentHash {
		row.Offered, row.Granted, row.Resources = nil, nil, nil
	}
	return row
}

// sort tells what goes with allowing from what the person chooses. What an app asked starts ticked, except what a resource calls
// sensitive and what the person left out before; where nothing asked for was ever granted, leaving out has no meaning yet.
func (a Asked) sort(q *Prompt, scopes, asked []string, row storage.Consent) {
	known := slices.ContainsFunc(asked, func(s string) bool { return slices.Contains(row.Granted, s) })
	for i, s := range asked {
		required, sensitive := a.Resources.Asking(s, a.Request.Resources)
		one := len(asked) == 1 && len(scopes) == 1 && !sensitive // allowing it is the choice
		if i < len(scopes) && slices.Contains(identity, s) || required || one {
			q.Fixed = append(q.Fixed, s)
			continue
		}
		q.Choices = append(q.Choices, s)
		granted := slices.Contains(row.Granted, s) && !tools.Is(s) // those are chosen anew each time
		left := known && !granted && slices.Contains(row.Offered, s)
		if granted || !sensitive && !left {
			q.Ticked = append(q.Ticked, s)
		}
		if left {
			q.LeftOut = append(q.LeftOut, s)
		}
	}
}

// registered are the scopes of a request that the client may have still: its registration may have changed since.
func registered(c *clients.Client, req flow.Request) []string {
	return slices.DeleteFunc(slices.Clone(req.Scopes), func(s string) bool { return !c.HasScope(s) })
}

// Granted are the scopes asked for that the person agreed to.
func (q Prompt) Granted() []string { return q.granted }

// GrantedClaims are the claims asked for by the claims parameter that the person agreed to: those whose scope was granted.
func (q Prompt) GrantedClaims() claims.Param { return q.claims }

// details are those of a request that the client may ask for still.
func (a Asked) details() details.List {
	list, err := details.Parse(a.Request.Details)
	if err != nil { // it was written from what was judged
		return nil
	}
	return list.Kept(a.Client, a.Resources)
}

// parameter is the claims parameter of a request, as far as the client registered the scopes of its claims. Without openid
// there is nowhere to release them (OpenID Connect Core section 3.1.2.1).
func parameter(c *clients.Client, req flow.Request) claims.Param {
	param, err := claims.ParseParam(req.Claims)
	if err != nil || !slices.Contains(req.Scopes, "openid") { // one that is malformed was refused when the request came in
		return claims.Param{}
	}
	return param.Within(c.Scopes())
}

// Store is the part of *storage.DB that it uses.
type Store interface {
	ConsentOf(ctx context.Context, userID, clientID string) (storage.Consent, error)
	HoldConsent(ctx context.Context, userID, clientID string, now time.Time) (storage.Consent, error)
	PutConsent(ctx context.Context, c storage.Consent) (int64, error)
	Tx(ctx context.Context, fn func(ctx context.Context) error) error
}

// Log is the audit log.
type Log interface {
	Record(ctx context.Context, e audit.Event) error
}

// Notices are emails to people; *users.Service.
type Notices interface {
	AgentAllowed(ctx context.Context, userID, app string) error
}

// Consents remembers what people agreed to.
type Consents struct {
	Store   Store
	Audit   Log
	Notices Notices // nil: people are written nothing
}

// Read returns the row of a person and client, zero if there is none.
func (b *Consents) Read(ctx context.Context, userID, clientID string) (storage.Consent, error) {
	row, err := b.Store.ConsentOf(ctx, userID, clientID)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.Consent{}, nil
	}
	if err != nil {
		return storage.Consent{}, fmt.Errorf("read consent: %w", err)
	}
	return row, nil
}

// Decision is the person's answer.
type Decision struct {
	Asked
	UserID string
	Ticked []string // as the form sent it: only what was offered counts
	Before []string // what the form said was allowed before
	// Agent is what the form said of it; "" where the client is none, and where what was agreed before stays.
	Days, Calls string
}

// Allowed is what an answer came to.
type Allowed struct {
	Granted []string // scopes granted now
	All     []string // … and those that only the claims parameter asks for
	Epoch   int64    // of the consent row
}

// ErrNothing: Allow was chosen with nothing ticked that an app could use. It is neither a grant nor a refusal: ask again.
var ErrNothing = errors.New("nothing was ticked")

// Allow writes the answer and its event in one transaction. What was granted before and not asked now stays, also what was granted in
// another tab this very moment. ErrNothing, and nothing is remembered, where nothing was ticked and nothing goes with allowing. ErrUnseen,
// and nothing either, where what the page said was allowed before is not any more.
func (b *Consents) Allow(ctx context.Context, d Decision) (Allowed, error) {
	q := Ask(d.Asked, storage.Consent{})
	chosen, asked := slices.Clone(q.Fixed), slices.Concat(q.Fixed, q.Choices)
	before := without(d.Before, without(d.Before, asked))
	for _, s := range q.Choices {
		if slices.Contains(d.Ticked, s) || slices.Contains(before, s) {
			chosen = append(chosen, s)
		}
	}
	scopes := registered(d.Client, d.Request)
	done := Allowed{All: chosen}
	done.Granted = slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return !slices.Contains(chosen, s) })
	if len(q.Details) == 0 && !usable(done.Granted) && (usable(scopes) || len(done.Granted) == 0) {
		return Allowed{}, ErrNothing
	}
	err := b.Store.Tx(ctx, func(ctx context.Context) error {
		now := time.Now()
		row, err := b.Store.HoldConsent(ctx, d.UserID, d.Client.ClientID, now)
		if err != nil {
			return fmt.Errorf("hold consent: %w", err)
		}
		held := row
		row = d.agreed(row)
		if slices.ContainsFunc(before, func(s string) bool { return !slices.Contains(row.Granted, s) }) {
			return ErrUnseen
		}
		if row.AgentUntil, row.AgentCalls, err = d.limits(row, now); err != nil {
			return err
		}
		row.ClientHash, row.UpdatedAt, row.PausedAt = d.Client.DocumentHash, now, time.Time{}
		kept := without(row.Granted, asked)
		row.Offered, row.Granted, row.Resources = union(row.Offered, asked), union(kept, chosen), union(row.Resources, d.Request.Resources)
		if done.Epoch, err = b.Store.PutConsent(ctx, row); err != nil {
			return fmt.Errorf("remember consent: %w", err)
		}
		e := audit.Event{Name: audit.ConsentGiven, UserID: d.UserID, ClientID: d.Client.ClientID, Detail: told(q, chosen, held, row)}
		if err := b.Audit.Record(ctx, e); err != nil || !d.Client.Agent || d.Days == "" {
			return err
		}
		return b.agentAllowed(ctx, d, held, row)
	})
	if err != nil {
		return Allowed{}, err
	}
	return done, nil
}

// told is what the event says: what was allowed, what is not any more that was before, and what is again that was left out before.
func told(q Prompt, chosen []string, before, row storage.Consent) map[string][]string {
	detail := map[string][]string{"scopes": chosen}
	if len(q.Details) > 0 {
		detail["authorization_details_types"] = q.Details.Types()
	}
	if less := without(before.Granted, row.Granted); len(less) > 0 {
		detail["no_longer"] = less
	}
	left := without(before.Offered, before.Granted)
	if again := without(row.Granted, without(row.Granted, left)); len(again) > 0 {
		detail["again"] = again
	}
	return detail
}

// usable reports whether the scopes open anything: offline_access alone only says for how long (OpenID Connect Core section 11).
func usable(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return s != "offline_access" })
}

// Deny notes a refusal; nothing is remembered of it but the event.
func (b *Consents) Deny(ctx context.Context, userID, clientID string) error {
	return b.Audit.Record(ctx, audit.Event{Name: audit.ConsentDenied, UserID: userID, ClientID: clientID})
}

// without are those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
