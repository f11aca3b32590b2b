package thing

import (
	"bytes"
	"encoding/json"
	"strings"
)

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
