package oauth_test

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"signet/audit"
	"signet/oauth"
	"signet/oauth/dpop/dpoptest"
	"signet/oauth/oauthtest"
	"signet/oauth/trusted"
	"signet/storage"
	"signet/storage/storagetest"
)

const jwtType = "urn:ietf:params:oauth:token-type:jwt"

// partners is a protocol in which gate and back may exchange assertions of work, which Ada has linked.
func partners(t *testing.T, db *storage.DB, change func(*trusted.Issuer)) (*oauthtest.Protocol, employer) {
	t.Helper()
	o, e := exchangers(), employer{dpoptest.New(t), t}
	from := trusted.Issuer{
		Issuer: work, JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: e.key.Private.Public()}}},
		Clients: []string{"gate", "careful"}, Upstream: "work", Scopes: []string{"api:read", "files:read", "stock:read"},
	}
	if change != nil {
		change(&from)
	}
	careful := o.Clients[0]
	careful.ClientID, careful.RequireSecondFactor = "careful", true
	o.DB, o.Trusted, o.Clients = db, []trusted.Issuer{from}, append(o.Clients, careful)
	h := protocol(t, o)
	now := time.Now()
	if err := db.InsertIdentity(t.Context(), storage.Identity{
		ID: "link", Upstream: "work", Issuer: work, Subject: "emp-7", UserID: oauthtest.Ada, CreatedAt: now, LastUsedAt: now,
	}); err != nil {
		t.Fatal(err)
	}
	return h, e
}

func ofIssuer(assertion string, more ...string) url.Values {
	form := exchange(assertion, append([]string{"resource", stock}, more...)...)
	form.Set("subject_token_type", jwtType)
	return form
}

// TestRFC8693_2_1_AJWTOfATrustedIssuer: the token says who acts for the person who is meant, and is of a grant that whatever ends grants
// ends.
func TestRFC8693_2_1_AJWTOfATrustedIssuer(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		h, e := partners(t, db, nil)
		signedIn := time.Now().Add(-time.Hour).Unix()
		ctx, stats := storage.WithStats(t.Context())
		form := ofIssuer(e.sign(map[string]any{"auth_time": signedIn}))
		a, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "gate"), Form: form})
		if err != nil {
			t.Fatal(err)
		}
		if stats.Reads() != 2 || stats.Writes() != 3 { // link and person; use of the assertion, grant and event
			t.Errorf("%d reads and %d writes, want 2 and 3", stats.Reads(), stats.Writes())
		}
		c := claims(t, h, a)
		if c.Subject != oauthtest.Ada || c.ClientID != "gate" || string(c.Act) != `{"sub":"gate"}` || c.Scope != "api:read" ||
			!slices.Equal(c.Audience, []string{stock}) || c.GrantID == "" || c.AuthTime != signedIn || c.ACR != "" || len(c.Status) == 0 ||
			c.ExpiresAt > time.Now().Unix()+60 || a.RefreshToken != "" || a.IDToken != "" || a.IssuedTokenType != tokenType {
			t.Errorf("answer %+v, claims %+v", a, c)
		}
		events, err := db.EventsOfUser(t.Context(), oauthtest.Ada, "", 10)
		if err != nil || len(events) != 1 || events[0].Name != string(audit.GrantAsserted) || events[0].ClientID != "gate" {
			t.Errorf("events: %+v %v", events, err)
		}
		if !about(t, h, "gate", a.AccessToken).Active {
			t.Error("inactive")
		}
		// the next one in the chain: whom it is about and of which grant stays
		next := claims(t, h, get(t, h, "back", exchange(a.AccessToken, "resource", oauthtest.API)))
		if next.GrantID != c.GrantID || next.Subject != c.Subject || !strings.Contains(string(next.Act), `"act":{"sub":"gate"}`) {
			t.Errorf("the next one: %+v", next)
		}
		refused(t, h, "gate", form, "invalid_request") // used before
		if err := db.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "gate", a.AccessToken).Active {
			t.Error("a token outlives the person's grants")
		}
	})
}

