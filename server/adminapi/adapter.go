package adminapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"signet/internal/exact"
	"signet/server/web"
	"signet/server/web/problem"
)

// adapter mounts operations on our mux, so that they pass through what every request does. Errors go to the mux's border.
type adapter struct {
	mux     *web.Mux
	handler *Handler
}

// once: the constructors of errors are huma's package variables, and decide the document, too.
var once sync.Once

// Handle implements huma.Adapter.
func (a *adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	serve := func(w http.ResponseWriter, r *http.Request) error {
		a.handler.announce(w, r, op.OperationID)
		who, sent, err := a.handler.actor(r, pathOf(r.URL))
		if err != nil {
			return err
		}
		if err := a.handler.rates.pay(who, op.Method != http.MethodGet); err != nil {
			return err
		}
		if !taken(op, r.Header.Get("Content-Type")) {
			return problemOf(http.StatusUnsupportedMediaType, "This type of content is not taken: send JSON.", nil)
		}
		if err := asked(op, r.URL.RawQuery); err != nil {
			return err
		}
		x := &exchange{op: op, w: w}
		lines := op.MaxBodyBytes == mostLines
		if lines {
			done, err := a.handler.patiently(w, r, who)
			if err != nil {
				return err
			}
			defer done()
		}
		if x.sent, err = io.ReadAll(r.Body); err != nil {
			return err
		}
		if lines { // a body that may take a minute to arrive gives nothing that its sender lost meanwhile
			if who, err = a.handler.still(r, sent); err != nil {
				return err
			}
		}
		if name, is := exact.Twice(x.sent); is && !lines {
			return problemOf(http.StatusUnprocessableEntity, "",
				[]error{&huma.ErrorDetail{Location: name, Message: "is there twice, so that it is not clear which one counts"}})
		}
		x.ctx = context.WithValue(context.WithValue(r.Context(), actorKey{}, who), exchangeKey{}, x)
		x.r = r.WithContext(x.ctx)
		if err := a.handler.once(x, who, func() { handle(x) }); err != nil {
			return err
		}
		if x.status != 0 {
			w.WriteHeader(x.status)
		}
		_, _ = w.Write(x.body.Bytes()) // the client went away: nobody to tell
		return nil
	}
	if pattern := op.Method + " " + base + op.Path; op.MaxBodyBytes == mostLines {
		a.mux.AdminUpload(pattern, mostLines, serve)
	} else {
		a.mux.Admin(pattern, serve)
	}
}

// asked looks at a query as the document has it, where huma is lenient: it takes the first of a parameter that is there twice, and leaves
// out one without a value, which for a time or a number is none. (An empty text is one.)
func asked(op *huma.Operation, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return problemOf(http.StatusUnprocessableEntity, "The query of the address cannot be read.", nil)
	}
	var wrong []error
	for _, p := range op.Parameters {
		given := values[p.Name]
		switch {
		case p.In != "query" || len(given) == 0:
		case len(given) > 1:
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + p.Name, Message: "is there more than once"})
		case given[0] == "" && (p.Schema.Type != huma.TypeString || p.Schema.Format != "" || len(p.Schema.Enum) > 0):
			wrong = append(wrong, &huma.ErrorDetail{Location: "query." + p.Name, Message: "has no value: give one, or leave it out"})
		}
	}
	if len(wrong) > 0 {
		return problemOf(http.StatusUnprocessableEntity, "", wrong)
	}
	return nil
}

// pathOf is the address of a request under the issuer, as it was written: what is escaped in it stays so, for a proof of possession says it
// so, too.
func pathOf(u *url.URL) string {
	for _, path := range []string{u.EscapedPath(), u.Path} { // the second where our own part of it was escaped, too
		if at := strings.Index(path, web.AdminPath); at >= 0 {
			return path[at:]
		}
	}
	return u.Path
}

// ServeHTTP is never asked for: the mux serves.
func (a *adapter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
}

type exchangeKey struct{}

// exchange is one request and its answer, which is sent when the operation has ended without an error.
type exchange struct {
	op      *huma.Operation
	ctx     context.Context
	r       *http.Request
	w       http.ResponseWriter
	sent    []byte // the body
	status  int
	body    bytes.Buffer
	problem error
}

