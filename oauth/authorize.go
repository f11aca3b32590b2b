package oauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/claims"
	"signet/oauth/details"
	"signet/oauth/flow"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// Authorization is an authorization request that has passed every step: who asked, who said yes, to what.
type Authorization struct {
	// Replaces is the grant of an earlier answer to the same request: if its code was not used, the new grant takes its place and id.
	Replaces  string
	Request   flow.Request
	Client    *clients.Client
	UserID    string
	User      storage.User // of UserID, for the claims of an ID token from the authorization endpoint
	SessionID string       // "" = none, nothing but time and the person will end the grant
	// The epochs as they were read when the person's sign-in and consent were checked. What raises them later (a password
	// change, a withdrawn consent) also ends this authorization while it is in flight.
	UserEpoch, ConsentEpoch int64
	AuthTime                time.Time
	ACR                     string
	AMR                     []string
	Scopes                  []string     // granted; a part of those asked
	Details                 details.List // granted (RFC 9396)
	Claims                  claims.Param // granted of the claims parameter; a part of it (OpenID Connect Core section 5.5)
}

// Approval is an authorization that a person gave to what waits for it elsewhere.
type Approval struct {
	Authorization
	Kind     string    // how it was asked for, a Kind of package ledger
	CodeHash string    // of what its client fetches it with, see ledger.HashCode
	Until    time.Time // when it has to be fetched
}

// Approve writes the row of an approval: one INSERT, in the transaction of ctx. Its client fetches the tokens. Errors are
// *refusal.Refusal.
func (p *Provider) Approve(ctx context.Context, a Approval) error {
	req := &ledger.Request{Client: a.Client, Now: time.Now(), Lifetimes: p.lifetimes(a.Client), ResponseType: "code"}
	if err := p.begin(ctx, req, rand.Text(), a.Authorization); err != nil {
		return refusal.From(err)
	}
	req.Facts.Kind = a.Kind
	row := &req.State.Grant
	if err := req.Facts.Put(row); err != nil {
		return refusal.From(err)
	}
	row.CodeHash, row.CodeExpiresAt, row.ExpiresAt = a.CodeHash, a.Until, a.Until
	if err := p.writes.InsertGrant(ctx, *row); err != nil {
		return refusal.From(fmt.Errorf("write what was approved: %w", err))
	}
	return nil
}

// Prepared is the answer to an authorization request, signed where it has tokens. None of it is good before Grant wrote its row, so that
// nothing is signed while a transaction is open.
type Prepared struct {
	GrantID string      // "" = no grant is made (response type none)
	Answer  [][2]string // the parameters that the client gets, without state and iss

	a Authorization
	c *ledger.Request
}

// maxFront is how much an answer in a fragment may have, in bytes: browsers and what stands between take no longer addresses.
const maxFront = 4 << 10

// frontLife is how long an access token from the authorization endpoint lives at most: it was in an address.
const frontLife = 10 * time.Minute

// Prepare makes the grant's row, its code, and the tokens that the response type answers with (OpenID Connect Core sections 3.1.2.5,
// 3.2.2.5 and 3.3.2.5); nothing is written. Errors are *refusal.Refusal.
func (p *Provider) Prepare(ctx context.Context, a Authorization) (*Prepared, error) {
	if a.Request.ResponseType == "none" { // whoever asks so only wants to know that it would be answered
		return &Prepared{a: a}, nil
	}
	if clients.Answers(a.Request.ResponseType, "id_token") && !slices.Contains(a.Scopes, "openid") {
		return nil, refusal.AccessDenied("The person did not allow the scope openid.")
	}
	req := &ledger.Request{Client: a.Client, Now: time.Now(), Lifetimes: p.lifetimes(a.Client), ResponseType: a.Request.ResponseType}
	if err := p.begin(ctx, req, rand.Text(), a); err != nil {
		return nil, refusal.From(err)
	}
	ctx = ledger.With(ctx, req)
	front := clients.FromFront(req.ResponseType)
	if front {
		req.Lifetimes.Access = min(req.Lifetimes.Access, frontLife)
		if err := p.narrow(ctx, req); err != nil {
			return nil, refusal.From(err)
		}
	}
	target, err := url.Parse(a.Request.RedirectURI)
	if err != nil {
		return nil, refusal.From(fmt.Errorf("parse the matched redirect_uri: %w", err))
	}
	asked := &fosite.AuthorizeRequest{
		ResponseTypes: responseTypes(req.ResponseType), RedirectURI: target,
		ResponseMode: fosite.ResponseModeDefault, DefaultResponseMode: fosite.ResponseModeQuery,
		Request: fosite.Request{
			ID: req.State.ID, RequestedAt: req.Now, Client: ledger.Client{Client: a.Client}, RequestedScope: a.Scopes,
			GrantedScope: a.Scopes, Form: formOf(a.Request),
		},
	}
	given, err := p.core.NewAuthorizeResponse(ctx, asked, ledger.NewSession(req))
	if err != nil {
		return nil, refusal.From(err)
	}
	ready := &Prepared{GrantID: req.State.ID, a: a, c: req, Answer: answerOf(req, given)}
	if front {
		req.Hold()
		if far(a.Request.ResponseMode, size(ready.Answer), a.Client.AuthorizationEncryption().On()) {
			return nil, refusal.InvalidRequest("The answer is too long for an address. Ask with response_mode=form_post.")
		}
	}
	return ready, nil
}

