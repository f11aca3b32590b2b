package oauth_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/oauthtest"
	"signet/oauth/tokens"
	"signet/storage"
	"signet/storage/storagetest"
)

const (
	stock     = "https://stock.test" // shares the scope api:read with oauthtest.API
	plain     = "https://plain.test" // has no scopes
	vault     = "https://vault.test" // demands two factors
	fresh     = "https://fresh.test" // demands a sign-in of the last minute
	tokenType = "urn:ietf:params:oauth:token-type:access_token"
)

// exchangers are two services: gate is oauthtest.API and calls stock, back is stock and calls plain and the issuer.
func exchangers() oauthtest.Options {
	service := func(id string, e clients.Exchange) clients.Metadata {
		return clients.Metadata{ClientID: id, ClientSecret: oauthtest.Secret, GrantTypes: []string{clients.TokenExchange}, Exchange: &e}
	}
	return oauthtest.Options{
		Clients: []clients.Metadata{
			service("gate", clients.Exchange{SubjectsFrom: []string{"*"}, Targets: []string{stock, plain, vault, fresh},
				Scopes: []string{"api:read"}, Actors: []string{"robot", "gate"}}),
			service("back", clients.Exchange{SubjectsFrom: []string{"gate", "back", "shop"},
				Targets: []string{oauthtest.API, plain, oauthtest.Issuer},
				Scopes:  []string{"api:read", "openid", "email", "groups"}}),
			service("lax", clients.Exchange{SubjectsFrom: []string{"spa"}, Targets: []string{plain}, Bearer: true}),
		},
		Resources: []clients.Resource{
			{Identifier: stock, Name: "Stock", Scopes: []string{"api:read", "stock:read"}, ExchangedBy: []string{"back", "lax", "service"}},
			{Identifier: plain, Name: "Plain", ExchangedBy: []string{"gate"}},
			{Identifier: vault, Name: "Vault", Scopes: []string{"api:read"}, RequireSecondFactor: true},
			{Identifier: fresh, Name: "Fresh", Scopes: []string{"api:read"}, MaxAge: 60},
		},
	}
}

// exchange is the form that exchanges a token.
func exchange(subject string, more ...string) url.Values {
	return with(url.Values{"grant_type": {clients.TokenExchange}, "subject_token": {subject}, "subject_token_type": {tokenType}}, more...)
}

// ofSpa is an access token of spa's for the API.
func ofSpa(t *testing.T, h *oauthtest.Protocol) *oauth.Answer {
	t.Helper()
	return get(t, h, "spa", with(oauthtest.Exchange(h.Code(t, "spa", "openid api:read api:write", nil)), "resource", oauthtest.API))
}

