package storagetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"signet/storage"
)

func messages(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	one := storage.Message{ID: "m1", Kind: "reset", Sealed: []byte{0, 1, 255}, DueAt: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	two := one
	two.ID, two.DueAt = "m2", now.Add(-time.Minute)
	ok(t, db.InsertMessage(ctx, one))
	ok(t, db.InsertMessage(ctx, two))
	due := func(at time.Time, want ...storage.Message) {
		t.Helper()
		list, err := db.DueMessages(ctx, at, 10)
		ok(t, err)
		same(t, list, want)
	}
	due(now, two, one)
	due(now.Add(-time.Second), two)
	due(now.Add(time.Hour)) // expired ones are not tried

	fails(t, db.LeaseMessage(ctx, "m1", now.Add(time.Second), now.Add(time.Minute)), storage.ErrStale)
	ok(t, db.LeaseMessage(ctx, "m1", now, now.Add(time.Minute)))
	fails(t, db.LeaseMessage(ctx, "m1", now, now.Add(time.Minute)), storage.ErrStale)
	due(now, two)
	one.DueAt, one.Tries = now.Add(time.Minute), 1
	due(now.Add(time.Minute), two, one) // a lease that ended
	ok(t, db.RetryMessage(ctx, "m1", now.Add(2*time.Minute), "busy"))
	ok(t, db.FailMessage(ctx, "m2", now, "unknown"))
	due(now.Add(time.Minute))
	fails(t, db.LeaseMessage(ctx, "m2", two.DueAt, now), storage.ErrStale)
	one.DueAt, one.LastError = now.Add(2*time.Minute), "busy"
	two.FailedAt, two.LastError = now, "unknown"
	list, err := db.Messages(ctx, "", 10)
	ok(t, err)
	same(t, list, []storage.Message{one, two})
	if waiting, failed, oldest, err := db.CountMessages(ctx); waiting != 1 || failed != 1 || !oldest.Equal(one.CreatedAt) || err != nil {
		t.Fatalf("%d waiting since %s, %d failed, %v", waiting, oldest, failed, err)
	}
	ok(t, db.ReviveMessage(ctx, "m2", now.Add(time.Second)))
	two.FailedAt, two.DueAt, two.Tries = time.Time{}, now.Add(time.Second), 0
	got, err := db.Message(ctx, "m2")
	ok(t, err)
	same(t, got, two)
	due(now.Add(time.Second), two)
	fails(t, db.ReviveMessage(ctx, "m2", now.Add(time.Hour)), storage.ErrNotFound) // it has expired
	fails(t, db.ReviveMessage(ctx, "m3", now), storage.ErrNotFound)
	_, err = db.Message(ctx, "m3")
	fails(t, err, storage.ErrNotFound)
	ok(t, db.DeleteMessage(ctx, "m1"))
	if list, err = db.Messages(ctx, "", 10); err != nil || len(list) != 1 {
		t.Fatalf("%d left, %v", len(list), err)
	}
}

func raceMessage(t *testing.T, db *storage.DB) {
	ok(t, db.InsertMessage(t.Context(),
		storage.Message{ID: "m", Kind: "k", Sealed: []byte("x"), DueAt: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}))
	if won := raced(t, 8, storage.ErrStale, func(ctx context.Context, i int) error {
		return db.LeaseMessage(ctx, "m", now, now.Add(time.Duration(i+1)*time.Minute))
	}); won != 1 {
		t.Errorf("%d took one email, want 1", won)
	}
}

func logos(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	l := storage.Logo{ClientID: "shop", URI: "https://a", Hash: "h1", Picture: []byte{1, 2}, DueAt: now}
	ok(t, db.PutLogo(ctx, l))
	list, err := db.Logos(ctx)
	ok(t, err)
	bare := l
	bare.Picture = nil
	same(t, list, []storage.Logo{bare})
	ok(t, db.PutLogo(ctx, bare)) // later, the same picture
	picture, err := db.LogoPicture(ctx, "shop", "h1")
	ok(t, err)
	same(t, picture, []byte{1, 2})
	_, err = db.LogoPicture(ctx, "shop", "h2")
	fails(t, err, storage.ErrNotFound)
	ok(t, db.PutLogo(ctx, storage.Logo{ClientID: "shop", URI: "https://b", DueAt: now}))
	_, err = db.LogoPicture(ctx, "shop", "")
	fails(t, err, storage.ErrNotFound)
	ok(t, db.DeleteLogo(ctx, "shop"))
	ok(t, db.DeleteLogo(ctx, "shop"))
	if list, err = db.Logos(ctx); err != nil || len(list) != 0 {
		t.Fatalf("%d left, %v", len(list), err)
	}
}

func upstreamUses(t *testing.T, db *storage.DB) {
	ctx := t.Context()
	ok(t, db.PutUpstreamUse(ctx, "google", "success", now, ""))
	ok(t, db.PutUpstreamUse(ctx, "google", "failure", now, "down"))
	ok(t, db.PutUpstreamUse(ctx, "google", "failure", now.Add(time.Second), "identity"))
	ok(t, db.PutUpstreamUse(ctx, "google", "failure", now, "late")) // of a replica that was slower
	var got []string
	ok(t, db.UpstreamUses(ctx, func(upstream, outcome string, at time.Time, why string) {
		got = append(got, upstream+" "+outcome+" "+at.Sub(now).String()+" "+why)
	}))
	slices.Sort(got)
	same(t, got, []string{"google failure 1s identity", "google success 0s "})
}
