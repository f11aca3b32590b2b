package oauth_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/tokens"
	"signet/storage"
)

func TestCodeIsExchanged(t *testing.T) { // RFC 6749 section 4.1.4, RFC 9068 section 2.2, OpenID Connect Core section 3.1.3.3
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		got := first(t, h, "shop", "openid profile api:read")
		if got.TokenType != "Bearer" || got.ExpiresIn != 600 || got.Scope != "openid profile api:read" || got.RefreshToken == "" {
			t.Errorf("got %+v", got)
		}
		a := claims(t, h, got)
		if a.Subject != oauthtest.Ada || a.ClientID != "shop" || !slices.Equal(a.Audience, []string{oauthtest.API, oauthtest.Issuer}) ||
			a.ExpiresAt-a.IssuedAt != 600 || a.GrantID == "" || a.ACR != "1" || !slices.Equal(a.AMR, []string{"pwd"}) || a.AuthTime == 0 {
			t.Errorf("access token: %+v", a)
		}
		id := idOf(t, h, got)
		if id.Subject != oauthtest.Ada || !slices.Equal(id.Audience, []string{"shop"}) || id.Nonce != "nonce-1" ||
			id.SessionID != oauthtest.Session || id.AuthTime != a.AuthTime || id.ACR != "1" || id.IssuedAt == 0 ||
			id.AccessTokenHash != tokens.Hash("ES256", got.AccessToken) {
			t.Errorf("ID token: %+v", id)
		}
	})
}

func TestNoIDTokenWithoutOpenID(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	h := protocol(t, oauthtest.Options{})
	got := first(t, h, "shop", "api:read")
	if got.IDToken != "" || got.Scope != "api:read" {
		t.Errorf("got %+v", got)
	}
	if a := claims(t, h, got); !slices.Equal(a.Audience, []string{oauthtest.API}) {
		t.Errorf("audience %v: the issuer comes with openid only", a.Audience)
	}
}

func TestIDTokenIsSignedAsRegistered(t *testing.T) { // OpenID Connect Registration section 2: RS256 unless registered
	h := protocol(t, oauthtest.Options{Clients: nil})
	shop := *h.Client(t, "shop")
	for alg, want := range map[string]string{"": "RS256", "RS256": "RS256", "ES256": "ES256"} {
		shop.IDTokenSignedResponseAlg = alg
		a := h.Ask(t, "shop", "openid", nil)
		a.Client = &shop
		code, err := h.Authorize(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &shop, Form: oauthtest.Exchange(code.Code)})
		if err != nil {
			t.Fatal(err)
		}
		if head := header(t, got.IDToken); head["alg"] != want || head["kid"] == "" {
			t.Errorf("%q: header %v, want %s", alg, head, want)
		}
		if head := header(t, got.AccessToken); head["alg"] != "ES256" || head["typ"] != "at+jwt" {
			t.Errorf("access token header %v", head)
		}
	}
	shop.AccessTokenSignedResponseAlg = "RS256"
	a := h.Ask(t, "shop", "openid", nil)
	a.Client = &shop
	code, err := h.Authorize(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &shop, Form: oauthtest.Exchange(code.Code)})
	if err != nil {
		t.Fatal(err)
	}
	if head := header(t, got.AccessToken); head["alg"] != "RS256" {
		t.Errorf("access token header %v, want RS256", head)
	}
}

func TestH09_PKCEDowngrade(t *testing.T) { // decision 0002; RFC 9700 section 4.8.2
	h := protocol(t, oauthtest.Options{})
	for _, client := range []string{"shop", "spa"} {
		form := oauthtest.Exchange(h.Code(t, client, "openid", nil))
		refused(t, h, client, with(form, "code_verifier", strings.Repeat("x", 43)), "invalid_grant")
		refused(t, h, client, with(form, "code_verifier", ""), "invalid_grant") // fosite alone would issue tokens now
		refused(t, h, client, with(form, "code_verifier", "short"), "invalid_grant")
		refused(t, h, client, with(form, "code_verifier", strings.Repeat("x", 129)), "invalid_grant")
		refused(t, h, client, with(form, "code_verifier", oauthtest.Challenge()), "invalid_grant") // plain
		get(t, h, client, form)                                                                    // a wrong verifier does not spend the code
	}
}

func TestH09_MissingVerifierIsInvalidGrant(t *testing.T) { // decision 0002
	h := protocol(t, oauthtest.Options{})
	refused(t, h, "shop", with(oauthtest.Exchange(h.Code(t, "shop", "openid", nil)), "code_verifier", ""), "invalid_grant")
}

