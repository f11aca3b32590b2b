package logo

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/internal/egress"
	"signet/storage/storagetest"
)

// crowd is many hosts: those of slow.example answer after five seconds that nothing came, the others at once.
type crowd struct {
	*world
	mu        sync.Mutex
	now, most int
	of        map[string]int // requests to a domain at a time
	mostOf    int
}

func (c *crowd) Fetch(ctx context.Context, q egress.Request) (egress.Response, error) {
	u, err := url.Parse(q.URL)
	if err != nil {
		return egress.Response{}, err
	}
	domain := domainOf(q.URL)
	c.mu.Lock()
	c.asked.Add(1)
	c.now++
	c.of[domain]++
	c.most, c.mostOf = max(c.most, c.now), max(c.mostOf, c.of[domain])
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
		c.of[domain]--
	}()
	if strings.Contains(u.Host, "slow") {
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
		return egress.Response{}, egress.ErrAnswer
	}
	return c.files["good"], nil
}

// TestSlowHostsKeepNobodyWaiting: a stranger's hundred clients on one domain, and one each on sixty domains, all of which answer as late as
// they may: pictures of other clients are there within two rounds, and the slow ones are tried once an hour.
func TestSlowHostsKeepNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		c := &crowd{world: &world{files: map[string]egress.Response{"good": {Status: 200, Type: "image/png", Body: pictureOf(t, 32, asPNG)}}},
			of: map[string]int{}}
		for i := range 100 {
			c.list = append(c.list, app(fmt.Sprintf("a-many-%d", i), fmt.Sprintf("https://h%d.slow.example/l.png", i)))
		}
		for i := range 60 {
			c.list = append(c.list, app(fmt.Sprintf("b-one-%d", i), fmt.Sprintf("https://slow%d.example/l.png", i)))
		}
		for i := range 20 {
			c.list = append(c.list, app(fmt.Sprintf("c-good-%d", i), "https://good.example/l.png"))
		}
		b, err := New(db, c, c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		tend := func() {
			t.Helper()
			began := time.Now()
			if err := b.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > round {
				t.Errorf("a round of %s", took)
			}
		}
		tend()
		tend()
		for i := range 20 {
			if b.Of(fmt.Sprintf("c-good-%d", i)) == "" {
				t.Errorf("client %d has no picture after two rounds", i)
			}
		}
		if c.most > workers || c.mostOf != 1 {
			t.Errorf("%d at a time, %d of one domain", c.most, c.mostOf)
		}
		c.list = append(c.list, app("z-late", "https://late.example/l.png")) // while slow ones still wait, of which some were left
		tend()
		if b.Of("z-late") == "" {
			t.Error("one that came later has no picture after a round")
		}
		asked := c.asked.Load()
		for range 3 {
			tend()
		}
		if more := c.asked.Load() - asked; more > 3 { // of the domain of many one a round; the others not before an hour is over
			t.Errorf("%d more fetches in three rounds", more)
		}
	})
}

// TestARoundThatEndsIsNoFailure: what was under way when the round or the server ended is tried in the next one.
func TestARoundThatEndsIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		defer db.Close()
		c := &crowd{world: &world{list: []*clients.Client{app("slow", "https://slow.example/l.png")}}, of: map[string]int{}}
		b, err := New(db, c, c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Tend(ctx); err == nil {
			t.Error("the server ended, and nothing says so")
		}
		if rows, err := db.Logos(t.Context()); err != nil || len(rows) != 0 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	})
}
