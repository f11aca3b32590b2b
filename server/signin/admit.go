package signin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/internal/mail"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/session"
)

// admit is where every way of signing in ends once its first proof is made: the browser becomes one of the person's and the
// errand goes on, or the second step is asked for. An error of how.Within comes back before anything is written.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, how session.How) error {
	if !u.FrozenAt.IsZero() {
		return users.ErrFrozen
	}
	step, err := h.secondStep(r, in, u, how)
	if err != nil {
		return err
	}
	if step == factor.None {
		return h.enter(w, r, in, u, how)
	}
	return h.half(w, r, in, u, how, step)
}

// secondStep applies the rule of users/factor.
func (h *Handler) secondStep(r *http.Request, in flow.Interaction, u storage.User, how session.How) (factor.Step, error) {
	if h.Factors == nil {
		return factor.None, nil
	}
	ctx := r.Context()
	have, err := h.Factors.Of(ctx, u.ID)
	if err != nil {
		return 0, err
	}
	q := factor.Question{
		Has: have.Second(), Always: have.TOTP, Proven: flow.Reaches(how.ACR, flow.ACRMulti), Trusted: h.Browser.Trusted(r, u.ID, u.Epoch),
		Demanded: in.Errand == browser.ErrandConfirm || wantsTwo(in.Request),
	}
	if in.Errand == browser.ErrandAuthorize && h.ClientDemands(ctx, in.Request.ClientID) {
		q.Required, q.Demanded = true, true
	}
	if !q.Always && !q.Required {
		if q.Required, err = h.Factors.Required(ctx, u.ID); err != nil {
			return 0, err
		}
	}
	return factor.Decide(q), nil
}

// wantsTwo tells whether the request's demands are reached by two factors only.
func wantsTwo(req flow.Request) bool {
	asked := req.EssentialACRs
	if len(asked) == 0 {
		asked = slices.DeleteFunc(slices.Clone(req.ACRValues), func(v string) bool { return !slices.Contains(flow.ACRs(), v) })
	}
	return len(asked) > 0 && !slices.Contains(asked, flow.ACRSingle)
}

// half notes the first step in the errand and leads to the second. It is no session (security notes F06).
func (h *Handler) half(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, how session.How, step factor.Step) error {
	ctx := r.Context()
	if how.Within != nil {
		if err := h.Tx(ctx, how.Within); err != nil {
			return err
		}
	}
	if in.ID == "" {
		var err error
		if in, err = h.Browser.Begin(w, r, browser.ErrandAccount, flow.Request{}); err != nil {
			return err
		}
	}
	var from []byte
	if how.From != nil {
		var err error
		if from, err = json.Marshal(how.From); err != nil {
			return err
		}
	}
	err := h.Browser.Record(ctx, &in, func(f *flow.Facts) {
		if f.UserID != u.ID {
			*f = f.Anybodys()
		}
		f.Half = &flow.Half{UserID: u.ID, Epoch: u.Epoch, At: time.Now(), AMR: how.AMR, ACR: how.ACR, Remember: how.Remember, Enrol: step == factor.Enrol, From: from}
	})
	if err != nil {
		return err
	}
	return h.Browser.Go(w, r, stepPath(*in.Facts.Half), &in)
}

// stepPath is where the second step that was decided is made.
func stepPath(half flow.Half) string {
	if half.Enrol {
		return "/signin/factor/setup"
	}
	return "/signin/factor"
}

// enter makes the browser one of the person's and goes on. A browser not seen with the account before is told to the person
// (security notes F09).
func (h *Handler) enter(w http.ResponseWriter, r *http.Request, in flow.Interaction, u storage.User, how session.How) error {
	v, err := h.begin(w, r, u, how)
	if err != nil {
		return err
	}
	offer, err := h.offers(r, in, v, how)
	if err != nil {
		return err
	}
	if !offer || in.Facts.Connect != "" {
		return h.done(w, r, in, v)
	}
	return h.offer(w, r, in, v)
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request, u storage.User, how session.How) (*browser.Visitor, error) {
	within, known := how.Within, h.Browser.Device(r, u.ID) != ""
	how.Within = func(ctx context.Context) error {
		if within != nil {
			if err := within(ctx); err != nil {
				return err
			}
		}
		if h.WayBack != nil && flow.Reaches(how.ACR, flow.ACRMulti) { // nothing is lost
			if err := h.WayBack.Cancel(ctx, u.ID); err != nil {
				return err
			}
		}
		if known {
			return nil
		}
		return h.People.Notify(ctx, u.ID, mail.NewDevice, nil)
	}
	return h.Browser.SignedIn(w, r.WithContext(mail.WithLanguage(r.Context(), h.Pages.Language(r))), u.ID, how)
}

// asking is pending where the person's second factor is what is asked for; enrolling, where they have to set one up. Elsewhere the
// answer leads to the step that was decided.
func (h *Handler) asking(w http.ResponseWriter, r *http.Request) (flow.Interaction, flow.Half, storage.User, bool, error) {
	return h.decided(w, r, false)
}

func (h *Handler) enrolling(w http.ResponseWriter, r *http.Request) (flow.Interaction, flow.Half, storage.User, bool, error) {
	return h.decided(w, r, true)
}

func (h *Handler) decided(w http.ResponseWriter, r *http.Request, enrol bool) (in flow.Interaction, half flow.Half, u storage.User, ok bool, err error) {
	in, half, u, ok, err = h.pending(w, r)
	if err != nil || !ok || half.Enrol == enrol {
		return in, half, u, ok, err
	}
	return in, half, u, false, h.Browser.Go(w, r, stepPath(half), &in)
}

// pending is the errand's half-done sign-in with its person; ok is false where there is none that is still good, and the
// answer (to the beginning of sign-in) is written.
func (h *Handler) pending(w http.ResponseWriter, r *http.Request) (in flow.Interaction, half flow.Half, u storage.User, ok bool, err error) {
	if in, _, err = h.errand(r); err != nil {
		return in, half, u, false, err
	}
	if p := in.Facts.Pending(time.Now()); p != nil && h.Factors != nil {
		u, err = h.People.Show(r.Context(), p.UserID)
		if err != nil && !errors.Is(err, users.ErrNotFound) {
			return in, half, u, false, err
		}
		if err == nil && u.Epoch == p.Epoch && u.DisabledAt.IsZero() {
			return in, *p, u, true, nil
		}
	}
	return in, half, u, false, h.Browser.Go(w, r, "/signin", &in)
}

// drop ends a half-done sign-in.
func (h *Handler) drop(ctx context.Context, in *flow.Interaction) error {
	return h.Browser.Record(ctx, in, func(f *flow.Facts) { f.Half = nil })
}
