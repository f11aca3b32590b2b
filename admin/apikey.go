package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"signet/audit"
	"signet/clients/apikey"
)

// APIKeys pages through the fixed keys for the API of administrators; clientID "" = those of all apps.
func (s *Service) APIKeys(ctx context.Context, a Actor, clientID string, q Ask) (p Page[apikey.Key], err error) {
	if ctx, err = s.may(ctx, a, "APIKeys"); err != nil {
		return p, err
	}
	var list []apikey.Key
	if clientID != "" {
		list, err = s.o.APIKeys.Of(ctx, clientID)
		list = slices.DeleteFunc(list, func(k apikey.Key) bool { return k.ID <= q.After })
	} else {
		list, err = s.o.APIKeys.All(ctx, q.After, q.limit()+1)
	}
	if err != nil {
		return p, err
	}
	same := func(k apikey.Key) apikey.Key { return k }
	return paged(q, list, same, func(k apikey.Key) string { return k.ID }), nil
}

// CreateAPIKey makes a key of an app; k says its name, permissions, networks and end. It permits what the maker holds and the app is
// registered for, no more, and no longer than both have it: a key makes none, so that it cannot outlive itself. The key is returned this
// once.
func (s *Service) CreateAPIKey(ctx context.Context, a Actor, k apikey.Key) (made apikey.Key, text string, err error) {
	err = s.act(ctx, a, "CreateAPIKey", func(ctx context.Context) error {
		if a.Kind == KindKey {
			return fmt.Errorf("%w: an API key makes no other; a person, or the token of an app, does", ErrConflict)
		}
		c, err := s.o.Clients.Current(ctx, k.ClientID)
		if err != nil {
			return err
		}
		if c.Declared {
			return fmt.Errorf("%w: the app is declared in the configuration; register one beside it, with signet client create", ErrConflict)
		}
		if err := overClient(a, c.Metadata); err != nil {
			return err
		}
		if k.Permissions, err = keyPermissions(k.Permissions, Scopes(c.Scopes()...)); err != nil {
			return err
		}
		k.CreatedBy = string(a.Kind) + " " + a.ID
		if made, text, err = s.o.APIKeys.Make(ctx, k); err != nil {
			return apiKeyError(err)
		}
		return s.o.Audit.Record(ctx, keyEvent(audit.APIKeyMade, made))
	})
	return made, text, err
}

// keyPermissions reads the permissions of a key, with the prefix of scopes or without it, each of which its app has to be registered for.
func keyPermissions(list []string, registered Set) (names []string, err error) {
	for i, name := range list {
		p := Permission(strings.TrimPrefix(name, ScopePrefix))
		field := fmt.Sprintf("permissions[%d]", i)
		if !slices.Contains(All(), p) {
			return nil, invalid(field, "there is no such permission")
		}
		if !registered[p] {
			return nil, invalid(field, "the app is not registered for the scope "+ScopePrefix+string(p))
		}
		names = append(names, string(p))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// RevokeAPIKey ends a key at once.
func (s *Service) RevokeAPIKey(ctx context.Context, a Actor, id string) error {
	return s.act(ctx, a, "RevokeAPIKey", func(ctx context.Context) error {
		k, err := s.o.APIKeys.Get(ctx, id)
		if err != nil {
			return apiKeyError(err)
		}
		if err := on(over(a, permissionSet(k.Permissions)), "", k.ClientID); err != nil {
			return err
		}
		if err := s.o.APIKeys.End(ctx, id); err != nil {
			return apiKeyError(err)
		}
		return s.o.Audit.Record(ctx, keyEvent(audit.APIKeyRevoked, k))
	})
}

func permissionSet(names []string) Set {
	s := Set{}
	for _, name := range names {
		s[Permission(name)] = true
	}
	return s
}

func keyEvent(name audit.Name, k apikey.Key) audit.Event {
	return audit.Event{Name: name, ClientID: k.ClientID, Detail: map[string]any{
		"key": k.ID, "name": k.Name, "permissions": k.Permissions, "networks": k.Networks, "expires_at": k.ExpiresAt,
	}}
}

func apiKeyError(err error) error {
	switch {
	case errors.Is(err, apikey.ErrUnknown):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, apikey.ErrInvalid):
		return fromText(err)
	case errors.Is(err, apikey.ErrMany):
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
