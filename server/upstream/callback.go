package upstream

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/login"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/federation/provider"
)

// callbackByForm turns a posted answer into the GET that has our cookies.
func (h *Handler) callbackByForm(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range []string{"state", "code", "iss", "error", "user"} {
		if values, sent := r.PostForm[name]; sent {
			query[name] = values
		}
	}
	return web.BounceToGET(w, r, h.Browser.Path(login.WithPath+url.PathEscape(r.PathValue("upstream"))+"/callback", nil), query)
}

// callback takes what an upstream says of somebody.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("upstream")
	if _, ok := h.Login.Upstreams.Upstream(id); !ok {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found"}
	}
	a, failed := h.Callbacks.Complete(r.Context(), id, h.Browser.Mark(r), r.URL.Query())
	return h.take(ownFragment{w}, r, id, a, failed)
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request, id string, a federation.Callback, failed error) error {
	s, err := h.Login.Resume(r, a.Interaction)
	if err != nil {
		return err
	}
	s.Other = a.Purpose == federation.ToSignIn && a.UserID == "" && s.Visitor != nil
	switch {
	case errors.Is(failed, federation.ErrExpired) && a.Purpose == federation.ToSignIn && !s.Is(flow.SignIn):
		return h.Login.GoOn(w, r, s) // the callback comes twice: it leads to where the first led (rule B02)
	case errors.Is(failed, federation.ErrExpired) && a.Purpose == federation.ToLink:
		return h.linkTwice(w, r, s, a)
	case failed != nil && a.Purpose == federation.ToLink:
		return h.linkFailed(w, r, id, failed)
	case failed != nil:
		return h.Login.RefuseUpstream(w, r, s, id, failed)
	case a.Purpose == federation.ToLink:
		return h.link(w, r, a)
	}
	if err := h.admit(w, r, s, a); err != nil {
		return h.Login.RefuseUpstream(w, r, s, id, err)
	}
	return nil
}

// admit signs in the person of an identity, or finds out what somebody wants whose identity is not linked to an account.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, s *login.State, a federation.Callback) error {
	u, err := h.Callbacks.Known(r.Context(), a)
	if errors.Is(err, federation.ErrUnknown) && a.UserID == "" {
		return h.park(w, r, s, a)
	}
	switch {
	case errors.Is(err, federation.ErrUnknown), err == nil && a.UserID != "" && u.ID != a.UserID:
		return login.ErrOtherPerson
	case err != nil:
		return err
	case !u.DisabledAt.IsZero():
		return login.ErrDisabled
	}
	how, err := h.Callbacks.How(a, u)
	if err != nil {
		return err
	}
	counts, err := h.Login.Counts(r, s, a, u)
	if err != nil {
		return err
	}
	if !counts {
		return h.Login.Unproven(w, r, s, u, how, a)
	}
	if !a.Proven && how.AuthTime.IsZero() { // nobody knows when it was: it is never a recent one (rule V12)
		how.AuthTime = time.Now().Add(-factor.Recent)
	}
	if err := h.Login.Admit(w, r, s, u, how); err != nil {
		return err
	}
	h.Count("upstream "+a.Upstream, "success")
	return nil
}

// park keeps an identity that is not linked to an account, and leads its person to where they decide.
func (h *Handler) park(w http.ResponseWriter, r *http.Request, s *login.State, a federation.Callback) error {
	if err := h.Login.Ensure(w, r, s); err != nil {
		return err
	}
	a.Interaction = s.In.ID
	k, err := h.Callbacks.ParkIdentity(r.Context(), a)
	if err != nil {
		return err
	}
	waiting := ""
	if k.UserID != "" {
		waiting = k.ID
	}
	if err := h.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.PendingIdentity = waiting }); err != nil {
		return err
	}
	return web.Redirect(w, r, h.newPath(s, k))
}

func (h *Handler) newPath(s *login.State, k federation.PendingIdentity) string {
	return login.WithQuery(h.Browser.Path(login.WithPath+k.Upstream+"/new", &s.In), "a="+k.ID)
}

// link ties the identity to the account of the person who asked for it on the account's page, and is that person still. That they might
// was decided there (rule V02).
func (h *Handler) link(w http.ResponseWriter, r *http.Request, a federation.Callback) error {
	v, err := h.Browser.Visitor(r)
	if err != nil {
		return err
	}
	if v == nil || v.UserID != a.UserID {
		return h.linkFailed(w, r, a.Upstream, federation.ErrExpired)
	}
	permit, err := h.Login.MayAsBegun(r.Context(), v, a.Proof, factor.LinkLogin)
	if err == nil {
		err = h.Links.Link(h.Login.Told(r), permit, v.User, a)
	}
	if err != nil {
		return h.linkFailed(w, r, a.Upstream, err)
	}
	h.Count("upstream "+a.Upstream, "linked")
	return h.Browser.Go(w, r, loginsPath+"?done=login_added", nil)
}

// linkTwice answers a callback that comes twice: the login that the first has linked is on the page already.
func (h *Handler) linkTwice(w http.ResponseWriter, r *http.Request, s *login.State, a federation.Callback) error {
	if s.Visitor != nil && s.Visitor.UserID == a.UserID {
		list, err := h.Login.Upstreams.Linked(r.Context(), a.UserID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(i storage.Identity) bool { return i.Upstream == a.Upstream }) {
			return h.Browser.Go(w, r, loginsPath, nil)
		}
	}
	return h.linkFailed(w, r, a.Upstream, federation.ErrExpired)
}

// linkProblems are those that the account's page tells.
var linkProblems = []struct {
	is      error
	message string
}{
	{federation.ErrTaken, "taken"}, {federation.ErrHave, "have"}, {provider.ErrDenied, "denied"}, {provider.ErrDown, "down"},
	{federation.ErrExpired, "expired"}, {provider.ErrDomain, "domain"}, {provider.ErrIdentity, "identity"}, {federation.ErrMixUp, "identity"},
	{provider.ErrUpstream, "error"}, {users.ErrChanged, "error"}, {factor.ErrChanged, "error"}, {factor.ErrConfirm, "expired"},
	{factor.ErrNotAllowed, "expired"},
}

// linkFailed goes back to the account's page, which says why.
func (h *Handler) linkFailed(w http.ResponseWriter, r *http.Request, id string, err error) error {
	for _, p := range linkProblems {
		if errors.Is(err, p.is) {
			h.Count("upstream "+id, "failure")
			return h.Browser.Go(w, r, loginsPath+"?problem="+p.message+"&upstream="+id, nil)
		}
	}
	return err
}

// signedOut is where upstreams send back to after signing out.
func (h *Handler) signedOut(w http.ResponseWriter, r *http.Request) error {
	back, err := h.Callbacks.AfterLogout(r.Context(), login.Secret(r.URL.Query().Get("state")), h.Browser.Mark(r))
	if errors.Is(err, federation.ErrExpired) {
		return h.Browser.Go(w, r, "/oauth2/logout/done", nil)
	}
	if err != nil {
		return err
	}
	return web.Redirect(w, r, back)
}
