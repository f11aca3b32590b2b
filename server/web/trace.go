package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"signet/audit/trace"
	"signet/oauth/refusal"
)

// Told notes an error that the caller is told in another way than by the route's answer, as by a redirect to an app (RFC 6749 section
// 4.1.2.1): it is in the log and can be explained like any other.
func Told(ctx context.Context, err error) {
	if x := exchangeOf(ctx); x != nil && x.err == nil {
		x.err = err
	}
}

// unkept are what the log has of each request and an explanation does not need.
var unkept = map[string]bool{"method": true, "pattern": true, "status": true, "took_us": true, "request_id": true, "db_reads": true,
	"db_writes": true, "db_took_us": true, "error": true, "stack": true, "client_id": true, "user_id": true, "trace_id": true,
	"span_id": true}

// trace is what is kept of a refused request: what its line in the log says.
func (x *exchange) trace(line slog.Record, status int) trace.Trace {
	t := trace.Trace{Reference: x.reference(), At: time.Now().UTC(), Route: x.route.methodName() + " " + x.route.pattern, Status: status,
		Network: Network(x.addr), Error: x.err.Error()}
	t.Code, t.Description = said(x.err)
	line.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key == "client_id":
			t.ClientID = a.Value.String()
		case a.Key == "user_id":
			t.UserID = a.Value.String()
		case !unkept[a.Key]:
			t.Facts = append(t.Facts, trace.Fact{Name: a.Key, Value: a.Value.String()})
		}
		return true
	})
	return t
}

// said is the code, and the sentence, of an error.
func said(err error) (code, description string) {
	if no, ok := errors.AsType[*refusal.Refusal](err); ok {
		return no.Code, no.Description
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.kind.Name(), p.Detail
	}
	if page, ok := errors.AsType[*PageError](err); ok {
		return page.Kind, ""
	}
	return "server_error", ""
}
