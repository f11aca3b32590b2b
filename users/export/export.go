package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// Store is the part of *storage.DB that tells who a person is and how they sign in.
type Store interface {
	Credentials(ctx context.Context, userID, kind string) ([]storage.Credential, error)
	IdentitiesOfUser(ctx context.Context, userID string) ([]storage.Identity, error)
	GroupsOfUser(ctx context.Context, userID string) ([]string, error)
	RolesOfUser(ctx context.Context, userID string) ([]string, error)
	PictureOfUser(ctx context.Context, userID string) ([]byte, error)
}

// History is the part of *storage.DB that tells what a person allowed, what happened, and what is kept about them.
type History interface {
	ConsentsOfUser(ctx context.Context, userID, after string, limit int) ([]storage.Consent, error)
	GrantsOfUser(ctx context.Context, userID string, now time.Time, after string, limit int) ([]storage.Grant, error)
	EventsOfUser(ctx context.Context, userID, before string, limit int) ([]storage.Event, error)
	RefusesRequests(ctx context.Context, userID string) (since time.Time, err error)
	UserMetadata(ctx context.Context, userID string) (json.RawMessage, error)
}

// People is the part of *users.Service that Service uses.
type People interface {
	ByID(ctx context.Context, id string) (storage.User, error)
}

// Sessions is the part of *session.Sessions that Service uses.
type Sessions interface {
	OfUser(ctx context.Context, userID string, limit int) ([]storage.Session, error)
}

// Options of New.
type Options struct {
	Store    Store
	History  History
	Audit    *audit.Log
	People   People
	Sessions Sessions
}

// Service makes exports.
type Service struct {
	store    Store
	history  History
	audit    *audit.Log
	people   People
	sessions Sessions
}

// New checks the options.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.History == nil || o.Audit == nil || o.People == nil || o.Sessions == nil {
		return nil, errors.New("export needs a store, a history, an audit log, people and sessions")
	}
	return &Service{store: o.Store, history: o.History, audit: o.Audit, people: o.People, sessions: o.Sessions}, nil
}

const (
	pageSize  = 500    // rows read at once
	maxEvents = 10_000 // at most
	maxRows   = 10_000 // of anything else
)

// Make reads all of it and notes in the audit log that it was asked for. users.ErrNotFound.
func (s *Service) Make(ctx context.Context, userID string) (Document, error) {
	u, err := s.people.ByID(ctx, userID)
	if err != nil {
		return Document{}, err
	}
	e := Document{MadeAt: time.Now().UTC(), Profile: Profile{
		ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Username: u.Username, Claims: u.Profile,
		Terms: u.Terms, TermsAt: u.TermsAt.UTC(), CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
	}}
	for _, part := range []func(context.Context, string, *Document) error{
		s.account, s.apps, s.activity,
	} {
		if err := part(ctx, userID, &e); err != nil {
			return Document{}, fmt.Errorf("export: %w", err)
		}
	}
	return e, s.audit.Record(ctx, audit.Event{Name: audit.DataExported, UserID: userID})
}

// account adds the picture, credentials, identities, sessions and memberships.
func (s *Service) account(ctx context.Context, userID string, e *Document) (err error) {
	if e.Profile.Picture, err = s.store.PictureOfUser(ctx, userID); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if e.Profile.Metadata, err = s.history.UserMetadata(ctx, userID); err != nil {
		return err
	}
	credentials, err := s.store.Credentials(ctx, userID, "")
	if err != nil {
		return err
	}
	e.Credentials = each(credentials, func(c storage.Credential) Credential {
		return Credential{Kind: c.Kind, Name: c.Name, CreatedAt: c.CreatedAt.UTC(), LastUsedAt: c.LastUsedAt.UTC()}
	})
	identities, err := s.store.IdentitiesOfUser(ctx, userID)
	if err != nil {
		return err
	}
	e.Identities = each(identities, func(i storage.Identity) Identity {
		return Identity{Upstream: i.Upstream, Issuer: i.Issuer, Subject: i.Subject, Label: i.Label,
			CreatedAt: i.CreatedAt.UTC(), LastUsedAt: i.LastUsedAt.UTC()}
	})
	sessions, err := s.sessions.OfUser(ctx, userID, maxRows)
	if err != nil {
		return err
	}
	e.Sessions = each(sessions, func(x storage.Session) Session {
		return Session{Agent: x.Agent, Address: x.Address, AMR: x.AMR,
			StartedAt: x.CreatedAt.UTC(), SeenAt: x.SeenAt.UTC(), EndsAt: x.EndsAt.UTC()}
	})
	if e.Groups, err = s.store.GroupsOfUser(ctx, userID); err != nil {
		return err
	}
	e.Roles, err = s.store.RolesOfUser(ctx, userID)
	e.Groups, e.Roles = notNull(e.Groups), notNull(e.Roles)
	return err
}

