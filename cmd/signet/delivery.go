package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/server"
)

// delivery is about what a restore holds back: emails and what apps were to be told.
func (a *app) delivery() *cobra.Command {
	return noun("delivery", "What a restore holds back from being sent: it may have been sent after the backup",
		reads(a.verb("list", "Count what is held, by kind", 0, func(cmd *cobra.Command, _ []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				held, err := h.DB.Held(ctx)
				if err != nil {
					return err
				}
				return a.answer(held, func(w io.Writer) {
					row(w, "WHAT", "KIND", "HELD")
					for _, name := range slices.Sorted(maps.Keys(held)) {
						what, kind, _ := strings.Cut(name, " ")
						row(w, what, kind, fmt.Sprint(held[name]))
					}
				})
			})
		})),
		a.heldVerb("release", "Send what is held of a kind, as far as it is not too old", "released",
			func(ctx context.Context, h *server.Services, kind string) (int64, error) {
				return h.DB.ReleaseHeld(ctx, kind, time.Now())
			}),
		a.heldVerb("drop", "Delete what is held of a kind", "dropped",
			func(ctx context.Context, h *server.Services, kind string) (int64, error) {
				return h.DB.DropHeld(ctx, kind)
			}))
}

func (a *app) heldVerb(use, short, done string,
	act func(ctx context.Context, h *server.Services, kind string) (int64, error)) *cobra.Command {
	return a.verb(use+" KIND|all", short, 1, func(cmd *cobra.Command, args []string) error {
		kind := args[0]
		if kind == "all" {
			kind = ""
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			n, err := act(ctx, h, kind)
			if err != nil {
				return err
			}
			return a.answer(map[string]int64{done: n}, func(w io.Writer) { row(w, done, fmt.Sprint(n)) })
		})
	})
}
