package exact_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"signet/internal/exact"
)

// TestMembersByTheirNames: what is read is what every other reader reads: "SUB" is not sub.
func TestMembersByTheirNames(t *testing.T) {
	var got struct {
		Subject string          `json:"sub"`
		Raw     json.RawMessage `json:"raw"`
	}
	err := exact.Unmarshal([]byte(`{"sub":"ada","SUB":"eve","raw":{"a":1,"A":2,"list":[{"a":1},{"a":2}]}}`), &got)
	if err != nil || got.Subject != "ada" || string(got.Raw) != `{"a":1,"A":2,"list":[{"a":1},{"a":2}]}` {
		t.Errorf("%+v, %v", got, err)
	}
	for _, broken := range []string{"", "{", `{"sub":1}`, `{"sub":"a"}{}`, `{"sub":"a"} x`,
		`{"raw":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}"} {
		if err := exact.Unmarshal([]byte(broken), &got); err == nil || errors.Is(err, exact.ErrTwice) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}

// TestRFC8259_4_AMemberTwice: wherever it is, however it is written.
func TestRFC8259_4_AMemberTwice(t *testing.T) {
	for sent, where := range map[string]string{
		`{"a":1,"a":1}`:                       "a",
		`{"a":1,"\u0061":2}`:                  "a",
		`{"x":{"b":1,"c":{},"b":2}}`:          "x.b",
		`{"x":[1,{"y":[]},{"z":1,"z":[]}]}`:   "x.z",
		`{"":1,"":2}`:                         "",
		`[{"a":1},{"a":[{"b":null,"b":{}}]}]`: "a.b",
		"{\"\xff\":1,\"\xfe\":2}":             "\ufffd", // no other reader would tell them apart
	} {
		if name, is := exact.Twice([]byte(sent)); !is || name != where {
			t.Errorf("%s: %q, %v", sent, name, is)
		}
		var into any
		if err := exact.Unmarshal([]byte(sent), &into); !errors.Is(err, exact.ErrTwice) {
			t.Errorf("%s: %v", sent, err)
		}
	}
	for _, fine := range []string{`{"a":{"a":{"a":1}},"b":["a","a","b"],"A":0}`, `["a","a"]`, `"a"`, strings.Repeat("[", 100_000)} {
		if name, is := exact.Twice([]byte(fine)); is {
			t.Errorf("%.40s: %q", fine, name)
		}
	}
}
