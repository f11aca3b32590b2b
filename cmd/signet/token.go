package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
)

func (a *app) token() *cobra.Command {
	return noun("token", "Access tokens for the API of administrators, for who has this host", a.tokenCreate(), a.tokenRevoke())
}

// madeToken is what `token create` answers.
type madeToken struct {
	AccessToken string    `json:"access_token"`
	JTI         string    `json:"jti"`
	ExpiresAt   time.Time `json:"expires_at"`
}

func (a *app) tokenCreate() *cobra.Command {
	var permissions []string
	var life time.Duration
	c := a.verb("create", "Make an access token for /api/admin/v1; nothing is stored but the event", 0,
		func(cmd *cobra.Command, _ []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				if !h.Config.Admin.HasAPI() {
					return fmt.Errorf("admin.api is off: nobody would take the token")
				}
				token, jti, err := h.HostToken(ctx, operator(), permissions, life)
				if err != nil {
					return err
				}
				made := madeToken{token, jti, time.Now().Add(life).UTC().Truncate(time.Second)}
				return a.answer(made, func(w io.Writer) { fmt.Fprintln(w, made.AccessToken) })
			})
		})
	c.Flags().StringSliceVar(&permissions, "permission", nil,
		"what it permits, like people:read; may be given several `NAMES`; all if left out")
	c.Flags().DurationVar(&life, "for", time.Hour, "how long it is good, at most 24h")
	return c
}

func (a *app) tokenRevoke() *cobra.Command {
	return a.verb("revoke JTI", "Refuse such a token from now on; its jti is in the event and in --json of create", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				if err := h.RevokeHostToken(ctx, args[0]); err != nil {
					return err
				}
				return a.revoked(1)
			})
		})
}

// operator is the account at the command line and its host.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
