package main

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
)

// factors is how a person signs in, as an operator sees it: no secret, no code.
type factors struct {
	ID       string    `json:"id"`
	Password bool      `json:"password"`
	TOTP     bool      `json:"totp"`
	Recovery int       `json:"recovery_codes"` // left
	Passkeys []passkey `json:"passkeys"`
	ReadyAt  time.Time `json:"way_back_at,omitzero"` // when the link that removes lost factors is mailed
	Frozen   bool      `json:"frozen"`               // "this was not me": a new password opens the account again
}

type passkey struct {
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}

func (f factors) write(w io.Writer) {
	row(w, "id (sub)", f.ID)
	row(w, "password", yes(f.Password))
	row(w, "authenticator app", yes(f.TOTP))
	row(w, "recovery codes", strconv.Itoa(f.Recovery))
	row(w, "passkeys", strconv.Itoa(len(f.Passkeys)))
	for _, p := range f.Passkeys {
		row(w, "", p.Name+", since "+when(p.CreatedAt)+", last used "+when(p.LastUsedAt))
	}
	if !f.ReadyAt.IsZero() {
		row(w, "way back", when(f.ReadyAt))
	}
	if f.Frozen {
		row(w, "frozen", yes(true))
	}
}

// answerFactors answers with how a person signs in now.
func (a *app) answerFactors(ctx context.Context, h *server.Services, id string) error {
	u, err := h.People.Show(ctx, id)
	if err != nil {
		return err
	}
	st, err := h.Recovery.Of(ctx, u)
	if err != nil {
		return err
	}
	list, err := h.DB.Credentials(ctx, u.ID, "")
	if err != nil {
		return err
	}
	f := factors{ID: u.ID, ReadyAt: st.ReadyAt.UTC(), Frozen: !u.FrozenAt.IsZero(), Passkeys: []passkey{}}
	for _, c := range list {
		switch c.Kind {
		case "password":
			f.Password = true
		case "totp":
			f.TOTP = true
		case "recovery":
			f.Recovery++
		case "passkey":
			f.Passkeys = append(f.Passkeys, passkey{c.Name, c.CreatedAt.UTC(), c.LastUsedAt.UTC()})
		}
	}
	return a.answer(f, f.write)
}

func (a *app) userFactors() *cobra.Command {
	return a.userVerb("factors", "Show how a person signs in: password, authenticator app, recovery codes, passkeys",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			return a.answerFactors(ctx, h, u.ID)
		})
}

func (a *app) userResetFactors() *cobra.Command {
	return a.userVerb("reset-factors", "Remove a person's second factors, passkeys and recovery codes: ends all their sessions and grants",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			if err := h.Recovery.Remove(ctx, factor.ForOperator(u.ID, factor.ResetFactors)); err != nil {
				return err
			}
			return a.answerFactors(ctx, h, u.ID)
		})
}

func (a *app) userUnfreeze() *cobra.Command {
	return a.userVerb("unfreeze", `Let a person sign in again who said "this was not me"`,
		func(ctx context.Context, h *server.Services, u storage.User) error {
			if err := h.People.Unfreeze(ctx, factor.ForOperator(u.ID, factor.Unfreeze)); err != nil {
				return err
			}
			return a.answerFactors(ctx, h, u.ID)
		})
}

// resetLink is what `user reset-link` answers.
type resetLink struct {
	ID     string `json:"id"`
	Link   string `json:"link,omitempty"`
	SentTo string `json:"sent_to,omitempty"`
}

func (a *app) userResetLink() *cobra.Command {
	var send bool
	c := a.userVerb("reset-link", "Make a link with which a person chooses a new password; it works once, for 24 hours",
		func(ctx context.Context, h *server.Services, u storage.User) error {
			if !u.DisabledAt.IsZero() {
				return errors.New("the account is disabled, so the link would open nothing; `signet user enable` it first")
			}
			link, err := h.People.ResetLink(ctx, factor.ForOperator(u.ID, factor.ResetPassword), send)
			if errors.Is(err, users.ErrNoMail) {
				return server.ErrNoMail
			}
			if err != nil {
				return err
			}
			answer := resetLink{ID: u.ID, Link: link}
			if send { // whoever gets the email needs it, nobody else
				answer.Link, answer.SentTo = "", u.Email
			}
			return a.answer(answer, func(w io.Writer) {
				if send {
					row(w, "sent to", answer.SentTo)
					return
				}
				row(w, "link", answer.Link)
			})
		})
	c.Flags().BoolVar(&send, "send", false, "mail it to the person instead of printing it")
	return c
}
