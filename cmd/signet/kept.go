package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"signet/admin/thing"
	"signet/server"
)

const (
	keptMark = "kept" // of commands that change a thing that files may keep: its kind
	override = "override"
)

// kept marks a command that changes what files may keep, by its first argument: it refuses to, for the next signet apply would undo it, or
// take it for drift.
func kept(kind string, c *cobra.Command) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[keptMark] = kind
	c.Flags().Bool(override, false, "change it even if files keep it (signet apply), which the next apply takes for drift")
	return c
}

// notKept refuses what files keep, unless somebody says --override.
func notKept(ctx context.Context, h *server.Services, cmd *cobra.Command) error {
	kind, args := cmd.Annotations[keptMark], cmd.Flags().Args()
	if kind == "" || len(args) == 0 {
		return nil
	}
	if all, err := cmd.Flags().GetBool(override); err != nil || all {
		return err
	}
	key := args[0]
	if r, ok := h.Clients.Resources().Find(key); ok && kind == thing.Resources {
		key = r.Identifier // as it is spelled
	}
	owner, err := h.Admin.KeptBy(ctx, h.Host(operator()), kind, key)
	if err != nil || owner == "" {
		return err
	}
	return fmt.Errorf("the files of %q keep %s: change them, and carry them out with `signet apply --owner %[1]s`; --override changes it all "+
		"the same", owner, key)
}
