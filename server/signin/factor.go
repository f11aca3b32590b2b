package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/session"
)

// maxGuesses is how many wrong codes a half-done sign-in survives (security notes G02).
const maxGuesses = 5

// Factors is what the room needs of the second factors.
type Factors interface {
	Of(ctx context.Context, userID string) (factor.Standing, error)
	Required(ctx context.Context, userID string) (bool, error)
	CheckTOTP(ctx context.Context, userID, code string) (*factor.Match, error)
	CheckRecovery(ctx context.Context, userID, code string) (*factor.Match, error)
	Begin(ctx context.Context, owner string, u storage.User) (*factor.Enrolment, error)
	QR(ctx context.Context, owner string, u storage.User) ([]byte, error)
	ConfirmFirst(ctx context.Context, owner string, u storage.User, code string, within func(ctx context.Context) error) ([]string, error)
}

// showFactor is the page of the second step.
func (h *Handler) showFactor(w http.ResponseWriter, r *http.Request) error {
	in, _, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	have, err := h.Factors.Of(r.Context(), u.ID)
	if err != nil {
		return err
	}
	if !have.Second() { // taken away since it was decided to ask for it: the sign-in begins again
		return h.restart(w, r, in)
	}
	return h.factorPage(w, r, in, u, have, http.StatusOK, pages.Factor{Way: h.way(r.URL.Query().Get("way"), have)})
}

// way is what the page asks for: what was chosen if the person has it, else the best they have.
func (h *Handler) way(chosen string, have factor.Standing) string {
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

func (h *Handler) factorPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, have factor.Standing, status int, p pages.Factor) error {
	r, p.App = h.dress(w, r, in)
	p.Person = browser.PersonOf(u)
	p.Action = h.Browser.Path("/signin/factor", &in)
	p.NotYouURL = h.Browser.Path("/signin", &in) + "&other=1"
	if h.TrustFor > 0 {
		p.TrustDays = int(h.TrustFor.Hours() / 24)
	}
	if have.TOTP && p.Way != factor.KindTOTP {
		p.TOTPURL = p.Action + "&way=totp"
	}
	if have.Recovery > 0 && p.Way != factor.KindRecovery {
		p.RecoveryURL = p.Action + "&way=recovery"
	}
	if have.Passkeys > 0 && h.Passkeys != nil {
		p.PasskeyURL, p.PasskeyOptions = h.Browser.Path("/signin/factor/passkey", &in), h.Browser.Path("/signin/factor/passkey/options", &in)
		p.PasskeyWay = p.Action + "&way=passkey"
	}
	p.LostURL = h.LostURL(&in)
	return h.Pages.Render(w, r, status, p)
}

// submitFactor is the answer of the second step.
func (h *Handler) submitFactor(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, half, u, ok, err := h.asking(w, r)
	if err != nil || !ok {
		return err
	}
	way, check := factor.KindTOTP, h.Factors.CheckTOTP
	if r.PostForm.Get("way") == factor.KindRecovery {
		way, check = factor.KindRecovery, h.Factors.CheckRecovery
	}
	spent, err := h.countGuess(r.Context(), &in)
	if err != nil || spent {
		return h.outOfGuesses(w, r, in, err)
	}
	proof, err := check(r.Context(), u.ID, r.PostForm.Get("code"))
	if err == nil {
		err = h.complete(w, r, in, half, u, []string{session.AMROTP}, flow.ACRMulti, proof.Commit)
	}
	if err != nil {
		return h.refuseFactor(w, r, in, u, way, err)
	}
	h.CountWay(way, "success")
	return nil
}

// countGuess notes a try at the second step before it is judged; spent tells that there were too many.
func (h *Handler) countGuess(ctx context.Context, in *flow.Interaction) (spent bool, err error) {
	err = h.Browser.Record(ctx, in, func(f *flow.Facts) {
		spent = f.Half == nil
		if f.Half == nil {
			return
		}
		if f.Half.Guesses++; f.Half.Guesses > maxGuesses {
			f.Half, spent = nil, true
		}
	})
	return spent, err
}

func (h *Handler) outOfGuesses(w http.ResponseWriter, r *http.Request, in flow.Interaction, err error) error {
	if err != nil {
		return err
	}
	h.CountWay("totp", "throttled")
	return h.page(w, r, in, http.StatusForbidden, pages.SignIn{Problem: "signin.guessed"})
}

// complete turns a half-done sign-in into a whole one: what was proven, plus amr, in the class acr. hold uses the second
// proof up in the same transaction. The person stays who they were at the first step, with nothing ended since.
func (h *Handler) complete(w http.ResponseWriter, r *http.Request, in flow.Interaction, half flow.Half, u storage.User,
	amr []string, acr string, hold func(ctx context.Context) error) error {
	v, err := h.completed(w, r, half, u, amr, acr, hold)
	if err != nil {
		return err
	}
	return h.done(w, r, in, v)
}

