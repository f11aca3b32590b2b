package login

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

// Admit is where every way of signing in ends once its first proof is made: the browser becomes one of the person's and the sign-in
// goes on, or the second factor is asked for. An error of how.Within comes back before anything is written. first tells that the
// account was made just now: there is nobody to tell of a new browser.
func (l *Login) Admit(w http.ResponseWriter, r *http.Request, s *State, u storage.User, how session.How) error {
	if !u.FrozenAt.IsZero() {
		return users.ErrFrozen
	}
	return l.admit(w, r, s, u, how, false)
}

// AdmitNew is Admit of somebody whose account was made just now: there is nobody to tell of a new browser.
func (l *Login) AdmitNew(w http.ResponseWriter, r *http.Request, s *State, u storage.User, how session.How) error {
	if s.In.Purpose != flow.PurposeAuthorize && s.In.EndsAt == "" {
		s.In.EndsAt = homePath + "?done=signup"
	}
	return l.admit(w, r, s, u, how, true)
}

func (l *Login) admit(w http.ResponseWriter, r *http.Request, s *State, u storage.User, how session.How, first bool) error {
	step, err := l.decide(r, s, u, how)
	if err != nil {
		return err
	}
	if step != factor.None {
		return l.halt(w, r, s, u, how, step)
	}
	v, err := l.begin(w, r, u, how, first)
	if err != nil {
		return err
	}
	offered, err := l.offers(r, s, v, how, first)
	if err != nil {
		return err
	}
	if offered {
		if err := l.Ensure(w, r, s); err != nil {
			return err
		}
	}
	if err := l.Note(r.Context(), s, v, offered); err != nil {
		return err
	}
	return l.Continue(w, r, s, v)
}

// decide applies the rule of users/factor: once, when the first proof is made (rule V02).
func (l *Login) decide(r *http.Request, s *State, u storage.User, how session.How) (factor.Step, error) {
	ctx := r.Context()
	have, err := l.Factors.Of(ctx, u.ID)
	if err != nil {
		return 0, err
	}
	q := factor.Situation{
		Has: have.Second(), Always: have.TOTP, Proven: flow.Reaches(how.ACR, flow.ACRMulti), Trusted: l.Browser.Trusted(r, u.ID, u.Epoch),
		Demanded: s.In.Purpose == flow.PurposeConfirm || s.In.Request.WantsTwo(),
	}
	if s.Second || s.Demanded() != "" {
		q.Required, q.Demanded = true, true
	}
	if !q.Always && !q.Required {
		if q.Required, err = l.Factors.Required(ctx, u.ID); err != nil {
			return 0, err
		}
	}
	return factor.Decide(q), nil
}

// halt notes the first step in the row and leads to the second, which was decided. It is not a session (rule F06).
func (l *Login) halt(w http.ResponseWriter, r *http.Request, s *State, u storage.User, how session.How, step factor.Step) error {
	ctx := r.Context()
	if how.Within != nil {
		if err := l.Tx(ctx, how.Within); err != nil {
			return err
		}
	}
	if err := l.Ensure(w, r, s); err != nil {
		return err
	}
	pending := flow.PendingFactor{
		UserID: u.ID, Epoch: u.Epoch, At: time.Now(), AMR: how.AMR, ACR: how.ACR, Remember: how.Remember, Enrol: step == factor.Enrol,
		Browser: l.Browser.FirstStep(w, r),
	}
	if how.From != nil {
		var err error
		if pending.From, err = json.Marshal(how.From); err != nil {
			return err
		}
	}
	err := l.Browser.Record(ctx, &s.In, func(p *flow.Progress) {
		if p.UserID != u.ID {
			*p = p.BrowserOnly()
		}
		p.PendingFactor, p.Problem = &pending, nil
	})
	if err != nil {
		return err
	}
	if pending.Enrol {
		return l.ToStep(w, r, s, flow.Enrol)
	}
	return l.ToStep(w, r, s, flow.Factor)
}

// begin makes the browser one of the person's. A browser not seen with the account before is told to the person (rule F09).
func (l *Login) begin(w http.ResponseWriter, r *http.Request, u storage.User, how session.How, first bool) (*browser.Visitor, error) {
	within, known := how.Within, first || l.Browser.Device(r, u.ID) != ""
	how.Within = func(ctx context.Context) error {
		if within != nil {
			if err := within(ctx); err != nil {
				return err
			}
		}
		if l.Recovery != nil && flow.Reaches(how.ACR, flow.ACRMulti) { // nothing is lost
			if err := l.Recovery.Cancel(ctx, u.ID); err != nil {
				return err
			}
		}
		if known {
			return nil
		}
		return l.People.Notify(ctx, u.ID, mail.NewDevice, nil)
	}
	return l.Browser.SignedIn(w, r.WithContext(l.Told(r)), u.ID, how)
}

