package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation"
	"signet/users/session"
	"signet/users/ticket"
)

// ErrFirstFactor: the person has no factor here. That they confirmed in another way that it is them does not allow the act: they have
// to add a factor first.
var ErrFirstFactor = errors.New("a factor has to be added first")

// Confirming is somebody who has no factor here and is to confirm that it is them.
type Confirming struct {
	User     storage.User
	Mailable bool // a code can be mailed to them
}

// confirming finds out who is to confirm: the person signed in, for acts on the account, or, for an app, who came back from an upstream
// that did not prove who they are (rule V12). Who has a factor here is asked for that.
func (l *Login) confirming(ctx context.Context, s *State, now time.Time) error {
	s.Confirming = nil
	u, err := l.unconfirmed(ctx, s, now)
	if err != nil || u == nil || l.Tickets == nil {
		return err
	}
	account, err := l.Factors.Account(ctx, *u)
	if err != nil {
		return err
	}
	mailable := l.mailable(*u)
	if account.Local() || account.Disabled || account.Frozen || !mailable && account.Logins == 0 {
		return nil
	}
	s.Confirming = &Confirming{*u, mailable}
	s.seen.Confirm, s.seen.Mailable = true, mailable
	return nil
}

func (l *Login) unconfirmed(ctx context.Context, s *State, now time.Time) (*storage.User, error) {
	if s.In.Purpose == flow.PurposeConfirm && s.Visitor != nil {
		return &s.Visitor.User, nil
	}
	p := s.In.Progress.NotProven(now)
	if p == nil || s.In.Purpose != flow.PurposeAuthorize {
		return nil, nil
	}
	u, err := l.People.Show(ctx, p.UserID)
	if errors.Is(err, users.ErrNotFound) || err == nil && u.Epoch != p.Epoch {
		return nil, nil
	}
	return &u, err
}

func (l *Login) mailable(u storage.User) bool { return l.MailOn && u.EmailVerified }

// Counts reports whether a sign-in at an upstream counts as one made now or, where the upstream says when it was, then (rule V12). It does
// not where a new proof was asked for and the upstream gave none, nor does one click there renew a sign-in that is here already.
func (l *Login) Counts(r *http.Request, s *State, a federation.Callback, u storage.User) (bool, error) {
	if a.Proven {
		return true, nil
	}
	if a.Fresh && s.In.Purpose == flow.PurposeAuthorize {
		return false, nil
	}
	if !a.Fresh && !a.Identity.AuthTime.IsZero() {
		return true, nil
	}
	here, err := l.here(r, u.ID)
	return here == nil, err
}

// here is a person's sign-in in this browser, also one that is not in view; nil = there is none.
func (l *Login) here(r *http.Request, userID string) (*browser.Visitor, error) {
	all, err := l.Browser.Accounts(r)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(v *browser.Visitor) bool { return v.UserID == userID }); i >= 0 {
		return all[i], nil
	}
	return nil, nil
}

// Unproven leads on whoever came back from an upstream when that does not count. Nothing is renewed. Where a new proof was asked for, the
// person is asked for the second factor they have, or for their password (ErrUnproven, which RefuseUpstream tells); who has no factor here
// confirms in another way (flow.Confirm). Else the sign-in that is here already is chosen.
func (l *Login) Unproven(w http.ResponseWriter, r *http.Request, s *State, u storage.User, how session.How, a federation.Callback) error {
	if !u.FrozenAt.IsZero() {
		return users.ErrFrozen
	}
	if !a.Fresh {
		return l.chooseHere(w, r, s, u)
	}
	account, err := l.Factors.Account(r.Context(), u)
	switch {
	case err != nil:
		return err
	case account.Second():
		l.Count("upstream "+a.Upstream, "unproven")
		return l.halt(w, r, s, u, how, factor.Ask)
	}
	back := s.In.Purpose == flow.PurposeConfirm && s.Visitor != nil && s.Visitor.UserID == u.ID && !l.mailable(u)
	if !account.Local() && back && l.Tickets != nil {
		if err := l.Confirmed(r, s, a.Upstream, nil); err != nil {
			return err
		}
		l.Count("confirm", "success")
		return l.Continue(w, r, s, s.Visitor)
	}
	if err := l.noteUnproven(w, r, s, u, how.Remember, a.Upstream); err != nil {
		return err
	}
	if account.Local() {
		return ErrUnproven
	}
	l.Count("upstream "+a.Upstream, "unproven")
	return l.Continue(w, r, s, s.Visitor)
}

