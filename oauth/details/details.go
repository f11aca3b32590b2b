package details

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"signet/clients/detail"
	"signet/internal/typed"
)

// Bounds of what is read.
const (
	MaxBytes = 4 << 10
	maxItems = 16 // objects in the array
	maxDepth = 4  // objects in objects
	maxList  = 32 // texts in a list
)

// One is one of the authorization details.
type One struct {
	Type      string
	Locations []string       // resources that it is for; empty = its type's
	Fields    map[string]any // by their names, see detail.Field: string, []string, json.Number or bool
}

// List is an authorization_details parameter that was read. The zero value is none.
type List []One

// ErrMalformed: it is not an array of objects with a type, or beyond the bounds.
var ErrMalformed = errors.New("malformed authorization details")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// Parse reads an array of objects. A member that is there twice, null, an empty object or list, a list of anything but texts, and whatever
// comes after the array are refused: two readers could take them for different things. "" is none.
func Parse(raw string) (List, error) {
	if raw == "" {
		return nil, nil
	}
	if len(raw) > MaxBytes {
		return nil, malformed("longer than %d bytes", MaxBytes)
	}
	if !utf8.ValidString(raw) {
		return nil, malformed("not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, malformed("not a JSON array")
	}
	var list List
	for d.More() {
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return nil, malformed("item %d is not an object", len(list))
		}
		if len(list) == maxItems {
			return nil, malformed("more than %d objects", maxItems)
		}
		one := One{Fields: map[string]any{}}
		if err := one.members(d, "", 1); err != nil {
			return nil, err
		}
		if err := one.settle(); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	if _, err := d.Token(); err != nil {
		return nil, malformed("the array has no end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("something comes after the array")
	}
	if len(list) == 0 {
		return nil, malformed("the array is empty")
	}
	return list, nil
}

var memberName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// members reads those of an object up to its end. prefix is the object's own name with a dot, "" of the outermost.
func (o *One) members(d *json.Decoder, prefix string, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok:
			return malformed("not JSON")
		case !memberName.MatchString(name):
			return malformed("a name has other characters than letters, digits, _ and -")
		case seen[name]:
			return malformed("%q is there twice", prefix+name)
		}
		seen[name] = true
		if err := o.value(d, prefix+name, depth); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return malformed("not JSON")
	}
	if len(seen) == 0 {
		return malformed("an object is empty")
	}
	return nil
}

func (o *One) value(d *json.Decoder, name string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return malformed("not JSON")
	}
	switch v := t.(type) {
	case string, json.Number, bool:
		o.Fields[name] = v
		return nil
	case json.Delim:
		if v == '{' && depth == maxDepth {
			return malformed("more than %d objects in one another", maxDepth)
		}
		if v == '{' {
			return o.members(d, name+".", depth+1)
		}
		return o.list(d, name)
	}
	return malformed("%q is null", name)
}

func (o *One) list(d *json.Decoder, name string) error {
	var list []string
	for d.More() {
		t, err := d.Token()
		text, ok := t.(string)
		switch {
		case err != nil || !ok:
			return malformed("%q is a list of something else than texts", name)
		case len(list) == maxList:
			return malformed("%q has more than %d texts", name, maxList)
		case slices.Contains(list, text):
			return malformed("%q has the same text twice", name)
		}
		list = append(list, text)
	}
	if _, err := d.Token(); err != nil || len(list) == 0 {
		return malformed("%q is an empty list", name)
	}
	o.Fields[name] = list
	return nil
}

// settle takes type and locations out of the fields.
func (o *One) settle() error {
	var ok bool
	if o.Type, ok = o.Fields["type"].(string); !ok || o.Type == "" {
		return malformed("type is missing, or not a text")
	}
	delete(o.Fields, "type")
	if where, there := o.Fields["locations"]; there {
		if o.Locations, ok = where.([]string); !ok {
			return malformed("locations is not a list of texts")
		}
		delete(o.Fields, "locations")
	}
	return nil
}

// String is the list as JSON, with the members of each object in the order of their names; "" = there are none.
func (l List) String() string {
	if len(l) == 0 {
		return ""
	}
	all := make([]map[string]any, 0, len(l))
	for _, one := range l {
		all = append(all, one.object())
	}
	raw, err := json.Marshal(all)
	if err != nil { // texts, numbers that were read, booleans
		return ""
	}
	return string(raw)
}

// Digest tells lists apart, so that what is allowed is what was shown; "" = there are none.
func (l List) Digest() string {
	if len(l) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(l.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (o One) object() map[string]any {
	object := map[string]any{"type": o.Type}
	if len(o.Locations) > 0 {
		object["locations"] = o.Locations
	}
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		at, parts := object, strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		at[parts[len(parts)-1]] = o.Fields[name]
	}
	return object
}

// plain reports whether a text can be shown to people as it is.
func plain(text string) bool {
	return text != "" && utf8.RuneCountInString(text) <= detail.MaxText && !typed.Hidden(text)
}
