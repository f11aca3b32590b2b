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
)

// People is what the room needs of the people's wing.
type People interface {
	PrepareChange(ctx context.Context, a users.Attempt, password string) (*users.Change, error)
	PasswordChanged(ctx context.Context, userID string) (time.Time, error)
	ReuseSeen(ctx context.Context, userID string) (time.Time, error)
	Apps(ctx context.Context, userID string) ([]users.App, error)
	Disconnect(ctx context.Context, userID, clientID string) error
	MinPassword() int
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
	People   People
	Sessions Sessions
	Pages    *pages.Pages
	// App is how pages show a client, also one that is no longer known.
	App func(ctx context.Context, clientID string) pages.App
	// Strong tells whether the visitor signed in with the strongest way that the person has. Nil = always.
	Strong func(ctx context.Context, v *browser.Visitor) (bool, error)
}

// Handler is the room.
type Handler struct{ Options }

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Browser == nil || o.People == nil || o.Sessions == nil || o.Pages == nil {
		return nil, errors.New("account needs a browser, people, sessions and pages")
	}
	if o.App == nil {
		o.App = func(_ context.Context, id string) pages.App { return pages.App{ID: id, Name: id} }
	}
	return &Handler{o}, nil
}

// Mount states the room's routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Page("GET /{$}", h.home)
	m.Page("GET /account", h.signedIn(h.show))
	m.Page("GET /account/password", h.signedIn(h.showPassword))
	m.Page("POST /account/password", h.signedIn(h.changePassword))
	m.Page("POST /account/sessions", h.signedIn(h.endSession))
	m.Page("POST /account/apps", h.signedIn(h.disconnect))
	m.Page("GET /.well-known/change-password", h.wellKnown)
	if m.Path("") != "" {
		m.Root("GET /.well-known/change-password", web.NoCORS, h.wellKnown)
	}
}

// own is a handler for the person signed in.
type own func(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error

// signedIn sends everybody else to the sign-in page.
func (h *Handler) signedIn(f own) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := h.Browser.Visitor(r)
		if err != nil {
			return err
		}
		if v == nil {
			h.Browser.Tidy(w, r)
			return h.Browser.Go(w, r, "/signin", nil)
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
		strong := true
		if h.Strong != nil {
			var err error
			if strong, err = h.Strong(r.Context(), v); err != nil {
				return err
			}
		}
		if strong && time.Since(v.AuthTime) < confirmedFor {
			return f(w, r, v)
		}
		in, err := h.Browser.BeginConfirm(w, r, page)
		if err != nil {
			return err
		}
		return h.Browser.Go(w, r, "/signin", &in)
	})
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

// shownSessions is how many of a person's sessions the page lists.
const shownSessions = 100

// doneMessages are what ?done= may say.
var doneMessages = []string{"password", "session", "sessions", "app", "signup"}

// show is the account page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	ctx := r.Context()
	changed, err := h.People.PasswordChanged(ctx, v.UserID)
	if err != nil {
		return err
	}
	reuse, err := h.People.ReuseSeen(ctx, v.UserID)
	if err != nil {
		return err
	}
	sessions, err := h.Sessions.OfUser(ctx, v.UserID, shownSessions)
	if err != nil {
		return err
	}
	apps, err := h.People.Apps(ctx, v.UserID)
	if err != nil {
		return err
	}
	page := pages.Account{
		Person: v.Person, Profile: users.Profile(v.User), Verified: v.User.EmailVerified, PasswordChanged: changed,
		Sessions: sessionLines(sessions, v.SessionID), Apps: h.appLines(ctx, apps),
	}
	if !reuse.IsZero() {
		page.Notices = append(page.Notices, "reuse")
	}
	if done := r.URL.Query().Get("done"); slices.Contains(doneMessages, done) {
		page.Done = done
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// sessionLines puts the browser in view first.
func sessionLines(list []storage.Session, current string) []pages.SessionLine {
	lines := make([]pages.SessionLine, 0, len(list))
	for _, s := range list {
		line := pages.SessionLine{ID: s.ID, Agent: s.Agent, Address: s.Address, SeenAt: s.SeenAt, Current: s.ID == current}
		if line.Current {
			lines = slices.Insert(lines, 0, line)
		} else {
			lines = append(lines, line)
		}
	}
	return lines
}

func (h *Handler) appLines(ctx context.Context, list []users.App) []pages.AppLine {
	lines := make([]pages.AppLine, 0, len(list))
	for _, a := range list {
		line := pages.AppLine{App: h.App(ctx, a.ClientID), Since: a.Since, LastUsed: a.LastUsed}
		line.ID = a.ClientID
		for _, s := range a.Scopes {
			line.Scopes = append(line.Scopes, pages.ScopeLine{Scope: s})
		}
		lines = append(lines, line)
	}
	return lines
}

// endSession signs out one other browser, all others, or this one.
func (h *Handler) endSession(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	switch id := r.PostFormValue("session"); id {
	case "others":
		if _, err := h.Sessions.EndAll(r.Context(), v.UserID, v.SessionID, "signed out from another browser"); err != nil {
			return err
		}
		return h.back(w, r, "sessions")
	case v.SessionID:
		if err := h.Browser.SignOut(w, r, v); err != nil {
			return err
		}
		return h.Browser.Go(w, r, "/signin", nil)
	default:
		if err := h.Sessions.End(r.Context(), id, v.UserID, "signed out from another browser"); err != nil {
			return unknown(err, storage.ErrNotFound)
		}
		return h.back(w, r, "session")
	}
}

// disconnect removes an app.
func (h *Handler) disconnect(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := h.People.Disconnect(r.Context(), v.UserID, r.PostFormValue("app")); err != nil {
		return unknown(err, users.ErrNotFound)
	}
	return h.back(w, r, "app")
}

// unknown answers 404 where err says that there is no such thing of this person's.
func unknown(err, is error) error {
	if errors.Is(err, is) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	return err
}

// back shows the account page with what was done.
func (h *Handler) back(w http.ResponseWriter, r *http.Request, done string) error {
	return web.Redirect(w, r, h.Browser.Path("/account?done="+done, nil))
}
