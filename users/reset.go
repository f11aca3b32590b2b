package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/ticket"
)

// resetData binds a link to choose a new password to what the account was when it was asked for (D05).
type resetData struct {
	Epoch int64  `json:"epoch"`
	Email string `json:"email"` // key of the address it went to; "" = an operator handed it out
	askedReset
}

// askedReset is where a link was asked for: opened there, it leads on with what its person was at.
type askedReset struct {
	Browser     string `json:"browser,omitempty"` // mark of it
	Interaction string `json:"interaction,omitempty"`
}

// AskReset has a link to choose a new password mailed to whoever is meant by an address or user name. The answer is the same
// whether or not that is anybody. known tells the id under which the browser is known to an account, "" = not known; nil = known to
// none. browser marks the browser that asks, interaction is what it is at. ErrNoMail.
func (s *Service) AskReset(ctx context.Context, typed, browser, interaction string, known func(userID string) string) error {
	r, err := s.asked(ctx, askReset, typed, known)
	if err != nil {
		return err
	}
	return s.ask(ctx, r, orNobody(clean(typed)), resetLife, askedReset{browser, interaction})
}

// orNobody keeps an empty field costing what a full one does.
func orNobody(typed string) string {
	if typed == "" {
		return "?"
	}
	return typed
}

func (s *Service) resolveReset(ctx context.Context, l mail.Email) (mail.Email, bool, error) {
	u, ok, err := s.addressee(ctx, l.To)
	if err != nil || !ok || !u.FrozenAt.IsZero() && !u.EmailVerified { // "this was not me" came from there, and nobody knows who that is (V03)
		return l, false, err
	}
	var from askedReset
	if len(l.Data) > 0 { // a release before asked without
		if err := json.Unmarshal(l.Data, &from); err != nil {
			return l, false, fmt.Errorf("read asked reset: %w", err)
		}
	}
	out := emailTo{l}.to(u)
	out.Kind, out.Data = mail.Reset, nil
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if out.Link, err = s.resetLink(ctx, u, resetData{Email: u.EmailKey, askedReset: from}, resetLife); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.PasswordResetAsked, UserID: u.ID})
	})
	return out, err == nil, err
}

// resetLink issues a link to choose a new password; earlier ones die.
func (s *Service) resetLink(ctx context.Context, u storage.User, d resetData, life time.Duration) (string, error) {
	d.Epoch = u.Epoch
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{Purpose: purposeReset, Owner: u.ID, Data: d, Lifetime: life, Only: true})
	return s.link("/reset?t=" + secret), err
}

// ResetLink makes such a link for an operator (factor.ResetPassword), good for a day; with send it is mailed as well. ErrNotFound.
func (s *Service) ResetLink(ctx context.Context, permit factor.Permit, send bool) (link string, err error) {
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.check(ctx, permit, factor.ResetPassword); err != nil {
			return err
		}
		u, err := s.user(ctx, permit.UserID())
		if err != nil {
			return err
		}
		sentTo := ""
		if send {
			if s.post == nil {
				return ErrNoMail
			}
			sentTo = u.EmailKey
		}
		if link, err = s.resetLink(ctx, u, resetData{Email: sentTo}, frozenLife); err != nil {
			return err
		}
		if send {
			if err := s.write(ctx, u, mail.Email{Kind: mail.ResetLink, To: u.Email, Link: link, ExpiresAt: time.Now().Add(frozenLife)}); err != nil {
				return err
			}
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.PasswordResetAsked, UserID: u.ID})
	})
	return link, err
}

// EndResetLinks ends the links of a person who is getting permissions: who made one could have had none of them.
func (s *Service) EndResetLinks(ctx context.Context, userID string) error {
	return s.tickets.Void(ctx, purposeReset, userID)
}

// EndResetLinksOfHolders is EndResetLinks for everybody who holds a role, themselves or by a group.
func (s *Service) EndResetLinksOfHolders(ctx context.Context, role string) error {
	return s.tickets.VoidHolders(ctx, purposeReset, role)
}

// LookReset tells whose link it is, without using it, and, to the browser that asked for it, what that was at ("" = nothing). ErrGone.
func (s *Service) LookReset(ctx context.Context, secret, browser string) (u storage.User, interaction string, err error) {
	var d resetData
	t, err := s.tickets.Look(ctx, purposeReset, secret, &d)
	if err != nil {
		return storage.User{}, "", err
	}
	if browser != "" && d.Browser == browser {
		interaction = d.Interaction
	}
	u, err = s.resettable(ctx, t.Owner, d)
	return u, interaction, err
}

