package signin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/login"
	"signet/server/pages"
	"signet/users"
	"signet/users/federation"
	"signet/users/password"
	"signet/users/session"
)

// show is the sign-in page. Whoever is signed in already and asks for somebody else gets it too.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	switch {
	case s.In.Purpose == flow.PurposeAuthorize && q.Has("cancel"):
		return h.Login.Cancel(w, r, s)
	case !s.Is(flow.SignIn) && !s.Is(flow.SignUp) && !q.Has("other"): // who is to make an account may have one
		return h.Login.GoOn(w, r, s)
	case s.Visitor == nil:
		if err := h.Browser.Tidy(w, r); err != nil {
			return err
		}
	}
	h.Browser.Bind(w, r)
	if to, err := h.sentOn(r, s); err != nil {
		return err
	} else if to != "" {
		return h.Login.ToUpstream(w, r, s, federation.LoginRequest{Upstream: to})
	}
	return h.page(w, r, s, http.StatusOK, h.blank(w, r, s))
}

// blank is the page as it is first shown, with what went wrong on another one.
func (h *Handler) blank(w http.ResponseWriter, r *http.Request, s *login.State) pages.SignIn {
	page := pages.SignIn{Username: login.Cut(s.In.Request.LoginHint), NameFirst: h.nameFirst(r, s)}
	if s.Late {
		page.Problem = "signin.expired"
	}
	if v := s.Reauth(r); v != nil {
		page.Reauth, page.Username, page.Remember, page.NameFirst = &v.Person, v.Person.Login(), v.Remember, false
	}
	if told := s.In.Progress.Told(time.Now()); told != nil {
		page.Problem, page.ProblemArgs, page.RetryAfter = told.Message, told.Args, told.RetryAfter
		if page.Reauth == nil && told.Name != "" {
			page.Username = told.Name
		}
	}
	return page
}

// nameFirst reports whether to ask for the name alone: it decides where its person signs in.
func (h *Handler) nameFirst(r *http.Request, s *login.State) bool {
	return h.Routed && s.In.Request.LoginHint == "" && !r.URL.Query().Has("password")
}

// sentOn is the upstream that a sign-in leads to without asking: the one that the app names, or the one of the address's domain. Each
// is sent on once, so that whoever comes back is asked.
func (h *Handler) sentOn(r *http.Request, s *login.State) (id string, err error) {
	if h.Login.Upstreams == nil || s.In.Purpose != flow.PurposeAuthorize || s.In.Progress.SentOn || r.URL.Query().Has("other") {
		return "", nil
	}
	if id = s.In.Request.IDPHint; id == "" {
		id, _ = h.Login.Upstreams.Route(s.In.Request.LoginHint)
	}
	if offered, err := h.Login.Offers(r, s, id); err != nil || !offered {
		return "", err
	}
	return id, h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.SentOn = true })
}

// routed sends whoever has typed a name only to where its person signs in; ok is false where that is here.
func (h *Handler) routed(w http.ResponseWriter, r *http.Request, s *login.State) (ok bool, err error) {
	name := login.Typed(r, "username", login.MaxLogin)
	if h.Login.Upstreams == nil || name == "" || r.PostForm.Get("password") != "" {
		return false, nil
	}
	id, found := h.Login.Upstreams.Route(name)
	if !found {
		return false, nil
	}
	if offered, err := h.Login.Offers(r, s, id); err != nil || !offered {
		return false, err
	}
	return true, h.Login.ToUpstream(w, r, s,
		federation.LoginRequest{Upstream: id, LoginHint: name, Remember: r.PostForm.Get("remember") != ""})
}

