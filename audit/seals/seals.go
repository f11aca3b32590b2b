package seals

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"signet/audit"
	"signet/storage"
)

// Class is a kind of event that is kept for a time of its own.
type Class string

// The classes.
const (
	SignIns Class = "sign-ins"
	Others  Class = "others"
)

// signIns are the names of the class SignIns. One that was written by a release stays in its class forever: seals count on it.
var signIns = []audit.Name{
	audit.SignInSucceeded, audit.SignInFailed, audit.SignInThrottled, audit.Confirmed, audit.SessionStarted, audit.SessionRenewed,
	audit.SessionEnded, audit.FactorSucceeded, audit.FactorFailed, audit.FactorThrottled, audit.PasswordRehashed,
}

// classOf is the class of an event's name.
func classOf(name string) Class {
	if slices.Contains(signIns, audit.Name(name)) {
		return SignIns
	}
	return Others
}

// Store is the part of *storage.DB that seals are kept in.
type Store interface {
	LastEventSeal(ctx context.Context) (storage.EventSeal, error)
	EventSeals(ctx context.Context, after int64, limit int) ([]storage.EventSeal, error)
	InsertEventSeals(ctx context.Context, list ...storage.EventSeal) error
	EventsAfter(ctx context.Context, after string, limit int) ([]storage.Event, error)
	EventsBetween(ctx context.Context, after, upTo string, limit int) ([]storage.Event, error)
}

// Retention is the part of *storage.DB that events are deleted by.
type Retention interface {
	KeptEventSeals(ctx context.Context, class string, limit int) ([]storage.EventSeal, error)
	DeleteEvents(ctx context.Context, after, upTo string, names []string, not bool, before time.Time, limit int) (int64, error)
	SealGone(ctx context.Context, n int64, at time.Time, mac string) error
}

// Salts keep the key, sealed.
type Salts interface {
	Salt(ctx context.Context, name string) ([]byte, error)
	PutSalt(ctx context.Context, name string, sealed []byte, now time.Time) error
}

// Sealer seals the key; *seal.Master.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Options of New. All but Log are required.
type Options struct {
	Store     Store
	Retention Retention
	Salts     Salts
	Sealer    Sealer
	Place     func(table, row, column string) []byte // names a column's row for the sealer (seal.Place)
	Log       *slog.Logger                           // nil discards
	Now       func() time.Time                       // the time by which the log goes; nil = this machine's
}

// Keeper makes and verifies the seals.
type Keeper struct{ o Options }

// New checks the options.
func New(o Options) (*Keeper, error) {
	if o.Store == nil || o.Retention == nil || o.Salts == nil || o.Sealer == nil || o.Place == nil {
		return nil, errors.New("audit/seals: stores, sealer and place are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Keeper{o}, nil
}

const (
	salt = "audit seals"
	// Behind is how old an event is when it is sealed: it has the time at which it was written, and shows when its transaction ends.
	Behind  = time.Minute
	inSeal  = 2000 // events at most
	inRun   = 100  // seals of each class in a run at most; the rest waits for the next one
	page    = 500
	shorter = 8 // bytes of a digest that a seal keeps of each event
)

// ErrNoKey: nothing has been sealed yet, or what was is lost.
var ErrNoKey = errors.New("there is no key of audit seals")

// key opens the key of the seals, and makes it where there is none yet and make says so.
func (k *Keeper) key(ctx context.Context, make bool) ([]byte, error) {
	place := k.o.Place("salts", salt, "sealed")
	for range 2 {
		sealed, err := k.o.Salts.Salt(ctx, salt)
		if err == nil {
			plain, err := k.o.Sealer.Open(sealed, place)
			if err != nil {
				return nil, fmt.Errorf("open the key of audit seals: %w", err)
			}
			return plain, nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return nil, fmt.Errorf("read the key of audit seals: %w", err)
		}
		if !make {
			return nil, ErrNoKey
		}
		var fresh [32]byte
		_, _ = rand.Read(fresh[:]) // never fails
		if sealed, err = k.o.Sealer.Seal(fresh[:], place); err != nil {
			return nil, fmt.Errorf("seal the key of audit seals: %w", err)
		}
		if err := k.o.Salts.PutSalt(ctx, salt, sealed, time.Now()); err != nil && !errors.Is(err, storage.ErrConflict) {
			return nil, fmt.Errorf("write the key of audit seals: %w", err)
		}
	}
	return nil, ErrNoKey
}

// idAt is before the id of every event of that time and later.
func idAt(t time.Time) string { return fmt.Sprintf("%016x", t.UnixMicro()) }

// Seal seals what was written since the last seal and is old enough. One replica does it at a time; where two do, one finds the other's.
func (k *Keeper) Seal(ctx context.Context) error {
	key, err := k.key(ctx, true)
	if err != nil {
		return err
	}
	last, err := k.o.Store.LastEventSeal(ctx)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read the last audit seal: %w", err)
	}
	broken := k.broken(ctx, key, last)
	horizon := idAt(k.o.Now().Add(-Behind))
	first := last.N
	for range inRun {
		list, err := k.o.Store.EventsAfter(ctx, last.To, inSeal)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if i := slices.IndexFunc(list, func(e storage.Event) bool { return e.ID >= horizon }); i >= 0 {
			list = list[:i]
		}
		if len(list) == 0 {
			break
		}
		one := sealOf(key, last, SignIns, last.To, list)
		other := sealOf(key, one, Others, last.To, list)
		if err := k.o.Store.InsertEventSeals(ctx, one, other); errors.Is(err, storage.ErrConflict) {
			return broken // another replica's
		} else if err != nil {
			return fmt.Errorf("write audit seals: %w", err)
		}
		last = other
	}
	if last.N != first {
		k.o.Log.InfoContext(ctx, "audit log sealed", "seal", last.N, "head", last.Head, "up_to", last.To)
	}
	return broken
}

// Oldest is when the oldest event happened that is not sealed yet; zero = there is none. What is too new to be sealed counts, too.
func (k *Keeper) Oldest(ctx context.Context) (time.Time, error) {
	last, err := k.o.Store.LastEventSeal(ctx)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return time.Time{}, fmt.Errorf("read the last audit seal: %w", err)
	}
	list, err := k.o.Store.EventsAfter(ctx, last.To, 1)
	if err != nil {
		return time.Time{}, fmt.Errorf("read events: %w", err)
	}
	for _, e := range list {
		return e.At, nil
	}
	return time.Time{}, nil
}

