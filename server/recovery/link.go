package recovery

import (
	"context"
	"errors"
	"net/http"

	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
)

// linked is an act that a mailed link asks for and a button does.
type linked struct {
	path, what string
	look       func(ctx context.Context, secret, userID string) (address string, err error)
	act        func(ctx context.Context, secret, userID string) error
	touches    []web.Touch
}

func (h *Handler) linked() []linked {
	return []linked{
		{
			"/not-me", "notme",
			func(ctx context.Context, t, _ string) (string, error) { return "", h.Undoing.LookNotMe(ctx, t) },
			func(ctx context.Context, t, _ string) error { return h.Undoing.Freeze(ctx, t) },
			attached(web.EmailAddress),
		},
		{"/verify-address", "address", h.Addresses.LookAddress, h.Addresses.ProveAddress, []web.Touch{web.EmailAddress}},
		{"/undo-address", "undo", h.Undoing.LookUndo, h.Undoing.UndoAddress, attached(web.EmailAddress)},
	}
}

func (h *Handler) showLinked(l linked) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.Browser.Bind(w, r)
		if r.URL.Query().Has("done") {
			return h.done(w, r, l)
		}
		secret := login.Secret(r.URL.Query().Get("t"))
		user, err := h.signedIn(r)
		if err != nil {
			return err
		}
		address, err := l.look(r.Context(), secret, user)
		if err != nil {
			return h.refuseLinked(w, r, secret, err)
		}
		return h.Pages.Render(w, r, http.StatusOK,
			pages.Linked{What: l.what, Action: h.Browser.Path(l.path, nil), Token: secret, Address: address})
	}
}

func (h *Handler) actLinked(l linked) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := login.ParseForm(r); err != nil {
			return err
		}
		user, err := h.signedIn(r)
		if err != nil {
			return err
		}
		secret := login.Secret(r.PostForm.Get("t"))
		if err := l.act(h.Login.Told(r), secret, user); err != nil {
			return h.refuseLinked(w, r, secret, err)
		}
		if err := h.Login.LinkUsed(r, secret, "", "", l.path+"?done=1"); err != nil {
			return err
		}
		return h.done(w, r, l)
	}
}

func (h *Handler) done(w http.ResponseWriter, r *http.Request, l linked) error {
	page := pages.LinkDone{What: l.what, NextURL: h.Browser.Path("/account", nil)}
	if page.Locked() { // nobody signs in until there is a new password
		page.NextURL = h.Browser.Path(forgotPath, nil)
	}
	return h.Pages.Render(w, r, http.StatusOK, page)
}

// signedIn is who is signed in; "" = nobody.
func (h *Handler) signedIn(r *http.Request) (userID string, err error) {
	v, err := h.Browser.Visitor(r)
	if err != nil || v == nil {
		return "", err
	}
	return v.UserID, nil
}

// refuseLinked asks to sign in first where a link is only for its own person.
func (h *Handler) refuseLinked(w http.ResponseWriter, r *http.Request, secret string, err error) error {
	if errors.Is(err, users.ErrNotYours) {
		return &web.PageError{Status: http.StatusForbidden, Kind: "link_signin", Cause: err, Back: h.Browser.Path("/signin", nil)}
	}
	return h.again(w, r, secret, err, "/signin")
}
