package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signet/audit/seals"
	"signet/server"
)

func (a *app) audit() *cobra.Command {
	return noun("audit", "The audit log as a whole", reads(a.auditVerify()))
}

// errTampered: the command has said what it found.
var errTampered = errors.New("the audit log is not as it was written")

func (a *app) auditVerify() *cobra.Command {
	var text string
	c := a.verb("verify", "Look whether all audit events are as they were written", 0, func(cmd *cobra.Command, _ []string) error {
		anchor, err := anchorOf(text)
		if err != nil {
			return err
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			r, err := h.Seals.Verify(ctx, h.KeepEvents, anchor)
			if err != nil {
				return err
			}
			if err := a.answer(r, func(w io.Writer) { verified(w, r) }); err != nil {
				return err
			}
			if len(r.Findings) > 0 {
				return errTampered
			}
			return nil
		})
	})
	c.Flags().StringVar(&text, "anchor", "", "the `N:HEAD` of a seal as the log had it (\"audit log sealed\"), which is compared, too")
	return c
}

func anchorOf(text string) (seals.Anchor, error) {
	if text == "" {
		return seals.Anchor{}, nil
	}
	number, head, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || n < 1 || head == "" {
		return seals.Anchor{}, usage("--anchor: %q is not the number of a seal, a colon and its head", text)
	}
	return seals.Anchor{N: n, Head: head}, nil
}

// notSealed says how much there is, and since when: while a server runs it is sealed within two minutes.
func notSealed(r seals.Report) string {
	text := fmt.Sprint(r.Unsealed)
	if r.Unsealed >= seals.MostUnsealed {
		text += " or more"
	}
	if r.Unsealed > 0 {
		text += ", since " + when(r.UnsealedSince)
	}
	return text
}

// verified is for people.
func verified(w io.Writer, r seals.Report) {
	row(w, "Seals", fmt.Sprint(r.Seals))
	if r.Seals > 0 {
		row(w, "Sealed since", when(r.Since))
	}
	row(w, "Events as they were", fmt.Sprint(r.Events))
	row(w, "Seals of deleted events", fmt.Sprint(r.Gone))
	row(w, "Not sealed yet", notSealed(r))
	if r.Last > 0 {
		row(w, "Anchor", fmt.Sprintf("%d:%s", r.Last, r.Head))
	}
	for _, f := range r.Findings {
		text := f.What
		if f.Missing > 0 {
			text += fmt.Sprintf("; %d missing", f.Missing)
		}
		if len(f.Events) > 0 {
			text += "; look at " + strings.Join(f.Events, ", ")
		}
		row(w, "WRONG", fmt.Sprintf("seal %d (%s, events after %s up to %s): %s", f.Seal, f.Class, dash(f.After), dash(f.UpTo), text))
	}
}
