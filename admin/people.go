package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/metadata"
)

// Person is how administrators see one: no hash, nothing sealed.
type Person struct {
	ID            string          `json:"id" doc:"The sub claim."`
	Email         string          `json:"email"`
	EmailVerified bool            `json:"email_verified"`
	Username      string          `json:"username,omitempty"`
	Claims        json.RawMessage `json:"claims,omitempty" doc:"OpenID Connect standard claims."`
	Metadata      json.RawMessage `json:"metadata,omitempty" doc:"Kept by administrators; only where one person is asked for."`
	Groups        []string        `json:"groups,omitempty" doc:"Only where one person is asked for."`
	Roles         []string        `json:"roles,omitempty" doc:"Also those held through groups; only where one person is asked for."`
	Disabled      bool            `json:"disabled"`
	Frozen        bool            `json:"frozen" doc:"They said that a change was not theirs; a new password opens the account again."`
	EraseAt       time.Time       `json:"erase_at,omitzero" doc:"When the account is erased, if that was asked for."`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

func personOf(u storage.User) Person {
	return Person{
		ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Username: u.Username, Claims: u.Profile,
		Disabled: !u.DisabledAt.IsZero(), Frozen: !u.FrozenAt.IsZero(), EraseAt: utc(u.EraseAt), CreatedAt: utc(u.CreatedAt),
		UpdatedAt: utc(u.UpdatedAt),
	}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// Person shows one with groups and roles, by id, email address or user name.
func (s *Service) Person(ctx context.Context, a Actor, who string) (Person, error) {
	ctx, err := s.may(ctx, a, "Person")
	if err != nil {
		return Person{}, err
	}
	p, err := s.person(ctx, who)
	if err != nil {
		return p, err
	}
	return p, s.looked(ctx, a, p.ID)
}

func (s *Service) person(ctx context.Context, who string) (p Person, err error) {
	u, err := s.o.People.Show(ctx, who)
	if err != nil {
		return p, translate(err)
	}
	p = personOf(u)
	if p.Metadata, err = s.o.Metadata.Of(ctx, u.ID); err != nil {
		return p, err
	}
	p.Groups, p.Roles, err = s.o.Members.Of(ctx, u.ID)
	return p, err
}

// Factors are a person's ways to sign in.
type Factors struct {
	Password      bool       `json:"password"`
	Authenticator bool       `json:"authenticator" doc:"An authenticator app is set up."`
	RecoveryCodes int        `json:"recovery_codes" doc:"How many are left."`
	Passkeys      []Passkey  `json:"passkeys"`
	Identities    []Identity `json:"identities" doc:"Accounts at upstreams."`
}

// Passkey is one as administrators see it.
type Passkey struct {
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Identity is who a person is at an upstream.
type Identity struct {
	Upstream   string    `json:"upstream"`
	Issuer     string    `json:"iss"`
	Subject    string    `json:"sub"`
	Label      string    `json:"label,omitempty"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// Factors shows how a person signs in.
func (s *Service) Factors(ctx context.Context, a Actor, userID string) (Factors, error) {
	f := Factors{Passkeys: []Passkey{}, Identities: []Identity{}}
	ctx, err := s.may(ctx, a, "Factors")
	if err != nil {
		return f, err
	}
	if _, err := s.o.People.ByID(ctx, userID); err != nil {
		return f, translate(err)
	}
	if err := s.looked(ctx, a, userID); err != nil {
		return f, err
	}
	list, err := s.o.Stores.Records.Credentials(ctx, userID, "")
	if err != nil {
		return f, fmt.Errorf("read credentials: %w", err)
	}
	for _, c := range list {
		switch c.Kind {
		case factor.KindPassword:
			f.Password = true
		case factor.KindTOTP:
			f.Authenticator = true
		case factor.KindRecovery:
			f.RecoveryCodes++
		case factor.KindPasskey:
			f.Passkeys = append(f.Passkeys, Passkey{c.Name, utc(c.CreatedAt), utc(c.LastUsedAt)})
		}
	}
	linked, err := s.o.Stores.Records.IdentitiesOfUser(ctx, userID)
	if err != nil {
		return f, fmt.Errorf("read identities: %w", err)
	}
	for _, i := range linked {
		f.Identities = append(f.Identities, Identity{i.Upstream, i.Issuer, i.Subject, i.Label, utc(i.LastUsedAt)})
	}
	return f, nil
}

// NewPerson is who is to be created.
type NewPerson struct {
	Email         string          `json:"email" maxLength:"254"`
	EmailVerified bool            `json:"email_verified,omitempty" doc:"You know that the address is theirs."`
	Username      string          `json:"username,omitempty"`
	Name          string          `json:"name,omitempty"`
	Password      string          `json:"password,omitempty" doc:"Without one they sign in by a reset link, a mailed code or an upstream."`
	Claims        json.RawMessage `json:"claims,omitempty" doc:"An object of OpenID Connect standard claims."`
	Metadata      json.RawMessage `json:"metadata,omitempty" doc:"An object that administrators keep."`
}

// CreatePerson makes one.
func (s *Service) CreatePerson(ctx context.Context, a Actor, n NewPerson) (made Person, err error) {
	r := users.Registration{Voucher: users.VouchedByOperator(), Email: n.Email, Username: n.Username, Name: n.Name, Claims: n.Claims}
	if n.Password != "" {
		if !a.Holds[PeopleCredentials] {
			if ctx, err = s.may(ctx, a, "SetPassword"); err != nil {
				return made, err
			}
		}
		r.Method = users.WithPassword(n.Password)
	}
	if len(n.Metadata) > 0 {
		if !a.Holds[PeopleMetadata] {
			if ctx, err = s.may(ctx, a, "SetMetadata"); err != nil {
				return made, err
			}
		}
		if err := metadata.Check(n.Metadata); err != nil {
			return made, ofMetadata(err)
		}
	}
	if n.EmailVerified {
		r.Verification = users.VerifiedByOperator()
	}
	err = s.act(ctx, a, "CreatePerson", func(ctx context.Context) error {
		u, err := s.o.People.CreateAccount(ctx, r)
		made = personOf(u)
		if err != nil || len(n.Metadata) == 0 {
			return err
		}
		if err := s.o.Metadata.Merge(ctx, u.ID, n.Metadata); err != nil {
			return ofMetadata(err)
		}
		made.Metadata, err = s.o.Metadata.Of(ctx, u.ID)
		return err
	})
	return made, err
}

// onPerson runs an act on a person who holds no more than the actor and is as match says, and shows them after it.
func (s *Service) onPerson(ctx context.Context, a Actor, act, userID, match string,
	do func(ctx context.Context, u storage.User) error) (after Person, err error) {
	err = s.act(ctx, a, act, func(ctx context.Context) error {
		u, err := s.o.People.ByID(ctx, userID)
		if err != nil {
			return err
		}
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		if match != "" && match != "*" {
			seen, err := s.person(ctx, userID)
			if err != nil {
				return err
			}
			if err := fits(match, seen); err != nil {
				return err
			}
		}
		if err := do(ctx, u); err != nil {
			return err
		}
		after, err = s.person(ctx, userID)
		if errors.Is(err, ErrNotFound) { // erased
			after, err = Person{ID: userID}, nil
		}
		return err
	})
	return after, err
}

// ChangePerson merges OpenID Connect standard claims into a person's; null removes one. The address is changed by SetEmail.
func (s *Service) ChangePerson(ctx context.Context, a Actor, userID, match string, claims json.RawMessage) (Person, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(claims, &named); err != nil {
		return Person{}, invalid("claims", "must be an object")
	}
	for _, name := range []string{"email", "email_verified"} {
		if _, there := named[name]; there {
			return Person{}, invalid("claims."+name, "is changed by the act for addresses, not as a claim")
		}
	}
	return s.onPerson(ctx, a, "ChangePerson", userID, match, func(ctx context.Context, u storage.User) error {
		_, err := s.o.People.SetClaims(ctx, factor.ForOperator(u.ID, factor.ChangeAddress), claims)
		return err
	})
}

// SetEmail gives a person another address; the one before is told, with a link that undoes it.
func (s *Service) SetEmail(ctx context.Context, a Actor, userID, email string, verified bool) (Person, error) {
	return s.onPerson(ctx, a, "SetEmail", userID, "", func(ctx context.Context, u storage.User) error {
		_, err := s.o.People.SetEmail(ctx, factor.ForOperator(u.ID, factor.ChangeAddress), email, verified)
		return err
	})
}

// SetDisabled disables an account, which ends all their sessions and grants, or enables it again.
func (s *Service) SetDisabled(ctx context.Context, a Actor, userID string, disabled bool) (Person, error) {
	return s.onPerson(ctx, a, "SetDisabled", userID, "", func(ctx context.Context, u storage.User) error {
		if !disabled {
			return s.o.People.Enable(ctx, u.ID)
		}
		return s.keepsAdministrator(ctx, func(ctx context.Context) error { return s.o.People.Disable(ctx, u.ID) })
	})
}

// SetPassword sets a person's password: all their sessions and grants end.
func (s *Service) SetPassword(ctx context.Context, a Actor, userID, password string) (Person, error) {
	return s.onPerson(ctx, a, "SetPassword", userID, "", func(ctx context.Context, u storage.User) error {
		return s.o.People.SetPassword(ctx, factor.ForOperator(u.ID, factor.ResetPassword), password)
	})
}

// ResetLink makes a link with which a person chooses a new password, once, in 24 hours. Mailed to them it is not in the answer.
func (s *Service) ResetLink(ctx context.Context, a Actor, userID string, send bool) (link string, err error) {
	_, err = s.onPerson(ctx, a, "ResetLink", userID, "", func(ctx context.Context, u storage.User) error {
		if !u.DisabledAt.IsZero() {
			return fmt.Errorf("%w: the account is disabled, so the link would open nothing", ErrConflict)
		}
		var err error
		link, err = s.o.People.ResetLink(ctx, factor.ForOperator(u.ID, factor.ResetPassword), send)
		if errors.Is(err, users.ErrNoMail) {
			return fmt.Errorf("%w: this server sends no mail", ErrConflict)
		}
		return err
	})
	return link, err
}

// ResetFactors removes a person's second factors, passkeys and recovery codes: all their sessions and grants end.
func (s *Service) ResetFactors(ctx context.Context, a Actor, userID string) (Person, error) {
	return s.onPerson(ctx, a, "ResetFactors", userID, "", func(ctx context.Context, u storage.User) error {
		return s.o.Factors.Remove(ctx, factor.ForOperator(u.ID, factor.ResetFactors))
	})
}

// Unfreeze lets a person sign in again who said "this was not me".
func (s *Service) Unfreeze(ctx context.Context, a Actor, userID string) (Person, error) {
	return s.onPerson(ctx, a, "Unfreeze", userID, "", func(ctx context.Context, u storage.User) error {
		return s.o.People.Unfreeze(ctx, factor.ForOperator(u.ID, factor.Unfreeze))
	})
}

// DeletePerson ends all of a person's sessions and grants and erases them after the grace time, or with now at once.
func (s *Service) DeletePerson(ctx context.Context, a Actor, userID, match string, now bool) (Person, error) {
	return s.onPerson(ctx, a, "DeletePerson", userID, match, func(ctx context.Context, u storage.User) error {
		return s.keepsAdministrator(ctx, func(ctx context.Context) error {
			_, err := s.o.Deletion.Delete(ctx, u.ID, now)
			return err
		})
	})
}

// RestorePerson keeps a person who was to be deleted.
func (s *Service) RestorePerson(ctx context.Context, a Actor, userID string) (Person, error) {
	return s.onPerson(ctx, a, "RestorePerson", userID, "", func(ctx context.Context, u storage.User) error {
		return s.o.Deletion.Cancel(ctx, u.ID, "")
	})
}

// sorted is a copy of a list in order, never nil.
func sorted(list []string) []string {
	c := append([]string{}, list...)
	slices.Sort(c)
	return c
}
