package authorize

import (
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
	return h.answer(w, r, req, [][2]string{{"error", no.Code}, {"error_description", no.Description}})
}

// answer sends the parameters to the client with state and iss (RFC 9207): in the query of its redirect URI, whose own query
// stays as it is, in its fragment (OAuth 2.0 Multiple Response Type Encoding Practices), or by a form (OAuth 2.0 Form Post Response Mode);
// where the mode is a signed one, all of them in one JWT and none beside it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, req flow.Request, params [][2]string) error {
	if req.State != "" {
		params = append(params, [2]string{"state", req.State})
	}
	params = append(params, [2]string{"iss", h.Issuer})
	if h.State != nil && slices.Contains(req.Scopes, "openid") {
		if state := logout.SessionState(req.ClientID, req.RedirectURI, h.State(w, r)); state != "" {
			params = append(params, [2]string{"session_state", state})
		}
	}
	telemetry.Add(r.Context(), slog.String("client_id", req.ClientID))
	way, signed := strings.CutSuffix(req.ResponseMode, ".jwt")
	if signed {
		jwt, err := h.Provider.SignAnswer(r.Context(), req.ClientID, params)
		if err != nil {
			return err
		}
		params = [][2]string{{"response", jwt}}
	}
	switch way {
	case "fragment": // a redirect URI has none of its own
		return web.Redirect(w, r, req.RedirectURI+"#"+encode(params))
	case "form_post":
		web.AllowFormAction(w, req.RedirectURI)
		return h.Pages.Render(w, r, http.StatusOK,
			pages.FormPost{App: h.App(r.Context(), req.ClientID, req.RedirectURI), Action: req.RedirectURI, Fields: params})
	}
	return web.Redirect(w, r, withQuery(req.RedirectURI, params))
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
