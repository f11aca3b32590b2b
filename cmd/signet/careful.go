package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// zeroFits marks flags whose duration may be zero.
func zeroFits(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = c.Flags().SetAnnotation(name, annotationZero, nil) // the flags exist
	}
}

const annotationZero = "signet/zero"

// checkDurations refuses durations that are not after zero, of all flags of a command that were named on the command line.
func checkDurations(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		d, err := time.ParseDuration(f.Value.String())
		if f.Value.Type() != "duration" || err != nil {
			return
		}
		_, zero := f.Annotations[annotationZero]
		if d < 0 || d == 0 && !zero {
			errs = append(errs, usage("--%s: %s is no time to come; give a duration like 24h", f.Name, d))
		}
	})
	return errors.Join(errs...)
}
