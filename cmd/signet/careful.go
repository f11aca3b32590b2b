package main

import (
	"time"

	"github.com/spf13/cobra"
)

// yesFlag is what a command that loses rows asks for.
func yesFlag(c *cobra.Command, to *bool) {
	c.Flags().BoolVar(to, "yes", false, "do it: what is lost does not come back")
}

// sure refuses a command that loses rows without --yes; what says what is lost.
func sure(cmd *cobra.Command, yes bool, what string) error {
	if yes {
		return nil
	}
	return usage("%s; add --yes if that is meant: `%s … --yes`", what, cmd.CommandPath())
}

// positive refuses durations that are not after zero, where they were named on the command line.
func positive(cmd *cobra.Command, flag string, d time.Duration) error {
	if cmd.Flags().Changed(flag) && d <= 0 {
		return usage("--%s: %s is not a time to come; give a positive duration like 24h", flag, d)
	}
	return nil
}
