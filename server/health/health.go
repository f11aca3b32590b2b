// Package health answers what machines ask about the server itself: is the process alive, can it serve, and its metrics.
//
// Live and ready are on both listeners; metrics only on the internal one. It knows nothing of what it checks: the wiring
// hands it functions. Begin with Handler and Internal.
package health

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"signet/server/web"
)

// Check is one thing the server cannot serve without.
type Check struct {
	Name string // a word for the answer: "database", "keys"
	Run  func(ctx context.Context) error
}

// A lost database is noticed within their sum. Whoever asks meanwhile gets the same answer, so that the checks, which may write, cost
// the same however often strangers ask.
const (
	checkTimeout = 2 * time.Second // for all checks together
	answerLasts  = time.Second
)

// Handler answers /healthz and /readyz on the public side.
type Handler struct {
	checks []Check
	log    *slog.Logger

	turn    chan struct{} // holds one while nobody runs the checks; guards what follows
	last    answer
	at      time.Time // of the last run; zero = never
	failing bool      // and the log says so
}

// New makes it. Nil log discards.
func New(log *slog.Logger, checks ...Check) *Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{checks: checks, log: log, turn: make(chan struct{}, 1)}
	h.turn <- struct{}{}
	return h
}

// Mount states the routes.
func (h *Handler) Mount(m *web.Mux) {
	m.Vital("GET /healthz", h.live)
	m.Vital("GET /readyz", h.ready)
}

// live: the process answers. It asks nobody, so that a lost database restarts no container.
func (h *Handler) live(w http.ResponseWriter, _ *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, answer{Status: "ok"})
}

// answer names what is wrong by our own words only; causes are for the log.
type answer struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// ready: all checks passed a moment ago, or 503.
func (h *Handler) ready(w http.ResponseWriter, r *http.Request) error {
	a, status := h.checked(context.WithoutCancel(r.Context())), http.StatusOK // whoever goes away spoils nobody's answer
	if a.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, status, a)
}

// State is what ready answers, whatever it is.
func (h *Handler) State(ctx context.Context) any { return h.checked(context.WithoutCancel(ctx)) }

// checked runs the checks, unless somebody just did.
func (h *Handler) checked(ctx context.Context) answer {
	<-h.turn
	defer func() { h.turn <- struct{}{} }()
	if !h.at.IsZero() && time.Since(h.at) < answerLasts {
		return h.last
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	a := answer{Status: "ok", Checks: map[string]string{}}
	for _, c := range h.checks {
		a.Checks[c.Name] = "ok"
		if err := c.Run(ctx); err != nil {
			a.Checks[c.Name], a.Status = "failing", "failing"
			if !h.failing {
				h.failing = true
				h.log.WarnContext(ctx, "not ready", "check", c.Name, "error", err)
			}
		}
	}
	if a.Status == "ok" && h.failing {
		h.failing = false
		h.log.InfoContext(ctx, "ready again")
	}
	h.last, h.at = a, time.Now()
	return a
}

// Internal is the handler of the internal listener: metrics, live, ready.
func (h *Handler) Internal(metrics http.Handler) http.Handler {
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
