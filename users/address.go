package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/identifier"
	"signet/users/ticket"
)

// newAddress is a change of address that waits for its proof. It dies with whatever ends everything of the person (rule
// D11).
type newAddress struct {
	UserID   string `json:"user_id"`
	Epoch    int64  `json:"epoch"`
	Email    string `json:"email"`
	EmailKey string `json:"email_key"`
}

// oldAddress is what undoing a change brings back.
type oldAddress struct {
	Email    string `json:"email"`
	EmailKey string `json:"email_key"`
	// Unverified: nobody had verified it. Releases that wrote to verified addresses only left it out.
	Unverified bool `json:"unverified,omitempty"`
}

// mailed is the address as that of an email.
func (a oldAddress) mailed() mailedTo { return mailedTo{a.Email, a.EmailKey, !a.Unverified} }

// ChangeAddress gives a person another address (factor.ChangeAddress): at once and unverified where no mail can be sent, else when
// the link that goes to the new one is used. Their present address, while unverified, may be typed to verify it. What was typed wrong
// comes as Mistakes (ErrEmail, ErrDomain, ErrSame; ErrTaken only without mail); else as factor.Ways.SetAddress.
func (s *Service) ChangeAddress(ctx context.Context, permit factor.Permit, u storage.User, typed string) (asked bool, err error) {
	if err := permit.Is(u.ID, factor.ChangeAddress); err != nil {
		return false, err
	}
	var mistakes Mistakes
	typed = strings.TrimSpace(typed)
	key, err := identifier.EmailKey(typed)
	switch {
	case typed == "":
		mistakes.add(FieldEmail, ErrMissing)
	case err != nil:
		mistakes.add(FieldEmail, err)
	case !s.allowed(key):
		mistakes.add(FieldEmail, ErrDomain)
	case key == u.EmailKey && (u.EmailVerified || s.post == nil):
		mistakes.add(FieldEmail, ErrSame)
	}
	if len(mistakes) > 0 {
		return false, mistakes
	}
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if s.post == nil {
			_, err := s.setAddress(ctx, permit, factor.Address{Email: typed, Key: key})
			return err
		}
		if err := s.ways.Check(ctx, permit, u.ID, factor.ChangeAddress); err != nil {
			return err
		}
		asked = true
		r := mail.Request{Kind: askAddress, Class: unasked, Owner: u.ID}
		if key != u.EmailKey { // of whom nobody knows that they want emails
			r.Address = loginOf(typed).mark
		}
		return s.ask(ctx, r, typed, addressLife, newAddress{u.ID, u.Epoch, typed, key})
	})
	if errors.Is(err, storage.ErrConflict) {
		return false, Mistakes{{FieldEmail, ErrTaken}}
	}
	return asked && err == nil, err
}

// setAddress writes the address of the permit's person, in the transaction of ctx, and returns who they were before.
func (s *Service) setAddress(ctx context.Context, permit factor.Permit, to factor.Address) (before storage.User, err error) {
	if before, err = s.ways.SetAddress(ctx, permit, to); err != nil {
		return before, err
	}
	return before, s.audit.Record(ctx, audit.Event{Name: audit.EmailChanged, UserID: before.ID})
}

func (s *Service) resolveAddress(ctx context.Context, l mail.Email) (mail.Email, bool, error) {
	var a newAddress
	if err := json.Unmarshal(l.Data, &a); err != nil {
		return l, false, fmt.Errorf("read change of address: %w", err)
	}
	u, err := s.user(ctx, a.UserID)
	if errors.Is(err, ErrNotFound) || err == nil && u.Epoch != a.Epoch {
		return l, false, nil
	}
	if err != nil {
		return l, false, err
	}
	out := emailTo{l}.to(u)
	out.To, out.Kind, out.Name = a.Email, mail.EmailChange, "" // whose mailbox that is, nobody knows yet
	if a.EmailKey == u.EmailKey {
		out.Kind = mail.VerifyAddress
		// its owner may wonder; the person who asks learns nothing
	} else if _, err := s.stores.People.UserByKey(ctx, a.EmailKey, ""); err == nil {
		out.Kind, out.Link = mail.SignupExists, s.link("/signin")
		return out, true, nil
	} else if !errors.Is(err, storage.ErrNotFound) {
		return l, false, err
	}
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{Purpose: purposeAddress, Owner: u.ID, Data: a, Lifetime: addressLife, Only: true})
	out.Link = s.link("/verify-address?t=" + secret)
	return out, err == nil, err
}

// ErrNotYours: the link is about another person's account than the one signed in.
var ErrNotYours = errors.New("link is for another account")

// LookAddress tells which address a link proves, without using it. Only the person who asked for it may: whoever else reads
// the mailbox would otherwise lend their address to an account that is not theirs (D04). ErrNotYours, ErrGone.
func (s *Service) LookAddress(ctx context.Context, secret, userID string) (email string, err error) {
	var a newAddress
	_, err = s.tickets.Look(ctx, purposeAddress, secret, &a)
	if err == nil && a.UserID != userID {
		err = ErrNotYours
	}
	return a.Email, err
}

