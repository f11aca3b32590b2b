package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"signet/internal/telemetry"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/storage"
)

// exchangeForeign takes an assertion of an issuer that the configuration trusts (RFC 7523 section 3) for a token in which the client acts
// for the person who is meant. Everything that the JWT bearer grant demands of one is demanded here, too. What it says of people who act
// is not taken over: nobody here knows them, so such an assertion is refused.
func (p *Provider) exchangeForeign(ctx context.Context, req *ledger.Request, x *exchanged, issuer string) error {
	telemetry.Add(ctx, slog.String("assertion_issuer", issuer))
	req.Source.Issuer = issuer
	if req.Client.Agent {
		return unacceptable("subject_token", errors.New("nobody agreed on anything with the agent"))
	}
	a, err := p.o.Assertions.Plain().Verify(ctx, req.Form.Get("subject_token"), req.Client.ClientID, req.Now)
	if err != nil {
		return unacceptable("subject_token", err)
	}
	switch {
	case !req.Now.Before(a.Ends): // the seconds that verifying spares another clock
		return unacceptable("subject_token", tokens.ErrExpired)
	case a.Act:
		return unacceptable("subject_token", errors.New("it says itself that somebody else acts"))
	}
	if err := grants.Fits(req, a); err != nil {
		return foreign(err)
	}
	if a.From.Access > 0 {
		req.Lifetimes.Access = min(req.Lifetimes.Access, a.From.Access)
	}
	x.foreign, x.cnf = &a, req.Confirmation()
	x.subject = tokens.Access{
		ClientID: req.Client.ClientID, Scope: strings.Join(a.From.Scopes, " "), IssuedAt: req.Now.Unix(), ExpiresAt: a.Ends.Unix(),
		GrantID: rand.Text(), MayAct: a.MayAct,
	}
	if !a.AuthTime.IsZero() {
		x.subject.AuthTime = a.AuthTime.Unix()
	}
	return nil
}

// foreign answers for an assertion as for another subject_token that cannot be used.
func foreign(err error) error {
	if no, ok := errors.AsType[*refusal.Refusal](err); ok && no.Code == "invalid_grant" {
		return unacceptable("subject_token", err)
	}
	return err
}

// exchangeRow finds the person whom the assertion means, and prepares the grant that the token is of: it has no session and ends with the
// token, and whatever ends the person's grants ends it.
func (p *Provider) exchangeRow(ctx context.Context, req *ledger.Request, x *exchanged) error {
	known, self, from := p.o.Clients.Resources(), p.o.Issuer.URL(), x.foreign.From
	for _, id := range x.aud {
		same := func(other string) bool { spelled, ok := known.Named(self, other); return ok && spelled == id }
		if len(from.Resources) > 0 && !slices.ContainsFunc(from.Resources, same) {
			return refusal.InvalidTarget("A resource is not one that assertions of this issuer are good for.")
		}
	}
	b := bearers(p.o, nil)
	who, err := b.Person(ctx, *x.foreign)
	if err != nil {
		return foreign(err)
	}
	end := min(req.Now.Add(req.Lifetimes.Access).Unix(), x.subject.ExpiresAt)
	if x.actor != nil {
		end = min(end, x.actor.ExpiresAt)
	}
	row, err := b.Row(ctx, req, who, storage.Grant{
		ID: x.subject.GrantID, Scopes: x.scopes, Resources: slices.DeleteFunc(slices.Clone(x.aud), func(id string) bool { return id == self }),
		AuthTime: x.foreign.AuthTime, EndsAt: time.Unix(end, 0),
	})
	if err != nil {
		return err
	}
	x.subject.Subject = p.o.Names.Subject(req.Client, who.ID)
	if p.o.Status != nil {
		x.subject.Status = p.o.Status.Claim(row.StatusIndex)
	}
	return nil
}
