package oauth_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/tokens"
	"signet/storage"
	"signet/storage/storagetest"
)

func TestRefreshRotates(t *testing.T) { // RFC 6749 section 6, RFC 9700 section 4.14.2, OpenID Connect Core section 12.2
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "shop", "openid api:read offline_access")
		time.Sleep(time.Hour)
		two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
		if two.RefreshToken == one.RefreshToken || two.AccessToken == one.AccessToken || two.Scope != one.Scope || two.ExpiresIn != 600 {
			t.Errorf("got %+v", two)
		}
		a, b := claims(t, h, two), idOf(t, h, two)
		if a.IssuedAt != time.Now().Unix() || b.IssuedAt != time.Now().Unix() { // not the first token's (decision 0002)
			t.Errorf("iat %d and %d, want %d", a.IssuedAt, b.IssuedAt, time.Now().Unix())
		}
		old := idOf(t, h, one)
		if b.Subject != old.Subject || b.AuthTime != old.AuthTime || !slices.Equal(b.Audience, old.Audience) || b.SessionID != old.SessionID {
			t.Errorf("ID tokens differ: %+v, %+v", old, b)
		}
		if b.Nonce != "" {
			t.Errorf("nonce %q in a refreshed ID token", b.Nonce)
		}
		if b.AccessTokenHash != tokens.Hash("ES256", two.AccessToken) {
			t.Error("at_hash is another token's")
		}
	})
}

func TestJ13_GraceGivesTheSameSuccessorAgain(t *testing.T) { // rule J13
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "spa", "openid")
		two := get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
		time.Sleep(59 * time.Second)
		again := get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
		if again.RefreshToken != two.RefreshToken {
			t.Error("another successor: two branches of one family")
		}
		if again.AccessToken == two.AccessToken || again.IDToken == "" {
			t.Error("the access token is fresh, and an ID token comes with it")
		}
		three := get(t, h, "spa", oauthtest.Refresh(again.RefreshToken))
		refused(t, h, "spa", oauthtest.Refresh(one.RefreshToken), "invalid_grant") // the successor was used: no grace
		refused(t, h, "spa", oauthtest.Refresh(three.RefreshToken), "invalid_grant")
	})
}

func TestJ12_ReuseRevokesTheFamily(t *testing.T) { // rule J12, RFC 9700 section 4.14.2, decision 0002
	for _, client := range []string{"shop", "spa"} {
		t.Run(client, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := protocol(t, oauthtest.Options{})
				one := first(t, h, client, "openid")
				two := get(t, h, client, oauthtest.Refresh(one.RefreshToken))
				time.Sleep(time.Minute)
				ctx, stats := storage.WithStats(t.Context())
				_, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, client), Form: oauthtest.Refresh(one.RefreshToken)})
				wants(t, err, "invalid_grant")
				if stats.Reads() != 1 || stats.Writes() != 2 { // one transaction: the row and its event
					t.Errorf("%d reads, %d writes", stats.Reads(), stats.Writes())
				}
				refused(t, h, client, oauthtest.Refresh(two.RefreshToken), "invalid_grant")
				if alive(t, h, two) {
					t.Error("the access token survives")
				}
				refused(t, h, client, oauthtest.Refresh(one.RefreshToken), "invalid_grant")
				list, err := h.DB.EventsOfUser(t.Context(), oauthtest.Ada, "", 10) // what the account page shows
				if err != nil || len(list) != 1 || list[0].Name != "refresh.reused" || list[0].ClientID != client || list[0].GrantID == "" ||
					list[0].Outcome != "failure" {
					t.Errorf("events %+v, %v", list, err)
				}
				s, err := h.DB.GrantStateByID(t.Context(), list[0].GrantID)
				if err != nil || s.RevokedWhy != "refresh token reused" {
					t.Errorf("revoked_why %q, %v", s.RevokedWhy, err)
				}
			})
		})
	}
}

func TestGraceOffIsOff(t *testing.T) { // decision 0001: 0 = off
	l := oauthtest.Lifetimes
	l.Grace = 0
	h := protocol(t, oauthtest.Options{Lifetimes: l})
	one := first(t, h, "spa", "openid")
	two := get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
	refused(t, h, "spa", oauthtest.Refresh(one.RefreshToken), "invalid_grant")
	refused(t, h, "spa", oauthtest.Refresh(two.RefreshToken), "invalid_grant")
}

