package authorize

import (
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
)

// hinted finds who the request is about. Of several accounts in this browser it is the one that the request's id_token_hint
// (or sub of its claims parameter) names, or its login_hint when it comes in, and that one comes into view: no password, as it
// is signed in (prompt=login and max_age are flow's matter). prompt=none changes nothing of what the browser shows. Everybody
// else is asked as ever.
func (h *Handler) hinted(w http.ResponseWriter, r *http.Request, in flow.Interaction) (*browser.Visitor, error) {
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return nil, err
	}
	req := in.Request
	named := func(v *browser.Visitor) bool {
		if req.NamesPerson() {
			return req.IsAbout(v.UserID)
		}
		return in.ID == "" && req.LoginHint != "" && users.IsCalled(v.User, req.LoginHint)
	}
	if !req.NamesPerson() && req.LoginHint == "" || req.Prompted("select_account") || v != nil && named(v) {
		return v, nil
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, named)
	if i < 0 || req.Prompted("none") && !all[i].Current {
		if i >= 0 {
			v = all[i]
		}
		return v, nil
	}
	if here, err := h.Browser.Switch(w, r, all[i]); err != nil || !here {
		return v, err
	}
	return all[i], nil
}

// errand is the request that the choice belongs to; none at all is a plain change of account.
func (h *Handler) errand(r *http.Request) (flow.Interaction, error) {
	if !r.URL.Query().Has("i") {
		return flow.Interaction{Errand: browser.ErrandAccount}, nil
	}
	return h.Browser.Interaction(r)
}

// choose asks which account to go on with: under prompt=select_account, where nobody is in view but somebody is signed in
// behind, and where a person asks to switch.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request) error {
	in, err := h.errand(r)
	if err != nil {
		return err
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return h.Browser.Continue(w, r, in)
	}
	page := pages.ChooseAccount{Action: h.Browser.Path("/choose", &in)}
	if in.Errand == browser.ErrandAuthorize {
		web.AllowFormAction(w, in.Request.RedirectURI)
		r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
		page.App = h.App(r.Context(), in.Request.ClientID, in.Request.RedirectURI)
	}
	for _, v := range all {
		page.Accounts = append(page.Accounts, pages.AccountLine{ID: v.SessionID, Person: v.Person, Current: v.Current})
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// chosen goes on as one of the accounts of this browser, signs one of them out, or leads to the sign-in page for another.
// Whatever the form names is looked for among them and nowhere else (security notes R05).
func (h *Handler) chosen(w http.ResponseWriter, r *http.Request) error {
	in, err := h.errand(r)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return err
	}
	of := func(id string) *browser.Visitor {
		if i := slices.IndexFunc(all, func(v *browser.Visitor) bool { return v.SessionID == id }); i >= 0 {
			return all[i]
		}
		return nil
	}
	out, chosen := of(r.PostForm.Get("sign_out")), of(r.PostForm.Get("account"))
	switch {
	case len(all) == 0:
		return h.Browser.Continue(w, r, in)
	case out != nil:
		if err := h.Browser.SignOut(w, r, out); err != nil {
			return err
		}
		return h.Browser.Go(w, r, "/choose", &in)
	case chosen != nil:
		return h.goOnAs(w, r, in, chosen)
	case r.PostForm.Get("decision") == "other":
		return web.Redirect(w, r, h.Browser.Another(&in))
	}
	return h.Browser.Go(w, r, "/choose", &in) // signed out meanwhile: ask again
}

// goOnAs brings the account into view. What another decided in this request does not count for this one.
func (h *Handler) goOnAs(w http.ResponseWriter, r *http.Request, in flow.Interaction, v *browser.Visitor) error {
	here, err := h.Browser.Switch(w, r, v)
	if err != nil {
		return err
	}
	if !here {
		return h.Browser.Go(w, r, "/choose", &in)
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
