package signin

import (
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
)

// showTerms asks somebody signed in to accept the terms of service of today.
func (h *Handler) showTerms(w http.ResponseWriter, r *http.Request) error {
	in, v, err := h.termsDue(w, r)
	if err != nil || v == nil {
		return err
	}
	r, app := h.dress(w, r, in)
	return h.Pages.Render(w, r, http.StatusOK, pages.Terms{App: app, Person: v.Person, Action: h.Browser.Path("/terms", &in), Known: v.User.Terms != ""})
}

// termsDue is who has to answer; nil where nobody has, and the answer is written.
func (h *Handler) termsDue(w http.ResponseWriter, r *http.Request) (flow.Interaction, *browser.Visitor, error) {
	in, _, err := h.errand(r)
	if err != nil {
		return in, nil, err
	}
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return in, nil, err
	}
	if v == nil {
		return in, nil, h.Browser.Go(w, r, "/signin", &in)
	}
	if !h.People.TermsDue(v.User) {
		return in, nil, h.Browser.Continue(w, r, in)
	}
	return in, v, nil
}

// answerTerms goes on with who accepts, and signs out who does not: nothing else of the server is open to them.
func (h *Handler) answerTerms(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, v, err := h.termsDue(w, r)
	if err != nil || v == nil {
		return err
	}
	if !browser.Meant(r, v) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Browser.Path("/terms", &in)}
	}
	if r.PostForm.Get("decision") == "accept" {
		if err := h.People.AcceptTerms(r.Context(), v.UserID); err != nil {
			return err
		}
		return h.Browser.Continue(w, r, in)
	}
	if err := h.Browser.SignOut(w, r, v); err != nil {
		return err
	}
	if in.Errand == browser.ErrandAuthorize {
		return h.cancel(w, r, in)
	}
	return h.Browser.Go(w, r, "/signin", nil)
}
