package oauth_test

import (
	"context"
	"net/url"
	"testing"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/storage"
)

// TestStatementsPerRequest is the table of decision 0001, on both engines.
func TestStatementsPerRequest(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		var one, two *oauth.Answer
		var form url.Values
		// asks makes a token request and keeps the answer.
		asks := func(ctx context.Context, client string, form url.Values, keep **oauth.Answer) error {
			a, err := h.Provider.Token(ctx, h.Client(t, client), form)
			if keep != nil {
				*keep = a
			}
			return err
		}
		shop := h.Client(t, "shop")
		for _, test := range []struct {
			name          string
			reads, writes int64
			act           func(ctx context.Context) error
			fails         bool
		}{
			{"authorize", 0, 1, func(ctx context.Context) error {
				v, err := h.Authorize(ctx, h.Ask(t, "shop", "openid api:read", nil))
				form = oauthtest.Exchange(v.Code)
				return err
			}, false},
			{"code of a stranger", 1, 0, func(ctx context.Context) error { return asks(ctx, "other", form, nil) }, true},
			{"code with a wrong verifier", 1, 0, func(ctx context.Context) error {
				return asks(ctx, "shop", with(form, "code_verifier", oauthtest.Challenge()), nil)
			}, true},
			{"code", 1, 1, func(ctx context.Context) error { return asks(ctx, "shop", form, &one) }, false},
			{"refresh", 1, 1, func(ctx context.Context) error { return asks(ctx, "shop", oauthtest.Refresh(one.RefreshToken), &two) }, false},
			{"refresh in the grace", 1, 0, func(ctx context.Context) error { return asks(ctx, "shop", oauthtest.Refresh(one.RefreshToken), nil) },
				false},
			{"refresh by a stranger", 0, 0,
				func(ctx context.Context) error { return asks(ctx, "other", oauthtest.Refresh(one.RefreshToken), nil) }, true},
			{"refresh of garbage", 0, 0, func(ctx context.Context) error { return asks(ctx, "shop", oauthtest.Refresh("a.b.c"), nil) }, true},
			{"client credentials", 0, 0, func(ctx context.Context) error {
				return asks(ctx, "robot", url.Values{"grant_type": {"client_credentials"}}, nil)
			}, false},
			{"userinfo", 1, 0, func(ctx context.Context) error {
				_, err := h.Provider.Userinfo(ctx, two.AccessToken)
				return err
			}, false},
			{"introspection", 1, 0, func(ctx context.Context) error {
				_, err := h.Provider.Introspect(ctx, shop, two.AccessToken)
				return err
			}, false},
			{"introspection of a refresh token", 1, 0, func(ctx context.Context) error {
				_, err := h.Provider.Introspect(ctx, shop, two.RefreshToken)
				return err
			}, false},
			{"introspection by a stranger", 0, 0, func(ctx context.Context) error {
				_, err := h.Provider.Introspect(ctx, h.Client(t, "other"), two.AccessToken)
				return err
			}, false},
			{"revocation of an access token", 0, 2, func(ctx context.Context) error { // deny list and event
				return h.Provider.Revoke(ctx, shop, two.AccessToken)
			}, false},
			{"code replay", 1, 2, func(ctx context.Context) error { return asks(ctx, "shop", form, nil) }, true}, // row and event
			{"code replay again", 1, 0, func(ctx context.Context) error { return asks(ctx, "shop", form, nil) }, true},
		} {
			ctx, stats := storage.WithStats(t.Context())
			if err := test.act(ctx); (err != nil) != test.fails {
				t.Fatalf("%s: %v", test.name, err)
			}
			if stats.Reads() != test.reads || stats.Writes() != test.writes {
				t.Errorf("%s: %d reads and %d writes, want %d and %d", test.name, stats.Reads(), stats.Writes(), test.reads, test.writes)
			}
		}
	})
}
