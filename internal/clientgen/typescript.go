package clientgen

import (
	"fmt"
	"slices"
	"strings"
)

func tsType(s Shape) string {
	switch s.Kind {
	case "text", "time":
		return "string"
	case "whole":
		return "number"
	case "truth":
		return "boolean"
	case "map":
		return "Record<string, unknown>"
	case "any":
		return "unknown"
	case "list":
		return tsType(*s.Item) + "[]"
	}
	return s.Name
}

// TypeScript is the client in TypeScript: types that disappear, and a class that asks by fetch.
func (d *Document) TypeScript() string {
	var b strings.Builder
	b.WriteString("// Code generated from the document of the API by internal/clientgen. DO NOT EDIT.\n" +
		"import { type Ask, Caller, type Sending, path } from './admin-caller.js'\n")
	for _, t := range d.Types {
		if t.Name == "Problem" {
			continue
		}
		fmt.Fprintf(&b, "\nexport interface %s {\n", t.Name)
		for _, f := range t.Fields {
			if f.Doc != "" {
				fmt.Fprintf(&b, "  /** %s */\n", f.Doc)
			}
			optional, null := "", ""
			if !f.Required {
				optional = "?"
			}
			if f.Of.Kind == "list" {
				null = " | null"
			}
			fmt.Fprintf(&b, "  %s%s: %s%s\n", f.Name, optional, tsType(f.Of), null)
		}
		b.WriteString("}\n")
	}
	b.WriteString("\n/** A method for each operation of the API of administrators. */\nexport class Admin extends Caller {\n")
	for i, op := range d.Operations {
		if i > 0 {
			b.WriteString("\n")
		}
		tsOperation(&b, op)
	}
	b.WriteString("}\n")
	return b.String()
}

func tsOperation(b *strings.Builder, op Operation) {
	var in []string
	for _, p := range op.In {
		in = append(in, p+": string")
	}
	sent := []string{"'" + op.Method + "'", fmt.Sprintf("path('%s'%s)", op.Path, strings.Join(prefixed(", ", op.In), ""))}
	var more []string
	if op.Match {
		in, more = append(in, "match: string"), append(more, "match")
	}
	switch {
	case op.Merge:
		in, more = append(in, "patch: Record<string, unknown>"), append(more, "body: patch", "merge: true")
	case op.Lines:
		in, more = append(in, "lines: string"), append(more, "lines")
	case op.Body != nil:
		in, more = append(in, "body: "+tsType(*op.Body)), append(more, "body")
	}
	if len(op.Query) > 0 {
		var fields []string
		for _, f := range op.Query {
			fields = append(fields, f.Name+"?: "+tsType(f.Of))
		}
		in, more = append(in, "query: {\n      "+strings.Join(fields, "\n      ")+"\n    } = {}"), append(more, "query")
	}
	kind := "Ask"
	if op.Key {
		kind = "Sending"
	}
	in, more = append(in, "ask: "+kind+" = {}"), append(more, "...ask")
	answer, call := "void", "none"
	switch {
	case op.Text:
		answer, call = "string", "text"
	case op.Tagged:
		answer, call = "{ value: "+tsType(*op.Answer)+"; etag: string }", "tagged"
	case op.Answer != nil:
		answer, call = tsType(*op.Answer), "value"
	}
	fmt.Fprintf(b, "  /** %s: %s %s. */\n", op.Doc, op.Method, op.Path)
	fmt.Fprintf(b, "  async %s(%s): Promise<%s> {\n    return this.%s(%s, { %s })\n  }\n", op.ID, strings.Join(in, ",\n    "), answer, call,
		strings.Join(sent, ", "), strings.Join(more, ", "))
}

func prefixed(prefix string, names []string) []string {
	all := slices.Clone(names)
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}
