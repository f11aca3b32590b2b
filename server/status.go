package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"signet/oauth/refusal"
	"signet/oauth/status"
	"signet/oauth/tokens"
	"signet/server/web"
)

// statusLists are what tells APIs which tokens were revoked; nil where the configuration has none.
func (h *Services) statusLists(issuer *tokens.Issuer) (*status.Lists, error) {
	if !h.Config.Tokens.StatusLists {
		return nil, nil
	}
	lists, err := status.New(status.Options{
		Store: h.DB, Changes: h.DB, Issuer: h.Config.Server.Issuer, Longest: max(longestLife, h.Config.Tokens.AccessLifetime),
		Sign: issuer.SignStatus, Count: h.Metrics.StatusList,
	})
	if err != nil {
		return nil, err
	}
	if err := lists.Warm(context.Background()); err != nil {
		h.Log.Warn("reserve places in the status lists", slog.Any("error", err)) // again with the first grant
	}
	return lists, nil
}

// statusHandler serves the lists.
type statusHandler struct{ lists *status.Lists }

// Mount states the route.
func (s statusHandler) Mount(m *web.Mux) { m.API("GET /oauth2/status/{list}", web.PublicCORS, s.serve) }

func (s statusHandler) serve(w http.ResponseWriter, r *http.Request) error {
	signed, err := s.lists.Serve(r.Context(), r.PathValue("list"))
	switch {
	case errors.Is(err, status.ErrNone):
		return &web.PageError{Status: http.StatusNotFound, Kind: "not_found", Cause: err}
	case errors.Is(err, status.ErrUnavailable):
		return refusal.TemporarilyUnavailable("The list cannot be read at the moment.").Because(err)
	case err != nil:
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/statuslist+jwt")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(status.Shared/time.Second)))
	h.Set("Content-Length", strconv.Itoa(len(signed)))
	_, _ = w.Write([]byte(signed)) // the client went away: nobody to tell
	return nil
}