// TestRFC8693_2_2_2_JWTsThatAreNotExchanged: whatever is wrong with one is the same error, uses nothing up and leaves no grant.
func TestRFC8693_2_2_2_JWTsThatAreNotExchanged(t *testing.T) {
	h, e := partners(t, storagetest.SQLite(t), func(i *trusted.Issuer) { i.Resources = []string{stock + "/", vault} })
	now := time.Now().Unix()
	stranger := employer{dpoptest.New(t), t}
	for name, bad := range map[string]string{
		"another's key":        stranger.sign(nil),
		"no signature":         strings.Join(strings.Split(e.sign(nil), ".")[:2], ".") + ".",
		"alg none":             e.sign(nil, "alg", "none"),
		"an access token":      e.sign(nil, "typ", "at+jwt"),
		"an ID-JAG":            e.sign(nil, "typ", "oauth-id-jag+jwt"),
		"unknown issuer":       e.sign(map[string]any{"iss": "https://other.test"}),
		"ours, by its claim":   e.sign(map[string]any{"iss": oauthtest.Issuer}),
		"nobody's subject":     e.sign(map[string]any{"sub": "emp-8"}),
		"the person's own id":  e.sign(map[string]any{"sub": oauthtest.Ada}),
		"for somebody else":    e.sign(map[string]any{"aud": "https://other.test"}),
		"expired":              e.sign(map[string]any{"exp": now - 1}),
		"no jti":               e.sign(map[string]any{"jti": nil}),
		"bound to a key":       e.sign(map[string]any{"cnf": map[string]any{"jkt": stranger.key.Thumbprint(t)}}),
		"somebody acts":        e.sign(map[string]any{"act": map[string]any{"sub": "robot"}}),
		"nobody acts":          e.sign(map[string]any{"act": map[string]any{}}),
		"another may act":      e.sign(map[string]any{"may_act": map[string]any{"sub": "back"}}),
		"an unknown may act":   e.sign(map[string]any{"may_act": map[string]any{"sub": "gate", "org": "x"}}),
		"may_act of no object": e.sign(map[string]any{"may_act": "gate"}),
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "gate", ofIssuer(bad), "invalid_request") })
	}
	refused(t, h, "back", ofIssuer(e.sign(nil)), "invalid_request")        // is none of the issuer's clients
	refused(t, h, "careful", ofIssuer(e.sign(nil)), "unauthorized_client") // demands two factors
	refused(t, h, "robot", ofIssuer(e.sign(nil)), "unauthorized_client")   // has no policy
	refused(t, h, "gate", asserts(e.sign(nil)), "unauthorized_client")     // may exchange, and has not the JWT bearer grant
	for _, no := range [][]string{
		{"invalid_scope", "scope", "stock:read"},      // the policy of the client
		{"invalid_scope", "scope", "api:write"},       // the issuer is not good for it
		{"invalid_target", "resource", plain},         // the issuer is not good for it
		{"invalid_target", "resource", vault},         // demands two factors
		{"invalid_target", "resource", oauthtest.API}, // the policy of the client
	} {
		refused(t, h, "gate", ofIssuer(e.sign(nil), no[1:]...), no[0])
	}
	for _, kind := range []string{tokenType, idToken, "urn:ietf:params:oauth:token-type:saml2"} {
		form := ofIssuer(e.sign(nil))
		form.Set("subject_token_type", kind)
		refused(t, h, "gate", form, "invalid_request")
	}
	jag := ofIssuer(e.sign(nil))
	jag.Set("requested_token_type", oauth.TypeIDJAG)
	refused(t, h, "gate", jag, "invalid_request")
	if list, err := h.DB.GrantsOfUser(t.Context(), oauthtest.Ada, time.Now(), "", 100); err != nil || len(list) != 0 {
		t.Errorf("%d grants of what was refused, %v", len(list), err)
	}
	get(t, h, "gate", ofIssuer(e.sign(map[string]any{"may_act": map[string]any{"sub": "gate"}})))
}

// TestRFC7521_8_2_AJWTIsExchangedOnce although many present it at once at two replicas.
func TestRFC7521_8_2_AJWTIsExchangedOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		h, e := partners(t, db, nil)
		replicas := []*oauthtest.Protocol{h, h.Replica(t, db)}
		form := ofIssuer(e.sign(nil))
		var wg sync.WaitGroup
		good := make(chan error, 12)
		for i := range 12 {
			wg.Go(func() {
				_, err := replicas[i%2].Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "gate"), Form: maps(form)})
				good <- err
			})
		}
		wg.Wait()
		close(good)
		taken := 0
		for err := range good {
			if err == nil {
				taken++
			} else if wants(t, err, "invalid_request"); !strings.Contains(err.Error(), "used before") {
				t.Error(err)
			}
		}
		if list, err := db.GrantsOfUser(t.Context(), oauthtest.Ada, time.Now(), "", 100); err != nil || len(list) != 1 || taken != 1 {
			t.Errorf("%d answers, %d grants, %v", taken, len(list), err)
		}
	})
}