func (h *Handler) completed(w http.ResponseWriter, r *http.Request, half flow.Half, u storage.User,
	amr []string, acr string, hold func(ctx context.Context) error) (*browser.Visitor, error) {
	same := h.People.Hold(u.ID, half.Epoch)
	how := session.How{Remember: half.Remember, ACR: acr, AMR: amrOf(half.AMR, amr), Within: func(ctx context.Context) error {
		if err := same(ctx); err != nil {
			return err
		}
		return hold(ctx)
	}}
	if half.From != nil {
		if err := json.Unmarshal(half.From, &how.From); err != nil {
			return nil, err
		}
	}
	v, err := h.begin(w, r, u, how)
	if err != nil {
		return nil, err
	}
	if r.PostForm.Get("trust") != "" && h.TrustFor > 0 {
		h.Browser.Trust(w, r, u.ID, u.Epoch, h.TrustFor)
	}
	return v, nil
}

// amrOf joins the methods of two steps (RFC 8176 section 2: mfa besides the methods themselves).
func amrOf(first, second []string) []string {
	all := slices.Clone(first)
	for _, m := range append(slices.Clone(second), session.AMRMulti) {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

// refuseFactor shows the page again with what went wrong.
func (h *Handler) refuseFactor(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, way string, err error) error {
	page := pages.Factor{Way: way}
	late, throttled := errors.AsType[*factor.Throttled](err)
	status := http.StatusForbidden
	switch {
	case throttled:
		h.CountWay(way, "throttled")
		page.Problem, page.RetryAfter, status = "factor.throttled", int(late.RetryAfter/time.Second), http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(page.RetryAfter))
	case errors.Is(err, factor.ErrWrong):
		h.CountWay(way, "failure")
		page.Problem = "factor.wrong." + way
	case errors.Is(err, users.ErrChanged): // something ended everything of the person meanwhile
		return h.restart(w, r, in)
	default:
		return err
	}
	have, err := h.Factors.Of(r.Context(), u.ID)
	if err != nil {
		return err
	}
	return h.factorPage(w, r, in, u, have, status, page)
}

// restart drops a half-done sign-in that what was decided for it does not fit any more, and begins again.
func (h *Handler) restart(w http.ResponseWriter, r *http.Request, in flow.Interaction) error {
	if err := h.drop(r.Context(), &in); err != nil {
		return err
	}
	return h.Browser.Go(w, r, "/signin", &in)
}

// showSetup leads somebody who must have a second factor to setting one up, inside the errand.
func (h *Handler) showSetup(w http.ResponseWriter, r *http.Request) error {
	in, _, u, ok, err := h.enrolling(w, r)
	if err != nil || !ok {
		return err
	}
	return h.setupPage(w, r, in, u, http.StatusOK, "")
}

func (h *Handler) setupPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, status int, problem string) error {
	e, err := h.Factors.Begin(r.Context(), in.ID, u)
	if errors.Is(err, factor.ErrThere) { // there is one by now
		return h.restart(w, r, in)
	}
	if err != nil {
		return err
	}
	r, app := h.dress(w, r, in)
	return h.Pages.Render(w, r, status, pages.FactorSetup{
		App: app, Person: browser.PersonOf(u), Action: h.Browser.Path("/signin/factor/setup", &in), Secret: e.Secret, URL: e.URL,
		QR: h.Browser.Path("/signin/factor/qr", &in), Problem: problem, NotYouURL: h.Browser.Path("/signin", &in) + "&other=1",
	})
}

// setupQR is the picture of the secret.
func (h *Handler) setupQR(w http.ResponseWriter, r *http.Request) error {
	in, _, u, ok, err := h.enrolling(w, r)
	if err != nil || !ok {
		return err
	}
	picture, err := h.Factors.QR(r.Context(), in.ID, u)
	if errors.Is(err, factor.ErrGone) {
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(picture)
	return nil
}

// setUp confirms the first code: the person is signed in with both factors and sees the recovery codes once.
func (h *Handler) setUp(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, half, u, ok, err := h.enrolling(w, r)
	if err != nil || !ok {
		return err
	}
	spent, err := h.countGuess(r.Context(), &in)
	if err != nil || spent {
		return h.outOfGuesses(w, r, in, err)
	}
	codes, err := h.Factors.ConfirmFirst(r.Context(), in.ID, u, r.PostForm.Get("code"), h.People.Hold(u.ID, half.Epoch))
	late, throttled := errors.AsType[*factor.Throttled](err)
	switch {
	case throttled:
		w.Header().Set("Retry-After", strconv.Itoa(int(late.RetryAfter/time.Second)))
		return h.setupPage(w, r, in, u, http.StatusTooManyRequests, "factor.throttled")
	case errors.Is(err, factor.ErrWrong):
		return h.setupPage(w, r, in, u, http.StatusForbidden, "factor.wrong.totp")
	case errors.Is(err, factor.ErrGone):
		return h.Browser.Go(w, r, "/signin/factor/setup", &in)
	case errors.Is(err, factor.ErrThere): // a second factor came in meanwhile: it has to be passed
		return h.restart(w, r, in)
	case errors.Is(err, users.ErrChanged):
		return h.refuseFactor(w, r, in, u, factor.KindTOTP, err)
	case err != nil:
		return err
	}
	v, err := h.completed(w, r, half, u, []string{session.AMROTP}, flow.ACRMulti, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	if err := h.note(r.Context(), &in, v); err != nil {
		return err
	}
	return h.Pages.Render(w, r, http.StatusOK, pages.RecoveryCodes{Person: v.Person, Codes: codes, NextURL: h.Browser.Onward(in), Door: true})
}
