package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/users"
)

func (a *app) invitation() *cobra.Command {
	return noun("invitation", "Let people in where not everybody may register", a.invitationCreate(), reads(a.invitationList()),
		a.invitationRevoke())
}

func (a *app) invitationCreate() *cobra.Command {
	var i users.Invitation
	c := a.verb("create", "Make a link by which one person makes an account", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			made, link, err := h.People.Invite(ctx, i)
			switch {
			case errors.Is(err, users.ErrClosed):
				return errors.New("signup.mode is closed: set it to invite, or create people with `signet user create`")
			case errors.Is(err, users.ErrNoMail):
				return errors.New("--mail needs --email, and the section mail of the configuration")
			case errors.Is(err, users.ErrUnknownGroup):
				return fmt.Errorf("%w; see `signet group list` and `signet role list`", err)
			case err != nil:
				return explain(err)
			}
			answer := struct {
				users.Invitation
				Link string `json:"link"`
			}{made, link}
			return a.answer(answer, func(w io.Writer) {
				row(w, "invitation", made.ID)
				row(w, "good until", when(made.ExpiresAt))
				row(w, "link (once, keep it to whom it is for)", link)
			})
		})
	})
	f := c.Flags()
	f.StringVar(&i.Email, "email", "", "only this `address`; without one, whoever has the link")
	f.StringArrayVar(&i.Groups, "group", nil, "`group` to put them into; may be repeated")
	f.StringArrayVar(&i.Roles, "role", nil, "`role` to give them; may be repeated")
	f.DurationVar(&i.Lifetime, "expires", 0, "how long the link is good (168h)")
	f.BoolVar(&i.Mailed, "mail", false, "mail the link to the address; using it then proves the address")
	return c
}

func (a *app) invitationList() *cobra.Command {
	return a.verb("list", "List invitations that nobody has used yet", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := everything(func(after string) ([]users.Invitation, error) { return h.People.Invitations(ctx, after, pageSize) },
				func(i users.Invitation) string { return i.ID })
			if err != nil {
				return err
			}
			if list == nil {
				list = []users.Invitation{}
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "E-MAIL", "GROUPS", "ROLES", "GOOD UNTIL")
				for _, i := range list {
					row(w, i.ID, dash(i.Email), dash(strings.Join(i.Groups, " ")), dash(strings.Join(i.Roles, " ")), when(i.ExpiresAt))
				}
			})
		})
	})
}

func (a *app) invitationRevoke() *cobra.Command {
	return a.verb("revoke ID", "Take an invitation back", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.People.Uninvite(ctx, args[0]); errors.Is(err, users.ErrNotFound) {
				return fmt.Errorf("there is no invitation %q; see `signet invitation list`", args[0])
			} else if err != nil {
				return err
			}
			return a.answer(map[string]string{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "revoked:", args[0]) })
		})
	})
}
