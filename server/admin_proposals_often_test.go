package server_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin"
	"signet/admin/proposals"
	"signet/server/servertest"
	"signet/users/membership"
)

// TestProposals_RefusedOften: a client whose proposals the person refused three times in an hour proposes nothing to them until one of the
// three is an hour old; others, and what it proposes to others, are not touched by it.
func TestProposals_RefusedOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newToolsWorld(t, servertest.YAML(writing))
		other := w.App(t, "other", servertest.Public)
		w.allow(t, w.app.ClientID, true)
		w.allow(t, other.ClientID, true)
		ctx, made, bob, second := t.Context(), w.Services().Proposals, w.Person(t, "bob@example.com"), w.Person(t, "second@example.com")
		if err := w.Services().Admin.GiveRole(ctx, w.host(), admin.RoleAuditor, membership.Holder{UserID: second.ID}); err != nil {
			t.Fatal(err)
		}
		all := admin.SetOf(admin.All()...)
		boss, deputy := admin.Actor{Kind: admin.KindPerson, ID: w.boss.ID, Holds: all},
			admin.Actor{Kind: admin.KindPerson, ID: second.ID, Holds: all}
		token := w.writes(t, w.Browser(t))
		propose := func(a admin.Actor, client string) (proposals.Proposal, error) {
			return made.Make(ctx, a, client, proposals.EndSessions, bob.ID)
		}
		for i := range 3 {
			p, err := propose(boss, w.app.ClientID)
			if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if err := made.Deny(ctx, boss, p.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		for _, act := range []proposals.Act{proposals.EndSessions, proposals.DisablePerson} { // it is the client that is refused, not an act
			if _, err := made.Make(ctx, boss, w.app.ClientID, act, bob.ID); !errors.Is(err, proposals.ErrRefusedOften) {
				t.Errorf("%s: %v", act, err)
			}
		}
		_, text := w.proposed(t, token, "propose_end_sessions", map[string]any{"target": bob.ID})
		for _, want := range []string{"refused three of your proposals", "an hour after"} {
			if !strings.Contains(text, want) {
				t.Errorf("the model is not told %q: %s", want, text)
			}
		}
		if _, err := propose(boss, other.ClientID); err != nil {
			t.Errorf("another client: %v", err)
		}
		if _, err := propose(deputy, w.app.ClientID); err != nil {
			t.Errorf("to another administrator: %v", err)
		}
		time.Sleep(57*time.Minute + time.Second)
		p, err := propose(boss, w.app.ClientID)
		if err != nil {
			t.Fatalf("when the first refusal is an hour old: %v", err)
		}
		if err := made.Deny(ctx, boss, p.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := propose(boss, w.app.ClientID); !errors.Is(err, proposals.ErrRefusedOften) {
			t.Errorf("refused again: %v", err)
		}
	})
}

// TestProposals_RefusedAtOnce: whoever proposes and is refused at the same time gets no more than three refusals out of the person.
func TestProposals_RefusedAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newToolsWorld(t, engine, servertest.YAML(writing))
		w.allow(t, w.app.ClientID, true)
		ctx, made := t.Context(), w.Services().Proposals
		boss := admin.Actor{Kind: admin.KindPerson, ID: w.boss.ID, Holds: admin.SetOf(admin.All()...)}
		var group sync.WaitGroup
		var denied sync.Map
		for i := range 8 {
			bob := w.Person(t, fmt.Sprintf("bob%d@example.com", i))
			group.Go(func() {
				p, err := made.Make(ctx, boss, w.app.ClientID, proposals.DisablePerson, bob.ID)
				if errors.Is(err, proposals.ErrRefusedOften) || errors.Is(err, proposals.ErrTooMany) {
					return
				}
				if err == nil {
					err = made.Deny(ctx, boss, p.ID)
				}
				if err != nil {
					t.Error(err)
				}
				denied.Store(p.ID, true)
			})
		}
		group.Wait()
		n := 0
		denied.Range(func(any, any) bool { n++; return true })
		if n < 3 || n > 7 { // two were refused, and five more waited, the most that do
			t.Errorf("%d were refused", n)
		}
		if _, err := made.Make(ctx, boss, w.app.ClientID, proposals.EndSessions, boss.ID); !errors.Is(err, proposals.ErrRefusedOften) {
			t.Errorf("after that: %v", err)
		}
	})
}
