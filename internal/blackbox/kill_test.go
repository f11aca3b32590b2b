package blackbox

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Killed in the middle of refreshes: what was acknowledged is still there, and nothing can be spent twice.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	s := newSite(t, "")
	p := s.start("")
	s.person("ada@example.com")
	app := newApp(t, s.issuer, "openid", "offline_access")
	b := newBrowser(t, "ada@example.com")

	type chain struct {
		code, verifier string
		last           string // the newest refresh token that was acknowledged
		old            string // one that was spent two generations before
		count          atomic.Int64
	}
	chains := make([]*chain, 8)
	for i := range chains {
		code, verifier, err := app.authorize(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		token, err := app.exchange(t.Context(), code, verifier)
		if err != nil {
			t.Fatal(err)
		}
		chains[i] = &chain{code: code, verifier: verifier, last: token.RefreshToken}
	}

	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, c := range chains {
		wg.Go(func() {
			var before []string
			for ctx.Err() == nil {
				next, err := app.refresh(ctx, c.last)
				if err != nil {
					return // the process is gone
				}
				before = append(before, c.last)
				c.last = next.RefreshToken
				if len(before) > 2 {
					c.old = before[len(before)-3]
				}
				c.count.Add(1)
			}
		})
	}
	few := func() bool { return slices.ContainsFunc(chains, func(c *chain) bool { return c.count.Load() < 3 }) }
	for deadline := time.Now().Add(2 * time.Minute); few(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a chain was not refreshed three times")
		}
	}
	time.Sleep(500 * time.Millisecond) // of more work; the test is what the kill leaves behind
	p.kill()
	cancel()
	wg.Wait()

	s.start("")
	for i, c := range chains {
		token, err := app.refresh(t.Context(), c.last)
		if err != nil {
			t.Errorf("chain %d: the acknowledged refresh token was lost: %v", i, err)
			continue
		}
		if i%2 == 0 {
			if _, err := app.refresh(t.Context(), c.old); oauthError(err) != "invalid_grant" {
				t.Errorf("chain %d: a token spent long ago: %v", i, err)
			}
		} else if _, err := app.exchange(t.Context(), c.code, c.verifier); oauthError(err) != "invalid_grant" {
			t.Errorf("chain %d: the code was spent twice: %v", i, err)
		}
		if _, err := app.refresh(t.Context(), token.RefreshToken); oauthError(err) != "invalid_grant" {
			t.Errorf("chain %d: the grant lives on after a replay: %v", i, err)
		}
	}
}
