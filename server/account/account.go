package account

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/export"
	"signet/users/factor"
)

// Profile is the part of *users.Service that shows what there is about a person, and takes what they say of themselves.
type Profile interface {
	PasswordChanged(ctx context.Context, userID string) (time.Time, error)
	ReuseSeen(ctx context.Context, userID string) (time.Time, error)
	EditProfile(ctx context.Context, userID string, fields map[string]string) (storage.User, error)
	Activity(ctx context.Context, userID, before string, limit int, begins ...string) (list []storage.Event, next string, err error)
}

// Apps is the part of *users.Service about the apps that a person let in.
type Apps interface {
	Apps(ctx context.Context, userID string) ([]users.App, error)
	Disconnect(ctx context.Context, userID, clientID string) error
	DisconnectAll(ctx context.Context, userID string) (int, error)
	DisconnectAgents(ctx context.Context, userID string) (int, error)
	PauseAgent(ctx context.Context, userID, clientID string, paused bool) error
}

// Credentials is the part of *users.Service that changes passwords and addresses.
type Credentials interface {
	PrepareChange(ctx context.Context, a users.Attempt, password string) (*users.Change, error)
	FirstPassword(ctx context.Context, permit factor.Permit, u storage.User, password string) error
	ChangeAddress(ctx context.Context, permit factor.Permit, u storage.User, typed string) (asked bool, err error)
	MinPassword() int
	MailOn() bool
}

// Deletion is the part of *deletion.Service that Handler uses.
type Deletion interface {
	Request(ctx context.Context, userID string) (eraseAt time.Time, err error)
	Cancel(ctx context.Context, userID, keepSession string) error
	Grace() time.Duration
}

// Export is the part of *export.Service that Handler uses.
type Export interface {
	Make(ctx context.Context, userID string) (export.Document, error)
}

// Sessions is the part of *session.Sessions that the pages use.
type Sessions interface {
	OfUser(ctx context.Context, userID string, limit int) ([]storage.Session, error)
	End(ctx context.Context, id, userID, why string) error
	EndAll(ctx context.Context, userID, except, why string) (int, error)
}

// Options of New.
type Options struct {
	Login       *login.Login
	Browser     *browser.Browser
	Issuer      string // the iss
	Profile     Profile
	Connected   Apps
	Credentials Credentials
	Deletion    Deletion
	Export      Export
	Sessions    Sessions
	Pages       *pages.Pages
	// App is how pages show a client, also one that is no longer known.
	App func(ctx context.Context, clientID string) pages.App
	// Resource is the name of an API by its identifier. Nil = the identifier.
	Resource func(identifier string) string
	// PassesTo are the apps that may act in the place of an agent, by token exchange at one of the APIs. Nil = not told.
	PassesTo func(ctx context.Context, clientID string, resources []string) []string
	// Limits are until when an agent may act, and how many calls a day: what the person agreed to, or less, as it is registered by now. Nil =
	// what they agreed to.
	Limits func(ctx context.Context, a users.App) (until time.Time, calls int64)
	// Scope is how pages show a scope, of the APIs named. Nil = by its name.
	Scope func(scope string, resources []string) pages.ScopeLine
	// Factors tells what a person has beside a password. Nil = the overview does not say.
	Factors func(ctx context.Context, userID string) (users.Factors, error)
	// Second are the second factors, and Enrolments sets them up; nil = there are no pages for them.
	Second     SecondFactors
	Enrolments Enrolments
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// RelatedOrigins are those beside the issuer's that passkeys may be used at; nil = none.
	RelatedOrigins []string
	// Asked reports whether apps wait for a decision of the person. Nil = there is no such thing.
	Asked func(ctx context.Context, userID string) (bool, error)
	// Elsewhere are other authorization servers where an app may act for the person (ID-JAG). Nil = nowhere.
	Elsewhere func(ctx context.Context, userID, clientID string) ([]string, error)
	// KnownAs is what an app calls the person, if that is a name of its sector; "" = by their id. Nil = all do.
	KnownAs func(ctx context.Context, userID, clientID string) string
	// Pictures of the people; nil = there are none. Uploads: new ones are taken.
	Pictures Pictures
	Uploads  bool
	// Logins are the identities at upstreams; nil = there are no upstreams.
	Logins Logins
}

