package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"signet/clients"
	"signet/server"
	"signet/users/importer"
)

const (
	importBatch = 500   // people in one transaction
	importTold  = 10000 // people between two words about progress
)

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
				i, err := newImporter(h, how, dryRun)
				if err != nil {
					return err
				}
				return a.importFrom(ctx, i, in)
			})
		})
	c.Flags().BoolVar(&dryRun, "dry-run", false, "find all mistakes, write nothing")
	c.Flags().StringVar(&conflict, "on-conflict", conflict, "`what` to do with people who exist already: skip, update, fail")
	return c
}

// importGroups are groups as an import uses them; those that exist are remembered.
type importGroups struct {
	h     *server.Services
	known map[string]bool
}

// Exists implements importer.Groups.
func (g importGroups) Exists(ctx context.Context, group string) (bool, error) {
	if g.known[group] {
		return true, nil
	}
	exists, err := g.h.DB.GroupExists(ctx, group)
	g.known[group] = exists
	return exists, err
}

// Add implements importer.Groups.
func (g importGroups) Add(ctx context.Context, group, userID string) error {
	_, err := g.h.Members.Add(ctx, group, userID)
	return err
}

func newImporter(h *server.Services, how importer.OnConflict, dryRun bool) (*importer.Importer, error) {
	return importer.New(importer.Options{
		Store: h.DB, Finder: h.DB, Ways: h.Ways, Audit: h.Audit, People: h.People, Groups: importGroups{h, map[string]bool{}},
		Metadata:   h.Metadata,
		OnConflict: how, DryRun: dryRun,
		Reserved: func(ctx context.Context, sub string) (bool, error) {
			_, err := h.Clients.Client(ctx, sub) // declared or stored
			if errors.Is(err, clients.ErrUnknown) {
				return false, nil
			}
			return err == nil, err
		},
	})
}

func (a *app) importFrom(ctx context.Context, i *importer.Importer, in io.Reader) error {
	answer := imported{DryRun: i.DryRun, Refused: []refusal{}}
	batch := make([]importer.Record, 0, importBatch)
	flush := func() error {
		outcomes, err := i.Batch(ctx, batch)
		batch = batch[:0]
		if err != nil {
			return fmt.Errorf("%w; what was read before is written, so correct it and run the same command again", err)
		}
		answer.add(outcomes)
		return nil
	}
	for person, err := range importer.Read(in) {
		answer.Read++
		if err != nil {
			answer.Refused = append(answer.Refused, refusal{Line: person.Line, Error: err.Error()})
			continue
		}
		if batch = append(batch, person); len(batch) == importBatch {
			if err := flush(); err != nil {
				return err
			}
		}
		if answer.Read%importTold == 0 {
			fmt.Fprintf(a.stderr, "%d read, %d refused …\n", answer.Read, len(answer.Refused))
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := a.answer(answer, answer.write); err != nil {
		return err
	}
	if n := len(answer.Refused); n > 0 {
		return fmt.Errorf("%d of %d were refused", n, answer.Read)
	}
	return nil
}

func (i *imported) add(outcomes []importer.Outcome) {
	for _, o := range outcomes {
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
