// Package consent knows what a person is asked before a client gets in, and what was agreed to: a row of what was offered and
// what was granted.
//
// The person is asked again only for what was not yet offered (or under prompt=consent). It shows no pages and revokes nothing:
// withdrawing is the people's wing. Begin with Ask.
package consent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/flow"
	"signet/storage"
)

// Question is what stands between a request and its grant.
type Question struct {
	Needed    bool     // something is asked for that was not yet offered, or nothing asked for was ever granted
	Fixed     []string // who the person is: goes with allowing
	Choices   []string // ticked or not; also the scopes whose claims only the claims parameter asks for
	Before    []string // granted before: ticked as they were left
	Resources []string // identifiers of the APIs that the request names
	Epoch     int64    // of the consent row, 0 = none
	granted   []string
	claims    claims.Param
}

// identity scopes tell who the person is; without them a client has no use for the person at all.
var identity = []string{"openid", "profile", "email", "address", "phone"}

// Ask compares a request with what is remembered (the zero Consent: nothing).
func Ask(c *clients.Client, req flow.Request, row storage.Consent) Question {
	q := Question{Epoch: row.Epoch, Before: row.Granted, Resources: req.Resources}
	scopes, param := registered(c, req), parameter(c, req)
	asked := union(scopes, param.Scopes())
	for i, s := range asked {
		if i < len(scopes) && slices.Contains(identity, s) {
			q.Fixed = append(q.Fixed, s)
		} else {
			q.Choices = append(q.Choices, s)
		}
	}
	if len(q.Choices) == 1 && len(scopes) == 1 && scopes[0] == q.Choices[0] { // one thing: allowing it is the choice
		q.Fixed, q.Choices = append(q.Fixed, q.Choices...), nil
	}
	not := func(list []string) func(string) bool { return func(s string) bool { return !slices.Contains(list, s) } }
	unoffered, ungranted := not(row.Offered), not(row.Granted)
	skip := c.SkipsConsent()
	refused := func(s string) bool { return ungranted(s) && !(skip && unoffered(s)) }
	q.granted = slices.DeleteFunc(scopes, refused)
	q.claims = param.Within(slices.DeleteFunc(slices.Clone(asked), refused))
	q.Needed = len(q.granted) == 0 || !skip && (slices.ContainsFunc(asked, unoffered) || slices.ContainsFunc(req.Resources, not(row.Resources)))
	return q
}

// registered are the scopes of a request that the client may have still: its registration may have changed since.
func registered(c *clients.Client, req flow.Request) []string {
	return slices.DeleteFunc(slices.Clone(req.Scopes), func(s string) bool { return !c.HasScope(s) })
}

// Granted are the scopes asked for that the person agreed to.
func (q Question) Granted() []string { return q.granted }

// GrantedClaims are the claims asked for by the claims parameter that the person agreed to: those whose scope was granted.
func (q Question) GrantedClaims() claims.Param { return q.claims }

// parameter is the claims parameter of a request, as far as the client registered the scopes of its claims. Without openid
// there is nowhere to release them (OpenID Connect Core section 3.1.2.1).
func parameter(c *clients.Client, req flow.Request) claims.Param {
	param, err := claims.ParseParam(req.Claims)
	if err != nil || !slices.Contains(req.Scopes, "openid") { // one that is malformed was refused when the request came in
		return claims.Param{}
	}
	return param.Within(c.Scopes())
}

// Store is what the book asks of the ground.
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

// Book remembers consents.
type Book struct {
	Store Store
	Audit Log
}

// Read returns the row of a person and client, zero if there is none.
func (b *Book) Read(ctx context.Context, userID, clientID string) (storage.Consent, error) {
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
	Client *clients.Client
	UserID string
	Asked  flow.Request
	Ticked []string // as the form sent it: only what was offered counts
}

// Allowed is what an answer came to; nothing, if it was a refusal.
type Allowed struct {
	Granted []string // scopes granted now
	All     []string // … and those that only the claims parameter asks for
	Epoch   int64    // of the consent row
}

// Allow writes the answer and its event in one transaction. What was granted before and not asked now stays, also what was granted in
// another tab this very moment. Allowing nothing that the grant could hold is a refusal: none are returned and nothing is remembered,
// so that the question comes again.
func (b *Book) Allow(ctx context.Context, d Decision) (Allowed, error) {
	q := Ask(d.Client, d.Asked, storage.Consent{})
	chosen := slices.Clone(q.Fixed)
	for _, s := range q.Choices {
		if slices.Contains(d.Ticked, s) {
			chosen = append(chosen, s)
		}
	}
	done := Allowed{All: chosen}
	done.Granted = slices.DeleteFunc(registered(d.Client, d.Asked), func(s string) bool { return !slices.Contains(chosen, s) })
	if len(done.Granted) == 0 {
		return Allowed{}, b.Deny(ctx, d.UserID, d.Client.ClientID)
	}
	err := b.Store.Tx(ctx, func(ctx context.Context) error {
		now := time.Now()
		row, err := b.Store.HoldConsent(ctx, d.UserID, d.Client.ClientID, now)
		if err != nil {
			return fmt.Errorf("hold consent: %w", err)
		}
		asked := slices.Concat(q.Fixed, q.Choices)
		kept := slices.DeleteFunc(row.Granted, func(s string) bool { return slices.Contains(asked, s) })
		row.UpdatedAt = now
		row.Offered, row.Granted, row.Resources = union(row.Offered, asked), union(kept, chosen), union(row.Resources, d.Asked.Resources)
		if done.Epoch, err = b.Store.PutConsent(ctx, row); err != nil {
			return fmt.Errorf("remember consent: %w", err)
		}
		return b.Audit.Record(ctx, audit.Event{Name: audit.ConsentGiven, UserID: d.UserID, ClientID: d.Client.ClientID, Detail: map[string][]string{"scopes": chosen}})
	})
	if err != nil {
		return Allowed{}, err
	}
	return done, nil
}

// Deny notes a refusal; nothing is remembered of it but the event.
func (b *Book) Deny(ctx context.Context, userID, clientID string) error {
	return b.Audit.Record(ctx, audit.Event{Name: audit.ConsentDenied, UserID: userID, ClientID: clientID})
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
