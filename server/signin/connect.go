package signin

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/federation"
	"signet/users/federation/provider"
)

// confirmedFor is how long a sign-in counts as recent for linking an identity (security notes F10, N04).
const confirmedFor = 10 * time.Minute

// loginsPath is the account's page of linked identities.
const loginsPath = "/account/logins"

func (h *Handler) connectURL(in *flow.Interaction) string {
	return h.keptURL(connectPath, in, in.Facts.Connect)
}

// link ties the identity to the account of who asked for it on the account's page, and is that person still.
func (h *Handler) link(w http.ResponseWriter, r *http.Request, a federation.Callback) error {
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if v == nil || v.UserID != a.UserID {
		return h.linkFailed(w, r, a.Upstream, federation.ErrExpired)
	}
	if err := h.Upstreams.Link(h.told(r), v.User, a); err != nil {
		return h.linkFailed(w, r, a.Upstream, err)
	}
	h.CountWay("upstream "+a.Upstream, "linked")
	return web.Redirect(w, r, h.Browser.Path(loginsPath, nil)+"?done=login_added")
}

// linkProblems are those that the account's page tells; see upstreamProblems.
var linkProblems = []struct {
	is      error
	message string
}{
	{federation.ErrTaken, "taken"}, {federation.ErrHave, "have"}, {provider.ErrDenied, "denied"}, {provider.ErrDown, "down"},
	{federation.ErrExpired, "expired"}, {provider.ErrDomain, "domain"}, {provider.ErrIdentity, "identity"}, {federation.ErrMixUp, "identity"},
	{provider.ErrUpstream, "error"}, {users.ErrChanged, "error"},
}

// linkFailed goes back to the account's page, which says why.
func (h *Handler) linkFailed(w http.ResponseWriter, r *http.Request, id string, err error) error {
	for _, p := range linkProblems {
		if errors.Is(err, p.is) {
			h.CountWay("upstream "+id, "failure")
			return web.Redirect(w, r, h.Browser.Path(loginsPath, nil)+"?problem="+p.message+"&upstream="+id)
		}
	}
	return err
}

// kept reads the errand and the identity that waits in it.
func (h *Handler) kept(r *http.Request) (flow.Interaction, federation.PendingIdentity, error) {
	in, _, err := h.errand(r)
	if err != nil {
		return in, federation.PendingIdentity{}, err
	}
	k, err := h.Upstreams.Pending(r.Context(), r.URL.Query().Get("a"), h.Browser.Mark(r))
	if err == nil && in.ID != k.Interaction {
		err = federation.ErrExpired
	}
	return in, k, err
}

// showNewcomer is where somebody decides whose identity is nobody's yet.
func (h *Handler) showNewcomer(w http.ResponseWriter, r *http.Request) error {
	in, k, err := h.kept(r)
	if err == nil && k.Upstream != r.PathValue("upstream") {
		err = federation.ErrExpired
	}
	if err != nil {
		return h.refuseUpstream(w, r, in, r.PathValue("upstream"), err)
	}
	if k.UserID == "" {
		form := pages.NewAccount{}
		form.Name, form.Email = h.Upstreams.Suggest(k)
		return h.newcomerPage(w, r, in, k, http.StatusOK, form)
	}
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if v != nil && v.UserID == k.UserID {
		return web.Redirect(w, r, h.keptURL(connectPath, &in, k.ID))
	}
	u, _ := h.Upstreams.Upstream(k.Upstream)
	r, app := h.dress(w, r, in)
	signIn := h.Browser.Path("/signin", &in)
	if v != nil {
		signIn = h.Browser.Another(&in)
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.ConnectFirst{
		App: app, Upstream: h.button(r, in, u), Email: k.Identity.Email, SignInURL: signIn, BackURL: h.Browser.Path("/signin", &in),
	})
}

func (h *Handler) newcomerPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, k federation.PendingIdentity, status int, p pages.NewAccount) error {
	u, _ := h.Upstreams.Upstream(k.Upstream)
	r, p.App = h.dress(w, r, in)
	p.Upstream, p.Action, p.BackURL = h.button(r, in, u), h.keptURL(WithPath+k.Upstream+"/new", &in, k.ID), h.Browser.Path("/signin", &in)
	p.AskUsername, p.Terms = true, h.People.Terms() != ""
	p.Invited = k.Address != ""
	p.EmailFixed = k.EmailTrusted && !p.Invited
	p.ByMail = !k.EmailTrusted && !k.Invited && h.Mailed.MailOn()
	return h.Pages.Render(w, r, status, p)
}

// joinNewcomer makes the newcomer's account.
func (h *Handler) joinNewcomer(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, k, err := h.kept(r)
	if err != nil {
		return h.refuseUpstream(w, r, in, r.PathValue("upstream"), err)
	}
	form := pages.NewAccount{Name: typed(r, "name", maxField), Email: typed(r, "email", maxField), Username: typed(r, "username", maxField)}
	if k.EmailTrusted {
		form.Email = k.Identity.Email
	}
	form.Email = cmp.Or(k.Address, form.Email)
	who, mailed, err := h.Upstreams.Join(h.told(r), k, users.Registration{
		Name: r.PostForm.Get("name"), Email: r.PostForm.Get("email"), Username: r.PostForm.Get("username"), Terms: h.terms(r),
	})
	if err != nil {
		return h.refuseNewcomer(w, r, in, k, form, err)
	}
	if mailed {
		return h.mailbox(w, r, in, "signup", form.Email)
	}
	how, err := h.Upstreams.How(k.Callback(), who)
	if err != nil {
		return err
	}
	h.CountWay("upstream "+k.Upstream, "joined")
	return h.first(w, r, in, who, how)
}

