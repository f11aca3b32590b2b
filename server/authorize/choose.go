package authorize

import (
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
)

// hinted finds who a request is about that has just come in. Of several accounts in this browser it is the one that the request's
// id_token_hint names, or its login_hint. Under prompt=none, and with a login_hint, nothing changes of what the browser shows: anybody
// can name an address in a link. behind tells that the person found is not the one in view. Everybody else is asked as ever.
func (h *Handler) hinted(w http.ResponseWriter, r *http.Request, in flow.Interaction) (v *browser.Visitor, behind bool, err error) {
	if v, err = h.Browser.Visitor(r); err != nil {
		return nil, false, err
	}
	req := in.Request
	named := func(v *browser.Visitor) bool {
		if req.NamesPerson() {
			return req.IsAbout(h.Login.SubjectOf(r.Context(), req, v.UserID))
		}
		return req.LoginHint != "" && users.IsCalled(v.User, req.LoginHint)
	}
	if !req.NamesPerson() && req.LoginHint == "" || req.Prompted("select_account") || v != nil && named(v) {
		return v, false, nil
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return nil, false, err
	}
	i := slices.IndexFunc(all, named)
	switch {
	case i < 0:
		return v, false, nil
	case req.Prompted("none") || !req.NamesPerson():
		return all[i], !all[i].Current, nil
	}
	if here, err := h.Browser.Switch(w, r, all[i]); err != nil || !here {
		return v, false, err
	}
	return all[i], false, nil
}

// inView brings the account into view that the id_token_hint of a request in progress names, if it is signed in in this browser.
func (h *Handler) inView(w http.ResponseWriter, r *http.Request, s *login.State) (*login.State, error) {
	if about := s.In.Request; !about.NamesPerson() ||
		s.Visitor != nil && about.IsAbout(h.Login.SubjectOf(r.Context(), about, s.Visitor.UserID)) {
		return s, nil
	}
	req := s.In
	req.Request.LoginHint = ""
	v, _, err := h.hinted(w, r, req)
	if err != nil || v == nil || s.Visitor != nil && v.UserID == s.Visitor.UserID {
		return s, err
	}
	return h.Login.Begun(r, s.In, v)
}

// choose asks which account to go on with: under prompt=select_account, where nobody is in view but somebody is signed in
// behind, and where a person asks to switch.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return h.Login.GoOn(w, r, s)
	}
	page := pages.ChooseAccount{Action: h.Login.Path(flow.ChooseAccount, s.In), CancelURL: h.Login.CancelURL(s)}
	r, page.App = h.Login.Prepare(w, r, s)
	for _, v := range all {
		page.Accounts = append(page.Accounts, pages.AccountLine{ID: v.SessionID, Person: v.Person, Current: v.Current})
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// chosen goes on as one of the accounts of this browser, signs one of them out, or leads to the sign-in page for another.
// Whatever the form names is looked for among them and nowhere else (rule R05).
func (h *Handler) chosen(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
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
		return h.Login.GoOn(w, r, s)
	case out != nil:
		if err := h.Browser.SignOut(w, r, out); err != nil {
			return err
		}
		return h.Login.ToStep(w, r, s, flow.ChooseAccount)
	case chosen != nil:
		return h.goOnAs(w, r, s, chosen)
	case r.PostForm.Get("decision") == "other":
		return web.Redirect(w, r, h.Login.Another(s.In))
	}
	return h.Login.ToStep(w, r, s, flow.ChooseAccount) // signed out meanwhile: ask again
}

// goOnAs brings the account into view. What another decided in this request does not count for this one, and a sign-in that waits for
// its second factor is over: another account was chosen.
func (h *Handler) goOnAs(w http.ResponseWriter, r *http.Request, s *login.State, v *browser.Visitor) error {
	here, err := h.Browser.Switch(w, r, v)
	if err != nil {
		return err
	}
	if !here {
		return h.Login.ToStep(w, r, s, flow.ChooseAccount)
	}
	err = h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) {
		if p.UserID != v.UserID {
			*p = p.BrowserOnly()
		}
		p.UserID, p.AccountAt, p.PendingFactor = v.UserID, time.Now(), nil
	})
	if err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, v)
}
