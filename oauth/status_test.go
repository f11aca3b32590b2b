package oauth_test

import (
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/keys"
	"signet/oauth/oauthtest"
	"signet/oauth/refusal"
	"signet/storage/expired"
)

// about introspects.
func about(t *testing.T, h *oauthtest.Protocol, client, token string) oauth.Introspection {
	t.Helper()
	got, err := h.Provider.Introspect(t.Context(), h.Client(t, client), token)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Active && !reflect.DeepEqual(got, oauth.Introspection{}) {
		t.Errorf("an inactive token is told more about: %+v", got)
	}
	return got
}

func TestIntrospection(t *testing.T) { // RFC 7662 section 2.2
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid api:read")
	a := claims(t, h, one)
	want := oauth.Introspection{
		Active: true, Scope: "openid api:read", ClientID: "shop", TokenType: "Bearer", Subject: oauthtest.Ada,
		Audience: a.Audience, Issuer: oauthtest.Issuer, ExpiresAt: a.ExpiresAt, IssuedAt: a.IssuedAt, JTI: a.JTI,
		AuthTime: a.AuthTime, ACR: "1", AMR: []string{"pwd"},
	}
	for range 2 { // the second comes from the cache of verified claims
		if got := about(t, h, "shop", one.AccessToken); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	got := about(t, h, "shop", one.RefreshToken)
	if !got.Active || got.Subject != oauthtest.Ada || got.Scope != "openid api:read" || got.ClientID != "shop" || got.ExpiresAt == 0 ||
		got.TokenType != "" || got.ExpiresAt == a.ExpiresAt { // its own exp, not the access token's (decision 0002)
		t.Errorf("refresh token: %+v", got)
	}
	robot := get(t, h, "robot", credentials())
	if got := about(t, h, "robot", robot.AccessToken); !got.Active || got.Subject != "robot" {
		t.Errorf("client credentials: %+v", got)
	}
}

func TestL03_WhoMayAskAboutAToken(t *testing.T) { // decision 0002, rule L03
	h := protocol(t, oauthtest.Options{})
	api := first(t, h, "shop", "openid api:read")
	files := first(t, h, "shop", "files:read")
	for _, test := range []struct {
		client, token string
		want          bool
	}{
		{"shop", api.AccessToken, true},
		{"shop-api", api.AccessToken, true},    // the resource in aud names it
		{"shop-api", files.AccessToken, false}, // not this resource
		{"other", api.AccessToken, false},
		{"robot", api.AccessToken, false},
		{"shop", api.RefreshToken, true},
		{"shop-api", api.RefreshToken, false}, // refresh tokens only to their client
		{"other", api.RefreshToken, false},
		{"shop", api.IDToken, false},
		{"shop", "garbage", false},
	} {
		if got := about(t, h, test.client, test.token); got.Active != test.want {
			t.Errorf("%s: active %v, want %v", test.client, got.Active, test.want)
		}
	}
	_, err := h.Provider.Introspect(t.Context(), h.Client(t, "spa"), api.AccessToken)
	wants(t, err, "invalid_client") // a public client proves nothing
}

func TestInactiveTokens(t *testing.T) { // RFC 7662 section 2.2, rule L03: account, client and family alive
	for name, end := range map[string]func(t *testing.T, h *oauthtest.Protocol, grant string) error{
		"grant-revoked": func(t *testing.T, h *oauthtest.Protocol, grant string) error {
			_, err := h.DB.RevokeGrant(t.Context(), grant, "test", time.Now())
			return err
		},
		"grant-gone": func(t *testing.T, h *oauthtest.Protocol, _ string) error {
			_, err := h.DB.DeleteExpired(t.Context(), expired.Grants, time.Now().Add(1000*time.Hour), 10)
			return err
		},
		"person-disabled": func(t *testing.T, h *oauthtest.Protocol, _ string) error {
			return h.DB.SetUserDisabled(t.Context(), oauthtest.Ada, time.Now(), time.Now())
		},
		"expired": func(*testing.T, *oauthtest.Protocol, string) error {
			time.Sleep(11 * time.Minute)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := protocol(t, oauthtest.Options{})
				one := first(t, h, "shop", "openid")
				if !about(t, h, "shop", one.AccessToken).Active {
					t.Fatal("not active")
				}
				if err := end(t, h, claims(t, h, one).GrantID); err != nil {
					t.Fatal(err)
				}
				if about(t, h, "shop", one.AccessToken).Active {
					t.Error("the access token is active")
				}
				if about(t, h, "shop", one.RefreshToken).Active != (name == "expired") {
					t.Error("the refresh token")
				}
			})
		})
	}
	t.Run("client-disabled-or-gone", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		m, err := h.Registry.Create(t.Context(), clients.Metadata{
			ClientName: "stored", GrantTypes: []string{"client_credentials"}, Scope: "api:read",
		})
		if err != nil {
			t.Fatal(err)
		}
		got := get(t, h, m.ClientID, credentials())
		if !about(t, h, "shop-api", got.AccessToken).Active {
			t.Fatal("not active")
		}
		if err := h.Registry.SetDisabled(t.Context(), m.ClientID, true); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "shop-api", got.AccessToken).Active {
			t.Error("active though its client is disabled")
		}
		if err := h.Registry.Delete(t.Context(), m.ClientID); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "shop-api", got.AccessToken).Active {
			t.Error("active though its client is gone")
		}
	})
	t.Run("refresh-token-spent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			one := first(t, h, "shop", "openid")
			two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
			time.Sleep(time.Minute)
			if about(t, h, "shop", one.RefreshToken).Active || !about(t, h, "shop", two.RefreshToken).Active {
				t.Error("the spent one is told from the current one")
			}
			get(t, h, "shop", oauthtest.Refresh(two.RefreshToken)) // asking is not using
		})
	})
}

