package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) configuration() *cobra.Command {
	return noun("config", "Check and show the configuration",
		a.verb("check", "Report every mistake, with its key and the remedy", 0, a.configCheck),
		a.verb("show", "Show every value and where it came from; secrets are masked", 0, a.configShow))
}

// checked is the answer of config check.
type checked struct {
	OK       bool     `json:"ok"`
	Mistakes []string `json:"mistakes"`
	Warnings []string `json:"warnings"`
}

func (a *app) configCheck(*cobra.Command, []string) error {
	c, err := a.checked()
	out := checked{OK: err == nil, Mistakes: []string{}, Warnings: warnings(c)}
	if err != nil {
		out.Warnings = nil
		out.Mistakes = mistakes(err)
	}
	if !a.json && err != nil {
		return err
	}
	printErr := a.answer(out, func(w io.Writer) {
		for _, warning := range out.Warnings {
			fmt.Fprintln(w, "warning:", warning)
		}
		fmt.Fprintln(w, "The configuration is valid.")
	})
	if err != nil && printErr == nil {
		return errors.New("the configuration has mistakes")
	}
	return printErr
}

func (a *app) configShow(*cobra.Command, []string) error {
	c, err := a.configured()
	settings := c.Settings()
	printErr := a.answer(settings, func(w io.Writer) {
		row(w, "KEY", "VALUE", "FROM")
		for _, s := range settings {
			row(w, s.Key, s.Text(), s.Origin)
		}
	})
	return errors.Join(printErr, err)
}
