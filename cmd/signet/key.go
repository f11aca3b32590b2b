package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"signet/internal/seal"
	"signet/oauth/keys"
	"signet/server"
)

func (a *app) key() *cobra.Command {
	return noun("key", "Signing keys and the master key", a.keyList(), a.keyRotate(), a.keyRetire(), a.keyGenerateMaster())
}

func (a *app) keyList() *cobra.Command {
	return a.verb("list", "List the key ring", 0, func(cmd *cobra.Command, _ []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
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
	c := a.verb("rotate ES256|RS256|refresh", "Replace a signing key; it signs once everybody has seen it", 1, func(cmd *cobra.Command, args []string) error {
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
			info, err := h.Keys.Rotate(ctx, args[0], emergency)
			if errors.Is(err, keys.ErrNoKey) {
				return usage("%q is no key that rotates; choose ES256, RS256 or refresh", args[0])
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
		return a.within(cmd, func(ctx context.Context, h *server.House) error {
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

// keyGenerateMaster prints and keeps nothing: it runs without configuration or database.
func (a *app) keyGenerateMaster() *cobra.Command {
	return a.verb("generate-master", "Print a new master key, for SIGNET_MASTER_KEY or SIGNET_MASTER_KEY_FILE", 0, func(*cobra.Command, []string) error {
		key := seal.Generate()
		return a.answer(map[string]string{"master_key": key}, func(w io.Writer) { fmt.Fprintln(w, key) })
	})
}
