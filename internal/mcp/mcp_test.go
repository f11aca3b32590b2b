package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func server(calls *[]string) *Server {
	return &Server{Name: "signet", Title: "Signet", Version: "1", Instructions: "be careful", Tools: []Tool{{
		Name: "look", Description: "Looks.", Params: []Param{{Name: "who", Required: true}, {Name: "next", Description: "of the answer before"}},
		Do: func(_ context.Context, args map[string]string) (string, bool) {
			*calls = append(*calls, args["who"])
			return "saw " + args["who"], args["who"] == "nobody"
		},
	}, {Name: "more", Barred: true}, {Name: "all", Do: func(context.Context, map[string]string) (string, bool) { return "all", false }}}}
}

// post sends a message as a POST has it; headers are name: value.
func post(body string, headers ...string) (status int, got map[string]any, calls []string) {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	for _, one := range headers {
		name, value, _ := strings.Cut(one, ": ")
		if value == "" {
			h.Del(name)
			continue
		}
		h.Add(name, value)
	}
	a := server(&calls).Answer(context.Background(), h, []byte(body))
	if a.Body != nil && json.Unmarshal(a.Body, &got) != nil {
		panic("no JSON: " + string(a.Body))
	}
	return a.Status, got, calls
}

func errorCode(got map[string]any) int {
	e, _ := got["error"].(map[string]any)
	n, _ := e["code"].(float64)
	return int(n)
}

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

func now(method string, more ...string) []string {
	return append([]string{"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: " + method}, more...)
}

// TestRevisions: the client and the server agree on one, or the client learns which there are.
func TestRevisions(t *testing.T) {
	for asked, want := range map[string]string{
		"2025-11-25": "2025-11-25", "2025-06-18": "2025-06-18", "2025-03-26": "2025-11-25", "2026-07-28": "2025-11-25", "x": "2025-11-25",
	} {
		status, got, _ := post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + asked + `","capabilities":{},
			"clientInfo":{"name":"x","version":"1"}}}`)
		result, _ := got["result"].(map[string]any)
		if status != 200 || result["protocolVersion"] != want || result["instructions"] != "be careful" || result["resultType"] != nil {
			t.Errorf("%s: %d %v", asked, status, got)
		}
	}
	if status, got, _ := post(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}`,
		"MCP-Protocol-Version: 2024-11-05"); status != 200 || errorCode(got) != 0 {
		t.Errorf("a greeting in an old revision: %d %v", status, got)
	}
	for _, header := range []string{"2025-03-26", "2027-01-01", "x", "2026-07-28 "} {
		status, got, _ := post(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "MCP-Protocol-Version: "+header)
		if status != 400 || errorCode(got) != -32022 || !strings.Contains(fmt.Sprint(got), "[2026-07-28 2025-11-25 2025-06-18]") {
			t.Errorf("%q: %d %v", header, status, got)
		}
	}
	status, got, _ := post(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+meta+`}}`, now("server/discover")...)
	result, _ := got["result"].(map[string]any)
	if status != 200 || result["resultType"] != "complete" || len(result["supportedVersions"].([]any)) != 3 ||
		result["cacheScope"] != "private" ||
		!strings.Contains(fmt.Sprint(result["_meta"]), "name:signet") {
		t.Errorf("discover: %d %v", status, got)
	}
}

func call(params string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{` + params + `}}`
}

const look = `"name":"look","arguments":{"who":"ada"}`

// exchange is a message with what it is answered with.
type exchange struct {
	body    string
	headers []string
	status  int
	code    int    // of the error
	text    string // somewhere in the answer
	called  bool
}

