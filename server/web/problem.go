package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signet/oauth/refusal"
	"signet/storage"
)

// AdminPath is where the API of administrators begins, under the issuer's path.
const AdminPath = "/api/admin/"

// Problem is an error of the API of administrators (RFC 9457). It never holds a value that was sent.
type Problem struct {
	Type      string      `json:"type" format:"uri-reference" doc:"Names the kind of problem."`
	Title     string      `json:"title" doc:"The same for every problem of the type."`
	Status    int         `json:"status"`
	Detail    string      `json:"detail,omitempty" doc:"What is wrong this time."`
	Reference string      `json:"reference,omitempty" doc:"Finds this request in the log and in audit events."`
	Errors    []Violation `json:"errors,omitempty" doc:"What is wrong with the fields that were sent."`

	header http.Header
	cause  error
}

// Violation is what is wrong with one field.
type Violation struct {
	Pointer string `json:"pointer" doc:"The field, as a JSON pointer (RFC 6901)."`
	Detail  string `json:"detail"`
}

// Error is for the log.
func (p *Problem) Error() string {
	var text strings.Builder
	text.WriteString(p.Title)
	if p.Detail != "" {
		text.WriteString(": " + p.Detail)
	}
	for _, v := range p.Errors {
		text.WriteString("; " + v.Pointer + " " + v.Detail)
	}
	return text.String()
}

// Unwrap gives the cause, which is for the log alone.
func (p *Problem) Unwrap() error { return p.cause }

func (p *Problem) kind() string { return strings.TrimPrefix(p.Type, problemPrefix) }

// GetStatus is what frameworks ask for.
func (p *Problem) GetStatus() int { return p.Status }

// Because is the problem with its cause.
func (p *Problem) Because(cause error) *Problem {
	c := *p
	c.cause = cause
	return &c
}

// With is the problem with a header of its answer.
func (p *Problem) With(name, value string) *Problem {
	c := *p
	if c.header = p.header.Clone(); c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return &c
}

const problemPrefix = "urn:signet:problem:"

// NewProblem makes one of a kind, which is the last part of its type.
func NewProblem(status int, kind, title, detail string) *Problem {
	return &Problem{Type: problemPrefix + kind, Title: title, Status: status, Detail: detail}
}

// ToProblem finds what an administrator's program is told.
func ToProblem(x http.ResponseWriter, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	no := toRefusal(x.(*exchange), err)
	p := NewProblem(no.Status, no.Code, http.StatusText(no.Status), no.Description)
	p.header = no.Header
	if no.Status == http.StatusServiceUnavailable && errors.Is(err, storage.ErrUnavailable) {
		p.Type = problemPrefix + "unavailable"
	}
	return p
}

// Challenge makes a problem of what package oauth says about a token, with the challenge of RFC 6750 section 3 (RFC 9728 section 5.1).
func Challenge(err error, metadata, scope string) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Status >= http.StatusInternalServerError {
		return err
	}
	p := NewProblem(http.StatusUnauthorized, no.Code, "The access token does not let you in", no.Description).Because(err)
	challenge := `Bearer realm="signet", resource_metadata="` + metadata + `", error="` + no.Code + `"`
	if scope != "" {
		challenge += `, scope="` + scope + `"`
	}
	if no.Demand != "" { // how the person is to sign in (RFC 9470 section 3)
		challenge += ", " + no.Demand
	}
	return p.With("WWW-Authenticate", challenge)
}

func writeProblem(x *exchange, p *Problem) {
	h := x.Header()
	for name, values := range p.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	h["Cache-Control"] = noStore
	h["Content-Type"] = problemType
	if p.Status == http.StatusServiceUnavailable && h["Retry-After"] == nil {
		h["Retry-After"] = []string{strconv.Itoa(int(retryDelay / time.Second))}
	}
	shown := *p
	shown.Reference = x.reference()
	_ = WriteJSON(x, p.Status, shown) // a struct of ours
}

var problemType = []string{"application/problem+json"}
