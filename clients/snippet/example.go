package snippet

import (
	"encoding/json"
	"slices"
	"strings"

	"signet/clients/detail"
)

// example is a request for one object of each of the types, with all that has to be in it; "" = there are no types.
func (at Server) example(types []string) string {
	var list []map[string]any
	for _, name := range types {
		object := map[string]any{"type": name}
		if at.Details != nil {
			_, t, _ := at.Details(name)
			for _, f := range t.Fields {
				if f.Required {
					put(object, strings.Split(f.Name, "."), value(f))
				}
			}
		}
		list = append(list, object)
	}
	if list == nil {
		return ""
	}
	text, _ := json.Marshal(list) // of texts, numbers and lists of them
	return string(text)
}

// put sets a member of an object in an object.
func put(object map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		in, ok := object[name].(map[string]any)
		if !ok {
			in = map[string]any{}
			object[name] = in
		}
		object = in
	}
	object[path[len(path)-1]] = value
}

// value is one that a field may have.
func value(f detail.Field) any {
	text := "example"
	if i := slices.IndexFunc(f.Values, func(v detail.Value) bool { return v.Value != "" }); i >= 0 {
		text = f.Values[i].Value
	}
	switch f.Kind {
	case detail.KindList:
		return []string{text}
	case detail.KindNumber:
		return 1
	case detail.KindDecimal:
		return "1.00"
	case detail.KindBoolean:
		return true
	}
	return text
}
