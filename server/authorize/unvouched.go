package authorize

import (
	"log/slog"
	"net/http"

	"signet/internal/telemetry"
	"signet/oauth/flow"
	"signet/oauth/request"
	"signet/server/pages"
	"signet/server/web"
)

// lookedAt is the page of an error at an app that nobody vouches for, while nobody is signed in: a link to this server must not lead
// straight to an address that a stranger wrote into it. The person reads where they would go, and goes by themselves (RFC 9700 section
// 4.11.2). Nil where the app is told at once.
func (h *Handler) lookedAt(r *http.Request, bad *request.Redirectable) (*web.PageError, error) {
	if bad.Silent || h.Unvouched == nil {
		return nil, nil
	}
	if unvouched, err := h.Unvouched(r.Context(), bad.Client); err != nil || !unvouched {
		return nil, err
	}
	if v, err := h.Browser.Visitor(r); err != nil || v != nil {
		return nil, err
	}
	req := flow.Request{ClientID: bad.Client.ClientID, RedirectURI: bad.RedirectURI, State: bad.State, ResponseMode: bad.ResponseMode}
	way, params, err := h.packed(r.Context(), req, h.withIssuer(req, told(bad.Refusal)))
	if err != nil {
		return nil, err
	}
	telemetry.Add(r.Context(), slog.String("client_id", req.ClientID))
	web.Told(r.Context(), bad.Refusal)
	page := &web.PageError{Status: http.StatusBadRequest, Kind: "request_not_supported", Cause: bad, Args: map[string]string{},
		Back: addressOf(req.RedirectURI, way, params), Facts: []web.Fact{{Name: "Error", Value: bad.Refusal.Code}}}
	if bad.Refusal.Description != "" {
		page.Facts = append(page.Facts, web.Fact{Name: "Reason", Value: bad.Refusal.Description})
	}
	pages.App{Name: bad.Client.ClientName, Localized: bad.Client.Localized}.Call(page.Args, "Client")
	if app := h.App(r.Context(), req.ClientID, req.RedirectURI); app != nil && app.Host != "" {
		page.Args["Host"] = app.Host
	}
	return page, nil
}