// apps adds consents and grants.
func (s *Service) apps(ctx context.Context, userID string, e *Document) error {
	since, err := s.history.RefusesRequests(ctx, userID)
	if err != nil {
		return err
	}
	if !since.IsZero() {
		e.Profile.RefusesSince = since.UTC()
	}
	consents, err := paged(func(after string) ([]storage.Consent, error) {
		return s.history.ConsentsOfUser(ctx, userID, after, pageSize)
	}, func(c storage.Consent) string { return c.ClientID })
	if err != nil {
		return err
	}
	e.Consents = each(consents, func(c storage.Consent) Consent {
		return Consent{ClientID: c.ClientID, Offered: notNull(c.Offered), Granted: notNull(c.Granted), Resources: notNull(c.Resources),
			AgentUntil: c.AgentUntil.UTC(), AgentCalls: c.AgentCalls, PausedAt: c.PausedAt.UTC(),
			CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC()}
	})
	grants, err := paged(func(after string) ([]storage.Grant, error) {
		return s.history.GrantsOfUser(ctx, userID, e.MadeAt, after, pageSize)
	}, func(g storage.Grant) string { return g.ID })
	e.Grants = each(grants, func(g storage.Grant) Grant {
		return Grant{ClientID: g.ClientID, Scopes: notNull(g.Scopes), Resources: notNull(g.Resources), Offline: g.Offline,
			CreatedAt: g.CreatedAt.UTC(), LastUsedAt: lastUsed(g), EndsAt: g.EndsAt.UTC()}
	})
	return err
}

// activity adds the newest audit events.
func (s *Service) activity(ctx context.Context, userID string, e *Document) error {
	e.Activity = []Event{}
	for before := ""; len(e.Activity) < maxEvents; {
		rows, err := s.history.EventsOfUser(ctx, userID, before, pageSize)
		if err != nil {
			return err
		}
		for _, x := range rows {
			before = x.ID
			actor := x.ActorID
			if actor == userID {
				actor = "you"
			}
			e.Activity = append(e.Activity, Event{At: x.At.UTC(), Name: x.Name, Outcome: x.Outcome, Actor: actor, ClientID: x.ClientID,
				Network: x.Network, Agent: x.Agent, Detail: x.Detail})
		}
		if len(rows) < pageSize {
			e.ActivityComplete = true
			return nil
		}
	}
	return nil
}

// paged reads all pages, as far as an export goes.
func paged[T any](read func(after string) ([]T, error), id func(T) string) (all []T, err error) {
	for after := ""; len(all) < maxRows; {
		rows, err := read(after)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if len(rows) < pageSize {
			break
		}
		after = id(rows[len(rows)-1])
	}
	return all, nil
}

func each[T, V any](list []T, view func(T) V) []V {
	views := make([]V, len(list))
	for i, x := range list {
		views[i] = view(x)
	}
	return views
}

// lastUsed is when an app last got tokens of a grant.
func lastUsed(g storage.Grant) time.Time {
	if g.CodeUsedAt.After(g.LastUsedAt) {
		return g.CodeUsedAt.UTC()
	}
	return g.LastUsedAt.UTC()
}

// notNull makes a nil list an empty array in JSON.
func notNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
