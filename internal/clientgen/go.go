package clientgen

import (
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// initials are words that Go writes in capitals.
var initials = strings.Fields("id uri uris url api jwks acr amr kid iss mcp dpop pkce jwt san dns ip dn tls")

// goName is a name as Go exports it.
func goName(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		low := strings.ToLower(w)
		switch {
		case low == "uris":
			b.WriteString("URIs")
		case slices.Contains(initials, low):
			b.WriteString(strings.ToUpper(w))
		default:
			b.WriteString(strings.ToUpper(w[:1]) + w[1:])
		}
	}
	return b.String()
}

// page reports whether a type is a part of a list, and of what.
func (d *Document) page(name string) (item *Shape) {
	if !strings.HasPrefix(name, "Page") {
		return nil
	}
	for _, t := range d.Types {
		if t.Name == name && len(t.Fields) == 2 && t.Fields[0].Name == "items" {
			return t.Fields[0].Of.Item
		}
	}
	return nil
}

func (d *Document) goType(s Shape) string {
	switch s.Kind {
	case "text":
		return "string"
	case "time":
		return "time.Time"
	case "whole":
		return "int64"
	case "truth":
		return "bool"
	case "map":
		return "map[string]any"
	case "any":
		return "any"
	case "list":
		return "[]" + d.goType(*s.Item)
	}
	if item := d.page(s.Name); item != nil {
		return "Page[" + d.goType(*item) + "]"
	}
	return goName(s.Name)
}

const header = "// Code generated from the document of the API by internal/clientgen. DO NOT EDIT.\n\npackage adminclient\n\n"

// Go is the client in Go: the types, and the operations.
func (d *Document) Go() (types, operations string, err error) {
	var b strings.Builder
	b.WriteString(header + "import \"time\"\n")
	for _, t := range d.Types {
		if d.page(t.Name) != nil || t.Name == "Problem" {
			continue
		}
		fmt.Fprintf(&b, "\n// %s is an object of the API.\ntype %s struct {\n", goName(t.Name), goName(t.Name))
		for _, f := range t.Fields {
			typ, tag := d.goType(f.Of), f.Name
			if !f.Required {
				tag += ",omitzero"
				if f.Of.Kind == "truth" || f.Of.Kind == "whole" || f.Of.Kind == "type" {
					typ = "*" + typ
				}
			}
			fmt.Fprintf(&b, "\t%s %s `json:%q`", goName(f.Name), typ, tag)
			if f.Doc != "" {
				b.WriteString(" // " + f.Doc)
			}
			b.WriteString("\n")
		}
		b.WriteString("}\n")
	}
	if types, err = formatted(b.String()); err != nil {
		return "", "", err
	}
	b.Reset()
	b.WriteString(header + "import (\n\t\"context\"\n\t\"net/http\"\n\t\"time\"\n)\n")
	for _, op := range d.Operations {
		d.goOperation(&b, op)
	}
	operations, err = formatted(b.String())
	return types, operations, err
}

func formatted(code string) (string, error) {
	out, err := format.Source([]byte(code))
	if err != nil {
		return "", fmt.Errorf("what was made is no Go: %w\n%s", err, code)
	}
	return string(out), nil
}

// paging are the parameters that every list has.
func paging(q []Field) bool { return len(q) == 2 && q[0].Name == "limit" && q[1].Name == "after" }

func (d *Document) goOperation(b *strings.Builder, op Operation) {
	name := goName(op.ID)
	query := ""
	switch {
	case paging(op.Query):
		query = "Paging"
	case len(op.Query) > 0:
		query = name + "Query"
		fmt.Fprintf(b, "\n// %s says what %s asks for; what is zero is left out.\ntype %s struct {\n", query, name, query)
		for _, f := range op.Query {
			fmt.Fprintf(b, "\t%s %s `query:%q`", goName(f.Name), d.goType(f.Of), f.Name)
			if f.Doc != "" {
				b.WriteString(" // " + f.Doc)
			}
			b.WriteString("\n")
		}
		b.WriteString("}\n")
	}
	in, sent := []string{"ctx context.Context"}, []string{}
	for _, p := range op.In {
		in = append(in, p+" string")
		sent = append(sent, p)
	}
	r := fmt.Sprintf("request{method: http.Method%s, path: path(%q", strings.ToUpper(op.Method[:1])+strings.ToLower(op.Method[1:]), op.Path)
	for _, p := range sent {
		r += ", " + p
	}
	r += ")"
	if query != "" {
		in, r = append(in, "q "+query), r+", query: q"
	}
	if op.Match {
		in, r = append(in, "match ETag"), r+", match: match"
	}
	switch {
	case op.Merge:
		in, r = append(in, "patch any"), r+", body: patch, merge: true"
	case op.Lines:
		in, r = append(in, "lines []byte"), r+", lines: lines"
	case op.Body != nil:
		in, r = append(in, "body "+d.goType(*op.Body)), r+", body: body"
	}
	if op.Key {
		in, r = append(in, "repeat ...RepeatKey"), r+", keys: repeat"
	}
	r += "}"
	if len(r) > 110 { // with what is around it, more than a line has
		r = strings.Replace(r, "), ", "),\n\t\t", 1)
	}
	fmt.Fprintf(b, "\n// %s: %s.\n// %s %s\n", name, op.Doc, op.Method, op.Path)
	head := "func (a *Admin) " + name + "(" + strings.Join(in, ", ") + ") "
	switch {
	case op.Text:
		fmt.Fprintf(b, "%s(text string, err error) {\n\t_, err = a.do(ctx, %s, &text)\n\treturn text, err\n}\n", head, r)
	case op.Answer == nil:
		fmt.Fprintf(b, "%serror {\n\t_, err := a.do(ctx, %s, nil)\n\treturn err\n}\n", head, r)
	case op.Tagged:
		fmt.Fprintf(b, "%s(out %s, tag ETag, err error) {\n\ttag, err = a.do(ctx, %s, &out)\n\treturn out, tag, err\n}\n", head,
			d.goType(*op.Answer), r)
	default:
		fmt.Fprintf(b, "%s(out %s, err error) {\n\t_, err = a.do(ctx, %s, &out)\n\treturn out, err\n}\n", head, d.goType(*op.Answer), r)
	}
}
