package oauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/oauth/oauthtest"
	"signet/storage"
)

// shim is the store with things happening just before a write, once each.
type shim struct {
	*storage.DB
	mu                        sync.Mutex
	beforeSpend, beforeRotate func()
	err                       error // answered to every read
	revokeErr                 error
	facts                     *strings.Replacer // changes what grants.data says; nil = nothing
}

func (s *shim) told(found storage.GrantState, err error) (storage.GrantState, error) {
	if s.facts != nil {
		found.Data = []byte(s.facts.Replace(string(found.Data)))
	}
	return found, err
}

func (s *shim) once(f *func()) {
	s.mu.Lock()
	do := *f
	*f = nil
	s.mu.Unlock()
	if do != nil {
		do()
	}
}

func (s *shim) SpendCode(ctx context.Context, x storage.Spend) error {
	s.once(&s.beforeSpend)
	return s.DB.SpendCode(ctx, x)
}

func (s *shim) RotateGrant(ctx context.Context, r storage.Rotation) error {
	s.once(&s.beforeRotate)
	return s.DB.RotateGrant(ctx, r)
}

func (s *shim) GrantStateByCode(ctx context.Context, hash string) (storage.GrantState, error) {
	if s.err != nil {
		return storage.GrantState{}, s.err
	}
	return s.told(s.DB.GrantStateByCode(ctx, hash))
}

func (s *shim) GrantStateByID(ctx context.Context, id string) (storage.GrantState, error) {
	if s.err != nil {
		return storage.GrantState{}, s.err
	}
	return s.told(s.DB.GrantStateByID(ctx, id))
}

func (s *shim) GrantStateOfToken(ctx context.Context, grantID, jti string) (storage.GrantState, error) {
	if s.err != nil {
		return storage.GrantState{}, s.err
	}
	return s.told(s.DB.GrantStateOfToken(ctx, grantID, jti))
}

func (s *shim) RevokeGrant(ctx context.Context, id, why string, now time.Time) (bool, error) {
	if s.revokeErr != nil {
		return false, s.revokeErr
	}
	return s.DB.RevokeGrant(ctx, id, why, now)
}

// interpose is another replica of the protocol, on the same database through a shim, with the same keys.
func interpose(t *testing.T, h *oauthtest.Protocol, set func(*shim)) *oauthtest.Protocol {
	t.Helper()
	s := &shim{DB: h.DB}
	set(s)
	return h.Replica(t, s)
}

func part(t *testing.T, token string, i int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func header(t *testing.T, token string) map[string]any  { t.Helper(); return part(t, token, 0) }
func payload(t *testing.T, token string) map[string]any { t.Helper(); return part(t, token, 1) }