// Handler answers the pages.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Login == nil || o.Browser == nil || o.Profile == nil || o.Connected == nil || o.Credentials == nil || o.Deletion == nil ||
		o.Export == nil ||
		o.Sessions == nil || o.Pages == nil {
		return nil, errors.New("account needs login, browser, profile, connected apps, credentials, deletion, export, sessions and pages")
	}
	if o.App == nil {
		o.App = func(_ context.Context, id string) pages.App { return pages.App{ID: id, Name: id} }
	}
	if o.Resource == nil {
		o.Resource = func(id string) string { return id }
	}
	if o.Limits == nil {
		o.Limits = func(_ context.Context, a users.App) (time.Time, int64) { return a.AgentUntil, a.AgentCalls }
	}
	if o.Scope == nil {
		o.Scope = func(scope string, _ []string) pages.ScopeLine { return pages.ScopeLine{Scope: scope} }
	}
	return &Handler{o}, nil
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /{$}", h.home)
	m.Page("GET /account", h.signedIn(h.overview))
	m.Page("GET /account/profile", h.signedIn(h.showProfile))
	m.Page("POST /account/profile", h.signedIn(h.editProfile), web.Nothing)
	h.mountPicture(m)
	m.Page("GET "+passwordPath, h.signedIn(h.showPassword))
	m.Page("POST "+passwordPath, h.signedIn(h.submitPassword), web.Password, web.TrustedBrowser)
	m.Page("GET "+emailPath, h.allowed(factor.ChangeAddress, emailPath, h.showEmail))
	m.Page("POST "+emailPath, h.allowed(factor.ChangeAddress, emailPath, h.changeEmail), web.EmailAddress)
	h.mountSecond(m)
	m.Page("GET "+passkeysPath, h.signedIn(h.showPasskeys))
	if h.Passkeys != nil {
		m.Page("POST "+passkeysPath+"/options", h.signedIn(h.passkeyOptions), web.Nothing)
		m.Page("POST "+passkeysPath+"/add", h.allowed(factor.AddPasskey, passkeysPath+"?done=confirmed", h.addPasskey), web.Passkey)
		m.Page("POST "+passkeysPath+"/rename", h.signedIn(h.renamePasskey), web.Nothing)
		m.Page("POST "+passkeysPath+"/remove", h.allowed(factor.RemovePasskey, passkeysPath+"?done=confirmed", h.removePasskey), web.Passkey,
			web.RecoveryCodes)
	}
	if h.Logins != nil {
		h.mountLogins(m)
	}
	m.Page("GET /account/sessions", h.signedIn(h.showSessions))
	m.Page("POST /account/sessions", h.signedIn(h.endSession), web.Nothing)
	m.Page("GET /account/apps", h.signedIn(h.showApps))
	m.Page("POST /account/apps", h.signedIn(h.disconnect), web.Nothing)
	m.Page("GET /account/activity", h.signedIn(h.showActivity))
	m.Page("GET "+dataPath, h.signedIn(h.showData))
	m.Page("POST "+dataPath, h.allowed(factor.Export, dataPath+"?done=confirmed", h.download), web.Nothing)
	m.Page("GET "+deletePath, h.allowed(factor.DeleteAccount, deletePath, h.showDelete))
	m.Page("POST "+deletePath, h.allowed(factor.DeleteAccount, deletePath, h.deleteAccount), web.TrustedBrowser)
	m.Page("GET /account/closed", h.closed)
	m.Page("GET /account/keep", h.leaving(h.showKeep))
	m.Page("POST /account/keep", h.leaving(h.keep), web.TrustedBrowser)
	h.mountWellKnown(m)
}

// own is a handler for the person signed in.
type own func(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error

// signedIn sends everybody else to where the dispatcher leads: the sign-in page, or what the person has to answer first.
func (h *Handler) signedIn(f own) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := h.Login.Plain(r)
		if err != nil {
			return err
		}
		v := s.Visitor
		if v != nil && r.Method == http.MethodPost && !browser.ForVisitor(r, v) {
			return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Browser.Path("/account", nil)}
		}
		if !s.Is(flow.Finish) {
			return h.Login.GoOn(w, r, s)
		}
		if err := h.keepLanguage(r, v); err != nil {
			return err
		}
		if r.Method == http.MethodPost {
			if err := h.Login.Pace(r, v); err != nil {
				return err
			}
		}
		return h.changed(f(w, r, v))
	}
}

