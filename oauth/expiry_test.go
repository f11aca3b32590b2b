package oauth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/oauthtest"
	"signet/storage/storagetest"
)

func TestL03_IntrospectionIsInactiveAtExp(t *testing.T) { // RFC 7662 section 2.2
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{DB: storagetest.SQLite(t)})
		got := first(t, h, "shop", "openid api:read")
		shop := h.Client(t, "shop")
		active := func(token string) bool {
			t.Helper()
			told, err := h.Provider.Introspect(t.Context(), shop, token)
			if err != nil {
				t.Fatal(err)
			}
			return told.Active
		}
		a, begun := claims(t, h, got), time.Now()
		time.Sleep(time.Until(time.Unix(a.ExpiresAt, 0)) - time.Millisecond)
		if !active(got.AccessToken) {
			t.Error("inactive before exp")
		}
		time.Sleep(time.Millisecond)
		if active(got.AccessToken) {
			t.Error("an access token is active at exp")
		}
		time.Sleep(5 * time.Second)
		if active(got.AccessToken) {
			t.Error("an access token is active after exp")
		}
		idle := begun.Add(oauthtest.Lifetimes.Idle)
		time.Sleep(time.Until(idle) - 2*time.Second)
		if !active(got.RefreshToken) {
			t.Error("a refresh token is inactive before its idle limit")
		}
		for time.Until(begun.Add(oauthtest.Lifetimes.Absolute)) > oauthtest.Lifetimes.Idle {
			got = get(t, h, "shop", oauthtest.Refresh(got.RefreshToken))
			time.Sleep(oauthtest.Lifetimes.Idle - time.Hour)
		}
		got = get(t, h, "shop", oauthtest.Refresh(got.RefreshToken))
		time.Sleep(time.Until(begun.Add(oauthtest.Lifetimes.Absolute)) + time.Second)
		if active(got.RefreshToken) {
			t.Error("a refresh token is active after the end of its grant")
		}
		h.Registry.Close()
	})
}