func TestH09_VerifierWithoutChallengeIsRefused(t *testing.T) { // rule H09, RFC 9700 section 4.8.2
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) {
		a.Request.CodeChallenge, a.Request.CodeChallengeMethod = "", ""
	}))
	refused(t, h, "shop", form, "invalid_grant")
	get(t, h, "shop", with(form, "code_verifier", "")) // a confidential client without PKCE
}

func TestJ07_RaceLoser(t *testing.T) { // decision 0002: invalid_grant and a dead family, not 500
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
		late := interpose(t, h, func(s *shim) { // between the loser's read and its write, the winner spends the code
			s.beforeSpend = func() { get(t, h, "shop", form) }
		})
		refused(t, late, "shop", form, "invalid_grant")
		if got := h.Events(t, t.Context()); count(got, "code.replayed") != 1 {
			t.Errorf("events %v", got)
		}
	})
}

func TestJ07_ThirdExchange(t *testing.T) { // decision 0002; RFC 6749 section 4.1.2
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
	winner := get(t, h, "shop", form)
	if !alive(t, h, winner) {
		t.Fatal("the winner's token is dead")
	}
	refused(t, h, "shop", form, "invalid_grant")
	if alive(t, h, winner) {
		t.Error("the access token survives the replay of its code")
	}
	refused(t, h, "shop", oauthtest.Refresh(winner.RefreshToken), "invalid_grant")
	refused(t, h, "shop", form, "invalid_grant")
	if got := h.Events(t, t.Context()); count(got, "code.replayed") != 1 {
		t.Errorf("events %v, want one replay", got)
	}
}

func TestJ07_ReplayAfterTheCodeWouldHaveExpired(t *testing.T) { // rule J07
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
		winner := get(t, h, "shop", form)
		time.Sleep(2 * time.Minute)
		refused(t, h, "shop", form, "invalid_grant")
		refused(t, h, "shop", oauthtest.Refresh(winner.RefreshToken), "invalid_grant")
	})
}

func TestJ08_StrangersCannotKillAGrantByItsCode(t *testing.T) { // rule J08, decision 0002
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "spa", "openid", nil))
	attempts := func() {
		t.Helper()
		refused(t, h, "other", form, "invalid_grant")
		refused(t, h, "spa", with(form, "code_verifier", strings.Repeat("x", 43)), "invalid_grant")
		refused(t, h, "spa", with(form, "code_verifier", ""), "invalid_grant")
		refused(t, h, "spa", with(form, "redirect_uri", "https://evil.test/cb"), "invalid_grant")
	}
	attempts() // before the code is spent: it stays good
	owner := get(t, h, "spa", form)
	attempts() // and after: the grant stays alive
	if !alive(t, h, owner) {
		t.Error("a stranger has killed the grant")
	}
	if got := h.Events(t, t.Context()); len(got) != 0 {
		t.Errorf("events %v", got)
	}
	refused(t, h, "spa", form, "invalid_grant") // the owner's replay does
	if alive(t, h, owner) {
		t.Error("the owner's replay did not end the family")
	}
}

func TestJ06_CodeErrors(t *testing.T) { // decision 0002
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		refused(t, h, "shop", oauthtest.Exchange("no-such-code"), "invalid_grant")
		refused(t, h, "shop", with(oauthtest.Exchange("x"), "code", ""), "invalid_request")
		form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
		time.Sleep(time.Minute - time.Millisecond)
		keep := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
		time.Sleep(time.Millisecond)
		_, err := token(t, h, "shop", form)
		if wants(t, err, "invalid_grant"); err == nil || !strings.Contains(err.Error(), "The code expired at ") ||
			strings.Contains(err.Error(), "invalid_token") {
			t.Errorf("E10: an expired code is logged as %v", err)
		}
		get(t, h, "shop", keep)
	})
}

func TestH05_RedirectURIIsRepeatedOnlyIfSent(t *testing.T) { // decision 0002; RFC 6749 section 4.1.3
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "api:read", func(a *oauth.Authorization) { a.Request.RedirectURISent = false }))
	get(t, h, "shop", with(form, "redirect_uri", ""))
	form = oauthtest.Exchange(h.Code(t, "shop", "api:read", nil))
	refused(t, h, "shop", with(form, "redirect_uri", oauthtest.Callback+"/"), "invalid_grant")
	get(t, h, "shop", form)
}

