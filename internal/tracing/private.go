package tracing

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Attributes are all that a span may have. Docs: operations.md, "Traces".
var Attributes = []attribute.Key{
	"http.request.method", "http.route", "http.response.status_code", "signet.request_id", "signet.client_id", "signet.grant_type",
	"error.type", "db.query.text", "server.address",
}

// private is the last thing before an exporter: whatever a library puts on a span that is not on the list stays here, as do events (which
// hold the texts of panics) and the words of errors (which hold what callers sent).
type private struct{ sdktrace.SpanExporter }

// ExportSpans implements sdktrace.SpanExporter.
func (p private) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		out[i] = bare{span}
	}
	return p.SpanExporter.ExportSpans(ctx, out)
}

type bare struct{ sdktrace.ReadOnlySpan }

func (b bare) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(b.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool {
		return !slices.Contains(Attributes, a.Key)
	})
}

func (b bare) Events() []sdktrace.Event { return nil }

func (b bare) Status() sdktrace.Status { return sdktrace.Status{Code: b.ReadOnlySpan.Status().Code} }

// Links of others' traces have no attributes of theirs.
func (b bare) Links() []sdktrace.Link {
	links := slices.Clone(b.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = nil
	}
	return links
}
