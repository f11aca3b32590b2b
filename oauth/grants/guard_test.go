package grants_test

import (
	"errors"
	"testing"
	"time"

	"signet/oauth/grants"
	"signet/storage"
)

func TestGuard(t *testing.T) { // rule J09; decision 0001 "what ends it"
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	before := now.Add(-time.Minute)
	for name, test := range map[string]struct {
		change             func(s *storage.GrantState)
		alive, refreshable bool
	}{
		"fresh":              {func(*storage.GrantState) {}, true, true},
		"revoked":            {func(s *storage.GrantState) { s.RevokedAt = before }, false, false},
		"past-its-end":       {func(s *storage.GrantState) { s.EndsAt = now }, false, false},
		"just-before-end":    {func(s *storage.GrantState) { s.EndsAt = now.Add(time.Microsecond) }, true, true},
		"idle":               {func(s *storage.GrantState) { s.ExpiresAt = now }, true, false},
		"person-gone":        {func(s *storage.GrantState) { s.User = storage.User{} }, false, false},
		"person-disabled":    {func(s *storage.GrantState) { s.User.DisabledAt = before }, false, false},
		"epoch-raised":       {func(s *storage.GrantState) { s.User.Epoch++ }, false, false},
		"epoch-lowered":      {func(s *storage.GrantState) { s.User.Epoch-- }, false, false},
		"consent-withdrawn":  {func(s *storage.GrantState) { s.ConsentNow++ }, false, false},
		"consent-row-gone":   {func(s *storage.GrantState) { s.ConsentNow = 0 }, false, false},
		"no-consent-needed":  {func(s *storage.GrantState) { s.ConsentEpoch = 0 }, true, true},
		"signed-out":         {func(s *storage.GrantState) { s.SessionEndedAt = before }, false, false},
		"signed-out-offline": {func(s *storage.GrantState) { s.SessionEndedAt, s.Offline = before, true }, true, true},
		"session-swept":      {func(s *storage.GrantState) { s.SessionFound = false }, true, true}, // it merely expired
		"without-session":    {func(s *storage.GrantState) { s.SessionID, s.SessionFound = "", false }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := storage.GrantState{
				Grant: storage.Grant{
					ID: "g", UserID: "u", SessionID: "s", UserEpoch: 4, ConsentEpoch: 2,
					ExpiresAt: now.Add(time.Hour), EndsAt: now.Add(time.Hour),
				},
				User: storage.User{ID: "u", Epoch: 4}, SessionFound: true, ConsentNow: 2,
			}
			test.change(&s)
			if err := grants.Alive(&s, now); (err == nil) != test.alive || err != nil && !errors.Is(err, grants.ErrDead) {
				t.Errorf("alive: got %v, want %v", err, test.alive)
			}
			if err := grants.Refreshable(&s, now); (err == nil) != test.refreshable {
				t.Errorf("refreshable: got %v, want %v", err, test.refreshable)
			}
		})
	}
}
