package oauth

import (
	"context"
	"slices"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/internal/spaced"
	"signet/oauth/grants"
	"signet/oauth/ledger"
	"signet/oauth/refusal"
	"signet/storage"
)

// grantType is a grant of the token endpoint, with all that it has otherwise than the others.
type grantType struct {
	name  string
	needs []string // parameters without which a request is malformed

	// may says which clients of those that registered it may use it; nil = all.
	may func(*clients.Client) error
	// alive judges the row of what was presented (rule J09); nil = there is none, or it is being made of what was just checked.
	alive func(*storage.GrantState, time.Time) error
	// scopes decides those of the request; nil = the grant's, as far as the client may still have them.
	scopes func(*ledger.Request, *clients.Resources) ([]string, error)
	// fetches: it is the first that comes of a person's decision.
	fetches bool
	// untold: it is for apps that an operator named, who know without discovery.
	untold bool

	// handlers that a request passes, in order. In the first pass a handler checks, in the second it signs.
	handlers fosite.TokenEndpointHandlers
	// answer decides a request without fosite and without the checks between its passes; nil = the handlers do.
	answer func(*Provider, context.Context, *ledger.Request) (*Answer, error)
}

// register is the list of grants: what discovery tells, what clients may register and what the endpoint answers are the same.
type register []grantType

// find gives a grant by its name; nil = there is none.
func (r register) find(name string) *grantType {
	for i := range r {
		if r[i].name == name {
			return &r[i]
		}
	}
	return nil
}

// mayUse reports whether the client may use the grant at all, before any code or token is touched (rule J05).
func (g *grantType) mayUse(c *clients.Client) error {
	if !c.HasGrant(g.name) {
		return refusal.UnauthorizedClient("This client is not registered for the grant_type.")
	}
	if g.may == nil {
		return nil
	}
	return g.may(c)
}

// machine: a client that acts for itself proves to be itself (RFC 6749 section 4.4).
func machine(c *clients.Client) error {
	switch {
	case c.Public():
		return refusal.UnauthorizedClient("Only a client that keeps a secret may use this grant.")
	case clients.LooksLikePerson(c.ClientID):
		return refusal.UnauthorizedClient("The client_id could be taken for a person.")
	}
	return nil
}

// scopes of a request (RFC 6749 sections 3.3 and 6): at this endpoint an unknown one is an error.
func (r register) scopes(req *ledger.Request, known *clients.Resources) ([]string, error) {
	if g := r.find(req.GrantType); g != nil && g.scopes != nil {
		return g.scopes(req, known)
	}
	// scope means nothing in the exchange of a code (RFC 6749 section 4.1.3)
	return grants.Narrow(req.State.Scopes, ledger.Kept(req.State.Scopes, req.Client), nil, "")
}

// ofClient are the scopes of a client that acts for itself.
func ofClient(req *ledger.Request, known *clients.Resources) ([]string, error) {
	if err := allKnown(req, known); err != nil {
		return nil, err
	}
	return grants.OfClient(req.Client, req.Form.Get("scope"), false)
}

// ofRefresh are those of the grant that the request asks for.
func ofRefresh(req *ledger.Request, _ *clients.Resources) ([]string, error) {
	return grants.Narrow(
		req.State.Scopes, ledger.Kept(req.State.Scopes, req.Client), spaced.Words(req.Facts.LeftOut), req.Form.Get("scope"))
}

// ofPassword are those that the password grant has put into its row.
func ofPassword(req *ledger.Request, known *clients.Resources) ([]string, error) {
	if err := allKnown(req, known); err != nil {
		return nil, err
	}
	return grants.Narrow(req.State.Scopes, ledger.Kept(req.State.Scopes, req.Client), nil, "")
}

func allKnown(req *ledger.Request, known *clients.Resources) error {
	unknown := func(s string) bool { return !known.Known(s) }
	if slices.ContainsFunc(spaced.Words(req.Form.Get("scope")), unknown) {
		return refusal.InvalidScope("A scope is unknown, or not registered for this client.")
	}
	return nil
}
