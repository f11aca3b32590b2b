package signin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

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
	Show(ctx context.Context, who string) (storage.User, error)
	Hold(userID string, epoch int64) func(ctx context.Context) error
	Notify(ctx context.Context, userID, kind string, args map[string]string) error
	CheckNew(ctx context.Context, n users.NewPerson) error
	RegisterWith(ctx context.Context, n users.NewPerson, id string, with func(ctx context.Context) error) (storage.User, error)
	SignupClosed() bool
	Terms() string
	TermsDue(u storage.User) bool
	AcceptTerms(ctx context.Context, userID string) error
	MinPassword() int
}

// Options of New.
type Options struct {
	Browser *browser.Browser
	People  People
	Pages   *pages.Pages
	// App is how pages show the client that sent the person here, by its id and the address it will get the answer at;
	// nil = not shown.
	App func(ctx context.Context, clientID, redirectURI string) *pages.App
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// Mailed are the ways that go by mail.
	Mailed Mailed
	// MailedCode offers to sign in by a mailed code.
	MailedCode bool
	// Factors are the second factors; nil = there are none, a first proof always suffices.
	Factors Factors
	// TrustFor is how long a browser may spare its person the second step; 0 = never.
	TrustFor time.Duration
	// ClientDemands tells whether a client's registration wants two factors. Nil = none does.
	ClientDemands func(ctx context.Context, clientID string) bool
	// LostURL is where to go who has lost the second factor; "" = nowhere. Nil = to WayBack's page.
	LostURL func(in *flow.Interaction) string
	// WayBack is for those who have lost the second factor; nil = there is none.
	WayBack WayBack
	// Upstreams that people may sign in at; nil = none.
	Upstreams Upstreams
	// Issuer is the iss, for addresses that upstreams are told.
	Issuer string
	// ClientUpstreams are those that are offered to a client's people. Nil, or an empty answer = all.
	ClientUpstreams func(ctx context.Context, clientID string) []string
	// Strong tells whether a visitor signed in with the strongest way that the person has. Nil = always.
	Strong func(ctx context.Context, v *browser.Visitor) (bool, error)
	// Tx runs fn in one transaction.
	Tx      func(ctx context.Context, fn func(ctx context.Context) error) error
	Contact string // whom to ask about a forgotten password
	// Count notes the outcome of a try: "success", "failure", "throttled", "busy". Nil counts nothing.
	Count func(outcome string)
	// CountWay notes the outcome of a try by another way: "totp", "recovery", "passkey", "code". Nil counts nothing.
	CountWay func(way, outcome string)
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Browser == nil || o.People == nil || o.Mailed == nil || o.Pages == nil {
		return nil, errors.New("signin needs a browser, people, mailed and pages")
	}
	if o.App == nil {
		o.App = func(context.Context, string, string) *pages.App { return nil }
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.CountWay == nil {
		o.CountWay = func(string, string) {}
	}
	if o.ClientDemands == nil {
		o.ClientDemands = func(context.Context, string) bool { return false }
	}
	if o.LostURL == nil {
		o.LostURL = func(in *flow.Interaction) string {
			if o.WayBack == nil {
				return ""
			}
			return o.Browser.Path("/recover", in)
		}
	}
	if o.Factors != nil && o.Tx == nil {
		return nil, errors.New("signin with second factors needs tx")
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /signin", h.show)
	m.Page("POST /signin", h.submit, web.Nothing)
	if h.Passkeys != nil {
		m.Page("POST /signin/passkey", h.submitPasskey, web.Nothing)
		m.Page("POST /signin/passkey/options", h.passkeyOptions, web.Nothing)
		m.Page("GET "+offerPath, h.showOffer)
		m.Page("POST "+offerPath, h.answerOffer, web.Passkey)
		m.Page("POST "+offerPath+"/options", h.offerOptions, web.Nothing)
		m.Page("POST /signup/passkey", h.signUpPasskey, web.Passkey, web.EmailAddress)
		if h.Mailed.MailOn() {
			m.Page("POST "+verifyPasskeyPath, h.verifyWithPasskey, web.Passkey, web.EmailAddress)
			m.Page("POST "+verifyPasskeyPath+"/options", h.verifyOptions, web.Nothing)
		} else {
			m.Page("POST /signup/passkey/options", h.signUpOptions, web.Nothing)
		}
	}
	if h.Factors != nil && h.Passkeys != nil {
		m.Page("POST /signin/factor/passkey", h.submitFactorPasskey, web.TrustedBrowser)
		m.Page("POST /signin/factor/passkey/options", h.factorPasskeyOptions, web.Nothing)
	}
	if h.Factors != nil {
		m.Page("GET /signin/factor", h.showFactor)
		m.Page("POST /signin/factor", h.submitFactor, web.RecoveryCodes, web.TrustedBrowser)
		m.Page("GET /signin/factor/setup", h.showSetup)
		m.Page("POST /signin/factor/setup", h.setUp, web.Authenticator, web.RecoveryCodes, web.TrustedBrowser)
		m.Page("GET /signin/factor/qr", h.setupQR)
	}
	if h.Factors != nil && h.WayBack != nil {
		h.mountWayBack(m)
	}
	m.Page("GET /signup", h.showSignUp)
	m.Page("POST /signup", h.signUp, web.Password, web.EmailAddress)
	m.Page("GET /forgot", h.forgot)
	h.mountMailed(m)
	if h.Upstreams != nil {
		h.mountUpstreams(m)
	}
	m.Page("GET /terms", h.showTerms)
	m.Page("POST /terms", h.answerTerms, web.Nothing)
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
	if err := h.note(r.Context(), &in, v); err != nil {
		return err
	}
	if in.Facts.Connect != "" && h.Upstreams != nil {
		return web.Redirect(w, r, h.connectURL(&in))
	}
	return h.Browser.Continue(w, r, in)
}

func (h *Handler) note(ctx context.Context, in *flow.Interaction, v *browser.Visitor) error {
	err := h.Browser.Record(ctx, in, func(f *flow.Facts) {
		if f.UserID != v.UserID {
			*f = f.Anybodys()
		}
		f.SignedInAt, f.AccountAt, f.UserID, f.RefusedSign, f.Half = v.AuthTime, v.AuthTime, v.UserID, false, nil
	})
	if over(err) { // it ended this very moment; the person is signed in all the same
		*in, err = flow.Interaction{Errand: browser.ErrandAccount}, nil
	}
	return err
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
