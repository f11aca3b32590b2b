// Package logout serves the end session endpoint (OpenID Connect RP-Initiated Logout 1.0): a question, the end of the
// session, and the way back to the app where that is proven.
//
// Begin with Handler.ask.
package logout

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

	"signet/oauth/logout"
	"signet/oauth/tokens"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
)

// Options of New.
type Options struct {
	Clients logout.Clients
	Verify  func(token string) (tokens.ID, error) // of id_token_hint; expired ones pass
	Names   logout.Names                          // what clients call people and sessions
	Browser *browser.Browser
	Pages   *pages.Pages
	App     func(ctx context.Context, clientID, redirectURI string) *pages.App
	// Upstream is where a browser has to go to be signed out where its session began too, and then comes back to; nil = nowhere.
	// Nil = never.
	Upstream func(ctx context.Context, sessionID, browser, back string) (*url.URL, error)
	// Frames are addresses that the browser loads in frames when the session has ended (OpenID Connect Front-Channel Logout 1.0).
	// Nil = none.
	Frames func(ctx context.Context, sessionID string) ([]string, error)
	// Targets are addresses of upstreams, for the page's policy.
	Targets []string
}

// Handler serves the endpoint and its pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Clients == nil || o.Verify == nil || o.Browser == nil || o.Pages == nil || o.App == nil {
		return nil, errors.New("logout needs clients, verify, browser, pages and app")
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /oauth2/logout", h.ask)
	m.CrossSitePage("POST /oauth2/logout",
		"RP-Initiated Logout section 2: relying parties may POST; it only sends the browser on to the GET", h.askPost, web.Nothing)
	m.Page("POST /oauth2/logout/confirm", h.confirm, web.Nothing)
	m.Page("GET /oauth2/logout/done", h.done)
	if h.Browser.StateCookie() != "" {
		m.FramedPage("GET /oauth2/check-session", h.checkSession)
	}
}

func (h *Handler) askPost(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	for name, values := range r.URL.Query() { // parameters may be split over both; a name in both is a repetition
		r.PostForm[name] = append(r.PostForm[name], values...)
	}
	req := logout.Read(r.PostForm)
	if r.PostForm.Has(pages.Again) && web.OwnForm(r) {
		return h.answer(w, r, req)
	}
	query := url.Values{}
	for name, value := range req.Values() {
		query.Set(name, value)
	}
	path := h.Browser.Path("/oauth2/logout", nil)
	if web.Bounces(path, query) {
		return web.BounceToGET(w, r, path, query)
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.SendAgain(path, query))
}

// ask shows the question, unless the ID token of this very session proves that its own app asks.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request) error {
	return h.answer(w, r, logout.Read(r.URL.Query()))
}

// answer is ask of the parameters.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, req logout.Request) error {
	r = r.WithContext(pages.WithLocales(r.Context(), req.Locales()))
	plan, err := logout.Judge(r.Context(), req, h.Clients, h.Verify, h.Names)
	if err != nil {
		return err
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return err
	}
	v := pick(all, plan)
	if v == nil {
		if err := h.Browser.Tidy(w, r); err != nil {
			return err
		}
	}
	switch {
	case v == nil && plan.Back != "" && plan.Proven:
		return web.Redirect(w, r, plan.Back)
	case v == nil:
		return h.signedOut(w, r, plan)
	case plan.Ends(v.SessionID):
		return h.end(w, r, v, plan)
	}
	if plan.Back != "" || h.Upstream != nil {
		web.AllowFormAction(w, append([]string{plan.Back}, h.Targets...)...)
	}
	return h.Pages.Render(w, r, http.StatusOK,
		pages.SignOut{App: h.app(r, plan), Action: h.Browser.Path("/oauth2/logout/confirm", nil), Person: v.Person, Hidden: req.Values(),
			Others: len(all) - 1})
}

