package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/audit"
	"signet/storage"
)

// App is an application that a person let in.
type App struct {
	ClientID  string
	Scopes    []string
	Resources []string  // identifiers of the APIs it may use
	Since     time.Time // first let in
	LastUsed  time.Time // zero = never
	// Of an agent: what was agreed, when, until when it may act (zero = it is none), how many calls a day (0 = any number), and since when
	// it is paused. An operator may allow it less by now.
	AgreedAt, AgentUntil, PausedAt time.Time
	AgentCalls                     int64
}

const (
	appPage = 200   // rows a read
	appRows = 2_000 // of a person, looked at for one page
)

// Apps lists the applications with access to a person's account, or with leave to have it, by the last use.
func (s *Service) Apps(ctx context.Context, userID string) ([]App, error) {
	apps := map[string]*App{}
	note := func(clientID string, scopes, resources []string, since, used time.Time) {
		a := apps[clientID]
		if a == nil {
			a = &App{ClientID: clientID, Since: since}
			apps[clientID] = a
		}
		if since.Before(a.Since) {
			a.Since = since
		}
		if used.After(a.LastUsed) {
			a.LastUsed = used
		}
		a.Scopes = append(a.Scopes, scopes...)
		a.Resources = append(a.Resources, resources...)
	}
	after := ""
	for range appRows / appPage {
		list, err := s.stores.Consents.ConsentsOfUser(ctx, userID, after, appPage)
		if err != nil {
			return nil, fmt.Errorf("list consents: %w", err)
		}
		for _, c := range list {
			note(c.ClientID, c.Granted, c.Resources, c.CreatedAt, time.Time{})
			a := apps[c.ClientID]
			a.AgreedAt, a.AgentUntil, a.AgentCalls, a.PausedAt = c.UpdatedAt, c.AgentUntil, c.AgentCalls, c.PausedAt
			after = c.ClientID
		}
		if len(list) < appPage {
			break
		}
	}
	now, after := time.Now(), ""
	for range appRows / appPage {
		list, err := s.stores.Grants.GrantsOfUser(ctx, userID, now, after, appPage)
		if err != nil {
			return nil, fmt.Errorf("list grants: %w", err)
		}
		for _, g := range list {
			note(g.ClientID, g.Scopes, g.Resources, g.CreatedAt, latest(g.LastUsedAt, g.CodeUsedAt))
			after = g.ID
		}
		if len(list) < appPage {
			break
		}
	}
	list := make([]App, 0, len(apps))
	for _, a := range apps {
		slices.Sort(a.Scopes)
		a.Scopes = slices.Compact(a.Scopes)
		slices.Sort(a.Resources)
		a.Resources = slices.Compact(a.Resources)
		list = append(list, *a)
	}
	slices.SortFunc(list, func(a, b App) int {
		if c := b.LastUsed.Compare(a.LastUsed); c != 0 {
			return c
		}
		return strings.Compare(a.ClientID, b.ClientID)
	})
	return list, nil
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Disconnect withdraws a person's consent to an application: its access ends now, what is being authorized right now ends
// with it, and it has to ask again. One transaction. ErrNotFound if there is nothing to withdraw.
func (s *Service) Disconnect(ctx context.Context, userID, clientID string) error {
	if userID == "" || clientID == "" { // an empty one would stand for all
		return fmt.Errorf("app %q: %w", clientID, ErrNotFound)
	}
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error { return s.disconnect(ctx, userID, clientID) })
}

// PauseAgent lets an agent do nothing for the person, or lets it go on: its grants stay, and are worth nothing as long as it is paused.
// Done twice is done. ErrNotFound if nothing was agreed with it.
func (s *Service) PauseAgent(ctx context.Context, userID, clientID string, paused bool) error {
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		did, err := s.stores.Consents.PauseAgent(ctx, userID, clientID, paused, time.Now())
		if err != nil {
			return fmt.Errorf("pause an agent: %w", err)
		}
		if !did {
			list, err := s.Apps(ctx, userID)
			if err == nil && !slices.ContainsFunc(list, func(a App) bool { return a.ClientID == clientID && !a.AgentUntil.IsZero() }) {
				err = fmt.Errorf("agent %q: %w", clientID, ErrNotFound)
			}
			return err
		}
		name := audit.AgentResumed
		if paused {
			name = audit.AgentPaused
		}
		return s.audit.Record(ctx, audit.Event{Name: name, UserID: userID, ClientID: clientID})
	})
}

// DisconnectAgents is Disconnect of every agent, in one transaction, and says how many they were.
func (s *Service) DisconnectAgents(ctx context.Context, userID string) (int, error) {
	return s.disconnectAll(ctx, userID, func(a App) bool { return !a.AgentUntil.IsZero() })
}

// DisconnectAll is Disconnect of every application, in one transaction, and says how many they were: for whoever does not know which of
// them does what it should not.
func (s *Service) DisconnectAll(ctx context.Context, userID string) (int, error) {
	return s.disconnectAll(ctx, userID, func(App) bool { return true })
}

func (s *Service) disconnectAll(ctx context.Context, userID string, which func(App) bool) (n int, err error) {
	err = s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		n = 0 // may run again
		for {
			list, err := s.Apps(ctx, userID)
			if err != nil {
				return err
			}
			ended := 0
			for _, a := range list {
				if !which(a) {
					continue
				}
				err := s.disconnect(ctx, userID, a.ClientID)
				if err == nil {
					ended++
				} else if !errors.Is(err, ErrNotFound) { // it may have ended by itself
					return err
				}
			}
			if n += ended; ended == 0 { // who has more than a page shows has several
				return nil
			}
		}
	})
	return n, err
}

func (s *Service) disconnect(ctx context.Context, userID, clientID string) error {
	now := time.Now()
	had, err := s.stores.Consents.WithdrawConsent(ctx, userID, clientID, now)
	if err != nil {
		return fmt.Errorf("withdraw consent: %w", err)
	}
	n, err := s.stores.Grants.RevokeGrants(ctx, storage.GrantFilter{UserID: userID, ClientID: clientID}, "consent withdrawn", now)
	if err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	if !had && n == 0 {
		return fmt.Errorf("app %q: %w", clientID, ErrNotFound)
	}
	if err := s.withdrawn(ctx, userID, clientID); err != nil {
		return err
	}
	return s.audit.Record(ctx, audit.Event{
		Name: audit.ConsentWithdrawn, UserID: userID, ClientID: clientID, Detail: map[string]int64{"grants": n},
	})
}

// RevokeGrant ends one grant by an operator's hand. Done twice is done. ErrNotFound.
func (s *Service) RevokeGrant(ctx context.Context, id string) error {
	return s.stores.Acts.Tx(ctx, func(ctx context.Context) error {
		g, err := s.stores.Grants.GrantStateByID(ctx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("grant %q: %w", id, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read grant: %w", err)
		}
		did, err := s.stores.Grants.RevokeGrant(ctx, id, "revoked by an operator", time.Now())
		if err != nil || !did {
			return err
		}
		return s.audit.Record(ctx, audit.Event{
			Name: audit.GrantRevoked, UserID: g.UserID, ClientID: g.ClientID, SessionID: g.SessionID, GrantID: id,
		})
	})
}
