package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/audit"
	"signet/clients"
	"signet/oauth"
	"signet/oauth/dpop"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/keys"
	"signet/oauth/keys/keystest"
	"signet/oauth/oauthtest"
	"signet/oauth/subject"
	"signet/oauth/tokens"
	"signet/oauth/trusted"
	"signet/storage"
	"signet/storage/storagetest"
)

const (
	idToken = "urn:ietf:params:oauth:token-type:id_token"
	chat    = "https://chat.test" // another authorization server
)

// portals are apps that people sign in to, with a policy of exchange: for stock here, and for chat elsewhere.
func portals(t *testing.T, db *storage.DB) oauthtest.Options {
	t.Helper()
	o := exchangers()
	app := func(id string, change func(*clients.Metadata)) {
		m := clients.Metadata{
			ClientID: id, ClientSecret: oauthtest.Secret, RedirectURIs: []string{"https://" + id + ".test/cb", oauthtest.Callback},
			GrantTypes: []string{clients.AuthorizationCode, clients.RefreshToken, clients.TokenExchange},
			Scope:      "openid email offline_access api:read api:write files:read", IDTokenSignedResponseAlg: keys.ES256,
			Exchange: &clients.Exchange{Targets: []string{stock, vault}, Scopes: []string{"api:read"}, IDJAG: []clients.IDJAG{
				{Audience: chat, ClientID: "portal-at-chat", Scopes: []string{"chat.read", "chat.write"}, Resources: []string{"https://api.chat.test"}},
				{Audience: "https://staff.test", ClientID: "p", Groups: []string{"staff"}},
				{Audience: "https://known.test", ClientID: "p", SubjectOf: "known"},
				{Audience: "https://gone.test", ClientID: "p", SubjectOf: "nobody"},
			}},
		}
		if change != nil {
			change(&m)
		}
		o.Clients = append(o.Clients, m)
	}
	app("portal", nil)
	app("gateway", nil)
	app("known", func(m *clients.Metadata) {
		m.SubjectType, m.SectorIdentifierURI, m.RedirectURIs = "pairwise", "", []string{oauthtest.Callback}
		m.GrantTypes, m.Exchange = []string{clients.AuthorizationCode}, nil
	})
	names, err := subject.Open(t.Context(), db, keystest.Master(t))
	if err != nil {
		t.Fatal(err)
	}
	o.DB, o.Issue, o.Names = db, true, names
	return o
}

// signedIn is what portal has after a sign-in.
func signedIn(t *testing.T, h *oauthtest.Protocol, client, scope string) *oauth.Answer {
	t.Helper()
	return get(t, h, client, oauthtest.Exchange(h.Code(t, client, scope, nil)))
}

func ofID(token string, more ...string) url.Values {
	form := exchange(token, more...)
	form.Set("subject_token_type", idToken)
	return form
}

func jagFor(token, audience string, more ...string) url.Values {
	form := ofID(token, more...)
	form.Set("requested_token_type", oauth.TypeIDJAG)
	form.Set("audience", audience)
	return form
}

func TestRFC8693_3_AnIDTokenForAnAccessToken(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		h := protocol(t, portals(t, open(t)))
		signed := signedIn(t, h, "portal", "openid api:read api:write")
		ctx, stats := storage.WithStats(t.Context())
		got, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "portal"), Form: ofID(signed.IDToken, "resource", stock)})
		if err != nil {
			t.Fatal(err)
		}
		if stats.Reads() != 1 || stats.Writes() != 0 {
			t.Errorf("%d reads and %d writes, want 1 and 0", stats.Reads(), stats.Writes())
		}
		c, own := claims(t, h, got), claims(t, h, signed)
		if c.Subject != oauthtest.Ada || c.GrantID != own.GrantID || string(c.Act) != `{"sub":"portal"}` || c.Scope != "api:read" ||
			!slices.Equal(c.Audience, []string{stock}) || c.ACR != "1" || c.AuthTime == 0 || string(c.Status) != string(own.Status) ||
			got.RefreshToken != "" || got.IssuedTokenType != tokenType {
			t.Errorf("claims %+v of %+v", c, own)
		}
		refused(t, h, "portal", ofID(signed.IDToken, "resource", vault), "invalid_target") // demands two factors
		refused(t, h, "portal", ofID(signed.IDToken, "resource", stock, "scope", "api:write"), "invalid_scope")
		if _, err := h.DB.RevokeGrant(t.Context(), own.GrantID, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "portal", got.AccessToken).Active {
			t.Error("it outlives its grant")
		}
		refused(t, h, "portal", ofID(signed.IDToken, "resource", stock), "invalid_request")
		refused(t, h, "portal", jagFor(signed.IDToken, chat), "invalid_request")
	})
}

