package blackbox

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"
)

// Killed while an endpoint refuses, and before what happened was looked at: it is told both by the next process.
func TestKillLosesNoWebhook(t *testing.T) {
	var mu sync.Mutex
	refuses, tried, got := true, make(chan struct{}, 100), map[string]int{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if refuses {
			w.WriteHeader(http.StatusBadGateway)
		} else {
			got[r.Header.Get("webhook-id")]++
		}
		select {
		case tried <- struct{}{}:
		default:
		}
	}))
	defer receiver.Close()
	s := newSite(t, "")
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, append(text, "egress: {allow_hosts: [127.0.0.1]}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	p := s.start("")
	var made struct{ ID string }
	s.cli(&made, "webhook", "create", "--url", receiver.URL, "--event", "user.", "--json")
	s.cli(nil, "webhook", "test", made.ID)
	wait := func(why string, done func() bool) {
		t.Helper()
		for end := time.After(90 * time.Second); !done(); {
			select {
			case <-tried:
			case <-end:
				t.Fatal(why)
			}
		}
	}
	first := false
	wait("nothing was tried", func() bool { was := first; first = true; return was })
	s.person("ada@example.com") // no process will have looked at it
	p.kill()
	mu.Lock()
	refuses = false
	mu.Unlock()
	s.start("")
	wait("the next process told too little", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= 2
	})
	for id, n := range got {
		if n != 1 {
			t.Errorf("%s was told %d times", id, n)
		}
	}
}
