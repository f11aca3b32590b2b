package authorize

import (
	"net/http"
	"time"

	"signet/oauth/flow"
	"signet/server/pages"
	"signet/server/web"
)

// choose asks which account to go on with (prompt=select_account).
func (h *Handler) choose(w http.ResponseWriter, r *http.Request) error {
	in, err := h.Browser.Interaction(r)
	if err != nil {
		return err
	}
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if v == nil {
		return h.Browser.Continue(w, r, in)
	}
	web.AllowFormAction(w, in.Request.RedirectURI)
	r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
	return h.Pages.Render(w, r, http.StatusOK, pages.ChooseAccount{
		App: h.App(r.Context(), in.Request.ClientID, in.Request.RedirectURI), Action: h.Browser.Path("/choose", &in), Person: v.Person})
}

// chosen goes on as the person signed in, or to the sign-in page for another.
func (h *Handler) chosen(w http.ResponseWriter, r *http.Request) error {
	in, err := h.Browser.Interaction(r)
	if err != nil {
		return err
	}
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	switch {
	case v == nil:
		return h.Browser.Continue(w, r, in)
	case r.PostForm.Get("decision") != "continue":
		return web.Redirect(w, r, h.Browser.Path("/signin", &in)+"&other=1")
	}
	err = h.Browser.Record(r.Context(), &in, func(f *flow.Facts) {
		if f.UserID != v.UserID {
			*f = flow.Facts{UserID: v.UserID}
		}
		f.AccountAt = time.Now()
	})
	if err != nil {
		return err
	}
	return h.Browser.Continue(w, r, in)
}
