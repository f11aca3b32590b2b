package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/internal/telemetry"
	"signet/server/health"
	"signet/server/web"
)

func TestReadyTellsWhatFailsAndLiveDoesNotAsk(t *testing.T) {
	synctest.Test(t, readyTellsWhatFails)
}

func readyTellsWhatFails(t *testing.T) {
	var broken error
	handler := health.New(nil, health.Check{Name: "database", Run: func(context.Context) error { return broken }})
	issuer, _ := url.Parse("http://localhost:9400")
	mux := web.NewMux(web.Options{Issuer: issuer})
	handler.Mount(mux)
	internal := handler.Internal(telemetry.NewMetrics().Handler())
	public := mux.Handler()

	get := func(h http.Handler, path string) (int, string) {
		time.Sleep(1100 * time.Millisecond) // an answer lasts a second
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil)) // Host example.com: health answers under any name
		return w.Code, w.Body.String()
	}
	for _, h := range []http.Handler{public, internal} {
		broken = nil
		if code, body := get(h, "/readyz"); code != 200 || !strings.Contains(body, `"database":"ok"`) {
			t.Errorf("ready: got %d %s", code, body)
		}
		broken = errors.New("dial tcp 10.0.0.7:5432: connection refused")
		code, body := get(h, "/readyz")
		if code != 503 || !strings.Contains(body, `"database":"failing"`) || strings.Contains(body, "10.0.0.7") {
			t.Errorf("not ready: got %d %s", code, body)
		}
		if code, _ := get(h, "/healthz"); code != 200 {
			t.Errorf("live while the database is away: got %d, want 200", code)
		}
	}
	if code, _ := get(public, "/metrics"); code == 200 {
		t.Errorf("metrics on the public side: got %d", code)
	}
	if code, body := get(internal, "/metrics"); code != 200 || !strings.Contains(body, "signet_http_requests_in_flight") {
		t.Errorf("metrics inside: got %d", code)
	}
}

// TestReadinessCannotBeAbused: the checks run once a second however many ask, also while one hangs, and a caller who goes away spoils
// nobody's answer. A loss is noticed within three seconds.
func TestReadinessCannotBeAbused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ran, hangs := 0, false
		handler := health.New(nil, health.Check{Name: "database", Run: func(ctx context.Context) error {
			mu.Lock()
			ran++
			wait := hangs
			mu.Unlock()
			if wait {
				<-ctx.Done() // a primary that does not answer
			}
			return ctx.Err()
		}})
		h := handler.Internal(telemetry.NewMetrics().Handler())
		ask := func(ctx context.Context) int {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
			return w.Code
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if code := ask(gone); code != 200 {
			t.Errorf("first: %d", code)
		}
		for range 1000 {
			if code := ask(t.Context()); code != 200 {
				t.Fatalf("got %d", code)
			}
		}
		if ran != 1 {
			t.Errorf("the checks ran %d times in one second, want 1", ran)
		}
		mu.Lock()
		hangs = true
		mu.Unlock()
		lost := time.Now()
		for ask(t.Context()) == 200 {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(lost); took > 3*time.Second+200*time.Millisecond {
			t.Errorf("a lost database was noticed after %s", took)
		}
		before := ran
		var wg sync.WaitGroup
		time.Sleep(2 * time.Second)
		for range 100 {
			wg.Go(func() {
				if code := ask(t.Context()); code != 503 {
					t.Errorf("got %d", code)
				}
			})
		}
		wg.Wait()
		if ran != before+1 {
			t.Errorf("100 callers at once ran the checks %d times, want 1", ran-before)
		}
	})
}