func TestLostRaceIsDecidedAgain(t *testing.T) { // decision 0001: a client that lost a race never gets an error
	for _, grace := range []time.Duration{time.Minute, 0} {
		t.Run(grace.String(), func(t *testing.T) {
			storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
				l := oauthtest.Lifetimes
				l.Grace = grace
				h := protocol(t, oauthtest.Options{DB: open(t), Lifetimes: l})
				one := first(t, h, "spa", "openid")
				var winner *oauth.Answer
				late := interpose(t, h, func(s *shim) {
					s.beforeRotate = func() { winner = get(t, h, "spa", oauthtest.Refresh(one.RefreshToken)) }
				})
				ctx, stats := storage.WithStats(t.Context())
				loser, err := late.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "spa"), Form: oauthtest.Refresh(one.RefreshToken)})
				if err != nil {
					t.Fatal(err)
				}
				if loser.RefreshToken != winner.RefreshToken {
					t.Error("winner and loser got different successors")
				}
				if stats.Reads() != 2 || stats.Writes() != 1 {
					t.Errorf("%d reads, %d writes; want one more read and the UPDATE that hit nothing", stats.Reads(), stats.Writes())
				}
				get(t, h, "spa", oauthtest.Refresh(loser.RefreshToken))
			})
		})
	}
}

func TestLostRaceAgainstRevocationEnds(t *testing.T) { // RFC 9700 section 4.14
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "spa", "openid")
	late := interpose(t, h, func(s *shim) {
		s.beforeRotate = func() {
			if _, err := h.DB.RevokeGrants(t.Context(), storage.GrantFilter{UserID: oauthtest.Ada}, "signed out", time.Now()); err != nil {
				t.Error(err)
			}
		}
	})
	refused(t, late, "spa", oauthtest.Refresh(one.RefreshToken), "invalid_grant")
	if got := h.Events(t, t.Context()); len(got) != 0 {
		t.Errorf("events %v: a revoked grant is not a reused token", got)
	}
}

func TestRowBehindItsTokensCatchesUp(t *testing.T) { // decision 0001: restored backup or failover is not reuse
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "spa", "openid")
	grant := claims(t, h, one).GrantID
	refresh := func(gen int64) string {
		s, err := h.DB.GrantStateByID(t.Context(), grant)
		if err != nil {
			t.Fatal(err)
		}
		token, err := h.Issuer.SignRefresh(
			tokens.Refresh{ClientID: "spa", GrantID: grant, Generation: gen, IssuedAt: 1, ExpiresAt: s.EndsAt.Unix()})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	two := get(t, h, "spa", oauthtest.Refresh(refresh(7)))
	s, err := h.DB.GrantStateByID(t.Context(), grant)
	if err != nil || s.Generation != 8 || !s.RevokedAt.IsZero() {
		t.Errorf("generation %d, %v", s.Generation, err)
	}
	if got := h.Events(t, t.Context()); !slices.Equal(got, []string{"grant.caught_up"}) {
		t.Errorf("events %v", got)
	}
	get(t, h, "spa", oauthtest.Refresh(two.RefreshToken))
}

func TestJ13_ManyRepeatedAnswersAreAnEvent(t *testing.T) { // rule J13
	synctest.Test(t, func(t *testing.T) {
		l := oauthtest.Lifetimes
		l.Grace = 2 * time.Hour
		h := protocol(t, oauthtest.Options{Lifetimes: l})
		one := first(t, h, "spa", "openid")
		get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
		for i := range 20 {
			get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
			if got, want := count(h.Events(t, t.Context()), "refresh.repeated"), min(1, (i+1)/6); got != want {
				t.Fatalf("after %d answers %d events, want %d", i+1, got, want)
			}
		}
		time.Sleep(time.Hour)
		for range 5 {
			get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
		}
		if got := count(h.Events(t, t.Context()), "refresh.repeated"); got != 1 {
			t.Errorf("%d events; the next hour counts anew", got)
		}
	})
}