var exchanges = map[string]exchange{
	"list": {
		body:   `{"jsonrpc":"2.0","id":"x","method":"tools/list"}`,
		status: 200, text: "inputSchema",
	},
	"list, a page": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"a"}}`,
		status: 200, code: -32602,
	},
	"list, now": {
		body:    `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + meta + `}}`,
		headers: now("tools/list"), status: 200, text: "ttlMs",
	},
	"ping": {
		body:   `{"jsonrpc":"2.0","id":0,"method":"ping"}`,
		status: 200, text: "id:0",
	},
	"ping, now": {
		body:    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{` + meta + `}}`,
		headers: now("ping"), status: 404, code: -32601,
	},
	"initialize, now": {
		body:    `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{` + meta + `}}`,
		headers: now("initialize"), status: 404, code: -32601,
	},
	"discover, old": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"server/discover"}`,
		status: 200, code: -32601,
	},
	"no method": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`,
		status: 200, code: -32601,
	},
	"a notification": {
		body:   `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		status: 202,
	},
	"a call that is a notification": {
		body:   `{"jsonrpc":"2.0","method":"tools/call","params":{` + look + `}}`,
		status: 202,
	},
	"an answer": {
		body:   `{"jsonrpc":"2.0","id":1,"result":{}}`,
		status: 400, code: -32600,
	},
	"several": {body: `[` + call(look) + `]`, status: 400, code: -32600},
	"nothing": {body: ``, status: 400, code: -32700},
	"no JSON": {body: `{`, status: 400, code: -32700},
	"two":     {body: call(look) + call(look), status: 400, code: -32700},
	"no text": {
		body:   "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"}",
		status: 400, code: -32700,
	},
	"deep": {body: strings.Repeat("[", 60000), status: 400, code: -32700},
	"another RPC": {
		body:   `{"jsonrpc":"1.0","id":1,"method":"ping"}`,
		status: 400, code: -32600,
	},
	"id null": {
		body:   `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{` + look + `}}`,
		status: 400, code: -32600,
	},
	"id a fraction": {
		body:   `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`,
		status: 400, code: -32600,
	},
	"id an object": {
		body:   `{"jsonrpc":"2.0","id":{},"method":"ping"}`,
		status: 400, code: -32600,
	},
	"id long": {
		body:   `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 300) + `","method":"ping"}`,
		status: 400, code: -32600,
	},
	"params a list": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}`,
		status: 400, code: -32600,
	},

	"call": {body: call(look), status: 200, text: "saw ada", called: true},
	"call, now": {
		body:    call(look + "," + meta),
		headers: now("tools/call", "Mcp-Name: look"), status: 200, text: "resultType:complete", called: true,
	},
	"call, name coded": {
		body:    call(look + "," + meta),
		headers: now("tools/call", "Mcp-Name: =?base64?bG9vaw==?="), status: 200, called: true,
	},
	"it fails": {
		body:   call(`"name":"look","arguments":{"who":"nobody"}`),
		status: 200, text: "isError:true", called: true,
	},
	"no arguments":   {body: call(`"name":"all"`), status: 200, text: "text:all"},
	"arguments null": {body: call(`"name":"all","arguments":null`), status: 200, text: "text:all"},
	"an argument null": {
		body:   call(`"name":"look","arguments":{"who":"ada","next":null}`),
		status: 200, called: true,
	},
	"no such tool": {body: call(`"name":"nope"`), status: 200, code: -32602},
	"no such tool, now": {
		body:    call(`"name":"nope",` + meta),
		headers: now("tools/call", "Mcp-Name: nope"), status: 400, code: -32602,
	},
	"a missing argument": {
		body:   call(`"name":"look","arguments":{}`),
		status: 200, text: "who is missing",
	},
	"an unknown argument": {
		body:   call(`"name":"look","arguments":{"who":"ada","Who":"eve"}`),
		status: 200, text: "there are: who, next",
	},
	"a number": {
		body:   call(`"name":"look","arguments":{"who":7}`),
		status: 200, text: "isError:true",
	},
	"a long argument": {
		body:   call(`"name":"look","arguments":{"who":"` + strings.Repeat("x", 3000) + `"}`),
		status: 200, text: "2048 bytes",
	},
	"arguments a list": {
		body:   call(`"name":"look","arguments":[1]`),
		status: 200, text: "isError:true",
	},

	// what one program on the way reads, another one reads, too
	"method twice": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{` + look + `}}`,
		status: 400, code: -32600,
	},
	"method twice, escaped": {
		body:   `{"jsonrpc":"2.0","id":1,"method":"ping","meth\u006fd":"tools/call","params":{` + look + `}}`,
		status: 400, code: -32600,
	},
	"method in capitals": {
		body:   `{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping","params":{` + look + `}}`,
		status: 200,
	},
	"name twice":       {body: call(`"name":"all",` + look), status: 400, code: -32600},
	"name in capitals": {body: call(`"Name":"look","name":"all"`), status: 200, text: "text:all"},
	"an argument twice": {
		body:   call(`"name":"look","arguments":{"who":"ada","who":"eve"}`),
		status: 200, text: "isError:true",
	},
	"meta twice": {
		body:    call(look + "," + meta + "," + meta),
		headers: now("tools/call", "Mcp-Name: look"), status: 400, code: -32600,
	},

	"header: another method": {
		body:    call(look + "," + meta),
		headers: now("tools/list", "Mcp-Name: look"), status: 400, code: -32020,
	},
	"header: another name": {
		body:    call(look + "," + meta),
		headers: now("tools/call", "Mcp-Name: all"), status: 400, code: -32020,
	},
	"header: two names": {
		body:    call(look + "," + meta),
		headers: now("tools/call", "Mcp-Name: look", "Mcp-Name: all"), status: 400, code: -32020,
	},
	"header: badly coded": {
		body:    call(look + "," + meta),
		headers: now("tools/call", "Mcp-Name: =?base64?bG9vaw?="), status: 400, code: -32020,
	},
	"header: no name": {
		body:    call(look + "," + meta),
		headers: now("tools/call"), status: 400, code: -32020,
	},
	"header: no revision": {
		body:    call(look + "," + meta),
		headers: []string{"Mcp-Method: tools/call", "Mcp-Name: look"}, status: 400, code: -32020,
	},
	"header: another revision": {
		body:    call(look + "," + meta),
		headers: []string{"MCP-Protocol-Version: 2025-11-25"}, status: 400, code: -32020,
	},
	"header: two revisions": {
		body:    call(look),
		headers: []string{"MCP-Protocol-Version: 2025-11-25", "MCP-Protocol-Version: 2026-07-28"}, status: 400, code: -32020,
	},
	"no revision in the body": {
		body:    call(look),
		headers: now("tools/call", "Mcp-Name: look"), status: 400, code: -32602,
	},
	"no capabilities": {
		body:    call(look + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`),
		headers: now("tools/call", "Mcp-Name: look"), status: 400, code: -32602,
	},
	"another content": {
		body:    call(look),
		headers: []string{"Content-Type: ", "Content-Type: text/plain"}, status: 415, code: -32600,
	},
	"no content type": {
		body:    call(look),
		headers: []string{"Content-Type: "}, status: 415, code: -32600,
	},
	"wants streams alone": {
		body:    call(look),
		headers: []string{"Accept: ", "Accept: text/event-stream"}, status: 406, code: -32600,
	},
	"wants anything": {
		body:    call(look),
		headers: []string{"Accept: ", "Accept: */*"}, status: 200, called: true,
	},
	"does not say what it wants": {
		body:    call(look),
		headers: []string{"Accept: "}, status: 200, called: true,
	},
}

// TestMessages: what each message is answered with.
func TestMessages(t *testing.T) {
	for what, c := range exchanges {
		status, got, calls := post(c.body, c.headers...)
		if status != c.status || errorCode(got) != c.code || !strings.Contains(fmt.Sprint(got), c.text) || (len(calls) > 0) != c.called {
			t.Errorf("%s: %d %v, called with %v", what, status, got, calls)
		}
	}
}

// FuzzAnswer: whatever is sent, the answer is one message or none, and a tool runs only as the headers say where they must.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"who":"ada"},`+meta+`}}`,
		"2026-07-28", "tools/call", "look")
	f.Add(`{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"look","arguments":{"who":"ada"}}}`, "", "", "")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}`, "2025-06-18", "", "")
	f.Add(`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, "2025-03-26", "ping", "=?base64?YQ==?=")
	f.Fuzz(func(t *testing.T, body, revision, method, name string) {
		h := http.Header{"Content-Type": {"application/json"}}
		for header, value := range map[string]string{"Mcp-Protocol-Version": revision, "Mcp-Method": method, "Mcp-Name": name} {
			if value != "" {
				h.Set(header, value)
			}
		}
		var calls []string
		a := server(&calls).Answer(context.Background(), h, []byte(body))
		if len(calls) > 1 || len(calls) == 1 && a.Status != 200 || revision == modern && len(calls) > 0 && method != "tools/call" {
			t.Fatalf("%v, %d", calls, a.Status)
		}
		if a.Status == http.StatusAccepted {
			if a.Body != nil {
				t.Fatalf("%s", a.Body)
			}
			return
		}
		var got struct {
			JSONRPC       string
			ID            json.RawMessage
			Result, Error map[string]any
		}
		if err := json.Unmarshal(a.Body, &got); err != nil || got.JSONRPC != "2.0" || (got.Result == nil) == (got.Error == nil) ||
			string(got.ID) == "null" {
			t.Fatalf("%s: %v", a.Body, err)
		}
		if len(a.Body) > 8<<10 {
			t.Fatalf("%d bytes", len(a.Body))
		}
	})
}

// TestBarred: a tool that is not for the caller is told of, and whoever calls it is told nothing but that.
func TestBarred(t *testing.T) {
	for _, revision := range []string{"2025-11-25", "2025-06-18"} {
		a := server(new([]string)).Answer(t.Context(), http.Header{"Content-Type": {"application/json"},
			"Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {revision}},
			[]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"more","arguments":{"x":1}}}`))
		if !a.Barred || strings.Contains(string(a.Body), "result") {
			t.Errorf("%q: %+v %s", revision, a, a.Body)
		}
	}
}
