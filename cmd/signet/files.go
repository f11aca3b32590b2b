package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/admin/files"
	"signet/admin/thing"
	"signet/internal/owner"
	"signet/internal/regular"
	"signet/server"
)

// errDiffers: the server is not as the files say.
var errDiffers = errors.New("the server differs from the files: see the lines above")

// errPlan means that the plan that was reviewed is not what would be done now.
var errPlan = errors.New("this is not the plan that was reviewed: plan again")

// target runs do on a server that is named, or on the one whose database this host has.
func (a *app) target(cmd *cobra.Command, e *elsewhere, do func(ctx context.Context, on files.Target) error) error {
	if e.address != "" {
		if err := e.open(); err != nil {
			return err
		}
		return do(cmd.Context(), e)
	}
	return a.within(cmd, func(ctx context.Context, h *server.Services) error {
		return do(ctx, files.Local{Acts: h.Admin, Actor: h.Host(operator())})
	})
}

func (a *app) export() *cobra.Command {
	e := &elsewhere{}
	c := a.verb("export [DIR]", "Write clients, APIs, groups and roles as files, without any secret; without DIR to standard output", 0,
		func(cmd *cobra.Command, args []string) error {
			return a.target(cmd, e, func(ctx context.Context, on files.Target) error {
				set, err := files.Export(ctx, on.Source())
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
	serverFlags(c, e)
	return reads(c)
}

func writeFile(path string, text []byte) error {
	f, err := owner.Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (a *app) writeFiles(dir string, set *files.Set) error {
	if err := owner.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	var written []string
	for _, kind := range thing.Kinds() {
		text, err := set.Document(kind)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, kind+".json")
		if err := writeFile(path, text); err != nil {
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

// planned adds the flags of plan and apply to a command that takes files and folders.
func planned(c *cobra.Command, o *files.Options) *cobra.Command {
	f := c.Flags()
	f.StringVar(&o.Owner, "owner", "default", "whose files these are: a `NAME`, one for each set of files that is applied by itself")
	f.BoolVar(&o.Adopt, "adopt", false, "keep by these files what is there and no files keep")
	f.StringVar(&o.From, "adopt-from", "", "… and what the files of that owner keep")
	f.BoolVar(&o.Prune, "prune", false, "delete what these files kept and do not say any more")
	f.BoolVar(&o.Override, "override", false, "as the files say, whatever was changed by hand")
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("`%s` takes files and folders: %s", cmd.CommandPath(), cmd.UseLine())
		}
		return nil
	}
	o.Secret, o.New = secretAt, newSecretAt
	return c
}

func (a *app) plan() *cobra.Command {
	e := &elsewhere{}
	var o files.Options
	var kept bool
	c := a.verb("plan PATH…", "Tell what apply would do with files (JSON, YAML) and folders of them; exit code 3 = something", 0,
		func(cmd *cobra.Command, args []string) error {
			return a.target(cmd, e, func(ctx context.Context, on files.Target) error {
				p, err := makePlan(ctx, on, args, o)
				if err != nil {
					return err
				}
				if kept {
					p.Steps = slices.DeleteFunc(p.Steps, func(s files.Step) bool { return s.What == files.Extra })
				}
				if err := a.answer(p, func(w io.Writer) { writePlan(w, p, true) }); err != nil {
					return err
				}
				if p.Pending(true) {
					return errDiffers
				}
				return nil
			})
		})
	c.Flags().BoolVar(&kept, "ignore-extra", false, "leave out what is on the server, and neither kept nor said by any files")
	serverFlags(c, e)
	return reads(planned(c, &o))
}

func (a *app) apply() *cobra.Command {
	e := &elsewhere{}
	var o files.Options
	var sureOf bool
	var digest string
	c := a.verb("apply PATH…", "Make the server as files (JSON, YAML) say, a thing after the other; exit code 3 = something was left", 0,
		func(cmd *cobra.Command, args []string) error {
			return a.target(cmd, e, func(ctx context.Context, on files.Target) error {
				p, err := makePlan(ctx, on, args, o)
				if err != nil {
					return err
				}
				if digest != "" && digest != p.Digest {
					return errPlan
				}
				if deletes := p.Deletes(); len(deletes) > 0 {
					if err := sure(cmd, sureOf, "this deletes "+strings.Join(deletes, ", ")); err != nil {
						return err
					}
				}
				var done []files.Step
				err = p.Apply(ctx, on, func(s files.Step) { done = append(done, s) })
				return errors.Join(a.applied(p, done, err), err)
			})
		})
	c.Flags().StringVar(&digest, "plan", "", "do it only if it is what `plan` showed under this `DIGEST`")
	yesFlag(c, &sureOf)
	serverFlags(c, e)
	return planned(c, &o)
}

// applied tells what was done, and what was left.
func (a *app) applied(p *files.Plan, done []files.Step, failed error) error {
	left := slices.DeleteFunc(slices.Clone(p.Steps), func(s files.Step) bool {
		return s.What == files.Extra || s.What == files.Note ||
			len(s.Kept) == 0 && slices.ContainsFunc(done, func(d files.Step) bool { return d.Kind == s.Kind && d.Key == s.Key })
	})
	done = slices.DeleteFunc(done, func(s files.Step) bool { return s.What == files.Note || s.What == files.Drift })
	answer := map[string]any{"done": append([]files.Step{}, done...), "left": append([]files.Step{}, left...)}
	err := a.answer(answer, func(w io.Writer) {
		for _, s := range done {
			row(w, doneWords[s.What], strings.TrimSuffix(s.Kind, "s"), s.Key)
		}
		writePlan(w, &files.Plan{Steps: left}, false)
		if len(done)+len(left) == 0 && failed == nil {
			row(w, "Nothing to do: the server is as the files say.")
		}
	})
	if err == nil && failed == nil && len(left) > 0 {
		return errDiffers
	}
	return err
}

var doneWords = map[string]string{files.Add: "added", files.Change: "changed", files.Adopt: "adopted", files.Delete: "deleted"}

func writePlan(w io.Writer, p *files.Plan, digest bool) {
	if digest && !p.Pending(true) {
		row(w, "The server is as the files say.")
	}
	for _, s := range p.Steps {
		if s.What == files.Note {
			continue
		}
		row(w, s.What, strings.TrimSuffix(s.Kind, "s"), s.Key)
		for _, c := range s.Changes {
			line(w, "  "+c.Field, brief(c.Old)+" → "+brief(c.New))
		}
		for _, h := range s.Kept {
			line(w, "  "+h.Field, fmt.Sprintf("stays %s, by hand; applied was %s, the files say %s",
				brief(h.Server), brief(h.Applied), brief(h.File)))
		}
		if s.Why != "" {
			line(w, "  (left)", s.Why)
		}
	}
	if digest && p.Pending(true) {
		row(w, "plan", p.Digest)
	}
}

// line is one beneath a thing.
func line(w io.Writer, name, text string) { row(w, "", name, text) }

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

func makePlan(ctx context.Context, on files.Target, paths []string, o files.Options) (*files.Plan, error) {
	want, err := readFiles(paths)
	if err != nil {
		return nil, err
	}
	return files.Make(ctx, on, want, o)
}

const (
	largestFile   = 64 << 20 // that plan and apply read
	largestSecret = 4 << 10  // the file of one
)

// readFiles reads files, and all files of folders.
func readFiles(paths []string) (*files.Set, error) {
	set := &files.Set{}
	var errs []error
	for _, path := range paths {
		names, err := filesAt(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			errs = append(errs, readFile(set, name))
		}
	}
	return set, errors.Join(errs...)
}

// filesAt are the files of a folder, or the file itself.
func filesAt(path string) (names []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	within, err := os.ReadDir(path) // no pattern: * and [ may be in the folder's own name
	if err != nil {
		return nil, err
	}
	for _, entry := range within {
		if slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(entry.Name())) {
			names = append(names, filepath.Join(path, entry.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no *.json and no *.yaml: `signet export %[1]s` writes files", path)
	}
	return names, nil
}

func readFile(set *files.Set, name string) error {
	text, err := readBounded(name, largestFile)
	if err == nil && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) {
		text, err = files.FromYAML(string(text))
	}
	if err == nil {
		err = set.Read(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func readBounded(name string, most int64) ([]byte, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("is larger than %d KiB", most>>10)
	}
	return text, err
}

// newSecretAt reads the secret of a file, or makes one that keep writes into it, for its owner alone. A file that somebody else makes
// meanwhile is left as it is.
func newSecretAt(path string) (text string, keep func() error, err error) {
	text, err = secretAt("file:" + path)
	if !errors.Is(err, os.ErrNotExist) {
		return text, nil, err
	}
	made := make([]byte, 48)
	rand.Read(made)
	text = "sgn_" + base64.RawURLEncoding.EncodeToString(made)
	return text, func() error {
		f, err := owner.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s is there by now: apply again", path)
		}
		if err != nil {
			return err
		}
		_, err = f.WriteString(text + "\n")
		return errors.Join(err, f.Sync(), f.Close())
	}, nil
}

// secretAt finds a secret by where it is: env:NAME or file:PATH.
func secretAt(where string) (string, error) {
	kind, name, _ := strings.Cut(where, ":")
	if kind == "env" {
		if text := os.Getenv(name); text != "" {
			return text, nil
		}
		return "", fmt.Errorf("the environment variable %s is empty", name)
	}
	text, err := readBounded(name, largestSecret)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("the file %s is empty", name)
	}
	return secret, nil
}
