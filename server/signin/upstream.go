package signin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"signet/internal/ratelimit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
	"signet/users/session"
)

// Upstreams is what the room needs of them.
type Upstreams interface {
	List() []federation.Upstream
	Upstream(id string) (federation.Upstream, bool)
	Routed() bool
	Route(email string) (id string, ok bool)
	Begin(ctx context.Context, b federation.Start) (*url.URL, error)
	Complete(ctx context.Context, upstreamID, browser string, callback url.Values) (federation.Arrival, error)
	Known(ctx context.Context, a federation.Arrival) (storage.User, error)
	How(a federation.Arrival, who storage.User) (session.How, error)
	Linked(ctx context.Context, userID string) ([]storage.Identity, error)
	Link(ctx context.Context, who storage.User, a federation.Arrival) error
	Newcomer(ctx context.Context, a federation.Arrival) (federation.Kept, error)
	Kept(ctx context.Context, id, browser string) (federation.Kept, error)
	Discard(ctx context.Context, k federation.Kept) error
	LinkKept(ctx context.Context, who storage.User, k federation.Kept) error
	Suggest(k federation.Kept) (name, email string)
	Join(ctx context.Context, k federation.Kept, n users.NewPerson) (who storage.User, mailed bool, err error)
	Prove(ctx context.Context, secret string, p users.Pending, browser string) (storage.User, federation.Arrival, error)
	Left(ctx context.Context, secret, browser string) (back string, err error)
	Logout(ctx context.Context, upstreamID, raw string) error
	Deauthorize(ctx context.Context, upstreamID, raw string) error
	Delete(ctx context.Context, upstreamID, raw string) (code string, err error)
	Deletion(ctx context.Context, code string) (federation.Deletion, error)
}

// WithPath is where sign-in at an upstream begins; the upstream's id follows.
const WithPath = "/signin/with/"

const (
	connectPath   = "/signin/connect"
	formPostCause = "OAuth 2.0 Form Post Response Mode: upstreams may POST their answer; it only sends the browser on to the GET"
)

func (h *Handler) mountUpstreams(m *web.Mux) {
	m.Page("POST "+WithPath+"{upstream}", h.toUpstream, web.Nothing)
	m.Page("GET "+WithPath+"{upstream}/callback", h.fromUpstream, web.LinkedLogin, web.EmailAddress)
	m.CrossSitePage("POST "+WithPath+"{upstream}/callback", formPostCause, h.fromUpstreamByForm, web.Nothing)
	m.Page("GET "+WithPath+"{upstream}/new", h.showNewcomer)
	m.Page("POST "+WithPath+"{upstream}/new", h.joinNewcomer, web.LinkedLogin, web.EmailAddress)
	m.Page("GET "+connectPath, h.showConnect)
	m.Page("POST "+connectPath, h.connect, web.LinkedLogin, web.EmailAddress)
	m.Page("GET "+WithPath+"signed-out", h.left)
	h.mountUpstreamCalls(m)
}

// offered lists the upstreams of an errand: those of its client, in the configured order; with again, those that the visitor
// who is to prove it again is known by.
func (h *Handler) offeredUpstreams(r *http.Request, in flow.Interaction, again *browser.Visitor) ([]federation.Upstream, error) {
	if h.Upstreams == nil {
		return nil, nil
	}
	list := h.Upstreams.List()
	if in.Errand == browser.ErrandAuthorize && h.ClientUpstreams != nil {
		if ids := h.ClientUpstreams(r.Context(), in.Request.ClientID); len(ids) > 0 {
			list = slices.DeleteFunc(list, func(u federation.Upstream) bool { return !slices.Contains(ids, u.ID) })
		}
	}
	if again == nil || len(list) == 0 {
		return list, nil
	}
	known, err := h.Upstreams.Linked(r.Context(), again.UserID)
	return slices.DeleteFunc(list, func(u federation.Upstream) bool {
		return !slices.ContainsFunc(known, func(i storage.Identity) bool { return i.Upstream == u.ID })
	}), err
}

