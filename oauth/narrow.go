package oauth

import (
	"context"
	"slices"
	"strings"

	"signet/clients"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
)

// narrow decides scopes and audience of the access token. The grant keeps its own: the next refresh may have them all again.
func (p *Provider) narrow(ctx context.Context, c *ledger.Case) error {
	known, err := p.resources(ctx, c)
	if err != nil {
		return err
	}
	if c.Allowed, err = p.register.scopes(c, known); err != nil {
		return err
	}
	return p.audience(c, known)
}

// resources are those known now, read anew where the request names one that is not among them, or a scope that is none's.
func (p *Provider) resources(ctx context.Context, c *ledger.Case) (*clients.Resources, error) {
	known := p.o.Clients.Resources()
	unknown := func(s string) bool { return !known.Known(s) && c.Client.HasScope(s) }
	missing := func(id string) bool { _, ok := known.Find(id); return !ok && id != p.o.Issuer.URL() }
	miss := slices.ContainsFunc(c.Form["resource"], missing) || slices.ContainsFunc(strings.Fields(c.Form.Get("scope")), unknown)
	switch {
	case miss:
	case c.State != nil:
		miss = slices.ContainsFunc(c.State.Scopes, unknown) || slices.ContainsFunc(c.State.Resources, missing)
	default:
		miss = slices.ContainsFunc(c.Client.Scopes(), unknown)
	}
	if !miss {
		return known, nil
	}
	return p.o.Clients.Renewed(ctx, known)
}

// audience decides for whom the access token is, and leaves only the scopes that belong there (RFC 8707 section 2.2).
func (p *Provider) audience(c *ledger.Case, known *clients.Resources) error {
	ask := clients.Ask{
		Client: c.Client, Issuer: p.o.Issuer.URL(), Default: p.o.DefaultAudience,
		Scopes: c.Allowed, Requested: c.Form["resource"],
	}
	if c.State != nil {
		ask.Granted, ask.Grant = c.State.Resources, true
	}
	got, err := known.Decide(ask)
	if err != nil {
		return refusal.InvalidTarget("A resource is unknown, or not this client's to ask for.").Because(err)
	}
	if c.State != nil && c.State.ACR == "" { // by the password grant: no page asked for what the resources demand
		how := tokens.Access{GrantID: c.State.ID, AuthTime: c.State.AuthTime.Unix()}
		if slices.ContainsFunc(got.Audience, func(id string) bool { return p.tooWeak(known, id, c.Now, how) }) {
			return refusal.InvalidTarget("The resource demands another sign-in than a password, or one that is not so long ago.")
		}
	}
	c.Audience, c.Scopes = got.Audience, got.Scopes
	bare := c.Form.Get("scope") == "" && len(ask.Requested) > 0 && known.WithoutScopes(ask.Requested)
	if len(c.Allowed) > 0 && c.AnsweredScope() == "" && !bare {
		return refusal.InvalidScope("None of the scopes belongs to a resource that the token is for.")
	}
	return nil
}
