package repeat_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/admin/repeat"
	"signet/storage"
)

type row struct {
	claim, request   string
	answer           []byte
	claimed, expires time.Time
}

// rows are a store in memory.
type rows map[string]*row

func (r rows) ClaimAnswer(_ context.Context, id, claim, request string, now, expires time.Time) error {
	if old := r[id]; old != nil && old.expires.After(now) {
		return storage.ErrConflict
	}
	r[id] = &row{claim, request, nil, now, expires}
	return nil
}

func (r rows) PutAnswer(_ context.Context, id, claim string, answer []byte) error {
	if r[id] == nil || r[id].claim != claim || r[id].answer != nil {
		return storage.ErrStale
	}
	r[id].answer = answer
	return nil
}

func (r rows) Answer(_ context.Context, id string) (string, []byte, time.Time, error) {
	if r[id] == nil {
		return "", nil, time.Time{}, storage.ErrNotFound
	}
	return r[id].request, r[id].answer, r[id].claimed, nil
}

func (r rows) DropAnswer(_ context.Context, id, claim string) error {
	if r[id] != nil && r[id].claim == claim {
		delete(r, id)
	}
	return nil
}

// TestAnswersAreKept goes through the states of a key: running, answered, expired, unknown; under keys that rotate.
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctx := rows{}, t.Context()
		k, err := repeat.New(store, [][]byte{[]byte("one")})
		if err != nil {
			t.Fatal(err)
		}
		ask := repeat.Request{Caller: "person ada", Key: "k", Sent: []byte(`{"password": "guess"}`)}
		begin := func(k *repeat.Keeper, r repeat.Request, want error) (*repeat.Answer, *repeat.Claim) {
			t.Helper()
			a, c, err := k.Begin(ctx, r)
			if !errors.Is(err, want) {
				t.Fatalf("got %v, want %v", err, want)
			}
			return a, c
		}
		_, claim := begin(k, ask, nil)
		begin(k, ask, repeat.ErrRunning)
		other := ask
		other.Sent = []byte("other")
		begin(k, other, repeat.ErrOther)
		if err := claim.Drop(ctx); err != nil || len(store) != 0 {
			t.Fatal(err, len(store))
		}
		_, claim = begin(k, ask, nil)
		time.Sleep(2 * time.Minute)
		begin(k, ask, repeat.ErrUnknown) // its process died
		if err := claim.Keep(ctx, repeat.Answer{Status: 201, Body: []byte("the secret"), Held: []string{"x"}}); err != nil {
			t.Fatal(err)
		}
		if err := claim.Keep(ctx, repeat.Answer{}); !errors.Is(err, storage.ErrStale) {
			t.Errorf("kept twice: %v", err)
		}
		rotated, err := repeat.New(store, [][]byte{[]byte("two"), []byte("one")})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*repeat.Keeper{k, rotated} {
			if a, _ := begin(k, ask, nil); a == nil || a.Status != 201 || string(a.Body) != "the secret" || len(a.Held) != 1 {
				t.Errorf("answer %+v", a)
			}
		}
		gone, err := repeat.New(store, [][]byte{[]byte("two")})
		if err != nil {
			t.Fatal(err)
		}
		begin(gone, ask, repeat.ErrOther) // and is not carried out again
		for id, r := range store {
			if strings.Contains(id+r.request, "guess") || bytes.Contains(r.answer, []byte("secret")) {
				t.Error("it can be read")
			}
			r.answer[len(r.answer)-1] ^= 1
		}
		begin(k, ask, repeat.ErrUnknown) // altered
		time.Sleep(24 * time.Hour)
		if a, c := begin(k, ask, nil); a != nil || c == nil {
			t.Error("after a day it is not new")
		}
		for _, key := range []string{"", strings.Repeat("x", 256), "a\nb", "ä"} {
			begin(k, repeat.Request{Caller: "c", Key: key}, repeat.ErrKey)
		}
		big := repeat.Answer{Body: bytes.Repeat([]byte("x"), 1<<20)}
		_, claim = begin(k, repeat.Request{Caller: "c", Key: "big"}, nil)
		if err := claim.Keep(ctx, big); err == nil {
			t.Error("an answer of any size is kept")
		}
	})
}