// ProveAddress makes the address of a link the person's. The old one is told, with a link that undoes it for a week. ErrNotYours, ErrGone.
func (s *Service) ProveAddress(ctx context.Context, secret, userID string) error {
	err := s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		var a newAddress
		if _, err := s.tickets.Look(ctx, purposeAddress, secret, &a); err != nil {
			return err
		}
		if a.UserID != userID {
			return ErrNotYours // and the link stays
		}
		u, err := s.user(ctx, a.UserID)
		if err != nil {
			return err
		}
		act := factor.ChangeAddress
		if a.EmailKey == u.EmailKey {
			act = factor.VerifyAddress
		}
		permit, err := s.byLink(ctx, a.UserID, a.Epoch, act, factor.VerifyAddress)
		if err != nil {
			return err
		}
		if _, err := s.tickets.Spend(ctx, purposeAddress, secret, nil); err != nil {
			return err
		}
		to := factor.Address{Email: a.Email, Key: a.EmailKey, Verified: true}
		if act == factor.VerifyAddress {
			return s.verifyAddress(ctx, permit, to, nil)
		}
		return s.moveAddress(ctx, permit, to)
	})
	if errors.Is(err, storage.ErrConflict) || errors.Is(err, ErrNotFound) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("change address: %w", err)
	}
	return nil
}

// byLink is the permit of a mailed link to an act, in the transaction of ctx, where the person is locked from now on. also are other
// acts of the link. ErrGone if it was mailed before everything of theirs ended, or the account is not open to it.
func (s *Service) byLink(ctx context.Context, userID string, epoch int64, act factor.Act, also ...factor.Act) (factor.Permit, error) {
	proof := factor.Proof{By: factor.ByLink, UserID: userID, Epoch: epoch, Acts: append(also, act)}
	permit, err := s.ways.May(ctx, proof, act)
	if errors.Is(err, factor.ErrChanged) || errors.Is(err, factor.ErrNotAllowed) {
		return permit, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return permit, err
}

// verifyAddress notes that the address of the permit's person is verified, in the transaction of ctx.
func (s *Service) verifyAddress(ctx context.Context, permit factor.Permit, to factor.Address, detail any) error {
	if err := s.ways.VerifyAddress(ctx, permit, to); err != nil {
		return err
	}
	return s.audit.Record(ctx, audit.Event{Name: audit.EmailProven, UserID: permit.UserID(), Detail: detail})
}

// moveAddress gives the permit's person a verified address, and tells the one before, verified or not (rule V03), in the transaction of
// ctx.
func (s *Service) moveAddress(ctx context.Context, permit factor.Permit, to factor.Address) error {
	old, err := s.setAddress(ctx, permit, to)
	if err != nil || s.post == nil {
		return err
	}
	_, undo, err := s.tickets.Issue(ctx, ticket.Order{
		Purpose: purposeUndo, Owner: old.ID, Data: oldAddress{old.Email, old.EmailKey, !old.EmailVerified}, Lifetime: undoLife,
	})
	if err != nil {
		return err
	}
	return s.write(ctx, old, mail.Email{
		Kind: mail.EmailChanged, To: old.Email, Link: s.link("/undo-address?t=" + undo), ExpiresAt: time.Now().Add(undoLife),
	})
}

// LookUndo tells which address a link brings back, without using it. ErrGone.
func (s *Service) LookUndo(ctx context.Context, secret, _ string) (email string, err error) {
	var a oldAddress
	_, err = s.tickets.Look(ctx, purposeUndo, secret, &a)
	return a.Email, err
}

// UndoAddress brings the old address back, as verified as it was, and freezes the account, because whoever changed it had access: a link
// to choose a new password goes to the old address if it was verified. ErrGone.
func (s *Service) UndoAddress(ctx context.Context, secret, _ string) error {
	err := s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		var a oldAddress
		t, err := s.tickets.Look(ctx, purposeUndo, secret, &a)
		if err != nil {
			return err
		}
		permit, err := s.byLink(ctx, t.Owner, factor.AnyEpoch, factor.Freeze)
		if err != nil {
			return err
		}
		if _, err := s.tickets.Spend(ctx, purposeUndo, secret, nil); err != nil {
			return err
		}
		return s.freeze(ctx, permit, mail.EmailUndone, t.CreatedAt, a.mailed())
	})
	if errors.Is(err, storage.ErrConflict) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("undo change of address: %w", err)
	}
	return nil
}

// voidSince ends the links to undo and to freeze that were mailed since: they went to addresses of whoever was inside, who
// would bring one of those back, and with it a link to choose a new password. Earlier ones stay, they are the owner's.
func (s *Service) voidSince(ctx context.Context, userID string, since time.Time) error {
	for _, p := range []ticket.Purpose{purposeUndo, purposeNotMe} {
		list, err := s.tickets.Of(ctx, p, userID)
		if err != nil {
			return err
		}
		for _, t := range list {
			if t.CreatedAt.Before(since) {
				continue
			}
			if err := s.tickets.Cancel(ctx, p, t.ID); err != nil && !errors.Is(err, ErrGone) {
				return err
			}
		}
	}
	return nil
}
