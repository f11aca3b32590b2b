package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signet/admin"
	"signet/config"
	"signet/server/servertest"
)

func TestWebhooksThroughTheAPI(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		var taken atomic.Int64
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("webhook-signature") != "" {
				taken.Add(1)
			}
		}))
		t.Cleanup(receiver.Close)
		d := newAdminAPI(t, engine, servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} }))
		made := d.want(http.StatusCreated, "POST /webhooks", map[string]any{"url": receiver.URL, "events": []string{"user.", "webhook."}})
		id, secret := made["id"].(string), made["secret"].(string)
		if !strings.HasPrefix(secret, "whsec_") {
			t.Errorf("got %v", made)
		}
		shown := d.want(http.StatusOK, "GET /webhooks/"+id, nil)
		if tag := d.etag; shown["secret"] != nil || shown["url"] != receiver.URL || tag == "" {
			t.Errorf("got %v", shown)
		}
		tag := d.etag
		next := map[string]any{"url": receiver.URL + "/in", "events": []string{"*"}, "description": "the CRM"}
		d.want(http.StatusPreconditionRequired, "PUT /webhooks/"+id, next)
		d.want(http.StatusOK, "PUT /webhooks/"+id, next, "If-Match: "+tag)
		d.want(http.StatusPreconditionFailed, "PUT /webhooks/"+id, next, "If-Match: "+tag)
		for _, bad := range []map[string]any{
			{"url": "http://example.com", "events": []string{"*"}}, {"url": "https://example.com", "events": []string{}},
			{"url": "https://example.com", "events": []string{"A b"}}, {"url": "https://example.com", "events": []string{"*"}, "secret": "x"},
			{"url": "https://example.com", "events": []string{"*"}, "disabled": true},
		} {
			d.want(http.StatusUnprocessableEntity, "POST /webhooks", bad)
		}
		d.want(http.StatusNotFound, "GET /webhooks/wh_OTHER", nil)
		d.want(http.StatusNoContent, "POST /webhooks/"+id+"/test", nil)
		for start := time.Now(); taken.Load() == 0; time.Sleep(10 * time.Millisecond) { // the outbox sends at once
			if time.Since(start) > 2*time.Minute {
				t.Fatal("nothing was sent")
			}
			deliver(t, d.Server)
		}
		rotated := d.want(http.StatusOK, "POST /webhooks/"+id+"/secrets", nil)
		if rotated["secret"] == secret || rotated["old_secret_until"] == nil {
			t.Errorf("got %v", rotated)
		}
		if off := d.want(http.StatusOK, "POST /webhooks/"+id+"/disable", nil); off["disabled"] != true {
			t.Errorf("got %v", off)
		}
		d.want(http.StatusOK, "POST /webhooks/"+id+"/enable", nil)
		replayed := d.want(http.StatusOK, "POST /webhooks/"+id+"/replay", map[string]any{"since": time.Now().Add(-time.Hour)})
		if n := replayed["events"].(float64); n < 3 {
			t.Errorf("got %v", replayed)
		}
		if list := d.want(http.StatusOK, "GET /webhooks/"+id+"/deliveries", nil); len(list["items"].([]any)) < 3 {
			t.Errorf("got %v", list)
		}
		if again := d.want(http.StatusOK, "POST /webhooks/"+id+"/retry", nil); again["events"].(float64) < 3 {
			t.Errorf("got %v", again)
		}
		d.want(http.StatusNoContent, "DELETE /webhooks/"+id, nil)
		if list := d.want(http.StatusOK, "GET /webhooks", nil); len(list["items"].([]any)) != 0 {
			t.Errorf("got %v", list)
		}
	})
}

// deliver sends what is due, once.
func deliver(t *testing.T, s *servertest.Server) {
	t.Helper()
	if err := s.DeliverWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Whoever makes a webhook hears the audit log: webhooks:write alone is not enough.
func TestWebhooksGiveNobodyMoreThanTheyHold(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	token, _, err := s.Services().HostToken(t.Context(), "root@host", []string{string(admin.WebhooksWrite)}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d := &adminAPI{T: t, Server: s, token: token}
	answer := d.want(http.StatusForbidden, "POST /webhooks", map[string]any{"url": "https://example.com", "events": []string{"*"}})
	if !strings.Contains(answer["detail"].(string), "audit:export") {
		t.Errorf("got %v", answer)
	}
	full := newAdminAPI(t)
	id := full.want(http.StatusCreated, "POST /webhooks", map[string]any{"url": "https://example.com", "events": []string{"*"}})["id"].(string)
	token, _, err = full.Services().HostToken(t.Context(), "root@host", []string{string(admin.WebhooksWrite)}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	less := &adminAPI{T: t, Server: full.Server, token: token}
	less.want(http.StatusForbidden, "PUT /webhooks/"+id, map[string]any{"url": "https://evil.example", "events": []string{"*"}}, "If-Match: *")
	for _, path := range []string{"/secrets", "/retry", "/enable"} {
		less.want(http.StatusForbidden, "POST /webhooks/"+id+path, nil)
	}
	less.want(http.StatusForbidden, "POST /webhooks/"+id+"/replay", map[string]any{"since": time.Now()})
	less.want(http.StatusOK, "POST /webhooks/"+id+"/disable", nil)
}
