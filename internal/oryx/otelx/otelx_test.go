package otelx

import (
	"errors"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

type recorded struct {
	trace.Span
	code  codes.Code
	words string
	ended int
}

func (r *recorded) SetStatus(c codes.Code, words string) { r.code, r.words = c, words }
func (r *recorded) End(...trace.SpanEndOption)           { r.ended++ }

func TestEnd(t *testing.T) {
	failed := errors.New("refused")
	var none error
	for name, c := range map[string]struct {
		err   *error
		code  codes.Code
		words string
	}{
		"no error": {&none, codes.Unset, ""}, "no place for one": {nil, codes.Unset, ""}, "an error": {&failed, codes.Error, "refused"},
	} {
		span := &recorded{Span: noop.Span{}}
		End(span, c.err)
		if span.code != c.code || span.words != c.words || span.ended != 1 {
			t.Errorf("%s: %+v", name, span)
		}
	}
}

func TestEndLetsAPanicGoOn(t *testing.T) {
	span := &recorded{Span: noop.Span{}}
	defer func() {
		if r := recover(); r != "lost" || span.code != codes.Error || span.words != "panic: lost" || span.ended != 1 {
			t.Errorf("%v: %+v", r, span)
		}
	}()
	defer End(span, nil)
	panic("lost")
}
