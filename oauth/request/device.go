package request

import (
	"context"
	"net/url"

	"signet/clients"
	"signet/oauth/flow"
	"signet/oauth/refusal"
)

// Device judges what a device asks for (RFC 8628 section 3.1): scopes and resources, as at the authorization endpoint. How people have to
// be signed in for it is what the client registered. Errors are *refusal.Refusal or the storage's.
func (p *Parser) Device(ctx context.Context, c *clients.Client, form url.Values) (flow.Request, error) {
	req := flow.Request{ClientID: c.ClientID, ResponseType: "code", MaxAge: c.DefaultMaxAge, ACRValues: c.DefaultACRValues}
	for _, values := range form {
		for _, v := range values {
			if len(v) > maxParameter {
				return req, refusal.InvalidRequest("A parameter is too long.")
			}
		}
	}
	if err := Clean(form); err != nil {
		return req, err
	}
	known, err := p.resourcesOf(ctx, c, form)
	if err != nil {
		return req, err
	}
	if r := detailsOf(&req, c, form, known); r != nil {
		return req, r
	}
	if r := scopes(&req, c, form, known); r != nil {
		return req, r
	}
	if r := p.resources(&req, c, form, known); r != nil {
		return req, r
	}
	return req, nil
}
