package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"signet/server"
	"signet/storage"
	"signet/users"
	"signet/users/roster"
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
	var b users.Bringing
	conflict := string(users.SkipThere)
	c := a.verb("import FILE", "Bring people along from another product: JSON lines or CSV, - for standard input", 1, func(cmd *cobra.Command, args []string) error {
		b.OnConflict = users.OnConflict(conflict)
		if b.OnConflict != users.SkipThere && b.OnConflict != users.UpdateThere && b.OnConflict != users.FailThere {
			return usage("--on-conflict: %q is none of skip, update, fail", conflict)
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
		return a.within(cmd, func(ctx context.Context, h *server.House) error { return a.bring(ctx, h, b, in) })
	})
	c.Flags().BoolVar(&b.DryRun, "dry-run", false, "find all mistakes, write nothing")
	c.Flags().StringVar(&conflict, "on-conflict", conflict, "`what` to do with people who are there already: skip, update, fail")
	return c
}

func (a *app) bring(ctx context.Context, h *server.House, b users.Bringing, in io.Reader) error {
	groups := map[string]bool{}
	b.Service = h.People
	b.GroupExists = func(ctx context.Context, group string) (bool, error) {
		if groups[group] {
			return true, nil
		}
		exists, err := h.DB.GroupExists(ctx, group)
		groups[group] = exists
		return exists, err
	}
	b.Join = func(ctx context.Context, userID, group string) error {
		_, err := h.Members.Add(ctx, group, userID)
		return err
	}
	b.Reserved = func(ctx context.Context, sub string) (bool, error) {
		_, _, err := h.DB.ClientByID(ctx, sub)
		if errors.Is(err, storage.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	answer := imported{DryRun: b.DryRun, Refused: []refusal{}}
	batch := make([]users.Arrival, 0, importBatch)
	flush := func() error {
		outcomes, err := b.Batch(ctx, batch)
		batch = batch[:0]
		if err != nil {
			return fmt.Errorf("%w; what was read before is written, so mend it and run the same again", err)
		}
		answer.add(outcomes)
		return nil
	}
	for person, err := range roster.Read(in) {
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

func (i *imported) add(outcomes []users.Outcome) {
	for _, o := range outcomes {
		switch o.Result {
		case users.Created:
			i.Created++
		case users.Updated:
			i.Updated++
		case users.There:
			i.There++
		case users.Refused:
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
