package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Source decides, the same each time for the same seed: byte by byte of it, then by what is hashed from it.
type Source struct {
	seed, more []byte
	round      uint64
}

// NewSource begins with a seed, as fuzzers make them.
func NewSource(seed []byte) *Source { return &Source{seed: seed, more: seed} }

func (s *Source) next() byte {
	if len(s.more) == 0 {
		s.round++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(s.seed), s.round))
		s.more = sum[:]
	}
	b := s.more[0]
	s.more = s.more[1:]
	return b
}

// Choose is 0 … n-1.
func (s *Source) Choose(n int) int { return (int(s.next())<<8 | int(s.next())) % max(n, 1) }

func (s *Source) once(in int) bool { return s.Choose(in) == 0 }

func pick[T any](s *Source, list []T) T { return list[s.Choose(len(list))] }

// Made is a request for an operation.
type Made struct {
	Path   string // under the server's, with the query
	Header http.Header
	Body   []byte
	Spoilt string // how it is not as the document has it; "" = it is
}

// odd are texts that programs stumble over.
var odd = []string{"", " ", "a", "0", "-1", "null", "*", ".", "..", "../../etc/passwd", "%00", "%2e%2e%2f", "a/b", "a?b#c", `"`, `\`, "'--",
	"<script>alert(1)</script>", "javascript:alert(1)", "https://app.example/cb", "http://169.254.169.254/", "x@example.com", "x@[::1]",
	"a\u0000b", "a\r\nSet-Cookie: x=1", "\u202eevil", "a\u200db", "\ufeffa", "e\u0301", "İıſK", "𝔸𝕕𝕒", "👩‍👩‍👧‍👦", "ﷺ", "\uffff", "{{.}}",
	"${x}", "%s%n",
	"2026-01-02T03:04:05Z", "10m", "true", "ES256", "openid", "signet:people:read", "admin", "data:text/html,x", "urn:x", "[]", "{}"}

// maker makes one request.
type maker struct {
	*Source
	op    *Operation
	known func(name string) string
}

// Make makes a request: as the document has it, or spoilt. Of what a member or a parameter should be, known may have a good example.
func (op *Operation) Make(s *Source, known func(name string) string) Made {
	m := maker{s, op, known}
	spoil := s.once(2)
	for range 8 {
		made := m.request(spoil)
		u, err := url.Parse(op.document.base + made.Path)
		if err != nil {
			continue
		}
		wrong := op.asked(Exchange{Method: op.Method, URL: u, Header: made.Header, Sent: made.Body})
		if wrong == nil {
			made.Spoilt = ""
		} else if made.Spoilt == "" {
			made.Spoilt = "unmeant: " + wrong.Error()
		}
		if (made.Spoilt != "") == spoil && !strings.HasPrefix(made.Spoilt, "unmeant") {
			return made
		}
	}
	return m.request(false)
}

func (m maker) request(spoil bool) Made {
	made := Made{Header: http.Header{}, Path: m.op.Path}
	query := url.Values{}
	for _, p := range m.op.Parameters {
		v := m.value(p.Schema, p.Name, 0)
		text := fmt.Sprint(v)
		switch p.In {
		case "path":
			if text == "" || text == "." || text == ".." {
				text = "x"
			}
			made.Path = strings.ReplaceAll(made.Path, "{"+p.Name+"}", url.PathEscape(text))
		case "query":
			if p.Required || m.once(3) {
				query.Set(p.Name, text)
			}
		case "header":
			if p.Required || !m.once(4) {
				made.Header[http.CanonicalHeaderKey(p.Name)] = []string{headerText(text)}
			}
		}
	}
	if m.op.Body != nil {
		kinds := slices.Sorted(maps.Keys(m.op.Body.Content))
		kind := pick(m.Source, kinds)
		made.Header.Set("Content-Type", kind)
		v := m.value(m.op.Body.Content[kind].Schema, kind, 0)
		made.Body = encode(v)
		if text, is := v.(string); is && m.op.Body.Content[kind].Schema.Format == "binary" {
			made.Body = []byte(text)
		} else if spoil && !m.once(6) {
			made.Spoilt = m.spoilBody(&made, v)
			spoil = false
		}
	}
	if spoil {
		made.Spoilt = m.spoilParameters(query)
	}
	if len(query) > 0 {
		made.Path += "?" + query.Encode()
	}
	return made
}

// headerText is a text that can be in a header.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

func (m maker) spoilParameters(query url.Values) string {
	if len(query) > 0 && m.once(2) {
		name := pick(m.Source, slices.Sorted(maps.Keys(query)))
		query.Set(name, pick(m.Source, []string{"\x00", "-1", strings.Repeat("9", 40), strings.Repeat("a", 600), "1e9", "yesterday"}))
		return "parameter " + name
	}
	query.Set(pick(m.Source, []string{"x", "limit ", "LIMIT", "access_token", "id", "search[]"}), pick(m.Source, odd))
	return "unknown parameter"
}

// spoilBody makes a body that is not as the document has it, or no JSON at all.
func (m maker) spoilBody(made *Made, v any) string {
	switch m.Choose(12) {
	case 0:
		made.Body = made.Body[:m.Choose(len(made.Body))]
		return "cut"
	case 1:
		made.Body = append(slices.Clone(made.Body), pick(m.Source, []string{"{}", "x", "]", "\x00", "null"})...)
		return "more than one value"
	case 2:
		made.Body = []byte(strings.Repeat(pick(m.Source, []string{"[", `{"a":`}), 200+m.Choose(20000)))
		return "deep"
	case 3:
		made.Body = []byte(pick(m.Source, []string{"", " ", "null", "[]", `""`, "7", "true", "{}", "\xff\xfe", "{\"\xff\":1}",
			`{"\ud800":"\udfff"}`, "1e999999999", `{"a":1e400}`, "NaN", "{'a':1}", "\ufeff{}", `{"__proto__":{"a":1}}`}))
		return "another body"
	case 4:
		made.Body = bytes.Replace(made.Body, []byte(`"`), []byte("\""+pick(m.Source, []string{"\xc3", "\\u0000", "\\ud83d", "\t", "\u2028"})), 1)
		return "odd bytes"
	case 5:
		made.Header.Set("Content-Type", pick(m.Source, []string{"text/plain", "application/xml", "multipart/form-data; boundary=x",
			"application/x-www-form-urlencoded", "application/json; charset=utf-16", "json", "*/*", "application/cbor"}))
		return "content type"
	}
	kind := pick(m.Source, ways)
	made.Body = encode(m.spoilt(v, kind))
	return kind
}

