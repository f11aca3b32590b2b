package account

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/export"
)

// People is what the room needs of the people's wing.
type People interface {
	PrepareChange(ctx context.Context, a users.Attempt, password string) (*users.Change, error)
	PasswordChanged(ctx context.Context, userID string) (time.Time, error)
	ReuseSeen(ctx context.Context, userID string) (time.Time, error)
	EditProfile(ctx context.Context, userID string, fields map[string]string) (storage.User, error)
	Activity(ctx context.Context, userID, before string, limit int) (list []storage.Event, more bool, err error)
	Apps(ctx context.Context, userID string) ([]users.App, error)
	Disconnect(ctx context.Context, userID, clientID string) error
	MinPassword() int
	MailOn() bool
	TermsDue(u storage.User) bool
	ChangeAddress(ctx context.Context, u storage.User, typed string) (asked bool, err error)
	FirstPassword(ctx context.Context, u storage.User, password string) error
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

// Sessions is what it needs of them.
type Sessions interface {
	OfUser(ctx context.Context, userID string, limit int) ([]storage.Session, error)
	End(ctx context.Context, id, userID, why string) error
	EndAll(ctx context.Context, userID, except, why string) (int, error)
}

// Options of New.
type Options struct {
	Browser  *browser.Browser
	Issuer   string // the iss
	People   People
	Deletion Deletion
	Export   Export
	Sessions Sessions
	Pages    *pages.Pages
	// App is how pages show a client, also one that is no longer known.
	App func(ctx context.Context, clientID string) pages.App
	// Resource is the name of an API by its identifier. Nil = the identifier.
	Resource func(identifier string) string
	// Factors tells what a person has beside a password. Nil = the overview does not say.
	Factors func(ctx context.Context, userID string) (users.Factors, error)
	// Second are the second factors; nil = there are no pages for them.
	Second SecondSteps
	// Passkeys of the people. Nil = browsers offer none at this address.
	Passkeys Passkeys
	// Logins are the identities at upstreams; nil = there are no upstreams.
	Logins Logins
	// Strong tells whether the visitor signed in with the strongest way that the person has. Nil = always.
	Strong func(ctx context.Context, v *browser.Visitor) (bool, error)
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Browser == nil || o.People == nil || o.Deletion == nil || o.Export == nil || o.Sessions == nil || o.Pages == nil {
		return nil, errors.New("account needs a browser, people, deletion, export, sessions and pages")
	}
	if o.App == nil {
		o.App = func(_ context.Context, id string) pages.App { return pages.App{ID: id, Name: id} }
	}
	if o.Resource == nil {
		o.Resource = func(id string) string { return id }
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /{$}", h.home)
	m.Page("GET /account", h.signedIn(h.overview))
	m.Page("GET /account/profile", h.signedIn(h.showProfile))
	m.Page("POST /account/profile", h.signedIn(h.editProfile), web.Nothing)
	m.Page("GET "+passwordPath, h.signedIn(h.orFirst(h.showPassword)))
	m.Page("POST "+passwordPath, h.signedIn(h.orFirst(h.changePassword)), web.Password, web.TrustedBrowser)
	m.Page("GET "+emailPath, h.confirmed(emailPath, h.showEmail))
	m.Page("POST "+emailPath, h.confirmed(emailPath, h.changeEmail), web.EmailAddress)
	h.mountSecond(m)
	m.Page("GET "+passkeysPath, h.signedIn(h.showPasskeys))
	if h.Passkeys != nil {
		m.Page("POST "+passkeysPath+"/options", h.signedIn(h.passkeyOptions), web.Nothing)
		m.Page("POST "+passkeysPath+"/add", h.confirmed(passkeysPath+"?done=confirmed", h.addPasskey), web.Passkey)
		m.Page("POST "+passkeysPath+"/rename", h.signedIn(h.renamePasskey), web.Nothing)
		m.Page("POST "+passkeysPath+"/remove", h.confirmed(passkeysPath+"?done=confirmed", h.removePasskey), web.Passkey, web.RecoveryCodes)
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
	m.Page("POST "+dataPath, h.confirmed(dataPath+"?done=confirmed", h.download), web.Nothing)
	m.Page("GET "+deletePath, h.confirmed(deletePath, h.showDelete))
	m.Page("POST "+deletePath, h.confirmed(deletePath, h.deleteAccount), web.TrustedBrowser)
	m.Page("GET /account/closed", h.closed)
	m.Page("GET /account/keep", h.leaving(h.showKeep))
	m.Page("POST /account/keep", h.leaving(h.keep), web.TrustedBrowser)
	h.mountWellKnown(m)
}

// own is a handler for the person signed in.
type own func(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error

// signedIn sends everybody else to the sign-in page, which also tidies up.
func (h *Handler) signedIn(f own) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.Browser.Visitor(r)
		if err != nil {
			return err
		}
		if v == nil {
			return h.Browser.Go(w, r, "/signin", nil)
		}
		if r.Method == http.MethodPost && !browser.Meant(r, v) {
			return &web.PageError{Status: http.StatusConflict, Kind: "other_account", Back: h.Browser.Path("/account", nil)}
		}
		if h.People.TermsDue(v.User) {
			return h.Browser.Go(w, r, "/terms", nil)
		}
		return f(w, r, v)
	}
}

// confirmedFor is how long a sign-in counts as recent for acts on the account itself.
const confirmedFor = 10 * time.Minute

// confirmed is signedIn for sensitive acts (security notes F10): who signed in longer ago than ten minutes, or not with the
// strongest way they have, proves it again first, and comes back to page. The act itself is asked for on a page that wanted
// the same, so that nothing typed is lost but by who let it lie.
func (h *Handler) confirmed(page string, f own) web.Func {
	return h.signedIn(func(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
		recent, err := h.recent(r, v)
		if err != nil {
			return err
		}
		if recent {
			return f(w, r, v)
		}
		in, err := h.Browser.BeginConfirm(w, r, page)
		if err != nil {
			return err
		}
		return h.Browser.Go(w, r, "/signin", &in)
	})
}

// proven tells whether the visitor needs no second factor for what their password is asked for besides: they have none.
func (h *Handler) proven(r *http.Request, v *browser.Visitor) (bool, error) {
	if h.Second == nil {
		return true, nil
	}
	have, err := h.Second.Of(r.Context(), v.UserID)
	return err == nil && !have.Second(), err
}

// recent tells whether the visitor signed in just now, in the strongest way they have.
func (h *Handler) recent(r *http.Request, v *browser.Visitor) (bool, error) {
	strong := true
	if h.Strong != nil {
		var err error
		if strong, err = h.Strong(r.Context(), v); err != nil {
			return false, err
		}
	}
	return strong && time.Since(v.AuthTime) < confirmedFor, nil
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
var doneMessages = []string{"password", "session", "sessions", "app", "signup", "profile", "kept", "confirmed", "email",
	"passkey_added", "passkey_renamed", "passkey_removed", "login_added", "login_removed"}

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

// parse reads the form.
func parse(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return &web.PageError{Status: http.StatusBadRequest, Kind: "invalid_request", Cause: err}
	}
	return nil
}

// back shows a page of the account with what was done.
func (h *Handler) back(w http.ResponseWriter, r *http.Request, page, done string) error {
	return web.Redirect(w, r, h.Browser.Path(page, nil)+"?done="+done)
}
