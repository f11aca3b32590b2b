package signin

import (
	"context"
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/wayback"
)

// WayBack is what the room needs of the way back for those who have lost their second factor.
type WayBack interface {
	Of(ctx context.Context, u storage.User) (wayback.State, error)
	SendCode(ctx context.Context, errand string, u storage.User) error
	Start(ctx context.Context, errand string, u storage.User, code string) error
	Resend(ctx context.Context, u storage.User) error
	LookFinish(ctx context.Context, secret string) error
	Finish(ctx context.Context, secret string) error
	LookStop(ctx context.Context, secret string) error
	Stop(ctx context.Context, secret string) error
	Cancel(ctx context.Context, userID string) error
}

func (h *Handler) mountWayBack(m *web.Mux) {
	m.Page("GET /recover", h.showRecover)
	m.Page("POST /recover", h.recoverStep, web.Nothing)
	m.Page("GET /recover/finish", h.showLink("finish", h.WayBack.LookFinish))
	m.Page("POST /recover/finish", h.useLink("finish", h.WayBack.Finish), web.Passkey, web.Authenticator, web.RecoveryCodes, web.TrustedBrowser)
	m.Page("GET /recover/stop", h.showLink("stop", h.WayBack.LookStop))
	m.Page("POST /recover/stop", h.useLink("stop", h.WayBack.Stop), web.Nothing)
}

// showRecover is for whoever has made the first step and cannot make the second.
func (h *Handler) showRecover(w http.ResponseWriter, r *http.Request) error {
	in, _, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	return h.recoverPage(w, r, in, u, http.StatusOK, "")
}

func (h *Handler) recoverPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, status int, problem string) error {
	st, err := h.WayBack.Of(r.Context(), u)
	if err != nil {
		return err
	}
	sent := r.URL.Query().Has("sent")
	p := pages.Recover{Person: browser.PersonOf(u), Sent: sent, State: pages.RecoverBegin, ReadyAt: st.ReadyAt, Wait: st.Wait, Problem: problem, Contact: h.Contact}
	switch {
	case !st.On:
		p.State = pages.RecoverAsk
	case st.Ready:
		p.State = pages.RecoverReady
	case !st.ReadyAt.IsZero():
		p.State = pages.RecoverWaiting
	case sent && problem != "recover.gone":
		p.State = pages.RecoverCode
	}
	r, p.App = h.dress(w, r, in)
	p.Action, p.BackURL = h.Browser.Path("/recover", &in), h.Browser.Path("/signin/factor", &in)
	if p.State == pages.RecoverCode {
		p.Action += "&sent=1"
	}
	return h.Pages.Render(w, r, status, p)
}

// recoverStep sends the code, takes it, or sends the link again.
func (h *Handler) recoverStep(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, _, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	ctx := h.told(r)
	sent := "&sent=1"
	switch r.PostForm.Get("step") {
	case "send":
		err = h.WayBack.SendCode(ctx, in.ID, u)
	case "resend":
		err = h.WayBack.Resend(ctx, u)
	default:
		sent, err = "", h.WayBack.Start(ctx, in.ID, u, r.PostForm.Get("code"))
	}
	switch {
	case err == nil, errors.Is(err, wayback.ErrOff):
		return web.Redirect(w, r, h.Browser.Path("/recover", &in)+sent)
	case errors.Is(err, wayback.ErrWrong):
		h.CountWay("wayback", "failure")
		return h.recoverPage(w, r, in, u, http.StatusForbidden, "recover.wrong")
	case errors.Is(err, wayback.ErrGone):
		return h.recoverPage(w, r, in, u, http.StatusForbidden, "recover.gone")
	case errors.Is(err, users.ErrChanged):
		return h.refuseFactor(w, r, in, u, "wayback", err)
	}
	return err
}

// showLink is the page of a mailed link: it only looks, so that programs that open links change nothing.
func (h *Handler) showLink(act string, look func(ctx context.Context, secret string) error) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := r.URL.Query()
		page := pages.RecoverLink{Act: act, SignInURL: h.Browser.Path("/signin", nil), PasswordURL: h.Browser.Path("/account/password", nil)}
		if q.Has("done") {
			page.Done = true
			return h.Pages.Render(w, r, http.StatusOK, page)
		}
		page.Secret = secretOf(q.Get("t"))
		if err := look(r.Context(), page.Secret); err != nil {
			return gone(err, page.SignInURL)
		}
		page.Action = h.Browser.Path("/recover/"+act, nil)
		return h.Pages.Render(w, r, http.StatusOK, page)
	}
}

func (h *Handler) useLink(act string, use func(ctx context.Context, secret string) error) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := parse(r); err != nil {
			return err
		}
		to := h.Browser.Path("/recover/"+act, nil)
		if err := use(h.told(r), secretOf(r.PostForm.Get("t"))); err != nil {
			return gone(err, h.Browser.Path("/signin", nil))
		}
		return web.Redirect(w, r, to+"?done=1")
	}
}
