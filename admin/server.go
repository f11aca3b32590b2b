package admin

import (
	"context"
	"slices"

	"signet/admin/view"
)

// Settings pages through the configuration that is in use, in its own order.
func (s *Service) Settings(ctx context.Context, a Actor, q Ask) (Page[view.Setting], error) {
	if _, err := s.may(ctx, a, "Settings"); err != nil {
		return Page[view.Setting]{}, err
	}
	all := s.o.Server.Settings()
	from := slices.IndexFunc(all, func(one view.Setting) bool { return one.Key == q.After }) + 1 // of a key that is gone: from the beginning
	all = all[from:min(len(all), from+q.limit()+1)]
	same := func(one view.Setting) view.Setting { return one }
	return paged(q, all, same, func(one view.Setting) string { return one.Key }), nil
}

// Health is what can be told of the server's own condition. It asks the database a few things, and nobody else.
func (s *Service) Health(ctx context.Context, a Actor) ([]view.Finding, error) {
	ctx, err := s.may(ctx, a, "Health")
	if err != nil {
		return nil, err
	}
	return s.o.Server.Checks(ctx), nil
}
