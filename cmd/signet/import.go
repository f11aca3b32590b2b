package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/users/importer"
)

// importTold is how many people there are between two words about progress.
const importTold = 10000

// imported is the answer of user import.
type imported struct {
	DryRun  bool      `json:"dry_run"`
	Read    int       `json:"read"`
	Created int       `json:"created"`
	Updated int       `json:"updated"`
	There   int       `json:"there"`
	Refused []refusal `json:"refused"`
}

type refusal struct {
	Line  int    `json:"line"`
	Sub   string `json:"sub,omitempty"`
	Error string `json:"error"`
}

func (a *app) userImport() *cobra.Command {
	var dryRun bool
	conflict := string(importer.SkipExisting)
	c := a.verb("import FILE", "Import users from a file of another product: JSON lines or CSV, - for standard input", 1,
		func(cmd *cobra.Command, args []string) error {
			how := importer.OnConflict(conflict)
			if how != importer.SkipExisting && how != importer.UpdateExisting && how != importer.FailOnExisting {
				return usage("--on-conflict: %q is none of skip, update, fail", conflict)
			}
			if dryRun {
				reads(cmd)
			}
			in := a.stdin
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			return a.within(cmd, func(ctx context.Context, h *server.Services) error {
				return a.importFrom(ctx, h, importer.Rules{OnConflict: how, DryRun: dryRun}, in)
			})
		})
	c.Flags().BoolVar(&dryRun, "dry-run", false, "find all mistakes, write nothing")
	c.Flags().StringVar(&conflict, "on-conflict", conflict, "`what` to do with people who exist already: skip, update, fail")
	return c
}

func (a *app) importFrom(ctx context.Context, h *server.Services, how importer.Rules, in io.Reader) error {
	answer := imported{DryRun: how.DryRun, Refused: []refusal{}}
	err := h.Admin.ImportPeople(ctx, h.Host(operator()), how, importer.Read(in), func(o importer.Outcome) {
		answer.add(o)
		if answer.Read%importTold == 0 {
			fmt.Fprintf(a.stderr, "%d read, %d refused …\n", answer.Read, len(answer.Refused))
		}
	})
	if err != nil {
		return fmt.Errorf("%w; what was read before is written, so correct it and run the same command again", err)
	}
	slices.SortStableFunc(answer.Refused, func(a, b refusal) int { return a.Line - b.Line })
	if err := a.answer(answer, answer.write); err != nil {
		return err
	}
	if n := len(answer.Refused); n > 0 {
		return fmt.Errorf("%d of %d were refused", n, answer.Read)
	}
	return nil
}

func (i *imported) add(o importer.Outcome) {
	i.Read++
	switch o.Result {
	case importer.Created:
		i.Created++
	case importer.Updated:
		i.Updated++
	case importer.Unchanged:
		i.There++
	case importer.Refused:
		i.Refused = append(i.Refused, refusal{o.Line, o.Sub, o.Err.Error()})
	}
}

func (i imported) write(w io.Writer) {
	for _, r := range i.Refused {
		row(w, "line "+strconv.Itoa(r.Line), r.Error)
	}
	if i.DryRun {
		row(w, "dry run", "nothing was written")
	}
	row(w, "read", strconv.Itoa(i.Read))
	row(w, "created", strconv.Itoa(i.Created))
	row(w, "updated", strconv.Itoa(i.Updated))
	row(w, "there already", strconv.Itoa(i.There))
	row(w, "refused", strconv.Itoa(len(i.Refused)))
}