// buttons are the upstreams as pages show them, and let the page's forms lead there.
func (h *Handler) buttons(w http.ResponseWriter, r *http.Request, in flow.Interaction, again *browser.Visitor) ([]pages.Upstream, error) {
	list, err := h.offeredUpstreams(r, in, again)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	targets := []string{in.Request.RedirectURI}
	var buttons []pages.Upstream
	for _, u := range list {
		targets = append(targets, u.Issuer)
		if !u.Hidden || again != nil {
			buttons = append(buttons, h.button(r, in, u))
		}
	}
	web.AllowFormAction(w, targets...)
	return buttons, nil
}

// joinable are the buttons of those that make accounts.
func (h *Handler) joinable(w http.ResponseWriter, r *http.Request, in flow.Interaction) ([]pages.Upstream, error) {
	list, err := h.buttons(w, r, in, nil)
	return slices.DeleteFunc(list, func(b pages.Upstream) bool {
		u, _ := h.Upstreams.Upstream(b.ID)
		return u.NewAccounts == federation.AccountsNever
	}), err
}

func (h *Handler) button(r *http.Request, in flow.Interaction, u federation.Upstream) pages.Upstream {
	action := h.Browser.Path(WithPath+u.ID, &in)
	if r.URL.Query().Has("other") {
		action = query(action, "other=1")
	}
	return pages.Upstream{ID: u.ID, Name: u.Name, Mark: u.Mark, Action: action}
}

// query puts a parameter behind one of our paths.
func query(path, parameter string) string {
	if strings.Contains(path, "?") {
		return path + "&" + parameter
	}
	return path + "?" + parameter
}

// toUpstream is a button's answer.
func (h *Handler) toUpstream(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	return h.goUpstream(w, r, in, federation.Start{
		Upstream: r.PathValue("upstream"), LoginHint: typed(r, "username", maxLogin), Remember: r.PostForm.Get("remember") != "",
		Invitation: secretOf(r.PostForm.Get("t")),
	})
}

// goUpstream sends the browser to an upstream, as start says, if it is offered. Whoever is signed in and is to prove it again has to do so there
// too.
func (h *Handler) goUpstream(w http.ResponseWriter, r *http.Request, in flow.Interaction, start federation.Start) error {
	id := start.Upstream
	again, err := h.reauth(r, in)
	if err != nil {
		return err
	}
	list, err := h.offeredUpstreams(r, in, nil)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(u federation.Upstream) bool { return u.ID == id }) {
		return h.refuseUpstream(w, r, in, id, errNotOffered)
	}
	start.Purpose, start.Errand, start.Browser, start.Locales = federation.ToSignIn, in.ID, h.Browser.Mark(r), strings.Join(in.Request.UILocales, " ")
	start.Choose = r.URL.Query().Has("other") || in.Request.Prompted("select_account")
	start.Fresh = in.Request.Prompted("login") || in.Request.MaxAge != nil
	if start.LoginHint == "" {
		start.LoginHint = cut(in.Request.LoginHint)
	}
	if again != nil {
		start.UserID, start.Remember, start.Fresh = again.UserID, again.Remember, true
	}
	to, err := h.Upstreams.Begin(r.Context(), start)
	if err != nil {
		return h.refuseUpstream(w, r, in, id, err)
	}
	return web.Redirect(w, r, to.String())
}

// reauth is the visitor who is to prove again who they are; nil = whoever it is may sign in.
func (h *Handler) reauth(r *http.Request, in flow.Interaction) (*browser.Visitor, error) {
	v, err := h.Browser.Visitor(r)
	if err != nil || v == nil || in.ID == "" || !h.again(r, in, v) {
		return nil, err
	}
	return v, nil
}