// chooseHere goes on with the sign-in that is in this browser already, as it is.
func (l *Login) chooseHere(w http.ResponseWriter, r *http.Request, s *State, u storage.User) error {
	v, err := l.here(r, u.ID)
	if err != nil {
		return err
	}
	if v == nil { // signed out meanwhile
		return federation.ErrExpired
	}
	if _, err := l.Browser.Switch(w, r, v); err != nil {
		return err
	}
	err = l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) {
		if p.UserID != v.UserID {
			*p = p.BrowserOnly()
		}
		p.UserID, p.AccountAt, p.Problem = v.UserID, time.Now(), nil
	})
	if err != nil {
		return err
	}
	return l.Continue(w, r, s, v)
}

// noteUnproven keeps who it was, and that the upstream did not prove it.
func (l *Login) noteUnproven(w http.ResponseWriter, r *http.Request, s *State, u storage.User, remember bool, upstream string) error {
	if err := l.Ensure(w, r, s); err != nil {
		return err
	}
	now, name := time.Now(), upstream
	if one, known := l.Upstreams.Upstream(upstream); known {
		name = one.Name
	}
	return l.Browser.Record(r.Context(), &s.In, func(p *flow.Progress) {
		var before []string
		if old := p.NotProven(now); old != nil && old.UserID == u.ID {
			before = old.Upstreams
		}
		p.Unproven = &flow.Unproven{UserID: u.ID, Epoch: u.Epoch, At: now, Remember: remember, Upstreams: append(slices.Clone(before), upstream)}
		p.Problem = &flow.Problem{Message: "confirm.unproven", Args: map[string]string{"Name": name}, At: now}
	})
}

// purposeConfirmed is that the person signed in confirmed that it is them. Its owner is the session: whatever ends that ends it.
const purposeConfirmed ticket.Purpose = "confirmed"

// confirmed is the ticket's data.
type confirmed struct {
	UserID string `json:"user_id"`
	Epoch  int64  `json:"epoch"`
}

// Confirmed keeps for ten minutes, for the session, that the person signed in confirmed that it is them, writes it down and tells them. It
// changes neither when nor how they signed in (rule V12). by is how: "code", or an upstream; use uses up what confirmed it, nil = nothing.
func (l *Login) Confirmed(r *http.Request, s *State, by string, use func(ctx context.Context) error) error {
	v := s.Visitor
	err := l.Tx(l.Told(r), func(ctx context.Context) error {
		if use != nil {
			if err := use(ctx); err != nil {
				return err
			}
		}
		if err := l.People.LockEpoch(v.UserID, v.UserEpoch)(ctx); err != nil {
			return err
		}
		if err := l.People.Confirmed(ctx, v.UserID, by); err != nil {
			return err
		}
		_, _, err := l.Tickets.Issue(ctx, ticket.Order{
			Purpose: purposeConfirmed, Owner: v.SessionID, Data: confirmed{v.UserID, v.UserEpoch}, Lifetime: factor.Recent, Only: true,
		})
		if err != nil {
			return err
		}
		return l.noteConfirmed(ctx, s, v.UserID)
	})
	if err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return nil
}

// noteConfirmed writes it down in the row as well: whoever finds the code used finds this. A row that ended this very moment is none.
func (l *Login) noteConfirmed(ctx context.Context, s *State, userID string) error {
	err := l.Browser.Record(ctx, &s.In, func(p *flow.Progress) {
		if p.UserID != userID {
			*p = p.BrowserOnly()
		}
		p.UserID, p.ConfirmedAt, p.Unproven, p.Problem = userID, time.Now(), nil, nil
	})
	if browser.IsExpired(err) {
		s.In, s.Late, err = flow.Interaction{Purpose: flow.PurposeAccount}, true, nil
	}
	return err
}

// confirmation is what the person signed in shows who confirmed that it is them; false = they did not, or it is too long ago.
func (l *Login) confirmation(ctx context.Context, v *browser.Visitor) (proof factor.Proof, ok bool, err error) {
	if l.Tickets == nil {
		return proof, false, nil
	}
	list, err := l.Tickets.Of(ctx, purposeConfirmed, v.SessionID)
	if err != nil || len(list) == 0 {
		return proof, false, err
	}
	last := list[len(list)-1]
	var c confirmed
	if err := ticket.Read(last, &c); err != nil || c.UserID != v.UserID || c.Epoch != v.UserEpoch {
		return proof, false, err
	}
	return factor.Proof{By: factor.ByConfirmation, UserID: c.UserID, Epoch: c.Epoch, At: last.CreatedAt}, true, nil
}

// firstFactor is why a confirmation does not allow an act: it never does, or the person has a factor by now, which is asked for.
func (l *Login) firstFactor(ctx context.Context, v *browser.Visitor, refused error) error {
	account, err := l.Factors.Account(ctx, v.User)
	if err != nil {
		return err
	}
	if account.Local() {
		return refused
	}
	return &web.PageError{
		Status: http.StatusForbidden, Kind: "first_factor", Back: l.Browser.Path("/account/passkeys", nil), Cause: ErrFirstFactor,
	}
}