func (x *exchange) Operation() *huma.Operation      { return x.op }
func (x *exchange) Context() context.Context        { return x.ctx }
func (x *exchange) TLS() *tls.ConnectionState       { return x.r.TLS }
func (x *exchange) Version() huma.ProtoVersion      { return huma.ProtoVersion{Proto: x.r.Proto} }
func (x *exchange) Method() string                  { return x.r.Method }
func (x *exchange) Host() string                    { return x.r.Host }
func (x *exchange) RemoteAddr() string              { return x.r.RemoteAddr }
func (x *exchange) URL() url.URL                    { return *x.r.URL }
func (x *exchange) Param(name string) string        { return x.r.PathValue(name) }
func (x *exchange) Query(name string) string        { return x.r.URL.Query().Get(name) }
func (x *exchange) Header(name string) string       { return x.r.Header.Get(name) }
func (x *exchange) BodyReader() io.Reader           { return bytes.NewReader(x.sent) }
func (x *exchange) SetReadDeadline(time.Time) error { return nil } // the mux has read the body, in its time
func (x *exchange) SetStatus(code int)              { x.status = code }
func (x *exchange) Status() int                     { return x.status }
func (x *exchange) AppendHeader(name, value string) { x.w.Header().Add(name, value) }
func (x *exchange) BodyWriter() io.Writer           { return &x.body }

// SetHeader sets one; Link is added, for what is deprecated has some already.
func (x *exchange) SetHeader(name, value string) {
	if name == "Link" {
		x.w.Header().Add(name, value)
		return
	}
	x.w.Header().Set(name, value)
}

// EachHeader implements huma.Context.
func (x *exchange) EachHeader(each func(name, v string)) {
	for name, values := range x.r.Header {
		for _, value := range values {
			each(name, value)
		}
	}
}

// GetMultipartForm implements huma.Context; no operation takes one.
func (x *exchange) GetMultipartForm() (*multipart.Form, error) { return nil, errors.ErrUnsupported }

// takeErrors makes every error that huma would write itself ours: what is wrong with which field, and never the value that was sent.
func takeErrors() {
	huma.ValidateStrictCasing = true // else what is checked need not be what is read
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError { return problemOf(status, text, errs) }
	huma.NewErrorWithContext = func(ctx huma.Context, status int, text string, errs ...error) huma.StatusError {
		p := problemOf(status, text, errs)
		if x, ok := ctx.Context().Value(exchangeKey{}).(*exchange); ok && x.problem == nil {
			x.problem = p
		}
		return p
	}
}

// longestPointer is how much of a name that was sent an error tells.
const longestPointer = 100

func problemOf(status int, text string, errs []error) *web.Problem {
	p := web.NewProblem(problem.InvalidRequest, "").At(status)
	if status == http.StatusUnprocessableEntity || status == http.StatusBadRequest && len(errs) > 0 {
		p = web.NewProblem(problem.Invalid, "")
	}
	if len(errs) == 0 {
		p.Detail = text
	}
	for _, err := range errs {
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok { // of a parser: it may quote what was sent
			p.Errors = append(p.Errors, web.Violation{Detail: "cannot be read"})
			continue
		}
		v := web.Violation{Pointer: pointer(d.Location), Detail: quiet(d.Message)}
		if len(v.Pointer) > longestPointer { // a name of the caller's own
			v.Pointer = v.Pointer[:strings.LastIndex(v.Pointer, "/")+1]
		}
		p.Errors = append(p.Errors, v)
	}
	return p
}

// quiet is a message without what was sent, which those of parsers quote.
func quiet(text string) string {
	for beginning, ours := range map[string]string{
		"json: ": "cannot be read as JSON", "invalid character": "cannot be read as JSON", "unexpected end of JSON": "cannot be read as JSON",
		"unknown content type": "this type of content is not taken: send JSON",
	} {
		if strings.HasPrefix(text, beginning) {
			return ours
		}
	}
	return text
}

// pointer makes "body.a[3].b" and "query.limit" a JSON pointer.
func pointer(location string) string {
	location = strings.TrimPrefix(location, "body")
	return "/" + strings.TrimPrefix(strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(location), "/")
}
