package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
	"signet/storage"
)

// Revoke ends a token for the client it was issued to (RFC 7009, rule L04): a refresh token ends its grant
// and with it every token of the grant, an access token only itself. Another client's token, and what is no living token of
// ours, is left alone without a word. fosite's revocation is not used: it would end the grant of an access token too.
func (p *Provider) Revoke(ctx context.Context, caller *clients.Client, token string) error {
	if a, err := p.o.Issuer.VerifyAccess(token); err == nil {
		return asRefusal(p.revokeAccess(ctx, caller, a))
	}
	if r, err := p.o.Issuer.VerifyRefresh(token); err == nil {
		return asRefusal(p.revokeRefresh(ctx, caller, r))
	}
	return nil
}

func asRefusal(err error) error {
	if err == nil {
		return nil // not a nil *Refusal in an error
	}
	return refusal.From(err)
}

// denyListed is how much longer than the token its place on the deny list lasts: verifiers give exp some grace.
const denyListed = time.Minute

func (p *Provider) revokeAccess(ctx context.Context, caller *clients.Client, a tokens.Access) error {
	if a.ClientID != caller.ClientID {
		return nil
	}
	person := a.Subject
	if a.GrantID != "" && !clients.LooksLikePerson(person) { // the client knows the person by another name
		s, err := p.reads.GrantStateByID(ctx, a.GrantID)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("look up a grant: %w", err)
		}
		person = s.UserID
	}
	return p.writes.Tx(ctx, func(ctx context.Context) error {
		if err := p.writes.RevokeToken(ctx, a.JTI, time.Unix(a.ExpiresAt, 0).Add(denyListed)); err != nil {
			return fmt.Errorf("revoke an access token: %w", err)
		}
		e := audit.Event{Name: audit.TokenRevoked, ActorID: caller.ClientID, ClientID: caller.ClientID, GrantID: a.GrantID}
		if a.GrantID != "" {
			e.UserID = person
		}
		return p.o.Events.Record(ctx, e)
	})
}

func (p *Provider) revokeRefresh(ctx context.Context, caller *clients.Client, r tokens.Refresh) error {
	if r.ClientID != caller.ClientID {
		return nil
	}
	s, err := p.reads.GrantStateByID(ctx, r.GrantID)
	if errors.Is(err, storage.ErrNotFound) || err == nil && s.ClientID != caller.ClientID {
		return nil
	} else if err != nil {
		return fmt.Errorf("look up a grant: %w", err)
	}
	return p.writes.Tx(ctx, func(ctx context.Context) error {
		first, err := p.writes.RevokeGrant(ctx, r.GrantID, ledger.WhyClient, time.Now())
		if err != nil || !first {
			return err
		}
		return p.o.Events.Record(ctx, audit.Event{
			Name: audit.GrantRevoked, ActorID: caller.ClientID, UserID: s.UserID, ClientID: caller.ClientID,
			SessionID: s.SessionID, GrantID: s.ID,
		})
	})
}
