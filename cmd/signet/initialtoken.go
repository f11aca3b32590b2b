package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"signet/clients/registration"
	"signet/config"
	"signet/server"
	"signet/storage"
)

func (a *app) initialToken() *cobra.Command {
	return noun("initial-token", "Let applications register themselves (registration.mode token)", a.initialTokenCreate(),
		reads(a.initialTokenList()), a.initialTokenRevoke())
}

// initialTokenLine is a token as it is shown: without itself.
type initialTokenLine struct {
	ID        string    `json:"id"`
	Note      string    `json:"note,omitempty"`
	UsesLeft  int64     `json:"uses_left"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func lineOf(t storage.InitialToken) initialTokenLine {
	return initialTokenLine{t.ID, t.Note, t.UsesLeft, t.CreatedAt, t.ExpiresAt}
}

func (a *app) initialTokenCreate() *cobra.Command {
	var uses int64
	var life time.Duration
	var note string
	c := a.verb("create", "Make a token by which an application registers itself", 0, func(cmd *cobra.Command, _ []string) error {
		if uses < 1 || uses > 100_000 {
			return usage("--uses: %d is not between 1 and 100000", uses)
		}
		if life < time.Minute || life > 366*24*time.Hour {
			return usage("--expires: %s is not between 1m and 8784h", life)
		}
		if len(note) > 200 {
			return usage("--note: is longer than 200 bytes")
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if h.Config.Registration.Mode == config.RegistrationOff {
				return errors.New("registration.mode is off: set it to token in the configuration, and start the server anew")
			}
			now := time.Now()
			token, made := registration.NewInitialToken(note, uses, now, now.Add(life))
			if err := h.DB.InsertInitialToken(ctx, made); err != nil {
				return explain(err)
			}
			answer := struct {
				initialTokenLine
				Token string `json:"token"`
			}{lineOf(made), token}
			return a.answer(answer, func(w io.Writer) {
				row(w, "initial token", made.ID)
				row(w, "good for", strconv.FormatInt(made.UsesLeft, 10)+" registrations, until "+when(made.ExpiresAt))
				row(w, "token (once, keep it to whom it is for)", token)
			})
		})
	})
	f := c.Flags()
	f.Int64Var(&uses, "uses", 1, "how many clients may be registered with it")
	f.DurationVar(&life, "expires", 7*24*time.Hour, "how long it is good")
	f.StringVar(&note, "note", "", "what it is for, `text` for the list")
	return c
}

func (a *app) initialTokenList() *cobra.Command {
	return a.verb("list", "List tokens that are good still", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := h.DB.InitialTokens(ctx, time.Now())
			if err != nil {
				return err
			}
			lines := []initialTokenLine{}
			for _, t := range list {
				lines = append(lines, lineOf(t))
			}
			return a.answer(lines, func(w io.Writer) {
				row(w, "ID", "USES LEFT", "GOOD UNTIL", "NOTE")
				for _, t := range lines {
					row(w, t.ID, strconv.FormatInt(t.UsesLeft, 10), when(t.ExpiresAt), dash(t.Note))
				}
			})
		})
	})
}

func (a *app) initialTokenRevoke() *cobra.Command {
	return a.verb("revoke ID", "Take a token back; clients registered with it stay", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.DB.DeleteInitialToken(ctx, args[0]); errors.Is(err, storage.ErrNotFound) {
				return fmt.Errorf("there is no initial token %q; see `signet initial-token list`", args[0])
			} else if err != nil {
				return err
			}
			return a.answer(map[string]string{"revoked": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "revoked:", args[0]) })
		})
	})
}
