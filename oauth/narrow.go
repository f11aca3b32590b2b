package oauth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"signet/clients"
	"signet/oauth/details"
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
	granted, err := narrowDetails(c, known)
	if err != nil {
		return err
	}
	return p.audience(c, granted, known)
}

// narrowDetails puts into the case what the token may say of the grant's authorization details: those that the client may still have, or
// what the request asks for of them (RFC 9396 section 6). It gives those of the grant.
func narrowDetails(c *ledger.Case, known *clients.Resources) (granted details.List, err error) {
	asked, err := details.Parse(c.Form.Get("authorization_details"))
	if err == nil && c.Facts.Details != "" {
		if granted, err = details.Parse(c.Facts.Details); err != nil {
			return nil, fmt.Errorf("read the authorization details of a grant: %w", err)
		}
		if granted = granted.Kept(c.Client, known); len(granted)+len(c.Allowed) == 0 {
			return nil, refusal.InvalidAuthorizationDetails("The client may no longer have any of the granted authorization_details.")
		}
	}
	if err == nil {
		err = asked.Judge(c.Client, known)
	}
	if err == nil {
		err = asked.Within(granted, known)
	}
	if err != nil {
		return nil, refusal.InvalidAuthorizationDetails("authorization_details are refused: " + err.Error() + ".").Because(err)
	}
	if c.Details = asked; len(asked) == 0 {
		c.Details = granted
	}
	return granted, nil
}

// resources are those known now, read anew where the request names one that is not among them, or a scope that is none's.
func (p *Provider) resources(ctx context.Context, c *ledger.Case) (*clients.Resources, error) {
	known := p.o.Clients.Resources()
	unknown := func(s string) bool { return !known.Known(s) && c.Client.HasScope(s) }
	untyped := func(t string) bool { _, _, ok := known.DetailsOwner(t); return !ok }
	missing := func(id string) bool { _, ok := known.Find(id); return !ok && id != p.o.Issuer.URL() }
	miss := slices.ContainsFunc(c.Form["resource"], missing) || slices.ContainsFunc(strings.Fields(c.Form.Get("scope")), unknown)
	switch {
	case miss:
	case c.State != nil:
		miss = slices.ContainsFunc(c.State.Scopes, unknown) || slices.ContainsFunc(c.State.Resources, missing) ||
			c.Facts.Details != "" && slices.ContainsFunc(c.Client.DetailsTypes, untyped)
	default:
		miss = slices.ContainsFunc(c.Client.Scopes(), unknown)
	}
	if !miss {
		return known, nil
	}
	return p.o.Clients.Renewed(ctx, known)
}

// audience decides for whom the access token is, and leaves only the scopes that belong there (RFC 8707 section 2.2).
func (p *Provider) audience(c *ledger.Case, granted details.List, known *clients.Resources) error {
	ask := clients.Ask{
		Client: c.Client, Issuer: p.o.Issuer.URL(), Default: p.o.DefaultAudience,
		Scopes: c.Allowed, Requested: c.Form["resource"], Details: granted.Owners(known),
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
			return refusal.InvalidTarget("The resource demands another sign-in than this one, or one that is not so long ago.")
		}
	}
	c.Audience, c.Scopes = got.Audience, got.Scopes
	wanted := len(c.Details)
	if c.Details = c.Details.For(c.Audience, known); c.Form.Get("authorization_details") != "" && len(c.Details) < wanted {
		return refusal.InvalidAuthorizationDetails("authorization_details are for another resource than the token.")
	}
	bare := c.Form.Get("scope") == "" && len(ask.Requested) > 0 && known.WithoutScopes(ask.Requested)
	if len(c.Allowed) > 0 && len(c.Details) == 0 && c.AnsweredScope() == "" && !bare {
		return refusal.InvalidScope("None of the scopes belongs to a resource that the token is for.")
	}
	return nil
}
