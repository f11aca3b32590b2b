package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"signet/admin/view"
	"signet/audit"
	"signet/clients"
	"signet/clients/snippet"
	"signet/storage"
)

// Secrets lists the secrets of an app, the newest first: when each was made and used, not what it is. One of the
// configuration has none here.
func (s *Service) Secrets(ctx context.Context, a Actor, id string) ([]view.ClientSecret, error) {
	ctx, err := s.may(ctx, a, "Secrets")
	if err != nil {
		return nil, err
	}
	list := []view.ClientSecret{}
	c, err := s.o.Clients.Current(ctx, id)
	if err != nil || c.Declared {
		return list, translate(err)
	}
	_, rows, err := s.o.Stores.Apps.ClientByID(ctx, id)
	if err != nil {
		return nil, translate(err)
	}
	for _, row := range rows {
		list = append(list, view.ClientSecret{ID: row.ID, CreatedAt: utc(row.CreatedAt), LastUsedAt: utc(row.LastUsedAt),
			ExpiresAt: utc(row.ExpiresAt)})
	}
	return list, nil
}

// RemoveSecret has one of an app's secrets be refused from now on. The last that is valid stays: whoever has to take that gives the app
// another, or disables it.
func (s *Service) RemoveSecret(ctx context.Context, a Actor, id, secretID string) error {
	return s.act(ctx, a, "RemoveSecret", func(ctx context.Context) error {
		c, err := s.o.Clients.Current(ctx, id)
		if err != nil {
			return err
		}
		if err := overClient(a, c.Metadata); err != nil {
			return err
		}
		err = s.o.Clients.RemoveSecret(ctx, id, secretID)
		if errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("%w: it is the only secret that is valid: give the app another one first, or disable it", ErrConflict)
		}
		if err != nil {
			return ofClient(err)
		}
		return s.o.Audit.Record(ctx, audit.Event{Name: audit.ClientSecretRemoved, ClientID: id, Detail: map[string]string{"secret": secretID}})
	})
}

// Snippet is what an app's own code or configuration needs, for a library by its name.
func (s *Service) Snippet(ctx context.Context, a Actor, id, name string) (view.Snippet, error) {
	ctx, err := s.may(ctx, a, "Snippet")
	if err != nil {
		return view.Snippet{}, err
	}
	if !slices.Contains(snippet.Names(), name) {
		return view.Snippet{}, invalid("for", "there is no such snippet")
	}
	c, err := s.o.Clients.Current(ctx, id)
	if err != nil {
		return view.Snippet{}, translate(err)
	}
	m := c.Metadata
	m.ClientSecret = "" // of one that the configuration has
	text, err := s.o.Snippets.Of(m).Text(name)
	return view.Snippet{For: name, Text: text, Warnings: warningsOf(name, m)}, err
}

// warningsOf says where an app and what a snippet is for do not go together.
func warningsOf(name string, m clients.Metadata) (list []string) {
	if snippet.ReadsIDToken(name) && !m.IDTokenClaims {
		list = append(list, "It reads name and email from the ID token only, and this app's has none: set id_token_claims.")
	}
	if grant := snippet.GrantOf(name); grant != "" && !slices.Contains(m.GrantTypes, grant) {
		list = append(list, "It asks for the grant type "+grant+", which this app does not have.")
	}
	if lacks := snippet.Lacks(name, m); lacks != "" {
		list = append(list, "It "+lacks+".")
	}
	if m.TokenEndpointAuthMethod == clients.MethodJWTKey && !snippet.ProvesByKey(name) {
		list = append(list, "It proves itself by a secret, and this app by a key.")
	}
	if m.DPoPBoundAccessTokens && !snippet.SendsDPoP(name) {
		list = append(list, "It sends no DPoP proofs, and this app gets no tokens without.")
	}
	return list
}
