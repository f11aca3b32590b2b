package users

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/storage"
)

// NewPerson is what an account is made of.
type NewPerson struct {
	Email         string // as typed
	EmailVerified bool   // operators, and upstreams that answer for it, only
	Username      string // optional
	Name          string
	Terms         string // version of the terms of service accepted; "" = none

	passkey bool // instead of a password
	// Vouched: an upstream that makes accounts where people cannot register themselves says who it is. The domains of sign-up
	// bind all the same.
	Vouched bool
	// Carried comes back from LookSignup; users/federation keeps there, sealed, who the person is at an upstream.
	Carried  []byte
	Password string          // operators may leave it out: such a person cannot sign in by password
	Claims   json.RawMessage // operators only: a JSON object of standard claims
}

// Register makes an account for whoever fills in the form. The address counts as unproven. Mistakes in what was typed come
// all at once (Mistakes; ErrTaken and ErrDomain among their causes); ErrClosed, ErrThrottled, password.ErrBusy.
func (s *Service) Register(ctx context.Context, n NewPerson) (storage.User, error) {
	if s.closed {
		return storage.User{}, ErrClosed
	}
	u, err := s.newcomer(n)
	if err != nil {
		return storage.User{}, err
	}
	if err := s.untaken(ctx, u); err != nil {
		return storage.User{}, err
	}
	return s.insert(ctx, u, n.Password, audit.SignUpSucceeded)
}

// newcomer is the row of somebody who fills in the form. Mistakes.
func (s *Service) newcomer(n NewPerson) (storage.User, error) {
	u, mistakes := s.newUser(NewPerson{Email: n.Email, Username: n.Username, Name: n.Name, Password: n.Password})
	if strings.TrimSpace(n.Name) == "" {
		mistakes.add(FieldName, ErrMissing)
	}
	if n.Password == "" && !n.passkey {
		mistakes.add(FieldPassword, ErrMissing)
	}
	s.accepts(n, &u, &mistakes)
	return u, mistakes.inOrder()
}

// WithPasskey is the person without a password: a passkey is made instead.
func (n NewPerson) WithPasskey() NewPerson {
	n.Password, n.passkey = "", true
	return n
}

// CheckNew tells what would be wrong with making an account without a password of what somebody typed, before they make a
// passkey for it: as Register.
func (s *Service) CheckNew(ctx context.Context, n NewPerson) error {
	_, err := s.checked(ctx, n)
	return err
}

// RegisterWith is Register for who brings a passkey instead of a password: it was made for the account's id, and with, which
// writes it, runs in the transaction that makes the account.
func (s *Service) RegisterWith(ctx context.Context, n NewPerson, id string, with func(ctx context.Context) error) (storage.User, error) {
	u, err := s.checked(ctx, n)
	if err != nil {
		return storage.User{}, err
	}
	u.ID = id
	return s.insertWith(ctx, u, audit.SignUpSucceeded, with)
}

func (s *Service) checked(ctx context.Context, n NewPerson) (storage.User, error) {
	if s.closed && !n.Vouched {
		return storage.User{}, ErrClosed
	}
	u, err := s.newcomer(n.WithPasskey())
	if err != nil {
		return storage.User{}, err
	}
	return u, s.untaken(ctx, u)
}

// Create makes an account by an operator's hand: also where sign-up is closed, with claims, with a proven address, and
// without a password if none is given. The domains of sign-up bind operators too.
func (s *Service) Create(ctx context.Context, n NewPerson) (storage.User, error) {
	u, mistakes := s.newUser(n)
	if err := mistakes.inOrder(); err != nil {
		return storage.User{}, err
	}
	taken, err := s.taken(ctx, u)
	if err = cmp.Or(err, taken.orNil()); err != nil {
		return storage.User{}, err
	}
	if err := s.unbreached(ctx, n.Password); n.Password != "" && err != nil {
		return storage.User{}, err
	}
	return s.insert(ctx, u, n.Password, audit.UserCreated)
}

// newUser checks what is typed and makes a row of it.
func (s *Service) newUser(n NewPerson) (storage.User, Mistakes) {
	var mistakes Mistakes
	now := time.Now()
	u := storage.User{
		ID: rand.Text(), Email: strings.TrimSpace(n.Email), EmailVerified: n.EmailVerified,
		Username: strings.TrimSpace(n.Username), Profile: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now,
	}
	claims, err := parseClaims(n.Claims)
	if bad, ok := errors.AsType[Mistakes](err); ok {
		mistakes = append(mistakes, bad...)
	}
	if u.Email == "" && claims.email != nil {
		u.Email = *claims.email
	}
	if u.Email == "" {
		mistakes.add(FieldEmail, ErrMissing)
	} else if u.EmailKey, err = EmailKey(u.Email); err != nil {
		mistakes.add(FieldEmail, err)
	} else if !s.allowed(u.EmailKey) {
		mistakes.add(FieldEmail, ErrDomain)
	}
	if u.Username != "" {
		u.UsernameKey, err = UsernameKey(u.Username)
		mistakes.add(FieldUsername, err)
	}
	if strings.TrimSpace(n.Name) != "" {
		name, err := cleanName(n.Name)
		mistakes.add(FieldName, err)
		claims.profile["name"] = name
	}
	if len(mistakes) == 0 {
		err := claims.apply(&u)
		if bad, ok := errors.AsType[Mistakes](err); ok {
			mistakes = append(mistakes, bad...)
		}
		if claims.email != nil && u.Email != strings.TrimSpace(n.Email) && n.Email != "" {
			mistakes.add(FieldClaims, errors.New("email: differs from the address given beside the claims"))
		}
	}
	if n.Password != "" {
		mistakes.add(FieldPassword, s.passwords.Check(n.Password, names(u)...))
	}
	return u, mistakes
}

