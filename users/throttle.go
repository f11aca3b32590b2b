package users

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"signet/audit"
	"signet/internal/ratelimit"
	"signet/internal/turns"
	"signet/storage"
	"signet/users/identifier"
	"signet/users/password"
)

// login is what a person typed to say who they are.
type login struct {
	email, username string // keys, at most one of them set; neither = nobody can be called so
	mark            string // stands for the typed key in counters, whether there is such an account or not
}

func loginOf(typed string) login {
	typed = strings.TrimSpace(typed)
	var l login
	var err error
	if strings.Contains(typed, "@") {
		l.email, err = identifier.EmailKey(typed)
	} else {
		l.username, err = identifier.UsernameKey(typed)
	}
	key := l.email + "|" + l.username
	if err != nil {
		l = login{}
		key = "?" + typed
	}
	sum := sha256.Sum256([]byte(key))
	l.mark = base64.RawURLEncoding.EncodeToString(sum[:15])
	return l
}

// serverRows hold the count of the whole server: in one row every sign-in of every replica would wait for the one before.
const serverRows = 16

// limits are the counts that a try to sign in is charged to (F01, F02, F04). A browser known to the account
// has a budget of its own, which strangers cannot touch. From unknown browsers failures count by account and network, by
// account, by network and by the whole server; in all of them more failures mean longer waits, never a lock, and
// a network that was told how long to wait gets in after it whatever others do.
func limits(mark, network, device string) []ratelimit.Limit {
	const day = 24 * time.Hour
	if device != "" {
		return []ratelimit.Limit{{
			Key: "signin device " + device + " " + mark, Free: 10, Window: day, First: time.Second, Max: time.Minute,
			OnSuccess: ratelimit.WholeStreak,
		}}
	}
	return []ratelimit.Limit{
		{Key: "signin near " + mark + " " + network, Free: 10, Window: day, First: time.Second, Max: 5 * time.Minute,
			OnSuccess: ratelimit.WholeStreak},
		{Key: "signin account " + mark, Per: network, Free: 50, Window: day, First: 5 * time.Second, Max: 5 * time.Minute,
			OnSuccess: ratelimit.FirstLimit},
		{Key: "signin network " + network, Free: 300, Window: time.Hour, First: time.Second, Max: 30 * time.Second},
		{Key: "signin server", Per: network, Free: 5000, Window: 10 * time.Minute, First: time.Second, Max: 10 * time.Second, Rows: serverRows},
	}
}

// charge pays for a try, or tells how long to wait; ErrGuarded.
func (s *Service) charge(ctx context.Context, e audit.Event, limits ...ratelimit.Limit) (*ratelimit.Charge, error) {
	c, err := s.limits.Charge(ctx, limits...)
	late, throttled := errors.AsType[*ratelimit.Throttled](err)
	guarded := errors.Is(err, ratelimit.ErrCapped)
	if !throttled && !guarded {
		return c, err
	}
	if s.queues.news(limits[0].Key) {
		e.Detail = map[string]any{"by": "guard"}
		if throttled {
			by, _, _ := strings.Cut(strings.TrimPrefix(late.Limit, "signin "), " ")
			e.Detail = map[string]any{"by": by, "wait": late.RetryAfter.String()}
		}
		if err := s.audit.Record(ctx, e); err != nil {
			return nil, err
		}
	}
	if guarded {
		return nil, ErrGuarded
	}
	return nil, &Throttled{late.RetryAfter}
}

// queues let tries at one account from one place go one after another, so that many right ones at once are not taken for
// a streak of wrong ones while none has been judged yet.
type queues struct {
	mu     sync.Mutex
	shares *turns.Shares
	lines  map[string]*line
	told   map[string]time.Time // when an audit event last said that a limit throttles
}

type line struct {
	turn    chan struct{}
	waiting int
}

const (
	lineWait  = 10 * time.Second
	lineLimit = 200 // who wait in one line at most
	mostLined = 128 // and in all of them
	tellEvery = time.Minute
	toldLimit = 10_000
)

// enter waits for the caller's turn; leave gives it on. password.ErrBusy when it takes too long, or who asks has too many in all lines.
func (q *queues) enter(ctx context.Context, key string, who turns.Caller) (leave func(), err error) {
	q.mu.Lock()
	if q.lines == nil {
		q.lines, q.shares = map[string]*line{}, turns.NewShares(mostLined)
	}
	if !q.shares.Enter(who) {
		q.mu.Unlock()
		return nil, password.ErrBusy
	}
	l := q.lines[key]
	if l == nil {
		l = &line{turn: make(chan struct{}, 1)}
		q.lines[key] = l
	}
	if l.waiting >= lineLimit {
		q.mu.Unlock()
		q.shares.Leave(who)
		return nil, password.ErrBusy
	}
	l.waiting++
	q.mu.Unlock()

	away := func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if l.waiting--; l.waiting == 0 {
			delete(q.lines, key)
		}
		q.shares.Leave(who)
	}
	late := time.NewTimer(lineWait)
	defer late.Stop()
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn; away() }, nil
	case <-late.C:
		away()
		return nil, password.ErrBusy
	case <-ctx.Done():
		away()
		return nil, context.Cause(ctx)
	}
}

// news reports whether it is long ago that it was asked about the key.
func (q *queues) news(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if last, ok := q.told[key]; ok && now.Sub(last) < tellEvery {
		return false
	}
	if q.told == nil || len(q.told) >= toldLimit {
		q.told = map[string]time.Time{}
	}
	q.told[key] = now
	return true
}

// find reads who is meant, with the password; a zero row if nobody is.
func (s *Service) find(ctx context.Context, l login) (storage.SignIn, error) {
	row, err := s.stores.People.SignInByKey(ctx, l.email, l.username)
	if errors.Is(err, storage.ErrNotFound) {
		return storage.SignIn{}, nil
	}
	if err != nil {
		return storage.SignIn{}, fmt.Errorf("find person: %w", err)
	}
	return row, nil
}
