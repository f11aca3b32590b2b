package mfa

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/users"
	"signet/users/factor"
	"signet/users/session"
)

// maxGuesses is how many wrong codes a sign-in survives that waits for its second factor (rule G02).
const maxGuesses = 5

// own is a handler of a page whose turn it is.
type own func(w http.ResponseWriter, r *http.Request, s *login.State) error

// when runs f where it is the step's turn, and else leads to where the dispatcher says.
func (h *Handler) when(step flow.Step, f own) web.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := login.ParseForm(r); err != nil {
			return err
		}
		s, err := h.Login.Load(r)
		if err != nil {
			return err
		}
		if !s.Is(step) {
			return h.Login.GoOn(w, r, s)
		}
		return f(w, r, s)
	}
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request, s *login.State) error {
	have, err := h.Factors.Of(r.Context(), s.Pending.UserID)
	if err != nil {
		return err
	}
	if !have.Second() { // taken away since it was decided to ask for it: the sign-in begins again
		return h.Login.Restart(w, r, s)
	}
	return h.page(w, r, s, have, http.StatusOK, pages.Factor{Way: h.way(r.URL.Query().Get("way"), have)})
}

// way is what the page asks for: what was chosen if the person has it, else the best they have.
func (h *Handler) way(chosen string, have factor.Enrolled) string {
	has := map[string]bool{
		factor.KindTOTP: have.TOTP, factor.KindPasskey: have.Passkeys > 0 && h.Passkeys != nil, factor.KindRecovery: have.Recovery > 0,
	}
	for _, way := range []string{chosen, factor.KindTOTP, factor.KindPasskey} {
		if has[way] {
			return way
		}
	}
	return factor.KindRecovery
}

func (h *Handler) page(w http.ResponseWriter, r *http.Request, s *login.State, have factor.Enrolled, status int, p pages.Factor) error {
	r, p.App = h.Login.Prepare(w, r, s)
	p.Person = browser.PersonOf(s.Pending.User)
	p.Action = h.Login.Path(flow.Factor, s.In)
	p.NotYouURL, p.CancelURL = h.Login.Another(s.In), h.Login.CancelURL(s)
	if h.Login.TrustFor > 0 {
		p.TrustDays = int(h.Login.TrustFor.Hours() / 24)
	}
	if have.TOTP && p.Way != factor.KindTOTP {
		p.TOTPURL = p.Action + "&way=totp"
	}
	if have.Recovery > 0 && p.Way != factor.KindRecovery {
		p.RecoveryURL = p.Action + "&way=recovery"
	}
	if have.Passkeys > 0 && h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path(passkeyPath, &s.In), h.Browser.Path(passkeyOptionsPath, &s.In)
		p.PasskeyWay = p.Action + "&way=passkey"
	}
	if h.Recover {
		p.LostURL = h.Browser.Path("/recover", &s.In)
	}
	return h.Pages.Render(w, r, status, p)
}

// submit is the form's answer.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request, s *login.State) error {
	way, check := factor.KindTOTP, h.Factors.CheckTOTP
	if r.PostForm.Get("way") == factor.KindRecovery {
		way, check = factor.KindRecovery, h.Factors.CheckRecovery
	}
	guesses, err := h.countGuess(r.Context(), s)
	switch {
	case err != nil:
		return err
	case guesses == 0:
		return h.refuse(w, r, s, way, factor.ErrWrong)
	case guesses > maxGuesses:
		return h.outOfGuesses(w, r, s)
	}
	match, err := check(r.Context(), s.Pending.UserID, r.PostForm.Get("code"))
	if err == nil {
		err = h.complete(w, r, s, login.Second{AMR: []string{session.AMROTP}, ACR: flow.ACRMulti, Commit: match.Commit})
	}
	if err != nil {
		return h.refuse(w, r, s, way, err)
	}
	h.Count(way, "success")
	return nil
}

func (h *Handler) complete(w http.ResponseWriter, r *http.Request, s *login.State, second login.Second) error {
	v, err := h.Login.Complete(w, r, s, second)
	if err != nil {
		return err
	}
	return h.Login.Continue(w, r, s, v)
}

// countGuess notes a try at the second factor before it is judged, and returns how many there were; 0 = the step waits no more.
func (h *Handler) countGuess(ctx context.Context, s *login.State) (guesses int, err error) {
	err = h.Browser.Record(ctx, &s.In, func(p *flow.Progress) {
		if guesses = 0; p.PendingFactor == nil {
			return
		}
		p.PendingFactor.Guesses++
		if guesses = p.PendingFactor.Guesses; guesses > maxGuesses {
			p.PendingFactor = nil
		}
	})
	return guesses, err
}

func (h *Handler) outOfGuesses(w http.ResponseWriter, r *http.Request, s *login.State) error {
	h.Count("totp", "throttled")
	s.Other = s.Visitor != nil && s.Visitor.UserID != s.Pending.UserID
	return h.Login.Fail(w, r, s, flow.SignIn, flow.Problem{Message: "signin.guessed", Status: http.StatusForbidden, At: time.Now()})
}

// passed leads on where the step waits no more: another tab was quicker, with the same code. done reports whether it did.
func (h *Handler) passed(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	s, err := h.Login.Load(r)
	if err != nil {
		return true, err
	}
	if s.Is(flow.Factor) {
		return false, nil
	}
	return true, h.Login.GoOn(w, r, s)
}

// refuse shows the page again with what went wrong, if it is its turn still.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, s *login.State, way string, err error) error {
	page := pages.Factor{Way: way}
	late, throttled := errors.AsType[*factor.Throttled](err)
	unreadable := errors.Is(err, factor.ErrUnreadable)
	if !throttled && !unreadable && !errors.Is(err, factor.ErrWrong) && !errors.Is(err, users.ErrChanged) {
		return err
	}
	if done, err := h.passed(w, r); done {
		return err
	}
	status := http.StatusForbidden
	switch {
	case throttled:
		h.Count(way, "throttled")
		page.Problem, page.RetryAfter, status = "factor.throttled", int(late.RetryAfter/time.Second), http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(page.RetryAfter))
	case unreadable: // the log and an event have it: nothing that the person can fix
		h.Count(way, "failure")
		page.Problem, status = "factor.unreadable", http.StatusServiceUnavailable
	case errors.Is(err, factor.ErrWrong):
		h.Count(way, "failure")
		page.Problem = "factor.wrong." + way
	default: // something ended everything of the person meanwhile
		return h.Login.Restart(w, r, s)
	}
	return h.again(w, r, s, status, page)
}

func (h *Handler) again(w http.ResponseWriter, r *http.Request, s *login.State, status int, page pages.Factor) error {
	have, err := h.Factors.Of(r.Context(), s.Pending.UserID)
	if err != nil {
		return err
	}
	return h.page(w, r, s, have, status, page)
}
