package request

import (
	"encoding/json"
	"net/url"
	"testing"

	"signet/clients"
)

// Members arrive as a form would have them.
func TestRequestObject_MembersAreParameters(t *testing.T) { // RFC 9101 section 4
	for object, want := range map[string]url.Values{
		`{"max_age":3600,"iss":"x","exp":1,"jti":"y"}`:                   {"max_age": {"3600"}},
		`{"claims":{"id_token":{"auth_time":{"essential":true}}}}`:       {"claims": {`{"id_token":{"auth_time":{"essential":true}}}`}},
		`{"resource":["https://a.test","https://b.test"],"nonce":"<&>"}`: {"resource": {"https://a.test", "https://b.test"}, "nonce": {"<&>"}},
		`{"resource":"https://a.test","prompt":null,"x":true,"n":1e3}`:   {"resource": {"https://a.test"}, "x": {"true"}, "n": {"1e3"}},
		`{"max_age":9007199254740993,"claims":{"a":9007199254740993}}`:   {"max_age": {"9007199254740993"}, "claims": {`{"a":9007199254740993}`}},
		`[]`: nil, `"x"`: nil, `{"resource":[1]}`: nil, `{} {}`: nil, ``: nil, `null`: {},
		"{\"state\":\"\xff\"}": nil, "{\"\xc0\xaf\":1}": nil, `{"state":"é"}`: {"state": {"é"}},
	} {
		got, err := parameters([]byte(object))
		if (err != nil) != (want == nil) || err == nil && got.Encode() != want.Encode() {
			t.Errorf("%s: %v %v", object, got, err)
		}
	}
}

// FuzzRequestObject: nothing panics, and nothing counts that nobody signed.
func FuzzRequestObject(f *testing.F) {
	for _, seed := range []string{"eyJhbGciOiJub25lIn0.e30.", "..", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "x.y.z",
		"eyJhbGciOiJub25lIiwiY3JpdCI6W119.e30."} {
		f.Add(seed)
	}
	p := &Parser{Issuer: "https://id.test", Objects: &Objects{}}
	c := &clients.Client{Metadata: clients.Metadata{ClientID: "shop"}}
	f.Fuzz(func(t *testing.T, object string) {
		if got, err := p.merged(t.Context(), c, url.Values{"client_id": {"shop"}}, object, false); err == nil {
			t.Errorf("%v", got)
		}
		if payload, ok := unsigned(object); ok && json.Valid(payload) {
			_, _ = parameters(payload)
		}
	})
}