// onlyCode is what most requests ask for; it is read only.
var onlyCode = fosite.Arguments{"code"}

func responseTypes(asked string) fosite.Arguments {
	if asked == onlyCode[0] {
		return onlyCode
	}
	return spaced.Words(asked)
}

// answerOf takes the parameters of an answer from what fosite made; their order is that of the standards.
func answerOf(req *ledger.Request, given fosite.AuthorizeResponder) (answer [][2]string) {
	add := func(name, value string) {
		if value != "" {
			answer = append(answer, [2]string{name, value})
		}
	}
	add("code", given.GetCode())
	if req.AccessToken != "" {
		add("access_token", req.AccessToken)
		add("token_type", "Bearer")
		add("expires_in", strconv.FormatInt(req.Access.ExpiresAt-req.Access.IssuedAt, 10))
		add("scope", req.AnsweredScope())
	}
	add("id_token", given.GetParameters().Get("id_token"))
	return answer
}

func size(answer [][2]string) (n int) {
	for _, p := range answer {
		n += len(p[0]) + len(p[1]) + 2
	}
	return n
}

// Grant writes the row of a prepared answer: one INSERT. Where an earlier answer to the same request has a code that was not used, its
// grant gives way. Errors are *refusal.Refusal.
func (p *Provider) Grant(ctx context.Context, ready *Prepared) error {
	if old := ready.a.Replaces; old != "" {
		gone, err := p.writes.DeleteUnspentGrant(ctx, old, ready.a.UserID, ready.a.Client.ClientID)
		if err != nil {
			return refusal.From(fmt.Errorf("replace code: %w", err))
		}
		if gone && ready.c != nil && !clients.FromFront(ready.c.ResponseType) { // no token names the new id yet
			ready.GrantID = old
			ready.c.Rename(old)
		}
	}
	if ready.c == nil {
		return nil
	}
	if err := p.ledger.Settle(ctx, ready.c, nil); err != nil {
		return refusal.From(err)
	}
	if clients.FromFront(ready.c.ResponseType) {
		p.o.Metrics.TokenIssued(clients.Implicit)
	}
	return nil
}

// begin gives the request the row that is to be inserted. Lifetimes are copied, so that a longer value set later does not
// stretch what was granted before.
func (p *Provider) begin(ctx context.Context, req *ledger.Request, id string, a Authorization) error {
	offline := slices.Contains(a.Scopes, "offline_access") && req.Refreshes() && clients.Answers(req.ResponseType, "code")
	row := storage.Grant{
		ID: id, ClientID: a.Client.ClientID, UserID: a.UserID, SessionID: a.SessionID, Offline: offline,
		UserEpoch: a.UserEpoch, ConsentEpoch: a.ConsentEpoch, Scopes: a.Scopes, Resources: a.Request.Resources,
		AuthTime: a.AuthTime, ACR: a.ACR, AMR: a.AMR, CreatedAt: req.Now, EndsAt: req.Now.Add(req.Lifetimes.Absolute),
	}
	if p.o.Status != nil {
		var err error
		if row.StatusIndex, err = p.o.Status.Next(ctx); err != nil {
			return err
		}
	}
	facts := ledger.Facts{
		JKT: a.Request.DPoPJKT, Nonce: a.Request.Nonce, CodeChallenge: a.Request.CodeChallenge,
		Access: int64(req.Lifetimes.Access / time.Second), Idle: int64(req.Lifetimes.Idle / time.Second),
	}
	facts.Grant(a.Claims)
	facts.Details, facts.Agent = a.Details.String(), a.Client.Agent
	var left []string
	for _, s := range a.Request.Scopes {
		if !slices.Contains(a.Scopes, s) {
			left = append(left, s)
		}
	}
	facts.LeftOut = strings.Join(left, " ")
	if a.Request.RedirectURISent {
		facts.RedirectURI = a.Request.RedirectURI
	} else {
		facts.RedirectUsed = a.Request.RedirectURI
	}
	if err := facts.Put(&row); err != nil {
		return err
	}
	req.Facts, req.State = facts, &storage.GrantState{Grant: row, User: a.User}
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
