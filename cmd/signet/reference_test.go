package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/internal/generatedtest"
)

var update = flag.Bool("update", false, "write docs/commands.md anew")

// TestCommandsAreDocumented makes docs/commands.md of the commands, their flags and what they say of themselves.
func TestCommandsAreDocumented(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	out.WriteString(
		"# Commands\n\nEvery command of `signet` with its flags; `signet COMMAND --help` says the same. Every command takes `--config`, " +
			"`--data`, `--issuer`\n" +
			"and `--listen` too. Exit codes: 0 done, 1 failed, 2 the words were wrong.\n\n" +
			"Generated from the package `cmd/signet`: `go test ./cmd/signet -run CommandsAreDocumented -update`.\n")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && (!c.HasSubCommands() || c.Annotations[actsMark] != "") {
			describe(&out, c)
		}
		for _, sub := range c.Commands() {
			if !sub.Hidden && sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk((&app{}).root())
	if n := strings.Count(out.String(), "\n## "); n < 50 {
		t.Fatalf("only %d commands", n)
	}
	generatedtest.File(t, *update, filepath.Join("..", "..", "docs", "commands.md"), out.String())
}

func describe(out *strings.Builder, c *cobra.Command) {
	use := strings.TrimSuffix(c.UseLine(), " [flags]")
	fmt.Fprintf(out, "\n## %s\n\n`%s`: %s.\n", c.CommandPath(), use, strings.TrimSuffix(c.Short, "."))
	if c.Long != "" && c.Long != c.Short {
		fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(c.Long))
	}
	var rows strings.Builder
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		arg, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&rows, "| `%s` | %s |\n", strings.TrimSpace("--"+f.Name+" "+arg), generatedtest.Cell(usage))
	})
	if rows.Len() > 0 {
		fmt.Fprintf(out, "\n| flag | |\n|---|---|\n%s", rows.String())
	}
}
