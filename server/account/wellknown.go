package account

import (
	"net/http"

	"signet/server/web"
)

// mountWellKnown states what password managers and browsers look for, at the issuer and at the root of its host.
func (h *Handler) mountWellKnown(m *web.Mux) {
	m.Page("GET /.well-known/change-password", h.wellKnown)
	roots := map[string]web.Func{}
	if m.Path("") != "" {
		roots["change-password"] = h.wellKnown
	}
	if h.Passkeys != nil {
		m.API("GET /.well-known/passkey-endpoints", web.PublicCORS, h.passkeyEndpoints)
		if m.Path("") != "" {
			roots["passkey-endpoints"] = h.passkeyEndpoints
		}
		if len(h.RelatedOrigins) > 0 { // looked for at the root only
			m.Root("GET /.well-known/webauthn", web.PublicCORS, h.relatedOrigins)
		}
	}
	for name, f := range roots {
		m.Root("GET /.well-known/"+name, web.NoCORS, f)
	}
}

// passkeyEndpoints tells password managers where passkeys are added and looked after (W3C A Well-Known URL for Relying Party
// Passkey Endpoints).
func (h *Handler) passkeyEndpoints(w http.ResponseWriter, _ *http.Request) error {
	page := h.Issuer + passkeysPath
	return web.WriteJSON(w, http.StatusOK, map[string]string{"enroll": page, "manage": page})
}

// relatedOrigins tells browsers at which other origins our passkeys may be used (WebAuthn section 5.11).
func (h *Handler) relatedOrigins(w http.ResponseWriter, _ *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, map[string][]string{"origins": h.RelatedOrigins})
}