// sentOn is the upstream that the errand leads to without asking: the one that the app names, or the one of the address'
// domain. Each errand is sent on once, so that who comes back is asked.
func (h *Handler) sentOn(r *http.Request, in *flow.Interaction) (id string, err error) {
	if h.Upstreams == nil || in.Errand != browser.ErrandAuthorize || in.Facts.Sent || r.URL.Query().Has("other") {
		return "", nil
	}
	if id = in.Request.IDPHint; id == "" {
		id, _ = h.Upstreams.Route(in.Request.LoginHint)
	}
	list, err := h.offeredUpstreams(r, *in, nil)
	if err != nil || !slices.ContainsFunc(list, func(u federation.Upstream) bool { return u.ID == id }) {
		return "", err
	}
	return id, h.Browser.Record(r.Context(), in, func(f *flow.Facts) { f.Sent = true })
}

// fromUpstreamByForm turns a posted answer into the GET that has our cookies.
func (h *Handler) fromUpstreamByForm(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range []string{"state", "code", "iss", "error", "user"} {
		if values, sent := r.PostForm[name]; sent {
			query[name] = values
		}
	}
	to := h.Browser.Path(WithPath+url.PathEscape(r.PathValue("upstream"))+"/callback", nil) + "?" + query.Encode()
	if len(to) > maxAnswer {
		return &web.PageError{Status: http.StatusRequestEntityTooLarge, Kind: "too_large"}
	}
	return web.Redirect(w, r, to)
}

// maxAnswer keeps the GET that a POST is turned into within the limit of a URL, in bytes.
const maxAnswer = 7 << 10

