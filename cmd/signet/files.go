package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin/files"
	"signet/server"
)

// errDiffers: the server is not as the files say.
var errDiffers = errors.New("the server differs from the files: see the lines above")

func (a *app) export() *cobra.Command {
	c := a.verb("export [DIR]", "Write clients, APIs, groups and roles as files, without any secret; without DIR to standard output", 0,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				set, err := files.Export(ctx, h.Admin, h.Host(operator()))
				if err != nil {
					return err
				}
				if len(args) == 0 {
					text, err := set.Document("")
					if err == nil {
						_, err = a.stdout.Write(text)
					}
					return err
				}
				return a.writeFiles(args[0], set)
			})
		})
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("`%s` takes one folder at most, got %d", cmd.CommandPath(), len(args))
		}
		return nil
	}
	return reads(c)
}

func (a *app) writeFiles(dir string, set *files.Set) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	var written []string
	for _, kind := range files.Kinds() {
		text, err := set.Document(kind)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, kind+".json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		written = append(written, path)
	}
	return a.answer(map[string][]string{"written": written}, func(w io.Writer) {
		for _, path := range written {
			row(w, "written:", path)
		}
	})
}

func (a *app) plan() *cobra.Command {
	return reads(a.verb("plan DIR", "Tell by what the server differs from the files of a folder (*.json); exit code 3 = by something", 1,
		func(cmd *cobra.Command, args []string) error {
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				wanted, err := readFiles(args[0])
				if err != nil {
					return err
				}
				have, err := files.Export(ctx, h.Admin, h.Host(operator()))
				if err != nil {
					return err
				}
				differs := files.Compare(have, wanted)
				if err := a.answer(differs, func(w io.Writer) { writeDifferences(w, differs) }); err != nil {
					return err
				}
				if len(differs) > 0 {
					return errDiffers
				}
				return nil
			})
		}))
}

func writeDifferences(w io.Writer, list []files.Difference) {
	if len(list) == 0 {
		row(w, "The server is as the files say.")
	}
	for _, d := range list {
		row(w, d.What, strings.TrimSuffix(d.Kind, "s"), d.Key)
		for _, c := range d.Changes {
			row(w, "", "  "+c.Field, brief(c.Old)+" → "+brief(c.New))
		}
	}
}

// brief is a value in a line.
func brief(value any) string {
	const most = 120
	text, err := json.Marshal(value)
	if err != nil || value == nil {
		return "-"
	}
	if runes := []rune(string(text)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(text)
}

// largestFile that plan reads.
const largestFile = 64 << 20

// readFiles reads all *.json of a folder.
func readFiles(dir string) (*files.Set, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", dir)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no *.json: `signet export %[1]s` writes them", dir)
	}
	set := &files.Set{}
	var errs []error
	for _, name := range names {
		errs = append(errs, readFile(set, name))
	}
	return set, errors.Join(errs...)
}

func readFile(set *files.Set, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	if err == nil && len(text) > largestFile {
		err = errors.New("is larger than 64 MiB")
	}
	if err == nil {
		err = set.Read(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
