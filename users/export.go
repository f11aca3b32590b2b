package users

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"signet/audit"
	"signet/storage"
)

// Export is all that is stored about a person, for them to take along (GDPR articles 15 and 20). Every field is chosen: no
// hash, no key, no secret is among them (security notes R04, R06).
type Export struct {
	MadeAt           time.Time          `json:"made_at"`
	Profile          ExportProfile      `json:"profile"`
	Credentials      []ExportCredential `json:"credentials"`
	Identities       []ExportIdentity   `json:"identities"`
	Sessions         []ExportSession    `json:"sessions"`
	Consents         []ExportConsent    `json:"consents"`
	Grants           []ExportGrant      `json:"grants"`
	Groups           []string           `json:"groups"`
	Roles            []string           `json:"roles"`
	Activity         []ExportEvent      `json:"activity"`
	ActivityComplete bool               `json:"activity_complete"` // false: there is more than the newest 10,000
}

// ExportProfile is who they are.
type ExportProfile struct {
	ID            string          `json:"sub"`
	Email         string          `json:"email"`
	EmailVerified bool            `json:"email_verified"`
	Username      string          `json:"preferred_username,omitempty"`
	Claims        json.RawMessage `json:"claims"`
	Terms         string          `json:"terms_accepted,omitempty"`
	TermsAt       time.Time       `json:"terms_accepted_at,omitzero"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
}

// ExportCredential is a way they sign in.
type ExportCredential struct {
	Kind       string    `json:"kind"`
	Name       string    `json:"name,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// ExportIdentity is who they are at somebody else's provider.
type ExportIdentity struct {
	Upstream   string    `json:"upstream"`
	Issuer     string    `json:"iss"`
	Subject    string    `json:"sub"`
	Label      string    `json:"label,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

// ExportSession is a browser they are signed in in.
type ExportSession struct {
	Agent     string    `json:"user_agent"`
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"last_used_at,omitzero"`
	EndsAt    time.Time `json:"ends_at"`
}

// ExportConsent is what they agreed to.
type ExportConsent struct {
	ClientID  string    `json:"client_id"`
	Offered   []string  `json:"scopes_offered"`
	Granted   []string  `json:"scopes_granted"`
	Resources []string  `json:"resources"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// ExportGrant is what an app has.
type ExportGrant struct {
	ClientID   string    `json:"client_id"`
	Scopes     []string  `json:"scopes"`
	Resources  []string  `json:"resources"`
	Offline    bool      `json:"offline"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	EndsAt     time.Time `json:"ends_at,omitzero"`
}

// ExportEvent is something that happened.
type ExportEvent struct {
	At       time.Time       `json:"at"`
	Name     string          `json:"event"`
	Outcome  string          `json:"outcome"`
	Actor    string          `json:"actor"`
	ClientID string          `json:"client_id,omitempty"`
	Network  string          `json:"network,omitempty"`
	Agent    string          `json:"user_agent,omitempty"`
	Detail   json.RawMessage `json:"detail,omitempty"`
}

const (
	exportPage   = 500    // rows read at once
	exportEvents = 10_000 // at most
	exportRows   = 10_000 // of anything else
)

// Export gathers it and notes that it was asked for. ErrNotFound.
func (s *Service) Export(ctx context.Context, userID string) (Export, error) {
	u, err := s.user(ctx, userID)
	if err != nil {
		return Export{}, err
	}
	e := Export{MadeAt: time.Now().UTC(), Profile: ExportProfile{
		ID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Username: u.Username, Claims: u.Profile,
		Terms: u.Terms, TermsAt: u.TermsAt.UTC(), CreatedAt: u.CreatedAt.UTC(), UpdatedAt: u.UpdatedAt.UTC(),
	}}
	for _, part := range []func(context.Context, string, *Export) error{
		s.exportWays, s.exportApps, s.exportActivity,
	} {
		if err := part(ctx, userID, &e); err != nil {
			return Export{}, fmt.Errorf("export: %w", err)
		}
	}
	return e, s.audit.Record(ctx, audit.Event{Name: audit.DataExported, UserID: userID})
}

// exportWays are credentials, identities, sessions and memberships.
func (s *Service) exportWays(ctx context.Context, userID string, e *Export) error {
	credentials, err := s.store.Credentials(ctx, userID, "")
	if err != nil {
		return err
	}
	e.Credentials = each(credentials, func(c storage.Credential) ExportCredential {
		return ExportCredential{Kind: c.Kind, Name: c.Name, CreatedAt: c.CreatedAt.UTC(), LastUsedAt: c.LastUsedAt.UTC()}
	})
	identities, err := s.store.IdentitiesOfUser(ctx, userID)
	if err != nil {
		return err
	}
	e.Identities = each(identities, func(i storage.Identity) ExportIdentity {
		return ExportIdentity{Upstream: i.Upstream, Issuer: i.Issuer, Subject: i.Subject, Label: i.Label,
			CreatedAt: i.CreatedAt.UTC(), LastUsedAt: i.LastUsedAt.UTC()}
	})
	sessions, err := s.sessions.OfUser(ctx, userID, exportRows)
	if err != nil {
		return err
	}
	e.Sessions = each(sessions, func(x storage.Session) ExportSession {
		return ExportSession{Agent: x.Agent, Address: x.Address, AMR: x.AMR, StartedAt: x.CreatedAt.UTC(), SeenAt: x.SeenAt.UTC(), EndsAt: x.EndsAt.UTC()}
	})
	if e.Groups, err = s.store.GroupsOfUser(ctx, userID); err != nil {
		return err
	}
	e.Roles, err = s.store.RolesOfUser(ctx, userID)
	e.Groups, e.Roles = notNull(e.Groups), notNull(e.Roles)
	return err
}

func (s *Service) exportApps(ctx context.Context, userID string, e *Export) error {
	consents, err := paged(func(after string) ([]storage.Consent, error) {
		return s.store.ConsentsOfUser(ctx, userID, after, exportPage)
	}, func(c storage.Consent) string { return c.ClientID })
	if err != nil {
		return err
	}
	e.Consents = each(consents, func(c storage.Consent) ExportConsent {
		return ExportConsent{ClientID: c.ClientID, Offered: notNull(c.Offered), Granted: notNull(c.Granted), Resources: notNull(c.Resources),
			CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC()}
	})
	grants, err := paged(func(after string) ([]storage.Grant, error) {
		return s.store.GrantsOfUser(ctx, userID, e.MadeAt, after, exportPage)
	}, func(g storage.Grant) string { return g.ID })
	e.Grants = each(grants, func(g storage.Grant) ExportGrant {
		return ExportGrant{ClientID: g.ClientID, Scopes: notNull(g.Scopes), Resources: notNull(g.Resources), Offline: g.Offline,
			CreatedAt: g.CreatedAt.UTC(), LastUsedAt: latest(g.LastUsedAt, g.CodeUsedAt).UTC(), EndsAt: g.EndsAt.UTC()}
	})
	return err
}

func (s *Service) exportActivity(ctx context.Context, userID string, e *Export) error {
	e.Activity = []ExportEvent{}
	for before := ""; len(e.Activity) < exportEvents; {
		rows, err := s.store.EventsOfUser(ctx, userID, before, exportPage)
		if err != nil {
			return err
		}
		for _, x := range rows {
			before = x.ID
			actor := x.ActorID
			if actor == userID {
				actor = "you"
			}
			e.Activity = append(e.Activity, ExportEvent{At: x.At.UTC(), Name: x.Name, Outcome: x.Outcome, Actor: actor, ClientID: x.ClientID,
				Network: x.Network, Agent: x.Agent, Detail: x.Detail})
		}
		if len(rows) < exportPage {
			e.ActivityComplete = true
			return nil
		}
	}
	return nil
}

// paged reads all pages, as far as an export goes.
func paged[T any](read func(after string) ([]T, error), id func(T) string) (all []T, err error) {
	for after := ""; len(all) < exportRows; {
		rows, err := read(after)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if len(rows) < exportPage {
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

// notNull makes an empty list one in JSON.
func notNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
