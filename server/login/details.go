package login

import (
	"cmp"
	"encoding/json"

	"signet/clients"
	"signet/clients/detail"
	"signet/oauth/details"
	"signet/server/pages"
)

// Details are authorization details as people read them, field by field in the order in which the resource declares them (RFC 9396 section
// 11.2): never as an app wrote them.
func Details(list details.List, known *clients.Resources) (lines []pages.DetailsLine) {
	for _, one := range list {
		owner, kind, ok := known.DetailsOwner(one.Type)
		if !ok {
			continue // it would have been refused
		}
		line := pages.DetailsLine{Title: kind.Title, Owner: cmp.Or(owner.Name, owner.Identifier)}
		for _, f := range kind.Fields {
			value, there := one.Fields[f.Name]
			if !there {
				continue
			}
			line.Rows = append(line.Rows, pages.DetailsRow{Title: f.Title, Values: valuesOf(f, value)})
		}
		lines = append(lines, line)
	}
	return lines
}

func valuesOf(f detail.Field, value any) (values []pages.DetailsValue) {
	text := func(s string) pages.DetailsValue {
		v, _ := f.Value(s)
		return pages.DetailsValue{Text: s, Title: v.Title}
	}
	switch v := value.(type) {
	case string:
		return []pages.DetailsValue{text(v)}
	case json.Number:
		return []pages.DetailsValue{{Text: string(v)}}
	case bool:
		return []pages.DetailsValue{{Yes: v, No: !v}}
	case []string:
		for _, s := range v {
			values = append(values, text(s))
		}
	}
	return values
}
