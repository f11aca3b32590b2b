// Package exact reads JSON that others wrote as every other reader has to read it: members by exactly their names, and none of them twice.
// encoding/json takes "SUB" for sub, and of two members the last. Begin with Unmarshal.
package exact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jose "github.com/go-jose/go-jose/v4/json"
)

// ErrTwice: an object has a member twice.
var ErrTwice = errors.New("a member is there twice")

// Unmarshal is json.Unmarshal that takes members by exactly their names, and refuses an object, however deep, that has one twice.
func Unmarshal(raw []byte, into any) error {
	if name, is := Twice(raw); is {
		return fmt.Errorf("%w: %.100q", ErrTwice, name)
	}
	if !json.Valid(raw) { // which bounds how deep it is, unlike the other
		return errors.New("no JSON, or nested too deeply")
	}
	return jose.Unmarshal(raw, into)
}

// Twice finds a member that an object in a JSON text has twice (RFC 8259 section 4), and says where: one reader takes the first and another
// the last, so what somebody else has checked need not be what is carried out. What is no JSON has none.
func Twice(raw []byte) (location string, is bool) {
	type object struct {
		names map[string]bool // nil: an array
		name  string          // the member in view
		value bool            // its value comes next
	}
	var within []*object
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		var in *object
		if len(within) > 0 {
			in = within[len(within)-1]
		}
		name, isText := token.(string)
		if in != nil && in.names != nil && !in.value && isText {
			if in.names[name] {
				in.name = name
				var path []string
				for _, o := range within {
					if o.names != nil {
						path = append(path, o.name)
					}
				}
				return strings.Join(path, "."), true
			}
			in.names[name], in.name, in.value = true, name, true
			continue
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			within = within[:len(within)-1]
			continue
		}
		if in != nil {
			in.value = false
		}
		switch token {
		case json.Delim('{'):
			within = append(within, &object{names: map[string]bool{}})
		case json.Delim('['):
			within = append(within, &object{})
		}
	}
}