// keepLanguage notes in the account which language was chosen in the footer of its pages: emails are written in it, too.
func (h *Handler) keepLanguage(r *http.Request, v *browser.Visitor) error {
	tag := h.Pages.NewLocale(r, v.Person)
	if tag == "" {
		return nil
	}
	if err := h.Login.Pace(r, v); err != nil {
		return err
	}
	u, err := h.Profile.EditProfile(r.Context(), v.UserID, map[string]string{"locale": tag})
	if errors.Is(err, users.ErrChanged) { // another tab was quicker
		return nil
	}
	if err != nil {
		return err
	}
	v.User, v.Person.Locale = u, tag
	return nil
}

// changed is the page for an act that is not allowed any more at the end of it: another tab or device changed the account meanwhile.
// What a handler shows on a page of its own does not come here.
func (h *Handler) changed(err error) error {
	if _, ok := errors.AsType[*web.PageError](err); ok {
		return err
	}
	for _, is := range []error{factor.ErrChanged, factor.ErrNotAllowed, factor.ErrConfirm, factor.ErrLast, factor.ErrNeeded} {
		if errors.Is(err, is) {
			return &web.PageError{Status: http.StatusConflict, Kind: "changed", Back: h.Browser.Path("/account", nil), Cause: err}
		}
	}
	return err
}

// permitted is a handler for a person who may do an act on their account.
type permitted func(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error

// allowed is signedIn for acts that are not anybody's who came upon the browser (rules V01, F10): whoever signed in too long ago, or not
// with the strongest factor they have, proves it again first, and comes back to page. The act itself is asked for on a page that
// wanted the same, so that nothing typed is lost but by whoever let it lie.
func (h *Handler) allowed(act factor.Act, page string, f permitted) web.Func {
	return h.signedIn(func(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
		permit, err := h.Login.May(r.Context(), v, act)
		if errors.Is(err, factor.ErrConfirm) {
			return h.Login.Confirm(w, r, page)
		}
		if err != nil && !errors.Is(err, factor.ErrLast) && !errors.Is(err, factor.ErrNeeded) { // those two are told on the page
			return mayNot(err)
		}
		return f(w, r, v, permit)
	})
}

// mayNot is the page of what is never allowed.
func mayNot(err error) error {
	if errors.Is(err, factor.ErrNotAllowed) {
		return &web.PageError{Status: http.StatusForbidden, Kind: "denied", Cause: err}
	}
	return err
}

func (h *Handler) home(w http.ResponseWriter, r *http.Request) error {
	return h.found(w, "/account")
}

// wellKnown is where password managers look for the form (W3C A Well-Known URL for Changing Passwords).
func (h *Handler) wellKnown(w http.ResponseWriter, r *http.Request) error {
	return h.found(w, "/account/password")
}

func (h *Handler) found(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", h.Browser.Path(path, nil))
	w.WriteHeader(http.StatusFound)
	return nil
}

// doneMessages are what ?done= may say.
var doneMessages = []string{"password", "session", "sessions", "app", "apps", "agents", "agent_pause", "agent_resume",
	"signup", "profile", "kept", "confirmed", "email",
	"late", "passkey_added", "passkey_renamed", "passkey_removed", "picture", "picture_removed", "login_added", "login_removed"}

// done is what the address says was just done; "" unless it is one of ours.
func done(r *http.Request) string {
	if d := r.URL.Query().Get("done"); slices.Contains(doneMessages, d) {
		return d
	}
	return ""
}

// unknown answers 404 where err says that there is no such thing of this person's.
func unknown(err, is error) error {
	if errors.Is(err, is) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	return err
}

// back shows a page of the account with what was done.
func (h *Handler) back(w http.ResponseWriter, r *http.Request, page, done string) error {
	return web.Redirect(w, r, h.Browser.Path(page, nil)+"?done="+done)
}
