package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"signet/admin/view"
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
// and how to fix it. Refusals are kept for days (audit.traces), and only so many a second: ErrNotFound where nothing is known any more.
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

// FirstSignIn reports whether anybody has signed in at an app, and else why its last request was refused, so that whoever registered it can
// fix it.
func (s *Service) FirstSignIn(ctx context.Context, a Actor, id string) (view.FirstSignIn, error) {
	var out view.FirstSignIn
	ctx, err := s.may(ctx, a, "FirstSignIn")
	if err != nil {
		return out, err
	}
	if _, err := s.o.Clients.Client(ctx, id); err != nil {
		return out, translate(err)
	}
	return s.firstSignIn(ctx, id)
}

func (s *Service) firstSignIn(ctx context.Context, id string) (out view.FirstSignIn, err error) {
	rows, err := s.o.Stores.Grants.GrantsOfClient(ctx, id, time.Now(), "", 1)
	if err != nil {
		return out, fmt.Errorf("list grants: %w", err)
	}
	if len(rows) > 0 {
		out = view.FirstSignIn{SignedIn: true, At: utc(rows[0].CreatedAt), Scope: strings.Join(rows[0].Scopes, " ")}
	}
	last, err := s.o.Traces.Last(ctx, id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && last.At.Before(out.At) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("find trace: %w", err)
	}
	e := last.Explain()
	out.Refused = &view.Mistake{At: utc(last.At), Reference: last.Reference, Route: last.Route,
		Check: e.Steps[len(e.Steps)-1].Check, Found: e.Found, Remedy: e.Remedy}
	return out, nil
}
