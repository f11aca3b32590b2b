// Package mcp answers the messages of the Model Context Protocol that a server of tools needs, and no other: revisions 2026-07-28, in
// which each request says what it speaks, and 2025-11-25 and 2025-06-18, which begin with initialize. It keeps nothing between two
// requests, sends JSON alone, and knows no identities: whoever calls Answer has judged those. Begin with Server. Decision 22 says why it
// is written by hand.
package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The revisions that are spoken.
const (
	modern   = "2026-07-28"
	greeting = "2025-11-25" // the newest of those that begin with initialize
	oldest   = "2025-06-18"
)

func revisions() []string { return []string{modern, greeting, oldest} }

// Server is what it has, for one caller.
type Server struct {
	Name, Title, Version string
	Instructions         string // for the client's model
	Tools                []Tool
}

// Tool is one that a client's model may call.
type Tool struct {
	Name, Title, Description string
	Params                   []Param
	Hints                    Hints
	Barred                   bool // the caller is told of it, and has to ask for more before it may be called: see Answer.Barred
	// Do carries a call out. failed: the text says why it did not work, so that a model can do better.
	Do func(ctx context.Context, args map[string]string) (text string, failed bool)
}

// Param is a text that a call has.
type Param struct {
	Name, Description string
	Required          bool
}

// Hints say to clients what a tool does; they are not what keeps it from doing more.
type Hints struct {
	ReadOnly    bool `json:"readOnlyHint"`
	Destructive bool `json:"destructiveHint"`
	Idempotent  bool `json:"idempotentHint"`
	OpenWorld   bool `json:"openWorldHint"`
}

// Answer is what an HTTP response has. Body is JSON; nil: there is none.
type Answer struct {
	Status int
	Body   []byte
	Barred bool // a tool was called that is barred: nothing was done, and Body says nothing of how to ask for it
}

// longestArg is how many bytes a text of a call has.
const longestArg = 2048

// fresh is how long a client may keep the list of tools, which goes by the token: in milliseconds.
const fresh = 60_000

// Answer answers one POST.
func (s *Server) Answer(ctx context.Context, h http.Header, body []byte) Answer {
	if f := media(h); f != nil {
		return f.answer(nil, false)
	}
	m, f := read(body)
	if f != nil {
		return f.answer(m.id, false)
	}
	speaks, f := m.revision(h)
	if f != nil {
		return f.answer(m.id, speaks == modern)
	}
	if m.id == nil {
		return Answer{Status: http.StatusAccepted} // a notification: none of them changes anything here
	}
	result, f := s.call(ctx, m, speaks)
	if f != nil {
		answer := f.answer(m.id, speaks == modern)
		answer.Barred = f.barred
		return answer
	}
	if speaks == modern {
		result["resultType"] = "complete"
		result["_meta"] = map[string]any{metaServer: s.info()}
	}
	return written(http.StatusOK, m.id, "result", result)
}

func (s *Server) info() map[string]string {
	return map[string]string{"name": s.Name, "title": s.Title, "version": s.Version}
}

type object = map[string]any

func (s *Server) call(ctx context.Context, m message, speaks string) (object, *failure) {
	can := object{"tools": object{}}
	switch {
	case m.method == "tools/list":
		return s.list(m, speaks)
	case m.method == "tools/call":
		return s.use(ctx, m)
	case m.method == "server/discover" && speaks == modern:
		return object{"supportedVersions": revisions(), "capabilities": can, "instructions": s.Instructions, "ttlMs": fresh,
			"cacheScope": "private"}, nil
	case m.method == "initialize" && speaks != modern:
		asked, ok := text(m.params["protocolVersion"])
		if !ok {
			return nil, invalidParams("protocolVersion is missing")
		}
		if asked == modern || !slices.Contains(revisions(), asked) {
			asked = greeting // the client ends here, if it does not speak it
		}
		return object{"protocolVersion": asked, "capabilities": can, "serverInfo": s.info(), "instructions": s.Instructions}, nil
	case m.method == "ping" && speaks != modern:
		return object{}, nil
	}
	return nil, &failure{status: http.StatusNotFound, code: methodNotFound, message: "There is no such method in revision " + speaks}
}

func (s *Server) list(m message, speaks string) (object, *failure) {
	if at := m.params["cursor"]; at != nil && string(at) != "null" {
		return nil, invalidParams("the list has one page, and no cursor")
	}
	all := make([]object, len(s.Tools))
	for i, t := range s.Tools {
		all[i] = object{"name": t.Name, "title": t.Title, "description": t.Description, "inputSchema": t.schema(), "annotations": t.Hints}
	}
	list := object{"tools": all}
	if speaks == modern {
		list["ttlMs"], list["cacheScope"] = fresh, "private"
	}
	return list, nil
}

// schema says in JSON Schema what a call has.
func (t Tool) schema() object {
	properties, required := object{}, []string{}
	for _, p := range t.Params {
		one := object{"type": "string", "maxLength": longestArg}
		if p.Description != "" {
			one["description"] = p.Description
		}
		properties[p.Name] = one
		if p.Required {
			required = append(required, p.Name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// use calls a tool. What is wrong with the arguments is told to the model, as what is wrong with the act is.
func (s *Server) use(ctx context.Context, m message) (object, *failure) {
	name, ok := text(m.params["name"])
	i := slices.IndexFunc(s.Tools, func(t Tool) bool { return t.Name == name })
	if !ok || i < 0 {
		return nil, invalidParams("there is no such tool")
	}
	if s.Tools[i].Barred {
		return nil, &failure{status: http.StatusForbidden, code: badParams, message: "the tool is not for this token", barred: true}
	}
	said, failed := "", true
	args, wrong := s.Tools[i].args(m.params["arguments"])
	if wrong != "" {
		said = "The arguments are not right: " + wrong + "."
	} else {
		said, failed = s.Tools[i].Do(ctx, args)
	}
	return object{"content": []object{{"type": "text", "text": said}}, "isError": failed}, nil
}

func (t Tool) args(raw json.RawMessage) (args map[string]string, wrong string) {
	args = map[string]string{}
	if raw == nil || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	sent, err := members(raw)
	if err != nil {
		return nil, "they must be an object with each name once"
	}
	for name, value := range sent {
		if !slices.ContainsFunc(t.Params, func(p Param) bool { return p.Name == name }) {
			return nil, "there is one that is not known; there are: " + t.names()
		}
		if string(value) == "null" {
			continue
		}
		one, ok := text(value)
		if !ok || len(one) > longestArg {
			return nil, fmt.Sprintf("%s must be a text of at most %d bytes", name, longestArg)
		}
		args[name] = one
	}
	for _, p := range t.Params {
		if p.Required && args[p.Name] == "" {
			return nil, p.Name + " is missing"
		}
	}
	return args, ""
}

func (t Tool) names() string {
	names := make([]string, len(t.Params))
	for i, p := range t.Params {
		names[i] = p.Name
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
