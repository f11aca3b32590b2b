package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/internal/mail"
	"signet/storage"
	"signet/users/identifier"
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
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		var secret string
		if i.ID, secret, err = s.tickets.Issue(ctx,
			ticket.Order{Purpose: purposeInvite, Owner: i.Email, Data: i, Lifetime: i.Lifetime}); err != nil {
			return err
		}
		link = s.link("/join?t=" + secret)
		if i.Mailed {
			l := mail.Email{Kind: mail.Invitation, To: i.Email, Link: link, Language: mail.LanguageOf(ctx), ExpiresAt: i.ExpiresAt,
				Args: map[string]string{"Day": i.ExpiresAt.Format(time.RFC3339)}}
			if err := s.post.Put(ctx, l); err != nil {
				return err
			}
		}
		return s.audit.Record(ctx,
			audit.Event{Name: audit.InvitationCreated, Detail: map[string]any{"invitation": i.ID, "groups": i.Groups, "roles": i.Roles}})
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
		key, err := identifier.EmailKey(i.Email)
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
		&groups: s.stores.Memberships.GroupExists, &roles: s.stores.Memberships.RoleExists,
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
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
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

// belong gives a new account what the invitation says; groups and roles deleted since are left out.
func (s *Service) belong(ctx context.Context, u storage.User, i Invitation) error {
	now := time.Now()
	for _, g := range i.Groups {
		if _, err := s.stores.Memberships.AddMember(ctx, g, u.ID, now); errors.Is(err, storage.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := s.audit.Record(ctx,
			audit.Event{Name: audit.GroupMemberAdded, UserID: u.ID, Detail: map[string]string{"group": g}}); err != nil {
			return err
		}
	}
	for _, r := range i.Roles {
		if _, err := s.stores.Memberships.GiveRole(ctx, r, storage.HolderUser, u.ID, now); errors.Is(err, storage.ErrNotFound) {
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
