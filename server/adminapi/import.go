package adminapi

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/admin"
	"signet/server/web"
	"signet/server/web/problem"
	"signet/users/importer"
)

// What an import may be, and take.
const (
	mostLines  = importer.MostBytes + 1 // bytes, with the newline at the end
	importTime = time.Minute
)

type importIn struct {
	OnConflict string `query:"on_conflict" enum:"skip,update,fail" default:"skip" doc:"What becomes of people who exist already."`
	DryRun     bool   `query:"dry_run" doc:"Find all mistakes, write nothing."`
	RawBody    []byte `contentType:"application/jsonl" doc:"A JSON object for each person, one a line."`
}

// imported is the answer of an import.
type imported struct {
	DryRun    bool           `json:"dry_run"`
	Created   int            `json:"created"`
	Updated   int            `json:"updated"`
	Unchanged int            `json:"unchanged"`
	Refused   int            `json:"refused"`
	Lines     []importedLine `json:"lines" nullable:"false" doc:"What became of each line."`
}

type importedLine struct {
	Line   int    `json:"line"`
	Result string `json:"result" enum:"created,updated,unchanged,refused"`
	ID     string `json:"id,omitempty" doc:"The person's, where the line has none."`
	Error  string `json:"error,omitempty" doc:"Why it was refused."`
}

// imports adds the operation that brings people along.
func (h *Handler) imports(api huma.API) {
	d := declare(api, "POST /people:import", "importPeople", "Import people of another product: JSON lines, at most 1,000 and 1 MiB",
		typeOf[imported]())
	d.op.DefaultStatus, d.op.MaxBodyBytes, d.op.Tags = http.StatusOK, mostLines, []string{"people"}
	d.op.Responses["200"] = d.op.Responses["201"]
	delete(d.op.Responses, "201")
	huma.Register(api, d.op, func(ctx context.Context, in *importIn) (*answered, error) {
		out, err := h.importPeople(ctx, in)
		return d.answer(ctx, out, err)
	})
}

func (h *Handler) importPeople(ctx context.Context, in *importIn) (imported, error) {
	out := imported{DryRun: in.DryRun, Lines: []importedLine{}}
	people, err := importer.Body(in.RawBody)
	if err != nil {
		return out, web.NewProblem(problem.TooLarge, fmt.Sprintf("Send at most %d lines at once, or use signet user import.",
			importer.MostLines))
	}
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	own := map[int]bool{}
	err = h.o.Acts.ImportPeople(ctx, actorOf(ctx), importer.Rules{OnConflict: importer.OnConflict(in.OnConflict), KeepAddress: true,
		DryRun: in.DryRun}, noted(people, own), out.add(own))
	slices.SortStableFunc(out.Lines, func(a, b importedLine) int { return cmp.Compare(a.Line, b.Line) })
	return out, err
}

// add counts what became of a line; own are those whose people keep an id that they had.
func (i *imported) add(own map[int]bool) func(importer.Outcome) {
	return func(o importer.Outcome) {
		one := importedLine{Line: o.Line, Result: o.Result}
		switch o.Result {
		case importer.Created:
			i.Created++
		case importer.Updated:
			i.Updated++
		case importer.Unchanged:
			i.Unchanged++
		case importer.Refused:
			i.Refused++
			one.Error = o.Told()
		}
		if o.Err == nil && !own[o.Line] && !(i.DryRun && o.Result == importer.Created) {
			one.ID = o.Sub
		}
		i.Lines = append(i.Lines, one)
	}
}

// noted writes down which lines have an id of their own.
func noted(people iter.Seq2[importer.Record, error], own map[int]bool) iter.Seq2[importer.Record, error] {
	return func(yield func(importer.Record, error) bool) {
		for record, err := range people {
			own[record.Line] = record.Sub != ""
			if !yield(record, err) {
				return
			}
		}
	}
}

// patiently gives a body of many lines the time that it takes, one at once, for it holds a place of those that administrators have. Who may
// import nobody is refused before it is read.
func (h *Handler) patiently(w http.ResponseWriter, r *http.Request, who admin.Actor) (done func(), err error) {
	if !who.Holds[admin.PeopleWrite] {
		return nil, toProblem(h.o.Acts.ImportPeople(r.Context(), who, importer.Rules{}, nil, nil))
	}
	select {
	case h.importing <- struct{}{}:
	default:
		return nil, web.NewProblem(problem.Throttled, "Other people are being imported; wait, and send it again.").With("Retry-After", "5")
	}
	web.Patience(w, importTime)
	return func() { <-h.importing }, nil
}
