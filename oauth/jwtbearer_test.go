package oauth_test

import (
	"errors"
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
	"signet/oauth/oauthtest"
	"signet/oauth/trusted"
	"signet/storage"
	"signet/storage/storagetest"
)

const work = "https://login.work.test"

// employer is an issuer that is trusted, and how it signs.
type employer struct {
	key dpoptest.Key
	t   *testing.T
}

// sign makes an assertion about employee 7, for this server, that is good once; change alters its claims, names and
// values in header its header.
func (e employer) sign(change map[string]any, header ...any) string {
	e.t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": work, "sub": "emp-7", "aud": oauthtest.Issuer, "exp": now + 60, "iat": now, "jti": dpoptest.Claims("", "")["jti"],
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	head := map[string]any{"typ": "JWT", "jwk": nil}
	for i := 0; i < len(header); i += 2 {
		head[header[i].(string)] = header[i+1]
	}
	return e.key.Sign(e.t, claims, head)
}

// trusting is a protocol in which crm may present assertions of work, which Ada has linked.
func trusting(t *testing.T, db *storage.DB, change func(*trusted.Issuer)) (*oauthtest.Protocol, employer) {
	t.Helper()
	return trustingIn(t, oauthtest.Options{DB: db}, change)
}

func trustingIn(t *testing.T, o oauthtest.Options, change func(*trusted.Issuer)) (*oauthtest.Protocol, employer) {
	t.Helper()
	e := employer{dpoptest.New(t), t}
	from := trusted.Issuer{
		Issuer: work, JWKS: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: e.key.Private.Public()}}},
		Clients: []string{"crm", "careful", "spa", "robot"}, Upstream: "work", Scopes: []string{"openid", "api:read", "files:read"},
	}
	if change != nil {
		change(&from)
	}
	app := func(id string) clients.Metadata {
		return clients.Metadata{ClientID: id, ClientSecret: oauthtest.Secret, GrantTypes: []string{clients.JWTBearer},
			Scope: "openid api:read api:write files:read"}
	}
	careful := app("careful")
	careful.RequireSecondFactor = true
	both := app("crm")
	both.GrantTypes, both.RedirectURIs = append(both.GrantTypes, "authorization_code", "refresh_token"), []string{oauthtest.Callback}
	o.Trusted, o.Clients = []trusted.Issuer{from}, []clients.Metadata{both, careful, app("stranger")}
	o.Resources = []clients.Resource{{Identifier: vault, Name: "Vault", Scopes: []string{"api:read"}, RequireSecondFactor: true}}
	h := protocol(t, o)
	now := time.Now()
	if err := o.DB.InsertIdentity(t.Context(), storage.Identity{
		ID: "link", Upstream: "work", Issuer: work, Subject: "emp-7", UserID: oauthtest.Ada, CreatedAt: now, LastUsedAt: now,
	}); err != nil {
		t.Fatal(err)
	}
	return h, e
}

func asserts(assertion string, more ...string) url.Values {
	return with(url.Values{"grant_type": {clients.JWTBearer}, "assertion": {assertion}, "resource": {oauthtest.API}}, more...)
}

