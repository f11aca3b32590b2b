package signin

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/pages"
	"signet/users/passkey"
	"signet/users/session"
)

// offerPath is where a passkey is offered after a password, once.
const offerPath = "/signin/offer"

// offerFor is how long after the sign-in the offer's page works: adding a passkey wants a recent one (security notes F10).
const offerFor = 10 * time.Minute

// offers tells whether to offer a passkey on the way on: the password was all that was asked for, the script said that the
// browser can, and the person has none and did not say no. Confirmations are not held up.
func (h *Handler) offers(r *http.Request, in flow.Interaction, v *browser.Visitor, how session.How) (bool, error) {
	if h.Passkeys == nil || in.Errand == browser.ErrandConfirm || !slices.Equal(how.AMR, []string{session.AMRPassword}) ||
		r.PostFormValue("passkeys") != "yes" || !v.User.EraseAt.IsZero() {
		return false, nil
	}
	if strong, err := h.strong(r, v); err != nil || !strong {
		return false, err
	}
	return h.Passkeys.Offer(r.Context(), v.UserID)
}

// strong tells whether the visitor signed in with the strongest way that they have.
func (h *Handler) strong(r *http.Request, v *browser.Visitor) (bool, error) {
	if h.Strong == nil {
		return true, nil
	}
	return h.Strong(r.Context(), v)
}

// offer notes that a passkey is offered to the person who has just signed in, and leads there.
func (h *Handler) offer(w http.ResponseWriter, r *http.Request, in flow.Interaction, v *browser.Visitor) (err error) {
	if in.ID == "" {
		if in, err = h.Browser.Begin(w, r, in.Errand, in.Request); err != nil {
			return err
		}
	}
	if err := h.note(r.Context(), &in, v); err != nil {
		return err
	}
	if err := h.Browser.Record(r.Context(), &in, func(f *flow.Facts) { f.OfferedTo = v.UserID }); err != nil {
		return err
	}
	return h.Browser.Go(w, r, offerPath, &in)
}

// offered is the errand with the person to whom a passkey is offered; ok is false where there is nobody, and the answer is
// written.
func (h *Handler) offered(w http.ResponseWriter, r *http.Request) (in flow.Interaction, v *browser.Visitor, ok bool, err error) {
	if in, _, err = h.errand(r); err != nil {
		return in, nil, false, err
	}
	if v, err = h.Browser.Visitor(r); err != nil {
		return in, nil, false, err
	}
	if v == nil || in.Facts.OfferedTo != v.UserID || in.Facts.UserID != v.UserID || time.Since(v.AuthTime) >= offerFor {
		return in, nil, false, h.Browser.Continue(w, r, in)
	}
	strong, err := h.strong(r, v)
	if err != nil {
		return in, nil, false, err
	}
	if !strong {
		return in, nil, false, h.Browser.Continue(w, r, in)
	}
	if ok, err = h.Passkeys.Offer(r.Context(), v.UserID); err != nil || ok {
		return in, v, ok, err
	}
	return in, v, false, h.Browser.Continue(w, r, in)
}

func (h *Handler) showOffer(w http.ResponseWriter, r *http.Request) error {
	in, v, ok, err := h.offered(w, r)
	if err != nil || !ok {
		return err
	}
	return h.offerPage(w, r, in, v, http.StatusOK, "")
}

func (h *Handler) offerPage(w http.ResponseWriter, r *http.Request, in flow.Interaction, v *browser.Visitor, status int, problem string) error {
	r, app := h.dress(w, r, in)
	return h.Pages.Render(w, r, status, pages.PasskeyOffer{
		App: app, Person: v.Person, Action: h.Browser.Path(offerPath, &in), Options: h.Browser.Path(offerPath+"/options", &in), Problem: problem,
	})
}

func (h *Handler) offerOptions(w http.ResponseWriter, r *http.Request) error {
	_, v, ok, err := h.offered(w, r)
	if err != nil || !ok {
		return err
	}
	options, err := h.Passkeys.BeginRegistration(r.Context(), h.Browser.Mark(r), passkey.Whose{ID: v.UserID, Name: nameOf(v.Person), DisplayName: shownAs(v.Person)})
	return optionsOr(w, options, err)
}

func shownAs(p pages.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return nameOf(p)
}

// answerOffer adds the passkey or notes that none is wanted, and goes on with the errand either way.
func (h *Handler) answerOffer(w http.ResponseWriter, r *http.Request) error {
	if err := parse(r); err != nil {
		return err
	}
	in, v, ok, err := h.offered(w, r)
	if err != nil || !ok {
		return err
	}
	if !browser.Meant(r, v) { // another account came into view in another tab
		return h.Browser.Continue(w, r, in)
	}
	if r.PostForm.Get("decision") == "no" {
		err = h.Passkeys.Decline(r.Context(), v.UserID)
	} else {
		err = h.Passkeys.Register(r.Context(), h.Browser.Mark(r), v.User, "", []byte(r.PostForm.Get("credential")))
	}
	if errors.Is(err, passkey.ErrWrong) || errors.Is(err, passkey.ErrTaken) || errors.Is(err, passkey.ErrChanged) {
		return h.offerPage(w, r, in, v, http.StatusBadRequest, "passkeys.failed")
	}
	if err != nil {
		return err
	}
	return h.Browser.Continue(w, r, in)
}
