package upstream

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/users"
	"signet/users/federation"
)

// maxField is how much of a typed field is shown again, in bytes.
const maxField = 1024

// waiting reads the sign-in and the identity of ?a= that waits in it. federation.ErrExpired.
func (h *Handler) waiting(r *http.Request) (*login.State, federation.PendingIdentity, error) {
	s, err := h.Login.Load(r)
	if err != nil {
		return s, federation.PendingIdentity{}, err
	}
	k, err := h.pending(r, s, r.URL.Query().Get("a"))
	if err == nil && k.Upstream != r.PathValue("upstream") {
		err = federation.ErrExpired
	}
	return s, k, err
}

func (h *Handler) pending(r *http.Request, s *login.State, id string) (federation.PendingIdentity, error) {
	k, err := h.Identities.Pending(r.Context(), id, h.Browser.Mark(r))
	if err == nil && s.In.ID != k.Interaction {
		err = federation.ErrExpired
	}
	return k, err
}

// showNew is where somebody decides whose identity is not linked to an account.
func (h *Handler) showNew(w http.ResponseWriter, r *http.Request) error {
	s, k, err := h.waiting(r)
	if err != nil {
		return h.Login.RefuseUpstream(w, r, s, r.PathValue("upstream"), err)
	}
	if k.UserID == "" {
		form := pages.NewAccount{}
		form.Name, form.Email = h.Identities.Suggest(k)
		return h.newPage(w, r, s, k, http.StatusOK, form)
	}
	if s.Is(flow.Link) {
		return h.Login.GoOn(w, r, s)
	}
	u, _ := h.Login.Upstreams.Upstream(k.Upstream)
	r, app := h.Login.Prepare(w, r, s)
	signIn := h.Login.Path(flow.SignIn, s.In)
	if s.Visitor != nil {
		signIn = h.Login.Another(s.In)
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.ConnectFirst{
		App: app, Upstream: h.Login.Button(r, s, u), Email: k.Identity.Email, SignInURL: signIn, BackURL: h.Login.Path(flow.SignIn, s.In),
	})
}

func (h *Handler) newPage(w http.ResponseWriter, r *http.Request, s *login.State, k federation.PendingIdentity, status int,
	p pages.NewAccount) error {
	u, _ := h.Login.Upstreams.Upstream(k.Upstream)
	r, p.App = h.Login.Prepare(w, r, s)
	p.Upstream, p.Action, p.BackURL = h.Login.Button(r, s, u), h.newPath(s, k), h.Login.Path(flow.SignIn, s.In)
	p.AskUsername, p.Terms = true, h.Rules.Terms() != ""
	p.Invited = k.Address != ""
	p.EmailFixed = k.EmailTrusted && !p.Invited
	p.ByMail = !k.EmailTrusted && !k.Invited && h.Rules.MailOn()
	return h.Pages.Render(w, r, status, p)
}

// join makes the account of somebody new.
func (h *Handler) join(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, k, err := h.waiting(r)
	if err != nil {
		return h.Login.RefuseUpstream(w, r, s, r.PathValue("upstream"), err)
	}
	form := pages.NewAccount{
		Name: login.Typed(r, "name", maxField), Email: login.Typed(r, "email", maxField), Username: login.Typed(r, "username", maxField),
		Agreed: r.PostForm.Get("terms") != "",
	}
	if k.EmailTrusted {
		form.Email = k.Identity.Email
	}
	form.Email = cmp.Or(k.Address, form.Email)
	reg := users.Registration{Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), Username: r.PostForm.Get("username")}
	if r.PostForm.Get("terms") != "" {
		reg.Terms = h.Rules.Terms()
	}
	who, mailed, err := h.Identities.Join(h.Login.Told(r), k, reg)
	if err != nil {
		return h.refuseNew(w, r, s, k, form, err)
	}
	if mailed {
		again := &pages.Resend{Action: h.newPath(s, k), Done: login.Again(r)}
		again.Fields = [][2]string{{"name", form.Name}, {"email", form.Email}, {"username", form.Username}}
		if form.Agreed {
			again.Fields = append(again.Fields, [2]string{"terms", "1"})
		}
		return h.Login.Mailbox(w, r, s, pages.Mailbox{What: "signup", Address: form.Email, AgainURL: h.newPath(s, k), Resend: again})
	}
	how, err := h.Callbacks.How(k.Callback(), who)
	if err != nil {
		return err
	}
	h.Count("upstream "+k.Upstream, "joined")
	return h.Login.AdmitNew(w, r, s, who, how)
}

func (h *Handler) refuseNew(w http.ResponseWriter, r *http.Request, s *login.State, k federation.PendingIdentity, form pages.NewAccount,
	err error) error {
	if problems, ok := browser.Problems(err, h.Rules.MinPassword()); ok {
		for i, p := range problems { // the form names its fields by what they are
			switch p.Field {
			case "username":
				problems[i].Field = "email"
			case "handle":
				problems[i].Field = "username"
			}
		}
		form.Problems = problems
		return h.newPage(w, r, s, k, http.StatusBadRequest, form)
	}
	if late, ok := errors.AsType[*users.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		form.Problems = []pages.Problem{{Field: "email", Message: "form.throttled"}}
		return h.newPage(w, r, s, k, http.StatusTooManyRequests, form)
	}
	if errors.Is(err, users.ErrGone) { // the invitation
		return login.LinkExpired(err, h.Login.Path(flow.SignIn, s.In))
	}
	return h.Login.RefuseUpstream(w, r, s, k.Upstream, err)
}
