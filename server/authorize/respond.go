package authorize

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signet/internal/telemetry"
	"signet/oauth/flow"
	"signet/oauth/logout"
	"signet/oauth/refusal"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
)

// note names the app in the log.
func note(r *http.Request, s *login.State) {
	if s.Client != nil {
		telemetry.Add(r.Context(), slog.String("client_id", s.Client.ClientID))
	}
}

// answerRefusal sends an error to the client (RFC 6749 section 4.1.2.1).
func (h *Handler) answerRefusal(w http.ResponseWriter, r *http.Request, req flow.Request, no *refusal.Refusal) error {
	web.Told(r.Context(), no)
	return h.answer(w, r, req, told(no))
}

func told(no *refusal.Refusal) [][2]string {
	return [][2]string{{"error", no.Code}, {"error_description", no.Description}}
}

// answer sends the parameters to the client with state and iss (RFC 9207): in the query of its redirect URI, whose own query
// stays as it is, in its fragment (OAuth 2.0 Multiple Response Type Encoding Practices), or by a form (OAuth 2.0 Form Post Response Mode);
// where the mode is a signed one, all of them in one JWT and none beside it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, req flow.Request, params [][2]string) error {
	params = h.withIssuer(req, params)
	if h.State != nil && slices.Contains(req.Scopes, "openid") {
		if state := logout.SessionState(req.ClientID, req.RedirectURI, h.State(w, r)); state != "" {
			params = append(params, [2]string{"session_state", state})
		}
	}
	telemetry.Add(r.Context(), slog.String("client_id", req.ClientID))
	way, params, err := h.packed(r.Context(), req, params)
	if err != nil {
		return err
	}
	if way == "form_post" {
		web.AllowFormAction(w, req.RedirectURI)
		return h.Pages.Render(w, r, http.StatusOK,
			pages.FormPost{App: h.App(r.Context(), req.ClientID, req.RedirectURI), Action: req.RedirectURI, Fields: params})
	}
	return web.Redirect(w, r, addressOf(req.RedirectURI, way, params))
}

// withIssuer are the parameters of an answer with those that every answer has.
func (h *Handler) withIssuer(req flow.Request, params [][2]string) [][2]string {
	if req.State != "" {
		params = append(params, [2]string{"state", req.State})
	}
	return append(params, [2]string{"iss", h.Issuer})
}

// packed is how the parameters go to the client, and which then, in its response mode.
func (h *Handler) packed(ctx context.Context, req flow.Request, params [][2]string) (string, [][2]string, error) {
	way, signed := strings.CutSuffix(req.ResponseMode, ".jwt")
	if !signed {
		return way, params, nil
	}
	jwt, err := h.Provider.SignAnswer(ctx, req.ClientID, params)
	return way, [][2]string{{"response", jwt}}, err
}

// addressOf is where the browser goes with the parameters.
func addressOf(redirectURI, way string, params [][2]string) string {
	if way == "fragment" { // a redirect URI has none of its own
		return redirectURI + "#" + encode(params)
	}
	return withQuery(redirectURI, params)
}

func withQuery(address string, params [][2]string) string {
	sep := "?"
	if i := strings.IndexByte(address, '?'); i >= 0 {
		sep = "&"
		if i == len(address)-1 {
			sep = ""
		}
	}
	return address + sep + encode(params)
}

// encode writes parameters in their order.
func encode(params [][2]string) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p[0])
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p[1]))
	}
	return b.String()
}
