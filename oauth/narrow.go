package oauth

import (
	"context"
	"fmt"
	"slices"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/details"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/oauth/tokens"
)

// narrow decides scopes and audience of the access token. The grant keeps its own: the next refresh may have them all again.
func (p *Provider) narrow(ctx context.Context, req *ledger.Request) error {
	known, err := p.resources(ctx, req)
	if err != nil {
		return err
	}
	if req.Allowed, err = p.register.scopes(req, known); err != nil {
		return err
	}
	granted, err := narrowDetails(req, known)
	if err != nil {
		return err
	}
	return p.audience(req, granted, known)
}

// narrowDetails puts into the request what the token may say of the grant's authorization details: those that the client may still have, or
// what the request asks for of them (RFC 9396 section 6). It gives those of the grant.
func narrowDetails(req *ledger.Request, known *clients.Resources) (granted details.List, err error) {
	asked, err := details.Parse(req.Form.Get("authorization_details"))
	if err == nil && req.Facts.Details != "" {
		if granted, err = details.Parse(req.Facts.Details); err != nil {
			return nil, fmt.Errorf("read the authorization details of a grant: %w", err)
		}
		if granted = granted.Kept(req.Client, known); len(granted)+len(req.Allowed) == 0 {
			return nil, refusal.InvalidAuthorizationDetails("The client may no longer have any of the granted authorization_details.")
		}
	}
	if err == nil {
		err = asked.Judge(req.Client, known)
	}
	if err == nil {
		err = asked.Within(granted, known)
	}
	if err != nil {
		return nil, refusal.InvalidAuthorizationDetails("authorization_details are refused: " + err.Error() + ".").Because(err)
	}
	if req.Details = asked; len(asked) == 0 {
		req.Details = granted
	}
	return granted, nil
}

// resources are those known now, read anew where the request names one that is not among them, or a scope that is none's.
func (p *Provider) resources(ctx context.Context, req *ledger.Request) (*clients.Resources, error) {
	known := p.o.Clients.Resources()
	unknown := func(s string) bool { return !known.Known(s) && req.Client.HasScope(s) }
	untyped := func(t string) bool { _, _, ok := known.DetailsOwner(t); return !ok }
	missing := func(id string) bool { _, ok := known.Find(id); return !ok && id != p.o.Issuer.URL() }
	miss := slices.ContainsFunc(req.Form["resource"], missing) || slices.ContainsFunc(spaced.Words(req.Form.Get("scope")), unknown)
	switch {
	case miss:
	case req.State != nil:
		miss = slices.ContainsFunc(req.State.Scopes, unknown) || slices.ContainsFunc(req.State.Resources, missing) ||
			req.Facts.Details != "" && slices.ContainsFunc(req.Client.DetailsTypes, untyped)
	default:
		miss = slices.ContainsFunc(req.Client.Scopes(), unknown)
	}
	if !miss {
		return known, nil
	}
	return p.o.Clients.Renewed(ctx, known)
}

// audience decides for whom the access token is, and leaves only the scopes that belong there (RFC 8707 section 2.2).
func (p *Provider) audience(req *ledger.Request, granted details.List, known *clients.Resources) error {
	ask := clients.Ask{
		Client: req.Client, Issuer: p.o.Issuer.URL(), Default: p.o.DefaultAudience,
		Scopes: req.Allowed, Requested: req.Form["resource"], Details: granted.Owners(known),
	}
	if req.State != nil {
		ask.Granted, ask.Grant = req.State.Resources, true
	}
	got, err := known.Decide(ask)
	if err != nil {
		return refusal.InvalidTarget("A resource is unknown, or not this client's to ask for.").Because(err)
	}
	if req.State != nil && req.State.ACR == "" { // by the password grant: no page asked for what the resources demand
		how := tokens.Access{GrantID: req.State.ID, AuthTime: req.State.AuthTime.Unix()}
		if slices.ContainsFunc(got.Audience, func(id string) bool { return p.tooWeak(known, id, req.Now, how) }) {
			return refusal.InvalidTarget("The resource demands another sign-in than this one, or one that is not so long ago.")
		}
	}
	req.Audience, req.Scopes = got.Audience, got.Scopes
	wanted := len(req.Details)
	if req.Details = req.Details.For(req.Audience, known); req.Form.Get("authorization_details") != "" && len(req.Details) < wanted {
		return refusal.InvalidAuthorizationDetails("authorization_details are for another resource than the token.")
	}
	bare := req.Form.Get("scope") == "" && len(ask.Requested) > 0 && known.WithoutScopes(ask.Requested)
	if len(req.Scopes) == 0 && len(req.Allowed) > 0 && len(req.Details) == 0 && req.AnsweredScope() == "" && !bare {
		return refusal.InvalidScope("None of the scopes belongs to a resource that the token is for.")
	}
	return nil
}
