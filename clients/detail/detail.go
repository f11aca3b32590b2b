// Package detail says what types of authorization details are (RFC 9396): what an app may ask for in particular, field by field, and how
// people read it, in their language. An API declares them (clients.Resource); requests are compared with them in oauth/details. Begin with
// Type.
package detail

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"signet/internal/typed"
)

// Type is a type of authorization details that a resource takes (RFC 9396 section 2): what an app may ask for with it, field by
// field, and how people read it. What it does not name is refused.
type Type struct {
	Type   string  `json:"type"`
	Title  Text    `json:"title"` // what the app may do: "Make one payment"
	Fields []Field `json:"fields,omitempty"`
}

// Field is a field of a Type.
type Field struct {
	Name     string `json:"name"`               // in an object its name after the object's: "amount.currency"
	Title    Text   `json:"title"`              // before its value: "Amount"
	Kind     string `json:"kind"`               // one of the kinds below
	Required bool   `json:"required,omitempty"` // a request without it is refused
	// Values that it may have. Empty: whatever its kind allows.
	Values []Value `json:"values,omitempty"`
	// AtMost: a token may have less than what was granted. A list may always have fewer values; anything else stays as it is.
	AtMost bool `json:"at_most,omitempty"`
}

// Value is a value that a field may have, and how people read it; without a title it is shown as it is.
type Value struct {
	Value string `json:"value"`
	Title Text   `json:"title,omitempty"`
}

// Value finds one of the values.
func (f Field) Value(value string) (Value, bool) {
	i := slices.IndexFunc(f.Values, func(v Value) bool { return v.Value == value })
	if i < 0 {
		return Value{}, false
	}
	return f.Values[i], true
}

// Kinds of fields.
const (
	KindText    = "text"
	KindList    = "list"    // of texts
	KindNumber  = "number"  // 12 or 12.5
	KindDecimal = "decimal" // a number in a string, as amounts of money are: "12.50"
	KindBoolean = "boolean"
)

// Bounds of types.
const (
	maxTypes  = 20
	maxFields = 30
	maxValues = 50
	maxDepth  = 4 // of a field's name
	maxTitle  = 80
)

var (
	typeName     = regexp.MustCompile(`^[!#-+\--\[\]-~]{1,128}$`)
	fieldName    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$`)
	reservedName = []string{"type", "locations"} // said by the protocol: locations may always name the resource
)

// Field finds one by its name.
func (t Type) Field(name string) (Field, bool) {
	i := slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return t.Fields[i], true
}

// Validate reports every mistake in the types of a resource.
func Validate(types []Type) (errs []error) {
	if len(types) > maxTypes {
		errs = append(errs, fmt.Errorf("authorization_details: at most %d types", maxTypes))
	}
	for i, t := range types {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("authorization_details: type %q: %w", t.Type, fmt.Errorf(format, args...)))
		}
		if slices.ContainsFunc(types[:i], func(o Type) bool { return o.Type == t.Type }) {
			bad("is there twice")
		}
		if err := t.validate(); err != nil {
			bad("%w", err)
		}
	}
	return errs
}

func (t Type) validate() error {
	var errs []error
	if !typeName.MatchString(t.Type) {
		errs = append(errs, errors.New("a type has 1 to 128 printable ASCII characters without space, quote, comma or backslash"))
	}
	if len(t.Title) == 0 {
		errs = append(errs, errors.New("needs a title: people read it when they are asked"))
	}
	if err := t.Title.Line(maxTitle); err != nil {
		errs = append(errs, fmt.Errorf("title: %w", err))
	}
	if len(t.Fields) > maxFields {
		errs = append(errs, fmt.Errorf("at most %d fields", maxFields))
	}
	for j, f := range t.Fields {
		if err := f.validate(t.Fields[:j]); err != nil {
			errs = append(errs, fmt.Errorf("field %q: %w", f.Name, err))
		}
	}
	return errors.Join(errs...)
}

// ValidateNames reports every mistake in the names of types that an app may ask for.
func ValidateNames(names []string) (errs []error) {
	for _, name := range names {
		if !typeName.MatchString(name) {
			errs = append(errs, fmt.Errorf("authorization_details_types: %q is not the name of a type", name))
		}
	}
	if len(names) > maxTypes {
		errs = append(errs, fmt.Errorf("authorization_details_types: at most %d", maxTypes))
	}
	return errs
}

func (f Field) validate(before []Field) error {
	var errs []error
	first, _, _ := strings.Cut(f.Name, ".")
	switch {
	case !fieldName.MatchString(f.Name):
		errs = append(errs, fmt.Errorf("a name has letters, digits, _ and -, and %d parts between dots at most", maxDepth))
	case slices.Contains(reservedName, first):
		errs = append(errs, errors.New("this name is the protocol's own"))
	}
	for _, o := range before {
		if o.Name == f.Name || strings.HasPrefix(o.Name, f.Name+".") || strings.HasPrefix(f.Name, o.Name+".") {
			errs = append(errs, fmt.Errorf("cannot be beside %q", o.Name))
		}
	}
	if len(f.Title) == 0 {
		errs = append(errs, errors.New("needs a title: people read it before the value"))
	}
	errs = append(errs, f.Title.Line(maxTitle))
	kinds := []string{KindText, KindList, KindNumber, KindDecimal, KindBoolean}
	if !slices.Contains(kinds, f.Kind) {
		errs = append(errs, fmt.Errorf("kind is %q; use %s", f.Kind, strings.Join(kinds, ", ")))
	}
	if len(f.Values) > 0 && f.Kind != KindText && f.Kind != KindList {
		errs = append(errs, errors.New("values are for text and list"))
	}
	if len(f.Values) > maxValues {
		errs = append(errs, fmt.Errorf("at most %d values", maxValues))
	}
	for _, v := range f.Values {
		if v.Value == "" || utf8.RuneCountInString(v.Value) > MaxText || typed.Hidden(v.Value) {
			errs = append(errs, fmt.Errorf("value %q: use 1 to %d characters, none of them invisible", v.Value, MaxText))
		}
		errs = append(errs, v.Title.Line(maxTitle))
	}
	if f.AtMost && f.Kind != KindNumber && f.Kind != KindDecimal {
		errs = append(errs, errors.New("at_most is for number and decimal"))
	}
	return errors.Join(errs...)
}

// MaxText is how long a text in authorization details may be, in characters.
const MaxText = 200
