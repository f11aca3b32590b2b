package openapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/internal/openapi"
)

const small = `{"openapi": "3.1.0", "servers": [{"url": "https://id.example/t/api"}], "paths": {
	"/things": {"post": {"operationId": "make", "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
		"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
		"responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
			"default": {"content": {"application/problem+json": {"schema": {"type": "object", "required": ["status"]}}}}}}},
	"/things/{id}": {"delete": {"operationId": "drop", "parameters": [{"name": "id", "in": "path", "required": true,
		"schema": {"type": "string"}}], "responses": {"204": {}}}}},
	"components": {"schemas": {"Thing": {"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
		"name": {"type": "string", "minLength": 1, "maxLength": 3}, "kind": {"type": "string", "enum": ["a", "b"]},
		"tags": {"type": ["array", "null"], "maxItems": 2, "items": {"type": "string"}}, "count": {"type": "integer", "minimum": 1, "maximum": 9},
		"at": {"type": "string", "format": "date-time"}, "sub": {"$ref": "#/components/schemas/Thing"},
		"of": {"type": "object", "additionalProperties": {"type": "boolean"}}}}}}}`

func parsed(t *testing.T) *openapi.Document {
	t.Helper()
	d, err := openapi.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exchange is one that is as the document has it, changed.
func exchange(t *testing.T, change func(x *openapi.Exchange)) openapi.Exchange {
	t.Helper()
	u, err := url.Parse("https://id.example/t/api/things?dry=true")
	if err != nil {
		t.Fatal(err)
	}
	x := openapi.Exchange{Method: "POST", URL: u, Header: http.Header{"Content-Type": {"application/json"}}, Sent: []byte(`{"name":"x"}`),
		Status: 201, Answer: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Got: []byte(`{"name":"x"}`)}
	change(&x)
	return x
}

// TestWhatTheDocumentDoesNotSayIsFound spoils an exchange in each way.
func TestWhatTheDocumentDoesNotSayIsFound(t *testing.T) {
	t.Parallel()
	d := parsed(t)
	for _, body := range []string{
		`{"name":"ÄÖÜ","kind":"a","tags":null,"count":9,"at":"2026-01-02T03:04:05.6Z","sub":{"name":"y"},"of":{"x":true}}`,
		`{"name":"x","tags":["a","b"],"count":1.0}`} {
		if err := d.Judge(exchange(t, func(x *openapi.Exchange) { x.Sent, x.Got = []byte(body), []byte(body) })); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{``, `{`, `{"name":"x"} {}`, `{}`, `[]`, `null`, `{"name":""}`, `{"name":"long"}`, `{"name":7}`,
		`{"name":"x","kind":"c"}`, `{"name":"x","tags":["a","b","c"]}`, `{"name":"x","tags":[7]}`, `{"name":"x","count":0}`,
		`{"name":"x","count":1.5}`, `{"name":"x","count":10}`, `{"name":"x","at":"today"}`, `{"name":"x","sub":{}}`, `{"name":"x","other":1}`,
		`{"name":"x","of":{"x":1}}`, `{"name":"x","kind":null}`} {
		if d.Judge(exchange(t, func(x *openapi.Exchange) { x.Got = []byte(body) })) == nil {
			t.Errorf("the answer %q passes", body)
		}
		if d.Judge(exchange(t, func(x *openapi.Exchange) { x.Sent = []byte(body) })) == nil {
			t.Errorf("the body %q was taken, and passes", body)
		}
	}
	for name, change := range map[string]func(x *openapi.Exchange){
		"status":       func(x *openapi.Exchange) { x.Status = 200 },
		"redirect":     func(x *openapi.Exchange) { x.Status = 302 },
		"content type": func(x *openapi.Exchange) { x.Answer.Set("Content-Type", "text/html") },
		"query":        func(x *openapi.Exchange) { x.URL.RawQuery = "wet=1" },
		"parameter":    func(x *openapi.Exchange) { x.URL.RawQuery = "dry=perhaps" },
		"method":       func(x *openapi.Exchange) { x.Method = "PUT" },
		"error":        func(x *openapi.Exchange) { x.Status, x.Got = 400, []byte(`{"status":400}`) },
		"no address":   func(x *openapi.Exchange) { x.Status, x.URL.Path = 404, "/t/api/nothing" },
		"a body": func(x *openapi.Exchange) {
			x.Status, x.Method, x.URL.Path, x.URL.RawQuery = 204, "DELETE", "/t/api/things/7", ""
		},
	} {
		if d.Judge(exchange(t, change)) == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := d.Judge(exchange(t, func(x *openapi.Exchange) {
		x.Status, x.Answer, x.Got, x.Sent = 422, http.Header{"Content-Type": {"application/problem+json"}}, []byte(`{"status":422}`), []byte("{")
	})); err != nil {
		t.Errorf("what was refused need not be as the document has it: %v", err)
	}
}

// TestWhatIsNotUnderstoodIsRefused: a document with more than this package knows is not checked in part.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	for old, other := range map[string]string{`"minLength": 1`: `"pattern": "x"`, "date-time": "duration",
		"schemas/Thing\"}}}":    "schemas/None\"}}}",
		`"operationId": "drop"`: `"operationId": "make"`, `"openapi"`: "openapi"} {
		if !strings.Contains(small, old) {
			t.Fatalf("%s is not in the document", old)
		}
		if _, err := openapi.Parse([]byte(strings.Replace(small, old, other, 1))); err == nil {
			t.Errorf("%s: is taken", other)
		}
	}
}

// TestMadeRequestsAreWhatTheySay: good ones are as the document has it, spoilt ones are not.
func TestMadeRequestsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	d := parsed(t)
	for _, op := range d.Operations() {
		for seed := range 500 {
			made := op.Make(openapi.NewSource([]byte{byte(seed), byte(seed >> 8)}), func(name string) string { return "known" })
			u, err := url.Parse("https://id.example/t/api" + made.Path)
			if err != nil {
				t.Fatal(err)
			}
			x := openapi.Exchange{Method: op.Method, URL: u, Header: made.Header, Sent: made.Body, Status: 201,
				Answer: http.Header{"Content-Type": {"application/json"}}, Got: []byte(`{"name":"x"}`)}
			if op.Method == "DELETE" {
				x.Status, x.Answer, x.Got = 204, nil, nil
			}
			if err := d.Judge(x); (err == nil) != (made.Spoilt == "") {
				t.Fatalf("%s %s %s %q: %v", op.ID, made.Path, made.Spoilt, made.Body, err)
			}
		}
	}
}