// resettable: the person is there, may sign in, has the address that the link went to, and nothing ended everything of theirs
// since it was made.
func (s *Service) resettable(ctx context.Context, userID string, d resetData) (storage.User, error) {
	u, err := s.user(ctx, userID)
	if errors.Is(err, ErrNotFound) || err == nil && (u.Epoch != d.Epoch || !u.DisabledAt.IsZero() || d.Email != "" && d.Email != u.EmailKey) {
		return u, ErrGone
	}
	return u, err
}

// Reset gives the person of the link a new password. Everything of theirs ends, this browser's session too; a frozen account
// is open again. The link was in their mailbox, so the address is proven; if nobody had proven it before, whatever was
// attached until now (factors, linked logins, consents to apps) is dropped, because somebody else may have attached it (D04,
// E13). Second factors of a proven account stay. ErrGone, Mistakes, password.ErrBusy.
func (s *Service) Reset(ctx context.Context, secret, password string) (storage.User, error) {
	u, _, err := s.LookReset(ctx, secret, "")
	if err != nil {
		return u, err
	}
	kept, err := s.hashOther(ctx, u, password)
	if err != nil {
		return u, err
	}
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		u, err = s.reset(ctx, secret, kept)
		return err
	})
	if err != nil {
		return u, fmt.Errorf("reset password: %w", err)
	}
	return u, nil
}

// hashOther is hashChosen of a password that is not the present one: whoever resets it because somebody else may know it must not keep
// it. Mistakes; password.ErrBusy.
func (s *Service) hashOther(ctx context.Context, u storage.User, password string) (kept string, err error) {
	if kept, err = s.hashChosen(ctx, u, password); err != nil {
		return "", err
	}
	present, err := s.stores.Passwords.Credentials(ctx, u.ID, kindPassword)
	if err != nil {
		return "", fmt.Errorf("read present password: %w", err)
	}
	for _, c := range present {
		same, _, err := s.passwords.Verify(ctx, c.Data, password)
		if err != nil {
			return "", err
		}
		if same {
			return "", Mistakes{{FieldPassword, ErrSame}}
		}
	}
	return kept, nil
}

// reset does it, in the transaction of ctx.
func (s *Service) reset(ctx context.Context, secret, kept string) (storage.User, error) {
	var d resetData
	t, err := s.tickets.Look(ctx, purposeReset, secret, &d)
	if err != nil {
		return storage.User{}, err
	}
	permit, err := s.byLink(ctx, t.Owner, d.Epoch, factor.ResetPassword)
	if err != nil {
		return storage.User{}, err
	}
	u, err := s.resettable(ctx, t.Owner, d)
	if err != nil {
		return u, err
	}
	if _, err := s.tickets.Spend(ctx, purposeReset, secret, nil); err != nil {
		return u, err
	}
	if err := s.proven(ctx, u, d); err != nil {
		return u, err
	}
	if err := s.replacePassword(ctx, permit, kept, "", audit.PasswordReset); err != nil {
		return u, err
	}
	if !u.FrozenAt.IsZero() {
		if err := s.stores.Accounts.SetUserFrozen(ctx, u.ID, time.Time{}, time.Now()); err != nil {
			return u, err
		}
	}
	if err := s.Notify(ctx, u.ID, mail.PasswordReset, nil); err != nil {
		return u, err
	}
	return s.user(ctx, u.ID)
}

// proven notes that the address is verified, if the link went to it, and drops what was attached before anybody had verified it.
func (s *Service) proven(ctx context.Context, u storage.User, d resetData) error {
	if u.EmailVerified || d.Email == "" || d.Email != u.EmailKey {
		return nil
	}
	drop, err := s.byLink(ctx, u.ID, d.Epoch, factor.DropAttached)
	if err != nil {
		return err
	}
	if _, err := s.ways.DropAttached(ctx, drop); err != nil {
		return err
	}
	if _, err := s.DisconnectAll(ctx, u.ID); err != nil { // else an app that somebody else agreed with would be let in without a question
		return fmt.Errorf("withdraw what was agreed before the address was proven: %w", err)
	}
	verify, err := s.byLink(ctx, u.ID, d.Epoch, factor.VerifyAddress)
	if err != nil {
		return err
	}
	return s.verifyAddress(ctx, verify, factor.Address{Email: u.Email, Key: u.EmailKey}, nil)
}