// TestRFC7523_2_1_AnAssertionIsAGrant: the token is the linked person's, of a grant that whatever ends grants ends.
func TestRFC7523_2_1_AnAssertionIsAGrant(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		h, e := trusting(t, db, func(i *trusted.Issuer) { i.Access = 2 * time.Minute })
		signedIn := time.Now().Add(-time.Hour).Unix()
		ctx, stats := storage.WithStats(t.Context())
		form := asserts(e.sign(map[string]any{"auth_time": signedIn}))
		a, err := h.Provider.Token(ctx, oauth.TokenRequest{Client: h.Client(t, "crm"), Form: form})
		if err != nil {
			t.Fatal(err)
		}
		if stats.Reads() != 2 || stats.Writes() != 3 { // link and person; use of the assertion, grant and event
			t.Errorf("%d reads and %d writes, want 2 and 3", stats.Reads(), stats.Writes())
		}
		if a.RefreshToken != "" || a.IDToken != "" || a.TokenType != "Bearer" || a.ExpiresIn != 120 || a.Scope != "api:read" {
			t.Errorf("answer: %+v", a)
		}
		c := claims(t, h, a)
		if c.Subject != oauthtest.Ada || c.ClientID != "crm" || !slices.Equal(c.Audience, []string{oauthtest.API}) || c.GrantID == "" ||
			c.AuthTime != signedIn || c.ACR != "" || len(c.Status) == 0 {
			t.Errorf("claims: %+v", c)
		}
		events, err := db.EventsOfUser(t.Context(), oauthtest.Ada, "", 10)
		if err != nil || len(events) != 1 || events[0].Name != string(audit.GrantAsserted) || events[0].ClientID != "crm" {
			t.Errorf("events: %+v %v", events, err)
		}
		if !about(t, h, "crm", a.AccessToken).Active {
			t.Error("inactive")
		}
		if err := h.Provider.Revoke(t.Context(), h.Client(t, "crm"), a.AccessToken); err != nil {
			t.Fatal(err)
		}
		refused(t, h, "crm", form, "invalid_grant") // RFC 7521 section 8.2: used before
		if again, _ := db.EventsOfUser(t.Context(), oauthtest.Ada, "", 10); len(again) != 2 {
			t.Errorf("%d events of the person, want that of the first and the revocation's", len(again))
		}
		// what ends the person's grants ends these
		b := get(t, h, "crm", asserts(e.sign(nil)))
		if err := db.RaiseEpoch(t.Context(), oauthtest.Ada, time.Now()); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "crm", b.AccessToken).Active {
			t.Error("a token outlives the person's grants")
		}
		if about(t, h, "crm", get(t, h, "crm", asserts(e.sign(nil))).AccessToken).Subject != oauthtest.Ada {
			t.Error("no new one")
		}
		if err := db.DeleteIdentity(t.Context(), "link", oauthtest.Ada); err != nil {
			t.Fatal(err)
		}
		refused(t, h, "crm", asserts(e.sign(nil)), "invalid_grant")
	})
}

