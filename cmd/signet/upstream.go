package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/admin/view"
	"signet/server"
)

func (a *app) upstream() *cobra.Command {
	return noun("upstream", "Providers where people sign in", a.upstreamCreate(), reads(a.upstreamList()), reads(a.upstreamShow()),
		kept(thing.Upstreams, a.upstreamUpdate()), a.upstreamSwitch("disable", "Let nobody sign in at a provider; sessions stay", true),
		kept(thing.Upstreams, a.upstreamSwitch("enable", "Let people sign in at a provider again", false)),
		kept(thing.Upstreams, a.upstreamDelete()), a.upstreamTest())
}

// unlinked puts errors about upstreams into words.
func unlinked(err error, id string) error {
	switch {
	case errors.Is(err, admin.ErrNotFound):
		return fmt.Errorf("upstream %q: not found; see `signet upstream list`", id)
	case errors.Is(err, admin.ErrConflict):
		return conflict(err)
	}
	return err
}

func upstreamState(declared, disabled bool) string {
	switch {
	case declared:
		return "declared"
	case disabled:
		return "disabled"
	}
	return "active"
}

func (a *app) upstreamList() *cobra.Command {
	return a.verb("list", "List providers where people sign in", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := h.Admin.Upstreams(ctx, h.Host(operator()))
			if err != nil {
				return err
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "KIND", "STATE", "REDIRECT URI")
				for _, u := range list {
					row(w, u.ID, u.Kind, upstreamState(u.Declared, u.Disabled), u.RedirectURI)
				}
			})
		})
	})
}

func (a *app) upstreamShow() *cobra.Command {
	return a.verb("show ID", "Show a provider where people sign in; secrets are not told", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			u, err := h.Admin.Upstream(ctx, h.Host(operator()), args[0])
			if err != nil {
				return unlinked(err, args[0])
			}
			return a.answer(u, func(w io.Writer) { upstreamShown(w, u) })
		})
	})
}

func upstreamShown(w io.Writer, u view.UpstreamSettings) {
	row(w, "Upstream", u.ID)
	row(w, "Kind", u.Kind)
	row(w, "State", upstreamState(u.Declared, u.Disabled))
	row(w, "Issuer", dash(u.Issuer))
	row(w, "Client ID", u.ClientID)
	row(w, "Redirect URI", u.RedirectURI)
	row(w, "Domains", dash(strings.Join(u.Domains, ", ")))
	row(w, "Routes", dash(strings.Join(u.Routes, ", ")))
}

func (a *app) upstreamSwitch(use, short string, disabled bool) *cobra.Command {
	return a.verb(use+" ID", short, 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			u, err := h.Admin.ChangeUpstream(ctx, h.Host(operator()), args[0], "", setting.Secrets{}, func(u *setting.Upstream) error {
				u.Disabled = disabled
				return nil
			})
			if err != nil {
				return unlinked(err, args[0])
			}
			return a.answer(u, func(w io.Writer) { upstreamShown(w, u) })
		})
	})
}

func (a *app) upstreamDelete() *cobra.Command {
	var confirmed bool
	c := a.verb("delete ID", "Remove a provider: nobody can sign in there; sessions stay", 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "nobody can sign in there any more"); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.Admin.DeleteUpstream(ctx, h.Host(operator()), args[0], ""); err != nil {
				return unlinked(err, args[0])
			}
			return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
		})
	})
	yesFlag(c, &confirmed)
	return c
}

func (a *app) upstreamTest() *cobra.Command {
	return a.verb("test ID", "Ask a provider if it is set up as it must be, and count who needs it; exit code 1 if it is not", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				list, err := h.Admin.TestUpstream(ctx, h.Host(operator()), args[0])
				if err != nil {
					return unlinked(err, args[0])
				}
				err = a.answer(list, func(w io.Writer) {
					for _, f := range list {
						row(w, f.State, f.Text)
					}
				})
				return errors.Join(err, problems(list))
			})
		})
}
