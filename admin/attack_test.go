package admin_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"signet/admin"
	"signet/clients"
	"signet/server/servertest"
	"signet/storage/filter"
	"signet/users"
	"signet/users/membership"
)

// TestADM16_TheSameRefusalIsWrittenDownOnce: who asks again and again for what they may not do fills no log; whom it was about is told.
func TestADM16_TheSameRefusalIsWrittenDownOnce(t *testing.T) {
	w := newWorld(t)
	ctx, support := t.Context(), w.as(w.support)
	for range 5 {
		_, err := w.s.ResetLink(ctx, support, w.boss.ID, false)
		w.is(err, admin.ErrRefused)
		_, err = w.s.People(ctx, admin.Actor{Kind: admin.KindPerson, ID: w.bob.ID}, filter.People{}, admin.Ask{})
		w.is(err, admin.ErrRefused)
	}
	list := w.events("admin.refused")
	if len(list) != 2 || list[1].UserID != w.boss.ID || list[1].ActorID != w.support.ID {
		t.Errorf("%d events: %+v", len(list), list)
	}
}

// TestADM17_AConditionIsOnTheAPIThatIsStored: a tag fits no API that is not there, nor one that somebody else has just changed.
func TestADM17_AConditionIsOnTheAPIThatIsStored(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		r := clients.Resource{Identifier: "https://api.example", Name: "API"}
		w.is(w.s.PutResource(ctx, root, r, admin.Tag(r)), admin.ErrChanged)
		w.ok(w.s.PutResource(ctx, root, r, "*"))
		seen, err := w.s.Resource(ctx, root, r.Identifier)
		w.ok(err)
		var wg sync.WaitGroup
		var errs [8]error
		for i := range errs {
			wg.Go(func() {
				errs[i] = w.s.PutResource(ctx, root, clients.Resource{Identifier: r.Identifier, Name: fmt.Sprint(i)}, admin.Tag(seen))
			})
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else if !errors.Is(err, admin.ErrChanged) {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d of %d changes of one state were carried out", done, len(errs))
		}
	})
}

// TestADM18_NobodyEndsWhatIsNobodys: no event about somebody who does not exist.
func TestADM18_NobodyEndsWhatIsNobodys(t *testing.T) {
	w := newWorld(t)
	_, err := w.s.EndSessions(t.Context(), w.command(), "nobody")
	w.is(err, admin.ErrNotFound)
	_, err = w.s.Sessions(t.Context(), w.command(), "nobody")
	w.is(err, admin.ErrNotFound)
	w.is(w.s.EndSession(t.Context(), w.command(), "nobody", "s"), admin.ErrNotFound)
	if list := w.events("session."); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// TestADM19_AnAppIsWhatTheDatabaseSays: an app that another replica has just given a permission is not within reach of who lacks it.
func TestADM19_AnAppIsWhatTheDatabaseSays(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.server.App(t, "robot", func(m *clients.Metadata) {
		m.FirstParty, m.GrantTypes, m.ResponseTypes, m.RedirectURIs, m.Scope = true, []string{"client_credentials"}, nil, nil, "orders"
	})
	_, err := w.s.RotateSecret(ctx, w.as(w.apps), "robot", 0)
	w.ok(err)
	db := w.server.Services().DB
	row, _, err := db.ClientByID(ctx, "robot")
	w.ok(err)
	c, err := w.server.Services().Clients.Client(ctx, "robot")
	w.ok(err)
	m := c.Metadata
	m.Scope = "signet:keys:rotate"
	text, err := m.MarshalStored()
	w.ok(err)
	w.ok(db.UpdateClient(ctx, "robot", row.Metadata, text, row.UpdatedAt)) // as another replica does
	_, secret := w.s.RotateSecret(ctx, w.as(w.apps), "robot", 0)
	w.is(secret, admin.ErrRefused)
	w.is(w.s.DeleteClient(ctx, w.as(w.apps), "robot", ""), admin.ErrRefused)
}

// TestADM20_AGroupThatIsGoneHoldsNothing: whoever makes one of its name again gets no role with it.
func TestADM20_AGroupThatIsGoneHoldsNothing(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		for i := range 20 {
			group := fmt.Sprint("group", i)
			w.ok(w.s.PutGroup(ctx, root, group, ""))
			var wg sync.WaitGroup
			wg.Go(func() { _ = w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{Group: group}) }) // whichever is first
			wg.Go(func() { _ = w.s.DeleteGroup(ctx, root, group) })
			wg.Wait()
			if there, err := w.server.Services().DB.GroupExists(ctx, group); err != nil || there {
				continue
			}
			held, err := w.server.Services().DB.PermitsOfGroup(ctx, group)
			if err != nil || len(held) > 0 {
				t.Fatalf("a group that was deleted holds %v (%v)", held, err)
			}
		}
	})
}

