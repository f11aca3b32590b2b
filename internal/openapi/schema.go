package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const references = "#/components/schemas/"

// Schema is what a value has to be.
type Schema struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Type        kinds              `json:"type"`
	Format      string             `json:"format"`
	Media       string             `json:"contentMediaType"` // of text that is no JSON
	Enum        []any              `json:"enum"`
	Default     any                `json:"default"`
	Properties  map[string]*Schema `json:"properties"`
	Required    []string           `json:"required"`
	Additional  additional         `json:"additionalProperties"`
	Items       *Schema            `json:"items"`
	MinLength   *int               `json:"minLength"`
	MaxLength   *int               `json:"maxLength"`
	MinItems    *int               `json:"minItems"`
	MaxItems    *int               `json:"maxItems"`
	Minimum     *json.Number       `json:"minimum"`
	Maximum     *json.Number       `json:"maximum"`
}

// kinds is one type or several.
type kinds []string

// UnmarshalJSON takes both forms.
func (k *kinds) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*k = kinds{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(k))
}

// additional says whether an object may have other members, and what they have to be.
type additional struct {
	forbidden bool
	schema    *Schema
}

// UnmarshalJSON takes a truth or a schema.
func (a *additional) UnmarshalJSON(raw []byte) error {
	var allowed bool
	if json.Unmarshal(raw, &allowed) == nil {
		a.forbidden = !allowed
		return nil
	}
	return json.Unmarshal(raw, &a.schema)
}

// formats are those that are understood.
var formats = []string{"", "date-time", "uri", "uri-reference", "int32", "int64", "double", "binary"}

// UnmarshalJSON refuses what is not understood.
func (s *Schema) UnmarshalJSON(raw []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	type plain Schema
	for f := range reflect.TypeFor[plain]().Fields() {
		delete(all, f.Tag.Get("json"))
	}
	for name := range all {
		return fmt.Errorf("the keyword %q is not understood", name)
	}
	if err := json.Unmarshal(raw, (*plain)(s)); err != nil {
		return err
	}
	if !slices.Contains(formats, s.Format) {
		return fmt.Errorf("the format %q is not understood", s.Format)
	}
	return nil
}

func (s *Schema) is(kind string) bool { return slices.Contains(s.Type, kind) }

// target follows a reference.
func (d *Document) target(s *Schema) *Schema {
	for s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, references)]
	}
	return s
}

// check says what of a value is not as a schema has it. It never tells the value.
func (d *Document) check(s *Schema, v any, at string) error {
	s = d.target(s)
	if len(s.Type) > 0 && !s.is(kindOf(v)) && (!s.is("number") || kindOf(v) != "integer") {
		return fmt.Errorf("%q is of the type %s, not %s", at, kindOf(v), strings.Join(s.Type, " or "))
	}
	if plain := kindOf(v) != "array" && kindOf(v) != "object"; len(s.Enum) > 0 && (!plain || !slices.Contains(s.Enum, v)) {
		return fmt.Errorf("%q is not one of %v", at, s.Enum)
	}
	switch v := v.(type) {
	case string:
		return s.checkText(v, at)
	case json.Number:
		return s.checkNumber(v, at)
	case []any:
		wrong := []error{bounded(len(v), s.MinItems, s.MaxItems, at)}
		for i, item := range v {
			if s.Items != nil {
				wrong = append(wrong, d.check(s.Items, item, fmt.Sprintf("%s/%d", at, i)))
			}
		}
		return errors.Join(wrong...)
	case map[string]any:
		return d.checkObject(s, v, at)
	}
	return nil
}

func (d *Document) checkObject(s *Schema, v map[string]any, at string) error {
	var wrong []error
	for _, name := range s.Required {
		if _, there := v[name]; !there {
			wrong = append(wrong, fmt.Errorf("%q has no %s", at, name))
		}
	}
	for name, member := range v {
		own := s.Properties[name]
		switch {
		case own != nil:
		case s.Additional.schema != nil:
			own = s.Additional.schema
		case s.Additional.forbidden:
			wrong = append(wrong, fmt.Errorf("%q has %s, which is not in the document", at, name))
		}
		if own != nil {
			wrong = append(wrong, d.check(own, member, at+"/"+name))
		}
	}
	return errors.Join(wrong...)
}

func (s *Schema) checkText(v, at string) error {
	if err := bounded(utf8.RuneCountInString(v), s.MinLength, s.MaxLength, at); err != nil {
		return err
	}
	var err error
	switch s.Format {
	case "date-time":
		_, err = time.Parse(time.RFC3339Nano, v)
	case "uri":
		var u *url.URL
		if u, err = url.Parse(v); err == nil && !u.IsAbs() {
			err = errors.New("it is relative")
		}
	case "uri-reference":
		_, err = url.Parse(v)
	}
	if err != nil {
		return fmt.Errorf("%q is no %s", at, s.Format)
	}
	return nil
}

func (s *Schema) checkNumber(v json.Number, at string) error {
	value, ok := new(big.Rat).SetString(v.String())
	if !ok {
		return fmt.Errorf("%q is no number", at)
	}
	for _, bound := range []struct {
		limit *json.Number
		wrong int
	}{{s.Minimum, -1}, {s.Maximum, 1}} {
		if bound.limit == nil {
			continue
		}
		if limit, ok := new(big.Rat).SetString(bound.limit.String()); ok && value.Cmp(limit) == bound.wrong {
			return fmt.Errorf("%q is beyond %s", at, bound.limit)
		}
	}
	return nil
}

func bounded(n int, least, most *int, at string) error {
	if least != nil && n < *least || most != nil && n > *most {
		return fmt.Errorf("%q is too short or too long: %d", at, n)
	}
	return nil
}

// kindOf is the type of a value in JSON Schema.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if r, ok := new(big.Rat).SetString(v.String()); ok && r.IsInt() {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