// TestRFC8693_AnIDTokenStandsForItsGrantOnly: no more scopes than a refresh of the grant would have.
func TestRFC8693_AnIDTokenStandsForItsGrantOnly(t *testing.T) {
	h := protocol(t, portals(t, storagetest.SQLite(t)))
	files := get(t, h, "portal", oauthtest.Exchange(h.Code(t, "portal", "openid api:read files:read", func(a *oauth.Authorization) {
		a.Request.Resources = []string{oauthtest.Files}
	})))
	refused(t, h, "portal", ofID(files.IDToken, "resource", stock), "invalid_scope") // api:read belongs to another resource than it named
}

func TestRFC8693_2_2_2_IDTokensThatAreNotExchanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := protocol(t, portals(t, storagetest.SQLite(t)))
		mine, theirs := signedIn(t, h, "portal", "openid email api:read offline_access"), signedIn(t, h, "gateway", "openid api:read")
		id := func(change func(*tokens.ID)) string {
			c, err := h.Issuer.VerifyID(mine.IDToken)
			if err != nil {
				t.Fatal(err)
			}
			change(&c)
			signed, err := h.Issuer.SignID(keys.ES256, c)
			if err != nil {
				t.Fatal(err)
			}
			return signed
		}
		jag := get(t, h, "portal", jagFor(mine.IDToken, chat)).AccessToken
		_, rest, _ := strings.Cut(mine.IDToken, ".")
		foreign := claims(t, h, theirs).GrantID
		for name, token := range map[string]string{
			"of another client":         theirs.IDToken,
			"an access token":           mine.AccessToken,
			"a refresh token":           mine.RefreshToken,
			"an ID-JAG":                 jag,
			"for two":                   id(func(c *tokens.ID) { c.Audience = append(c.Audience, "gateway") }),
			"without a grant":           id(func(c *tokens.ID) { c.GrantID = "" }),
			"of a grant that is not":    id(func(c *tokens.ID) { c.GrantID = "NOTHING" }),
			"of another client's grant": id(func(c *tokens.ID) { c.GrantID = foreign }),
			"about another person":      id(func(c *tokens.ID) { c.Subject = "BOBBOBBOBBOBBOBBOBBOBBOBBO" }),
			"of the future":             id(func(c *tokens.ID) { c.IssuedAt += 60 }),
			"unsigned":                  base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + rest,
			"changed":                   mine.IDToken[:len(mine.IDToken)-8] + "AAAAAAAA",
			"nothing of ours":           "a.b.c",
		} {
			for _, form := range []url.Values{ofID(token, "resource", stock), jagFor(token, chat)} {
				if _, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "portal"), Form: form}); err == nil {
					t.Errorf("%s: taken", name)
				} else {
					wants(t, err, "invalid_request")
				}
			}
		}
		refused(t, h, "gateway", ofID(mine.IDToken, "resource", stock), "invalid_request")
		refused(t, h, "portal", exchange(mine.IDToken, "resource", stock), "invalid_request") // as an access token
		// it is no access token, and neither is an ID-JAG; as assertions they are nothing
		for _, token := range []string{mine.IDToken, jag} {
			if about(t, h, "portal", token).Active {
				t.Error("introspection takes it")
			}
		}
		if _, err := h.Issuer.VerifyIDHint(jag); err == nil {
			t.Error("an ID-JAG is taken as a hint")
		}
		time.Sleep(time.Hour + time.Second) // of the test's clock
		refused(t, h, "portal", ofID(mine.IDToken, "resource", stock), "invalid_request")
		refused(t, h, "portal", jagFor(mine.IDToken, chat), "invalid_request")
	})
}

