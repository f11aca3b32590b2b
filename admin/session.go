package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/audit"
	"signet/oauth/keys"
	"signet/storage"
	"signet/users"
)

// Session is a browser that a person is signed in with.
type Session struct {
	ID        string    `json:"id" doc:"The sid claim."`
	UserID    string    `json:"user_id"`
	Agent     string    `json:"agent"`
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	AuthTime  time.Time `json:"auth_time"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Sessions lists the newest of a person's live sessions, at most MaxPage.
func (s *Service) Sessions(ctx context.Context, a Actor, userID string) ([]Session, error) {
	ctx, err := s.may(ctx, a, "Sessions")
	if err != nil {
		return nil, err
	}
	if _, err := s.o.People.ByID(ctx, userID); err != nil {
		return nil, translate(err)
	}
	if err := s.looked(ctx, a, userID); err != nil {
		return nil, err
	}
	rows, err := s.o.Sessions.OfUser(ctx, userID, MaxPage)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	list := []Session{}
	for _, r := range rows {
		list = append(list, Session{r.ID, r.UserID, r.Agent, r.Address, sorted(r.AMR), utc(r.AuthTime), utc(r.SeenAt), utc(r.ExpiresAt)})
	}
	return list, nil
}

// EndSession ends one of a person's sessions; grants that are not offline end with it.
func (s *Service) EndSession(ctx context.Context, a Actor, userID, id string) error {
	return s.act(ctx, a, "EndSession", func(ctx context.Context) error {
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		return s.o.Sessions.End(ctx, id, userID, "revoked by an administrator")
	})
}

// EndSessions ends all of a person's, and says how many.
func (s *Service) EndSessions(ctx context.Context, a Actor, userID string) (n int, err error) {
	err = s.act(ctx, a, "EndSessions", func(ctx context.Context) error {
		if err := s.overPerson(ctx, a, userID); err != nil {
			return err
		}
		n, err = s.o.Sessions.EndAll(ctx, userID, "", "revoked by an administrator")
		return err
	})
	return n, err
}

// EndEverything ends all sessions of a person, named by id or by address, and all access that apps have by them, offline too, and what is
// being authorized right now (Global Token Revocation). They sign in anew, everywhere.
func (s *Service) EndEverything(ctx context.Context, a Actor, id, address string) error {
	return s.act(ctx, a, "EndEverything", func(ctx context.Context) error {
		if missing := a.Holds.Missing(SetOf(SessionsRevoke)); len(missing) > 0 {
			return &Refused{Act: "EndEverything", Missing: missing}
		}
		find, who := s.o.People.ByID, id
		if address != "" {
			find, who = s.o.People.ByAddress, address
		}
		u, err := find(ctx, who)
		if errors.Is(err, users.ErrEmail) { // nobody can have it
			return fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		if err != nil {
			return err
		}
		if err := s.overPerson(ctx, a, u.ID); err != nil {
			return err
		}
		if err := s.o.People.EndAll(ctx, u.ID, "", "ended everywhere by an administrator"); err != nil {
			return err
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.UserEnded, UserID: u.ID})
	})
}

// Grant is what a person lets an app do.
type Grant struct {
	ID         string    `json:"id"`
	ClientID   string    `json:"client_id"`
	UserID     string    `json:"user_id"`
	SessionID  string    `json:"session_id,omitempty"`
	Offline    bool      `json:"offline"`
	Scope      string    `json:"scope"`
	Resources  []string  `json:"resources,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at"`
	EndsAt     time.Time `json:"ends_at"`
}

func grantOf(g storage.Grant) Grant {
	return Grant{
		ID: g.ID, ClientID: g.ClientID, UserID: g.UserID, SessionID: g.SessionID, Offline: g.Offline, Scope: strings.Join(g.Scopes, " "),
		Resources: g.Resources, CreatedAt: utc(g.CreatedAt), LastUsedAt: utc(g.LastUsedAt), ExpiresAt: utc(g.ExpiresAt), EndsAt: utc(g.EndsAt),
	}
}

// Grants pages through the live grants of a person, or, where that is "", of an app.
func (s *Service) Grants(ctx context.Context, a Actor, userID, clientID string, q Ask) (Page[Grant], error) {
	ctx, err := s.may(ctx, a, "Grants")
	if err != nil {
		return Page[Grant]{}, err
	}
	if (userID == "") == (clientID == "") {
		return Page[Grant]{}, invalid("user_id", "name a person or an app, and not both")
	}
	var rows []storage.Grant
	if userID != "" {
		rows, err = s.o.Stores.Grants.GrantsOfUser(ctx, userID, time.Now(), q.After, q.limit()+1)
	} else {
		rows, err = s.o.Stores.Grants.GrantsOfClient(ctx, clientID, time.Now(), q.After, q.limit()+1)
	}
	if err != nil {
		return Page[Grant]{}, fmt.Errorf("list grants: %w", err)
	}
	if len(rows) > 0 {
		if err := s.looked(ctx, a, userID); err != nil {
			return Page[Grant]{}, err
		}
	}
	return paged(q, rows, grantOf, func(g storage.Grant) string { return g.ID }), nil
}

// RevokeGrant ends one: its refresh token is refused at once.
func (s *Service) RevokeGrant(ctx context.Context, a Actor, id string) error {
	return s.act(ctx, a, "RevokeGrant", func(ctx context.Context) error {
		g, err := s.o.Stores.Grants.GrantStateByID(ctx, id)
		if err != nil {
			return err
		}
		if err := s.overPerson(ctx, a, g.Grant.UserID); err != nil {
			return err
		}
		return s.o.People.RevokeGrant(ctx, id)
	})
}

// Keys lists the signing keys.
func (s *Service) Keys(ctx context.Context, a Actor) ([]keys.Info, error) {
	ctx, err := s.may(ctx, a, "Keys")
	if err != nil {
		return nil, err
	}
	list, err := s.o.Keys.List(ctx)
	if list == nil {
		list = []keys.Info{}
	}
	return list, err
}

// RotateKey makes a new signing key; with emergency those before are refused at once.
func (s *Service) RotateKey(ctx context.Context, a Actor, alg string, emergency bool) (keys.Info, error) {
	ctx, err := s.may(ctx, a, "RotateKey")
	if err != nil {
		return keys.Info{}, err
	}
	info, err := s.o.Keys.Rotate(ctx, alg, emergency)
	return info, keyError(err)
}

// RetireKey takes a key out of the JWKS at once: nothing that it signed is accepted any more.
func (s *Service) RetireKey(ctx context.Context, a Actor, kid string) error {
	ctx, err := s.may(ctx, a, "RetireKey")
	if err != nil {
		return err
	}
	return keyError(s.o.Keys.Retire(ctx, kid))
}

func keyError(err error) error {
	switch {
	case errors.Is(err, keys.ErrNoKey):
		return invalid("alg", "no key signs with this algorithm")
	case errors.Is(err, keys.ErrInUse), errors.Is(err, keys.ErrBusy):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return translate(err)
}