// page fills in what all sign-in pages share.
func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, status int, p pages.SignIn) error {
	if told := s.In.Progress.Told(time.Now()); status == http.StatusOK && told != nil && told.Status != 0 {
		status = told.Status
		if told.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(told.RetryAfter))
		}
	}
	r, p.App = h.Login.Prepare(w, r, s)
	p.Action = h.Login.Path(flow.SignIn, s.In)
	if !h.People.SignupClosed() {
		p.SignUpURL = h.Login.Path(flow.SignUp, s.In)
	}
	if h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path(passkeyPath, &s.In), h.Browser.Path(passkeyOptionsPath, &s.In)
	}
	p.ForgotURL = h.Browser.Path("/forgot", &s.In)
	if h.MailedCode {
		p.CodeURL = h.Browser.Path(codePath, &s.In)
	}
	p.CancelURL = h.Login.CancelURL(s)
	again := s.Reauth(r)
	if p.Reauth == nil {
		again = nil
	}
	if again != nil {
		p.OtherURL = h.Login.Another(s.In)
	}
	if p.NameFirst {
		p.PasswordURL = login.WithQuery(p.Action, "password=1")
	}
	for _, one := range h.Seeded {
		if p.Reauth == nil || p.Reauth.Login() == one.Login {
			p.Seeded = append(p.Seeded, pages.Person{Name: one.Name, Email: one.Login})
		}
	}
	var err error
	if p.Upstreams, err = h.Login.Buttons(w, r, s, again); err != nil {
		return err
	}
	return h.Pages.Render(w, r, status, p)
}

// submit is the form's answer.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	h.oneClick(r)
	if ok, err := h.routed(w, r, s); ok || err != nil {
		return err
	}
	form := pages.SignIn{Username: login.Typed(r, "username", login.MaxLogin), Remember: r.PostForm.Get("remember") != ""}
	if _, asked := r.PostForm["password"]; !asked && form.Username != "" && h.Routed { // the name came first
		return h.page(w, r, s, http.StatusOK, form)
	}
	err = h.signIn(w, r, s, users.Attempt{
		Login: r.PostForm.Get("username"), Password: r.PostForm.Get("password"),
		Device: func(userID string) string { return h.Browser.Device(r, userID) },
	}, form.Remember)
	if err != nil {
		return h.refuse(w, r, s, form, err)
	}
	h.Count("password", "success")
	return nil
}

// oneClick fills in what the person of a test server would type.
func (h *Handler) oneClick(r *http.Request) {
	i := slices.IndexFunc(h.Seeded, func(p Seeded) bool { return p.Login == r.PostForm.Get("seeded") })
	if i >= 0 {
		r.PostForm.Set("username", h.Seeded[i].Login)
		r.PostForm.Set("password", h.Seeded[i].Password)
	}
}

// signIn checks the password and goes on. A password that was changed or kept anew between check and session is checked
// again.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, s *login.State, a users.Attempt, remember bool) error {
	if a.Login == "" || a.Password == "" {
		return users.ErrWrong
	}
	for range 2 {
		proof, err := h.People.SignIn(r.Context(), a)
		if err != nil {
			return err
		}
		err = h.Login.Admit(w, r, s, proof.User, session.Password(remember, proof.Commit))
		if !errors.Is(err, users.ErrChanged) {
			return err
		}
	}
	return users.ErrWrong
}

// refuse shows the form again with what went wrong and what was typed. An unknown account, a wrong password and a disabled
// account look the same.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *login.State, form pages.SignIn, err error) error {
	late, throttled := errors.AsType[*users.Throttled](err)
	switch {
	case throttled:
		h.Count("password", "throttled")
		form.Problem, form.RetryAfter = "signin.throttled", int(late.RetryAfter/time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(form.RetryAfter))
		return h.page(w, r, s, http.StatusTooManyRequests, form)
	case errors.Is(err, password.ErrBusy):
		h.Count("password", "busy")
		form.Problem, form.RetryAfter = "signin.busy", int(password.RetryAfter/time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(form.RetryAfter))
		return h.page(w, r, s, http.StatusServiceUnavailable, form)
	case errors.Is(err, users.ErrGuarded):
		h.Count("password", "throttled")
		return h.guarded(w, r, s, form.Username)
	case errors.Is(err, users.ErrFrozen): // told to whoever knows the password
		h.Count("password", "failure")
		form.Problem = "signin.frozen"
		return h.page(w, r, s, http.StatusForbidden, form)
	case errors.Is(err, users.ErrWrong):
		h.Count("password", "failure")
		form.Problem = "signin.wrong"
		return h.page(w, r, s, http.StatusForbidden, form) // RFC 9110 section 15.5.4: credentials that do not suffice
	}
	return err
}
