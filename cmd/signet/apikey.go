package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/clients/apikey"
	"signet/server"
)

func (a *app) apiKey() *cobra.Command {
	return noun("api-key", "Fixed keys for the API of administrators, for programs that can only send a header",
		a.apiKeyCreate(), reads(a.apiKeyList()), a.apiKeyRevoke())
}

// keyLife is how long a key is good where nobody says.
const keyLife = 90 * 24 * time.Hour

func (a *app) apiKeyCreate() *cobra.Command {
	var k apikey.Key
	var life time.Duration
	c := a.verb("create CLIENT_ID", "Make an API key of an app; it is printed this once", 1, func(cmd *cobra.Command, args []string) error {
		k.ClientID, k.ExpiresAt = args[0], time.Now().Add(life)
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if !h.Config.Admin.HasAPI() {
				return errors.New("admin.api is off: nobody would take the key")
			}
			made, text, err := h.Admin.CreateAPIKey(ctx, h.Host(operator()), k)
			switch {
			case errors.Is(err, admin.ErrNotFound):
				return fmt.Errorf("client %q: not found; see `signet client list`", args[0])
			case errors.Is(err, admin.ErrConflict):
				return conflict(err)
			case err != nil:
				return err
			}
			answer := struct {
				apikey.Key
				Secret string `json:"api_key"`
			}{made, text}
			return a.answer(answer, func(w io.Writer) {
				row(w, "API key", made.ID)
				row(w, "good until", when(made.ExpiresAt))
				row(w, "key (once)", text)
			})
		})
	})
	f := c.Flags()
	f.StringVar(&k.Name, "name", "", "what it is for, in a few `words`")
	f.StringSliceVar(&k.Permissions, "permission", nil, "what it permits, like people:read, of the scopes of the app; several `NAMES`")
	f.StringSliceVar(&k.Networks, "network", nil, "where it is taken from, like 192.0.2.0/24; several `NETWORKS`; anywhere if left out")
	f.DurationVar(&life, "for", keyLife, "how long it is good, at most 8760h")
	return c
}

func (a *app) apiKeyList() *cobra.Command {
	var of string
	c := a.verb("list", "List API keys, without the keys themselves", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, q := []apikey.Key{}, admin.Ask{Limit: admin.MaxPage}
			for {
				p, err := h.Admin.APIKeys(ctx, h.Host(operator()), of, q)
				if err != nil {
					return err
				}
				list = append(list, p.Items...)
				if q.After = p.Next; q.After == "" {
					break
				}
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "CLIENT", "GOOD UNTIL", "LAST USED", "PERMISSIONS", "NAME")
				for _, k := range list {
					row(w, k.ID, k.ClientID, when(k.ExpiresAt), when(k.LastUsedAt), strings.Join(k.Permissions, ","), k.Name)
				}
			})
		})
	})
	c.Flags().StringVar(&of, "client", "", "those of one `CLIENT_ID`")
	return c
}

func (a *app) apiKeyRevoke() *cobra.Command {
	return a.verb("revoke ID", "End an API key at once", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			err := h.Admin.RevokeAPIKey(ctx, h.Host(operator()), args[0])
			if errors.Is(err, admin.ErrNotFound) {
				return fmt.Errorf("API key %q: not found; see `signet api-key list`", args[0])
			} else if err != nil {
				return err
			}
			return a.answer(map[string]string{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "revoked:", args[0]) })
		})
	})
}