// resign signs an access token of ours again with other claims.
func resign(t *testing.T, h *oauthtest.Protocol, a *oauth.Answer, change func(*tokens.Access)) string {
	t.Helper()
	c := claims(t, h, a)
	change(&c)
	signed, err := h.Issuer.SignAccess("", c)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestRFC8693_2_2_1_AnAccessTokenForAnother(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		o := exchangers()
		o.DB = open(t)
		h := protocol(t, o)
		one := ofSpa(t, h)
		ctx, stats := storage.WithStats(t.Context())
		two, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "gate"), Form: exchange(one.AccessToken, "resource", stock)})
		if err != nil {
			t.Fatal(err)
		}
		if stats.Reads() != 1 || stats.Writes() != 0 {
			t.Errorf("%d reads and %d writes, want 1 and 0", stats.Reads(), stats.Writes())
		}
		if two.IssuedTokenType != tokenType || two.TokenType != "Bearer" || two.RefreshToken != "" || two.IDToken != "" ||
			two.Scope != "api:read" {
			t.Errorf("answer: %+v", two)
		}
		before, after := claims(t, h, one), claims(t, h, two)
		if after.Subject != before.Subject || after.GrantID != before.GrantID || after.AuthTime != before.AuthTime || after.ACR != before.ACR ||
			after.ClientID != "gate" || !slices.Equal(after.Audience, []string{stock}) || after.JTI == before.JTI {
			t.Errorf("claims: %+v of %+v", after, before)
		}
		if string(after.Act) != `{"sub":"gate"}` || after.ExpiresAt > before.ExpiresAt {
			t.Errorf("act %s, exp %d after %d", after.Act, after.ExpiresAt, before.ExpiresAt)
		}
		told := about(t, h, "gate", two.AccessToken) // section 4.1: act is told by introspection
		if !told.Active || string(told.Act) != `{"sub":"gate"}` || told.ClientID != "gate" {
			t.Errorf("introspection: %+v", told)
		}
		// a second exchange is told of both; it costs the same
		ctx, stats = storage.WithStats(t.Context())
		three, err := h.Provider.Token(ctx,
			oauth.TokenRequest{Client: h.Client(t, "back"), Form: exchange(two.AccessToken, "audience", plain+"|"+oauthtest.API)})
		if err != nil || stats.Reads() != 1 || stats.Writes() != 0 {
			t.Fatalf("%v, %d reads and %d writes", err, stats.Reads(), stats.Writes())
		}
		if c := claims(t, h, three); string(c.Act) != `{"sub":"back","act":{"sub":"gate"}}` || len(c.Audience) != 2 ||
			c.GrantID != before.GrantID {
			t.Errorf("second: %+v", c)
		}
		if c := claims(t, h, three); slices.Contains(c.Audience, oauthtest.Issuer) || alive(t, h, three) {
			t.Error("userinfo takes a token that is not for the issuer")
		}
		// the kill switch of the grant ends all of them
		if _, err := h.DB.RevokeGrant(t.Context(), before.GrantID, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, a := range []struct{ client, token string }{{"gate", two.AccessToken}, {"back", three.AccessToken}} {
			if about(t, h, a.client, a.token).Active {
				t.Errorf("the token of %s outlives its grant", a.client)
			}
		}
		refused(t, h, "gate", exchange(one.AccessToken, "resource", stock), "invalid_request")
		refused(t, h, "back", exchange(two.AccessToken, "resource", plain), "invalid_request")
	})
}

