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
	"signet/users/identifier"
	"signet/users/profile"
)

// newUser checks what is typed and makes a row of it. Operators may leave out what people have to say.
func (s *Service) newUser(r Registration) (storage.User, Mistakes) {
	var mistakes Mistakes
	operator := r.Voucher.by == vouchedByOperator
	if !operator {
		r.Claims = nil
	}
	now := time.Now()
	u := storage.User{
		ID: cmp.Or(r.Method.accountID, rand.Text()), Email: strings.TrimSpace(r.Email), EmailVerified: r.Verification.by == verifiedByOperator,
		Username: strings.TrimSpace(r.Username), Profile: json.RawMessage("{}"), CreatedAt: now, UpdatedAt: now,
	}
	claims, err := parseClaims(r.Claims)
	if bad, ok := errors.AsType[Mistakes](err); ok {
		mistakes = append(mistakes, bad...)
	}
	if u.Email == "" && claims.Email != nil {
		u.Email = *claims.Email
	}
	s.checkKeys(&u, &mistakes)
	if strings.TrimSpace(r.Name) != "" {
		name, err := profile.CleanName(r.Name)
		mistakes.add(FieldName, err)
		claims.Claims["name"] = name
	} else if !operator {
		mistakes.add(FieldName, ErrMissing)
	}
	if len(mistakes) == 0 {
		err := applyClaims(claims, &u)
		if bad, ok := errors.AsType[Mistakes](err); ok {
			mistakes = append(mistakes, bad...)
		}
		if claims.Email != nil && u.Email != strings.TrimSpace(r.Email) && r.Email != "" {
			mistakes.add(FieldClaims, errors.New("email: differs from the address given beside the claims"))
		}
	}
	if r.Method.kind == passwordMethod {
		mistakes.add(FieldPassword, s.checkPassword(u, r.Method.password))
	}
	if !operator {
		s.accepts(r.Terms, &u, &mistakes)
	}
	return u, mistakes
}

// checkKeys finds the keys of the address and the user name, if they have a form that is taken.
func (s *Service) checkKeys(u *storage.User, mistakes *Mistakes) {
	var err error
	if u.Email == "" {
		mistakes.add(FieldEmail, ErrMissing)
	} else if u.EmailKey, err = identifier.EmailKey(u.Email); err != nil {
		mistakes.add(FieldEmail, err)
	} else if !s.allowed(u.EmailKey) {
		mistakes.add(FieldEmail, ErrDomain)
	}
	if u.Username != "" {
		u.UsernameKey, err = identifier.UsernameKey(u.Username)
		mistakes.add(FieldUsername, err)
	}
}

// checkPassword asks the rules about a new account's password.
func (s *Service) checkPassword(u storage.User, password string) error {
	if password == "" {
		return ErrMissing
	}
	return s.passwords.Check(password, names(u)...)
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
		_, err := s.stores.People.UserByKey(ctx, email, username)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err == nil {
			mistakes.add(f, ErrTaken)
		}
		return err
	}
	if err := look(FieldEmail, u.EmailKey, ""); err != nil {
		return nil, fmt.Errorf("look for the same: %w", err)
	}
	if err := look(FieldUsername, "", u.UsernameKey); err != nil {
		return nil, fmt.Errorf("look for the same: %w", err)
	}
	return mistakes, nil
}

// untaken is taken for strangers: while there is no mail the form has to tell that an address is taken, so asking is
// throttled by network and written down (D01).
func (s *Service) untaken(ctx context.Context, u storage.User) error {
	network := audit.OriginOf(ctx).Network
	charge, err := s.charge(ctx, audit.Event{Name: audit.SignUpThrottled},
		ratelimit.Limit{Key: "signup taken " + network, Free: 30, Window: time.Hour, First: 2 * time.Second, Max: time.Minute},
		ratelimit.Limit{Key: "signup network " + network, Free: 1000, Window: time.Hour, First: time.Second, Max: 30 * time.Second,
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
