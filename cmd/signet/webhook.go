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
	"signet/audit/webhook"
	"signet/server"
)

func (a *app) webhook() *cobra.Command {
	return noun("webhook", "Other systems that are told of audit events, by Standard Webhooks",
		a.webhookCreate(), reads(a.webhookList()), reads(a.webhookShow()), a.webhookUpdate(),
		a.webhookDelete(),
		a.webhookAct("disable", "Stop telling a webhook", "disabled",
			func(s *admin.Service, ctx context.Context, by admin.Actor, id string) error {
				return s.SetWebhookDisabled(ctx, by, id, true)
			}),
		a.webhookAct("enable", "Tell a webhook again, from now on", "enabled",
			func(s *admin.Service, ctx context.Context, by admin.Actor, id string) error {
				return s.SetWebhookDisabled(ctx, by, id, false)
			}),
		a.webhookAct("test", "Send a webhook an event that did not happen; the server sends it", "waiting to be sent",
			(*admin.Service).TestWebhook),
		a.webhookRotate(), reads(a.webhookDeliveries()), a.webhookRetry(), a.webhookReplay())
}

// unhooked puts errors about webhooks into words.
func unhooked(err error, id string) error {
	switch {
	case errors.Is(err, admin.ErrNotFound):
		return fmt.Errorf("webhook %q: not found; see `signet webhook list`", id)
	case errors.Is(err, admin.ErrConflict):
		return conflict(err)
	}
	return err
}

// secretOf is a webhook with the secret that is shown once.
type secretOf struct {
	webhook.Webhook
	Secret string `json:"secret"`
}

func (a *app) webhookCreate() *cobra.Command {
	var w webhook.Webhook
	var secretFile string
	c := a.verb("create", "Tell another system of events; its secret is printed this once", 0, func(cmd *cobra.Command, _ []string) error {
		secret := ""
		if secretFile != "" {
			text, err := a.readText(secretFile)
			if err != nil {
				return err
			}
			secret = strings.TrimSpace(text)
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			made, text, err := h.Admin.CreateWebhook(ctx, h.Host(operator()), w, secret)
			if err != nil {
				return unhooked(err, "")
			}
			return a.answer(secretOf{made, text}, func(out io.Writer) {
				row(out, "Webhook", made.ID)
				row(out, "Secret", text)
			})
		})
	})
	c.Flags().StringVar(&w.URL, "url", "", "https `address` that is told")
	c.Flags().StringSliceVar(&w.Events, "event", nil, "a `name`, the beginning of names with the dot at its end, or *; may be repeated")
	c.Flags().StringVar(&w.Description, "description", "", "what it is, in a few `words`")
	c.Flags().StringVar(&secretFile, "secret-file", "", "`file` with the secret (whsec_…), - for standard input; one is made up without it")
	return c
}

func (a *app) webhookList() *cobra.Command {
	return a.verb("list", "List webhooks", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := h.Admin.Webhooks(ctx, h.Host(operator()))
			if err != nil {
				return err
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "STATE", "EVENTS", "URL")
				for _, one := range list {
					row(w, one.ID, webhookState(one), strings.Join(one.Events, ","), one.URL)
				}
			})
		})
	})
}

func webhookState(w webhook.Webhook) string {
	switch {
	case w.Disabled:
		return "disabled"
	case !w.FailingSince.IsZero():
		return "failing"
	}
	return "active"
}

func (a *app) webhookShow() *cobra.Command {
	return a.verb("show ID", "Show a webhook", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			one, err := h.Admin.Webhook(ctx, h.Host(operator()), args[0])
			if err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(one, func(w io.Writer) { webhookShown(w, one) })
		})
	})
}

func webhookShown(w io.Writer, one webhook.Webhook) {
	row(w, "Webhook", one.ID)
	row(w, "URL", one.URL)
	row(w, "Description", dash(one.Description))
	row(w, "Events", strings.Join(one.Events, ", "))
	row(w, "State", strings.TrimSpace(webhookState(one)+" "+one.Why))
	if !one.FailingSince.IsZero() {
		row(w, "Failing since", when(one.FailingSince))
	}
	row(w, "Created", when(one.CreatedAt))
}

