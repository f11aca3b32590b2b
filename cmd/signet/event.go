package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/audit/feed"
	"signet/server"
	"signet/storage"
)

func (a *app) event() *cobra.Command {
	return noun("event", "Audit events: who did what, and when", reads(a.eventList()), reads(a.eventExport()))
}

// eventLine is for people; --json has everything.
func eventLine(e feed.Event) string {
	return strings.Join(
		[]string{when(e.At), e.Name, e.Outcome, "user " + dash(e.UserID), "client " + dash(e.ClientID), dash(e.Network), string(e.Detail)}, "  ")
}

// eventFilter chooses events.
type eventFilter struct {
	name, client string
	who          who
	userID       string
}

func (f *eventFilter) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "only events whose name begins with this `TEXT`, like signin")
	c.Flags().StringVar(&f.client, "client", "", "only events about the app with this `ID`")
	c.Flags().StringVar(&f.who.email, "user", "", "only events about this `PERSON`: id, email address or username")
}

// resolve finds the person.
func (f *eventFilter) resolve(ctx context.Context, h *server.Services) error {
	if f.who.email == "" {
		return nil
	}
	u, err := f.who.find(ctx, h, nil)
	f.userID = u.ID
	return err
}

func (f *eventFilter) fits(e storage.Event) bool {
	return strings.HasPrefix(e.Name, f.name) && (f.client == "" || e.ClientID == f.client) && (f.userID == "" || e.UserID == f.userID)
}

func (a *app) eventList() *cobra.Command {
	var filter eventFilter
	var limit int
	var follow bool
	c := a.verb("list", "List the newest audit events, the newest last", 0, func(cmd *cobra.Command, _ []string) error {
		if limit < 1 {
			return usage("--limit: %d is not a number of events", limit)
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := filter.resolve(ctx, h); err != nil {
				return err
			}
			list, err := newest(ctx, h.DB, &filter, limit)
			if err != nil {
				return err
			}
			if follow {
				return a.follow(ctx, h.DB, &filter, list)
			}
			shown := []feed.Event{}
			for _, e := range list {
				shown = append(shown, feed.Of(e))
			}
			return a.answer(shown, func(w io.Writer) {
				for _, e := range shown {
					row(w, eventLine(e))
				}
			})
		})
	})
	filter.flags(c)
	c.Flags().IntVar(&limit, "limit", 50, "how many `events`")
	c.Flags().BoolVar(&follow, "follow", false, "go on with what happens, until it is interrupted; with --json, one object a line")
	return c
}

// newest events that fit, the newest last.
func newest(ctx context.Context, db *storage.DB, f *eventFilter, limit int) ([]storage.Event, error) {
	var list []storage.Event
	for before := ""; len(list) < limit; {
		rows, err := db.Events(ctx, before, pageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			before = e.ID
			if f.fits(e) && len(list) < limit {
				list = append(list, e)
			}
		}
		if len(rows) < pageSize {
			break
		}
	}
	slices.Reverse(list)
	return list, nil
}

const (
	followEvery = time.Second
	// followBack is how much is read again: an event bears the time at which it was written, and shows when its transaction ends.
	followBack = 30 * time.Second
)

// follow prints events as they come. seen are those before.
func (a *app) follow(ctx context.Context, db *storage.DB, f *eventFilter, first []storage.Event) error {
	seen := map[string]time.Time{}
	begin := time.Now()
	show := func(e storage.Event) error {
		if _, told := seen[e.ID]; told || !f.fits(e) {
			return nil
		}
		seen[e.ID] = e.At
		return a.printEvent(e)
	}
	for _, e := range first {
		if err := show(e); err != nil {
			return err
		}
	}
	for {
		since := begin
		if back := time.Now().Add(-followBack); back.After(begin) {
			since = back
		}
		if err := eachPage(func(after string) ([]storage.Event, error) {
			return db.EventsAfter(ctx, max(after, feed.After(since)), pageSize)
		}, func(e storage.Event) string {
			if err := show(e); err != nil {
				a.notice(err.Error())
			}
			return e.ID
		}); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for id, at := range seen {
			if time.Since(at) > 2*followBack {
				delete(seen, id)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// printEvent writes one line.
func (a *app) printEvent(e storage.Event) error {
	if !a.json {
		_, err := fmt.Fprintln(a.stdout, eventLine(feed.Of(e)))
		return err
	}
	return a.printLine(feed.JSON, e)
}

func (a *app) printLine(f feed.Format, e storage.Event) error {
	line, err := feed.Line(f, e)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(line)
	return err
}

func (a *app) eventExport() *cobra.Command {
	var filter eventFilter
	var since, until, format string
	c := a.verb("export", "Write audit events, one a line, the oldest first", 0, func(cmd *cobra.Command, _ []string) error {
		now := time.Now()
		from, err := timeOf("since", since, now)
		if err != nil {
			return err
		}
		to, err := timeOf("until", until, now)
		if err != nil {
			return err
		}
		if !feed.Format(format).Known() {
			return usage("--format: %q is none of json, ocsf, cef", format)
		}
		return a.within(cmd, func(ctx context.Context, h *server.Services) error {
			if err := filter.resolve(ctx, h); err != nil {
				return err
			}
			var failed error
			err := eachPage(func(after string) ([]storage.Event, error) {
				if failed != nil {
					return nil, failed
				}
				return h.DB.EventsAfter(ctx, max(after, feed.After(from)), pageSize)
			}, func(e storage.Event) string {
				if failed == nil && filter.fits(e) && (to.IsZero() || e.At.Before(to)) {
					failed = a.printLine(feed.Format(format), e)
				}
				return e.ID
			})
			if failed != nil {
				return fmt.Errorf("write events: %w", failed)
			}
			return err
		})
	})
	filter.flags(c)
	c.Flags().StringVar(&since, "since", "", "only events from this `TIME` on: like 2026-11-27T00:00:00Z, or 24h for the last day")
	c.Flags().StringVar(&format, "format", "json", "`json`, ocsf (Open Cybersecurity Schema Framework 1.3) or cef (Common Event Format)")
	c.Flags().StringVar(&until, "until", "", "only events before this `TIME`")
	return c
}

// timeOf reads a time, or how long ago it was.
func timeOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		if d <= 0 {
			return time.Time{}, usage("--%s: %s is not how long ago; give a duration like 24h", flag, text)
		}
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("--%s: %q is no time; give one like 2026-11-27T00:00:00Z, 2026-11-27 or 24h", flag, text)
}
