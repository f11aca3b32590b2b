// Package health answers what machines ask about the server itself: is the process alive, can it serve, and its metrics.
//
// Live and ready are on both listeners; metrics only on the internal one. It knows nothing of what it checks: the wiring
// hands it functions. Begin with Room and Internal.
package health

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"signet/server/web"
)

// Check is one thing the server cannot serve without.
type Check struct {
	Name string // a word for the answer: "database", "keys"
	Run  func(ctx context.Context) error
}

// checkTimeout bounds all checks of one answer.
const checkTimeout = 2 * time.Second

// Room answers /healthz and /readyz on the public side.
type Room struct {
	checks  []Check
	log     *slog.Logger
	failing atomic.Bool
}

// New makes it. Nil log discards.
func New(log *slog.Logger, checks ...Check) *Room {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Room{checks: checks, log: log}
}

// Mount states the routes.
func (h *Room) Mount(m *web.Mux) {
	m.Vital("GET /healthz", h.live)
	m.Vital("GET /readyz", h.ready)
}

// live: the process answers. It asks nobody, so that a lost database restarts no container.
func (h *Room) live(w http.ResponseWriter, _ *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, answer{Status: "ok"})
}

// answer names what is wrong by our own words only; causes are for the log.
type answer struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// ready: all checks pass, or 503.
func (h *Room) ready(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	a, status := answer{Status: "ok", Checks: map[string]string{}}, http.StatusOK
	for _, c := range h.checks {
		a.Checks[c.Name] = "ok"
		if err := c.Run(ctx); err != nil {
			a.Checks[c.Name], a.Status, status = "failing", "failing", http.StatusServiceUnavailable
			if !h.failing.Swap(true) {
				h.log.WarnContext(ctx, "not ready", "check", c.Name, "error", err)
			}
		}
	}
	if status == http.StatusOK && h.failing.Swap(false) {
		h.log.InfoContext(ctx, "ready again")
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, status, a)
}

// Internal is the handler of the internal listener: metrics, live, ready.
func (h *Room) Internal(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	plain := func(f web.Func) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			}
		}
	}
	mux.Handle("GET /healthz", plain(h.live))
	mux.Handle("GET /readyz", plain(h.ready))
	return mux
}
