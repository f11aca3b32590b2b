package passkey_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"signet/audit"
	"signet/users/factor"
	"signet/users/passkey"
	"signet/users/userstest"
)

func TestF10_LastWayStays(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		u := w.person(t, "ada@example.org")
		if _, err := w.db.DeleteCredentials(t.Context(), u.ID, "password"); err != nil {
			t.Fatal(err)
		}
		w.add(t, u)
		list, _ := w.List(t.Context(), u.ID)
		if err := w.Remove(t.Context(), userstest.Permit(t, u, factor.RemovePasskey), u, list[0].ID); !errors.Is(err, passkey.ErrLast) {
			t.Errorf("the last: %v", err)
		}
		w.add(t, u)
		eve := w.person(t, "eve@example.org")
		if err := w.Remove(t.Context(), userstest.Permit(t, eve, factor.RemovePasskey), eve, list[0].ID); !errors.Is(err, passkey.ErrNotFound) {
			t.Errorf("another person's: %v", err)
		}
		list, _ = w.List(t.Context(), u.ID)
		var removed atomic.Int32
		var wg sync.WaitGroup
		for _, k := range list {
			wg.Go(func() {
				if w.Remove(t.Context(), userstest.Permit(t, u, factor.RemovePasskey), u, k.ID) == nil {
					removed.Add(1)
				}
			})
		}
		wg.Wait()
		if removed.Load() != 1 {
			t.Errorf("%d of two removed at once", removed.Load())
		}
		if w.events(t, audit.PasskeyRemoved) != 1 {
			t.Error("no event")
		}
	})
}

func TestPasskey_Names(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ada, eve := w.person(t, "ada@example.org"), w.person(t, "eve@example.org")
		w.add(t, ada)
		list, _ := w.List(t.Context(), ada.ID)
		for name, want := range map[string]error{
			"  Blue key ": nil, "": nil, "a\nb": passkey.ErrName, "a\u202eb": passkey.ErrName, strings.Repeat("ä", 60): nil,
			strings.Repeat("ä", 61): passkey.ErrName, "\xff": passkey.ErrName,
		} {
			if err := w.Rename(t.Context(), ada.ID, list[0].ID, name); !errors.Is(err, want) {
				t.Errorf("%q: got %v, want %v", name, err, want)
			}
		}
		if err := w.Rename(t.Context(), eve.ID, list[0].ID, "x"); !errors.Is(err, passkey.ErrNotFound) {
			t.Errorf("another person's: %v", err)
		}
	})
}
