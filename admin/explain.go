package admin

import (
	"context"
	"errors"
	"fmt"

	"signet/audit/feed"
	"signet/audit/trace"
	"signet/storage"
)

// Explained is what became of the request of a reference.
type Explained struct {
	trace.Explanation
	Events []Event `json:"events" doc:"What the request wrote into the audit log, newest first."`
}

// Explain says why the request of a reference was refused, as an error page or the log shows it: what was checked in order, what failed,
// and what mends it. Refusals are kept for days (audit.traces), and only so many a second: ErrNotFound where nothing is known any more.
func (s *Service) Explain(ctx context.Context, a Actor, reference string) (Explained, error) {
	ctx, err := s.may(ctx, a, "Explain")
	if err != nil {
		return Explained{}, err
	}
	spelled := trace.Spelled(reference)
	if spelled == "" {
		return Explained{}, invalid("reference", "is ten letters and digits, like 7F3K-92QD-MX")
	}
	kept, err := s.o.Traces.Find(ctx, spelled)
	known := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return Explained{}, fmt.Errorf("find trace: %w", err)
	}
	rows, err := s.o.Stores.Records.EventsLike(ctx, storage.Event{RequestID: spelled}, "", MaxPage)
	if err != nil {
		return Explained{}, fmt.Errorf("list events: %w", err)
	}
	out := Explained{Events: []Event{}}
	for _, e := range rows {
		out.Events = append(out.Events, feed.Of(e))
	}
	switch {
	case known:
		out.Explanation = kept.Explain()
	case len(rows) > 0:
		out.Explanation = trace.Explanation{Trace: trace.Trace{Reference: spelled, At: utc(rows[0].At)}, Steps: []trace.Step{},
			Found: "The request was not refused, or that is not kept any more. These are its events."}
	default:
		return Explained{}, ErrNotFound
	}
	return out, nil
}
