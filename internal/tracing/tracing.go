// Package tracing tells a collector of OpenTelemetry what requests spend their time on: a span for each request, and within it one for each
// statement, each request to another server and each hash of a password.
//
// It is off unless the standard variables turn it on (FromEnvironment), and knows only attributes from a closed list (private.go): no code,
// token, address, name or query leaves by it. Begin with FromEnvironment, Tracer.Request and Span.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"signet/storage"
)

const scope = "signet"

// Tracer makes spans. A nil one makes none, at no cost.
type Tracer struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator // nil = what callers say of their traces is not read
}

// ErrVariable marks a variable of the environment that cannot be followed.
var ErrVariable = errors.New("tracing")

// FromEnvironment makes the Tracer that the environment asks for, nil if it asks for none. Signet sends traces where
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set, or OTEL_TRACES_EXPORTER is "otlp"; OTEL_SDK_DISABLED=true
// keeps it off. Sampling, limits and resource attributes follow the standard variables too. Shutdown sends what is left.
//
// What cannot be sent is lost, and said in log, at most once a minute.
func FromEnvironment(ctx context.Context, version string, log *slog.Logger) (*Tracer, error) {
	on, err := wanted()
	if err != nil || !on {
		return nil, err
	}
	client, err := newCollector()
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrVariable, err)
	}
	report(log)
	return New(ctx, exporter, version)
}

// report has the library's errors logged: it has one place for them in a process. A collector that is away would fill the log otherwise.
func report(log *slog.Logger) {
	var mu sync.Mutex
	var last time.Time
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= time.Minute {
			last = now
			log.Warn("traces are not sent", "error", err)
		}
	}))
}

// Check reports what in the environment FromEnvironment could not follow.
func Check() error {
	on, err := wanted()
	if err != nil || !on {
		return err
	}
	_, err = newCollector()
	return err
}

// New makes a Tracer that gives its spans to an exporter, in batches.
func New(ctx context.Context, exporter sdktrace.SpanExporter, version string) (*Tracer, error) {
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", scope), attribute.String("service.version", version),
		attribute.String("service.instance.id", instance())),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("%w: OTEL_RESOURCE_ATTRIBUTES: %w; write it as name=value,name=value", ErrVariable, err)
	}
	t := &Tracer{provider: sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(private{exporter}))}
	t.tracer = t.provider.Tracer(scope)
	if propagates(os.Getenv("OTEL_PROPAGATORS")) {
		t.propagator = propagation.TraceContext{}
	}
	return t, nil
}

// propagates reports whether callers' traceparent is read (W3C Trace Context), as it is unless the variable leaves it out.
func propagates(list string) bool {
	if list == "" {
		return true
	}
	for name := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(name) == "tracecontext" {
			return true
		}
	}
	return false
}

// Flush sends what there is by now.
func (t *Tracer) Flush(ctx context.Context) {
	if t != nil {
		_ = t.provider.ForceFlush(ctx)
	}
}

// Shutdown sends what is left, for as long as ctx allows.
func (t *Tracer) Shutdown(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Request is the span of a request that is answered here. A nil one is of no trace.
type Request struct{ span trace.Span }

// Request begins the span of a request at its start. What its traceparent says is its parent if it comes by a proxy of ours; of others it
// is only linked, so that strangers cannot have their requests sampled or put them into traces of ours.
func (t *Tracer) Request(ctx context.Context, header http.Header, trusted bool, start time.Time) (context.Context, *Request) {
	if t == nil {
		return ctx, nil
	}
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start)}
	if t.propagator != nil && header.Get("Traceparent") != "" {
		theirs := trace.SpanContextFromContext(t.propagator.Extract(context.Background(), propagation.HeaderCarrier(header)))
		switch {
		case !theirs.IsValid():
		case trusted:
			ctx = trace.ContextWithRemoteSpanContext(ctx, theirs)
		default:
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: theirs.WithTraceState(trace.TraceState{})}))
		}
	}
	ctx, span := t.tracer.Start(ctx, "request", opts...)
	return ctx, &Request{span}
}

// Statements has each statement that is counted in stats become a span within the request's.
func (r *Request) Statements(ctx context.Context, stats *storage.Stats) {
	if r == nil || !r.span.IsRecording() {
		return
	}
	tracer := r.span.TracerProvider().Tracer(scope)
	stats.Each = func(inner context.Context, query string, start time.Time, failed bool) {
		within := trace.ContextWithSpan(ctx, within(inner, r.span))
		verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
		_, span := tracer.Start(within, verb, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(start),
			trace.WithAttributes(attribute.String("db.query.text", query)))
		if failed {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// within is the span that a statement belongs to: the innermost that is of the same trace.
func within(ctx context.Context, outer trace.Span) trace.Span {
	if span := trace.SpanFromContext(ctx); span.SpanContext().TraceID() == outer.SpanContext().TraceID() {
		return span
	}
	return outer
}

// Recording reports whether the span is sampled: what it is told is sent.
func (r *Request) Recording() bool { return r != nil && r.span.IsRecording() }

// IDs are the trace's and the span's, for the log; "" where there is no trace.
func (r *Request) IDs() (traceID, spanID string) {
	if r == nil {
		return "", ""
	}
	c := r.span.SpanContext()
	return c.TraceID().String(), c.SpanID().String()
}

// Told is what a request's span says when it ends.
type Told struct {
	Method, Route string // as mounted
	Status        int    // of the answer
	RequestID     string
	ClientID      string // "" = none was named
	GrantType     string // of a token request; "" = it is none
	Error         string // code of the error; "" = none
}

// End ends the span.
func (r *Request) End(told Told) {
	if r == nil {
		return
	}
	r.span.SetName(told.Method + " " + told.Route)
	attrs := []attribute.KeyValue{attribute.String("http.request.method", told.Method), attribute.String("http.route", told.Route),
		attribute.Int("http.response.status_code", told.Status), attribute.String("signet.request_id", told.RequestID)}
	for _, a := range []attribute.KeyValue{attribute.String("signet.client_id", told.ClientID),
		attribute.String("signet.grant_type", told.GrantType), attribute.String("error.type", told.Error)} {
		if a.Value.AsString() != "" {
			attrs = append(attrs, a)
		}
	}
	r.span.SetAttributes(attrs...)
	if told.Status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}

// Job begins the span of a background job; end is called with what became of it.
func (t *Tracer) Job(ctx context.Context, name string) (inner context.Context, end func(err error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, "job "+name, trace.WithNewRoot())
	if !span.IsRecording() {
		return ctx, func(error) { span.End() }
	}
	ctx, stats := storage.WithStats(ctx)
	(&Request{span}).Statements(ctx, stats)
	return ctx, ender(span)
}

// Span begins a span within that of ctx, where there is one that is sampled; end is called with what became of it. Host is a server that is
// asked; "" = none is.
func Span(ctx context.Context, name, host string) (inner context.Context, end func(err error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nothing
	}
	var opts []trace.SpanStartOption
	if host != "" {
		opts = append(opts, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("server.address", host)))
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, opts...)
	return ctx, ender(span)
}

func nothing(error) {}

func ender(span trace.Span) func(error) {
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