var ways = []string{"type", "missing", "another member", "long", "capitals", "null"}

// spoilt changes one place of a value.
func (m maker) spoilt(v any, kind string) any {
	switch v := v.(type) {
	case map[string]any:
		changed := maps.Clone(v)
		names := slices.Sorted(maps.Keys(v))
		if kind == "another member" || len(names) == 0 {
			changed[pick(m.Source, append([]string{"admin", "id", "$schema", "__proto__"}, odd...))] = pick(m.Source, strange())
			return changed
		}
		name := pick(m.Source, names)
		switch kind {
		case "missing":
			delete(changed, name)
		case "capitals":
			changed[strings.ToUpper(name[:1])+name[1:]] = changed[name]
		default:
			changed[name] = m.spoilt(v[name], kind)
		}
		return changed
	case []any:
		if kind == "long" {
			return slices.Repeat([]any{pick(m.Source, strange())}, 1+m.Choose(2000))
		}
		if len(v) > 0 && m.once(2) {
			changed := slices.Clone(v)
			at := m.Choose(len(v))
			changed[at] = m.spoilt(v[at], kind)
			return changed
		}
	case string:
		if kind == "long" {
			return strings.Repeat(pick(m.Source, []string{"a", "ä", "\u0000", "https://"}), 1+m.Choose(30000))
		}
	}
	if kind == "null" {
		return nil
	}
	return pick(m.Source, strange())
}

// strange are values of every type.
func strange() []any {
	return []any{nil, true, json.Number("0"), json.Number("-1"), json.Number("1.5"), json.Number("1e400"),
		json.Number("9223372036854775808"), "", "a", "\u0000", []any{}, []any{nil}, []any{[]any{}},
		map[string]any{}, map[string]any{"": nil}, map[string]any{"a": []any{"b"}}}
}

// value is one as a schema has it.
func (m maker) value(s *Schema, name string, depth int) any {
	s = m.op.document.target(s)
	if len(s.Enum) > 0 {
		return pick(m.Source, s.Enum)
	}
	kind := "any"
	if len(s.Type) > 0 {
		kind = pick(m.Source, s.Type)
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return m.once(2)
	case "integer", "number":
		return m.number(s)
	case "string":
		return m.text(s, name)
	case "array":
		list := []any{}
		for range min(m.Choose(4), most(s.MaxItems)) {
			list = append(list, m.value(s.Items, name, depth+1))
		}
		return list
	case "object":
		return m.object(s, depth)
	}
	return pick(m.Source, strange())
}

func (m maker) object(s *Schema, depth int) any {
	all := map[string]any{}
	few := m.once(2) // some are only checked where others are left alone
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) || depth < 4 && (!few && m.once(3) || few && (m.known(name) != "" && m.once(2) || m.once(200))) {
			all[name] = m.value(s.Properties[name], name, depth+1)
		}
	}
	if !s.Additional.forbidden && len(s.Properties) == 0 {
		for range m.Choose(3) {
			name := pick(m.Source, odd)
			if s.Additional.schema != nil {
				all[name] = m.value(s.Additional.schema, name, depth+1)
			} else {
				all[name] = pick(m.Source, strange())
			}
		}
	}
	return all
}

func (m maker) number(s *Schema) any {
	least, most := int64(-1<<53), int64(1<<53)
	if s.Minimum != nil {
		least, _ = s.Minimum.Int64()
	}
	if s.Maximum != nil {
		most, _ = s.Maximum.Int64()
	}
	n := pick(m.Source, []int64{least, most, 0, 1, -1, 60, 1 << 31, 1<<32 + 1, 3600})
	return json.Number(strconv.FormatInt(min(max(n, least), most), 10))
}

func (m maker) text(s *Schema, name string) string {
	switch s.Format {
	case "date-time":
		return pick(m.Source, []string{"2026-01-02T03:04:05Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
			"1969-07-20T20:17:40+14:00"})
	case "uri":
		return "https://app.example/" + pick(m.Source, []string{"", "cb", "%00", "a?b=c"})
	}
	text := m.known(name)
	if text == "" || m.once(8) {
		text = pick(m.Source, odd)
	}
	if m.once(12) {
		text = strings.Repeat(pick(m.Source, []string{"a", "ä", "𝔸"}), min(most(s.MaxLength), 3000))
	}
	for s.MinLength != nil && utf8.RuneCountInString(text) < *s.MinLength {
		text += "x"
	}
	if r := []rune(text); len(r) > most(s.MaxLength) {
		text = string(r[:*s.MaxLength])
	}
	return text
}

func most(limit *int) int {
	if limit == nil {
		return 1 << 20
	}
	return *limit
}

func encode(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("internal/openapi: %v", err)) // of values made here
	}
	return bytes.TrimSpace(out.Bytes())
}
