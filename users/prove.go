package users

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/internal/mail"
	"signet/storage"
	"signet/users/factor"
	"signet/users/ticket"
)

// pendingSignup is an account that is made when its address is proven; until then it is nothing but this (rule D02).
type pendingSignup struct {
	Email       string          `json:"email"`
	EmailKey    string          `json:"email_key"`
	Username    string          `json:"username,omitempty"`
	UsernameKey string          `json:"username_key,omitempty"`
	Profile     json.RawMessage `json:"profile"`
	Password    string          `json:"password"` // hash
	Browser     string          `json:"browser"`  // mark of the browser that asked
	Interaction string          `json:"errand,omitempty"`
	Terms       string          `json:"terms,omitempty"`
	Carried     []byte          `json:"carried,omitempty"`
	Vouched     bool            `json:"vouched,omitempty"`
}

// RequestAccount begins a sign-up by email: the account exists once the address is verified (VerifiedByLink). Mistakes in what was
// typed come at once, but for an address that is taken: the answer is the same, and its owner gets an email (D01). browser marks
// the browser that asks, interaction is what it came for. Where no method is given, it is chosen once the address is verified (D04).
// Errors as of CreateAccount, and ErrNoMail.
func (s *Service) RequestAccount(ctx context.Context, r Registration, browser, interaction string) error {
	if !r.onlyAsked() {
		return errContradictory
	}
	vouched := r.Voucher.by == vouchedByUpstream
	if s.closed && !vouched {
		return ErrClosed
	}
	u, mistakes := s.newUser(r)
	if len(mistakes) > 0 {
		return mistakes.inOrder()
	}
	if err := s.untaken(ctx, storage.User{UsernameKey: u.UsernameKey}); err != nil { // user names are told, addresses are not
		return err
	}
	kept := ""
	if r.Method.kind == passwordMethod {
		var err error
		if kept, err = s.hashNew(ctx, r.Method.password); err != nil {
			return err
		}
	}
	return s.ask(ctx, mail.Request{Kind: askSignup, Class: unasked, Address: loginOf(u.Email).mark}, u.Email, signupLife, pendingSignup{
		Email: u.Email, EmailKey: u.EmailKey, Username: u.Username, UsernameKey: u.UsernameKey, Profile: u.Profile,
		Password: kept, Browser: browser, Interaction: interaction, Terms: r.Terms, Carried: r.Carried, Vouched: vouched,
	})
}

func (s *Service) resolveSignup(ctx context.Context, l mail.Email) (mail.Email, bool, error) {
	var p pendingSignup
	if err := json.Unmarshal(l.Data, &p); err != nil {
		return l, false, fmt.Errorf("read sign-up: %w", err)
	}
	u, err := s.stores.People.UserByKey(ctx, p.EmailKey, "")
	if err == nil {
		out := emailTo{l}.to(u)
		out.Kind, out.Link = mail.SignupExists, s.link("/signin")
		return out, u.DisabledAt.IsZero(), nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return l, false, err
	}
	_, secret, err := s.tickets.Issue(ctx, ticket.Order{Purpose: purposeSignup, Owner: p.EmailKey, Data: p, Lifetime: signupLife})
	l.Kind, l.Ask, l.Data, l.Link = mail.Verify, "", nil, s.link("/verify?t="+secret)
	return l, err == nil, err
}

// Pending is a sign-up that waits for its address to be proven.
type Pending struct {
	Email       string
	Browser     string // mark of the browser that asked
	Interaction string
	Name        string
	Passkey     bool // no password was chosen
	Carried     []byte
}

// LookSignup tells what a sign-up's link is for, without using it. ErrGone.
func (s *Service) LookSignup(ctx context.Context, secret string) (Pending, error) {
	var p pendingSignup
	_, err := s.tickets.Look(ctx, purposeSignup, secret, &p)
	return Pending{
		Email: p.Email, Browser: p.Browser, Interaction: p.Interaction, Name: profileOf(storage.User{Profile: p.Profile}).Name,
		Passkey: err == nil && p.Password == "", Carried: p.Carried,
	}, err
}

// createByLink makes the account that RequestAccount was asked for.
func (s *Service) createByLink(ctx context.Context, r Registration) (storage.User, error) {
	var p pendingSignup
	if _, err := s.tickets.Look(ctx, purposeSignup, r.Verification.secret, &p); err != nil {
		return storage.User{}, err
	}
	a := account{Registration: r, user: p.user(cmp.Or(r.Method.accountID, rand.Text()))}
	var err error
	if a.write, err = s.methodOfLink(ctx, a.user, p, r); err != nil {
		return storage.User{}, err
	}
	err = s.insert(ctx, a)
	if errors.Is(err, storage.ErrConflict) && a.user.UsernameKey != "" { // somebody took the user name since
		a.user.Username, a.user.UsernameKey = "", ""
		err = s.insert(ctx, a)
	}
	if errors.Is(err, storage.ErrConflict) {
		return storage.User{}, ErrGone
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("make account: %w", err)
	}
	return a.user, nil
}

// methodOfLink is Service.method, where the password may have been typed before, in the same browser (D03).
func (s *Service) methodOfLink(
	ctx context.Context, u storage.User, p pendingSignup, r Registration,
) (write func(ctx context.Context, proof factor.Proof) error, err error) {
	if r.Method.kind == passwordMethod {
		if browser := r.Verification.browser; browser != "" && browser == p.Browser && p.Password != "" {
			return s.writePassword(u.ID, p.Password), nil
		}
		if err := s.checkPassword(u, r.Method.password); err != nil {
			return nil, Mistakes{{FieldPassword, err}}
		}
	}
	return s.method(ctx, u.ID, r.Method)
}

// spendSignup uses up a sign-up's link, in the transaction of ctx. ErrGone, ErrClosed.
func (s *Service) spendSignup(ctx context.Context, secret string) error {
	var p pendingSignup
	if _, err := s.tickets.Spend(ctx, purposeSignup, secret, &p); err != nil {
		return err
	}
	if s.closed && !p.Vouched || !s.allowed(p.EmailKey) { // D12: the rules of today
		return ErrClosed
	}
	return nil
}

// user is the row of an account whose address was verified just now.
func (p pendingSignup) user(id string) storage.User {
	now := time.Now()
	u := storage.User{
		ID: id, Email: p.Email, EmailKey: p.EmailKey, EmailVerified: true, Username: p.Username, UsernameKey: p.UsernameKey,
		Profile: p.Profile, Terms: p.Terms, CreatedAt: now, UpdatedAt: now,
	}
	if p.Terms != "" {
		u.TermsAt = now
	}
	return u
}