func TestRFC8693_2_1_Parameters(t *testing.T) {
	h := protocol(t, exchangers())
	one := ofSpa(t, h).AccessToken
	for name, test := range map[string]struct {
		more []string
		want string // "" = answered
	}{
		"plain":                 {[]string{}, "invalid_target"}, // two are allowed, none is named
		"resource":              {[]string{"resource", stock}, ""},
		"audience":              {[]string{"audience", stock}, ""},
		"other-spelling":        {[]string{"resource", "https://STOCK.test:443/"}, ""},
		"both":                  {[]string{"audience", stock, "resource", plain}, ""},
		"jwt":                   {[]string{"resource", stock, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"}, ""},
		"asks-for-access-token": {[]string{"resource", stock, "requested_token_type", tokenType}, ""},
		"no-type":               {[]string{"resource", stock, "subject_token_type", ""}, "invalid_request"},
		"no-token":              {[]string{"resource", stock, "subject_token", ""}, "invalid_request"},
		"id-token": {[]string{"resource", stock, "subject_token_type", "urn:ietf:params:oauth:token-type:id_token"},
			"invalid_request"},
		"refresh-token": {[]string{"resource", stock, "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"},
			"invalid_request"},
		"saml": {[]string{"resource", stock, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"},
			"invalid_request"},
		"asks-for-refresh-token": {[]string{"resource", stock, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"},
			"invalid_request"},
		"asks-for-id-token": {[]string{"resource", stock, "requested_token_type", "urn:ietf:params:oauth:token-type:id_token"},
			"invalid_request"},
		"actor-type-alone":      {[]string{"resource", stock, "actor_token_type", tokenType}, "invalid_request"},
		"actor-without-type":    {[]string{"resource", stock, "actor_token", one}, "invalid_request"},
		"unknown-target":        {[]string{"resource", "https://nowhere.test"}, "invalid_target"},
		"target-of-others":      {[]string{"resource", oauthtest.Files}, "invalid_target"},
		"issuer":                {[]string{"resource", oauthtest.Issuer}, "invalid_target"},
		"one-of-two":            {[]string{"resource", stock + "|" + oauthtest.Files}, "invalid_target"},
		"client-as-audience":    {[]string{"audience", "back"}, "invalid_target"},
		"scope":                 {[]string{"resource", stock, "scope", "api:read"}, ""},
		"scope-of-subject-only": {[]string{"resource", stock, "scope", "api:write"}, "invalid_scope"},
		"scope-of-target-only":  {[]string{"resource", stock, "scope", "stock:read"}, "invalid_scope"},
		"one-scope-too-many":    {[]string{"resource", stock, "scope", "api:read openid"}, "invalid_scope"},
		"scope-of-no-target":    {[]string{"resource", plain, "scope", "api:read"}, "invalid_scope"},
		"target-without-scopes": {[]string{"resource", plain}, ""},
		"offline":               {[]string{"resource", stock, "scope", "offline_access"}, "invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want != "" {
				refused(t, h, "gate", exchange(one, test.more...), test.want)
				return
			}
			a := get(t, h, "gate", exchange(one, test.more...))
			c := claims(t, h, a)
			if c.Scope != "" && c.Scope != "api:read" || slices.Contains(c.Audience, oauthtest.API) || c.Act == nil {
				t.Errorf("got %+v", c)
			}
		})
	}
	refused(t, h, "shop", exchange(one, "resource", stock), "unauthorized_client")
}

func TestRFC8693_2_2_2_SubjectsThatAreRefused(t *testing.T) {
	h := protocol(t, exchangers())
	spa := ofSpa(t, h)
	shop := first(t, h, "shop", "openid api:read")
	files := first(t, h, "other", "files:read")
	part := strings.Split(spa.AccessToken, ".")
	forge := func(header string, change func(map[string]any)) string {
		raw, _ := base64.RawURLEncoding.DecodeString(part[1])
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		body, _ := json.Marshal(m)
		return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(body) + "."
	}
	act := func(m map[string]any) { m["act"] = map[string]any{"sub": "gate"} }
	foreign, err := tokens.New("https://other.test", h.Ring, tokens.Options{})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := foreign.SignAccess("", claims(t, h, spa))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ client, token string }{
		"refresh-token":            {"gate", spa.RefreshToken},
		"id-token":                 {"gate", spa.IDToken},
		"garbage":                  {"gate", "a.b.c"},
		"unsigned-with-act":        {"gate", forge(`{"alg":"none","typ":"at+jwt"}`, act)},
		"other-claims":             {"gate", forge(`{"alg":"none"}`, act) + part[2]},
		"signature-of-another":     {"gate", strings.Join([]string{part[0], strings.Split(forge("{}", act), ".")[1], part[2]}, ".")},
		"another-issuer":           {"gate", theirs},
		"for-another-resource":     {"gate", files.AccessToken},
		"of-a-client-not-named":    {"back", files.AccessToken},
		"not-named-though-its-own": {"lax", shop.AccessToken},
		"expired":                  {"gate", resign(t, h, spa, func(a *tokens.Access) { a.ExpiresAt = time.Now().Unix() - 1 })},
		"of-no-grant":              {"gate", resign(t, h, spa, func(a *tokens.Access) { a.GrantID = "none" })},
		"of-a-client-that-is-gone": {"gate", resign(t, h, spa, func(a *tokens.Access) { a.ClientID = "gone" })},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, h, test.client, exchange(test.token, "resource", plain), "invalid_request")
		})
	}
	t.Run("revoked", func(t *testing.T) {
		one := get(t, h, "robot", url.Values{"grant_type": {"client_credentials"}, "resource": {oauthtest.API}})
		two := get(t, h, "gate", exchange(one.AccessToken, "resource", stock))
		if c := claims(t, h, two); c.Subject != "robot" || c.GrantID != "" || !about(t, h, "gate", two.AccessToken).Active {
			t.Errorf("without a grant: %+v", c)
		}
		if err := h.Provider.Revoke(t.Context(), h.Client(t, "robot"), one.AccessToken); err != nil {
			t.Fatal(err)
		}
		refused(t, h, "gate", exchange(one.AccessToken, "resource", stock), "invalid_request")
	})
}