// pick is the account that is to be signed out of several in this browser: the one whose session or person the ID token is of, else the one
// that the app calls by its name, else the one in view.
func pick(all []*browser.Visitor, plan logout.Plan) *browser.Visitor {
	for _, v := range all {
		if plan.Ends(v.SessionID) {
			return v
		}
	}
	for _, v := range all {
		if plan.IsAbout(v.UserID) {
			return v
		}
	}
	for _, v := range all {
		if !plan.NamesPerson() && plan.Hint != "" && users.IsCalled(v.User, plan.Hint) {
			return v
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// confirm is the answer; the request is judged again from what the form carried.
func (h *Handler) confirm(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	req := logout.Read(r.PostForm)
	r = r.WithContext(pages.WithLocales(r.Context(), req.Locales()))
	plan, err := logout.Judge(r.Context(), req, h.Clients, h.Verify, h.Names)
	if err != nil {
		return err
	}
	all, err := h.Browser.Accounts(r)
	if err != nil {
		return err
	}
	switch r.PostForm.Get("decision") {
	case "sign-out":
		v := pick(all, plan)
		if v != nil && !browser.ForVisitor(r, v) { // another tab has switched accounts since the question was asked
			v = nil
			if i := slices.IndexFunc(all, func(v *browser.Visitor) bool { return browser.ForVisitor(r, v) }); i >= 0 {
				v = all[i]
			}
		}
		return h.end(w, r, v, plan)
	case "all":
		return h.endAll(w, r, all, plan)
	}
	return h.Browser.Go(w, r, "/account", nil)
}

// endAll ends all sessions of this browser, and leaves.
func (h *Handler) endAll(w http.ResponseWriter, r *http.Request, all []*browser.Visitor, plan logout.Plan) error {
	to := exit{done: "/oauth2/logout/done"}
	for _, v := range all {
		if err := h.prepare(r, v, plan, &to); err != nil {
			return err
		}
	}
	if err := h.Browser.SignOutAll(w, r); err != nil {
		return err
	}
	return h.leave(w, r, plan, to)
}

// end ends the session, if there is one still, and leaves.
func (h *Handler) end(w http.ResponseWriter, r *http.Request, v *browser.Visitor, plan logout.Plan) error {
	to := exit{done: "/oauth2/logout/done"}
	if v == nil {
		return h.leave(w, r, plan, to)
	}
	if !v.Current {
		to.done = "/choose" // somebody is signed in still
	}
	if err := h.prepare(r, v, plan, &to); err != nil {
		return err
	}
	if err := h.Browser.SignOut(w, r, v); err != nil {
		return err
	}
	return h.leave(w, r, plan, to)
}

// exit is where a sign-out goes.
type exit struct {
	done     string   // page of ours
	upstream *url.URL // nil = none
	frames   []string // what is loaded on the way
}

// maxFrames bounds the frames of one page: several sessions may end at once.
const maxFrames = 20

// prepare finds out, before the session ends, whom its end concerns.
func (h *Handler) prepare(r *http.Request, v *browser.Visitor, plan logout.Plan, to *exit) (err error) {
	if h.Upstream != nil && to.upstream == nil {
		back := cmp.Or(plan.Back, h.Browser.Path(to.done, nil))
		if to.upstream, err = h.Upstream(r.Context(), v.SessionID, h.Browser.Mark(r), back); err != nil {
			return err
		}
	}
	if h.Frames == nil {
		return nil
	}
	frames, err := h.Frames(r.Context(), v.SessionID)
	to.frames = append(to.frames, frames...)
	to.frames = to.frames[:min(len(to.frames), maxFrames)]
	return err
}

// leave goes to the upstream, from where it goes on; back to the app; or to a page of ours. A page with frames comes before, for it shows
// that the session has ended and needs none.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, plan logout.Plan, to exit) error {
	next := plan.Back
	if to.upstream != nil {
		next = to.upstream.String()
	}
	if frames := web.AllowFrames(w, to.frames); len(frames) > 0 {
		return h.Pages.Render(w, r, http.StatusOK, pages.SigningOut{Frames: frames, NextURL: cmp.Or(next, h.Browser.Path(to.done, nil))})
	}
	if next != "" {
		return web.Redirect(w, r, next)
	}
	return h.Browser.Go(w, r, to.done, nil)
}

// done is where a sign-out ends that goes nowhere else. Who is signed in is not told otherwise.
func (h *Handler) done(w http.ResponseWriter, r *http.Request) error {
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if v != nil {
		return h.Browser.Go(w, r, "/oauth2/logout", nil)
	}
	return h.signedOut(w, r, logout.Plan{})
}

// checkSession is the page for frames of apps that watch the session: the only one that other sites' pages may show. It reads nothing and
// is the same for everybody.
func (h *Handler) checkSession(w http.ResponseWriter, _ *http.Request) error {
	web.AllowAnyFrame(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, err := io.WriteString(w, h.Pages.CheckSession(h.Browser.StateCookie()))
	return err
}

func (h *Handler) signedOut(w http.ResponseWriter, r *http.Request, plan logout.Plan) error {
	return h.Pages.Render(w, r, http.StatusOK,
		pages.SignedOut{SignInURL: h.Browser.Path("/signin", nil), App: h.app(r, plan), BackURL: plan.Back})
}

func (h *Handler) app(r *http.Request, plan logout.Plan) *pages.App {
	if plan.Client == nil {
		return nil
	}
	return h.App(r.Context(), plan.Client.ClientID, plan.Back)
}
