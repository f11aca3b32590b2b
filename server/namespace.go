package server

import (
	"context"
	"errors"
	"fmt"

	"signet/config"
	"signet/storage"
)

// SharedIDs lists the declared clients whose id is a person's sub, too. A client's own tokens have its id as sub (RFC 9068 section 5), so
// an API that goes by sub would take the one for the other.
func SharedIDs(ctx context.Context, db *storage.DB, c config.Config) ([]string, error) {
	var shared []string
	for _, declared := range c.Clients {
		switch _, err := db.UserByID(ctx, declared.ClientID); {
		case err == nil:
			shared = append(shared, declared.ClientID)
		case !errors.Is(err, storage.ErrNotFound):
			return nil, fmt.Errorf("look for people with the id of a declared client: %w", err)
		}
	}
	return shared, nil
}

// warnOfSharedIDs keeps an installation running that has such a client already.
func (h *Services) warnOfSharedIDs(ctx context.Context) error {
	shared, err := SharedIDs(ctx, h.DB, h.Config)
	for _, id := range shared {
		h.Log.WarnContext(ctx, "the id of a declared client is a person's sub, too: give the client another id", "client_id", id)
	}
	return err
}

// warnOfUnknownClients keeps a server starting whose client is gone.
func (h *Services) warnOfUnknownClients(ctx context.Context) error {
	unknown, err := h.DB.UnknownClients(ctx, h.Config.CountedElsewhere()...)
	for _, id := range unknown {
		h.Log.WarnContext(ctx, "metrics.by_client names a client that is not there", "client_id", id)
	}
	return err
}
