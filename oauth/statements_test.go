package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/dpop/dpoptest"
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
			a, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, client), Form: form})
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
				_, err := h.Provider.Userinfo(ctx, oauth.Presented{Token: two.AccessToken})
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

// TestStatementsWithAProof: a proof of possession costs one write (RFC 9449), and a refused one none.
func TestStatementsWithAProof(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		key, v := dpoptest.New(t), &dpop.Verifier{Issuer: oauthtest.Issuer}
		proof := func(k dpoptest.Key) *dpop.Proof {
			sent := k.Proof(t, "POST", oauthtest.Issuer+"/oauth2/token")
			p, err := v.Judge(http.Header{"Dpop": {sent}}, "POST", "/oauth2/token")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		var last *oauth.Answer
		ask := func(ctx context.Context, client string, form url.Values, p *dpop.Proof) error {
			a, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, client), Form: form, Proof: p})
			if err == nil {
				last = a
			}
			return err
		}
		code := oauthtest.Exchange(h.Code(t, "spa", "openid api:read", nil))
		for _, test := range []struct {
			name          string
			reads, writes int64
			act           func(ctx context.Context) error
			fails         bool
		}{
			{"code", 1, 2, func(ctx context.Context) error { return ask(ctx, "spa", code, proof(key)) }, false},
			// the event, once a minute
			{"refresh by another key", 1, 1, func(ctx context.Context) error {
				return ask(ctx, "spa", oauthtest.Refresh(last.RefreshToken), proof(dpoptest.New(t)))
			}, true},
			{"refresh without proof", 1, 0, func(ctx context.Context) error {
				return ask(ctx, "spa", oauthtest.Refresh(last.RefreshToken), nil)
			}, true},
			{"refresh", 1, 2, func(ctx context.Context) error {
				return ask(ctx, "spa", oauthtest.Refresh(last.RefreshToken), proof(key))
			}, false},
			{"client credentials", 0, 1, func(ctx context.Context) error {
				return ask(ctx, "robot", url.Values{"grant_type": {"client_credentials"}}, proof(key))
			}, false},
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
