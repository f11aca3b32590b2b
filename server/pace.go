package server

import (
	"context"
	"time"

	"signet/internal/ratelimit"
)

// freeActs is how often a session may change its person's account in an hour before each further change waits.
const freeActs = 240

// chargeAct counts one.
func (h *Services) chargeAct(ctx context.Context, session string) error {
	_, err := ratelimit.New(h.DB).Charge(ctx, ratelimit.Limit{Key: "account changed in " + session, Free: freeActs, Window: time.Hour,
		First: 2 * time.Second, Max: time.Minute, OnSuccess: ratelimit.Never})
	return err
}
