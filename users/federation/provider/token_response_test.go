package provider

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Rule D1: how long an access token lives is nothing that a sign-in depends on, and an ID token says who it is without one.
func TestTokenResponsesArePutRight(t *testing.T) {
	for in, want := range map[string]string{
		`{"access_token":"a","expires_in":300}`:                                     `{"access_token":"a","expires_in":300}`,
		`{"access_token":"a","expires_in":300.0}`:                                   `{"access_token":"a","expires_in":300}`,
		`{"access_token":"a","expires_in":3e2}`:                                     `{"access_token":"a","expires_in":300}`,
		`{"access_token":"a","expires_in":"300"}`:                                   `{"access_token":"a","expires_in":300}`,
		`{"access_token":"a","expires_in":""}`:                                      `{"access_token":"a"}`,
		`{"access_token":"a","expires_in":null}`:                                    `{"access_token":"a"}`,
		`{"access_token":"a","expires_in":-1}`:                                      `{"access_token":"a"}`,
		`{"access_token":"a","expires_in":1e300}`:                                   `{"access_token":"a"}`,
		`{"access_token":"a","expires_in":"NaN"}`:                                   `{"access_token":"a"}`,
		`{"access_token":"a","expires_in":{"n":1}}`:                                 `{"access_token":"a"}`,
		`{"id_token":"i"}`:                                                          `{"access_token":"none","id_token":"i"}`,
		`{"id_token":"i","access_token":""}`:                                        `{"access_token":"none","id_token":"i"}`,
		`{"id_token":"i","access_token":null}`:                                      `{"access_token":"none","id_token":"i"}`,
		`{"token_type":"Bearer"}`:                                                   `{"token_type":"Bearer"}`,
		`{"error":"invalid_grant","error_description":"x"}`:                         `{"error":"invalid_grant","error_description":"x"}`,
		`{"Access_Token":"a","id_to\u212aen":"i","X":1,"expireſ_in":5,"scope":"s"}`: `{"scope":"s"}`,
		`[1]`:  `[1]`,
		`null`: `null`,
		`not`:  `not`,
		``:     ``,
	} {
		if got := string(putRight([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

type answering string

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}

// RFC 8259 section 4: who reads the first of two and who reads the last see two tokens.
func TestRFC8259_4_ATokenResponseSaysNothingTwice(t *testing.T) {
	for _, body := range []string{`{"id_token":"a","id_token":"b"}`, ` {"access_token":"a","access_t\u006fken":"a"}`, `{"x":{"y":1,"y":2}}`} {
		if _, err := (tokenTransport{answering(body)}).RoundTrip(nil); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
	res, err := (tokenTransport{answering(`{"id_token":"a","x":{"id_token":"b"}}`)}).RoundTrip(nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func FuzzTokenResponse(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"300","id_token":"i"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := putRight(body)
		if json.Valid(body) && !json.Valid(got) {
			t.Errorf("%s became %s", body, got)
		}
	})
}
