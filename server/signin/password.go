package signin

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/users"
	"signet/users/federation"
	"signet/users/password"
	"signet/users/session"
)

// maxLogin is how much of a typed name is read and shown again, in bytes.
const maxLogin = 254

// show is the sign-in page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	in, late, err := h.errand(r)
	if err != nil {
		return err
	}
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	leaving, err := h.Browser.Leaving(r)
	if err != nil {
		return err
	}
	other := r.URL.Query().Has("other")
	behind, err := h.behind(r, in, v)
	if err != nil {
		return err
	}
	switch {
	case leaving != nil && !other:
		return h.Browser.Go(w, r, "/account/keep", &in)
	case behind && !other && !r.URL.Query().Has("cancel"):
		return h.Browser.Go(w, r, "/choose", &in)
	case in.Errand == browser.ErrandAuthorize && r.URL.Query().Has("cancel"):
		return h.cancel(w, r, in)
	case in.Errand == browser.ErrandAccount && v != nil && !other:
		return h.Browser.Go(w, r, "/account", nil) // nothing to ask: also what Back leads to after signing in
	case v == nil:
		if err := h.Browser.Tidy(w, r); err != nil {
			return err
		}
	}
	h.Browser.Bind(w, r)
	if to, err := h.sentOn(r, &in); err != nil || to != "" {
		return cmp.Or(err, h.goUpstream(w, r, in, federation.LoginRequest{Upstream: to}))
	}
	page := pages.SignIn{Username: cut(in.Request.LoginHint), NameFirst: h.nameFirst(r, in)}
	if late {
		page.Problem = "signin.expired"
	}
	if v != nil && h.again(r, in, v) {
		page.Reauth, page.Username, page.Remember, page.NameFirst = &v.Person, nameOf(v.Person), v.Remember, false
	}
	return h.page(w, r, in, http.StatusOK, page)
}

// nameFirst tells whether to ask for the name alone: it decides where its person signs in.
func (h *Handler) nameFirst(r *http.Request, in flow.Interaction) bool {
	return h.Upstreams != nil && h.Upstreams.Routed() && in.Request.LoginHint == "" && !r.URL.Query().Has("password")
}

// routed sends who has typed a name only to where its person signs in; ok is false where that is here.
func (h *Handler) routed(w http.ResponseWriter, r *http.Request, in flow.Interaction) (ok bool, err error) {
	name := typed(r, "username", maxLogin)
	if h.Upstreams == nil || name == "" || r.PostForm.Get("password") != "" {
		return false, nil
	}
	id, found := h.Upstreams.Route(name)
	list, err := h.offeredUpstreams(r, in, nil)
	if err != nil || !found || !slices.ContainsFunc(list, func(u federation.Upstream) bool { return u.ID == id }) {
		return false, err
	}
	return true, h.goUpstream(w, r, in, federation.LoginRequest{Upstream: id, LoginHint: name, Remember: r.PostForm.Get("remember") != ""})
}

// behind tells that nobody is in view but somebody is signed in in this browser who may be meant.
func (h *Handler) behind(r *http.Request, in flow.Interaction, v *browser.Visitor) (bool, error) {
	if v != nil || in.Request.LoginHint != "" || in.Request.NamesPerson() {
		return false, nil
	}
	all, err := h.Browser.Accounts(r)
	return len(all) > 0, err
}

// again tells whether the person signed in is to prove it again, rather than somebody else.
func (h *Handler) again(r *http.Request, in flow.Interaction, v *browser.Visitor) bool {
	return !r.URL.Query().Has("other") && !in.Request.Prompted("select_account") && in.Request.IsAbout(v.UserID)
}

// nameOf is what a person types to say who they are.
func nameOf(p pages.Person) string { return cmp.Or(p.Email, p.Username) }

func cut(s string) string { return s[:min(len(s), maxLogin)] }

