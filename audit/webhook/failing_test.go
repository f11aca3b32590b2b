package webhook_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit/webhook"
	"signet/internal/egress"
	"signet/storage"
	"signet/storage/storagetest"
)

// TestReceiversThatFail: whatever they do, the event stays and is tried again, later ones are not lost, and nothing else is reached.
func TestReceiversThatFail(t *testing.T) {
	t.Parallel()
	var inner sync.Once
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Do(func() { reached = true }) }))
	defer other.Close()
	for name, x := range map[string]struct {
		with http.HandlerFunc
		says string
	}{
		"error":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "status 500"},
		"refusal": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "status 403"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, `redirect \(307\)`},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded|timeout awaiting"},
		"closed": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
		}, "EOF"},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_, _ = conn.Write([]byte("hello\r\n\r\n"))
			_ = conn.Close()
		}, "malformed"},
		"huge headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storagetest.SQLite(t))
			id, secret := w.hook("user.")
			w.happens("user.changed")
			w.r.answers(x.with)
			w.turn()
			left := w.waiting(id)
			if len(left) != 1 || left[0].Tries != 1 || !regexp.MustCompile(x.says).MatchString(left[0].LastError) || !left[0].FailedAt.IsZero() {
				t.Fatalf("left %+v, want %q", left, x.says)
			}
			if w.get(id).FailingSince.IsZero() || w.get(id).Disabled {
				t.Errorf("got %+v", w.get(id))
			}
			w.r.answers(nil)
			w.happens("user.disabled")
			n, err := w.s.Retry(t.Context(), id)
			if w.ok(err); n != 1 {
				t.Errorf("%d are tried again", n)
			}
			w.turn()
			w.turn() // what happened meanwhile follows what was taken
			if got := w.r.taken(); len(got) != 2 || !verifies(t, secret, got[0]) || !w.get(id).FailingSince.IsZero() {
				t.Errorf("got %+v, %+v", got, w.get(id))
			}
		})
	}
	t.Cleanup(func() {
		if reached {
			t.Error("a redirect was followed")
		}
	})
}

// A body that never ends is not read.
func TestWhatIsAnsweredIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	id, _ := w.hook("*")
	w.r.answers(func(out http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := out.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	w.happens("user.changed")
	w.turn()
	if left := w.waiting(id); len(left) > 0 {
		t.Errorf("left %+v", left)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t), func(o *egress.Options) { o.Roots = x509.NewCertPool() })
	id, _ := w.hook("*")
	w.happens("user.changed")
	w.turn()
	if left := w.waiting(id); len(left) != 1 || !strings.Contains(left[0].LastError, "certificate") || len(w.r.taken()) > 0 {
		t.Errorf("left %+v, got %+v", left, w.r.taken())
	}
}

func TestO02_WebhooksReachNothingInside(t *testing.T) {
	t.Parallel()
	db := storagetest.SQLite(t)
	w := newWorld(t, db)
	at, err := url.Parse(w.r.URL)
	w.ok(err)
	closed := egress.New(egress.Options{Ports: []string{at.Port()}})
	w.s, w.delivery = serviceOn(t, db, closed)
	for _, raw := range []string{"http://example.com/x", "https://u:p@example.com/", "https://example.com:22/", "file:///etc/passwd", "",
		"https://example.com/#x", "https://example.com/\u00fc", "https://m\u00fcller.example/", "https://example.com/\u202ex"} {
		_, _, err := w.s.Create(t.Context(), webhook.Webhook{URL: raw, Events: []string{"*"}}, "")
		if !errors.Is(err, webhook.ErrInvalid) || !strings.HasPrefix(err.Error(), "url: ") {
			t.Errorf("%s: got %v", raw, err)
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} { // names lead anywhere: the address is looked at when it is dialled
		made, _, err := w.s.Create(t.Context(), webhook.Webhook{URL: "https://" + host + ":" + at.Port(), Events: []string{"*"}}, "")
		w.ok(err)
		w.ok(w.s.Test(t.Context(), made.ID))
		w.ok(w.delivery.Once(t.Context()))
		if left := w.waiting(made.ID); len(left) != 1 || !strings.Contains(left[0].LastError, "address not allowed") {
			t.Errorf("%s: left %+v", host, left)
		}
	}
	if len(w.r.taken()) > 0 {
		t.Error("a host inside was reached")
	}
}

func TestAnEndpointThatIsGoneIsDisabled(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		id, _ := w.hook("*")
		for range 3 {
			w.happens("user.changed")
		}
		w.r.answers(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusGone) })
		w.turn()
		one := w.get(id)
		left := w.waiting(id)
		if !one.Disabled || !strings.Contains(one.Why, "gone") || len(left) != 3 || left[0].FailedAt.IsZero() || left[2].FailedAt.IsZero() {
			t.Fatalf("got %+v, left %+v", one, left)
		}
		list, err := w.db.EventsLike(t.Context(), storage.Event{Name: "webhook.disabled"}, "", 10)
		if w.ok(err); len(list) != 1 || list[0].ActorID != "system" {
			t.Errorf("got events %+v", list)
		}
		w.happens("user.enabled")
		w.turn()
		if left := w.waiting(id); len(left) != 3 {
			t.Errorf("a disabled one waits for %+v", left)
		}
		w.r.answers(nil)
		_, err = w.s.SetDisabled(t.Context(), id, false)
		w.ok(err)
		_, err = w.s.Retry(t.Context(), id)
		w.ok(err)
		w.turn()
		if got := w.r.taken(); len(got) != 3 {
			t.Errorf("after it is back: %d", len(got))
		}
	})
}

