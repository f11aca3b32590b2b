package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"signet/internal/reseal"
	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/server"
	"signet/storage/sealed"
)

func (a *app) key() *cobra.Command {
	return noun("key", "Signing keys and the master key", reads(a.keyList()), a.keyRotate(), a.keyRetire(), a.keyReseal(),
		a.keyGenerateMaster(), a.keyWrap(), a.keyUnwrap())
}

func (a *app) keyList() *cobra.Command {
	return a.verb("list", "List the key ring", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			list, err := h.Keys.List(ctx)
			if err != nil {
				return err
			}
			return a.answer(list, func(w io.Writer) { writeKeys(w, list...) })
		})
	})
}

func writeKeys(w io.Writer, list ...keys.Info) {
	row(w, "KID", "ALG", "STATE", "MADE", "SIGNS FROM", "LEAVES")
	for _, k := range list {
		row(w, k.KID, k.Alg, k.State, when(k.MadeAt), when(k.SignsFrom), when(k.RetiresAt))
	}
}

func (a *app) keyRotate() *cobra.Command {
	var emergency bool
	c := a.verb("rotate ALG|refresh", "Replace a signing key; it signs once everybody has seen it", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				info, err := h.Keys.Rotate(ctx, args[0], emergency)
				if errors.Is(err, keys.ErrNoKey) {
					return usage("%q is no key that rotates; choose an algorithm of `signet key list`, or refresh", args[0])
				}
				if err != nil {
					return err
				}
				return a.answer(info, func(w io.Writer) { writeKeys(w, info) })
			})
		})
	c.Flags().BoolVar(&emergency, "emergency", false, "the key leaked: the new one signs at once, what the old ones signed is refused")
	return c
}

func (a *app) keyRetire() *cobra.Command {
	return a.verb("retire KID", "Take a key that no longer signs out of the ring at once", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			err := h.Keys.Retire(ctx, args[0])
			switch {
			case errors.Is(err, keys.ErrInUse):
				return fmt.Errorf("%s signs at present; run `signet key rotate` first, or rotate with --emergency", args[0])
			case errors.Is(err, keys.ErrUnknownKey):
				return fmt.Errorf("there is no key %q; see `signet key list`", args[0])
			case err != nil:
				return err
			}
			return a.answer(map[string]string{"retired": args[0]}, func(w io.Writer) { fmt.Fprintln(w, "retired:", args[0]) })
		})
	})
}

// keyReseal may run beside servers, and again after it was interrupted.
func (a *app) keyReseal() *cobra.Command {
	var drop string
	var sure bool
	c := a.verb("reseal", "Seal with the first master key what older ones sealed", 0, func(cmd *cobra.Command, _ []string) error {
		if drop != "" && !sure {
			return usage("--drop gives up what the master key %s sealed: emails in the outbox, tokens of upstreams, authenticator apps, names of "+
				"pairwise subjects; add --yes if the key is lost", drop)
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if drop != "" {
				rows, err := h.DropSealed(ctx, drop)
				if err != nil {
					return err
				}
				return a.answer(map[string]any{"key": drop, "dropped": rows}, func(w io.Writer) { row(w, "dropped", strconv.FormatInt(rows, 10)) })
			}
			moved, err := h.Reseal(ctx)
			if err != nil {
				return err
			}
			if err := a.answer(moved, func(w io.Writer) { writeMoved(w, moved) }); err != nil {
				return err
			}
			if len(moved.Damaged) > 0 {
				return fmt.Errorf("%d value(s) do not open and stay as they are", len(moved.Damaged))
			}
			return nil
		})
	})
	c.Flags().StringVar(&drop, "drop", "", "`ID` of a master key that is lost: give up what it sealed")
	yesFlag(c, &sure)
	return c
}

func writeMoved(w io.Writer, m reseal.Moved) {
	row(w, "moved", strconv.FormatInt(m.Rows, 10))
	for _, d := range m.Damaged {
		row(w, "damaged", string(d.Column)+" of "+d.Row)
	}
	for _, l := range m.Left {
		row(w, "left", leftText(l))
	}
}

// leftText says what a master key is still needed for.
func leftText(l reseal.Leftover) string {
	text := fmt.Sprintf("%d in %s under %s", l.Rows, l.Column, l.Key)
	if !l.Listed {
		text += ", which is not listed"
	}
	switch {
	case l.Column == sealed.DerivedPasswords:
		text += ": passwords, each moves when its person signs in; without the key they need a new one"
	case l.Column == sealed.DerivedSecrets:
		text += ": client secrets, each moves when it is used; without the key they need a new one"
	}
	return text
}

// keyGenerateMaster prints and keeps nothing: it runs without configuration or database.
func (a *app) keyGenerateMaster() *cobra.Command {
	return a.verb("generate-master", "Print a new master key, for SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE", 0,
		func(*cobra.Command, []string) error {
			key := seal.Generate()
			return a.answer(map[string]string{"master_key": key}, func(w io.Writer) { fmt.Fprintln(w, key) })
		})
}
