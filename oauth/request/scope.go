package request

import (
	"context"
	"net/url"
	"slices"

	"signet/clients"
	"signet/clients/tools"
	"signet/internal/spaced"
	"signet/oauth/details"
	"signet/oauth/flow"
	"signet/oauth/refusal"
)

// resourcesOf are the resources as they are known now, read anew where the request names one that is not among them, or a scope of the
// client that is none's.
func (p *Parser) resourcesOf(ctx context.Context, c *clients.Client, form url.Values) (*clients.Resources, error) {
	known := p.Clients.Resources()
	unknown := func(s string) bool { return c.HasScope(s) && !known.Known(s) }
	missing := func(id string) bool { _, ok := known.Find(id); return !ok && id != p.Issuer }
	untyped := func(t string) bool { _, _, ok := known.DetailsOwner(t); return !ok }
	if slices.ContainsFunc(spaced.Words(form.Get("scope")), unknown) || slices.ContainsFunc(named(form), missing) ||
		form.Get(paramDetails) != "" && slices.ContainsFunc(c.DetailsTypes, untyped) {
		return p.Clients.Renewed(ctx, known)
	}
	return known, nil
}

// named are the resources of the request; a parameter without a value counts as left out (RFC 6749 section 3.1).
func named(form url.Values) []string {
	return slices.DeleteFunc(slices.Clone(form["resource"]), func(id string) bool { return id == "" })
}

// scopes: what was asked, known and registered; unknown ones are dropped (OpenID Connect Core section 3.1.2.1).
func scopes(req *flow.Request, c *clients.Client, form url.Values, known *clients.Resources) *refusal.Refusal {
	asked := spaced.Words(form.Get("scope"))
	if len(asked) == 0 && req.Details != "" { // they say what is asked for (RFC 9396 section 3)
		return nil
	}
	if len(asked) == 0 {
		asked = unasked(c, named(form), known)
	}
	asked, no := ofTools(req, c, asked, named(form), known)
	if no != nil {
		return no
	}
	for _, s := range asked {
		if s == "offline_access" && !(c.HasGrant(clients.RefreshToken) && clients.Answers(req.ResponseType, "code")) {
			continue // a refresh token comes for a code (OpenID Connect Core section 11)
		}
		if known.Known(s) && c.HasScope(s) && !slices.Contains(req.Scopes, s) {
			req.Scopes = append(req.Scopes, s)
		}
	}
	if len(req.Scopes) == 0 {
		return refusal.InvalidScope("None of the scopes asked for is this client's.")
	}
	return nil
}

// unasked is what a request without a scope parameter asks for (RFC 6749 section 3.3): of the client's scopes those of the resources it
// names, or of any resource if it names none; where there are none, who the person is. offline_access has to be asked for.
func unasked(c *clients.Client, resources []string, known *clients.Resources) []string {
	var theirs, identity []string
	for _, s := range c.Scopes() {
		switch {
		case slices.Contains(clients.BuiltinScopes, s):
			if s != "offline_access" {
				identity = append(identity, s)
			}
		case len(resources) == 0 && known.Known(s) || ownedBy(s, resources, known):
			theirs = append(theirs, s)
		}
	}
	if len(theirs) > 0 {
		return theirs
	}
	return identity
}

// ofTools judges a request for the tools that Signet serves to administrators' MCP clients: it comes from a client that an administrator
// allowed, in the person's browser; the person is asked each time; and nothing of it outlives the sign-in.
func ofTools(req *flow.Request, c *clients.Client, asked, resources []string, known *clients.Resources) ([]string, *refusal.Refusal) {
	ours := func(s string) bool { return tools.Is(s) && known.Known(s) }
	named := slices.ContainsFunc(resources, func(id string) bool { r, ok := known.Find(id); return ok && r.OfTools() })
	if !named && !slices.ContainsFunc(asked, ours) {
		return asked, nil
	}
	switch {
	case !c.AdminTools:
		return nil, refusal.AccessDenied("An administrator of this server has to allow this client its tools first: " +
			"signet client allow-admin, or the page of the app at /admin/apps.")
	case req.RedirectURI == "" || req.ResponseType != "code":
		return nil, refusal.AccessDenied("The tools of administrators are allowed in a browser that is sent here for a code, " +
			"and in no other way.")
	case slices.Contains(req.Prompts, "none"):
		return nil, refusal.ConsentRequired("The person is asked each time.")
	case !slices.ContainsFunc(asked, ours):
		asked = append(slices.Clone(asked), tools.Read)
	}
	if !slices.Contains(req.Prompts, "consent") {
		req.Prompts = append(req.Prompts, "consent")
	}
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == "offline_access" }), nil
}

func ownedBy(scope string, resources []string, known *clients.Resources) bool {
	return slices.ContainsFunc(resources, func(id string) bool {
		r, ok := known.Find(id)
		return ok && slices.Contains(r.Scopes, scope)
	})
}

func (p *Parser) resources(req *flow.Request, c *clients.Client, form url.Values, known *clients.Resources) *refusal.Refusal {
	invalid := func(err error) *refusal.Refusal {
		return refusal.InvalidTarget("The resource is unknown or not for this client.").Because(err)
	}
	for _, id := range named(form) {
		spelled, err := known.Spell(c, p.Issuer, id)
		if err != nil {
			return invalid(err)
		}
		if !slices.Contains(req.Resources, spelled) {
			req.Resources = append(req.Resources, spelled)
		}
	}
	asked, err := details.Parse(req.Details)
	if err != nil {
		return invalid(err)
	}
	owners := asked.Owners(known)
	got, err := known.Decide(clients.Ask{Client: c, Issuer: p.Issuer, Scopes: req.Scopes, Granted: req.Resources, Grant: true,
		Details: owners})
	if err != nil {
		return invalid(err)
	}
	if len(got.Scopes) == 0 && (len(owners) == 0 || len(req.Scopes) > 0) {
		return refusal.InvalidScope("None of the scopes belongs to a resource that was asked for.")
	}
	demands(req, got.Audience, known)
	return nil
}

// demands raises what the request asks of the sign-in to what the resources of its tokens do, so that the first token does for them
// (RFC 9470 section 1).
func demands(req *flow.Request, audience []string, known *clients.Resources) {
	for _, id := range audience {
		r, ok := known.Find(id)
		if !ok {
			continue // the issuer itself
		}
		req.SecondFactor = req.SecondFactor || r.RequireSecondFactor
		if r.MaxAge > 0 && (req.MaxAge == nil || *req.MaxAge > r.MaxAge) {
			req.MaxAge = &r.MaxAge
		}
	}
}
