package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"signet/audit"
	"signet/storage"
)

type records []storage.Event

func (b *records) InsertEvent(_ context.Context, e storage.Event) error {
	*b = append(*b, e)
	return nil
}

func TestT04_EventTellsWhoWhomWhereAndOutcome(t *testing.T) { // rule T04
	synctest.Test(t, func(t *testing.T) {
		var rows records
		log := audit.New(&rows)
		ctx := audit.WithOrigin(t.Context(), audit.Origin{
			Address: "203.0.113.24", Network: "203.0.113.0/24", Agent: "Firefox\r\nX: y", RequestID: "7F3K-92QD-MX",
		})
		if err := log.Record(ctx,
			audit.Event{Name: audit.SignInFailed, UserID: "u1", SessionID: "s1", Detail: map[string]string{"why": "wrong"}}); err != nil {
			t.Fatal(err)
		}
		e := rows[0]
		e.ID = ""
		e.Detail = nil
		want := storage.Event{
			At: time.Now(), Name: "signin.failed", Outcome: "failure", ActorID: "u1", UserID: "u1", SessionID: "s1",
			Network: "203.0.113.0/24", Agent: "FirefoxX: y", RequestID: "7F3K-92QD-MX",
		}
		if e.Name != want.Name || e.Outcome != want.Outcome || e.ActorID != want.ActorID || e.UserID != want.UserID ||
			e.SessionID != want.SessionID || e.Network != want.Network || e.Agent != want.Agent || e.RequestID != want.RequestID ||
			!e.At.Equal(want.At) {
			t.Errorf("got %+v, want %+v", e, want)
		}
		if got, want := string(rows[0].Detail), `{"why":"wrong"}`; got != want {
			t.Errorf("detail: got %s, want %s", got, want)
		}
	})
}

func TestCommandIsTheActor(t *testing.T) {
	var rows records
	ctx := audit.WithOrigin(t.Context(), audit.Origin{Actor: "cli"})
	if err := audit.New(&rows).Record(ctx, audit.Event{Name: audit.UserDisabled, UserID: "u1"}); err != nil {
		t.Fatal(err)
	}
	if rows[0].ActorID != "cli" || rows[0].UserID != "u1" || rows[0].Outcome != "success" {
		t.Errorf("got actor %q, user %q, outcome %q", rows[0].ActorID, rows[0].UserID, rows[0].Outcome)
	}
}

func TestIDsSortByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows records
		log := audit.New(&rows)
		var ids []string
		for range 20 {
			if err := log.Record(t.Context(), audit.Event{Name: audit.KeyMade}); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, rows[len(rows)-1].ID)
			time.Sleep(time.Microsecond)
		}
		if !slices.IsSorted(ids) {
			t.Errorf("ids do not sort by time: %v", ids)
		}
	})
}

func TestT02_OutsideTextIsCut(t *testing.T) { // rule T02
	for _, s := range []string{strings.Repeat("ä", 400), "\xff\xfe agent\x00", strings.Repeat("a", 255) + "ö"} {
		got := audit.Cut(s)
		if len(got) > 256 || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n") {
			t.Errorf("Cut(%.20q…) = %q", s, got)
		}
	}
}

// TestTheLogGoesByTheDatabasesClock where this machine's differs by more than a little.
func TestTheLogGoesByTheDatabasesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rows records
		log := audit.New(&rows)
		for _, step := range []struct{ ahead, want time.Duration }{
			{0, 0}, {2 * time.Second, 0}, {20 * time.Second, 20 * time.Second}, {-20 * time.Second, -20 * time.Second}, {-time.Second, 0},
		} {
			log.Correct(step.ahead)
			if err := log.Record(t.Context(), audit.Event{Name: audit.UserChanged}); err != nil {
				t.Fatal(err)
			}
			e := rows[len(rows)-1]
			if !e.At.Equal(time.Now().Add(step.want)) || !log.Now().Equal(e.At) || !strings.HasPrefix(e.ID, fmt.Sprintf("%016x", e.At.UnixMicro())) {
				t.Errorf("%s ahead: got %s, %s", step.ahead, e.At, e.ID)
			}
		}
	})
}