// ErrBroken: the newest seal is none of ours.
var ErrBroken = errors.New("the newest seal of the audit log was changed, or the one before it: see `signet audit verify`")

// broken is ErrBroken where a seal does not follow the one before it: one that reaches far ahead would keep everything from being sealed,
// and nobody would see it who does not verify.
func (k *Keeper) broken(ctx context.Context, key []byte, last storage.EventSeal) error {
	if last.N == 0 {
		return nil
	}
	list, err := k.o.Store.EventSeals(ctx, last.N-2, 2)
	if err != nil {
		return fmt.Errorf("read audit seals: %w", err)
	}
	before := storage.EventSeal{}
	for _, s := range list {
		if s.N == last.N && s.N == before.N+1 && hmac.Equal([]byte(head(key, before.Head, s)), []byte(s.Head)) {
			return nil
		}
		before = s
	}
	return ErrBroken
}

// sealOf makes the seal of the events of a class among a part of the log, that follows a seal.
func sealOf(key []byte, before storage.EventSeal, class Class, from string, list []storage.Event) storage.EventSeal {
	s := storage.EventSeal{N: before.N + 1, Class: string(class), From: from, To: list[len(list)-1].ID, Digests: []byte{},
		SealedAt: time.Now().Truncate(time.Microsecond)}
	root := sha256.New()
	for _, e := range list {
		if classOf(e.Name) != class {
			continue
		}
		d := digest(e)
		root.Write(d[:])
		s.Digests = append(s.Digests, d[:shorter]...)
		s.Events++
	}
	s.Root = hex.EncodeToString(root.Sum(nil))
	s.Head = head(key, before.Head, s)
	return s
}

// digest is of everything that is stored of an event.
func digest(e storage.Event) [sha256.Size]byte {
	text, err := json.Marshal([]any{
		"1", e.ID, e.At.UnixMicro(), e.Name, e.Outcome, e.ActorID, e.ActorKind, e.UserID, e.ClientID, e.SessionID, e.GrantID, e.Network, e.Agent,
		e.RequestID, string(e.Detail),
	})
	if err != nil {
		panic("audit/seals: texts and numbers are not JSON: " + err.Error())
	}
	return sha256.Sum256(text)
}

// head is what a seal says, and all those before it.
func head(key []byte, before string, s storage.EventSeal) string {
	return mac(key, "head", before, s.N, s.Class, s.From, s.To, s.Events, s.Root, s.SealedAt.UnixMicro())
}

// goneMAC is what retention says of a seal.
func goneMAC(key []byte, s storage.EventSeal, at time.Time) string {
	return mac(key, "gone", s.Head, at.UnixMicro())
}

func mac(key []byte, parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic("audit/seals: texts and numbers are not JSON: " + err.Error())
	}
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}
