package account

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"signet/internal/ratelimit"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/federation"
)

const loginsPath = "/account/logins"

// Logins is what the room needs of the upstreams.
type Logins interface {
	List() []federation.Upstream
	Upstream(id string) (federation.Upstream, bool)
	Linked(ctx context.Context, userID string) ([]storage.Identity, error)
	Begin(ctx context.Context, b federation.Start) (*url.URL, error)
	Unlink(ctx context.Context, who storage.User, id, exceptSession string) error
}

func (h *Handler) mountLogins(m *web.Mux) {
	m.Page("GET "+loginsPath, h.signedIn(h.showLogins))
	m.Page("POST "+loginsPath+"/add/{upstream}", h.confirmed(loginsPath+"?done=confirmed", h.addLogin), web.Nothing)
	m.Page("POST "+loginsPath+"/remove", h.confirmed(loginsPath+"?done=confirmed", h.removeLogin), web.LinkedLogin)
}

// loginProblems are what ?problem= may say; the callback of an upstream leads here with them.
var loginProblems = map[string]string{
	"taken": "logins.taken", "have": "logins.have", "denied": "upstream.denied", "down": "upstream.down", "expired": "upstream.expired",
	"domain": "upstream.domain", "identity": "upstream.identity", "error": "upstream.error",
}

func (h *Handler) showLogins(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	h.Browser.Bind(w, r)
	q := r.URL.Query()
	return h.loginsPage(w, r, v, http.StatusOK, loginProblems[q.Get("problem")], q.Get("upstream"))
}

// loginsPage lists the identities, and the upstreams of which the person has none.
func (h *Handler) loginsPage(w http.ResponseWriter, r *http.Request, v *browser.Visitor, status int, problem, upstream string) error {
	rows, err := h.Logins.Linked(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	page := pages.Logins{Person: v.Person, Problem: problem, Done: done(r)}
	if problem != "" {
		named, _ := h.Logins.Upstream(upstream)
		page.Done, page.ProblemArgs = "", map[string]string{"Name": named.Name}
	}
	for _, i := range rows {
		u, there := h.Logins.Upstream(i.Upstream)
		line := pages.LoginLine{
			ID: i.ID, Upstream: pages.Upstream{ID: i.Upstream, Name: u.Name, Mark: u.Mark}, Label: i.Label, AddedAt: i.CreatedAt, UsedAt: i.LastUsedAt, Gone: !there,
		}
		if !there {
			line.Upstream.Name = i.Upstream
		}
		page.Logins = append(page.Logins, line)
	}
	var targets []string
	for _, u := range h.Logins.List() {
		if slices.ContainsFunc(rows, func(i storage.Identity) bool { return i.Upstream == u.ID }) {
			continue
		}
		page.Add = append(page.Add, pages.Upstream{ID: u.ID, Name: u.Name, Mark: u.Mark, Action: h.Browser.Path(loginsPath+"/add/"+u.ID, nil)})
		targets = append(targets, u.Issuer)
	}
	if len(page.Add) > 0 {
		web.AllowFormAction(w, targets...)
	}
	return h.Pages.Render(w, r, status, page)
}

// addLogin sends the person to the upstream; what comes back is linked to this account, if the person is signed in still.
func (h *Handler) addLogin(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	id := r.PathValue("upstream")
	to, err := h.Logins.Begin(r.Context(), federation.Start{
		Upstream: id, Purpose: federation.ToLink, UserID: v.UserID, Browser: h.Browser.Mark(r), Fresh: true, Choose: true,
	})
	late, throttled := errors.AsType[*ratelimit.Throttled](err)
	switch {
	case errors.Is(err, federation.ErrUnknown):
		return unknown(err, federation.ErrUnknown)
	case errors.Is(err, federation.ErrExpired):
		return browser.NoCookies()
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.loginsPage(w, r, v, http.StatusTooManyRequests, "passkeys.throttled", id)
	case errors.Is(err, federation.ErrDown):
		return h.loginsPage(w, r, v, http.StatusBadGateway, "upstream.down", id)
	case errors.Is(err, federation.ErrUpstream):
		return h.loginsPage(w, r, v, http.StatusBadGateway, "upstream.error", id)
	case err != nil:
		return err
	}
	return web.Redirect(w, r, to.String())
}

func (h *Handler) removeLogin(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if err := parse(r); err != nil {
		return err
	}
	err := h.Logins.Unlink(r.Context(), v.User, r.PostForm.Get("login"), v.SessionID)
	switch {
	case errors.Is(err, federation.ErrLast):
		return h.loginsPage(w, r, v, http.StatusConflict, "logins.last", "")
	case errors.Is(err, users.ErrChanged):
		return h.loginsPage(w, r, v, http.StatusConflict, "logins.gone", "")
	case err != nil:
		return unknown(err, federation.ErrNotFound)
	}
	return h.back(w, r, loginsPath, "login_removed")
}