// fromUpstream is the callback.
func (h *Handler) fromUpstream(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("upstream")
	if _, ok := h.Upstreams.Upstream(id); !ok {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	a, failed := h.Upstreams.Complete(r.Context(), id, h.Browser.Mark(r), r.URL.Query())
	in, err := h.resume(r, a.Errand)
	if err != nil {
		return err
	}
	if failed != nil && a.Purpose == federation.ToLink {
		return h.linkFailed(w, r, id, failed)
	}
	if failed != nil {
		return h.refuseUpstream(w, r, in, id, failed)
	}
	if a.Purpose == federation.ToLink {
		return h.link(w, r, a)
	}
	if err := h.arrive(w, r, in, a); err != nil {
		return h.refuseUpstream(w, r, in, id, err)
	}
	return nil
}

// resume is the errand of an id that this browser began; what is over is a plain sign-in.
func (h *Handler) resume(r *http.Request, id string) (flow.Interaction, error) {
	account := flow.Interaction{Errand: browser.ErrandAccount}
	if id == "" {
		return account, nil
	}
	again := r.Clone(r.Context())
	q := again.URL.Query()
	q.Set("i", id)
	again.URL.RawQuery = q.Encode()
	in, err := h.Browser.Interaction(again)
	if over(err) {
		return account, nil
	}
	return in, err
}

// Why an arrival leads nowhere, beside the categories of users/federation.
var (
	errNotOffered  = errors.New("upstream is not offered here")
	errOtherPerson = errors.New("signed in at the upstream as somebody else")
	errDisabled    = errors.New("account is switched off")
)

// arrive signs in who came from an upstream, or finds out what a newcomer wants.
func (h *Handler) arrive(w http.ResponseWriter, r *http.Request, in flow.Interaction, a federation.Arrival) error {
	u, err := h.Upstreams.Known(r.Context(), a)
	if errors.Is(err, federation.ErrUnknown) && a.UserID == "" {
		return h.newcomer(w, r, in, a)
	}
	switch {
	case errors.Is(err, federation.ErrUnknown), err == nil && a.UserID != "" && u.ID != a.UserID:
		return errOtherPerson
	case err != nil:
		return err
	case !u.DisabledAt.IsZero():
		return errDisabled
	}
	how, err := h.Upstreams.How(a, u)
	if err != nil {
		return err
	}
	if err := h.admit(w, r, in, u, how); err != nil {
		return err
	}
	h.CountWay("upstream "+a.Upstream, "success")
	return nil
}

// newcomer leads somebody whose identity is nobody's to where they decide.
func (h *Handler) newcomer(w http.ResponseWriter, r *http.Request, in flow.Interaction, a federation.Arrival) error {
	if in.ID == "" {
		var err error
		if in, err = h.Browser.Begin(w, r, browser.ErrandAccount, flow.Request{}); err != nil {
			return err
		}
	}
	a.Errand = in.ID
	k, err := h.Upstreams.Newcomer(r.Context(), a)
	if err != nil {
		return err
	}
	connect := ""
	if k.UserID != "" {
		connect = k.ID
	}
	if err := h.Browser.Record(r.Context(), &in, func(f *flow.Facts) { f.Connect = connect }); err != nil {
		return err
	}
	return web.Redirect(w, r, h.keptURL(WithPath+k.Upstream+"/new", &in, k.ID))
}

func (h *Handler) keptURL(path string, in *flow.Interaction, kept string) string {
	return query(h.Browser.Path(path, in), "a="+kept)
}

// upstreamProblems say on the sign-in page why nobody is signed in.
var upstreamProblems = []struct {
	is      error
	message string
	status  int
	outcome string
}{
	{federation.ErrDenied, "upstream.denied", http.StatusForbidden, "denied"},
	{federation.ErrDown, "upstream.down", http.StatusBadGateway, "down"},
	{federation.ErrExpired, "upstream.expired", http.StatusBadRequest, "failure"},
	{federation.ErrMixUp, "upstream.identity", http.StatusBadRequest, "failure"},
	{federation.ErrIdentity, "upstream.identity", http.StatusForbidden, "failure"},
	{federation.ErrDomain, "upstream.domain", http.StatusForbidden, "failure"},
	{users.ErrDomain, "upstream.domain", http.StatusForbidden, "failure"},
	{federation.ErrUpstream, "upstream.error", http.StatusBadGateway, "failure"},
	{federation.ErrNoAccount, "upstream.no_account", http.StatusForbidden, "failure"},
	{users.ErrClosed, "upstream.closed", http.StatusForbidden, "failure"},
	{federation.ErrTaken, "upstream.taken", http.StatusConflict, "failure"},
	{federation.ErrHave, "upstream.taken", http.StatusConflict, "failure"},
	{federation.ErrGone, "upstream.error", http.StatusConflict, "failure"},
	{users.ErrChanged, "upstream.error", http.StatusConflict, "failure"},
	{users.ErrFrozen, "signin.frozen", http.StatusForbidden, "failure"},
	{errNotOffered, "upstream.not_offered", http.StatusForbidden, "failure"},
	{errOtherPerson, "upstream.other_person", http.StatusForbidden, "failure"},
	{errDisabled, "signin.disabled", http.StatusForbidden, "failure"},
}

// refuseUpstream shows the sign-in page with what went wrong; the errand goes on (security notes N03).
func (h *Handler) refuseUpstream(w http.ResponseWriter, r *http.Request, in flow.Interaction, id string, err error) error {
	if late, ok := errors.AsType[*ratelimit.Throttled](err); ok {
		return h.refuse(w, r, in, pages.SignIn{Username: cut(in.Request.LoginHint)}, &users.Throttled{RetryAfter: late.RetryAfter})
	}
	for _, p := range upstreamProblems {
		if !errors.Is(err, p.is) {
			continue
		}
		u, known := h.Upstreams.Upstream(id)
		if known { // what strangers type is no label of a metric
			h.CountWay("upstream "+id, p.outcome)
		}
		page := pages.SignIn{Problem: p.message, ProblemArgs: map[string]string{"Name": u.Name}, Username: cut(in.Request.LoginHint)}
		v, err := h.reauth(r, in)
		if err != nil {
			return err
		}
		if v != nil {
			page.Reauth, page.Username, page.Remember = &v.Person, nameOf(v.Person), v.Remember
		}
		return h.page(w, r, in, p.status, page)
	}
	return err
}

// left is where upstreams send back to after signing out.
func (h *Handler) left(w http.ResponseWriter, r *http.Request) error {
	back, err := h.Upstreams.Left(r.Context(), secretOf(r.URL.Query().Get("state")), h.Browser.Mark(r))
	if errors.Is(err, federation.ErrExpired) {
		return h.Browser.Go(w, r, "/oauth2/logout/done", nil)
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, back)
}