func TestAnEndpointThatTakesNothingForDaysIsDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	id, _ := w.hook("*")
	w.r.answers(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusBadGateway) })
	for _, days := range []time.Duration{4, 6} {
		w.edit(id, func(m map[string]any) { m["failing_since"] = time.Now().Add(-days * 24 * time.Hour) })
		w.happens("user.changed")
		_, err := w.s.Retry(t.Context(), id)
		w.ok(err)
		w.turn()
		if got := w.get(id).Disabled; got != (days == 6) {
			t.Errorf("after %d days: disabled %v", days, got)
		}
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	id, _ := w.hook("*")
	w.r.answers(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Retry-After", "7200")
		out.WriteHeader(http.StatusTooManyRequests)
	})
	w.happens("user.changed")
	w.turn()
	if left := w.waiting(id); len(left) != 1 || time.Until(left[0].DueAt) < 119*time.Minute {
		t.Errorf("left %+v", left)
	}
}

// A failing endpoint is not asked again by each event that happens; what is new waits until a common time, or until it takes something.
func TestWhileAnEndpointFailsEventsAreCollected(t *testing.T) {
	t.Parallel()
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		w := newWorld(t, open(t))
		id, _ := w.hook("*")
		tries := 0
		w.r.answers(func(out http.ResponseWriter, _ *http.Request) { tries++; out.WriteHeader(http.StatusTooManyRequests) })
		w.happens("user.changed")
		w.turn()
		for range 5 {
			w.happens("user.changed")
			w.turn()
		}
		times := map[time.Time]int{}
		for _, d := range w.waiting(id)[1:] {
			times[d.DueAt]++
		}
		if tries != 1 || len(times) > 2 { // two where a pause just ended
			t.Errorf("%d tries; due %v", tries, times)
		}
		w.r.answers(nil)
		w.ok(w.s.Test(t.Context(), id))
		w.ok(w.delivery.Once(t.Context()))                                           // it takes this …
		w.ok(w.delivery.Once(t.Context()))                                           // … and then gets all that waits
		if left := w.waiting(id); len(left) > 1 || len(w.r.taken())+len(left) != 7 { // the first is due in seconds anyway
			t.Errorf("left %+v", left)
		}
	})
}

func TestFiltersNameEventsThatThereAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	for want, good := range map[string]bool{
		"*": true, "user.changed": true, "user.": true, "factor.": true, "user.chnaged": false, "usr.": false, ".": false, "": false,
		"user": false, "user.*": false, "User.changed": false, "user.changed\n": false, "**": false,
	} {
		_, _, err := w.s.Create(t.Context(), webhook.Webhook{URL: w.r.URL, Events: []string{"signin.failed", want}}, "")
		if good != (err == nil) || err != nil && !errors.Is(err, webhook.ErrInvalid) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// With some systems whoever has the address may send: it is shown to those who manage webhooks, and not to all who read events.
func TestEventsTellNoAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storagetest.SQLite(t))
	made, _, err := w.s.Create(t.Context(), webhook.Webhook{URL: w.r.URL + "/services/T0/hush?token=hush", Events: []string{"*"}}, "")
	w.ok(err)
	_, err = w.s.Change(t.Context(), made.ID, func(x *webhook.Webhook) error { x.URL += "hush"; return nil })
	w.ok(err)
	list, err := w.db.EventsLike(t.Context(), storage.Event{Name: "webhook."}, "", 10)
	w.ok(err)
	for _, e := range list {
		if strings.Contains(string(e.Detail), "hush") || !strings.Contains(string(e.Detail), strings.TrimPrefix(w.r.URL, "https://")) {
			t.Errorf("%s: %s", e.Name, e.Detail)
		}
	}
	if len(list) != 2 {
		t.Errorf("%d events", len(list))
	}
}
