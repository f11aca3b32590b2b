package signin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
)

// People is what the room needs of the people's wing.
type People interface {
	SignIn(ctx context.Context, a users.Attempt) (*users.Proof, error)
	Register(ctx context.Context, n users.NewPerson) (storage.User, error)
	Notify(ctx context.Context, userID, kind string, args map[string]string) error
	SignupClosed() bool
	MinPassword() int
}

// Options of New.
type Options struct {
	Browser *browser.Browser
	People  People
	Pages   *pages.Pages
	// App is how pages show the client that sent the person here, by its id and the address it will get the answer at;
	// nil = not shown.
	App     func(ctx context.Context, clientID, redirectURI string) *pages.App
	Contact string // whom to ask about a forgotten password
	// Count notes the outcome of a try: "success", "failure", "throttled", "busy". Nil counts nothing.
	Count func(outcome string)
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Browser == nil || o.People == nil || o.Pages == nil {
		return nil, errors.New("signin needs a browser, people and pages")
	}
	if o.App == nil {
		o.App = func(context.Context, string, string) *pages.App { return nil }
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /signin", h.show)
	m.Page("POST /signin", h.submit)
	m.Page("GET /signup", h.showSignUp)
	m.Page("POST /signup", h.signUp)
	m.Page("GET /forgot", h.forgot)
}

// errand finds what the person came for. What ?i= names may be over or belong to another browser: then it is a plain
// sign-in, and late tells so.
func (h *Handler) errand(r *http.Request) (in flow.Interaction, late bool, err error) {
	account := flow.Interaction{Errand: browser.ErrandAccount}
	if r.Method == http.MethodPost && !h.Browser.Bound(r) {
		return account, false, browser.NoCookies()
	}
	if !r.URL.Query().Has("i") {
		return account, false, nil
	}
	in, err = h.Browser.Interaction(r)
	if over(err) {
		return account, true, nil
	}
	return in, false, err
}

// over tells that an interaction is no more (or was never this browser's).
func over(err error) bool {
	page, ok := errors.AsType[*web.PageError](err)
	return ok && page.Kind == "expired"
}

// dress prepares a page of the errand: the language the app asked for, and leave for the form's answer to lead to the app.
func (h *Handler) dress(w http.ResponseWriter, r *http.Request, in flow.Interaction) (*http.Request, *pages.App) {
	if in.Errand != browser.ErrandAuthorize {
		return r, nil
	}
	web.AllowFormAction(w, in.Request.RedirectURI)
	r = r.WithContext(pages.WithLocales(r.Context(), in.Request.UILocales))
	return r, h.App(r.Context(), in.Request.ClientID, in.Request.RedirectURI)
}

// done notes a sign-in in the errand and goes on with it.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, in flow.Interaction, v *browser.Visitor) error {
	err := h.Browser.Record(r.Context(), &in, func(f *flow.Facts) {
		if f.UserID != v.UserID {
			*f = flow.Facts{} // what another person decided in this errand is not this one's
		}
		f.SignedInAt, f.AccountAt, f.UserID, f.RefusedSign = v.AuthTime, v.AuthTime, v.UserID, false
	})
	if over(err) { // it ended this very moment; the person is signed in all the same
		in, err = flow.Interaction{Errand: browser.ErrandAccount}, nil
	}
	if err != nil {
		return err
	}
	return h.Browser.Continue(w, r, in)
}

func (h *Handler) signUpURL(in *flow.Interaction) string {
	if h.People.SignupClosed() {
		return ""
	}
	return h.Browser.Path("/signup", in)
}

// typed reads a form field as it may be shown again.
func typed(r *http.Request, field string, limit int) string {
	s := strings.ToValidUTF8(r.PostForm.Get(field), "\uFFFD")
	return s[:min(len(s), limit)]
}

// parse reads the form.
func parse(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	return nil
}

func (h *Handler) forgot(w http.ResponseWriter, r *http.Request) error {
	in, _, err := h.errand(r)
	if err != nil {
		return err
	}
	r, _ = h.dress(w, r, in)
	return h.Pages.Render(w, r, http.StatusOK, pages.Forgot{Contact: h.Contact, SignInURL: h.Browser.Path("/signin", &in)})
}