func (a *app) webhookUpdate() *cobra.Command {
	var next webhook.Webhook
	c := a.verb("update ID", "Change a webhook", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			one, err := h.Admin.ChangeWebhook(ctx, h.Host(operator()), args[0], "*", func(w *webhook.Webhook) {
				if cmd.Flags().Changed("url") {
					w.URL = next.URL
				}
				if cmd.Flags().Changed("event") {
					w.Events = next.Events
				}
				if cmd.Flags().Changed("description") {
					w.Description = next.Description
				}
			})
			if err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(one, func(w io.Writer) { webhookShown(w, one) })
		})
	})
	c.Flags().StringVar(&next.URL, "url", "", "https `address` that is told")
	c.Flags().StringSliceVar(&next.Events, "event", nil, "`names` instead of those before")
	c.Flags().StringVar(&next.Description, "description", "", "what it is, in a few `words`")
	return c
}

// webhookAct is a verb that has nothing to show.
func (a *app) webhookAct(use, short, done string,
	do func(s *admin.Service, ctx context.Context, by admin.Actor, id string) error) *cobra.Command {
	return a.verb(use+" ID", short, 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := do(h.Admin, ctx, h.Host(operator()), args[0]); err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(map[string]string{"webhook": args[0], "done": done}, func(w io.Writer) { row(w, done, args[0]) })
		})
	})
}

func (a *app) webhookDelete() *cobra.Command {
	var confirmed bool
	c := a.verb("delete ID", "Remove a webhook; what waits for it is dropped", 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "events that wait for it are dropped"); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.Admin.DeleteWebhook(ctx, h.Host(operator()), args[0]); err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(map[string]string{"deleted": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "deleted:", args[0]) })
		})
	})
	yesFlag(c, &confirmed)
	return c
}

func (a *app) webhookRotate() *cobra.Command {
	return a.verb("rotate-secret ID", "Give a webhook a new secret; the one before signs as well for a day", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				text, err := h.Admin.RotateWebhookSecret(ctx, h.Host(operator()), args[0])
				if err != nil {
					return unhooked(err, args[0])
				}
				return a.answer(map[string]string{"id": args[0], "secret": text}, func(w io.Writer) { row(w, "Secret", text) })
			})
		})
}

func (a *app) webhookDeliveries() *cobra.Command {
	return a.verb("deliveries ID", "List events that wait for a webhook or were given up", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := h.Admin.WebhookDeliveries(ctx, h.Host(operator()), args[0])
			if err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "STATE", "TRIES", "CREATED", "ERROR")
				for _, d := range list {
					state := "waiting"
					if !d.FailedAt.IsZero() {
						state = "given up"
					}
					row(w, d.ID, state, fmt.Sprint(d.Tries), when(d.CreatedAt), d.LastError)
				}
			})
		})
	})
}

func (a *app) webhookRetry() *cobra.Command {
	return a.verb("retry ID", "Try what waits for a webhook, or was given up, now", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			n, err := h.Admin.RetryWebhook(ctx, h.Host(operator()), args[0])
			if err != nil {
				return unhooked(err, args[0])
			}
			return a.answer(map[string]int{"events": n}, func(w io.Writer) { row(w, "events", fmt.Sprint(n)) })
		})
	})
}

func (a *app) webhookReplay() *cobra.Command {
	var since, until string
	c := a.verb("replay ID", "Send a webhook again what happened in a time, with the same ids", 1,
		func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			from, err := timeOf("since", since, now)
			if err != nil {
				return err
			}
			to, err := timeOf("until", until, now)
			if err != nil {
				return err
			}
			if from.IsZero() {
				return usage("--since: say from when on, like 2026-11-27T00:00:00Z, or 24h for the last day")
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				all := 0
				for !from.IsZero() {
					n, next, err := h.Admin.ReplayWebhook(ctx, h.Host(operator()), args[0], from, to)
					if err != nil {
						return unhooked(err, args[0])
					}
					if !next.IsZero() {
						next = next.Add(time.Microsecond)
					}
					all, from = all+n, next
				}
				return a.answer(map[string]int{"events": all}, func(w io.Writer) { row(w, "events", fmt.Sprint(all)) })
			})
		})
	c.Flags().StringVar(&since, "since", "", "from this `TIME` on: like 2026-11-27T00:00:00Z, or 24h for the last day")
	c.Flags().StringVar(&until, "until", "", "before this `TIME`")
	return c
}
