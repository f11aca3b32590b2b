package admin_test

import (
	"strings"
	"testing"

	"signet/admin"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/filter"
)

// reads are the events of who looked at whom.
func (w *world) reads() (list []string) {
	w.Helper()
	events, err := w.server.Services().DB.EventsLike(w.Context(), storage.Event{Name: "user.read"}, "", 100)
	w.ok(err)
	for _, e := range events {
		list = append(list, e.ActorKind+" "+e.ActorID+" "+e.UserID)
	}
	return list
}

// TestADM69_LookingAtAPersonIsWrittenDown: once an hour for the same two, whatever is looked at; a list, a program, the host and looking at
// oneself are not, and neither is who looked for nobody.
func TestADM69_LookingAtAPersonIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	support := w.as(w.support)
	all := func(a admin.Actor, of servertest.Person) {
		t.Helper()
		for _, err := range []error{
			second(w.s.Person(ctx, a, of.Email)), second(w.s.Factors(ctx, a, of.ID)), second(w.s.Sessions(ctx, a, of.ID)),
			second(w.s.Events(ctx, a, admin.EventFilter{UserID: of.ID}, admin.Ask{})),
		} {
			w.ok(err)
		}
	}
	_, err := w.s.People(ctx, support, filter.People{Search: "bob"}, admin.Ask{})
	w.ok(err)
	all(support, w.support)
	all(w.command(), w.bob)
	machine := admin.Actor{Kind: admin.KindClient, ID: "hr", Holds: admin.SetOf(admin.All()...)}
	all(machine, w.bob)
	w.is(second(w.s.Person(ctx, support, "nobody@example.com")), admin.ErrNotFound)
	w.ok(second(w.s.Events(ctx, support, admin.EventFilter{UserID: "nobody"}, admin.Ask{})))
	if got := w.reads(); len(got) != 0 {
		t.Errorf("written down: %v", got)
	}
	all(support, w.bob)
	all(support, w.bob)
	want := "person " + w.support.ID + " " + w.bob.ID
	if got := w.reads(); len(got) != 1 || got[0] != want {
		t.Errorf("written down: %v, want %s once", got, want)
	}
	all(support, w.apps)
	all(w.as(w.boss), w.bob)
	if got := strings.Join(w.reads(), ", "); strings.Count(got, want) != 1 || strings.Count(got, "person") != 3 {
		t.Errorf("written down: %s", got)
	}
}

func second[T any](_ T, err error) error { return err }
