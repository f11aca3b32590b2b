package console

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/admin"
	"signet/server/pages"
	"signet/server/web"
	"signet/users/importer"
)

const (
	importPath = home + "/import"
	importTime = time.Minute
	// mostSealed is how long people that were checked are on their way back, sealed and written in base64.
	mostSealed = importer.MostBytes/3*4 + mostPlain
)

var importForm = upload{needs: admin.PeopleWrite, refuse: refuseImport, text: mostSealed, files: []string{"file"}, file: importer.MostBytes,
	wait: importTime}

// refuseImport has the act refuse who may write nobody.
func refuseImport(ctx context.Context, acts *admin.Service, v *visit) error {
	return acts.ImportPeople(ctx, v.actor, importer.Rules{}, nil, nil)
}

// importPeople checks people of another product, which writes nothing, and imports what was checked.
func (h *Handler) importPeople(ctx context.Context, v *visit) (pages.Console, error) {
	p := pages.Console{Heading: "console.import"}
	if !v.actor.Holds[admin.PeopleWrite] {
		return p, refuseImport(ctx, h.Acts, v)
	}
	switch v.what() {
	case "check":
		body, err := sentPeople(v)
		if err != nil {
			return p, err
		}
		how := v.post.Get("on_conflict")
		r, err := h.runImport(ctx, v, body, how, true)
		if err != nil {
			return p, err
		}
		r.show(h, v, &p)
		p.Intro = "console.import_dry"
		if r.count(importer.Created)+r.count(importer.Updated) > 0 {
			sealed, err := h.seal(v, how, body)
			if err != nil {
				return p, err
			}
			h.act(v, admin.PeopleWrite, &p.Acts, pages.ConsoleAct{Label: "console.import", More: "console.import_more", Value: "import",
				Fields: []pages.ConsoleField{{Name: "checked", Value: sealed, Hidden: true}}})
		}
		v.stay, v.tried = true, true
	case "import":
		how, body, err := h.unseal(v, v.post.Get("checked"))
		if err != nil {
			return p, err
		}
		r, err := h.runImport(ctx, v, body, how, false)
		if err != nil {
			return p, err
		}
		r.show(h, v, &p)
		v.stay = true
	}
	choices := []pages.ConsoleChoice{{Value: string(importer.SkipExisting), Label: "console.import_skip"},
		{Value: string(importer.UpdateExisting), Label: "console.import_update"}, {Value: string(importer.FailOnExisting),
			Label: "console.import_fail"}}
	h.act(v, admin.PeopleWrite, &p.Acts, pages.ConsoleAct{Label: "console.import_check", More: "console.import_check_more", Value: "check",
		Fields: []pages.ConsoleField{
			{Name: "file", Label: "console.file", Optional: true, File: ".jsonl,.ndjson,.json,.txt,application/jsonl,text/plain"},
			{Name: "lines", Label: "console.import_lines", Optional: true, Long: true, Secret: true},
			{Name: "on_conflict", Label: "console.import_conflict", Choices: choices}}})
	return p, nil
}

// sentPeople is the file of the form, or what was pasted.
func sentPeople(v *visit) ([]byte, error) {
	f, pasted := v.files["file"], v.post.Get("lines")
	switch {
	case f.large:
		return nil, wrong("file", importer.ErrMany.Error())
	case len(f.body) > 0 && strings.TrimSpace(pasted) != "":
		return nil, wrong("file", "is there, and pasted lines are; send one of them")
	case len(f.body) > 0:
		return f.body, nil
	case strings.TrimSpace(pasted) != "":
		return []byte(pasted), nil
	}
	return nil, wrong("file", "is missing or empty; choose one, or paste lines")
}

// imported is what became, or would become, of each line.
type imported struct {
	outcomes []importer.Outcome
	who      map[int]string // addresses, by line
	dry      bool
}