// Two parties that share a token need not meet at the same replica; an app that lost one answer costs no write.
func TestJ13_RepeatedAnswersAreCountedForAllReplicas(t *testing.T) { // rule J13
	engines(t, func(t *testing.T, h *oauthtest.Protocol) {
		replicas := []*oauthtest.Protocol{h, h.Replica(t, h.DB)}
		one := first(t, h, "spa", "openid")
		get(t, h, "spa", oauthtest.Refresh(one.RefreshToken))
		for i := range 20 {
			at := replicas[i%2]
			ctx, stats := storage.WithStats(t.Context())
			_, err := at.Provider.Token(ctx, oauth.TokenRequest{Client: at.Client(t, "spa"), Form: oauthtest.Refresh(one.RefreshToken)})
			if err != nil {
				t.Fatal(err)
			}
			if writes := stats.Writes(); (i < 2 || i > 11) && writes != 0 {
				t.Errorf("answer %d: %d writes", i+1, writes)
			}
			if got, want := count(h.Events(t, t.Context()), "refresh.repeated"), min(1, (i+1)/6); got != want {
				t.Fatalf("after %d answers %d events, want %d", i+1, got, want)
			}
		}
	})
}

func TestJ08_StrangersCannotKillAGrantByItsRefreshToken(t *testing.T) { // rule J08, RFC 6749 section 10.4
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{})
		one := first(t, h, "shop", "openid")
		two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
		time.Sleep(time.Hour)
		ctx, stats := storage.WithStats(t.Context())
		for _, stranger := range []string{"other", "spa"} {
			for _, token := range []string{one.RefreshToken, two.RefreshToken} {
				_, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, stranger), Form: oauthtest.Refresh(token)})
				wants(t, err, "invalid_grant")
			}
		}
		if stats.Writes() != 0 {
			t.Errorf("%d writes for strangers", stats.Writes())
		}
		get(t, h, "shop", oauthtest.Refresh(two.RefreshToken))
	})
}

func TestJ10_OnlyRefreshTokensRefresh(t *testing.T) { // rule J10, K04; decision 0002
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid")
	for name, token := range map[string]string{
		"access": one.AccessToken, "id": one.IDToken, "garbage": "a.b.c", "none": "x", "cut": one.RefreshToken[:len(one.RefreshToken)-2],
		"longer": one.RefreshToken + "A",
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "shop", oauthtest.Refresh(token), "invalid_grant") })
	}
	refused(t, h, "shop", with(oauthtest.Refresh("x"), "refresh_token", ""), "invalid_request")
	get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
}

func TestJ14_RefreshNarrowsScopes(t *testing.T) { // decision 0002, rule J14; RFC 6749 section 6
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid profile api:read api:write")
	two := get(t, h, "shop", with(oauthtest.Refresh(one.RefreshToken), "scope", "api:read"))
	if two.Scope != "api:read" || two.IDToken != "" {
		t.Errorf("got %+v", two)
	}
	if a := claims(t, h, two); a.Scope != "api:read" || !slices.Equal(a.Audience, []string{oauthtest.API}) {
		t.Errorf("access token %+v", a)
	}
	for _, scope := range []string{"api:read files:read", "files:read", "nobody:knows", "api:read nobody:knows"} {
		refused(t, h, "shop", with(oauthtest.Refresh(two.RefreshToken), "scope", scope), "invalid_scope")
	}
	three := get(t, h, "shop", oauthtest.Refresh(two.RefreshToken)) // the chain keeps the original, and a refusal costs nothing
	if three.Scope != one.Scope || three.IDToken == "" {
		t.Errorf("got %q, want %q", three.Scope, one.Scope)
	}
}

func TestRefreshWithoutOfflineAccess(t *testing.T) { // decision 0002; decision 0001
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "api:read")
	get(t, h, "shop", oauthtest.Refresh(one.RefreshToken))
}

