package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Document is an API as it describes itself.
type Document struct {
	Servers []struct {
		URL string `json:"url"`
	} `json:"servers"`
	Paths      map[string]map[string]*Operation `json:"paths"`
	Components struct {
		Schemas map[string]*Schema `json:"schemas"`
	} `json:"components"`
	base string // path of the server
}

// Operation is a method of a path.
type Operation struct {
	ID         string      `json:"operationId"`
	Parameters []parameter `json:"parameters"`
	Body       *struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	} `json:"requestBody"`
	Answers map[string]struct {
		Headers map[string]struct {
			Schema *Schema `json:"schema"`
		} `json:"headers"`
		Content map[string]media `json:"content"`
	} `json:"responses"`

	Method, Path string `json:"-"`
	document     *Document
}

type media struct {
	Schema *Schema `json:"schema"`
}

type parameter struct {
	Name     string  `json:"name"`
	In       string  `json:"in"`
	Required bool    `json:"required"`
	Schema   *Schema `json:"schema"`
}

// Parse reads a document, and refuses one that says what is not understood here.
func Parse(raw []byte) (*Document, error) {
	d := &Document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	if len(d.Servers) != 1 {
		return nil, fmt.Errorf("document: there are %d servers, not one", len(d.Servers))
	}
	at, err := url.Parse(d.Servers[0].URL)
	if err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	d.base = at.EscapedPath()
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			op.Method, op.Path, op.document = strings.ToUpper(method), path, d
			if ids[op.ID] {
				return nil, fmt.Errorf("document: there are two operations %s", op.ID)
			}
			ids[op.ID] = true
		}
	}
	return d, d.resolve()
}

// resolve looks that every reference leads to something.
func (d *Document) resolve() error {
	var wrong []error
	d.eachSchema(func(where string, s *Schema) {
		if s == nil {
			wrong = append(wrong, fmt.Errorf("document: %s has no schema", where))
		} else if s.Ref != "" && d.Components.Schemas[strings.TrimPrefix(s.Ref, references)] == nil {
			wrong = append(wrong, fmt.Errorf("document: %s leads to %q, which is not there", where, s.Ref))
		}
	})
	return errors.Join(wrong...)
}

func (d *Document) eachSchema(do func(where string, s *Schema)) {
	var walk func(where string, s *Schema)
	walk = func(where string, s *Schema) {
		do(where, s)
		if s == nil {
			return
		}
		for name, p := range s.Properties {
			walk(where+"/"+name, p)
		}
		if s.Items != nil {
			walk(where+"/items", s.Items)
		}
	}
	for name, s := range d.Components.Schemas {
		walk(name, s)
	}
	for _, op := range d.Operations() {
		for _, p := range op.Parameters {
			walk(op.ID+" "+p.Name, p.Schema)
		}
		if op.Body != nil {
			for kind, m := range op.Body.Content {
				walk(op.ID+" "+kind, m.Schema)
			}
		}
		for status, a := range op.Answers {
			for kind, m := range a.Content {
				walk(op.ID+" "+status+" "+kind, m.Schema)
			}
		}
	}
}

// Operations are all of them, by path and method.
func (d *Document) Operations() (all []*Operation) {
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			all = append(all, d.Paths[path][method])
		}
	}
	return all
}

// Find is the operation of a request, nil where there is none. A path that is written wins over one with a parameter.
func (d *Document) Find(method string, u *url.URL) (found *Operation) {
	path, ours := strings.CutPrefix(u.EscapedPath(), d.base)
	if !ours {
		return nil
	}
	for _, op := range d.Operations() {
		if op.Method == method && op.fits(path) && (found == nil || strings.Count(op.Path, "{") < strings.Count(found.Path, "{")) {
			found = op
		}
	}
	return found
}

