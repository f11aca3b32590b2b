package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/internal/apicheck"
)

// resourceCheck asks an API, which need not be one of ours: it opens no database.
func (a *app) resourceCheck() *cobra.Command {
	var o apicheck.Options
	var tokenFile string
	const short = "Send an API what it has to refuse, and tell which rule it breaks"
	c := a.verb("check URL", short, 1, func(cmd *cobra.Command, args []string) error {
		o.URL = args[0]
		if tokenFile != "" {
			data, err := fileOf(cmd, "token-file", tokenFile)
			if err != nil {
				return err
			}
			o.Token = strings.TrimSpace(string(data))
		}
		list, err := apicheck.Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		broken := 0
		for _, f := range list {
			if f.State == apicheck.Broken {
				broken++
			}
		}
		err = a.answer(list, func(w io.Writer) {
			row(w, "STATE", "RULE", "SEEN", "CURE")
			for _, f := range list {
				seen := []rune(oneLine(f.Detail))
				if f.State == apicheck.OK && len(seen) > seenMost { // of what is right the beginning is enough
					seen = append(seen[:seenMost], '…')
				}
				row(w, f.State, f.Rule, dash(string(seen)), dash(f.Cure))
			}
		})
		if err == nil && broken > 0 {
			err = fmt.Errorf("the API breaks %d rules", broken)
		}
		return err
	})
	c.Flags().StringVar(&o.Identifier, "identifier", "", "`URI` that its tokens have in aud, where it is not the URL")
	c.Flags().StringVar(&tokenFile, "token-file", "", "`file` with a good access token, which is also sent spoilt; - reads standard input")
	return c
}

// seenMost are characters of what was seen of a rule that is kept, in a table.
const seenMost = 60

// oneLine is a stranger's text for a line of a table.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
