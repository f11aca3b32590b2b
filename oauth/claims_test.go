package oauth_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"signet/oauth"
	asked "signet/oauth/claims"
	"signet/oauth/ledger"
	"signet/oauth/oauthtest"
	"signet/storage"
)

func param(t *testing.T, s string) asked.Param {
	t.Helper()
	p, err := asked.ParseParam(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const everyClaim = `{"userinfo":{"name":null,"email":null,"groups":null},"id_token":{"name":null,"email":null,"roles":null}}`

// registered is the shop with groups and roles among its scopes.
func registered(t *testing.T, h *oauthtest.Protocol) *oauthtest.Protocol {
	t.Helper()
	m := h.Client(t, "shop").Metadata
	m.Scope = "openid profile email groups roles offline_access"
	return h.WithClient(t, m)
}

// told is which of the claims in everyClaim an answer has, sorted.
func told(m map[string]any) string {
	return strings.Join(slices.DeleteFunc([]string{"email", "groups", "name", "roles"}, func(s string) bool {
		_, has := m[s]
		return !has
	}), " ")
}

// A grant of the release before kept the parameter as it was sent, and not what the person allowed of it.
func TestV04_GrantOfTheReleaseBeforeReleasesNoMoreThanItsScopes(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		h = registered(t, h)
		for scopes, want := range map[string][2]string{ // ID token, userinfo
			"openid offline_access":       {"", ""},
			"openid email offline_access": {"email", "email"},
			"openid groups profile roles": {"groups name roles", "groups name roles"},
		} {
			s, err := h.DB.GrantStateByCode(t.Context(), ledger.HashCode(h.Code(t, "shop", scopes, nil)))
			if err != nil {
				t.Fatal(err)
			}
			facts, err := ledger.FactsOf(s.Grant)
			if err != nil {
				t.Fatal(err)
			}
			row, code := s.Grant, "code-of-"+scopes
			facts.Claims = everyClaim
			row.ID, row.CodeHash = "grant-of-"+scopes, ledger.HashCode(code)
			if err := facts.Put(&row); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(row.Data), "claims_granted") {
				t.Fatalf("not as the release before writes it: %s", row.Data)
			}
			if err := h.DB.InsertGrant(t.Context(), row); err != nil {
				t.Fatal(err)
			}
			answer := get(t, h, "shop", oauthtest.Exchange(code))
			for range 2 { // the second is refreshed
				info, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: answer.AccessToken})
				if err != nil {
					t.Fatal(err)
				}
				if id := told(payload(t, answer.IDToken)); id != want[0] || told(info.Claims) != want[1] {
					t.Errorf("%s: ID token %q, userinfo %q, want %q", scopes, id, told(info.Claims), want)
				}
				if answer.RefreshToken != "" {
					answer = get(t, h, "shop", oauthtest.Refresh(answer.RefreshToken))
				}
			}
		}
	})
}

func TestV04_GrantedClaimsCostNoMoreReads(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		h = registered(t, h)
		for name, tt := range map[string]struct {
			claims          string
			token, userinfo int64 // reads
		}{
			"none":   {"", 1, 1},
			"person": {`{"userinfo":{"name":null,"email":null},"id_token":{"name":null,"email":null}}`, 1, 1},
			"groups": {`{"userinfo":{"groups":null}}`, 1, 2}, // where they are told, and nowhere else
			"roles":  {`{"id_token":{"roles":null}}`, 2, 1},
		} {
			var answer *oauth.Answer
			var code string
			for _, step := range []struct {
				name          string
				reads, writes int64
				act           func(ctx context.Context) (err error)
			}{
				{"authorize", 0, 1, func(ctx context.Context) error {
					v, err := h.Authorize(ctx, h.Ask(t, "shop", "openid offline_access", func(a *oauth.Authorization) { a.Claims = param(t, tt.claims) }))
					code = v.Code
					return err
				}},
				{"code", tt.token, 1, func(ctx context.Context) (err error) {
					answer, err = h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "shop"), Form: oauthtest.Exchange(code)})
					return err
				}},
				{"refresh", tt.token, 1, func(ctx context.Context) (err error) {
					answer, err = h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "shop"), Form: oauthtest.Refresh(answer.RefreshToken)})
					return err
				}},
				{"userinfo", tt.userinfo, 0, func(ctx context.Context) error {
					_, err := h.Provider.Userinfo(ctx, oauth.Presented{Token: answer.AccessToken})
					return err
				}},
				{"introspection", 1, 0, func(ctx context.Context) error {
					_, err := h.Provider.Introspect(ctx, h.Client(t, "shop"), answer.AccessToken)
					return err
				}},
			} {
				ctx, stats := storage.WithStats(t.Context())
				if err := step.act(ctx); err != nil {
					t.Fatalf("%s, %s: %v", name, step.name, err)
				}
				if stats.Reads() != step.reads || stats.Writes() != step.writes {
					t.Errorf("%s, %s: %d reads and %d writes, want %d and %d", name, step.name, stats.Reads(), stats.Writes(), step.reads, step.writes)
				}
			}
		}
	})
}
