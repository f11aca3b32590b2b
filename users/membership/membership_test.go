package membership_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/audit"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/membership"
)

func service(t *testing.T, db *storage.DB) *membership.Service {
	t.Helper()
	s, err := membership.New(membership.StoresOf(db), audit.New(db))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := db.InsertUser(t.Context(), storage.User{ID: "ada", Email: "a@x", EmailKey: "a@x", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMembershipsAreToldAndWrittenDown(t *testing.T) { // rule T03
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		s := service(t, db)
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.CreateGroup(ctx, "staff", "who works here"))
		must(s.CreateRole(ctx, "editor", ""))
		for _, want := range []bool{true, false} {
			added, err := s.Add(ctx, "staff", "ada")
			given, err2 := s.Give(ctx, "editor", membership.Holder{Group: "staff"})
			if added != want || given != want || err != nil || err2 != nil {
				t.Fatalf("added %v given %v (%v, %v), want %v", added, given, err, err2, want)
			}
		}
		groups, roles, err := s.Of(ctx, "ada")
		if !slices.Equal(groups, []string{"staff"}) || !slices.Equal(roles, []string{"editor"}) || err != nil {
			t.Errorf("groups %v, roles %v, %v", groups, roles, err)
		}
		for what, err := range map[string]error{
			"a group twice": s.CreateGroup(ctx, "staff", ""),
			"a role twice":  s.CreateRole(ctx, "editor", ""),
		} {
			if !errors.Is(err, membership.ErrExists) {
				t.Errorf("%s: got %v, want ErrExists", what, err)
			}
		}
		_, noGroup := s.Add(ctx, "none", "ada")
		_, noPerson := s.Add(ctx, "staff", "eve")
		_, noRole := s.Give(ctx, "none", membership.Holder{UserID: "ada"})
		_, noHolder := s.Give(ctx, "editor", membership.Holder{Group: "none"})
		for what, err := range map[string]error{
			"no group": noGroup, "no person": noPerson, "no role": noRole, "no holder": noHolder,
			"not in it": s.Remove(ctx, "staff", "eve"), "not held": s.Take(ctx, "editor", membership.Holder{UserID: "ada"}),
			"delete": s.DeleteGroup(ctx, "none"), "delete role": s.DeleteRole(ctx, "none"),
			"describe": s.DescribeGroup(ctx, "none", ""), "describe role": s.DescribeRole(ctx, "none", ""),
		} {
			if !errors.Is(err, membership.ErrNotFound) {
				t.Errorf("%s: got %v, want ErrNotFound", what, err)
			}
		}
		must(s.Remove(ctx, "staff", "ada"))
		events, err := db.Events(ctx, "", 100)
		must(err)
		var names []string
		for _, e := range events {
			names = append(names, e.Name)
		}
		slices.Sort(names)
		want := []string{"group.created", "group.member_added", "group.member_removed", "role.created", "role.given"}
		if !slices.Equal(names, want) {
			t.Errorf("events %v, want %v: what changed nothing is no event", names, want)
		}
	})
}

func TestNamesNeedNoQuoting(t *testing.T) {
	for name, good := range map[string]bool{
		"staff": true, "a": true, "app:admin/eu-1_x.y@z": true, strings.Repeat("a", 100): true,
		"": false, ".": false, "..": false, "two words": false, "a,b": false, "ä": false,
		strings.Repeat("a", 101): false, "a\n": false, `"`: false, "<b>": false,
	} {
		if err := membership.CheckName(name); (err == nil) != good || err != nil && !errors.Is(err, membership.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	db := storagetest.SQLite(t)
	s := service(t, db)
	if err := s.CreateGroup(t.Context(), "g", "a\nb"); !errors.Is(err, membership.ErrDescription) {
		t.Errorf("got %v", err)
	}
}

func TestOneAdditionOfMany(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		s := service(t, open(t))
		if err := s.CreateGroup(t.Context(), "staff", ""); err != nil {
			t.Fatal(err)
		}
		var added atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				ok, err := s.Add(t.Context(), "staff", "ada")
				if err != nil {
					t.Error(err)
				}
				if ok {
					added.Add(1)
				}
			})
		}
		wg.Wait()
		if added.Load() != 1 {
			t.Errorf("%d additions of one membership", added.Load())
		}
	})
}
