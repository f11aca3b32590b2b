package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/admin/setting"
	"signet/server"
)

func (a *app) setting() *cobra.Command {
	return noun("setting", "Branding and mail that the database keeps; set on the page of administrators, or by files and `signet apply`",
		reads(a.settingShow()), a.settingReset(), a.settingTest())
}

// unset puts errors about sections into words.
func unset(err error, id string) error {
	switch {
	case errors.Is(err, admin.ErrNotFound):
		return fmt.Errorf("setting %q: nothing is stored; there are %s and %s", id, setting.Branding, setting.Mail)
	case errors.Is(err, admin.ErrConflict):
		return conflict(err)
	}
	return err
}

func (a *app) settingShow() *cobra.Command {
	return a.verb("show ID", "Show branding or mail, and where it comes from; the password is not told", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				now, err := h.Admin.Setting(ctx, h.Host(operator()), args[0])
				if err != nil {
					return unset(err, args[0])
				}
				return a.answer(now, func(w io.Writer) { settingShown(w, now) })
			})
		})
}

func settingShown(w io.Writer, now setting.State) {
	row(w, "Setting", now.ID)
	row(w, "Origin", now.Origin)
	if now.Problem != "" {
		row(w, "Not used", now.Problem)
	}
	if now.ID == setting.Branding {
		row(w, "Name", dash(now.Name))
		row(w, "Color", dash(now.Color))
		row(w, "Logo", fmt.Sprintf("%d characters", len(now.Logo)))
		row(w, "Dark logo", fmt.Sprintf("%d characters", len(now.LogoDark)))
		for _, link := range now.Links {
			row(w, "Link", link.Title+" "+link.URL)
		}
		return
	}
	row(w, "From", dash(now.From))
	row(w, "Reply to", dash(now.ReplyTo))
	row(w, "Host", dash(now.Host))
	row(w, "Port", fmt.Sprint(now.Port))
	row(w, "TLS", dash(now.TLS))
	row(w, "Username", dash(now.Username))
}

func (a *app) settingReset() *cobra.Command {
	var confirmed bool
	c := a.verb("reset ID", "Forget what is stored of branding or mail: the configuration counts again", 1,
		func(cmd *cobra.Command, args []string) error {
			if err := sure(cmd, confirmed, "what is stored is deleted, and the password of a mail server with it"); err != nil {
				return err
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				if err := h.Admin.ResetSetting(ctx, h.Host(operator()), args[0], ""); err != nil {
					return unset(err, args[0])
				}
				return a.answer(map[string]string{"reset": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "reset:", args[0]) })
			})
		})
	yesFlag(c, &confirmed)
	return c
}

func (a *app) settingTest() *cobra.Command {
	return a.verb("test ADDRESS", "Send one email at once by the mail server that is set, and say what it answers", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				list, err := h.Admin.TestMail(ctx, h.Host(operator()), args[0], "")
				if err != nil {
					return err
				}
				return a.answer(list, func(w io.Writer) {
					for _, f := range list {
						row(w, f.State, f.Text)
					}
				})
			})
		})
}