func TestRFC8693_AnExchangeDoesNotLengthen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, exchangers())
		one := ofSpa(t, h)
		ends := claims(t, h, one).ExpiresAt
		last := get(t, h, "gate", exchange(one.AccessToken, "resource", plain)).AccessToken
		for range 2 { // gate, its own again
			time.Sleep(3 * time.Minute)
			a := get(t, h, "gate", exchange(last, "resource", plain))
			if c := claims(t, h, a); c.ExpiresAt != ends || a.ExpiresIn != ends-time.Now().Unix() {
				t.Errorf("exp %d, want %d", c.ExpiresAt, ends)
			}
			last = a.AccessToken
		}
		time.Sleep(4 * time.Minute)
		refused(t, h, "gate", exchange(last, "resource", plain), "invalid_request") // though verifying spares clocks some seconds
	})
}

func TestRFC8693_4_1_ActorsAreNested(t *testing.T) {
	h := protocol(t, exchangers())
	one := ofSpa(t, h)
	last, client := get(t, h, "gate", exchange(one.AccessToken, "resource", stock)), "gate"
	for n := range 3 { // gate, back, and in a circle
		client = map[string]string{"gate": "back", "back": "gate"}[client]
		target := map[string]string{"gate": stock, "back": oauthtest.API}[client]
		last = get(t, h, client, exchange(last.AccessToken, "resource", target))
		if got := strings.Count(string(claims(t, h, last).Act), `"sub"`); got != n+2 {
			t.Errorf("%d actors, want %d", got, n+2)
		}
	}
	if want := `{"sub":"back","act":{"sub":"gate","act":{"sub":"back","act":{"sub":"gate"}}}}`; string(claims(t, h, last).Act) != want {
		t.Errorf("act %s", claims(t, h, last).Act)
	}
	refused(t, h, "gate", exchange(last.AccessToken, "resource", stock), "invalid_request")
	if c := claims(t, h, last); c.Scope != "api:read" || c.ExpiresAt > claims(t, h, one).ExpiresAt {
		t.Errorf("the circle gave more: %+v", c)
	}
}

func TestRFC8693_4_4_MayAct(t *testing.T) {
	h := protocol(t, exchangers())
	one := ofSpa(t, h)
	for may, want := range map[string]bool{
		`{"sub":"gate"}`: true, `{"sub":"gate","iss":"https://id.test"}`: true, `{"sub":"gate","client_id":"gate"}`: true,
		`{"sub":"back"}`: false, `{"sub":"gate","iss":"https://other.test"}`: false, `{"sub":"gate","email":"a@b.test"}`: false,
		`{"client_id":"gate"}`: false, `{}`: false, `null`: false, `["gate"]`: false, `{"sub":["gate"]}`: false,
	} {
		token := resign(t, h, one, func(a *tokens.Access) { a.MayAct = json.RawMessage(may) })
		if !want {
			refused(t, h, "gate", exchange(token, "resource", stock), "invalid_request")
			continue
		}
		two := get(t, h, "gate", exchange(token, "resource", stock))
		if string(claims(t, h, two).MayAct) != may { // else the next exchange would be anybody's
			t.Errorf("%s is lost", may)
		}
		refused(t, h, "back", exchange(two.AccessToken, "resource", plain), "invalid_request")
	}
}

func TestRFC8693_2_1_ActorTokens(t *testing.T) {
	h := protocol(t, exchangers())
	one := ofSpa(t, h)
	robot := get(t, h, "robot", url.Values{"grant_type": {"client_credentials"}})
	acts := func(token string, more ...string) url.Values {
		return with(exchange(one.AccessToken, "resource", stock, "actor_token", token, "actor_token_type", tokenType), more...)
	}
	two := get(t, h, "gate", acts(robot.AccessToken))
	if c := claims(t, h, two); string(c.Act) != `{"sub":"robot"}` || c.ClientID != "gate" || c.Subject != oauthtest.Ada {
		t.Errorf("got %+v", c)
	}
	soon := resign(t, h, robot, func(a *tokens.Access) { a.ExpiresAt = time.Now().Unix() + 30 })
	if c := claims(t, h, get(t, h, "gate", acts(soon))); c.ExpiresAt > time.Now().Unix()+30 {
		t.Error("the token outlives the actor's")
	}
	ctx, stats := storage.WithStats(t.Context())
	if _, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "gate"), Form: acts(robot.AccessToken)}); err != nil ||
		stats.Reads() != 2 || stats.Writes() != 0 {
		t.Errorf("%v, %d reads and %d writes", err, stats.Reads(), stats.Writes())
	}
	for name, token := range map[string]string{
		"of-a-client-not-named": one.AccessToken, "refresh-token": one.RefreshToken, "garbage": "x",
		"exchanged-itself": two.AccessToken,
		"bound":            resign(t, h, robot, func(a *tokens.Access) { a.Cnf = json.RawMessage(`{"jkt":"x"}`) }),
		"expired":          resign(t, h, robot, func(a *tokens.Access) { a.ExpiresAt = time.Now().Unix() }),
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "gate", acts(token), "invalid_request") })
	}
	if err := h.Provider.Revoke(t.Context(), h.Client(t, "robot"), robot.AccessToken); err != nil {
		t.Fatal(err)
	}
	refused(t, h, "gate", acts(robot.AccessToken), "invalid_request")
	refused(t, h, "back", with(exchange(two.AccessToken, "resource", plain), "actor_token", robot.AccessToken, "actor_token_type", tokenType),
		"invalid_request")
}