// unbreached asks the lists of breached passwords about one that the rules took: Mistakes.
func (s *Service) unbreached(ctx context.Context, password string) error {
	err := s.passwords.CheckBreached(ctx, password)
	if err != nil {
		return Mistakes{{FieldPassword, err}}
	}
	return nil
}

// inOrder sorts mistakes by the form's fields.
func (m Mistakes) inOrder() error {
	order := []Field{FieldName, FieldEmail, FieldUsername, FieldPassword, FieldTerms, FieldClaims}
	slices.SortStableFunc(m, func(a, b Mistake) int { return slices.Index(order, a.Field) - slices.Index(order, b.Field) })
	return m.orNil()
}

// taken tells what of a new person belongs to somebody else.
func (s *Service) taken(ctx context.Context, u storage.User) (Mistakes, error) {
	var mistakes Mistakes
	look := func(f Field, email, username string) error {
		if email == "" && username == "" {
			return nil
		}
		_, err := s.store.UserByKey(ctx, email, username)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err == nil {
			mistakes.add(f, ErrTaken)
		}
		return err
	}
	if err := cmp.Or(look(FieldEmail, u.EmailKey, ""), look(FieldUsername, "", u.UsernameKey)); err != nil {
		return nil, fmt.Errorf("look for the same: %w", err)
	}
	return mistakes, nil
}

// untaken is taken for strangers: while there is no mail the form has to tell that an address is taken, so asking is
// throttled by network and written down (security notes D01).
func (s *Service) untaken(ctx context.Context, u storage.User) error {
	network := audit.OriginOf(ctx).Network
	charge, err := s.charge(ctx, audit.Event{Name: audit.SignUpThrottled},
		ratelimit.Lane{Key: "signup taken " + network, Free: 30, Window: time.Hour, First: 2 * time.Second, Max: time.Minute},
		ratelimit.Lane{Key: "signup network " + network, Free: 1000, Window: time.Hour, First: time.Second, Max: 30 * time.Second,
			OnSuccess: ratelimit.Never})
	if err != nil {
		return err
	}
	taken, err := s.taken(ctx, u)
	if err != nil {
		return err
	}
	if len(taken) == 0 {
		return charge.Succeeded(ctx)
	}
	if err := s.audit.Record(ctx, audit.Event{Name: audit.SignUpRefused, Detail: map[string]any{"taken": taken.fields()}}); err != nil {
		return err
	}
	return taken
}

func (m Mistakes) fields() []Field {
	list := make([]Field, len(m))
	for i := range m {
		list[i] = m[i].Field
	}
	return list
}

// insert writes the person, the password and the event.
func (s *Service) insert(ctx context.Context, u storage.User, password string, name audit.Name) (storage.User, error) {
	kept := ""
	if password != "" {
		var err error
		if kept, err = s.passwords.Hash(ctx, password); err != nil {
			return storage.User{}, err
		}
	}
	return s.insertWith(ctx, u, name, func(ctx context.Context) error {
		if kept == "" {
			return nil
		}
		return s.store.InsertCredential(ctx, credential(u.ID, kept))
	})
}

func (s *Service) insertWith(ctx context.Context, u storage.User, name audit.Name, with func(ctx context.Context) error) (storage.User, error) {
	err := s.store.Tx(ctx, func(ctx context.Context) error {
		if err := s.store.InsertUser(ctx, u); err != nil {
			return err
		}
		if err := with(ctx); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: name, UserID: u.ID})
	})
	if errors.Is(err, storage.ErrConflict) { // somebody was quicker
		if taken, lookErr := s.taken(ctx, u); lookErr == nil && len(taken) > 0 {
			return storage.User{}, taken
		}
	}
	if err != nil {
		return storage.User{}, fmt.Errorf("make account: %w", err)
	}
	return u, nil
}

// kindPassword is the kind of a password's credential.
const kindPassword = "password"

func credential(userID, kept string) storage.Credential {
	return storage.Credential{ID: rand.Text(), UserID: userID, Kind: kindPassword, Data: kept, CreatedAt: time.Now()}
}
