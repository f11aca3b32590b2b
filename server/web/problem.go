package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"signet/oauth/refusal"
	"signet/server/web/problem"
	"signet/storage"
)

// AdminPath is where the API of administrators begins, under the issuer's path.
const AdminPath = "/api/admin/"

// Problem is an error of the API of administrators (RFC 9457). It never holds a value that was sent.
type Problem struct {
	Type      string      `json:"type" format:"uri-reference" doc:"Names the kind of problem: the address of a page that explains it."`
	Title     string      `json:"title" doc:"The same for every problem of the type."`
	Status    int         `json:"status"`
	Detail    string      `json:"detail,omitempty" doc:"What is wrong this time."`
	Reference string      `json:"reference,omitempty" doc:"Finds this request in the log and in audit events."`
	Errors    []Violation `json:"errors,omitempty" doc:"What is wrong with the fields that were sent."`

	kind   *problem.Kind
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

// At is the problem with another status than is usual for its kind.
func (p *Problem) At(status int) *Problem {
	c := *p
	c.Status = status
	return &c
}

// NewProblem makes one of a kind. Its type is known when it is written: it has the issuer in it.
func NewProblem(kind *problem.Kind, detail string) *Problem {
	return &Problem{Title: kind.Title(), Status: kind.Status(), Detail: detail, kind: kind}
}

// Typed is the problem with its type, as the issuer answers it.
func (p *Problem) Typed(issuer string) *Problem {
	c := *p
	c.Type = p.kind.Type(issuer)
	return &c
}

// ToProblem finds what an administrator's program is told.
func ToProblem(x http.ResponseWriter, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	no := toRefusal(x.(*exchange), err)
	kind := problem.Named(no.Code, no.Status)
	if no.Status == http.StatusServiceUnavailable && errors.Is(err, storage.ErrUnavailable) {
		kind = problem.Unavailable
	}
	p := NewProblem(kind, no.Description).At(no.Status)
	p.header = no.Header
	return p
}

// Challenge makes a problem of what package oauth says about a token, with the challenge of RFC 6750 section 3 (RFC 9728 section 5.1).
func Challenge(err error, metadata, scope string) error {
	no, ok := errors.AsType[*refusal.Refusal](err)
	if !ok || no.Status >= http.StatusInternalServerError {
		return err
	}
	p := NewProblem(problem.Named(no.Code, http.StatusUnauthorized), no.Description).At(http.StatusUnauthorized).Because(err)
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
	shown := p.Typed(x.route.mux.base + x.route.mux.prefix)
	shown.Reference = x.reference()
	_ = WriteJSON(x, p.Status, shown) // a struct of ours
}

var problemType = []string{"application/problem+json"}