// TestRFC7523_3_Assertions: what an assertion must be.
func TestRFC7523_3_Assertions(t *testing.T) {
	h, e := trusting(t, storagetest.SQLite(t), nil)
	now := time.Now().Unix()
	stranger := employer{dpoptest.New(t), t}
	parts := strings.Split(e.sign(nil), ".")
	other := strings.Split(e.sign(map[string]any{"sub": "emp-8"}), ".")
	for name, bad := range map[string]string{
		"not a JWT":                "a.b.c",
		"empty parts":              "..",
		"another's key":            stranger.sign(nil),
		"another's claims":         parts[0] + "." + other[1] + "." + parts[2],
		"no signature":             parts[0] + "." + parts[1] + ".",
		"alg none":                 e.sign(nil, "alg", "none"),
		"alg HS256":                e.sign(nil, "alg", "HS256"),
		"crit":                     e.sign(nil, "crit", []string{"exp"}),
		"an access token":          e.sign(nil, "typ", "at+jwt"),
		"a logout token":           e.sign(nil, "typ", "logout+jwt"),
		"an ID-JAG while it's off": e.sign(nil, "typ", "oauth-id-jag+jwt"),
		"a proof":                  e.sign(nil, "typ", "dpop+jwt"),
		"unknown issuer":           e.sign(map[string]any{"iss": "https://other.test"}),
		"issuer with a slash":      e.sign(map[string]any{"iss": work + "/"}),
		"no issuer":                e.sign(map[string]any{"iss": nil}),
		"this server as issuer":    e.sign(map[string]any{"iss": oauthtest.Issuer}),
		"nobody's subject":         e.sign(map[string]any{"sub": "emp-8"}),
		"no subject":               e.sign(map[string]any{"sub": nil}),
		"the person's own id":      e.sign(map[string]any{"sub": oauthtest.Ada}),
		"address as the subject":   e.sign(map[string]any{"sub": "ada@example.com", "email": "ada@example.com", "email_verified": true}),
		"for somebody else":        e.sign(map[string]any{"aud": "https://other.test"}),
		"for the upstream's app":   e.sign(map[string]any{"aud": "client-at-work"}), // its ID token
		"for two":                  e.sign(map[string]any{"aud": []string{oauthtest.Issuer, "https://other.test"}}),
		"for nobody":               e.sign(map[string]any{"aud": nil}),
		"for the token endpoint":   e.sign(map[string]any{"aud": oauthtest.Issuer + "/oauth2/token"}),
		"expired":                  e.sign(map[string]any{"exp": now - 11}),
		"no end":                   e.sign(map[string]any{"exp": nil}),
		"too long":                 e.sign(map[string]any{"exp": now + 700}),
		"forever":                  e.sign(map[string]any{"exp": 1e300}),
		"end as a text":            e.sign(map[string]any{"exp": "9999999999"}),
		"not yet":                  e.sign(map[string]any{"nbf": now + 120}),
		"from the future":          e.sign(map[string]any{"iat": now + 120}),
		"no jti":                   e.sign(map[string]any{"jti": nil}),
		"a long jti":               e.sign(map[string]any{"jti": strings.Repeat("x", 513)}),
		"a huge one":               e.sign(map[string]any{"jti": strings.Repeat("x", 20<<10)}),
		"bound to a key":           e.sign(map[string]any{"cnf": map[string]any{"jkt": stranger.key.Thumbprint(t)}}),
		"bound to something else":  e.sign(map[string]any{"cnf": map[string]any{"kid": "x"}}),
		"names of another case":    e.sign(map[string]any{"sub": nil, "Sub": "emp-7"}), // claims that people of the issuer may name
		"names like others":        e.sign(map[string]any{"sub": nil, "\u017fub": "emp-7"}),
	} {
		t.Run(name, func(t *testing.T) { refused(t, h, "crm", asserts(bad), "invalid_grant") })
	}
	refused(t, h, "crm", url.Values{"grant_type": {clients.JWTBearer}}, "invalid_request")
	refused(t, h, "stranger", asserts(e.sign(nil)), "invalid_grant")    // is none of the issuer's clients
	refused(t, h, "robot", asserts(e.sign(nil)), "unauthorized_client") // has no such grant
	refused(t, h, "spa", asserts(e.sign(nil)), "unauthorized_client")
	refused(t, h, "careful", asserts(e.sign(nil)), "unauthorized_client") // demands two factors
	for _, good := range []map[string]any{
		{"aud": []string{oauthtest.Issuer}}, {"exp": now + 595}, {"exp": now - 5}, {"iat": nil}, {"iat": now + 20, "ſub": "emp-8"},
	} {
		get(t, h, "crm", asserts(e.sign(good)))
	}
	list, err := h.DB.GrantsOfUser(t.Context(), oauthtest.Ada, time.Now(), "", 100)
	if err != nil || len(list) != 5 {
		t.Errorf("%d grants, want those of the good ones, %v", len(list), err)
	}
}

// TestRFC7523_ScopesAndResources: no more than the client has, the issuer is good for, and the resource takes.
func TestRFC7523_ScopesAndResources(t *testing.T) {
	h, e := trusting(t, storagetest.SQLite(t), func(i *trusted.Issuer) { i.Resources = []string{oauthtest.API + "/", vault} })
	if a := get(t, h, "crm", asserts(e.sign(nil), "scope", "api:read")); a.Scope != "api:read" {
		t.Errorf("scope %q", a.Scope)
	}
	for _, no := range [][]string{
		{"scope", "api:write"},       // the issuer is not good for it
		{"scope", "nothing"},         // nobody's
		{"scope", "offline_access"},  // no refresh token
		{"scope", "files:read"},      // of another resource than the one that is named
		{"scope", "api:read groups"}, // not the client's
	} {
		refused(t, h, "crm", asserts(e.sign(nil), no...), "invalid_scope")
	}
	refused(t, h, "crm", asserts(e.sign(nil), "resource", oauthtest.Files), "invalid_target")
	refused(t, h, "crm", asserts(e.sign(nil), "resource", oauthtest.Issuer), "invalid_target")
	refused(t, h, "crm", asserts(e.sign(nil), "resource", vault), "invalid_target") // demands two factors
	refused(t, h, "crm", asserts(e.sign(nil), "authorization_details", `[{"type":"payment"}]`), "invalid_authorization_details")
}