func TestJ15_LostScopesAreDropped(t *testing.T) { // decision 0002, rule J15
	h := protocol(t, oauthtest.Options{})
	one := first(t, h, "shop", "openid api:read files:read")
	shop := *h.Client(t, "shop")
	shop.Scope = "openid api:read"
	less := h.WithClient(t, shop.Metadata)
	got, err := less.Provider.Token(t.Context(), oauth.TokenRequest{Client: less.Client(t, "shop"), Form: oauthtest.Refresh(one.RefreshToken)})
	if err != nil {
		t.Fatal(err)
	}
	if got.Scope != "openid api:read" {
		t.Errorf("scope %q", got.Scope)
	}
	_, err = less.Provider.Token(t.Context(),
		oauth.TokenRequest{Client: less.Client(t, "shop"), Form: with(oauthtest.Refresh(got.RefreshToken), "scope", "files:read")})
	wants(t, err, "invalid_scope")
	shop.Scope = "files:write"
	none := h.WithClient(t, shop.Metadata)
	_, err = none.Provider.Token(t.Context(), oauth.TokenRequest{Client: none.Client(t, "shop"), Form: oauthtest.Refresh(got.RefreshToken)})
	wants(t, err, "invalid_scope")
	if back := get(t, h, "shop", oauthtest.Refresh(got.RefreshToken)); back.Scope != one.Scope {
		t.Errorf("scope %q: what was dropped is not lost", back.Scope)
	}
}

func TestResourcesAreNarrowed(t *testing.T) { // RFC 8707 section 2.2
	h := protocol(t, oauthtest.Options{})
	named := func(a *oauth.Authorization) { a.Request.Resources = []string{oauthtest.API, oauthtest.Files} }
	const scope = "api:read api:write files:read"
	form := oauthtest.Exchange(h.Code(t, "shop", scope, named))
	refused(t, h, "shop", with(form, "resource", "https://nowhere.test"), "invalid_target")
	one := get(t, h, "shop", with(form, "resource", oauthtest.Files)) // the refusal has not spent the code
	if a := claims(t, h, one); !slices.Equal(a.Audience, []string{oauthtest.Files}) || one.Scope != "files:read" {
		t.Errorf("audience %v, scope %q", a.Audience, one.Scope)
	}
	two := get(t, h, "shop", with(oauthtest.Refresh(one.RefreshToken), "resource", oauthtest.API+"/")) // a slash is tolerated
	if a := claims(t, h, two); !slices.Equal(a.Audience, []string{oauthtest.API}) || two.Scope != "api:read api:write" {
		t.Errorf("audience %v, scope %q", a.Audience, two.Scope)
	}
	three := get(t, h, "shop", with(oauthtest.Refresh(two.RefreshToken), "resource", oauthtest.API+"|"+oauthtest.Files))
	if a := claims(t, h, three); len(a.Audience) != 2 || three.Scope != scope {
		t.Errorf("audience %v, scope %q", a.Audience, three.Scope)
	}
	narrow := get(t, h, "shop",
		oauthtest.Exchange(h.Code(t, "shop", scope, func(a *oauth.Authorization) { a.Request.Resources = []string{oauthtest.API} })))
	refused(t, h, "shop", with(oauthtest.Refresh(narrow.RefreshToken), "resource", oauthtest.Files), "invalid_target") // never wider
	if narrow.Scope != "api:read api:write" {
		t.Errorf("scope %q: files:read is of another resource", narrow.Scope)
	}
	unnamed := first(t, h, "shop", "openid api:read") // its scopes bound it: nobody consented to the files
	refused(t, h, "shop", with(oauthtest.Refresh(unnamed.RefreshToken), "resource", oauthtest.Files), "invalid_target")
	get(t, h, "shop", with(oauthtest.Refresh(unnamed.RefreshToken), "resource", oauthtest.API))
}

