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

// askedCode is a sign-in code that was asked for in a browser.
type askedCode struct {
	Owner string `json:"owner"` // mark of the browser and the interaction
}

// codeData is whose code it is.
type codeData struct {
	UserID string `json:"user_id"`
	Epoch  int64  `json:"epoch"`
	Email  string `json:"email"` // key of the address it went to
}

// AskCode has a sign-in code of six digits mailed to whoever is meant by an address or user name; it is good in the browser
// that asks only. The answer is the same whether or not that is anybody. known is as for AskReset. ErrNoMail.
func (s *Service) AskCode(ctx context.Context, typed, browser string, known func(userID string) string) error {
	r, err := s.asked(ctx, askCode, typed, known)
	if err != nil {
		return err
	}
	return s.ask(ctx, r, orNobody(clean(typed)), codeLife, askedCode{browser})
}

func (s *Service) resolveCode(ctx context.Context, l mail.Email) (mail.Email, bool, error) {
	var a askedCode
	if err := json.Unmarshal(l.Data, &a); err != nil {
		return l, false, fmt.Errorf("read asked code: %w", err)
	}
	u, ok, err := s.addressee(ctx, l.To)
	if err != nil || !ok || !u.EmailVerified {
		return l, false, err
	}
	out := emailTo{l}.to(u)
	out.Kind = mail.Code
	out.Args["Minutes"] = strconv.Itoa(int(codeLife.Minutes()))
	out.Code, err = s.tickets.IssueCode(ctx,
		ticket.Order{Purpose: purposeCode, Owner: a.Owner, Data: codeData{u.ID, u.Epoch, u.EmailKey}, Lifetime: codeLife})
	return out, err == nil, err
}

// CodeProof is a right code, of AskCode or AskConfirmation. It counts once Commit has run in the transaction of the act.
type CodeProof struct {
	User   storage.User
	commit func(ctx context.Context) error
}

// Commit uses the code up; ErrChanged if that happened meanwhile or everything of the person ended.
func (p *CodeProof) Commit(ctx context.Context) error { return p.commit(ctx) }

// CheckCode judges a mailed code in the browser that asked for it. ErrWrong: not the code, too old, guessed at too often, or
// none was sent. Which, is not told.
func (s *Service) CheckCode(ctx context.Context, browser, code string) (*CodeProof, error) {
	t, err := s.tickets.Guess(ctx, purposeCode, browser)
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
	if !s.tickets.Matches(t, code) {
		return nil, errors.Join(ErrWrong,
			s.audit.Record(ctx, audit.Event{Name: audit.SignInFailed, UserID: d.UserID, Detail: map[string]string{"why": "wrong code"}}))
	}
	u, err := s.user(ctx, d.UserID)
	if errors.Is(err, ErrNotFound) || err == nil && (u.Epoch != d.Epoch || u.EmailKey != d.Email || !u.DisabledAt.IsZero()) {
		return nil, ErrWrong
	}
	if err != nil {
		return nil, err
	}
	return &CodeProof{User: u, commit: func(ctx context.Context) error {
		err := s.tickets.SpendCode(ctx, t, code, nil)
		if errors.Is(err, ticket.ErrGone) || errors.Is(err, ticket.ErrWrong) {
			return ErrChanged
		}
		if err != nil {
			return err
		}
		if err := s.LockEpoch(u.ID, u.Epoch)(ctx); err != nil {
			return err
		}
		if err := s.unguard(ctx, u); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.SignInSucceeded, UserID: u.ID, Detail: map[string]string{"by": "code"}})
	}}, nil
}
