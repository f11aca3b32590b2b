package server_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"signet/clients"
	"signet/server/servertest"
)

// TestCIBA_SignedRequestsAndHints: what a client signs names its person and everything else, once, for us, for now.
func TestCIBA_SignedRequestsAndHints(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	keys := func(m *clients.Metadata) {
		m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}}
		m.TokenEndpointAuthMethod = clients.MethodBasic
	}
	c := newCounter(t, s, "bank", keys, func(m *clients.Metadata) { m.BackchannelSigningAlg = "ES256" })
	free := newCounter(t, s, "shop", keys)
	signed := func(typ jose.ContentType, client string, change map[string]any) string {
		return signedAs(t, key, typ, s.URL, client, change)
	}
	sign := func(client string, change map[string]any) string { return signed("JWT", client, change) }
	asks := map[string]any{"scope": "openid", "login_hint": ada.Email, "binding_message": "SIGNED", "requested_expiry": 120}
	with := func(change map[string]any) map[string]any {
		all := maps.Clone(asks)
		maps.Copy(all, change)
		return all
	}
	good := sign("bank", asks)
	send := func(app counter, name, value string, more ...string) (int, map[string]any) {
		form := url.Values{name: {value}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return app.app.Post(t, "/oauth2/bc-authorize", form)
	}
	if status, got := send(c, "request", good); status != 200 || got["expires_in"] != 120.0 {
		t.Fatalf("%d %v", status, got)
	}
	if status, got := send(c, "request", signed("OAuth-Authz-Req+JWT", "bank", asks)); status != 200 { // RFC 9101 section 4
		t.Errorf("typ of a request object: %d %v", status, got)
	}
	hour := time.Now().Add(2 * time.Hour).Unix()
	for what, request := range map[string]string{
		"again": good, "of another client": sign("shop", asks), "for somebody else": sign("bank", with(map[string]any{"aud": "https://other"})),
		"without exp": sign("bank", with(map[string]any{"exp": nil})), "without jti": sign("bank", with(map[string]any{"jti": nil})),
		"without nbf": sign("bank", with(map[string]any{"nbf": nil})), "long": sign("bank", with(map[string]any{"exp": hour})),
		"over": sign("bank", with(map[string]any{"exp": time.Now().Add(-time.Minute).Unix()})), "tampered": good[:len(good)-4] + "AAAA",
		"an access token": signed("at+jwt", "bank", asks), "an assertion": signed("client-authentication+jwt", "bank", asks),
		"as an assertion": sign("bank", with(map[string]any{"sub": "bank"})),
	} {
		if status, got := send(c, "request", request); status != 400 || got["error"] != "invalid_request" {
			t.Errorf("%s: %d %v", what, status, got)
		}
	}
	if status, got := send(c, "login_hint", ada.Email, "scope", "openid"); status != 400 || got["error"] != "invalid_request" {
		t.Errorf("unsigned: %d %v", status, got)
	}
	by := func(id map[string]any, more map[string]any) string {
		claims := map[string]any{"sub_id": id}
		maps.Copy(claims, more)
		return sign("shop", claims)
	}
	mail, sub := map[string]any{"format": "email", "email": ada.Email}, map[string]any{"format": "iss_sub", "iss": s.URL, "sub": ada.ID}
	for what, test := range map[string]struct {
		token, wrong string
	}{
		"email": {by(mail, nil), ""}, "subject": {by(sub, nil), ""},
		"over":             {by(mail, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}), "expired_login_hint_token"},
		"another issuer's": {by(map[string]any{"format": "iss_sub", "iss": "https://other", "sub": ada.ID}, nil), "invalid_request"},
		"of a telephone":   {by(map[string]any{"format": "phone_number", "phone_number": "1"}, nil), "invalid_request"},
		"another client's": {sign("bank", map[string]any{"sub_id": mail}), "invalid_request"},
		"a request object": {signed("oauth-authz-req+jwt", "shop", map[string]any{"sub_id": mail}), "invalid_request"},
	} {
		if _, got := send(free, "login_hint_token", test.token, "scope", "openid"); fmt.Sprint(got["error"]) != cmp.Or(test.wrong, "<nil>") {
			t.Errorf("%s: %v", what, got)
		}
	}
	b := s.Browser(t)
	b.Get(t, s.URL+"/account/requests").SignIn(t, ada)
	if text := b.Text("main"); !strings.Contains(text, "SIGNED") || !strings.Contains(text, "Shop") {
		t.Errorf("%s", text)
	}
}

// signedAs is a JWT of the client, for the issuer, for a minute, with the changes.
func signedAs(t *testing.T, key *ecdsa.PrivateKey, typ jose.ContentType, issuer, client string, change map[string]any) string {
	t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": client, "aud": issuer, "jti": rand.Text(), "exp": now.Add(time.Minute).Unix(), "nbf": now.Unix(),
		"iat": now.Unix()}
	for k, v := range change {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType(typ).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCIBA_ASecondStep that the app demands is asked for on the page, and one that is demanded after the decision stops the fetch.
func TestCIBA_ASecondStep(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	c, strict := newCounter(t, s, "bank"), newCounter(t, s, "vault", func(m *clients.Metadata) { m.RequireSecondFactor = true })
	id := c.begin(ada.Email)
	b := s.Browser(t)
	c.sees(b, ada, 1)
	b.Submit(t, "request-allow", nil)
	m := c.app.Metadata
	m.RequireSecondFactor, m.ClientSecret = true, ""
	if err := s.Services().Clients.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c.wants("allowed without", id, "invalid_grant")
	id = strict.begin(ada.Email)
	_, rest, _ := strings.Cut(b.Get(t, s.URL+"/account/requests").Body, "/account/requests?request=")
	request, _, _ := strings.Cut(rest, `"`)
	if b.Get(t, s.URL+"/account/requests?request="+request); b.Status != http.StatusForbidden || b.Has("request-allow") {
		t.Errorf("%d %s", b.Status, b.Text("main"))
	}
	b.Post(t, s.URL+"/account/requests", url.Values{"decision": {"allow"}, "request": {request}})
	strict.wants("decided all the same", id, "authorization_pending")
}