func (op *Operation) fits(path string) bool {
	want, got := strings.Split(op.Path, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, part := range want {
		if strings.HasPrefix(part, "{") && got[i] == "" || !strings.HasPrefix(part, "{") && got[i] != part {
			return false
		}
	}
	return true
}

// Exchange is a request and its answer.
type Exchange struct {
	Method string
	URL    *url.URL
	Header http.Header // of the request
	Sent   []byte
	Status int
	Answer http.Header
	Got    []byte
}

// Judge says what of an exchange is not as the document has it: any answer, and a request that was carried out.
func (d *Document) Judge(x Exchange) error {
	op := d.Find(x.Method, x.URL)
	if op == nil {
		if x.Status < http.StatusBadRequest {
			return errors.New("it was answered, and is not in the document")
		}
		return d.problem(x)
	}
	wrong := op.answered(x)
	if x.Status < http.StatusBadRequest {
		if asked := op.asked(x); asked != nil {
			wrong = errors.Join(wrong, fmt.Errorf("it was carried out: %w", asked))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%s: %w", op.ID, wrong)
	}
	return nil
}

// problem judges an error where no operation is.
func (d *Document) problem(x Exchange) error {
	for _, op := range d.Operations() {
		if _, there := op.Answers["default"]; there {
			return op.answered(x)
		}
	}
	return nil
}

func (op *Operation) answered(x Exchange) error {
	said, there := op.Answers[strconv.Itoa(x.Status)]
	if !there {
		if said, there = op.Answers["default"]; !there || x.Status < http.StatusBadRequest {
			return fmt.Errorf("the document does not know the answer %d", x.Status)
		}
	}
	kind, _, _ := strings.Cut(x.Answer.Get("Content-Type"), ";")
	if len(said.Content) == 0 {
		if len(x.Got) > 0 || kind != "" {
			return fmt.Errorf("%d has a body of %q, and none in the document", x.Status, kind)
		}
		return nil
	}
	m, there := said.Content[kind]
	if !there {
		return fmt.Errorf("%d has the content type %q, which is not in the document", x.Status, kind)
	}
	if !strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "ndjson") {
		return nil
	}
	v, err := decode(x.Got)
	if err != nil {
		return fmt.Errorf("%d: %w", x.Status, err)
	}
	if err := op.document.check(m.Schema, v, ""); err != nil {
		return fmt.Errorf("%d: %w", x.Status, err)
	}
	return nil
}

// asked judges a request.
func (op *Operation) asked(x Exchange) error {
	var wrong []error
	known := map[string]bool{}
	for _, p := range op.Parameters {
		var text string
		var there bool
		switch p.In {
		case "query":
			known[p.Name] = true
			text, there = x.URL.Query().Get(p.Name), x.URL.Query().Has(p.Name)
		case "header":
			text, there = x.Header.Get(p.Name), x.Header.Get(p.Name) != ""
		default:
			continue // what fits the path is there
		}
		if !there && p.Required {
			wrong = append(wrong, fmt.Errorf("%s is not there", p.Name))
		} else if there {
			wrong = append(wrong, op.document.check(p.Schema, fromText(p.Schema, text), "/"+p.Name))
		}
	}
	for name := range x.URL.Query() {
		if !known[name] {
			wrong = append(wrong, fmt.Errorf("the query has %q", name))
		}
	}
	if op.Body == nil {
		return errors.Join(wrong...)
	}
	if len(bytes.TrimSpace(x.Sent)) == 0 {
		if op.Body.Required {
			wrong = append(wrong, errors.New("there is no body"))
		}
		return errors.Join(wrong...)
	}
	kind, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	if b, there := op.Body.Content[kind]; there && b.Schema.Format == "binary" {
		return errors.Join(wrong...)
	}
	v, err := decode(x.Sent)
	if err != nil {
		return errors.Join(append(wrong, err)...)
	}
	body, there := op.Body.Content[kind]
	if kind == "" { // then it is what is taken
		body = op.Body.Content[slices.Sorted(maps.Keys(op.Body.Content))[0]]
	} else if !there {
		return errors.Join(append(wrong, fmt.Errorf("the content type %q is not in the document", kind))...)
	}
	return errors.Join(append(wrong, op.document.check(body.Schema, v, ""))...)
}

// fromText is a parameter as JSON would have it.
func fromText(s *Schema, text string) any {
	switch {
	case s.is("integer"), s.is("number"):
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return json.Number(text)
		}
	case s.is("boolean"):
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	}
	return text
}

// decode reads one JSON value.
func decode(raw []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("no JSON: %w", err)
	}
	if d.More() {
		return nil, errors.New("there is more than one JSON value")
	}
	return v, nil
}
