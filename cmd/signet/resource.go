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
	return noun("resource", "APIs that access tokens are for", a.resourceCreate(), reads(a.resourceList()), reads(a.resourceShow()), a.resourceUpdate(), a.resourceDelete())
}

// resourceFlags are the words for an API's registration.
func resourceFlags(c *cobra.Command, r *clients.Resource) {
	f := c.Flags()
	f.StringVar(&r.Name, "name", "", "`name` for people")
	f.StringSliceVar(&r.Scopes, "scopes", nil, "`scopes` of the API, separated by commas or spaces")
	f.StringSliceVar(&r.IntrospectedBy, "introspected-by", nil, "client `IDs` that may ask about its tokens")
}

// changeResource writes into to what was named on the command line.
func changeResource(cmd *cobra.Command, from clients.Resource, to *clients.Resource) {
	set := func(flag string, do func()) {
		if cmd.Flags().Changed(flag) {
			do()
		}
	}
	set("name", func() { to.Name = from.Name })
	set("scopes", func() { to.Scopes = strings.Fields(strings.Join(from.Scopes, " ")) })
	set("introspected-by", func() { to.IntrospectedBy = from.IntrospectedBy })
}

func (a *app) resourceCreate() *cobra.Command {
	var words clients.Resource
	c := a.verb("create URI", "Register an API; tokens name the URI as aud", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
			r := clients.Resource{Identifier: words.Identifier}
			if len(args) > 0 {
				r.Identifier = args[0]
			}
			changeResource(cmd, words, &r)
			return a.writeResource(ctx, h, r.Identifier, func(ctx context.Context) error {
				if _, err := findResource(h, r.Identifier); err == nil {
					return fmt.Errorf("the resource %q is registered already; change it with `signet resource update`", r.Identifier)
				}
				return h.Clients.PutResource(ctx, r)
			})
		})
	})
	c.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && words.Identifier == "":
			return usage("the URI is missing that tokens name as aud: `%s https://api.example.com`", cmd.CommandPath())
		case len(args) > 1 || len(args) == 1 && words.Identifier != "":
			return usage("name one URI: `%s https://api.example.com`", cmd.CommandPath())
		}
		return nil
	}
	c.Flags().StringVar(&words.Identifier, "identifier", "", "`URI`, instead of the argument")
	resourceFlags(c, &words)
	return c
}

func (a *app) resourceUpdate() *cobra.Command {
	var words clients.Resource
	c := a.verb("update URI", "Change an API's registration: only what is named", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
			found, err := findResource(h, args[0])
			if err != nil {
				return err
			}
			return a.writeResource(ctx, h, found.Identifier, func(ctx context.Context) error {
				return h.Clients.ChangeResource(ctx, found.Identifier, func(r *clients.Resource) error {
					changeResource(cmd, words, r)
					return nil
				})
			})
		})
	})
	resourceFlags(c, &words)
	return c
}

func (a *app) resourceShow() *cobra.Command {
	return a.verb("show URI", "Show an API's registration", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(_ context.Context, h *server.House) error {
			r, err := findResource(h, args[0])
			if err != nil {
				return err
			}
			return a.answer(r, func(w io.Writer) { writeResources(w, r) })
		})
	})
}

func findResource(h *server.House, identifier string) (clients.Resource, error) {
	r, ok := h.Clients.Resources().Find(identifier)
	if !ok {
		return r, fmt.Errorf("there is no resource %q; see `signet resource list`", identifier)
	}
	return r, nil
}

// writeResource runs an act on a registration and writes it down in one transaction.
func (a *app) writeResource(ctx context.Context, h *server.House, identifier string, act func(ctx context.Context) error) error {
	var r clients.Resource
	err := h.DB.Tx(ctx, func(ctx context.Context) error {
		if err := act(ctx); err != nil {
			return err
		}
		var err error
		if r, err = findResource(h, identifier); err != nil {
			return err
		}
		return h.Audit.Record(ctx, audit.Event{Name: audit.ResourceChanged, Detail: map[string]any{"identifier": r.Identifier, "scopes": r.Scopes}})
	})
	if err != nil {
		return err
	}
	return a.answer(r, func(w io.Writer) { writeResources(w, r) })
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
	var confirmed bool
	c := a.verb("delete URI", "Remove an API; tokens for it are refused from now on", 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "the API's registration is deleted, and its tokens are refused"); err != nil {
			return err
		}
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
	yesFlag(c, &confirmed)
	return c
}