func (h *Handler) refuseNewcomer(w http.ResponseWriter, r *http.Request, in flow.Interaction, k federation.PendingIdentity, form pages.NewAccount, err error) error {
	if problems, ok := browser.Problems(err, h.People.MinPassword()); ok {
		for i, p := range problems { // the form names its fields by what they are
			switch p.Field {
			case "username":
				problems[i].Field = "email"
			case "handle":
				problems[i].Field = "username"
			}
		}
		form.Problems = problems
		return h.newcomerPage(w, r, in, k, http.StatusBadRequest, form)
	}
	if late, ok := errors.AsType[*users.Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		form.Problems = []pages.Problem{{Field: "email", Message: "form.throttled"}}
		return h.newcomerPage(w, r, in, k, http.StatusTooManyRequests, form)
	}
	if errors.Is(err, users.ErrGone) { // the invitation
		return gone(err, h.Browser.Path("/signin", &in))
	}
	return h.refuseUpstream(w, r, in, k.Upstream, err)
}

// connecting is the person signed in who is asked whether to link the identity that waits; nil where there is none, and the
// answer is written. They have proven a moment ago, in the strongest way they have, that the account is theirs.
func (h *Handler) connecting(w http.ResponseWriter, r *http.Request) (in flow.Interaction, k federation.PendingIdentity, v *browser.Visitor, err error) {
	in, k, err = h.kept(r)
	if errors.Is(err, federation.ErrExpired) {
		return in, k, nil, h.goOn(w, r, in)
	}
	if err != nil {
		return in, k, nil, err
	}
	if v, err = h.Browser.Visitor(r); err != nil {
		return in, k, nil, err
	}
	if v == nil {
		return in, k, nil, h.Browser.Go(w, r, "/signin", &in)
	}
	if v.UserID != k.UserID { // it belongs to an account that somebody else signed in to instead
		return in, k, nil, h.goOn(w, r, in)
	}
	strong, err := h.strong(r, v)
	if err != nil {
		return in, k, nil, err
	}
	if strong && time.Since(v.AuthTime) < confirmedFor {
		return in, k, v, nil
	}
	confirm, err := h.Browser.BeginConfirm(w, r, connectPath+"?i="+in.ID+"&a="+k.ID)
	if err != nil {
		return in, k, nil, err
	}
	return in, k, nil, h.Browser.Go(w, r, "/signin", &confirm)
}

// goOn goes on with the errand without linking.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, in flow.Interaction) error {
	err := h.Browser.Record(r.Context(), &in, func(f *flow.Facts) { f.Connect = "" })
	if err != nil && !over(err) {
		return err
	}
	return h.Browser.Continue(w, r, in)
}

func (h *Handler) showConnect(w http.ResponseWriter, r *http.Request) error {
	in, k, v, err := h.connecting(w, r)
	if err != nil || v == nil {
		return err
	}
	u, _ := h.Upstreams.Upstream(k.Upstream)
	r, app := h.dress(w, r, in)
	return h.Pages.Render(w, r, http.StatusOK, pages.Connect{
		App: app, Person: v.Person, Upstream: h.button(r, in, u), Label: k.Identity.Email, Action: h.keptURL(connectPath, &in, k.ID),
	})
}

// connect links the identity, or does not, and goes on with the errand.
func (h *Handler) connect(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, k, v, err := h.connecting(w, r)
	if err != nil || v == nil {
		return err
	}
	if !browser.Meant(r, v) {
		return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.keptURL(connectPath, &in, k.ID)}
	}
	if r.PostForm.Get("decision") != "connect" {
		if err := h.Upstreams.Discard(r.Context(), k); err != nil {
			return err
		}
		return h.goOn(w, r, in)
	}
	err = h.Upstreams.LinkPending(h.told(r), v.User, k)
	switch {
	case errors.Is(err, federation.ErrExpired), errors.Is(err, federation.ErrHave), errors.Is(err, federation.ErrTaken), errors.Is(err, users.ErrChanged):
		return h.linkFailed(w, r, k.Upstream, err)
	case err != nil:
		return err
	}
	h.CountWay("upstream "+k.Upstream, "linked")
	if in.Errand != browser.ErrandAuthorize {
		return web.Redirect(w, r, h.Browser.Path(loginsPath, nil)+"?done=login_added")
	}
	return h.goOn(w, r, in)
}

// carries tells whether a sign-up came from an upstream: then nothing else is asked for in the browser that began it.
func (h *Handler) carries(p users.Pending) bool { return h.Upstreams != nil && len(p.Carried) > 0 }

// verifyNewcomer makes the account of a newcomer whose address is proven, in the browser that asked for it.
func (h *Handler) verifyNewcomer(w http.ResponseWriter, r *http.Request, secret string, p users.Pending) error {
	u, a, err := h.Upstreams.Prove(h.told(r), secret, p, h.Browser.Mark(r))
	switch {
	case errors.Is(err, users.ErrClosed):
		return h.closed(&flow.Interaction{})
	case errors.Is(err, users.ErrGone):
		return gone(err, h.Browser.Path("/signup", nil))
	case errors.Is(err, federation.ErrExpired), errors.Is(err, federation.ErrTaken):
		return h.refuseUpstream(w, r, flow.Interaction{Errand: browser.ErrandAccount}, a.Upstream, err)
	case err != nil:
		return err
	}
	how, err := h.Upstreams.How(a, u)
	if err != nil {
		return err
	}
	h.CountWay("upstream "+a.Upstream, "joined")
	return h.proven(w, r, p, u, how)
}