func TestL04_Revocation(t *testing.T) { // decision 0002, rule L04; RFC 7009 section 2
	revoke := func(t *testing.T, h *oauthtest.Protocol, client, token string) {
		t.Helper()
		if err := h.Provider.Revoke(t.Context(), h.Client(t, client), token); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("access-token-only-itself", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "shop", "openid")
		two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
		revoke(t, h, "shop", one.AccessToken)
		revoke(t, h, "shop", one.AccessToken)
		if alive(t, h, one) || !alive(t, h, two) || about(t, h, "shop", one.AccessToken).Active {
			t.Error("want the one dead, the other alive")
		}
		get(t, h, "shop", oauthtest.Refresh(two.RefreshToken))
		if got := h.Events(t, t.Context()); !slices.Contains(got, "token.revoked") {
			t.Errorf("events %v", got)
		}
	})
	t.Run("refresh-token-its-grant", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "spa", "openid") // a public client may
		revoke(t, h, "spa", one.RefreshToken)
		revoke(t, h, "spa", one.RefreshToken)
		if alive(t, h, one) {
			t.Error("the access token survives its grant")
		}
		refused(t, h, "spa", oauthtest.Refresh(one.RefreshToken), "invalid_grant")
		if got := h.Events(t, t.Context()); !slices.Equal(got, []string{"grant.revoked"}) {
			t.Errorf("events %v, want one", got)
		}
	})
	t.Run("strangers-and-garbage", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "shop", "openid")
		for _, token := range []string{one.AccessToken, one.RefreshToken} {
			revoke(t, h, "other", token)
		}
		for _, token := range []string{one.IDToken, "garbage", "a.b.c"} {
			revoke(t, h, "shop", token)
		}
		if !alive(t, h, one) {
			t.Error("a stranger revoked a token")
		}
		get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
	})
	t.Run("without-a-grant", func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		robot := get(t, h, "robot", credentials())
		revoke(t, h, "robot", robot.AccessToken)
		if about(t, h, "robot", robot.AccessToken).Active {
			t.Error("still active")
		}
	})
	t.Run("until-it-expires", func(t *testing.T) { // the janitor may not forget a token that would live again
		synctest.Test(t, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			one := first(t, h, "shop", "openid")
			revoke(t, h, "shop", one.AccessToken)
			time.Sleep(10*time.Minute + 9*time.Second)
			if _, err := h.DB.DeleteExpired(t.Context(), expired.RevokedTokens, time.Now(), 10); err != nil {
				t.Fatal(err)
			}
			if alive(t, h, one) {
				t.Error("alive again within the grace of exp")
			}
		})
	})
}

func TestK09_OnlyAnAccessTokenIsAnAccessToken(t *testing.T) { // decision 0002, rule K09, L05
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid")
	for name, token := range map[string]string{
		"refresh": one.RefreshToken, "id": one.IDToken, "garbage": "x.y.z", "none": "", "none-alg": "eyJhbGciOiJub25lIn0.e30.",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: token})
			wants(t, err, "invalid_token")
		})
	}
}

func TestL05_Userinfo(t *testing.T) { // rule L05, OpenID Connect Core section 5.3
	h := protocol(t, oauthtest.Options{})
	info := func(scope string) map[string]any {
		t.Helper()
		got, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: first(t, h, "shop", scope).AccessToken})
		if err != nil || got.JWT != "" {
			t.Fatal(err)
		}
		return got.Claims
	}
	if got := info("openid"); !reflect.DeepEqual(got, map[string]any{"sub": oauthtest.Ada}) {
		t.Errorf("openid alone: %v", got)
	}
	if got := info("openid email"); got["email"] != "ada@example.com" || got["email_verified"] != true || got["name"] != nil {
		t.Errorf("email: %v", got)
	}
	if got := info("openid profile"); got["name"] != "Ada Lovelace" || got["preferred_username"] != "ada" || got["email"] != nil {
		t.Errorf("profile: %v", got)
	}
	without := first(t, h, "shop", "api:read")
	_, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: without.AccessToken})
	wants(t, err, "invalid_token") // its audience is the API
	owned := protocol(t, oauthtest.Options{Audience: oauthtest.Issuer, Clients: []clients.Metadata{{
		ClientID: "bare", ClientSecret: oauthtest.Secret, GrantTypes: []string{"client_credentials"},
	}}})
	robot := get(t, owned, "bare", credentials())
	_, err = owned.Provider.Userinfo(t.Context(), oauth.Presented{Token: robot.AccessToken})
	wants(t, err, "insufficient_scope")
	if no := err.(*refusal.Refusal); no.Status != 403 {
		t.Errorf("status %d", no.Status)
	}
}

func TestSignedUserinfo(t *testing.T) { // OpenID Connect Core section 5.3.2
	h := protocol(t, oauthtest.Options{})
	m := h.Client(t, "shop").Metadata
	m.UserinfoSignedResponseAlg = "ES256"
	h = h.WithClient(t, m)
	got, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: first(t, h, "shop", "openid email").AccessToken})
	if err != nil {
		t.Fatal(err)
	}
	p, head := payload(t, got.JWT), header(t, got.JWT)
	if p["iss"] != oauthtest.Issuer || p["aud"] != "shop" || p["sub"] != oauthtest.Ada || p["email"] != "ada@example.com" ||
		head["alg"] != "ES256" {
		t.Errorf("header %v, claims %v", head, p)
	}
	var out map[string]any
	if err := h.Ring.Verify(got.JWT, keys.TypID, &out); err != nil {
		t.Errorf("signature: %v", err)
	}
	if _, err := h.Issuer.VerifyIDHint(got.JWT); err == nil {
		t.Error("it passes for an ID token")
	}
}