func TestRefreshLifetimes(t *testing.T) { // rule J11; decision 0001
	day := 24 * time.Hour
	t.Run("idle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			one := first(t, h, "shop", "api:read offline_access")
			time.Sleep(30*day - time.Second)
			two := get(t, h, "shop", oauthtest.Refresh(one.RefreshToken)) // use moves the limit
			time.Sleep(30*day - time.Second)
			three := get(t, h, "shop", oauthtest.Refresh(two.RefreshToken))
			time.Sleep(30 * day)
			refused(t, h, "shop", oauthtest.Refresh(three.RefreshToken), "invalid_grant")
		})
	})
	t.Run("absolute", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			got := first(t, h, "shop", "api:read offline_access")
			for range 8 {
				time.Sleep(20 * day)
				got = get(t, h, "shop", oauthtest.Refresh(got.RefreshToken))
			}
			time.Sleep(20*day - 3*time.Minute) // three minutes before the end
			got = get(t, h, "shop", oauthtest.Refresh(got.RefreshToken))
			if got.ExpiresIn != 180 {
				t.Errorf("expires_in %d: an access token never lives beyond its grant", got.ExpiresIn)
			}
			time.Sleep(3 * time.Minute)
			refused(t, h, "shop", oauthtest.Refresh(got.RefreshToken), "invalid_grant")
		})
	})
	t.Run("seam7-access-token-expires", func(t *testing.T) { // decision 0002: our way to test every expiry
		synctest.Test(t, func(t *testing.T) {
			h := protocol(t, oauthtest.Options{})
			got := first(t, h, "shop", "openid")
			time.Sleep(10 * time.Minute)
			if !alive(t, h, got) {
				t.Error("dead within the ten seconds of grace") // rule A05
			}
			time.Sleep(11 * time.Second)
			if alive(t, h, got) {
				t.Error("still alive")
			}
		})
	})
}

func TestLifetimesAreCopiedAndShorterOnesCount(t *testing.T) { // decision 0001
	synctest.Test(t, func(t *testing.T) {
		l := oauthtest.Lifetimes
		l.Access, l.Idle = 5*time.Minute, 2*time.Hour
		h := protocol(t, oauthtest.Options{Lifetimes: l})
		one := first(t, h, "shop", "api:read offline_access")

		longer := h.WithLifetimes(t, oauthtest.Lifetimes)
		two := get(t, longer, "shop", oauthtest.Refresh(one.RefreshToken))
		if two.ExpiresIn != 300 {
			t.Errorf("expires_in %d: a longer value set later does not stretch the grant", two.ExpiresIn)
		}
		s, err := h.DB.GrantStateByID(t.Context(), claims(t, h, two).GrantID)
		if want := time.Now().Add(2 * time.Hour); err != nil || !s.ExpiresAt.Equal(want) {
			t.Errorf("idle until %v, %v; want %v", s.ExpiresAt, err, want)
		}
		l.Access, l.Idle = time.Minute, time.Hour
		shorter := h.WithLifetimes(t, l)
		three := get(t, shorter, "shop", oauthtest.Refresh(two.RefreshToken))
		if three.ExpiresIn != 60 {
			t.Errorf("expires_in %d: a shorter value counts at the next refresh", three.ExpiresIn)
		}
		time.Sleep(time.Hour)
		refused(t, h, "shop", oauthtest.Refresh(three.RefreshToken), "invalid_grant")

		four := first(t, h, "shop", "api:read offline_access")
		l.Idle, l.Absolute = 2*time.Hour, 30*time.Minute
		ended := h.WithLifetimes(t, l)
		time.Sleep(30 * time.Minute)
		refused(t, ended, "shop", oauthtest.Refresh(four.RefreshToken), "invalid_grant")
	})
}

func TestClientLifetimes(t *testing.T) { // decision 0001: per client too
	m := clients.Metadata{
		ClientID: "brief", ClientSecret: oauthtest.Secret, GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{oauthtest.Callback}, Scope: "openid api:read", IDTokenSignedResponseAlg: "ES256",
		AccessTokenLifetime: clients.Duration(time.Minute), RefreshTokenIdle: clients.Duration(time.Hour),
		RefreshTokenLifetime: clients.Duration(90 * time.Minute),
	}
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, oauthtest.Options{Clients: []clients.Metadata{m}})
		one := first(t, h, "brief", "openid")
		if one.ExpiresIn != 60 {
			t.Errorf("expires_in %d", one.ExpiresIn)
		}
		time.Sleep(time.Hour - time.Second)
		two := get(t, h, "brief", oauthtest.Refresh(one.RefreshToken))
		time.Sleep(31 * time.Minute)
		refused(t, h, "brief", oauthtest.Refresh(two.RefreshToken), "invalid_grant")
	})
}
