package users

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/ticket"
)

const purposeInvite ticket.Purpose = "invitation"

// inviteLife is how long an invitation is good when nothing else is said.
const inviteLife = 7 * 24 * time.Hour

// ErrUnknownGroup: an invitation names a group or role that does not exist.
var ErrUnknownGroup = errors.New("no such group or role")

// Invitation lets one person make an account where not everybody may, with groups and roles set beforehand.
type Invitation struct {
	ID        string        `json:"id"`
	Email     string        `json:"email,omitempty"` // only this address; "" = whoever has the link
	Groups    []string      `json:"groups,omitempty"`
	Roles     []string      `json:"roles,omitempty"`
	Mailed    bool          `json:"mailed"` // the link went to the address, so using it proves the address
	CreatedAt time.Time     `json:"created_at,omitzero"`
	ExpiresAt time.Time     `json:"expires_at,omitzero"`
	Lifetime  time.Duration `json:"-"` // of a new one; 0 = a week
}

// Invite makes an invitation and its link, and mails it if it is to be Mailed. Mistakes of its address, ErrUnknownGroup,
// ErrClosed where nobody can be invited, ErrNoMail. Where mail can be sent, an address has to be named.
func (s *Service) Invite(ctx context.Context, i Invitation) (made Invitation, link string, err error) {
	if err := s.invitable(ctx, &i); err != nil {
		return i, "", err
	}
	if i.Lifetime == 0 {
		i.Lifetime = inviteLife
	}
	i.CreatedAt = time.Now()
	i.ExpiresAt = i.CreatedAt.Add(i.Lifetime)
	err = s.store.Tx(ctx, func(ctx context.Context) error {
		var secret string
		if i.ID, secret, err = s.tickets.Issue(ctx, ticket.Order{Purpose: purposeInvite, Owner: i.Email, Data: i, Lifetime: i.Lifetime}); err != nil {
			return err
		}
		link = s.link("/join?t=" + secret)
		if i.Mailed {
			l := mail.Letter{Kind: mail.Invitation, To: i.Email, Link: link, Language: mail.LanguageOf(ctx), ExpiresAt: i.ExpiresAt,
				Args: map[string]string{"Day": i.ExpiresAt.Format(time.RFC3339)}}
			if err := s.post.Put(ctx, l); err != nil {
				return err
			}
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.InvitationCreated, Detail: map[string]any{"invitation": i.ID, "groups": i.Groups, "roles": i.Roles}})
	})
	return i, link, err
}

// invitable checks what an operator asks for.
func (s *Service) invitable(ctx context.Context, i *Invitation) error {
	if !s.invites {
		return ErrClosed
	}
	if i.Mailed && (i.Email == "" || s.post == nil) {
		return ErrNoMail
	}
	if i.Email = strings.TrimSpace(i.Email); i.Email != "" {
		var mistakes Mistakes
		key, err := EmailKey(i.Email)
		switch {
		case err != nil:
			mistakes.add(FieldEmail, err)
		case !s.allowed(key):
			mistakes.add(FieldEmail, ErrDomain)
		default:
			taken, err := s.taken(ctx, storage.User{EmailKey: key})
			if err != nil {
				return err
			}
			mistakes = taken
		}
		if len(mistakes) > 0 {
			return mistakes
		}
	}
	if i.Email == "" && s.post != nil { // D02: an address that somebody types has to be proven; an operator's word stands for it
		return Mistakes{{FieldEmail, ErrMissing}}
	}
	slices.Sort(i.Groups)
	slices.Sort(i.Roles)
	i.Groups, i.Roles = slices.Compact(i.Groups), slices.Compact(i.Roles)
	return s.allExist(ctx, i.Groups, i.Roles)
}

func (s *Service) allExist(ctx context.Context, groups, roles []string) error {
	for list, exists := range map[*[]string]func(ctx context.Context, name string) (bool, error){
		&groups: s.store.GroupExists, &roles: s.store.RoleExists,
	} {
		for _, name := range *list {
			there, err := exists(ctx, name)
			if err != nil {
				return err
			}
			if !there {
				return fmt.Errorf("%q: %w", name, ErrUnknownGroup)
			}
		}
	}
	return nil
}

// Invitations pages through those that are still good, by id after the given one.
func (s *Service) Invitations(ctx context.Context, after string, limit int) ([]Invitation, error) {
	list, err := s.tickets.List(ctx, purposeInvite, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list invitations: %w", err)
	}
	all := make([]Invitation, len(list))
	for n, t := range list {
		if err := ticket.Read(t, &all[n]); err != nil {
			return nil, err
		}
		all[n].ID, all[n].CreatedAt, all[n].ExpiresAt = t.ID, t.CreatedAt, t.ExpiresAt
	}
	return all, nil
}

