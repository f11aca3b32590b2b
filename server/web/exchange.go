package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"signet/audit"
	"signet/internal/telemetry"
	"signet/internal/tracing"
	"signet/oauth/refusal"
	"signet/storage"
)

// exchange is one request and its answer. It is the request's context, its ResponseWriter and its body at once, so that
// the whole frame costs a request one allocation.
type exchange struct {
	context.Context
	out    http.ResponseWriter
	route  *route
	start  time.Time
	status int // 0 until a header was written
	id     [10]byte
	addr   netip.Addr
	agent  string   // User-Agent
	hosts  []string // X-Forwarded-Host of a trusted proxy
	asked  bool     // it came by the listener that asks for certificates
	shown  *shown   // what a trusted proxy says of the client's certificate; nil = nothing
	body   limitedBody
	stats  *storage.Stats
	traced *tracing.Request // nil = it is not
	event  telemetry.Event
	place  bool // it is worked on: see places
	http2  bool
	timed  bool // the handler said how long its answer may take
	err    error
	stack  []byte // of a panic
}

type exchangeKey struct{}

// Value answers for what the middleware put into the context.
func (x *exchange) Value(key any) any {
	switch key.(type) {
	case exchangeKey:
		return x
	case telemetry.EventKey:
		return &x.event
	case audit.OriginKey:
		return audit.OriginSource(x)
	}
	return x.Context.Value(key)
}

// Origin is for audit events: made only when one is written.
func (x *exchange) Origin() audit.Origin {
	return audit.Origin{Address: x.addr.String(), Network: Network(x.addr), Agent: x.agent, RequestID: x.reference()}
}

// Header of the answer.
func (x *exchange) Header() http.Header { return x.out.Header() }

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
		x.sends()
	}
	x.out.WriteHeader(status)
}

// Write notes the implied 200.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
		x.sends()
	}
	return x.out.Write(p)
}

// sends gives an answer that begins late the time that others have: the listener's is for whoever reads slowly, and what was long in the
// making would be cut off.
func (x *exchange) sends() {
	if !x.timed && (x.http2 || time.Since(x.start) > writeTimeout/2) {
		_ = http.NewResponseController(x.out).SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's writer has none
	}
}

// SetWriteDeadline is for http.ResponseController.
func (x *exchange) SetWriteDeadline(t time.Time) error {
	x.timed = true
	return http.NewResponseController(x.out).SetWriteDeadline(t)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.out }

// exchangeOf finds the request's exchange; nil outside the middleware (a handler's own unit test).
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// limitedBody reads at most as many bytes as are left and remembers what went wrong, so that the border answers 413 and 408 whatever
// the handler made of the error.
type limitedBody struct {
	io.ReadCloser
	most   int64
	left   int64
	tooBig bool
	late   bool
	whole  *bytes.Buffer // of a body that was read before the handler ran
	rest   bytes.Reader
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.whole != nil {
		return b.rest.Read(p)
	}
	if b.tooBig {
		return 0, &http.MaxBytesError{Limit: b.most}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than allowed, to tell the end from too much
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		b.tooBig = true
		return int(b.left), &http.MaxBytesError{Limit: b.most}
	}
	b.left -= int64(n)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		b.late = true
	}
	return n, err
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// fetch reads the body to its end, so that a slow one takes no place from others (V07). Buffers grow with what arrives.
func (b *limitedBody) fetch() error {
	if b.ReadCloser == nil {
		return nil
	}
	whole := bodies.Get().(*bytes.Buffer)
	whole.Reset()
	if _, err := whole.ReadFrom(b); err != nil {
		bodies.Put(whole)
		return err
	}
	b.whole = whole
	b.rest.Reset(whole.Bytes())
	return nil
}

// done gives the buffer back.
func (b *limitedBody) done() {
	if b.whole != nil {
		b.rest.Reset(nil)
		bodies.Put(b.whole)
	}
}

// idAlphabet has no 0, 1, I, L, O, U: the reference is read out on the phone.
const idAlphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ23"

// newID fills in the request's reference.
func (x *exchange) newID() {
	_, _ = rand.Read(x.id[:]) // never fails
	for i, b := range x.id {
		x.id[i] = idAlphabet[b&31]
	}
}

func (x *exchange) reference() string {
	if x.id[0] == 0 {
		return ""
	}
	var text [12]byte
	copy(text[:4], x.id[:4])
	text[4] = '-'
	copy(text[5:9], x.id[4:8])
	text[9] = '-'
	copy(text[10:], x.id[8:])
	return string(text[:])
}

// RequestID is the reference of the request that ctx belongs to, like 7F3K-92QD-MX; "" outside a request. It is shown on
// error pages and is in the log.
func RequestID(ctx context.Context) string {
	if x := exchangeOf(ctx); x != nil {
		return x.reference()
	}
	return ""
}

// serve is the outermost layer: it makes the exchange, lets the route answer and writes the one line.
func (m *Mux) serve(w http.ResponseWriter, r *http.Request) {
	m.begin(&exchange{Context: r.Context(), out: w, start: time.Now(), route: m.nowhere}, r)
}

