package oauth_test

import (
	"sync"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
)

// TestJ07_ParallelRedemptions: 50 at once, one success, then a dead family (rule J07).
func TestJ07_ParallelRedemptions(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
		answers := race(50, func() (*oauth.Answer, error) { return token(t, h, "shop", form) })
		var winner *oauth.Answer
		for _, a := range answers {
			if a.err != nil {
				wants(t, a.err, "invalid_grant")
				continue
			}
			if winner != nil {
				t.Fatal("two successes")
			}
			winner = a.answer
		}
		if winner == nil {
			t.Fatal("no success")
		}
		refused(t, h, "shop", form, "invalid_grant")
		refused(t, h, "shop", oauthtest.Refresh(winner.RefreshToken), "invalid_grant")
		if alive(t, h, winner) {
			t.Error("the access token survives")
		}
		if got := h.Events(t, t.Context()); count(got, "code.replayed") != 1 || len(got) != 1 {
			t.Errorf("events %v", got)
		}
	})
}

// TestJ13_ParallelRefreshes: 20 at once, no error, one successor, one live chain (rule J13); then the
// successor is refreshed by 20 at once, and so on.
func TestJ13_ParallelRefreshes(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		current := first(t, h, "spa", "openid").RefreshToken
		for range 4 {
			answers := race(20, func() (*oauth.Answer, error) { return token(t, h, "spa", oauthtest.Refresh(current)) })
			next := ""
			for _, a := range answers {
				switch {
				case a.err != nil:
					t.Fatal(a.err)
				case next == "":
					next = a.answer.RefreshToken
				case a.answer.RefreshToken != next:
					t.Fatal("two successors")
				}
			}
			current = next
		}
		for _, name := range h.Events(t, t.Context()) {
			if name != "refresh.repeated" { // 19 answers in the grace are many
				t.Errorf("event %s", name)
			}
		}
	})
}

// TestReplicasShareOneChain: the same through two providers on one database.
func TestReplicasShareOneChain(t *testing.T) { // decision 0001
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		both := []*oauthtest.Protocol{h, h.Replica(t, h.DB)}
		current := first(t, h, "spa", "openid").RefreshToken
		var mu sync.Mutex
		turn := 0
		answers := race(16, func() (*oauth.Answer, error) {
			mu.Lock()
			turn++
			at := both[turn%2]
			mu.Unlock()
			return token(t, at, "spa", oauthtest.Refresh(current))
		})
		for _, a := range answers {
			if a.err != nil {
				t.Fatal(a.err)
			}
			if a.answer.RefreshToken != answers[0].answer.RefreshToken {
				t.Fatal("two successors")
			}
		}
	})
}

// TestManyFlowsAtOnce: code flows and refreshes 16 at once for one person, no error (the issue; Hydra and Dex fail here).
func TestManyFlowsAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		answers := race(16, func() (*oauth.Answer, error) {
			v, err := h.Authorize(t.Context(), h.Ask(t, "shop", "openid", nil))
			if err != nil {
				return nil, err
			}
			a, err := token(t, h, "shop", oauthtest.Exchange(v.Code))
			for range 4 {
				if err != nil {
					return nil, err
				}
				a, err = token(t, h, "shop", oauthtest.Refresh(a.RefreshToken))
			}
			return a, err
		})
		for _, a := range answers {
			if a.err != nil {
				t.Fatal(a.err)
			}
		}
	})
}

type outcome struct {
	answer *oauth.Answer
	err    error
}

// race calls f n times at once.
func race(n int, f func() (*oauth.Answer, error)) []outcome {
	out := make([]outcome, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			<-start
			out[i].answer, out[i].err = f()
		})
	}
	close(start)
	wg.Wait()
	return out
}
