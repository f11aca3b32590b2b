package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/audit"
	"signet/clients"
	"signet/server"
	"signet/storage"
)

func (a *app) resource() *cobra.Command {
	return noun("resource", "APIs that access tokens are for", a.resourceCreate(), a.resourceList(), a.resourceDelete())
}

func (a *app) resourceCreate() *cobra.Command {
	var r clients.Resource
	c := a.verb("create", "Register an API, or change it", 0, func(cmd *cobra.Command, _ []string) error {
		if r.Identifier == "" {
			return usage("--identifier is missing: the URI that tokens name as aud, like https://api.example.com")
		}
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
			err := h.DB.Tx(ctx, func(ctx context.Context) error {
				if err := h.Clients.PutResource(ctx, r); err != nil {
					return err
				}
				return h.Audit.Record(ctx, audit.Event{Name: audit.ResourceChanged, Detail: map[string]any{"identifier": r.Identifier, "scopes": r.Scopes}})
			})
			if err != nil {
				return err
			}
			return a.answer(r, func(w io.Writer) { writeResources(w, r) })
		})
	})
	f := c.Flags()
	f.StringVar(&r.Identifier, "identifier", "", "`URI` that tokens name as aud")
	f.StringVar(&r.Name, "name", "", "`name` for people")
	f.StringSliceVar(&r.Scopes, "scopes", nil, "`scopes` of the API, separated by commas")
	f.StringSliceVar(&r.IntrospectedBy, "introspected-by", nil, "client `IDs` that may ask about its tokens")
	return c
}

func writeResources(w io.Writer, list ...clients.Resource) {
	row(w, "IDENTIFIER", "NAME", "SCOPES", "INTROSPECTED BY", "DECLARED")
	for _, r := range list {
		row(w, r.Identifier, dash(r.Name), dash(strings.Join(r.Scopes, " ")), dash(strings.Join(r.IntrospectedBy, " ")), yes(r.Declared))
	}
}

func (a *app) resourceList() *cobra.Command {
	return a.verb("list", "List all APIs, declared and stored", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(_ context.Context, h *server.House) error {
			list := append([]clients.Resource{}, h.Clients.Resources().All()...)
			return a.answer(list, func(w io.Writer) { writeResources(w, list...) })
		})
	})
}

func (a *app) resourceDelete() *cobra.Command {
	return a.verb("delete IDENTIFIER", "Remove an API; tokens for it are refused from now on", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
			err := h.DB.Tx(ctx, func(ctx context.Context) error {
				if err := h.Clients.DeleteResource(ctx, args[0]); err != nil {
					return err
				}
				return h.Audit.Record(ctx, audit.Event{Name: audit.ResourceDeleted, Detail: map[string]string{"identifier": args[0]}})
			})
			if errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("there is no resource %q; see `signet resource list`", args[0])
			}
			if err != nil {
				return err
			}
			return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
		})
	})
}
