package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/ticket"
)

// askedConfirmation is a code that somebody known asked for, to confirm that it is them.
type askedConfirmation struct {
	Owner  string `json:"owner"` // mark of the browser and the interaction
	UserID string `json:"user_id"`
	Epoch  int64  `json:"epoch"`
	Email  string `json:"email"` // key of the address then
}

// AskConfirmation has a code of six digits mailed to the verified address of a person, who confirms with it that it is them (rule V12);
// it is good in the browser that asks only. It is left out where the person asks too often. ErrNoMail, also where the address is not
// verified.
func (s *Service) AskConfirmation(ctx context.Context, u storage.User, browser string) error {
	if !u.EmailVerified {
		return ErrNoMail
	}
	return s.ask(ctx, mail.Request{Kind: askConfirm, Owner: u.ID}, u.Email, codeLife, askedConfirmation{browser, u.ID, u.Epoch, u.EmailKey})
}

func (s *Service) resolveConfirmation(ctx context.Context, l mail.Email) (mail.Email, bool, error) {
	var a askedConfirmation
	if err := json.Unmarshal(l.Data, &a); err != nil {
		return l, false, fmt.Errorf("read asked confirmation: %w", err)
	}
	u, err := s.user(ctx, a.UserID)
	if errors.Is(err, ErrNotFound) {
		return l, false, nil
	}
	if err != nil || !u.EmailVerified || !u.DisabledAt.IsZero() || u.Epoch != a.Epoch || u.EmailKey != a.Email {
		return l, false, err
	}
	out := emailTo{l}.to(u)
	out.Kind = mail.ConfirmCode
	out.Args["Minutes"] = strconv.Itoa(int(codeLife.Minutes()))
	out.Code, err = s.tickets.IssueCode(ctx, ticket.Order{
		Purpose: purposeConfirm, Owner: a.Owner, Data: codeData{u.ID, u.Epoch, u.EmailKey}, Lifetime: codeLife,
	})
	return out, err == nil, err
}

// CheckConfirmation judges a code that was mailed to the person, in the browser that asked for it. ErrWrong: not the code, too old,
// guessed at too often, or none was sent. Which, is not told. signIn tells that the code is to count as the first factor of a sign-in.
func (s *Service) CheckConfirmation(ctx context.Context, u storage.User, browser, code string, signIn bool) (*CodeProof, error) {
	t, err := s.tickets.Guess(ctx, purposeConfirm, browser)
	if errors.Is(err, ticket.ErrGone) {
		return nil, ErrWrong
	}
	if err != nil {
		return nil, err
	}
	var d codeData
	if err := ticket.Read(t, &d); err != nil {
		return nil, err
	}
	if d.UserID != u.ID || d.Epoch != u.Epoch || d.Email != u.EmailKey || !u.EmailVerified {
		return nil, ErrWrong
	}
	if !s.tickets.Matches(t, code) {
		wrong := audit.Event{Name: audit.SignInFailed, UserID: u.ID, Detail: map[string]string{"why": "wrong code"}}
		return nil, errors.Join(ErrWrong, s.audit.Record(ctx, wrong))
	}
	return &CodeProof{User: u, commit: func(ctx context.Context) error {
		err := s.tickets.SpendCode(ctx, t, code, nil)
		if errors.Is(err, ticket.ErrGone) || errors.Is(err, ticket.ErrWrong) {
			return ErrChanged
		}
		if err != nil {
			return err
		}
		if err := s.LockEpoch(u.ID, u.Epoch)(ctx); err != nil || !signIn {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.SignInSucceeded, UserID: u.ID, Detail: map[string]string{"by": "code"}})
	}}, nil
}

// Confirmed writes down, and tells the person, that somebody signed in to their account confirmed that it is them. by is how: "code", or
// the id of the upstream that they came back from.
func (s *Service) Confirmed(ctx context.Context, userID, by string) error {
	if err := s.audit.Record(ctx, audit.Event{Name: audit.Confirmed, UserID: userID, Detail: map[string]string{"by": by}}); err != nil {
		return err
	}
	return s.Notify(ctx, userID, mail.Confirmed, nil)
}
