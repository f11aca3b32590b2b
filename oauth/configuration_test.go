package oauth

import (
	"slices"
	"testing"
	"time"

	"github.com/ory/fosite"

	"signet/clients"
	"signet/oauth/keys/keystest"
	"signet/oauth/ledger"
	"signet/oauth/tokens"
)

func configured(t *testing.T) *configuration {
	t.Helper()
	issuer, err := tokens.New("https://id.test", keystest.Ring(t), tokens.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newConfiguration(Options{Issuer: issuer, Lifetimes: ledger.Lifetimes{Code: time.Minute, Access: time.Minute}}, new(ledger.Ledger))
}

// TestNothingIsFilledInLater: fosite's getters write fields that are empty, without a lock, and one of them starts a
// fetcher of keys with goroutines of its own (decision 0002).
func TestNothingIsFilledInLater(t *testing.T) {
	c := configured(t)
	for name, empty := range map[string]bool{
		"ScopeStrategy": c.ScopeStrategy == nil, "AudienceMatchingStrategy": c.AudienceMatchingStrategy == nil,
		"ClientSecretsHasher": c.ClientSecretsHasher == nil, "JWKSFetcherStrategy": c.JWKSFetcherStrategy == nil,
		"ClientAuthenticationStrategy": c.ClientAuthenticationStrategy == nil,
	} {
		if empty {
			t.Errorf("%s is empty", name)
		}
	}
	if c.GetJWKSFetcherStrategy(t.Context()) != (noFetcher{}) {
		t.Error("another fetcher of keys")
	}
	if c.GetSecretsHasher(t.Context()).Compare(t.Context(), []byte("x"), []byte("x")) == nil {
		t.Error("fosite compares a secret")
	}
}

func TestSettingsThatMatter(t *testing.T) { // decision 0002
	c, ctx := configured(t), t.Context()
	scopes := c.GetScopeStrategy(ctx)
	for asked, want := range map[string]bool{"api:read": true, "api:*": false, "api": false, "api:read:all": false} {
		if got := scopes([]string{"api:read"}, asked); got != want {
			t.Errorf("scope %q: %v", asked, got)
		}
	}
	if scopes([]string{"*", "api.*"}, "api.read") {
		t.Error("scopes are matched as wildcards")
	}
	if s := c.GetRefreshTokenScopes(ctx); s == nil || len(s) != 0 {
		t.Errorf("refresh tokens want a scope: %v", s)
	}
	if c.GetSendDebugMessagesToClients(ctx) || c.GetEnablePKCEPlainChallengeMethod(ctx) || c.GetEnforcePKCE(ctx) {
		t.Error("a switch is on")
	}
	if len(c.GetTokenIntrospectionHandlers(ctx))+len(c.GetRevocationHandlers(ctx)) > 0 {
		t.Error("fosite introspects or revokes") // rule K09, decision 0002
	}
	if _, err := authenticated(ctx, nil, nil); err == nil {
		t.Error("a client nobody authenticated")
	}
	if c.GetTokenEndpointHandlers(ctx) != nil {
		t.Error("handlers without a case")
	}
}

func TestHandlersOfEachGrant(t *testing.T) { // decision 0002: its own lists drop a second handler of a type in silence
	c := configured(t)
	for grant, want := range map[string]int{clients.AuthorizationCode: 3, clients.RefreshToken: 2, clients.ClientCredentials: 1,
		clients.Password: 1, "urn:nope": 0, "": 0} {
		ctx := ledger.With(t.Context(), &ledger.Request{GrantType: grant})
		list := c.GetTokenEndpointHandlers(ctx)
		if len(list) != want {
			t.Errorf("%q: %d handlers, want %d", grant, len(list), want)
		}
		request := fosite.NewAccessRequest(nil)
		request.GrantTypes = fosite.Arguments{grant}
		if !slices.ContainsFunc(list, func(h fosite.TokenEndpointHandler) bool { return h.CanHandleTokenEndpointRequest(ctx, request) }) &&
			want > 0 {
			t.Errorf("%q: nobody handles it", grant)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a provider of nothing")
	}
}
