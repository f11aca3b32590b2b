package signin

import (
	"errors"
	"net/http"

	"signet/oauth/refusal"
	"signet/server/pages"
	"signet/server/web"
	"signet/users/federation"
)

// What upstreams tell us behind people's backs.

func (h *Handler) mountUpstreamCalls(m *web.Mux) {
	m.API("POST "+WithPath+"{upstream}/logout", web.NoCORS, h.backChannelLogout, web.Nothing)
	m.API("POST "+WithPath+"{upstream}/deauthorize", web.NoCORS, h.deauthorize, web.LinkedLogin)
	m.API("POST "+WithPath+"{upstream}/deletion", web.NoCORS, h.deletion, web.LinkedLogin, web.TrustedBrowser)
	m.Page("GET "+WithPath+"{upstream}/deletion", h.showDeletion)
}

// maxCall is how long a logout token or a signed request may be, in bytes.
const maxCall = 16 << 10

// called reads the one field that a call has.
func called(r *http.Request, field string) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", refusal.InvalidRequest("The form cannot be read.").Because(err)
	}
	values := r.PostForm[field]
	if len(values) != 1 || values[0] == "" || len(values[0]) > maxCall {
		return "", refusal.InvalidRequest(field + " is missing, too long, or comes twice.")
	}
	return values[0], nil
}

// refuseCall answers what does not hold (Back-Channel Logout section 2.8).
func refuseCall(err error) error {
	switch {
	case errors.Is(err, federation.ErrUnknown):
		return refusal.InvalidRequest("Nothing of this kind is expected here.").Because(err)
	case errors.Is(err, federation.ErrIdentity):
		return refusal.InvalidRequest("What was sent cannot be verified.").Because(err)
	case errors.Is(err, federation.ErrDown):
		return refusal.TemporarilyUnavailable("The keys to verify this with cannot be read now.").Because(err)
	}
	return err
}

// backChannelLogout is the backchannel_logout_uri that is registered at an OpenID provider.
func (h *Handler) backChannelLogout(w http.ResponseWriter, r *http.Request) error {
	raw, err := called(r, "logout_token")
	if err != nil {
		return err
	}
	if err := h.Upstreams.Logout(r.Context(), r.PathValue("upstream"), raw); err != nil {
		return refuseCall(err)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// deauthorize is told by Facebook that somebody took the app off their account.
func (h *Handler) deauthorize(w http.ResponseWriter, r *http.Request) error {
	raw, err := called(r, "signed_request")
	if err != nil {
		return err
	}
	if err := h.Upstreams.Deauthorize(r.Context(), r.PathValue("upstream"), raw); err != nil {
		return refuseCall(err)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// deletion is told by Facebook that somebody wants their data deleted, and answers where they can see what became of it.
func (h *Handler) deletion(w http.ResponseWriter, r *http.Request) error {
	raw, err := called(r, "signed_request")
	if err != nil {
		return err
	}
	id := r.PathValue("upstream")
	code, err := h.Upstreams.Delete(r.Context(), id, raw)
	if err != nil {
		return refuseCall(err)
	}
	return web.WriteJSON(w, http.StatusOK, struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}{h.Issuer + WithPath + id + "/deletion?code=" + code, code})
}

// showDeletion tells what became of it to whoever has the code.
func (h *Handler) showDeletion(w http.ResponseWriter, r *http.Request) error {
	code := secretOf(r.URL.Query().Get("code"))
	d, err := h.Upstreams.Deletion(r.Context(), code)
	if errors.Is(err, federation.ErrNotFound) {
		u, _ := h.Upstreams.Upstream(r.PathValue("upstream"))
		return h.Pages.Render(w, r, http.StatusNotFound, pages.DeletionStatus{Code: code, Upstream: u.Name, State: "unknown"})
	}
	if err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.DeletionStatus{Code: code, Upstream: d.Upstream, State: d.State, At: d.At})
}
