package users

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/users/factor"
	"signet/users/identifier"
)

// CreateAccount makes an account. What the way it is made asks for is checked here, whoever calls:
//   - sign-up may be closed, and takes only addresses of some domains; an invitation is used up, with its groups and roles;
//   - mistakes in what was typed come all at once (Mistakes; ErrTaken and ErrDomain among their causes);
//   - whoever opens a mailed link in another browser than the one that asked, or chose no password there, chooses one now; in the
//     same browser it is the one typed then. If somebody took the user name since, the account has none;
//   - once the address is verified, all sign-ups of it that wait for that are void.
//
// ErrClosed; ErrGone of a link or an invitation; ErrThrottled; password.ErrBusy.
func (s *Service) CreateAccount(ctx context.Context, r Registration) (storage.User, error) {
	if !r.consistent() || r.Method.kind == credentialMethod && (r.Method.accountID == "" || r.Method.write == nil) {
		return storage.User{}, errContradictory
	}
	if r.Verification.by == verifiedByLink {
		return s.createByLink(ctx, r)
	}
	a, err := s.prepare(ctx, r)
	if err != nil {
		return storage.User{}, err
	}
	if a.write, err = s.method(ctx, a.user.ID, r.Method); err != nil {
		return storage.User{}, err
	}
	err = s.insert(ctx, a)
	if errors.Is(err, storage.ErrConflict) { // somebody was quicker
		if taken, lookErr := s.taken(ctx, a.user); lookErr == nil && len(taken) > 0 {
			return storage.User{}, taken
		}
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("make account: %w", err)
	}
	return a.user, nil
}

// CheckRegistration reports what would be wrong with making an account of what was typed, before something to sign in by is made
// for it; the method is ignored. Errors as of CreateAccount.
func (s *Service) CheckRegistration(ctx context.Context, r Registration) error {
	r.Method = WithCredential("", nil)
	if !r.consistent() || r.Verification.by == verifiedByLink {
		return errContradictory
	}
	_, err := s.prepare(ctx, r)
	return err
}

// account is one that is about to be written.
type account struct {
	Registration
	user       storage.User
	invitation Invitation
	// write writes what the person signs in by; nil = nothing.
	write func(ctx context.Context, proof factor.Proof) error
}

// prepare checks what was typed, and that it may become an account.
func (s *Service) prepare(ctx context.Context, r Registration) (a account, err error) {
	a.Registration = r
	switch r.Voucher.by {
	case vouchedBySelf:
		if s.closed {
			return a, ErrClosed
		}
	case vouchedByInvitation:
		if a.invitation, err = s.LookInvitation(ctx, r.Voucher.invitation); err != nil {
			return a, err
		}
		r.Email = cmp.Or(a.invitation.Email, r.Email)
	}
	var mistakes Mistakes
	if a.user, mistakes = s.newUser(r); len(mistakes) > 0 {
		return a, mistakes.inOrder()
	}
	if a.Verification.by == verifiedByUpstream { // which may answer for another address than the invitation's
		key, err := identifier.EmailKey(a.Email)
		a.user.EmailVerified = err == nil && key == a.user.EmailKey
	}
	a.user.EmailVerified = a.user.EmailVerified || a.invitation.Mailed
	return a, s.free(ctx, a)
}

// free: nobody else has the address or the user name. Strangers are throttled and written down (D01).
func (s *Service) free(ctx context.Context, a account) error {
	if a.Verification.by == unverified && (a.Voucher.by == vouchedBySelf || a.Voucher.by == vouchedByUpstream) {
		return s.untaken(ctx, a.user)
	}
	taken, err := s.taken(ctx, a.user)
	if err != nil {
		return err
	}
	return taken.orNil()
}

// method is what writes the row that the person of the account signs in by; nil if there is none. Mistakes, password.ErrBusy.
func (s *Service) method(
	ctx context.Context, userID string, m SignInMethod,
) (write func(ctx context.Context, proof factor.Proof) error, err error) {
	if m.kind != passwordMethod {
		return m.write, nil
	}
	kept, err := s.hashNew(ctx, m.password)
	if err != nil {
		return nil, err
	}
	return s.writePassword(userID, kept), nil
}

// hashNew takes a password that the rules took: Mistakes if it is on a list of breached ones, password.ErrBusy.
func (s *Service) hashNew(ctx context.Context, password string) (kept string, err error) {
	if err := s.unbreached(ctx, password); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

func (s *Service) writePassword(userID, kept string) func(ctx context.Context, proof factor.Proof) error {
	return func(ctx context.Context, proof factor.Proof) error {
		permit, err := factor.May(proof, factor.SetPassword, factor.Account{})
		if err != nil {
			return err
		}
		return s.ways.AddCredential(ctx, permit, credential(userID, kept))
	}
}

// kindPassword is the kind of a password's credential.
const kindPassword = factor.KindPassword

func credential(userID, kept string) storage.Credential {
	return storage.Credential{ID: rand.Text(), UserID: userID, Kind: kindPassword, Data: kept, CreatedAt: time.Now()}
}

// insert writes the account and what belongs to it. ErrGone, ErrClosed, storage.ErrConflict.
func (s *Service) insert(ctx context.Context, a account) error {
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		if err := s.useUp(ctx, a); err != nil {
			return err
		}
		if err := s.stores.Accounts.InsertUser(ctx, a.user); err != nil {
			return err
		}
		if a.write != nil {
			made := factor.Proof{By: factor.ByRegistration, UserID: a.user.ID, Epoch: a.user.Epoch}
			if err := a.write(ctx, made); err != nil {
				return err
			}
		}
		if err := s.belong(ctx, a.user, a.invitation); err != nil {
			return err
		}
		for _, e := range a.events() {
			if err := s.audit.Record(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// useUp ends the link or invitation, and what else waits for the same address to be verified (D02).
func (s *Service) useUp(ctx context.Context, a account) error {
	switch {
	case a.Verification.by == verifiedByLink:
		if err := s.spendSignup(ctx, a.Verification.secret); err != nil {
			return err
		}
	case a.Voucher.by == vouchedByInvitation:
		if _, err := s.tickets.Spend(ctx, purposeInvite, a.Voucher.invitation, nil); err != nil {
			return err
		}
	}
	if !a.user.EmailVerified || a.Voucher.by == vouchedByOperator {
		return nil
	}
	return s.tickets.Void(ctx, purposeSignup, a.user.EmailKey)
}

// events are what is written down about how it was made.
func (a account) events() []audit.Event {
	id := a.user.ID
	switch a.Voucher.by {
	case vouchedByOperator:
		return []audit.Event{{Name: audit.UserCreated, UserID: id}}
	case vouchedByInvitation:
		return []audit.Event{{Name: audit.SignUpSucceeded, UserID: id, Detail: map[string]any{"invited": true}}}
	}
	list := []audit.Event{{Name: audit.SignUpSucceeded, UserID: id}}
	if a.user.EmailVerified {
		list = append(list, audit.Event{Name: audit.EmailProven, UserID: id})
	}
	return list
}