// TestADM21_TwoAdministratorsPartEachOther by different roads at once: one of them stays.
func TestADM21_TwoAdministratorsPartEachOther(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		for range 4 {
			w.ok(w.s.PutGroup(ctx, root, "bosses", ""))
			w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{Group: "bosses"}))
			w.ok(w.s.GiveRole(ctx, root, membership.Admin, membership.Holder{UserID: w.boss.ID}))
			w.ok(w.s.AddMember(ctx, root, "bosses", w.bob.ID))
			one, two := w.as(w.boss), w.as(w.bob)
			var wg sync.WaitGroup
			wg.Go(func() { _ = w.s.DeleteGroup(ctx, one, "bosses") })
			wg.Go(func() { _ = w.s.TakeRole(ctx, two, membership.Admin, membership.Holder{UserID: w.boss.ID}) })
			wg.Go(func() { _ = w.s.RemoveMember(ctx, one, "bosses", w.bob.ID) })
			wg.Go(func() { _, _ = w.s.SetDisabled(ctx, two, w.boss.ID, true) })
			wg.Wait()
			left, err := w.server.Services().DB.HolderLeft(ctx, membership.Admin)
			if err != nil || !left {
				t.Fatalf("nobody is left: %v", err)
			}
			_, err = w.s.SetDisabled(ctx, root, w.boss.ID, false)
			w.ok(err)
		}
	})
}

// TestADM25_ALinkGivesNoMoreThanItsMakerHad: support makes a link for somebody who holds nothing, and waits until they hold something.
func TestADM25_ALinkGivesNoMoreThanItsMakerHad(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		ctx, root := t.Context(), w.command()
		w.ok(w.s.PutGroup(ctx, root, "bosses", ""))
		w.ok(w.s.PutRole(ctx, root, "reader", "", nil))
		w.ok(w.s.PutRole(ctx, root, "other", "", nil))
		give := func(role string, to membership.Holder) func() error {
			return func() error { return w.s.GiveRole(ctx, root, role, to) }
		}
		bob := membership.Holder{UserID: w.bob.ID}
		for _, road := range []struct {
			name string
			ends bool
			do   func() error
		}{
			{"a role that permits nothing", false, give("reader", bob)},
			{"a role gets permissions", true, func() error { return w.s.PutRole(ctx, root, "reader", "", []admin.Permission{admin.PeopleRead}) }},
			{"a role loses permissions", false, func() error { return w.s.PutRole(ctx, root, "reader", "", nil) }},
			{"into a group that holds nothing", false, func() error { return w.s.AddMember(ctx, root, "bosses", w.bob.ID) }},
			{"a group gets a role", true, give(admin.RoleSupport, membership.Holder{Group: "bosses"})},
			{"out of it", false, func() error { return w.s.RemoveMember(ctx, root, "bosses", w.bob.ID) }},
			{"into a group that holds a role", true, func() error { return w.s.AddMember(ctx, root, "bosses", w.bob.ID) }},
			{"a role", true, give(membership.Admin, bob)},
		} {
			link, err := w.s.ResetLink(ctx, root, w.bob.ID, false)
			w.ok(err)
			_, secret, _ := strings.Cut(link, "?t=")
			w.ok(road.do())
			_, _, err = w.server.Services().People.LookReset(ctx, secret, "")
			if errors.Is(err, users.ErrGone) != road.ends || err != nil && !road.ends {
				t.Errorf("%s: the link gives %v", road.name, err)
			}
		}
	})
}
