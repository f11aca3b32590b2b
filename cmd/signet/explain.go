package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin"
	"signet/audit/trace"
	"signet/server"
)

func (a *app) explain() *cobra.Command {
	c := a.verb("explain REFERENCE", "Say why a request was refused, by the reference that its error page and the log show", 1,
		func(cmd *cobra.Command, args []string) error {
			reference := trace.Spelled(args[0])
			if reference == "" {
				return usage("%q is no reference: it is ten letters and digits, like 7F3K-92QD-MX", args[0])
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				e, err := h.Admin.Explain(ctx, h.Host(operator()), reference)
				switch {
				case errors.Is(err, admin.ErrNotFound):
					return fmt.Errorf("nothing is kept under %s: search the log for request_id=%s, and see audit.traces in the settings", reference,
						reference)
				case err != nil:
					return err
				}
				return a.answer(e, func(w io.Writer) { explained(w, e) })
			})
		})
	return reads(c)
}

// explained is for people.
func explained(w io.Writer, e admin.Explained) {
	t := e.Trace
	line := func(name, value string) {
		if value != "" {
			row(w, name, value)
		}
	}
	line("Request", strings.TrimSpace(t.Reference+"  "+t.Route))
	line("At", when(t.At))
	line("App", t.ClientID)
	line("Person", t.UserID)
	line("From", t.Network)
	for _, s := range e.Steps {
		line(s.Outcome, s.Check)
	}
	line("Wrong", e.Found)
	line("Remedy", e.Remedy)
	line("Log", t.Error)
	for _, f := range t.Facts {
		line(f.Name, f.Value)
	}
	for _, ev := range e.Events {
		line("Event", ev.Name+" "+ev.Outcome+" "+string(ev.Detail))
	}
}
