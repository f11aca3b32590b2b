// Package clientgen makes clients of the API of administrators from its document: types and a method for each operation, in Go and in
// TypeScript, for the modules of the kit. What is made is committed, and a test compares it with the document. Begin with Read.
package clientgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Document is what clients are made of.
type Document struct {
	Types      []Type // by name
	Operations []Operation
	shapes     map[string]string // names of what the document describes in place
}

// Type is an object.
type Type struct {
	Name   string
	Fields []Field
}

// Field is a member of one.
type Field struct {
	Name, Doc string
	Required  bool
	Of        Shape
}

// Shape is what a value is: text, time, whole, truth, map, any, list (of Item) or one of the types (Name).
type Shape struct {
	Kind, Name string
	Item       *Shape
}

// Operation is a method of the client.
type Operation struct {
	ID, Doc, Method, Path string
	In                    []string // names in the path, in order
	Query                 []Field
	Match, Key            bool // takes If-Match; an Idempotency-Key
	Merge                 bool // its body is a merge patch
	Lines                 bool // its body is JSON lines
	Body, Answer          *Shape
	Text                  bool // the answer is text
	Tagged                bool // the answer is one thing, and has an ETag
}

type schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Type        any                `json:"type"`
	Format      string             `json:"format"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
}

type content map[string]struct {
	Schema *schema `json:"schema"`
}

type operation struct {
	ID         string `json:"operationId"`
	Summary    string `json:"summary"`
	Parameters []struct {
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Description string  `json:"description"`
		Schema      *schema `json:"schema"`
	} `json:"parameters"`
	Body *struct {
		Content content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content content `json:"content"`
	} `json:"responses"`
}

// inPlace are the types that the document describes where they are used, by a member that no other has.
var inPlace = map[string]string{"redirect_uris": "Client", "introspected_by": "Resource", "authoritative_for": "UpstreamBody",
	"reply_to": "SectionBody"}

// Read reads a document.
func Read(raw []byte) (*Document, error) {
	var all struct {
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemas map[string]*schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	d := &Document{shapes: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(all.Components.Schemas)) {
		if err := d.add(name, all.Components.Schemas[name]); err != nil {
			return nil, err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(all.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(all.Paths[path])) {
			op, err := d.operation(strings.ToUpper(method), path, all.Paths[path][method])
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			d.Operations = append(d.Operations, op)
		}
	}
	slices.SortFunc(d.Types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}

// add makes a type of an object.
func (d *Document) add(name string, s *schema) error {
	t := Type{Name: name}
	for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[member]
		of, err := d.shape(p)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", name, member, err)
		}
		t.Fields = append(t.Fields, Field{Name: member, Doc: p.Description, Required: slices.Contains(s.Required, member), Of: of})
	}
	d.Types = append(d.Types, t)
	return nil
}

func (d *Document) shape(s *schema) (Shape, error) {
	if s.Ref != "" {
		return Shape{Kind: "type", Name: s.Ref[strings.LastIndex(s.Ref, "/")+1:]}, nil
	}
	switch kind := kindOf(s.Type); kind {
	case "":
		return Shape{Kind: "any"}, nil
	case "string":
		if s.Format == "date-time" {
			return Shape{Kind: "time"}, nil
		}
		return Shape{Kind: "text"}, nil
	case "integer":
		return Shape{Kind: "whole"}, nil
	case "boolean":
		return Shape{Kind: "truth"}, nil
	case "array":
		item, err := d.shape(s.Items)
		return Shape{Kind: "list", Item: &item}, err
	case "object":
		return d.object(s)
	default:
		return Shape{}, fmt.Errorf("what is a %s?", kind)
	}
}

// object finds the type of one that is described in place, or says that it may have any members.
func (d *Document) object(s *schema) (Shape, error) {
	if len(s.Properties) == 0 {
		return Shape{Kind: "map"}, nil
	}
	for member, name := range inPlace {
		if s.Properties[member] == nil {
			continue
		}
		raw, err := json.Marshal(s.Properties)
		if err != nil {
			return Shape{}, err
		}
		if before, known := d.shapes[name]; known && before != string(raw) {
			name += "Body" // what is sent may be said a little differently
			if before, known = d.shapes[name]; known && before != string(raw) {
				return Shape{}, errors.New(name + " is described in several ways")
			}
		}
		if _, known := d.shapes[name]; !known {
			d.shapes[name] = string(raw)
			if err := d.add(name, s); err != nil {
				return Shape{}, err
			}
		}
		return Shape{Kind: "type", Name: name}, nil
	}
	return Shape{}, errors.New("an object in place that has no name")
}

// kindOf is a type, null aside.
func kindOf(t any) string {
	switch t := t.(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, _ := one.(string); name != "null" {
				return name
			}
		}
	}
	return ""
}

func (d *Document) operation(method, path string, o operation) (op Operation, err error) {
	op = Operation{ID: o.ID, Doc: o.Summary, Method: method, Path: path}
	for _, p := range o.Parameters {
		switch {
		case p.In == "path":
		case p.Name == "If-Match":
			op.Match = true
		case p.Name == "Idempotency-Key":
			op.Key = true
		case p.In == "query":
			of, err := d.shape(p.Schema)
			if err != nil {
				return op, err
			}
			op.Query = append(op.Query, Field{Name: p.Name, Doc: p.Description, Of: of})
		default:
			return op, errors.New("what is the header " + p.Name + "?")
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.In = append(op.In, strings.TrimSuffix(name, "}"))
		}
	}
	if o.Body != nil {
		if _, op.Lines = o.Body.Content["application/jsonl"]; op.Lines {
		} else if _, op.Merge = o.Body.Content["application/merge-patch+json"]; !op.Merge {
			of, err := d.shape(o.Body.Content["application/json"].Schema)
			if err != nil {
				return op, err
			}
			op.Body = &of
		}
	}
	for status, answer := range o.Responses {
		if status == "default" {
			continue
		}
		if media, ok := answer.Content["application/json"]; ok {
			of, err := d.shape(media.Schema)
			if err != nil {
				return op, err
			}
			op.Answer = &of
		} else if len(answer.Content) > 0 {
			op.Text = true
		}
	}
	op.Tagged = op.Answer != nil && len(op.In) > 0 && method != http.MethodPost && !strings.HasPrefix(op.Answer.Name, "Page")
	return op, nil
}

// words are the parts of a name, whatever the way it is written.
func words(name string) (all []string) {
	for part := range strings.FieldsFuncSeq(name, func(c rune) bool { return c == '_' || c == '-' || c == ':' || c == '/' }) {
		begin := 0
		for i, c := range part {
			if i > 0 && c >= 'A' && c <= 'Z' {
				all, begin = append(all, part[begin:i]), i
			}
		}
		all = append(all, part[begin:])
	}
	return all
}
