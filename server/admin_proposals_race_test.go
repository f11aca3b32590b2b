package server_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"signet/admin"
	"signet/admin/proposals"
	"signet/server/servertest"
	"signet/users/membership"
)

// TestProposals_AtOnce: of those who decide at once one does, and the bounds hold whoever asks at once.
func TestProposals_AtOnce(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newToolsWorld(t, engine, servertest.YAML(writing))
		second := w.App(t, "second", servertest.Public)
		third := w.App(t, "third", servertest.Public)
		var ids []string
		for _, app := range []*servertest.App{w.app, second, third} {
			w.allow(t, app.ClientID, true)
			ids = append(ids, app.ClientID)
		}
		ctx, made := t.Context(), w.Services().Proposals
		boss := admin.Actor{Kind: admin.KindPerson, ID: w.boss.ID, Holds: admin.SetOf(admin.All()...)}
		bob := w.Person(t, "bob@example.com")
		p, err := made.Make(ctx, boss, ids[0], proposals.DisablePerson, bob.ID)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := made.Make(ctx, boss, ids[0], proposals.DisablePerson, "bob@example.com"); err != nil || again.ID != p.ID {
			t.Errorf("asked again: %+v %v, want %s", again, err, p.ID)
		}
		atOnce := func(n int, do func(i int) error) (done int) {
			var group sync.WaitGroup
			var mu sync.Mutex
			for i := range n {
				group.Go(func() {
					err := do(i)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						done++
					case !errors.Is(err, admin.ErrNotFound) && !errors.Is(err, proposals.ErrTooMany):
						t.Error(err)
					}
				})
			}
			group.Wait()
			return done
		}
		refused := 0
		if done := atOnce(9, func(i int) error {
			if i%3 > 0 {
				return made.Confirm(ctx, boss, p.ID)
			}
			err := made.Deny(ctx, boss, p.ID)
			if err == nil {
				refused++
			}
			return err
		}); done != 1 || w.disabled(t, bob.ID) == (refused == 1) {
			t.Errorf("decided %d times at once, %d of them refusals; disabled: %v", done, refused, w.disabled(t, bob.ID))
		}
		var people []string
		for i := range 6 {
			people = append(people, w.Person(t, fmt.Sprintf("p%d@example.com", i)).ID)
		}
		for i, want := range []int{5, 5, 0} { // of one client, of one client, and all that may wait
			if done := atOnce(len(people), func(k int) error {
				_, err := made.Make(ctx, boss, ids[i], proposals.DisablePerson, people[k])
				return err
			}); done != want {
				t.Errorf("%d of client %d wait, want %d", done, i, want)
			}
		}
		list, err := made.Waiting(ctx, boss.ID)
		if err != nil || len(list) != 10 {
			t.Fatalf("%d wait, %v", len(list), err)
		}
		if err := made.Deny(ctx, boss, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := made.Make(ctx, boss, ids[2], proposals.EndSessions, people[0]); err != nil {
			t.Errorf("where one was refused another may wait: %v", err)
		}
	})
}

// TestProposals_Races: whoever changes the target while the person confirms, or is a moment too late, what was confirmed was done to what
// the page showed, once; and what was not is not.
func TestProposals_Races(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newToolsWorld(t, engine, servertest.YAML(writing))
		w.allow(t, w.app.ClientID, true)
		ctx, made, acts := t.Context(), w.Services().Proposals, w.Services().Admin
		boss := admin.Actor{Kind: admin.KindPerson, ID: w.boss.ID, Holds: admin.SetOf(admin.All()...)}
		confirmed := 0
		for i := range 12 {
			bob, asks := w.Person(t, fmt.Sprintf("bob%d@example.com", i)), w.App(t, fmt.Sprintf("asks%d", i), servertest.Public).ClientID
			w.allow(t, asks, true) // another one each time, for what cannot be confirmed is refused
			p, err := made.Make(ctx, boss, asks, proposals.DisablePerson, bob.ID)
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			var confirms [2]error
			var change error
			group.Go(func() {
				if i%2 == 0 {
					change = acts.GiveRole(ctx, w.host(), admin.RoleAuditor, membership.Holder{UserID: bob.ID})
				} else {
					_, change = acts.SetEmail(ctx, w.host(), bob.ID, fmt.Sprintf("robert%d@example.com", i), true)
				}
			})
			for k := range confirms {
				group.Go(func() { confirms[k] = made.Confirm(ctx, boss, p.ID) })
			}
			group.Wait()
			if change != nil {
				t.Fatal(change)
			}
			done := 0
			for _, err := range confirms {
				switch {
				case err == nil:
					done++
				case !errors.Is(err, admin.ErrNotFound) && !errors.Is(err, admin.ErrConflict):
					t.Error(err)
				}
			}
			if done == 0 {
				if err := made.Deny(ctx, boss, p.ID); err != nil {
					t.Fatal(err)
				}
			}
			if confirmed += done; done > 1 || w.disabled(t, bob.ID) != (done == 1) {
				t.Fatalf("confirmed %d times, disabled: %v", done, w.disabled(t, bob.ID))
			}
			got, err := acts.Events(ctx, w.host(), admin.EventFilter{UserID: bob.ID}, admin.Ask{})
			if err != nil {
				t.Fatal(err)
			}
			disabled, changed := -1, -1 // the newest first
			for k, e := range got.Items {
				switch e.Name {
				case "user.disabled":
					disabled = k
				case "role.given", "email.changed":
					changed = k
				}
			}
			if done == 1 && (disabled < 0 || changed > disabled) {
				t.Errorf("done to what the page did not show: %+v", got.Items)
			}
			if done == 0 && disabled >= 0 {
				t.Errorf("nobody confirmed: %+v", got.Items)
			}
		}
		t.Logf("%d of 12 were confirmed before the change", confirmed)
	})
}