// TestRFC7523_SubjectsOfTheConfiguration: they win over links, and name people by their ids.
func TestRFC7523_SubjectsOfTheConfiguration(t *testing.T) {
	db := storagetest.SQLite(t)
	h, e := trusting(t, db, func(i *trusted.Issuer) {
		i.Upstream, i.Reusable, i.Audiences = "", true, []string{"signet", oauthtest.Issuer + "/oauth2/token"}
		i.Subjects = map[string]string{"emp-7": oauthtest.Ada, "emp-9": "GONEGONEGONEGONEGONEGONEGO"}
	})
	one := asserts(e.sign(map[string]any{"aud": "signet", "jti": nil}))
	for range 2 { // reusable
		if a := get(t, h, "crm", one); claims(t, h, a).Subject != oauthtest.Ada {
			t.Error("somebody else")
		}
	}
	refused(t, h, "crm", asserts(e.sign(nil)), "invalid_grant") // aud is ours, and not one of those
	refused(t, h, "crm", asserts(e.sign(map[string]any{"aud": "signet", "sub": "emp-9"})), "invalid_grant")
	if err := db.SetUserDisabled(t.Context(), oauthtest.Ada, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, h, "crm", one, "invalid_grant")
}

// TestRFC7521_8_2_AnAssertionIsUsedOnce although many present it at once, on both engines, at two replicas.
func TestRFC7521_8_2_AnAssertionIsUsedOnce(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		h, e := trusting(t, db, nil)
		replicas := []*oauthtest.Protocol{h, h.Replica(t, db)}
		form := asserts(e.sign(nil))
		var wg sync.WaitGroup
		var mu sync.Mutex
		good, replayed := 0, 0
		for i := range 12 {
			wg.Go(func() {
				_, err := replicas[i%2].Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: maps(form)})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					good++
				case strings.Contains(err.Error(), "used before"):
					replayed++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if good != 1 || replayed != 11 {
			t.Errorf("%d answers and %d refusals", good, replayed)
		}
		list, err := db.GrantsOfUser(t.Context(), oauthtest.Ada, time.Now(), "", 100)
		if err != nil || len(list) != 1 {
			t.Errorf("%d grants, %v", len(list), err)
		}
	})
}

// TestRFC7800_AnAssertionForAKey is good for who proves it; what comes of it is bound.
func TestRFC7800_AnAssertionForAKey(t *testing.T) {
	h, e := trusting(t, storagetest.SQLite(t), nil)
	key, v := dpoptest.New(t), &dpop.Verifier{Issuer: oauthtest.Issuer}
	proof := func(k dpoptest.Key) *dpop.Proof {
		p, err := v.Judge(http.Header{"Dpop": {k.Proof(t, "POST", oauthtest.Issuer+"/oauth2/token")}}, "POST", "/oauth2/token")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	form := asserts(e.sign(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint(t)}}))
	_, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: form, Proof: proof(dpoptest.New(t))})
	wants(t, err, "invalid_grant")
	_, err = h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: form})
	wants(t, err, "invalid_grant")
	used := proof(key)
	// refusals used nothing up
	a, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: form, Proof: used})
	if err != nil || a.TokenType != "DPoP" {
		t.Fatalf("%+v %v", a, err)
	}
	// a proof that was used before takes the assertion with it: neither is noted, no grant is left
	next := asserts(e.sign(nil))
	_, err = h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: next, Proof: used})
	wants(t, err, "invalid_dpop_proof")
	if _, err := h.Provider.Token(t.Context(), oauth.TokenRequest{Client: h.Client(t, "crm"), Form: next, Proof: proof(key)}); err != nil {
		t.Errorf("the assertion was used up by a refusal: %v", err)
	}
}

// TestRFC7523_ReplaysAreCountedAndNoted: an event for the operator once a minute, however many come.
func TestRFC7523_ReplaysAreCountedAndNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		h, e := trusting(t, db, nil)
		form := asserts(e.sign(nil))
		get(t, h, "crm", form)
		count := func() int {
			list, err := db.EventsLike(t.Context(), storage.Event{Name: string(audit.AssertionReplayed)}, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		for range 3 {
			refused(t, h, "crm", form, "invalid_grant")
		}
		if n := count(); n != 1 {
			t.Errorf("%d events", n)
		}
		time.Sleep(69 * time.Second) // of 60 it is good, and 10 for clocks
		refused(t, h, "crm", form, "invalid_grant")
		if n := count(); n != 2 {
			t.Errorf("%d events a minute later", n)
		}
		if _, err := token(t, h, "crm", asserts("x")); !errors.Is(err, trusted.ErrRefused) {
			t.Errorf("the log does not learn why: %v", err)
		}
	})
}
