package mcp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The codes of errors: those of JSON-RPC 2.0, and two of the protocol.
const (
	parseError      = -32700
	invalidRequest  = -32600
	methodNotFound  = -32601
	badParams       = -32602
	headerMismatch  = -32020
	unknownRevision = -32022
)

// The members of _meta that each request has since revision 2026-07-28, and each result.
const (
	metaRevision = "io.modelcontextprotocol/protocolVersion"
	metaCan      = "io.modelcontextprotocol/clientCapabilities"
	metaServer   = "io.modelcontextprotocol/serverInfo"
)

// message is one that a client sent.
type message struct {
	id     json.RawMessage // nil: a notification
	method string
	params map[string]json.RawMessage
	meta   map[string]json.RawMessage // of params
}

// failure is an error that a client is told of.
type failure struct {
	status  int // of HTTP
	code    int
	message string
	data    any
	barred  bool // see Answer.Barred
}

// answer: what was read as a message of a revision with initialize is answered with 200, whatever became of it.
func (f *failure) answer(id json.RawMessage, byStatus bool) Answer {
	said := object{"code": f.code, "message": f.message}
	if f.data != nil {
		said["data"] = f.data
	}
	status := f.status
	if !byStatus && (f.code == methodNotFound || f.code == badParams) {
		status = http.StatusOK
	}
	return written(status, id, "error", said)
}

func written(status int, id json.RawMessage, what string, v object) Answer {
	m := object{"jsonrpc": "2.0", what: v}
	if id != nil {
		m["id"] = id
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic("internal/mcp: an answer is no JSON: " + err.Error()) // it is made of texts and an id that was read as JSON
	}
	return Answer{Status: status, Body: raw}
}

func invalidParams(why string) *failure {
	return &failure{status: http.StatusBadRequest, code: badParams, message: "Invalid params: " + why}
}

func invalid(why string) *failure {
	return &failure{status: http.StatusBadRequest, code: invalidRequest, message: "Invalid request: " + why}
}

// media looks at what is sent, and what may come back.
func media(h http.Header) *failure {
	if sent, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || sent != "application/json" {
		return &failure{status: http.StatusUnsupportedMediaType, code: invalidRequest, message: "Send application/json"}
	}
	accepts := h.Values("Accept")
	for one := range strings.SplitSeq(strings.Join(accepts, ","), ",") {
		kind, _, _ := strings.Cut(one, ";")
		if slices.Contains([]string{"application/json", "application/*", "*/*"}, strings.ToLower(strings.TrimSpace(kind))) {
			return nil
		}
	}
	if len(accepts) == 0 {
		return nil
	}
	return &failure{status: http.StatusNotAcceptable, code: invalidRequest, message: "Accept application/json"}
}

// anID is a whole number, or a text: neither null nor a fraction, which two programs may write in two ways.
var anID = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`)

// longestID is how many bytes of an id come back.
const longestID = 256

// read reads one message. Members have exactly their names, each once: what one program on the way reads, another one reads, too. The
// message has its id as soon as there is one, also with a failure.
func read(body []byte) (m message, f *failure) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return m, &failure{status: http.StatusBadRequest, code: parseError, message: "Parse error: this is no JSON"}
	}
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		return m, invalid("several messages in one request are in no revision since " + oldest)
	}
	all, err := members(body)
	if err != nil {
		return m, invalid(err.Error())
	}
	if id, there := all["id"]; there {
		if _, isText := text(id); len(id) > longestID || !isText && !anID.Match(id) {
			return m, invalid("id must be a text or a whole number")
		}
		m.id = id
	}
	if v, _ := text(all["jsonrpc"]); v != "2.0" {
		return m, invalid("jsonrpc must be 2.0")
	}
	var ok bool
	if m.method, ok = text(all["method"]); !ok || m.method == "" {
		return m, invalid("method is missing; answers are to nothing that was asked here")
	}
	if raw, there := all["params"]; there {
		if m.params, err = members(raw); err != nil {
			return m, invalid("params: " + err.Error())
		}
	}
	if raw, there := m.params["_meta"]; there {
		if m.meta, err = members(raw); err != nil {
			return m, invalid("_meta: " + err.Error())
		}
	}
	return m, nil
}

// revision finds which one a message is of. Where headers repeat what the body has, so that those on the way can go by them, both say the
// same.
func (m message) revision(h http.Header) (string, *failure) {
	mismatch := func(what string) *failure {
		return &failure{status: http.StatusBadRequest, code: headerMismatch, message: "Header mismatch: " + what}
	}
	sent := h.Values("Mcp-Protocol-Version")
	if len(sent) > 1 {
		return modern, mismatch("MCP-Protocol-Version is there more than once")
	}
	said, inBody := text(m.meta[metaRevision])
	if len(sent) == 0 {
		if inBody {
			return modern, mismatch("MCP-Protocol-Version is missing")
		}
		return oldest, nil // a program that is not careful; what it sends means the same in all of them
	}
	speaks := sent[0]
	if m.method == "initialize" && speaks < modern && !inBody {
		return greeting, nil // what it asks for in the body counts
	}
	if !slices.Contains(revisions(), speaks) {
		return modern, &failure{status: http.StatusBadRequest, code: unknownRevision, message: "Unsupported protocol version",
			data: object{"supported": revisions(), "requested": clipped(speaks)}}
	}
	if speaks != modern {
		if inBody {
			return modern, mismatch(metaRevision + " is not MCP-Protocol-Version")
		}
		return speaks, nil
	}
	if m.id == nil {
		return modern, nil // what headers a notification has is not said
	}
	switch name, _ := text(m.params["name"]); {
	case !inBody:
		return modern, invalidParams(metaRevision + " is missing in _meta")
	case said != speaks:
		return modern, mismatch(metaRevision + " is not MCP-Protocol-Version")
	case !one(h, "Mcp-Method", m.method):
		return modern, mismatch("Mcp-Method is not the method")
	case m.method == "tools/call" && !one(h, "Mcp-Name", name):
		return modern, mismatch("Mcp-Name is not the name of the tool")
	}
	if _, err := members(m.meta[metaCan]); err != nil {
		return modern, invalidParams(metaCan + " is missing in _meta")
	}
	return modern, nil
}

// one reports whether a header is there once, and means what the body has.
func one(h http.Header, name, want string) bool {
	sent := h.Values(name)
	if len(sent) != 1 {
		return false
	}
	got := sent[0]
	if coded, ok := strings.CutPrefix(got, "=?base64?"); ok {
		if coded, ok = strings.CutSuffix(coded, "?="); ok {
			raw, err := base64.StdEncoding.Strict().DecodeString(coded)
			return err == nil && string(raw) == want
		}
	}
	return got == want
}

// clipped is what comes back of a header: no more than a revision is long.
func clipped(s string) string {
	if len(s) > len(modern) {
		return s[:len(modern)] // headers are ASCII; what is not, JSON replaces
	}
	return s
}

// text reads a JSON string.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// members reads an object. A name that is there twice is an error: of two programs one takes the first, and one the last.
func members(raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("must be an object")
	}
	all := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("must be an object")
		}
		if _, twice := all[name]; twice {
			return nil, errors.New("has a member twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("must be an object: %w", err)
		}
		all[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("must be an object: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be one object")
	}
	return all, nil
}
