// Package adminclient calls the API of a Signet's administrators. Its types and methods are made of the document of the API
// (/api/admin/v1/openapi.json); make an Admin with New.
package adminclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Admin calls the API of one server. It is safe for use by several goroutines.
type Admin struct {
	base  string
	token func(ctx context.Context) (string, error)
	http  *http.Client
}

// New makes one for the server of an issuer. token gives the access token, or API key, of each request; transport may be nil.
func New(issuer string, token func(ctx context.Context) (string, error), transport http.RoundTripper) (*Admin, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || token == nil {
		return nil, errors.New("adminclient: give the issuer, like https://id.example.com, and a token")
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, errors.New("adminclient: a token goes over https only (http to this computer itself)")
	}
	return &Admin{base: strings.TrimSuffix(issuer, "/") + "/api/admin/v1", token: token, http: &http.Client{
		Transport: transport, Timeout: answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Fixed is a token that stays the same: an API key.
func Fixed(token string) func(ctx context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// ETag is the state of what was read, as a condition of a change (RFC 9110 section 13.1.1).
type ETag string

// Any is the condition that any state fits.
const Any ETag = "*"

// RepeatKey makes a POST that is sent again be carried out once; take a UUID.
type RepeatKey string

// Page is a part of a list. Next begins the part after it; "" = this is the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// Paging is which part of a list is wanted.
type Paging struct {
	Limit int64  `query:"limit"`
	After string `query:"after"`
}

// Problem is what a server answers that does not do what was asked (RFC 9457). It is an error.
type Problem struct {
	Type      string      `json:"type"` // the address of a page that explains it
	Title     string      `json:"title"`
	Status    int         `json:"status"`
	Detail    string      `json:"detail"`
	Reference string      `json:"reference"`
	Errors    []Violation `json:"errors"`
}

// Kind is what programs tell problems apart by, at any issuer: the last part of the type, like "conflict".
func (p *Problem) Kind() string { return p.Type[strings.LastIndexByte(p.Type, '/')+1:] }

// Error has everything that helps to mend it.
func (p *Problem) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "signet: %d %s", p.Status, p.Title)
	if p.Detail != "" {
		text.WriteString(": " + p.Detail)
	}
	for _, v := range p.Errors {
		text.WriteString("; " + v.Pointer + " " + v.Detail)
	}
	if p.Reference != "" {
		text.WriteString(" (reference " + p.Reference + ")")
	}
	return text.String()
}

const (
	answerTime    = time.Minute
	mostTries     = 5 // of a request that the server has no time for
	longestWait   = 30 * time.Second
	largestAnswer = 64 << 20
)

// request is one of an operation.
type request struct {
	method, path string
	query        any // a struct with tags, nil: none
	match        ETag
	body         any
	merge        bool
	lines        []byte // JSON lines, in place of body
	keys         []RepeatKey
}

// path fills in the names of a path.
func path(pattern string, names ...string) string {
	for _, name := range names {
		from, to := strings.Index(pattern, "{"), strings.Index(pattern, "}")
		pattern = pattern[:from] + url.PathEscape(name) + pattern[to+1:]
	}
	return pattern
}

// do sends a request, again while the server asks for patience, which it does before it begins.
func (a *Admin) do(ctx context.Context, r request, out any) (ETag, error) {
	body := r.lines
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return "", fmt.Errorf("adminclient: %w", err)
		}
	}
	for try := 1; ; try++ {
		tag, wait, err := a.try(ctx, r, body, out)
		if wait == 0 || try == mostTries {
			return tag, err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (a *Admin) try(ctx context.Context, r request, body []byte, out any) (tag ETag, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, r.method, a.base+r.path+queryOf(r.query), bytes.NewReader(body))
	if err != nil {
		return "", 0, fmt.Errorf("adminclient: %w", err)
	}
	token, err := a.token(ctx)
	if err != nil {
		return "", 0, fmt.Errorf("adminclient: no token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	switch {
	case r.lines != nil:
		req.Header.Set("Content-Type", "application/jsonl")
	case r.merge:
		req.Header.Set("Content-Type", "application/merge-patch+json")
	case body != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	if r.match != "" {
		req.Header.Set("If-Match", string(r.match))
	}
	for _, key := range r.keys {
		req.Header.Set("Idempotency-Key", string(key))
	}
	res, err := a.http.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("adminclient: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer+1))
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("adminclient: %w", err)
	case len(raw) > largestAnswer:
		return "", 0, errors.New("adminclient: the answer is too long")
	case res.StatusCode >= http.StatusMultipleChoices:
		return "", waitOf(r, res), problemOf(res.StatusCode, raw)
	}
	if text, ok := out.(*string); ok {
		*text = string(raw)
	} else if out != nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		err = fmt.Errorf("adminclient: the answer cannot be read: %w", err)
	}
	return ETag(res.Header.Get("ETag")), 0, err
}

// waitOf is how long to wait before the request is sent again; 0 = it is not. 503 may have been carried out: only what changes nothing when
// it is repeated is sent again after it.
func waitOf(r request, res *http.Response) time.Duration {
	again := res.StatusCode == http.StatusTooManyRequests ||
		res.StatusCode == http.StatusServiceUnavailable && r.method == http.MethodGet
	if !again {
		return 0
	}
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		seconds = 1
	}
	return min(time.Duration(seconds)*time.Second, longestWait)
}

func problemOf(status int, raw []byte) error {
	p := &Problem{}
	if json.Unmarshal(raw, p) != nil || p.Title == "" {
		return &Problem{Status: status, Title: "not an answer of the API of a Signet: is the address its issuer, and admin.api on?"}
	}
	p.Status = status
	return p
}

// queryOf writes what is not zero of a struct with tags.
func queryOf(from any) string {
	if from == nil {
		return ""
	}
	q, v := url.Values{}, reflect.ValueOf(from)
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		text := fmt.Sprint(f.Interface())
		if at, ok := f.Interface().(time.Time); ok {
			text = at.UTC().Format(time.RFC3339Nano)
		}
		q.Set(v.Type().Field(i).Tag.Get("query"), text)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