// TestIDJAG_OnlyWhoExchangesGetsTheGrantsID: ID tokens of all others stay what they were.
func TestIDJAG_OnlyWhoExchangesGetsTheGrantsID(t *testing.T) {
	h := protocol(t, portals(t, storagetest.SQLite(t)))
	if id, err := h.Issuer.VerifyID(signedIn(t, h, "shop", "openid").IDToken); err != nil || id.GrantID != "" {
		t.Errorf("%+v %v", id, err)
	}
}

// TestIDJAG_4_3_ForAnotherServer: what is issued here is what the same draft wants of it there.
func TestIDJAG_4_3_ForAnotherServer(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		h := protocol(t, portals(t, open(t)))
		mine := signedIn(t, h, "portal", "openid email")
		ctx, stats := storage.WithStats(t.Context())
		got, err := h.Provider.Token(ctx,
			oauth.TokenRequest{Client: h.Client(t, "portal"), Form: jagFor(mine.IDToken, chat, "scope", "chat.read")})
		if err != nil {
			t.Fatal(err)
		}
		if stats.Reads() != 1 || stats.Writes() != 1 { // the grant; the event
			t.Errorf("%d reads and %d writes, want 1 and 1", stats.Reads(), stats.Writes())
		}
		if got.IssuedTokenType != oauth.TypeIDJAG || got.TokenType != "N_A" || got.RefreshToken != "" || got.Scope != "chat.read" ||
			got.ExpiresIn != 300 {
			t.Errorf("answer: %+v", got)
		}
		a, err := elsewhere(t, h).Verify(t.Context(), got.AccessToken, "portal-at-chat", time.Now())
		if err != nil || a.Subject != oauthtest.Ada || !slices.Equal(a.Limits.Scopes, []string{"chat.read"}) ||
			!slices.Equal(a.Limits.Resources, []string{"https://api.chat.test"}) || a.AuthTime.IsZero() || a.Once != "" {
			t.Errorf("there: %+v %v", a, err)
		}
		if _, err := elsewhere(t, h).Verify(t.Context(), got.AccessToken, "another", time.Now()); err == nil {
			t.Error("another client of that server uses it")
		}
		c := jagClaims(t, got)
		if c.Email != "ada@example.com" || c.Audience != chat || c.Scope != "chat.read" || len(c.AMR) == 0 || c.Cnf != nil {
			t.Errorf("claims: %+v", c)
		}
		if all := get(t, h, "portal", jagFor(mine.IDToken, chat)); all.Scope != "chat.read chat.write" {
			t.Errorf("without scope: %q", all.Scope)
		}
		events, err := h.DB.EventsOfUser(t.Context(), oauthtest.Ada, "", 10)
		if err != nil || len(events) != 2 || events[0].Name != string(audit.GrantDelegated) || events[0].ClientID != "portal" ||
			!strings.Contains(string(events[0].Detail), chat) {
			t.Errorf("events: %+v %v", events, err)
		}
		// the kill switch of a person is that of what they delegate
		if err := h.DB.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
			t.Fatal(err)
		}
		refused(t, h, "portal", jagFor(mine.IDToken, chat), "invalid_request")
	})
}

