package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/internal/telemetry"
	"signet/server/health"
	"signet/server/web"
)

func TestReadyTellsWhatFailsAndLiveDoesNotAsk(t *testing.T) {
	var broken error
	room := health.New(nil, health.Check{Name: "database", Run: func(context.Context) error { return broken }})
	issuer, _ := url.Parse("http://localhost:9400")
	mux := web.NewMux(web.Options{Issuer: issuer})
	room.Mount(mux)
	internal := room.Internal(telemetry.NewMetrics().Handler())
	public := mux.Handler()

	get := func(h http.Handler, path string) (int, string) {
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
