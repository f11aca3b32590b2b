package recovery

import (
	"context"
	"errors"
	"net/http"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/recovery"
)

// showRecover is for whoever has made the first step of a sign-in and cannot make the second.
func (h *Handler) showRecover(w http.ResponseWriter, r *http.Request) error {
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Factor) {
		return h.Login.GoOn(w, r, s)
	}
	return h.recoverPage(w, r, s, http.StatusOK, "")
}

func (h *Handler) recoverPage(w http.ResponseWriter, r *http.Request, s *login.State, status int, problem string) error {
	st, err := h.Factors.Of(r.Context(), s.Pending.User)
	if err != nil {
		return err
	}
	sent := r.URL.Query().Has("sent")
	person := browser.PersonOf(s.Pending.User)
	p := pages.Recover{
		Person: person, Sent: sent, State: pages.RecoverBegin, ReadyAt: person.At(st.ReadyAt), Wait: st.Wait, Problem: problem,
		Contact: h.Contact,
	}
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
	r, p.App = h.Login.Prepare(w, r, s)
	p.Action, p.BackURL = h.Browser.Path(recoverPath, &s.In), h.Login.Path(flow.Factor, s.In)
	if p.State == pages.RecoverCode {
		p.Action = login.WithQuery(p.Action, "sent=1")
	}
	return h.Pages.Render(w, r, status, p)
}

// recoverStep sends the code, takes it, or sends the link again.
func (h *Handler) recoverStep(w http.ResponseWriter, r *http.Request) error {
	if err := login.ParseForm(r); err != nil {
		return err
	}
	s, err := h.Login.Load(r)
	if err != nil {
		return err
	}
	if !s.Is(flow.Factor) {
		return h.Login.GoOn(w, r, s)
	}
	ctx, u, to := h.Login.Told(r), s.Pending.User, h.Browser.Path(recoverPath, &s.In)
	switch r.PostForm.Get("step") {
	case "send":
		to, err = login.WithQuery(to, "sent=1"), h.Factors.SendCode(ctx, s.In.ID, u)
	case "resend":
		to, err = login.WithQuery(to, "sent=1"), h.Factors.Resend(ctx, u)
	default:
		err = h.Factors.Start(ctx, s.In.ID, u, r.PostForm.Get("code"))
	}
	switch {
	case err == nil, errors.Is(err, recovery.ErrOff):
		return web.Redirect(w, r, to)
	case errors.Is(err, recovery.ErrWrong):
		h.Count("wayback", "failure")
		return h.recoverPage(w, r, s, http.StatusForbidden, "recover.wrong")
	case errors.Is(err, recovery.ErrGone):
		return h.recoverPage(w, r, s, http.StatusForbidden, "recover.gone")
	case errors.Is(err, users.ErrChanged):
		return h.Login.Restart(w, r, s)
	}
	return err
}

// showLink is the page of a mailed link: it only looks, so that programs that open links change nothing.
func (h *Handler) showLink(act string, look func(ctx context.Context, secret string) error) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.Browser.Bind(w, r)
		q := r.URL.Query()
		page := pages.RecoverLink{Act: act, SignInURL: h.Browser.Path("/signin", nil), PasswordURL: h.Browser.Path("/account/password", nil)}
		if q.Has("done") {
			page.Done = true
			return h.Pages.Render(w, r, http.StatusOK, page)
		}
		page.Secret = login.Secret(q.Get("t"))
		if err := look(r.Context(), page.Secret); err != nil {
			return h.again(w, r, page.Secret, err, "/signin")
		}
		page.Action = h.Browser.Path(recoverPath+"/"+act, nil)
		return h.Pages.Render(w, r, http.StatusOK, page)
	}
}

func (h *Handler) useLink(act string, use func(ctx context.Context, secret string) error) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := login.ParseForm(r); err != nil {
			return err
		}
		to, secret := recoverPath+"/"+act+"?done=1", login.Secret(r.PostForm.Get("t"))
		if err := use(h.Login.Told(r), secret); err != nil {
			return h.again(w, r, secret, err, "/signin")
		}
		if err := h.Login.LinkUsed(r, secret, "", "", to); err != nil {
			return err
		}
		return h.Browser.Go(w, r, to, nil)
	}
}