// begin fills the exchange in.
func (m *Mux) begin(x *exchange, r *http.Request) {
	x.newID()
	hosts := r.Header["X-Forwarded-Host"]
	if m.options.Certificates.Name != "" {
		x.shown = m.forwardedCertificate(x, r)
	}
	x.addr = m.realAddress(r)
	if len(hosts) > 0 && m.trusted(peerAddress(r.RemoteAddr)) {
		x.hosts = hosts
	}
	if m.options.Tracer != nil {
		x.Context, x.traced = m.options.Tracer.Request(x.Context, r.Header, m.trusted(peerAddress(r.RemoteAddr)), x.start)
	}
	if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0) {
		// RFC 9112 section 6.1: a Content-Length beside a Transfer-Encoding, and any Transfer-Encoding in HTTP/1.0, ends the connection.
		// net/http has removed the other header by now, so every request that may have had both is the last of its connection.
		x.out.Header()["Connection"] = closeConnection
	}
	if x.http2 = r.ProtoMajor > 1; x.http2 { // such a stream ends with its time, whether or not there is something to send
		_ = http.NewResponseController(x.out).SetWriteDeadline(x.start.Add(makingTimeout))
	}
	if r.Body != nil && r.Body != http.NoBody {
		x.body.ReadCloser, x.body.most, x.body.left = r.Body, maxBody, maxBody
	}
	if agent := r.Header["User-Agent"]; len(agent) > 0 {
		x.agent = agent[0]
	}
	ctx, stats := storage.WithStats(x)
	x.stats = stats
	x.traced.Statements(x.Context, stats)
	r = r.WithContext(ctx)
	if x.body.ReadCloser != nil {
		r.Body = &x.body
	}
	defer m.finish(x)
	if r.RequestURI == "*" || !cleanPath(r.URL.EscapedPath()) {
		m.nowhere.ServeHTTP(x, r) // ServeMux would redirect, with a 307 that repeats a POST
		return
	}
	m.mux.ServeHTTP(x, r)
}

// finish counts and logs the request, once.
func (m *Mux) finish(x *exchange) {
	if x.place {
		m.places.leave(x.route.side, x.addr)
		m.metrics.InFlight(int64(m.places.count()))
	}
	x.body.done()
	took := time.Since(x.start)
	status := x.status
	if status == 0 {
		status = http.StatusOK // a handler that wrote nothing
	}
	x.route.seen.Observe(status, took)
	code := ""
	if no, ok := errors.AsType[*refusal.Refusal](x.err); ok {
		code = no.Code
		m.metrics.Refused(x.route.pattern, code)
	}
	m.metrics.RequestOf(&x.event, x.route.pattern, status, code)
	level := slog.LevelInfo
	switch {
	case status >= 500 || x.stack != nil:
		level = slog.LevelError
	case x.route.quiet && status < 400:
		level = slog.LevelDebug
	}
	handler := m.log.Handler()
	tells := x.err != nil && m.options.Refused != nil && status != statusGone
	if !handler.Enabled(x, level) && !tells && !x.traced.Recording() {
		x.traced.End(tracing.Told{})
		return
	}
	rec := slog.NewRecord(time.Now(), level, "request", 0)
	rec.AddAttrs(slog.String("method", x.route.methodName()), slog.String("pattern", x.route.pattern),
		slog.Int("status", status), telemetry.Micros("took_us", took), slog.String("request_id", x.reference()))
	if n := x.stats; n.Reads()+n.Writes() > 0 {
		rec.AddAttrs(slog.Int64("db_reads", n.Reads()), slog.Int64("db_writes", n.Writes()), telemetry.Micros("db_took_us", n.Time()))
	}
	x.event.Take(&rec)
	x.endTrace(&rec, status)
	if x.err != nil {
		rec.AddAttrs(slog.String("error", x.err.Error()))
	}
	if x.stack != nil {
		rec.AddAttrs(slog.String("stack", string(x.stack)))
	}
	if handler.Enabled(x, level) {
		_ = handler.Handle(x, rec)
	}
	if tells {
		m.options.Refused(x.trace(rec, status))
	}
}

// endTrace ends the request's span with what its line in the log says, and puts the span's name into the line.
func (x *exchange) endTrace(line *slog.Record, status int) {
	if x.traced == nil {
		return
	}
	told := tracing.Told{Method: x.route.methodName(), Route: x.route.pattern, Status: status, RequestID: x.reference()}
	line.Attrs(func(a slog.Attr) bool {
		if !telemetry.Known(a.Value) {
			return true // a stranger's words, without end, and perhaps a password in the wrong field
		}
		switch a.Key {
		case "client_id":
			told.ClientID = a.Value.String()
		case "grant_type":
			told.GrantType = a.Value.String()
		}
		return true
	})
	switch {
	case x.stack != nil:
		told.Error = "panic"
	case x.err != nil:
		told.Error, _ = said(x.err)
	}
	traceID, spanID := x.traced.IDs()
	line.AddAttrs(slog.String("trace_id", traceID), slog.String("span_id", spanID))
	x.traced.End(told)
}
