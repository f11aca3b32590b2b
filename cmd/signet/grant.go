package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
	"signet/users"
)

func (a *app) grant() *cobra.Command {
	return noun("grant", "What people have let apps do: list and revoke", reads(a.grantList()), a.grantRevoke())
}

// letIn is how a grant is shown.
type letIn struct {
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

func letInOf(g storage.Grant) letIn {
	return letIn{
		ID: g.ID, ClientID: g.ClientID, UserID: g.UserID, SessionID: g.SessionID, Offline: g.Offline, Scope: strings.Join(g.Scopes, " "),
		Resources: g.Resources, CreatedAt: g.CreatedAt.UTC(), LastUsedAt: g.LastUsedAt.UTC(), ExpiresAt: g.ExpiresAt.UTC(),
		EndsAt: g.EndsAt.UTC(),
	}
}

func (a *app) grantList() *cobra.Command {
	var w who
	var client string
	c := a.verb("list", "List live grants of a person or of an app", 0, func(cmd *cobra.Command, _ []string) error {
		if (w.email == "") == (client == "") {
			return usage("say whose: --email ADDRESS or --client ID")
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			rows, err := grantsOf(ctx, h, w, client)
			if err != nil {
				return err
			}
			list := make([]letIn, len(rows))
			for i, g := range rows {
				list[i] = letInOf(g)
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "APP", "PERSON", "SCOPE", "OFFLINE", "CREATED", "LAST USED")
				for _, g := range list {
					row(w, g.ID, g.ClientID, g.UserID, dash(g.Scope), yes(g.Offline), when(g.CreatedAt), when(g.LastUsedAt))
				}
			})
		})
	})
	c.Flags().StringVar(&client, "client", "", "the app's client `ID`")
	return w.flag(c)
}

func grantsOf(ctx context.Context, h *server.Services, w who, client string) ([]storage.Grant, error) {
	now, id := time.Now(), func(g storage.Grant) string { return g.ID }
	if client != "" {
		return everything(func(after string) ([]storage.Grant, error) {
			return h.DB.GrantsOfClient(ctx, client, now, after, pageSize)
		}, id)
	}
	u, err := w.find(ctx, h, nil)
	if err != nil {
		return nil, err
	}
	return everything(func(after string) ([]storage.Grant, error) { return h.DB.GrantsOfUser(ctx, u.ID, now, after, pageSize) }, id)
}

func (a *app) grantRevoke() *cobra.Command {
	return a.verb("revoke ID", "Revoke a grant: its refresh token is refused at once", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			err := h.People.RevokeGrant(ctx, args[0])
			if errors.Is(err, users.ErrNotFound) {
				return fmt.Errorf("there is no grant %q; see `signet grant list`", args[0])
			}
			if err != nil {
				return err
			}
			return a.revoked(1)
		})
	})
}