func TestShortNonceAndNoStateAreFine(t *testing.T) { // decision 0002: no minimum, at neither endpoint
	h := protocol(t, oauthtest.Options{})
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) { a.Request.Nonce = "n" }))
	if id := idOf(t, h, get(t, h, "shop", form)); id.Nonce != "n" {
		t.Errorf("nonce %q", id.Nonce)
	}
	form = oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) { a.Request.Nonce = "" }))
	if id := idOf(t, h, get(t, h, "shop", form)); id.Nonce != "" {
		t.Errorf("nonce %q", id.Nonce)
	}
}

func TestAuthorizeAnswersOnlyTheCode(t *testing.T) { // decision 0002: no scope, no empty state
	h := protocol(t, oauthtest.Options{})
	got, err := h.Authorize(t.Context(), h.Ask(t, "shop", "openid", nil))
	if err != nil || len(got.Code) != 43 || got.GrantID == "" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRefusedAuthorizationLeavesNoRow(t *testing.T) { // decision 0002: PKCE refuses after the code row was written
	h := protocol(t, oauthtest.Options{})
	ctx, stats := storage.WithStats(t.Context())
	_, err := h.Authorize(ctx, h.Ask(t, "shop", "openid", func(a *oauth.Authorization) { a.Request.CodeChallengeMethod = "plain" }))
	wants(t, err, "invalid_request")
	if stats.Writes() != 0 {
		t.Errorf("%d writes", stats.Writes())
	}
}

func TestUnsignableTokenKeepsTheCode(t *testing.T) { // decision 0002: the ID token fails after the code's commit
	h := protocol(t, oauthtest.Options{Algs: []string{"ES256"}}) // no RS256 key
	shop := *h.Client(t, "shop")
	shop.IDTokenSignedResponseAlg = "RS256"
	form := oauthtest.Exchange(h.Code(t, "shop", "openid", nil))
	_, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: &shop, Form: form})
	wants(t, err, "server_error")
	get(t, h, "shop", form) // with the registered algorithm it is still good
}

func TestClientWithoutRefreshGrantGetsNone(t *testing.T) { // decision 0001; RFC 6749 section 1.5
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		got := first(t, h, "post", "openid offline_access")
		if got.RefreshToken != "" {
			t.Error("a refresh token for a client that did not register the grant")
		}
		s, err := h.DB.GrantStateByID(t.Context(), claims(t, h, got).GrantID)
		if err != nil || s.Generation != 0 || s.Offline || !s.ExpiresAt.Equal(time.Now().Add(10*time.Minute).UTC()) {
			t.Errorf("row %+v, %v", s.Grant, err)
		}
	})
}

func TestClaimsParameterReachesTheIDToken(t *testing.T) { // OpenID Connect Core section 5.5
	h := protocol(t, oauthtest.Options{})
	got := get(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) {
		a.Claims = param(t, `{"id_token":{"name":{"essential":true}},"userinfo":{"email":null}}`)
	})))
	if p := payload(t, got.IDToken); p["name"] != "Ada Lovelace" || p["email"] != nil {
		t.Errorf("ID token %v", p)
	}
	info, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken})
	if err != nil || info.Claims["email"] != "ada@example.com" || info.Claims["name"] != nil || info.Claims["sub"] != oauthtest.Ada {
		t.Errorf("userinfo %v, %v", info, err)
	}
	m := h.Client(t, "shop").Metadata
	m.Scope = "openid" // the consent page names no more than what the client registered
	h = h.WithClient(t, m)
	got = get(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) {
		a.Claims = param(t, `{"id_token":{"name":null},"userinfo":{"email":null}}`)
	})))
	info, err = h.Provider.Userinfo(t.Context(), oauth.Presented{Token: got.AccessToken})
	if err != nil || len(info.Claims) != 1 || payload(t, got.IDToken)["name"] != nil {
		t.Errorf("beyond the registration: userinfo %v, %v", info, err)
	}
}

func TestSidOnlyWithASession(t *testing.T) { // decision 0001
	h := protocol(t, oauthtest.Options{})
	got := get(t, h, "shop", oauthtest.Exchange(h.Code(t, "shop", "openid", func(a *oauth.Authorization) { a.SessionID = "" })))
	if id := idOf(t, h, got); id.SessionID != "" {
		t.Errorf("sid %q", id.SessionID)
	}
}
