package oauth_test

import (
	"net/url"
	"runtime/debug"
	"slices"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
)

// TestAllocationsPerRequest: requests that use nothing of what is new allocate no more than they did at v0.1.0, which allocated
// 110, 378 and 495 times. The numbers only fall; collections of garbage that take what is pooled make one or two more of it.
func TestAllocationsPerRequest(t *testing.T) {
	h := protocol(t, oauthtest.Options{})
	last := get(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", "openid api:read offline_access", nil)))
	ask := func(client string, form url.Values) *oauth.Answer {
		a, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, client), Form: form})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, test := range []struct {
		name string
		most float64
		act  func()
	}{
		{"client credentials", 110, func() { ask("robot", url.Values{"grant_type": {"client_credentials"}}) }},
		{"refresh", 378, func() { last = ask("shop", oauthtest.Refresh(last.RefreshToken)) }},
		{"authorize and code", 497, func() { ask("shop", oauthtest.Exchange(h.Code(t, "shop", "openid api:read", nil))) }},
	} {
		if raced() { // it throws pooled values away
			test.most *= 1.15
		}
		if n := testing.AllocsPerRun(200, test.act); n > test.most {
			t.Errorf("%s: %v allocations, want at most %v", test.name, n, test.most)
		}
	}
}

// raced reports whether the race detector runs.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
