package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/internal/seal"
	"signet/internal/transit"
)

// transitFlags are those of both commands.
func transitFlags(c *cobra.Command, o *transit.Options) *cobra.Command {
	f := c.Flags()
	f.StringVar(&o.Address, "vault", "", "`address` of the vault: https://bao.example.com:8200")
	f.StringVar(&o.Mount, "mount", "transit", "`path` where its transit engine is mounted")
	f.StringVar(&o.Key, "key", "signet", "`name` of the engine's key")
	f.StringVar(&o.Namespace, "namespace", "", "`namespace` of the vault, if it has any")
	f.StringVar(&o.TokenFile, "token-file", "", "`file` with a token of the vault, read each time")
	f.StringVar(&o.CAFile, "ca-file", "", "`file` with the authorities of its certificate (PEM)")
	return c
}

// keyWrap and keyUnwrap run without configuration or database: the second is what SIGNET_MASTER_KEY_COMMAND runs.
func (a *app) keyWrap() *cobra.Command {
	var o transit.Options
	c := a.verb("wrap FILE", "Have a vault (OpenBao, HashiCorp Vault) wrap the master key in FILE (- = standard input), and print that", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.throughTransit(o, args[0], func(e *transit.Engine, line string) (string, error) {
				if _, err := seal.Parse(line); err != nil {
					return "", fmt.Errorf("%w; it must be what `signet key generate-master` prints", err)
				}
				return e.Wrap(cmd.Context(), line)
			})
		})
	return transitFlags(c, &o)
}

func (a *app) keyUnwrap() *cobra.Command {
	var o transit.Options
	c := a.verb("unwrap FILE", "Have a vault unwrap what `signet key wrap` printed, and print it: for SIGNET_MASTER_KEY_COMMAND", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.throughTransit(o, args[0], func(e *transit.Engine, line string) (string, error) {
				if !transit.Wrapped(line) {
					return "", fmt.Errorf("%s holds something else than what `signet key wrap` printed (vault:v1:…)", args[0])
				}
				return e.Unwrap(cmd.Context(), line)
			})
		})
	return transitFlags(c, &o)
}

// throughTransit prints what becomes of each line of a file: several master keys are a list.
func (a *app) throughTransit(o transit.Options, name string, do func(e *transit.Engine, line string) (string, error)) error {
	text, err := a.readText(name)
	if err != nil {
		return err
	}
	e, err := transit.New(o)
	if err != nil {
		return err
	}
	defer e.Close()
	var all []string
	for line := range strings.FieldsSeq(text) {
		done, err := do(e, line)
		if err != nil {
			return err
		}
		all = append(all, done)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	return a.answer(map[string][]string{"lines": all}, func(w io.Writer) {
		for _, line := range all {
			fmt.Fprintln(w, line)
		}
	})
}
