package request

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"signet/clients"
	"signet/clients/registration"
	"signet/internal/ratelimit"
	"signet/oauth/refusal"
)

// Documents makes clients known whose id is the address of their metadata; *registration.Documents.
type Documents interface {
	// On reports whether any does.
	On() bool
	// Learn reads the document of a client that is not known, Renew that of a known one if it is time to.
	Learn(ctx context.Context, id string) error
	Renew(ctx context.Context, id string) error
}

// Meet makes a client known that is to push a request, before it proves itself. Other clients are left to who looks for them. Errors are
// *PageOnly or the storage's.
func (p *Parser) Meet(ctx context.Context, form url.Values) error {
	if p.Documents == nil || repeated(form, "client_id", "redirect_uri") != nil || !byAddress(form.Get("client_id")) {
		return nil
	}
	_, err := p.client(ctx, form)
	if errors.Is(err, clients.ErrUnknown) {
		return nil
	}
	return err
}

// client finds the client of a request, by its metadata document if nobody registered it. The document is fetched only where what can be
// known without it is in order, and at no other endpoint.
func (p *Parser) client(ctx context.Context, form url.Values) (*clients.Client, error) {
	id := form.Get("client_id")
	c, err := p.Clients.Client(ctx, id)
	switch {
	case p.Documents == nil || !byAddress(id):
		return c, err
	case err == nil && c.FromDocument() && c.Enabled():
		err = p.Documents.Renew(ctx, id)
	case errors.Is(err, clients.ErrUnknown) && p.Documents.On():
		if no := p.wellFormed(ctx, form); no != nil {
			return nil, &PageOnly{Kind: "invalid_request", Code: no.Code, ClientID: id, Cause: no}
		}
		err = p.Documents.Learn(ctx, id)
	default:
		return c, err
	}
	if _, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return nil, &PageOnly{Kind: "too_many", ClientID: id, Cause: err}
	}
	if errors.Is(err, registration.ErrNoDocument) || errors.Is(err, registration.ErrAway) {
		return nil, &PageOnly{Kind: "no_document", Code: "invalid_client", ClientID: id, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	return p.Clients.Client(ctx, id)
}

// wellFormed judges what can be judged of a request before its client is known.
func (p *Parser) wellFormed(ctx context.Context, form url.Values) *refusal.Refusal {
	switch {
	case repeated(form, "redirect_uri", "response_type", "code_challenge", "code_challenge_method") != nil:
		return refusal.InvalidRequest("A parameter is repeated.")
	case !clients.Metadata{RedirectURIs: []string{form.Get("redirect_uri")}}.WellFormed():
		return refusal.InvalidRequest("redirect_uri is missing, or is not one that a client may have.")
	case form.Get("response_type") != "code":
		return refusal.InvalidRequest("The response_type of such clients is code.")
	case form.Get("code_challenge_method") != "S256" || !challenge.MatchString(form.Get("code_challenge")):
		return refusal.InvalidRequest("This client must send a code_challenge (PKCE), with the method S256.")
	}
	known := p.Clients.Resources()
	closed := func(id string) bool {
		if spelled, ok := known.Named(p.Issuer, id); ok && spelled == p.Issuer {
			return false
		}
		r, ok := known.Find(id)
		return !ok || !r.Open && !r.OfTools() // it is told that an administrator has to allow it, who has to know it for that
	}
	if slices.ContainsFunc(named(form), closed) {
		var err error
		if known, err = p.Clients.Renewed(ctx, known); err != nil || slices.ContainsFunc(named(form), closed) {
			return refusal.InvalidTarget("The resource is unknown or not for this client.").Because(err)
		}
	}
	return nil
}

func byAddress(id string) bool { return clients.Metadata{ClientID: id}.ByAddress() }