// page fills in what all sign-in pages of an errand share.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, in flow.Interaction, status int, p pages.SignIn) error {
	r, p.App = h.dress(w, r, in)
	p.Action = h.Browser.Path("/signin", &in)
	p.SignUpURL = h.signUpURL(&in)
	if h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path("/signin/passkey", &in), h.Browser.Path("/signin/passkey/options", &in)
	}
	p.ForgotURL = h.Browser.Path("/forgot", &in)
	if h.MailedCode {
		p.CodeURL = h.Browser.Path("/signin/code", &in)
	}
	if in.Errand == browser.ErrandAuthorize {
		p.CancelURL = p.Action + "&cancel=1"
	}
	var again *browser.Visitor
	if in.ID != "" && p.Reauth != nil {
		p.OtherURL = h.Browser.Another(&in)
		var err error
		if again, err = h.reauth(r, in); err != nil {
			return err
		}
	}
	if p.NameFirst {
		p.PasswordURL = query(h.Browser.Path("/signin", &in), "password=1")
	}
	var err error
	if p.Upstreams, err = h.buttons(w, r, in, again); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// cancel goes back to the app with access_denied.
func (h *Handler) cancel(w http.ResponseWriter, r *http.Request, in flow.Interaction) error {
	if err := h.Browser.Record(r.Context(), &in, func(f *flow.Facts) { f.RefusedSign = true }); err != nil {
		return err
	}
	return h.Browser.Continue(w, r, in)
}

// submit is the sign-in form's answer.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	if ok, err := h.routed(w, r, in); ok || err != nil {
		return err
	}
	form := pages.SignIn{Username: typed(r, "username", maxLogin), Remember: r.PostForm.Get("remember") != ""}
	if _, asked := r.PostForm["password"]; !asked && form.Username != "" && h.Upstreams != nil && h.Upstreams.Routed() { // the name came first
		return h.page(w, r, in, http.StatusOK, form)
	}
	err = h.signIn(w, r, in, users.Attempt{
		Login: r.PostForm.Get("username"), Password: r.PostForm.Get("password"),
		Device: func(userID string) string { return h.Browser.Device(r, userID) },
	}, form.Remember)
	if err != nil {
		return h.refuse(w, r, in, form, err)
	}
	h.Count("success")
	return nil
}

// signIn checks the password and goes on. A password that was changed or kept anew between check and session is checked
// again.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, in flow.Interaction, a users.Attempt, remember bool) error {
	if a.Login == "" || a.Password == "" {
		return users.ErrWrong
	}
	for range 2 {
		proof, err := h.People.SignIn(r.Context(), a)
		if err != nil {
			return err
		}
		err = h.admit(w, r, in, proof.User, session.Password(remember, proof.Hold))
		if !errors.Is(err, users.ErrChanged) {
			return err
		}
	}
	return users.ErrWrong
}

// refuse shows the form again with what went wrong and what was typed. An unknown account, a wrong password and a disabled
// account look the same.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, in flow.Interaction, form pages.SignIn, err error) error {
	late, throttled := errors.AsType[*users.Throttled](err)
	switch {
	case throttled:
		h.Count("throttled")
		form.Problem, form.RetryAfter = "signin.throttled", int(late.RetryAfter/time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(form.RetryAfter))
		return h.page(w, r, in, http.StatusTooManyRequests, form)
	case errors.Is(err, password.ErrBusy):
		h.Count("busy")
		form.Problem, form.RetryAfter = "signin.busy", int(password.RetryAfter/time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(form.RetryAfter))
		return h.page(w, r, in, http.StatusServiceUnavailable, form)
	case errors.Is(err, users.ErrGuarded):
		h.Count("throttled")
		return h.guarded(w, r, in, form.Username)
	case errors.Is(err, users.ErrFrozen): // told to whoever knows the password
		h.Count("failure")
		form.Problem = "signin.frozen"
		return h.page(w, r, in, http.StatusForbidden, form)
	case errors.Is(err, users.ErrWrong):
		h.Count("failure")
		form.Problem = "signin.wrong"
		return h.page(w, r, in, http.StatusForbidden, form) // RFC 9110 section 15.5.4: credentials that do not suffice
	}
	return err
}
