package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"signet/server/servertest"
)

// costs records the statements of the requests to an endpoint.
type costs struct {
	pattern string

	mu   sync.Mutex
	last string
}

func (*costs) Enabled(context.Context, slog.Level) bool { return true }

func (c *costs) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c *costs) WithGroup(string) slog.Handler { return c }

func (c *costs) Handle(_ context.Context, r slog.Record) error {
	all := map[string]string{}
	r.Attrs(func(a slog.Attr) bool { all[a.Key] = a.Value.String(); return true })
	if all["pattern"] == c.pattern {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last = fmt.Sprintf("%s reads, %s writes", all["db_reads"], all["db_writes"])
	}
	return nil
}

// TestD01_CIBA_AskingCostsTheSameForAll: the clock tells an app no more than the answer of whether somebody is known, can decide, or
// wants to be asked; nor does the email, of which nobody gets one.
func TestD01_CIBA_AskingCostsTheSameForAll(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		seen := &costs{pattern: "/oauth2/bc-authorize"}
		s, box := servertest.NewWithMail(t, engine, servertest.Log(seen))
		s.Person(t, "ada@example.com")
		people := s.Services()
		if err := people.People.Disable(t.Context(), s.Person(t, "bob@example.com").ID); err != nil {
			t.Fatal(err)
		}
		if err := people.DB.RefuseRequests(t.Context(), s.Person(t, "carol@example.com").ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		c := newCounter(t, s, "counter")
		c.begin("somebody@example.com") // what is read once
		all := map[string]string{}
		for _, hint := range []string{"ada@example.com", "nobody@example.com", "bob@example.com", "carol@example.com"} {
			for _, time := range []string{"first", "again"} {
				c.begin(hint)
				seen.mu.Lock()
				all[time+": "+seen.last] += hint + " "
				seen.mu.Unlock()
			}
		}
		if len(all) != 2 {
			t.Errorf("%v", all)
		}
		box.Wait(t, "ada@example.com")
		for _, none := range []string{"nobody@example.com", "bob@example.com", "carol@example.com"} {
			box.None(t, none)
		}
	})
}