// runImport has the act import people, or try to; one at a time, as the API does.
func (h *Handler) runImport(ctx context.Context, v *visit, body []byte, how string, dry bool) (r imported, err error) {
	people, err := importer.Body(body)
	if err != nil {
		return r, wrong("file", err.Error())
	}
	select {
	case h.importing <- struct{}{}:
	default:
		return r, &web.PageError{Status: http.StatusServiceUnavailable, Kind: "busy", RetryAfter: 5 * time.Second}
	}
	defer func() { <-h.importing }()
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	r.who, r.dry = map[int]string{}, dry
	err = h.Acts.ImportPeople(ctx, v.actor, importer.Rules{OnConflict: importer.OnConflict(how), KeepAddress: true, DryRun: dry},
		r.noted(people), func(o importer.Outcome) { r.outcomes = append(r.outcomes, o) })
	slices.SortStableFunc(r.outcomes, func(a, b importer.Outcome) int { return cmp.Compare(a.Line, b.Line) })
	return r, err
}

// noted writes down whose line it is.
func (r imported) noted(people iter.Seq2[importer.Record, error]) iter.Seq2[importer.Record, error] {
	return func(yield func(importer.Record, error) bool) {
		for record, err := range people {
			r.who[record.Line] = record.Person.Email
			if !yield(record, err) {
				return
			}
		}
	}
}

func (r imported) count(result string) (n int) {
	for _, o := range r.outcomes {
		if o.Result == result {
			n++
		}
	}
	return n
}

// show has how many lines there are of each kind, and each line: those that are refused first. Of a line there is its number and the
// address, and nothing else that was sent.
func (r imported) show(h *Handler, v *visit, p *pages.Console) {
	refused := pages.ConsoleList{Heading: "console.import_refused"}
	others := pages.ConsoleList{Heading: "console.import_taken"}
	for _, result := range []string{importer.Created, importer.Updated, importer.Unchanged, importer.Refused} {
		p.Facts = append(p.Facts, pages.ConsoleFact{Label: "console.import." + result, Value: strconv.Itoa(r.count(result))})
	}
	for _, o := range r.outcomes {
		row := pages.ConsoleRow{Title: strings.TrimSuffix(strconv.Itoa(o.Line)+" · "+shortened(r.who[o.Line]), " · "),
			Label: "console.import." + o.Result}
		if o.Err != nil {
			row.Note, row.English = o.Told(), true
			refused.Rows = append(refused.Rows, row)
			continue
		}
		if is := o.Result != importer.Created || !r.dry; is && v.actor.Holds[admin.PeopleRead] {
			row.URL = h.to(peoplePath, o.Sub)
		}
		others.Rows = append(others.Rows, row)
	}
	for _, list := range []pages.ConsoleList{refused, others} {
		if len(list.Rows) > 0 {
			p.Lists = append(p.Lists, list)
		}
	}
}

// shortened is an address as it is shown: one that is refused may be of any length, and of anything.
func shortened(address string) string {
	const most = 80
	if runes := []rune(strings.ToValidUTF8(address, "")); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return strings.ToValidUTF8(address, "")
}

// seal makes what was checked fit to be kept by the page until it is imported: nobody reads the hashes of passwords there, nothing else
// can be put in its place, and it is of use to this sign-in only, for as long as that may act.
func (h *Handler) seal(v *visit, how string, body []byte) (string, error) {
	plain := append([]byte(strconv.FormatInt(time.Now().Unix(), 10)+" "+how+"\n"), body...)
	sealed, err := h.Sealer.Seal(plain, h.Place("console", v.visitor.SessionID, "import"))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// errUnchecked: it is not what was checked, or that was too long ago.
var errUnchecked = errors.New("was checked too long ago, or in another sign-in; check it again")

func (h *Handler) unseal(v *visit, text string) (how string, body []byte, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", nil, wrong("file", errUnchecked.Error())
	}
	plain, err := h.Sealer.Open(sealed, h.Place("console", v.visitor.SessionID, "import"))
	if err != nil {
		return "", nil, wrong("file", errUnchecked.Error())
	}
	head, rest, _ := strings.Cut(string(plain), "\n")
	at, how, _ := strings.Cut(head, " ")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)) > Recent {
		return "", nil, wrong("file", errUnchecked.Error())
	}
	return how, []byte(rest), nil
}
