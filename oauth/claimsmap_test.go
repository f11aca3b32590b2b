package oauth_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/clients/claimmap"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/storage"
)

// keep writes what administrators keep about Ada.
func keep(t *testing.T, h *oauthtest.Protocol, old, document string) {
	t.Helper()
	if err := h.DB.SetUserMetadata(t.Context(), oauthtest.Ada, json.RawMessage(old), json.RawMessage(document), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// mapped is the protocol with a map of the app shop.
func mapped(t *testing.T, h *oauthtest.Protocol, rules ...claimmap.Rule) *oauthtest.Protocol {
	t.Helper()
	m := h.Client(t, "shop").Metadata
	m.ClaimsMap = rules
	return h.WithClient(t, m)
}

// TestStatementsWithAMap: metadata costs an app one read for each answer that names it, groups and roles one each, and nothing where no
// claim goes into what is answered.
func TestStatementsWithAMap(t *testing.T) {
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		keep(t, h, "", `{"dept":"Sales"}`)
		for _, test := range []struct {
			name           string
			rules          []claimmap.Rule
			code, userinfo int64 // reads beside those of an app without a map
		}{
			{"constants", []claimmap.Rule{{Claim: "plan", Value: "gold"}}, 0, 0},
			{"a claim of the profile", []claimmap.Rule{{Claim: "login", From: "claims.email"}}, 0, 0},
			{"metadata everywhere", []claimmap.Rule{{Claim: "dept", From: "metadata.dept",
				Into: []string{"id_token", "userinfo", "access_token"}}}, 1, 1},
			{"metadata at userinfo", []claimmap.Rule{{Claim: "dept", From: "metadata.dept", Into: []string{"userinfo"}}}, 0, 1},
			{"all sources", []claimmap.Rule{{Claim: "dept", From: "metadata.dept"}, {Claim: "g", From: "groups"},
				{Claim: "r", From: "roles"}}, 3, 3},
		} {
			h := mapped(t, h, test.rules...)
			code := h.Code(t, "shop", "openid email", nil)
			var got *oauth.Answer
			for _, act := range []struct {
				name  string
				reads int64
				do    func(ctx context.Context) error
			}{
				{"code", 1 + test.code, func(ctx context.Context) (err error) {
					got, err = h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "shop"), Form: oauthtest.Exchange(code)})
					return err
				}},
				{"userinfo", 1 + test.userinfo, func(ctx context.Context) error {
					_, err := h.Provider.Userinfo(ctx, oauth.Presented{Token: got.AccessToken})
					return err
				}},
				{"introspection", 1, func(ctx context.Context) error {
					_, err := h.Provider.Introspect(ctx, h.Client(t, "shop"), got.AccessToken)
					return err
				}},
			} {
				ctx, stats := storage.WithStats(t.Context())
				if err := act.do(ctx); err != nil {
					t.Fatalf("%s, %s: %v", test.name, act.name, err)
				}
				if stats.Reads() != act.reads {
					t.Errorf("%s, %s: %d reads, want %d", test.name, act.name, stats.Reads(), act.reads)
				}
			}
		}
	})
}

// TestAMapTellsNothingThatWasNotGranted: of the profile an app gets by its map what the granted scopes allow, and no more.
func TestAMapTellsNothingThatWasNotGranted(t *testing.T) {
	h := mapped(t, protocol(t, oauthtest.Options{}), claimmap.Rule{Claim: "login", From: "claims.email"})
	for scope, told := range map[string]bool{"openid": false, "openid email": true} {
		got, err := token(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", scope, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if text := payloadText(t, got.IDToken); strings.Contains(text, `"login":"`) != told {
			t.Errorf("%s: %s", scope, text)
		}
		info, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken})
		if _, has := info.Claims["login"]; err != nil || has != told {
			t.Errorf("%s: userinfo tells %v, %v", scope, info.Claims, err)
		}
	}
}

// TestAMapThatIsTooLongIsSaidToBe: a token that nobody would read is not made, and the answer says why.
func TestAMapThatIsTooLongIsSaidToBe(t *testing.T) {
	h := protocol(t, oauthtest.Options{})
	keep(t, h, "", `{"a":"`+strings.Repeat("x", 8000)+`"}`)
	rules := []claimmap.Rule{}
	for _, claim := range []string{"a", "b", "c"} {
		rules = append(rules, claimmap.Rule{Claim: claim, From: "metadata.a", Into: []string{"access_token"}})
	}
	h = mapped(t, h, rules...)
	code := h.Code(t, "shop", "openid email", nil)
	_, err := token(t, h, "shop", oauthtest.Exchange(code))
	wants(t, err, "invalid_scope")
	if !strings.Contains(err.Error(), "claims_map") {
		t.Errorf("%v does not say what is too long and why", err)
	}
	keep(t, h, `{"a":"`+strings.Repeat("x", 8000)+`"}`, `{"a":"x"}`)
	if _, err := token(t, h, "shop", oauthtest.Exchange(code)); err != nil { // nothing was used up
		t.Error(err)
	}
}

// TestAMapOfThePasswordGrant: the person's row is read where a map may name it.
func TestAMapOfThePasswordGrant(t *testing.T) {
	all := protocol(t, oauthtest.Options{Passwords: passwords{}})
	m := all.Client(t, "legacy").Metadata
	m.Scope = "openid email offline_access"
	m.ClaimsMap = []claimmap.Rule{{Claim: "login", From: "claims.email", Into: []string{"access_token"}}}
	h := all.WithClient(t, m)
	got := get(t, h, "legacy", passwordForm("scope", "openid email offline_access"))
	again := get(t, h, "legacy", oauthtest.Refresh(got.RefreshToken))
	for _, raw := range []string{got.AccessToken, again.AccessToken} {
		if text := payloadText(t, raw); !strings.Contains(text, `"login":"`) {
			t.Errorf("got %s", text)
		}
	}
}

// TestMapsOfAppsByThemselves: where no person is, no claim of a map is.
func TestMapsOfAppsByThemselves(t *testing.T) {
	all := protocol(t, oauthtest.Options{})
	m := all.Client(t, "robot").Metadata
	m.ClaimsMap = []claimmap.Rule{{Claim: "plan", Value: "gold", Into: []string{"access_token"}}}
	h := all.WithClient(t, m)
	got := get(t, h, "robot", map[string][]string{"grant_type": {clients.ClientCredentials}})
	if text := payloadText(t, got.AccessToken); strings.Contains(text, "plan") {
		t.Errorf("got %s", text)
	}
}