// Uninvite takes an invitation back. ErrNotFound.
func (s *Service) Uninvite(ctx context.Context, id string) error {
	return s.store.Tx(ctx, func(ctx context.Context) error {
		if err := s.tickets.Cancel(ctx, purposeInvite, id); err != nil {
			if errors.Is(err, ErrGone) {
				return ErrNotFound
			}
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.InvitationRevoked, Detail: map[string]string{"invitation": id}})
	})
}

// LookInvitation reads the invitation of a link, without using it. ErrGone, ErrClosed.
func (s *Service) LookInvitation(ctx context.Context, secret string) (Invitation, error) {
	var i Invitation
	if !s.invites {
		return i, ErrClosed
	}
	_, err := s.tickets.Look(ctx, purposeInvite, secret, &i)
	return i, err
}

// Join makes the account of an invitation, with its groups and roles. Its address is the invitation's, if that names one, and
// counts as proven if the link was mailed there. Of many at once with one link, one joins. ErrGone, ErrClosed, Mistakes,
// password.ErrBusy.
func (s *Service) Join(ctx context.Context, secret string, n NewPerson) (storage.User, error) {
	u, i, err := s.invited(ctx, secret, n)
	if err != nil {
		return u, err
	}
	if err := s.unbreached(ctx, n.Password); err != nil {
		return u, err
	}
	kept, err := s.passwords.Hash(ctx, n.Password)
	if err != nil {
		return u, err
	}
	return s.join(ctx, secret, u, i, func(ctx context.Context) error { return s.store.InsertCredential(ctx, credential(u.ID, kept)) })
}

// JoinWith is Join for who brings something else than a password: with, which writes it, runs in the transaction that makes the
// account of the id. The address counts as proven also if it is one that n says is.
func (s *Service) JoinWith(ctx context.Context, secret string, n NewPerson, id string, with func(ctx context.Context) error) (storage.User, error) {
	u, i, err := s.invited(ctx, secret, n.WithPasskey())
	if err != nil {
		return u, err
	}
	u.ID = id
	return s.join(ctx, secret, u, i, with)
}

// invited is the row of who an invitation lets in. ErrGone, ErrClosed, Mistakes.
func (s *Service) invited(ctx context.Context, secret string, n NewPerson) (u storage.User, i Invitation, err error) {
	if i, err = s.LookInvitation(ctx, secret); err != nil {
		return u, i, err
	}
	proven := ""
	if n.EmailVerified {
		proven, _ = EmailKey(n.Email)
	}
	if i.Email != "" {
		n.Email = i.Email
	}
	if u, err = s.newcomer(n); err != nil {
		return u, i, err
	}
	u.EmailVerified = i.Mailed || proven == u.EmailKey
	taken, err := s.taken(ctx, u)
	return u, i, cmp.Or(err, taken.orNil())
}

// join uses the invitation up and makes the account; with writes how its person signs in.
func (s *Service) join(ctx context.Context, secret string, u storage.User, i Invitation, with func(ctx context.Context) error) (storage.User, error) {
	err := s.store.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tickets.Spend(ctx, purposeInvite, secret, nil); err != nil {
			return err
		}
		if err := s.store.InsertUser(ctx, u); err != nil {
			return err
		}
		if err := with(ctx); err != nil {
			return err
		}
		if err := s.belong(ctx, u, i); err != nil {
			return err
		}
		return s.audit.Record(ctx, audit.Event{Name: audit.SignUpSucceeded, UserID: u.ID, Detail: map[string]any{"invited": true}})
	})
	if errors.Is(err, storage.ErrConflict) {
		if taken, lookErr := s.taken(ctx, u); lookErr == nil && len(taken) > 0 {
			return u, taken
		}
	}
	if err != nil {
		return u, fmt.Errorf("join: %w", err)
	}
	return u, nil
}

// belong gives a newcomer what the invitation says; groups and roles deleted since are left out.
func (s *Service) belong(ctx context.Context, u storage.User, i Invitation) error {
	now := time.Now()
	for _, g := range i.Groups {
		if _, err := s.store.AddMember(ctx, g, u.ID, now); errors.Is(err, storage.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.GroupMemberAdded, UserID: u.ID, Detail: map[string]string{"group": g}}); err != nil {
			return err
		}
	}
	for _, r := range i.Roles {
		if _, err := s.store.GiveRole(ctx, r, storage.HolderUser, u.ID, now); errors.Is(err, storage.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := s.audit.Record(ctx, audit.Event{Name: audit.RoleGiven, UserID: u.ID, Detail: map[string]string{"role": r}}); err != nil {
			return err
		}
	}
	return nil
}
