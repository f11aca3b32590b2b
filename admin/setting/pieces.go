package setting

import (
	"encoding/xml"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// mostPieces is how many elements a browser may have to draw for a logo, those that it draws again by a reference among them. Of
// twelve groups, each of which refers ten times to the one before, the last is a hundred thousand million.
const mostPieces = 10_000

var errPieces = errors.New("draws too much by references (href, url)")

// pieces are the elements of a file by what they draw. "" is the whole file.
type pieces struct {
	of   map[string]*piece
	open []string // ids of those that are not at their ends; "" but for the first: has none
}

type piece struct {
	size    int // elements within
	refs    []string
	counted int // with what is referred to; 0 = not yet
	inside  bool
}

func newPieces() *pieces { return &pieces{of: map[string]*piece{"": {}}} }

var reference = regexp.MustCompile(`(?i)url\(\s*['"]?\s*#([^'")]*)`)

// enter counts an element and what it refers to for all that it is within, and for itself.
func (p *pieces) enter(e xml.StartElement) {
	id, refs := "", []string(nil)
	for _, a := range e.Attr {
		switch name := strings.ToLower(a.Name.Local); name {
		case "id":
			id = a.Value
		case "href":
			refs = append(refs, fragment(strings.TrimPrefix(strings.TrimSpace(a.Value), "#")))
		default:
			refs = append(refs, referred(a.Value)...)
		}
	}
	if id != "" && p.of[id] == nil {
		p.of[id] = &piece{}
	}
	p.open = append(p.open, id)
	for _, one := range append([]string{""}, distinct(p.open)...) {
		if e.Name.Local != "stop" {
			p.of[one].size++
		}
		p.of[one].refs = append(p.of[one].refs, refs...)
	}
}

func (p *pieces) leave() { p.open = p.open[:len(p.open)-1] }

// check reports a file that draws too much. What a style sheet refers to may be drawn for each element, but never within itself.
func (p *pieces) check(styles string) error {
	total := p.count("")
	for _, ref := range distinct(referred(styles)) {
		if p.of[ref] != nil && total <= mostPieces {
			total *= max(1, p.count(ref)-1)
		}
	}
	if total > mostPieces {
		return errPieces
	}
	return nil
}

// count is how many elements are drawn for a piece; more than mostPieces is too many, however many.
func (p *pieces) count(id string) int {
	one := p.of[id]
	if one == nil {
		return 0
	}
	if one.inside {
		return mostPieces + 1 // it refers to itself
	}
	if one.counted > 0 {
		return one.counted
	}
	one.inside = true
	total := one.size
	for _, ref := range one.refs {
		if total += p.count(ref); total > mostPieces {
			break
		}
	}
	one.inside, one.counted = false, max(1, min(total, mostPieces+1))
	return one.counted
}

func referred(text string) (ids []string) {
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		ids = append(ids, fragment(strings.TrimSpace(found[1])))
	}
	return ids
}

// fragment is the id that a browser looks for, which may be written with percent signs.
func fragment(text string) string {
	if id, err := url.PathUnescape(text); err == nil {
		return id
	}
	return text
}

// distinct are the texts of a list that are not empty, each once.
func distinct(list []string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(one string) bool { return one == "" })
	slices.Sort(list)
	return slices.Compact(list)
}