func TestIDJAG_4_3_Policy(t *testing.T) {
	o := portals(t, storagetest.SQLite(t))
	h := protocol(t, o)
	mine := signedIn(t, h, "portal", "openid")
	two := jagFor(mine.IDToken, chat)
	two.Add("audience", "https://staff.test")
	for name, test := range map[string]struct {
		form url.Values
		code string
	}{
		"no audience":            {jagFor(mine.IDToken, ""), "invalid_target"},
		"an unknown audience":    {jagFor(mine.IDToken, chat+"/"), "invalid_target"},
		"two":                    {two, "invalid_target"},
		"a resource's":           {jagFor(mine.IDToken, stock), "invalid_target"},
		"a scope too many":       {jagFor(mine.IDToken, chat, "scope", "chat.read chat.admin"), "invalid_scope"},
		"a scope of ours":        {jagFor(mine.IDToken, chat, "scope", "api:read"), "invalid_scope"},
		"another resource":       {jagFor(mine.IDToken, chat, "resource", stock), "invalid_target"},
		"an actor":               {jagFor(mine.IDToken, chat, "actor_token", "x", "actor_token_type", tokenType), "invalid_request"},
		"details":                {jagFor(mine.IDToken, chat, "authorization_details", "[]"), "invalid_authorization_details"},
		"by an access token":     {with(jagFor(mine.AccessToken, chat), "subject_token_type", tokenType), "invalid_request"},
		"nobody of the group":    {jagFor(mine.IDToken, "https://staff.test"), "invalid_target"},
		"a server that was here": {jagFor(mine.IDToken, "https://gone.test"), "invalid_target"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "portal", test.form, test.code) })
	}
	refused(t, h, "gate", jagFor(mine.IDToken, chat), "invalid_target") // has no such policy
	refused(t, h, "shop", jagFor(mine.IDToken, chat), "unauthorized_client")
	if c := jagClaims(t, get(t, h, "portal", jagFor(mine.IDToken, chat))); c.Email != "" {
		t.Error("an address without the scope email")
	}
	if err := h.DB.InsertGroup(t.Context(), storage.Group{Name: "staff", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DB.AddMember(t.Context(), "staff", oauthtest.Ada, time.Now()); err != nil {
		t.Fatal(err)
	}
	get(t, h, "portal", jagFor(mine.IDToken, "https://staff.test"))
	c := jagClaims(t, get(t, h, "portal", jagFor(mine.IDToken, "https://known.test")))
	if want := o.Names.Subject(h.Client(t, "known"), oauthtest.Ada); c.Subject != want || c.Subject == oauthtest.Ada {
		t.Errorf("sub %q, want what that client calls her, %q", c.Subject, want)
	}
	o = portals(t, storagetest.SQLite(t))
	o.Issue = false
	off := protocol(t, o)
	refused(t, off, "portal", jagFor(signedIn(t, off, "portal", "openid").IDToken, chat), "invalid_request")
}

// TestIDJAG_ProofsBindAndCountOnce: of requests with the same proof, made at once, one is answered, and one event is left.
func TestIDJAG_ProofsBindAndCountOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		h := protocol(t, portals(t, open(t)))
		mine := signedIn(t, h, "portal", "openid")
		key := dpoptest.New(t)
		proof, err := (&dpop.Verifier{Issuer: oauthtest.Issuer}).Judge(
			http.Header{"Dpop": {key.Proof(t, "POST", oauthtest.Issuer+"/oauth2/token")}}, "POST", "/oauth2/token")
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		answers := make(chan *oauth.Answer, 8)
		for range 8 {
			all.Go(func() {
				if a, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "portal"), Form: jagFor(mine.IDToken, chat),
					Proof: proof}); err == nil {
					answers <- a
				}
			})
		}
		all.Wait()
		close(answers)
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		a, err := elsewhere(t, h).Verify(t.Context(), (<-answers).AccessToken, "portal-at-chat", time.Now())
		if err != nil || a.JKT != proof.JKT {
			t.Errorf("bound to %q, want %q: %v", a.JKT, proof.JKT, err)
		}
		if events := h.Events(t, t.Context()); len(events) != 1 {
			t.Errorf("events: %v", events)
		}
	})
}

// elsewhere is the other server's look at assertions.
func elsewhere(t *testing.T, h *oauthtest.Protocol) *trusted.Verifier {
	t.Helper()
	body, _ := h.Ring.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	return &trusted.Verifier{Self: chat, IDJAG: true, Issuers: []trusted.Issuer{
		{Issuer: oauthtest.Issuer, JWKS: &set, Clients: []string{"portal-at-chat", "another"}, Scopes: []string{"chat.read"}},
	}}
}

func jagClaims(t *testing.T, a *oauth.Answer) (c tokens.IDJAG) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(a.AccessToken, ".")[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		t.Fatalf("%v %s", err, payload)
	}
	return c
}
