package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
)

func (a *app) session() *cobra.Command {
	return noun("session", "Browsers that people are signed in with", reads(a.sessionList()), a.sessionRevoke())
}

// signedIn is how a session is shown.
type signedIn struct {
	ID        string    `json:"id"` // the sid claim
	UserID    string    `json:"user_id"`
	Agent     string    `json:"agent"`
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	AuthTime  time.Time `json:"auth_time"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *app) sessionList() *cobra.Command {
	var w who
	c := a.verb("list", "List live sessions", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			rows, err := sessionsOf(ctx, h, w)
			if err != nil {
				return err
			}
			list := make([]signedIn, len(rows))
			for i, s := range rows {
				list[i] = signedIn{s.ID, s.UserID, s.Agent, s.Address, s.AMR, s.AuthTime.UTC(), s.SeenAt.UTC(), s.ExpiresAt.UTC()}
			}
			return a.answer(list, func(w io.Writer) {
				row(w, "ID", "PERSON", "SIGNED IN", "LAST SEEN", "ADDRESS", "BROWSER")
				for _, s := range list {
					row(w, s.ID, s.UserID, when(s.AuthTime), when(s.SeenAt), dash(s.Address), dash(s.Agent))
				}
			})
		})
	})
	return w.flag(c)
}

func sessionsOf(ctx context.Context, h *server.Services, w who) ([]storage.Session, error) {
	if w.email != "" {
		u, err := w.find(ctx, h, nil)
		if err != nil {
			return nil, err
		}
		return h.Sessions.OfUser(ctx, u.ID, 1000)
	}
	return everything(func(after string) ([]storage.Session, error) { return h.Sessions.List(ctx, after, pageSize) },
		func(s storage.Session) string { return s.ID })
}

func (a *app) sessionRevoke() *cobra.Command {
	var w who
	c := a.verb("revoke ID", "End a session, or with --email all of a person; grants that are not offline end with it", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				if w.email == "" {
					err := h.Sessions.End(ctx, args[0], "", "revoked by an operator")
					if errors.Is(err, storage.ErrNotFound) {
						return fmt.Errorf("there is no live session %q; see `signet session list`", args[0])
					}
					if err != nil {
						return err
					}
					return a.revoked(1)
				}
				u, err := w.find(ctx, h, nil)
				if err != nil {
					return err
				}
				n, err := h.Sessions.EndAll(ctx, u.ID, "", "revoked by an operator")
				if err != nil {
					return err
				}
				return a.revoked(n)
			})
		})
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 || (len(args) == 1) == (w.email != "") {
			return usage("name one session: `%s ID`, or all of a person: --email ADDRESS", cmd.CommandPath())
		}
		return nil
	}
	return w.flag(c)
}

// revoked tells how many were.
func (a *app) revoked(n int) error {
	return a.answer(map[string]int{"revoked": n}, func(w io.Writer) { fmt.Fprintf(w, "revoked: %d\n", n) })
}
