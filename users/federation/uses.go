package federation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"signet/audit"
)

// useStore keeps when an upstream was last used, for all replicas.
type useStore interface {
	PutUpstreamUse(ctx context.Context, upstream, outcome string, at time.Time, why string) error
}

// uses are what happened at upstreams since it was written down last: a sign-in waits for no write of it.
type uses struct {
	mu   sync.Mutex
	last map[use]happened
}

type use struct{ upstream, outcome string }

type happened struct {
	at  time.Time
	why string
}

// used notes that an upstream has said who somebody is, or why it could not.
func (s *Service) used(u *upstream, why string) {
	outcome := audit.Success
	if why != "" {
		outcome = audit.Failure
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if s.uses.last == nil {
		s.uses.last = map[use]happened{}
	}
	s.uses.last[use{u.ID, string(outcome)}] = happened{time.Now(), why}
}

// WriteUses writes down when each upstream was last used. What cannot be written is tried again with the next.
func (s *Service) WriteUses(ctx context.Context) error {
	s.uses.mu.Lock()
	list := s.uses.last
	s.uses.last = nil
	s.uses.mu.Unlock()
	for u, h := range list {
		if err := s.Stores.Uses.PutUpstreamUse(ctx, u.upstream, u.outcome, h.at, h.why); err != nil {
			s.uses.mu.Lock()
			for u, h := range list {
				if s.uses.last == nil {
					s.uses.last = map[use]happened{}
				}
				if _, newer := s.uses.last[u]; !newer {
					s.uses.last[u] = h
				}
			}
			s.uses.mu.Unlock()
			return fmt.Errorf("note the use of upstream %q: %w", u.upstream, err)
		}
	}
	return nil
}
