// Package otelx is what fosite asks of the package of this path in github.com/ory/x: docs/decisions/0009.
package otelx

import (
	"fmt"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// End ends the span, with the status of *err, or of a panic, which goes on. To be deferred.
func End(span trace.Span, err *error) {
	defer span.End()
	if r := recover(); r != nil {
		span.SetStatus(codes.Error, fmt.Sprint("panic: ", r))
		panic(r)
	}
	if err != nil && *err != nil {
		span.SetStatus(codes.Error, (*err).Error())
	}
}
