package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/oauth/claims"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// Authorization is an authorization request that nothing stands in the way of any more: who asked, who said yes, to what.
type Authorization struct {
	// Replaces is the grant of an earlier answer to the same request: if its code was not used, the new grant takes its place and id.
	Replaces  string
	Request   flow.Request
	Client    *clients.Client
	UserID    string
	SessionID string // "" = none, nothing but time and the person will end the grant
	// The epochs as they were read when the person's sign-in and consent were checked. What raises them later (a password
	// change, a withdrawn consent) also ends this authorization while it is in flight.
	UserEpoch, ConsentEpoch int64
	AuthTime                time.Time
	ACR                     string
	AMR                     []string
	Scopes                  []string     // granted; a part of those asked
	Claims                  claims.Param // granted of the claims parameter; a part of it (OpenID Connect Core section 5.5)
}

// Code is an authorization code and the id of its grant.
type Code struct{ Code, GrantID string }

// Authorize makes the grant and its code: one INSERT. state and iss are the caller's to add. Errors are *refusal.Refusal.
func (p *Provider) Authorize(ctx context.Context, a Authorization) (Code, error) {
	now, id := time.Now(), rand.Text()
	if a.Replaces != "" {
		gone, err := p.o.Store.DeleteUnspentGrant(ctx, a.Replaces, a.UserID, a.Client.ClientID)
		if err != nil {
			return Code{}, refusal.From(fmt.Errorf("replace code: %w", err))
		}
		if gone {
			id = a.Replaces
		}
	}
	c := &ledger.Case{Client: a.Client, Now: now, Lifetimes: p.lifetimes(a.Client)}
	if err := begin(c, id, a); err != nil {
		return Code{}, refusal.From(err)
	}
	target, err := url.Parse(a.Request.RedirectURI)
	if err != nil {
		return Code{}, refusal.From(fmt.Errorf("parse the matched redirect_uri: %w", err))
	}
	asked := &fosite.AuthorizeRequest{
		ResponseTypes: fosite.Arguments{"code"}, RedirectURI: target,
		ResponseMode: fosite.ResponseModeDefault, DefaultResponseMode: fosite.ResponseModeQuery,
		Request: fosite.Request{
			ID: c.Standing.ID, RequestedAt: now, Client: ledger.Client{Client: a.Client}, RequestedScope: a.Scopes,
			GrantedScope: a.Scopes, Form: formOf(a.Request),
		},
	}
	ctx = ledger.With(ctx, c)
	given, err := p.core.NewAuthorizeResponse(ctx, asked, ledger.NewSession(c))
	if err == nil {
		err = p.ledger.Settle(ctx, c, nil)
	}
	if err != nil {
		return Code{}, refusal.From(err)
	}
	return Code{given.GetCode(), c.Standing.ID}, nil
}

// begin gives the case the row that is to be inserted. Lifetimes are copied, so that a longer value set later does not
// stretch what was granted before.
func begin(c *ledger.Case, id string, a Authorization) error {
	offline := slices.Contains(a.Scopes, "offline_access") && c.Refreshes()
	row := storage.Grant{
		ID: id, ClientID: a.Client.ClientID, UserID: a.UserID, SessionID: a.SessionID, Offline: offline,
		UserEpoch: a.UserEpoch, ConsentEpoch: a.ConsentEpoch, Scopes: a.Scopes, Resources: a.Request.Resources,
		AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR, CreatedAt: c.Now, EndsAt: c.Now.Add(c.Lifetimes.Absolute),
	}
	facts := ledger.Facts{
		Nonce: a.Request.Nonce, CodeChallenge: a.Request.CodeChallenge,
		Access: int64(c.Lifetimes.Access / time.Second), Idle: int64(c.Lifetimes.Idle / time.Second),
	}
	facts.Grant(a.Claims)
	left := slices.DeleteFunc(slices.Clone(a.Request.Scopes), func(s string) bool { return slices.Contains(a.Scopes, s) })
	facts.LeftOut = strings.Join(left, " ")
	if a.Request.RedirectURISent {
		facts.RedirectURI = a.Request.RedirectURI
	} else {
		facts.RedirectUsed = a.Request.RedirectURI
	}
	if err := facts.Put(&row); err != nil {
		return err
	}
	c.Facts, c.Standing = facts, &storage.Standing{Grant: row}
	return nil
}

// formOf is what fosite's handlers look at: it was all checked before, they check it again. prompt, max_age and
// id_token_hint are not among it; flow.Next has dealt with them.
func formOf(r flow.Request) url.Values {
	form := url.Values{"redirect_uri": {r.RedirectURI}}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("nonce", r.Nonce)
	set("code_challenge", r.CodeChallenge)
	set("code_challenge_method", r.CodeChallengeMethod)
	return form
}
