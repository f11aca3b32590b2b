package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"signet/internal/exact"
)

// noAccessToken is in a token response that has an ID token and no access token: the library wants one. It is never sent anywhere.
const noAccessToken = "none"

// tokenClient is the client for token requests. What a token response says beside the tokens is often not as RFC 6749 section 5.1 has it
// (expires_in as 300.0, "300" or "", token_type as a number), and nothing depends on it: it is put right or left out (rule D1).
func tokenClient(client *http.Client) *http.Client {
	c := *client
	inner := c.Transport
	if inner == nil {
		inner = http.DefaultTransport
	}
	c.Transport = tokenTransport{inner}
	return &c
}

type tokenTransport struct{ inner http.RoundTripper }

// RoundTrip is for http.RoundTripper.
func (t tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.inner.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, openidBody+1))
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	object := bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	if media == "text/plain" && object { // the library would read a form
		res.Header.Set("Content-Type", "application/json")
	}
	if name, twice := exact.Twice(body); twice && object {
		return nil, fmt.Errorf("the token response has %.100q twice", name)
	}
	if len(body) <= openidBody && object {
		body = putRight(body)
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

// putRight is a token response that the library reads; what is no JSON object stays as it is.
func putRight(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return body
	}
	for name, raw := range fields {
		var text string
		switch name {
		case "expires_in":
			if seconds, ok := wholeSeconds(raw); ok {
				fields[name] = strconv.AppendInt(nil, seconds, 10)
			} else {
				delete(fields, name)
			}
		case "token_type", "refresh_token", "error", "error_description", "error_uri":
			if json.Unmarshal(raw, &text) != nil {
				delete(fields, name)
			}
		default: // the library takes EXPIRES_IN for one of them
			if strings.ContainsFunc(name, func(r rune) bool { return r >= 'A' && r <= 'Z' || r > '~' }) {
				delete(fields, name)
			}
		}
	}
	var access, id string
	if json.Unmarshal(fields["id_token"], &id) == nil && id != "" && (json.Unmarshal(fields["access_token"], &access) != nil || access == "") {
		fields["access_token"] = json.RawMessage(strconv.Quote(noAccessToken))
	}
	right, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return right
}

// wholeSeconds reads 300, 300.0, 3e2 and "300".
func wholeSeconds(raw json.RawMessage) (int64, bool) {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil || !(seconds >= 0 && seconds < 1<<31) {
		return 0, false
	}
	return int64(seconds), true
}
