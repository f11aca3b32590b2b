package users

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/ticket"
)

// pendingSignup is an account that is made when its address is proven; until then it is nothing but this (security notes
// D02).
type pendingSignup struct {
	Email       string          `json:"email"`
	EmailKey    string          `json:"email_key"`
	Username    string          `json:"username,omitempty"`
	UsernameKey string          `json:"username_key,omitempty"`
	Profile     json.RawMessage `json:"profile"`
	Password    string          `json:"password"` // hash
	Browser     string          `json:"browser"`  // mark of the browser that asked
	Errand      string          `json:"errand,omitempty"`
	Terms       string          `json:"terms,omitempty"`
	Carried     []byte          `json:"carried,omitempty"`
	Vouched     bool            `json:"vouched,omitempty"`
}

// AskRegister begins a sign-up by mail: the account exists once the address is proven. Mistakes in what was typed come at
// once, but for an address that is taken: the answer is the same, and its owner gets a letter (security notes D01). browser
// marks the browser that asks, errand is what it came for. Errors as of Register, and ErrNoMail.
func (s *Service) AskRegister(ctx context.Context, n NewPerson, browser, errand string) error {
	if s.closed && !n.Vouched {
		return ErrClosed
	}
	u, err := s.newcomer(n)
	if err != nil {
		return err
	}
	if err := s.untaken(ctx, storage.User{UsernameKey: u.UsernameKey}); err != nil { // user names are told, addresses are not
		return err
	}
	kept := "" // with a passkey, which is made once the address is proven (security notes D04)
	if !n.passkey {
		if err := s.unbreached(ctx, n.Password); err != nil {
			return err
		}
		if kept, err = s.passwords.Hash(ctx, n.Password); err != nil {
			return err
		}
	}
	return s.ask(ctx, askSignup, u.Email, loginOf(u.Email).mark, signupLife, pendingSignup{
		Email: u.Email, EmailKey: u.EmailKey, Username: u.Username, UsernameKey: u.UsernameKey, Profile: u.Profile,
		Password: kept, Browser: browser, Errand: errand, Terms: n.Terms, Carried: n.Carried, Vouched: n.Vouched,
	})
}

func (s *Service) resolveSignup(ctx context.Context, l mail.Letter) (mail.Letter, bool, error) {
	var p pendingSignup
	if err := json.Unmarshal(l.Data, &p); err != nil {
		return l, false, fmt.Errorf("read sign-up: %w", err)
	}
	u, err := s.store.UserByKey(ctx, p.EmailKey, "")
	if err == nil {
		out := letterTo{l}.to(u)
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
	Email   string
	Browser string // mark of the browser that asked
	Errand  string
	Name    string
	Passkey bool // no password was chosen
	Carried []byte
}

// LookSignup tells what a sign-up's link is for, without using it. ErrGone.
func (s *Service) LookSignup(ctx context.Context, secret string) (Pending, error) {
	var p pendingSignup
	_, err := s.tickets.Look(ctx, purposeSignup, secret, &p)
	return Pending{
		Email: p.Email, Browser: p.Browser, Errand: p.Errand, Name: profileOf(storage.User{Profile: p.Profile}).Name,
		Passkey: err == nil && p.Password == "", Carried: p.Carried,
	}, err
}

// Prove makes the account of a sign-up's link. Whoever opens it in another browser than the one that asked chooses the
// password (security notes D03); for the same browser it is the one typed then. All other sign-ups of the address are void.
// ErrGone, ErrClosed, Mistakes, password.ErrBusy.
func (s *Service) Prove(ctx context.Context, secret, browser, password string) (storage.User, error) {
	var p pendingSignup
	if _, err := s.tickets.Look(ctx, purposeSignup, secret, &p); err != nil {
		return storage.User{}, err
	}
	u := p.user(rand.Text())
	kept := p.Password
	if browser != p.Browser || browser == "" || kept == "" {
		var mistakes Mistakes
		if password == "" {
			mistakes.add(FieldPassword, ErrMissing)
		} else {
			mistakes.add(FieldPassword, s.passwords.Check(password, names(u)...))
		}
		if len(mistakes) > 0 {
			return u, mistakes
		}
		if err := s.unbreached(ctx, password); err != nil {
			return u, err
		}
		var err error
		if kept, err = s.passwords.Hash(ctx, password); err != nil {
			return u, err
		}
	}
	return s.prove(ctx, secret, u, func(ctx context.Context) error { return s.store.InsertCredential(ctx, credential(u.ID, kept)) })
}

// ProveWith is Prove for who makes a passkey instead, in whatever browser the link was opened: it was made for the account's
// id, and with, which writes it, runs in the transaction that makes the account. ErrGone, ErrClosed.
func (s *Service) ProveWith(ctx context.Context, secret, id string, with func(ctx context.Context) error) (storage.User, error) {
	var p pendingSignup
	if _, err := s.tickets.Look(ctx, purposeSignup, secret, &p); err != nil {
		return storage.User{}, err
	}
	return s.prove(ctx, secret, p.user(id), with)
}

// user is the row of an account whose address was proven just now.
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

func (s *Service) prove(ctx context.Context, secret string, u storage.User, with func(ctx context.Context) error) (storage.User, error) {
	err := s.makeProven(ctx, secret, &u, with)
	if errors.Is(err, storage.ErrConflict) && u.UsernameKey != "" { // somebody took the user name since
		u.Username, u.UsernameKey = "", ""
		err = s.makeProven(ctx, secret, &u, with)
	}
	if errors.Is(err, storage.ErrConflict) {
		return u, ErrGone
	}
	if err != nil {
		return u, fmt.Errorf("make account: %w", err)
	}
	return u, nil
}

func (s *Service) makeProven(ctx context.Context, secret string, u *storage.User, with func(ctx context.Context) error) error {
	return s.store.Tx(ctx, func(ctx context.Context) error {
		var p pendingSignup
		if _, err := s.tickets.Spend(ctx, purposeSignup, secret, &p); err != nil {
			return err
		}
		if s.closed && !p.Vouched || !s.allowed(u.EmailKey) { // D12: the rules of today
			return ErrClosed
		}
		if err := s.tickets.Void(ctx, purposeSignup, u.EmailKey); err != nil {
			return err
		}
		if err := s.store.InsertUser(ctx, *u); err != nil {
			return err
		}
		if err := with(ctx); err != nil {
			return err
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.SignUpSucceeded, UserID: u.ID}); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.EmailProven, UserID: u.ID})
	})
}
