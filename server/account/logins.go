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
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/federation/provider"
)

const loginsPath = "/account/logins"

// Logins is the part of *federation.Service that the pages use.
type Logins interface {
	List() []federation.Upstream
	Upstream(id string) (federation.Upstream, bool)
	Linked(ctx context.Context, userID string) ([]storage.Identity, error)
	Begin(ctx context.Context, b federation.LoginRequest) (*url.URL, error)
	Unlink(ctx context.Context, permit factor.Permit, who storage.User, id, exceptSession string) error
}

func (h *Handler) mountLogins(m *web.Mux) {
	m.Page("GET "+loginsPath, h.signedIn(h.showLogins))
	m.Page("POST "+loginsPath+"/add/{upstream}", h.allowed(factor.LinkLogin, loginsPath+"?done=confirmed", h.addLogin), web.Nothing)
	m.Page("POST "+loginsPath+"/remove", h.allowed(factor.UnlinkLogin, loginsPath+"?done=confirmed", h.removeLogin), web.LinkedLogin)
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
			ID: i.ID, Upstream: pages.Upstream{ID: i.Upstream, Name: u.Name, Mark: u.Mark}, Label: i.Label, Gone: !there,
			AddedAt: v.Person.At(i.CreatedAt), UsedAt: v.Person.At(i.LastUsedAt),
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
func (h *Handler) addLogin(w http.ResponseWriter, r *http.Request, v *browser.Visitor, _ factor.Permit) error {
	id := r.PathValue("upstream")
	to, err := h.Logins.Begin(h.Browser.WithKnown(r), federation.LoginRequest{
		Upstream: id, Purpose: federation.ToLink, UserID: v.UserID, Browser: h.Browser.Mark(r), Fresh: true, Choose: true,
		Proof: h.Login.ProofOf(v),
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
	case errors.Is(err, provider.ErrDown):
		return h.loginsPage(w, r, v, http.StatusBadGateway, "upstream.down", id)
	case errors.Is(err, provider.ErrUpstream):
		return h.loginsPage(w, r, v, http.StatusBadGateway, "upstream.error", id)
	case err != nil:
		return err
	}
	return web.Redirect(w, r, to.String())
}

func (h *Handler) removeLogin(w http.ResponseWriter, r *http.Request, v *browser.Visitor, permit factor.Permit) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	id := r.PostForm.Get("login")
	rows, err := h.Logins.Linked(r.Context(), v.UserID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rows, func(i storage.Identity) bool { return i.ID == id }) { // before it is told that it is the last
		return unknown(federation.ErrNotFound, federation.ErrNotFound)
	}
	if !permit.Given() {
		return h.loginsPage(w, r, v, http.StatusConflict, "logins.last", "")
	}
	err = h.Logins.Unlink(r.Context(), permit, v.User, id, v.SessionID)
	switch {
	case errors.Is(err, federation.ErrLast), errors.Is(err, factor.ErrLast):
		return h.loginsPage(w, r, v, http.StatusConflict, "logins.last", "")
	case errors.Is(err, users.ErrChanged), errors.Is(err, factor.ErrChanged):
		return h.loginsPage(w, r, v, http.StatusConflict, "logins.gone", "")
	case err != nil:
		return unknown(err, federation.ErrNotFound)
	}
	return h.back(w, r, loginsPath, "login_removed")
}