func TestRFC9449_ExchangeOfABoundToken(t *testing.T) {
	h := protocol(t, exchangers())
	v := &dpop.Verifier{Issuer: oauthtest.Issuer}
	ask := func(ctx context.Context, client string, form url.Values, key *dpoptest.Key) (*oauth.Answer, error) {
		r := oauth.TokenRequest{Client: h.Client(t, client), Form: form}
		if key != nil {
			var err error
			if r.Proof, err = v.Judge(
				http.Header{"Dpop": {key.Proof(t, "POST", oauthtest.Issuer+"/oauth2/token")}}, "POST", "/oauth2/token"); err != nil {
				t.Fatal(err)
			}
		}
		return h.Provider.Token(ctx, r)
	}
	app, service := dpoptest.New(t), dpoptest.New(t)
	one, err := ask(t.Context(), "spa", with(oauthtest.Exchange(h.Code(t, "spa", "api:read", nil)), "resource", oauthtest.API), &app)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(t.Context(), "gate", exchange(one.AccessToken, "resource", stock), nil)
	wants(t, err, "invalid_dpop_proof")
	ctx, stats := storage.WithStats(t.Context())
	two, err := ask(ctx, "gate", exchange(one.AccessToken, "resource", stock), &service)
	if err != nil || stats.Reads() != 1 || stats.Writes() != 1 {
		t.Fatalf("%v, %d reads and %d writes", err, stats.Reads(), stats.Writes())
	}
	if c := claims(t, h, two); c.JKT() != service.Thumbprint(t) || two.TokenType != "DPoP" {
		t.Errorf("bound to %s", c.Cnf)
	}
	// lax is named by spa's tokens' client, not by the API
	_, err = ask(t.Context(), "lax", exchange(one.AccessToken), nil)
	wants(t, err, "invalid_request")
	_, err = ask(t.Context(), "lax", exchange(one.AccessToken), &service)
	wants(t, err, "invalid_request")
	// for stock, which names it, the policy allows a bearer token
	forStock, err := ask(t.Context(), "spa", with(oauthtest.Exchange(h.Code(t, "spa", "api:read", nil)), "resource", stock), &app)
	if err != nil {
		t.Fatal(err)
	}
	if three, err := ask(t.Context(), "lax", exchange(forStock.AccessToken), nil); err != nil || three.TokenType != "Bearer" ||
		claims(t, h, three).Cnf != nil {
		t.Errorf("%+v %v", three, err)
	}
	// an unbound one may be bound by whoever exchanges it, and the proof is good once
	r := oauth.TokenRequest{Client: h.Client(t, "gate"), Form: exchange(ofSpa(t, h).AccessToken, "resource", stock)}
	if r.Proof, err = v.Judge(http.Header{"Dpop": {service.Proof(t, "POST", oauthtest.Issuer+"/oauth2/token")}}, "POST",
		"/oauth2/token"); err != nil {
		t.Fatal(err)
	}
	if a, err := h.Provider.Token(t.Context(), r); err != nil || a.TokenType != "DPoP" {
		t.Errorf("%+v %v", a, err)
	}
	_, err = h.Provider.Token(t.Context(), r)
	wants(t, err, "invalid_dpop_proof")
}