// Told is the context of a request whose emails speak the language of its pages.
func (l *Login) Told(r *http.Request) context.Context {
	return mail.WithLanguage(r.Context(), l.Pages.Language(r))
}

// Note writes a sign-in down in the row of what it was made for. A row that ended this very moment is none: the person is signed in
// all the same.
func (l *Login) Note(ctx context.Context, s *State, v *browser.Visitor, offered bool) error {
	return l.note(ctx, s, v.UserID, v.AuthTime, offered)
}

func (l *Login) note(ctx context.Context, s *State, userID string, at time.Time, offered bool) error {
	err := l.Browser.Record(ctx, &s.In, func(p *flow.Progress) {
		if p.UserID != userID {
			*p = p.BrowserOnly()
		}
		p.SignedInAt, p.AccountAt, p.UserID, p.Cancelled, p.PendingFactor, p.Problem = at, at, userID, false, nil, nil
		p.Unproven = nil
		if p.OfferedTo = ""; offered {
			p.OfferedTo = userID
		}
	})
	if browser.IsExpired(err) {
		s.In, s.Client, s.Late, err = flow.Interaction{Purpose: flow.PurposeAccount}, nil, true, nil
	}
	return err
}

// Second is the second proof of a sign-in.
type Second struct {
	AMR    []string
	ACR    string
	Commit func(ctx context.Context) error // uses the proof up, in the transaction that begins the session; nil = nothing to use up
}

// Complete turns a sign-in that waited for its second factor into a whole one, and notes it in the same transaction: whoever finds the
// proof used finds the step done (rule B02). The person stays who they were at the first step, with nothing ended since
// (users.ErrChanged). The form says whether to trust the browser from now on.
func (l *Login) Complete(w http.ResponseWriter, r *http.Request, s *State, second Second) (*browser.Visitor, error) {
	p, noted, at := s.Pending, *s, time.Now().Truncate(time.Microsecond)
	same := l.People.LockEpoch(p.User.ID, p.Epoch)
	how := session.How{Remember: p.Remember, ACR: second.ACR, AMR: amrOf(p.AMR, second.AMR), AuthTime: at}
	how.Within = func(ctx context.Context) error {
		if err := same(ctx); err != nil {
			return err
		}
		if second.Commit != nil {
			if err := second.Commit(ctx); err != nil {
				return err
			}
		}
		noted = *s // may run again
		return l.note(ctx, &noted, p.User.ID, at, false)
	}
	if p.From != nil {
		if err := json.Unmarshal(p.From, &how.From); err != nil {
			return nil, err
		}
	}
	v, err := l.begin(w, r, p.User, how, false)
	if err != nil {
		return nil, err
	}
	*s = noted
	return v, l.trust(w, r, v)
}

// Raise makes the visitor's session one of two factors, now that they have shown the second one that they set up in it: what comes next
// on the account pages asks for two. It is as old as it was: who sets a factor up proves nothing of who they are. Whoever signed in with
// two before, or with one too long ago (rule V12 let them), or whose session ended this very moment, stays as they are.
func (l *Login) Raise(w http.ResponseWriter, r *http.Request, v *browser.Visitor, amr []string) (*browser.Visitor, error) {
	if flow.Reaches(v.ACR, flow.ACRMulti) || time.Since(v.AuthTime) >= factor.Recent {
		return v, nil
	}
	raised, err := l.Browser.SignedIn(w, r, v.UserID, session.How{
		AMR: amrOf(v.AMR, amr), ACR: flow.ACRMulti, AuthTime: v.AuthTime, Remember: v.Remember, Within: l.People.LockEpoch(v.UserID, v.UserEpoch),
	})
	if errors.Is(err, users.ErrChanged) {
		return v, nil
	}
	return raised, err
}

// trust spares the person the second factor in this browser for a while, if they said so with both factors.
func (l *Login) trust(w http.ResponseWriter, r *http.Request, v *browser.Visitor) error {
	if r.PostForm.Get("trust") == "" || l.TrustFor <= 0 {
		return nil
	}
	proof := proofOf(v)
	proof.Both = true
	account, err := l.Factors.Account(r.Context(), v.User)
	if err != nil {
		return err
	}
	permit, err := factor.May(proof, factor.TrustBrowser, account)
	if err != nil {
		return nil //nolint:nilerr // not spared: the person is signed in all the same
	}
	return l.Browser.Trust(w, r, permit, v, l.TrustFor)
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

// Restart drops a sign-in that what was decided for it does not fit any more, and begins again.
func (l *Login) Restart(w http.ResponseWriter, r *http.Request, s *State) error {
	if err := l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) { p.PendingFactor = nil }); err != nil {
		return err
	}
	return l.ToStep(w, r, s, flow.SignIn)
}
