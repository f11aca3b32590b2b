package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"signet/clients"
	"signet/clients/algs"
	"signet/server/servertest"
)

// decrypted is what the server encrypted to the key, and whether it says that this is a JWT.
func decrypted(t *testing.T, text string, e algs.Encryption, key any) (plain string, jwt bool) {
	t.Helper()
	got, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.KeyAlgorithm(e.Key)},
		[]jose.ContentEncryption{jose.ContentEncryption(e.Content)})
	if err != nil {
		t.Fatalf("%+v: %s: %v", e, text, err)
	}
	if got.Header.KeyID != "enc" || got.Header.ExtraHeaders["zip"] != nil {
		t.Errorf("header %+v", got.Header)
	}
	out, err := got.Decrypt(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), got.Header.ExtraHeaders[jose.HeaderContentType] == "JWT"
}

func userinfo(t *testing.T, s *servertest.Server, token string) (media, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s %v", res.StatusCode, raw, err)
	}
	return res.Header.Get("Content-Type"), string(raw)
}

// Whatever a client gets is encrypted to the key of its that is for encryption, signed first where it is signed.
func TestEncrypted_EverythingThatAClientGets(t *testing.T) { // OpenID Connect Core section 10.2, RFC 9701, JARM section 2.2
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	signs, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := published(t, s)
	for i, alg := range algs.Keys {
		e := algs.Encryption{Key: alg, Content: algs.Contents[i%len(algs.Contents)]}
		public, key := any(private.Public()), any(private)
		if strings.HasPrefix(alg, "ECDH") {
			public, key = curve.Public(), curve
		}
		name := "app" + strings.ToLower(strings.ReplaceAll(alg, "+", "-"))
		app := s.App(t, name, func(m *clients.Metadata) {
			m.TokenEndpointAuthMethod = clients.MethodBasic
			m.JWKS = &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signs.Public(), KeyID: "sig", Use: "sig"},
				{Key: signs.Public(), KeyID: "any"}, {Key: public, KeyID: "enc", Use: "enc"}}}
			m.IDTokenEncryptedResponseAlg, m.IDTokenEncryptedResponseEnc = e.Key, e.Content
			m.UserinfoEncryptedResponseAlg, m.UserinfoEncryptedResponseEnc = e.Key, e.Content
			m.IntrospectionEncryptedResponseAlg, m.IntrospectionEncryptedResponseEnc = e.Key, e.Content
			m.AuthorizationEncryptedResponseAlg, m.AuthorizationEncryptedResponseEnc = e.Key, e.Content
			if i == 0 {
				m.UserinfoSignedResponseAlg = "ES256"
			}
		})
		browser := s.Browser(t)
		request := app.Begin(t, browser)
		browser.SignIn(t, ada)
		if browser.Landed == nil {
			browser.Allow(t)
		}
		got := request.Exchange(t, request.Code(t, browser))
		sealed, _ := got.Extra("id_token").(string)
		plain, jwt := decrypted(t, sealed, e, key)
		if id := verified(t, set, plain, "RS256"); id["sub"] != ada.ID || !jwt {
			t.Errorf("%s: ID token %v, JWT %v", alg, id, jwt)
		}
		media, body := userinfo(t, s, got.AccessToken)
		plain, jwt = decrypted(t, body, e, key)
		if i == 0 {
			plain = string(must(json.Marshal(verified(t, set, plain, "ES256"))))
		}
		if media != "application/jwt" || jwt != (i == 0) || !strings.Contains(plain, ada.ID) {
			t.Errorf("%s: userinfo %s %s, JWT %v", alg, media, plain, jwt)
		}
		_, body = ask(t, s, app, got.AccessToken, "application/token-introspection+jwt")
		plain, jwt = decrypted(t, body, e, key)
		if told := verified(t, set, plain, "RS256"); told["token_introspection"] == nil || !jwt {
			t.Errorf("%s: %v", alg, told)
		}
		app.Begin(t, browser, oauth2.SetAuthURLParam("response_mode", "jwt"),
			oauth2.SetAuthURLParam("id_token_hint", plainHint(t, sealed, e, key)))
		if browser.Landed == nil || len(browser.Landed.Query()) != 1 {
			t.Fatalf("%s: %v", alg, browser.Landed)
		}
		plain, _ = decrypted(t, browser.Landed.Query().Get("response"), e, key)
		if told := verified(t, set, plain, "RS256"); told["code"] == nil {
			t.Errorf("%s: %v", alg, told)
		}
		// the app sends the inner JWT as a hint; the sealed one is none (Core section 3.1.2.1)
		app.Begin(t, browser, oauth2.SetAuthURLParam("id_token_hint", sealed))
		if browser.Landed == nil || browser.Landed.Query().Get("error") != "invalid_request" {
			t.Errorf("%s: a sealed hint: %v", alg, browser.Landed)
		}
	}
}

func plainHint(t *testing.T, sealed string, e algs.Encryption, key any) string {
	t.Helper()
	plain, _ := decrypted(t, sealed, e, key)
	return plain
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// Where the client's key cannot be had, or no key there fits any more, nothing goes out in plain.
func TestEncrypted_WithoutAKeyNothingIsTold(t *testing.T) { // RFC 7516 section 10
	s := servertest.New(t, servertest.HandlerOnly())
	app := s.App(t, "shop", func(m *clients.Metadata) {
		m.TokenEndpointAuthMethod, m.JWKSURI = clients.MethodBasic, "https://127.0.0.1:1/jwks"
		m.IDTokenEncryptedResponseAlg, m.AuthorizationEncryptedResponseAlg = "RSA-OAEP-256", "RSA-OAEP-256"
	})
	browser := s.Browser(t)
	request := app.Begin(t, browser)
	browser.SignIn(t, s.Person(t, "ada@example.com"))
	if browser.Landed == nil {
		browser.Allow(t)
	}
	_, err := request.TryExchange(t.Context(), request.Code(t, browser))
	servertest.Refused(t, err, "invalid_request")
	app.Begin(t, browser, oauth2.SetAuthURLParam("response_mode", "jwt"))
	if browser.Landed != nil {
		t.Errorf("an answer without encryption: %v", browser.Landed)
	}
}
