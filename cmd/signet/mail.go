package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"crypto/x509"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/internal/mail"
	"signet/server"
)

func (a *app) mail() *cobra.Command {
	return noun("mail", "Emails to people: try the sender, look at what waits", a.mailTest(), reads(a.mailQueue()),
		a.mailRetry(), a.mailDrop())
}

func (a *app) mailTest() *cobra.Command {
	var language string
	c := a.verb("test ADDRESS", "Send one email at once and say what the mail server answers", 1,
		func(cmd *cobra.Command, args []string) error {
			c, err := a.configured()
			if err != nil {
				return err
			}
			if err := server.TestMail(cmd.Context(), c, args[0], language, a.stdout); err != nil {
				return mailRemedy(err)
			}
			return a.answer(map[string]string{"sent": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "sent to", args[0]) })
		})
	c.Flags().StringVar(&language, "language", "", "`tag` of the email's language, like de")
	return c
}

// mailRemedy adds to what the mail server says how to fix it.
func mailRemedy(err error) error {
	text := strings.ToLower(err.Error())
	_, wrongName := errors.AsType[x509.HostnameError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	dial, refused := errors.AsType[*net.OpError](err)
	switch {
	case wrongName:
		return fmt.Errorf("%w\nThe certificate is for another name: write mail.smtp.host as the certificate has it", err)
	case unknown:
		return fmt.Errorf("%w\nNobody this machine trusts has signed the certificate: install its authority, or use the provider's public name",
			err)
	case strings.Contains(text, "starttls") || strings.Contains(text, "first record does not look like a tls handshake"):
		return fmt.Errorf(
			"%w\nThe server speaks another kind of TLS on this port: try mail.smtp.tls tls with port 465, or starttls with port 587", err)
	case strings.Contains(text, "auth"):
		return fmt.Errorf("%w\nThe server does not take mail.smtp.username and password: many providers want a password made for apps", err)
	case refused && dial.Op == "dial":
		return fmt.Errorf("%w\nNothing answers there: check mail.smtp.host and port, and that the network lets this machine send", err)
	}
	return err
}

func (a *app) mailQueue() *cobra.Command {
	return a.verb("queue", "List emails that wait or were given up (neither address nor words)", 0,
		func(cmd *cobra.Command, _ []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				if h.Outbox == nil {
					return server.ErrNoMail
				}
				list, err := everything(func(after string) ([]mail.Waiting, error) { return h.Outbox.Queue(ctx, after, pageSize) },
					func(w mail.Waiting) string { return w.ID })
				if err != nil {
					return err
				}
				if list == nil {
					list = []mail.Waiting{}
				}
				return a.answer(list, func(w io.Writer) {
					row(w, "ID", "KIND", "TRIES", "NEXT TRY", "GIVEN UP", "EXPIRES", "LAST ERROR")
					for _, m := range list {
						row(w, m.ID, m.Kind, fmt.Sprint(m.Tries), when(m.DueAt), when(m.FailedAt), when(m.ExpiresAt), dash(m.LastError))
					}
				})
			})
		})
}

func (a *app) mailRetry() *cobra.Command {
	return a.verb("retry ID", "Have an email tried again at once; the server sends it", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.Admin.RetryMail(ctx, h.Host(operator()), args[0]); err != nil {
				return unmailed(err, args[0])
			}
			return a.answer(map[string]string{"waiting": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "waiting to be sent:", args[0]) })
		})
	})
}

func (a *app) mailDrop() *cobra.Command {
	var confirmed bool
	c := a.verb("drop ID", "Have an email not sent", 1, func(cmd *cobra.Command, args []string) error {
		if err := sure(cmd, confirmed, "whoever it is for gets no other in its place"); err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := h.Admin.DropMail(ctx, h.Host(operator()), args[0]); err != nil {
				return unmailed(err, args[0])
			}
			return a.answer(map[string]string{"dropped": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "dropped:", args[0]) })
		})
	})
	yesFlag(c, &confirmed)
	return c
}

// unmailed puts errors about emails of the queue into words.
func unmailed(err error, id string) error {
	if errors.Is(err, admin.ErrNotFound) {
		return fmt.Errorf("email %q: not found, or over; see `signet mail queue`", id)
	}
	return err
}
