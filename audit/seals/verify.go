package seals

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"signet/storage"
)

// Finding is something that is wrong with a part of the audit log.
type Finding struct {
	Seal    int64    `json:"seal"`
	Class   string   `json:"class,omitempty"`
	After   string   `json:"after,omitempty"` // ids: the events after this one …
	UpTo    string   `json:"up_to,omitempty"` // … up to this one
	What    string   `json:"what"`
	Events  []string `json:"events,omitempty"`  // that are not as they were sealed, or came later; the first hundred
	Missing int      `json:"missing,omitempty"` // how many were sealed and are not there, or not so
}

// Report is what Verify found.
type Report struct {
	Seals    int64 `json:"seals"`
	Events   int64 `json:"events"`   // that are as they were sealed
	Gone     int64 `json:"gone"`     // seals whose events retention has deleted
	Unsealed int   `json:"unsealed"` // at most 500 are counted
	// UnsealedSince is the time of the oldest of them: while a server runs it is a minute or two ago.
	UnsealedSince time.Time `json:"unsealed_since,omitzero"`
	Since         time.Time `json:"since,omitzero"` // when the first seal was made
	UpTo          string    `json:"up_to"`          // of the last event that is sealed
	Last          int64     `json:"last"`
	Head          string    `json:"head"` // of the last seal
	Findings      []Finding `json:"findings"`
}

// Anchor is the head of a seal that was kept where nobody could change it. N 0 = none.
type Anchor struct {
	N    int64
	Head string
}

// Keep is how long events of a class are kept; 0 = forever.
type Keep func(c Class) time.Duration

// MostUnsealed is how many events that are not sealed yet are counted.
const MostUnsealed = page

// mostEvents is how many a finding names.
const mostEvents = 100

// Verify looks whether all events are as they were sealed. What is older than it has to be kept may be missing.
func (k *Keeper) Verify(ctx context.Context, keep Keep, anchor Anchor) (Report, error) {
	r := Report{Findings: []Finding{}}
	key, err := k.key(ctx, false)
	if err != nil && !errors.Is(err, ErrNoKey) {
		return r, err
	}
	anchored := anchor.N == 0
	last := storage.EventSeal{}
	to := map[string]string{} // of the seals of each class
	for {
		list, err := k.o.Store.EventSeals(ctx, last.N, page)
		if err != nil {
			return r, fmt.Errorf("read audit seals: %w", err)
		}
		for _, s := range list {
			if key == nil {
				r.Findings = append(r.Findings, Finding{Seal: s.N, What: "the key that sealed it is gone; nothing can be verified"})
				return r, nil
			}
			for _, text := range chain(key, last, s, to[s.Class]) {
				r.find(s, text)
			}
			if anchor.N == s.N {
				if anchored = true; !hmac.Equal([]byte(anchor.Head), []byte(s.Head)) {
					r.find(s, "its head is not the one that was given")
				}
			}
			if err := k.compare(ctx, key, s, keep, &r); err != nil {
				return r, err
			}
			if r.Seals++; r.Seals == 1 {
				r.Since = s.SealedAt.UTC()
			}
			to[s.Class], last = s.To, s
		}
		if len(list) < page {
			break
		}
	}
	if !anchored {
		r.Findings = append(r.Findings, Finding{Seal: anchor.N, What: "the seal whose head was given is not there: the newest was taken away"})
	}
	r.Last, r.Head, r.UpTo = last.N, last.Head, last.To
	return r, k.unsealed(ctx, &r)
}

func (r *Report) find(s storage.EventSeal, what string) {
	r.Findings = append(r.Findings, Finding{Seal: s.N, Class: s.Class, After: s.From, UpTo: s.To, What: what})
}

// chain is what is wrong with a seal itself, which follows another. to is where the seals of its class before it end.
func chain(key []byte, before, s storage.EventSeal, to string) (wrong []string) {
	if s.N != before.N+1 {
		wrong = append(wrong, fmt.Sprintf("seals are missing before it: the one before is %d", before.N))
	} else if !hmac.Equal([]byte(head(key, before.Head, s)), []byte(s.Head)) {
		wrong = append(wrong, "the seal was changed, or the one before it")
	}
	if s.From != to {
		wrong = append(wrong, "it does not begin where the seals before it end")
	}
	return wrong
}

// compare looks whether the events of a seal are as they were.
func (k *Keeper) compare(ctx context.Context, key []byte, s storage.EventSeal, keep Keep, r *Report) error {
	gone := !s.GoneAt.IsZero()
	if gone {
		if r.Gone++; !hmac.Equal([]byte(goneMAC(key, s, s.GoneAt)), []byte(s.GoneMAC)) {
			r.find(s, "it says that retention deleted its events, which retention did not write")
		}
	}
	root := sha256.New()
	known := map[[shorter]byte]int{}
	for chunk := s.Digests; len(chunk) >= shorter; chunk = chunk[shorter:] {
		known[[shorter]byte(chunk)]++
	}
	f := Finding{Seal: s.N, Class: s.Class, After: s.From, UpTo: s.To}
	count, same := int64(0), int64(0)
	for after := s.From; ; {
		list, err := k.o.Store.EventsBetween(ctx, after, s.To, page)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		for _, e := range list {
			after = e.ID
			if classOf(e.Name) != Class(s.Class) {
				continue
			}
			d := digest(e)
			root.Write(d[:])
			count++
			if known[[shorter]byte(d[:])] > 0 {
				known[[shorter]byte(d[:])]--
				same++
				continue
			}
			if len(f.Events) < mostEvents {
				f.Events = append(f.Events, e.ID)
			}
		}
		if len(list) < page {
			break
		}
	}
	if r.Events += same; hex.EncodeToString(root.Sum(nil)) == s.Root {
		return nil
	}
	life := keep(Class(s.Class))
	deleting := life > 0 && s.To < idAt(time.Now().Add(-life)) // retention is at it, or an older release was
	f.Missing = int(s.Events - same)
	switch {
	case gone && count == 0, deleting && len(f.Events) == 0:
		return nil
	case gone:
		f.Missing, f.What = 0, "retention deleted its events, and there are some: they came later"
	case len(f.Events) == 0 && f.Missing == 0:
		f.What = "the seal does not fit its own digests"
	case len(f.Events) == 0:
		f.What = "events were deleted"
	case f.Missing == 0:
		f.What = "events were added after it was sealed"
	default:
		f.What = "events were changed, or deleted and added"
	}
	r.Findings = append(r.Findings, f)
	return nil
}

// unsealed counts what is not sealed yet, although it should be.
func (k *Keeper) unsealed(ctx context.Context, r *Report) error {
	list, err := k.o.Store.EventsAfter(ctx, r.UpTo, MostUnsealed)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	if r.Unsealed = len(list); r.Unsealed > 0 {
		r.UnsealedSince = list[0].At.UTC()
	}
	return nil
}