func TestRFC8693_BothClientsAreAsked(t *testing.T) {
	h := protocol(t, exchangers())
	stored := func(name string, m clients.Metadata) string {
		m.ClientID, m.ClientName = name, name
		got, err := h.Registry.Create(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return got.ClientID
	}
	web := stored("web", clients.Metadata{GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{oauthtest.Callback},
		Scope: "openid email api:read"})
	service := stored("service", clients.Metadata{GrantTypes: []string{clients.TokenExchange}, Exchange: &clients.Exchange{
		SubjectsFrom: []string{web, "robot"}, Targets: []string{plain, oauthtest.Issuer}, Scopes: []string{"openid", "email"}}})
	machine := stored("machine", clients.Metadata{GrantTypes: []string{"client_credentials"}, Scope: "api:read"})
	if _, err := h.Registry.Change(t.Context(), service, func(m *clients.Metadata) error {
		m.Exchange.SubjectsFrom = append(m.Exchange.SubjectsFrom, machine)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	one := first(t, h, web, "openid email api:read")
	two := get(t, h, service, exchange(one.AccessToken, "resource", oauthtest.Issuer))
	alone := get(t, h, machine, url.Values{"grant_type": {"client_credentials"}})
	three := get(t, h, service, exchange(alone.AccessToken, "resource", plain))
	told, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: two.AccessToken})
	if err != nil || told.Claims["sub"] != oauthtest.Ada || told.Claims["email"] != "ada@example.com" {
		t.Fatalf("%v %v", told, err)
	}
	demand := func(yes bool) {
		if _, err := h.Registry.Change(t.Context(), web, func(m *clients.Metadata) error {
			m.RequireSecondFactor = yes
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	demand(true) // what the first client demands holds for what comes of its tokens
	if _, err := h.Provider.Userinfo(t.Context(), oauth.Presented{Token: two.AccessToken}); err == nil {
		t.Error("userinfo forgets what the first client demands")
	}
	demand(false)
	for _, off := range []struct {
		client string
		tokens []*oauth.Answer
	}{{web, []*oauth.Answer{two}}, {machine, []*oauth.Answer{three}}, {service, []*oauth.Answer{two, three}}} {
		disable := func(yes bool) {
			if err := h.Registry.SetDisabled(t.Context(), off.client, yes); err != nil {
				t.Fatal(err)
			}
		}
		for _, a := range off.tokens {
			disable(true)
			if about(t, h, service, a.AccessToken).Active || a == two && alive(t, h, a) {
				t.Errorf("active though the client %s is disabled", off.client)
			}
			if off.client != service {
				source := map[*oauth.Answer]*oauth.Answer{two: one, three: alone}[a]
				refused(t, h, service, exchange(source.AccessToken, "resource", plain), "invalid_request")
				refused(t, h, service, exchange(a.AccessToken, "resource", plain), "invalid_request") // its own, of a disabled client's grant
			}
			disable(false)
			if !about(t, h, service, a.AccessToken).Active {
				t.Error("not active again")
			}
		}
	}
	// revocation by the exchanger ends its token and nothing else (RFC 7009)
	if err := h.Provider.Revoke(t.Context(), h.Client(t, service), two.AccessToken); err != nil {
		t.Fatal(err)
	}
	if about(t, h, service, two.AccessToken).Active || alive(t, h, two) || !alive(t, h, one) {
		t.Error("revocation reached too far, or not far enough")
	}
	again := get(t, h, service, exchange(one.AccessToken, "resource", oauthtest.Issuer))
	if err := h.Provider.Revoke(t.Context(), h.Client(t, "other"), again.AccessToken); err != nil || !alive(t, h, again) {
		t.Errorf("another client revoked it: %v", err)
	}
	// and where the operator takes the policy back, what was exchanged by it ends
	if _, err := h.Registry.Change(t.Context(), service, func(m *clients.Metadata) error {
		m.Exchange, m.GrantTypes = nil, []string{"client_credentials"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if about(t, h, service, again.AccessToken).Active || alive(t, h, again) {
		t.Error("the token outlives the policy")
	}
}
