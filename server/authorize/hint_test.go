package authorize_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"signet/clients"
	"signet/oauth/keys"
	"signet/server/servertest"
)

// An app may encrypt the ID token that it sends as a hint to a key of ours; what is encrypted to another's is told as such where the app
// hears of it, and proves nothing at sign-out.
func TestIDTokenHint_Encrypted(t *testing.T) { // OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2
	const after = "https://shop.example/bye"
	back := func(m *clients.Metadata) { m.PostLogoutRedirectURIs = []string{after} }
	w := newSealedWorld(t, "signed", back)
	ours := w.encryptionKeys(t)
	curve, big := ours[keys.ForCurves], ours[keys.ForRSA]
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := w.Browser(t)
	token := w.shop.Login(t, b, w.ada).Extra("id_token").(string)
	seal := func(key any, kid, text string) string {
		return encrypted(t, jose.ECDH_ES, jose.A128GCM, key, kid, text, (&jose.EncrypterOptions{}).WithContentType("JWT"))
	}
	good := map[string]string{"plain": token, "ECDH": seal(curve.Key, curve.KeyID, token), "no kid": seal(curve.Key, "", token),
		"RSA": encrypted(t, jose.RSA_OAEP_256, jose.A256GCM, big.Key, big.KeyID, token, nil)}
	bad := map[string]string{"to another": seal(other.Public(), "", token), "to another, by our kid": seal(other.Public(), curve.KeyID, token),
		"twice": seal(curve.Key, "", good["ECDH"]), "no token": seal(curve.Key, "", "x"), "claims alone": seal(curve.Key, "",
			`{"iss":"`+w.URL+`","sub":"`+w.ada.ID+`","aud":"shop","exp":9999999999,"iat":1}`),
		"a request object": seal(curve.Key, "", w.sign(t, members{"iss": w.URL, "sub": w.ada.ID, "aud": "shop", "iat": 1, "exp": 9e9}, "JWT")),
		"deflated": encrypted(t, jose.ECDH_ES, jose.A128GCM, curve.Key, curve.KeyID, token,
			&jose.EncrypterOptions{Compression: jose.DEFLATE})}
	out := func(b *servertest.Browser, hint string) *servertest.Browser {
		return b.Get(t, "/oauth2/logout?"+url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {after}}.Encode())
	}
	for name, hint := range good {
		if _, got := answered(t, b.Get(t, w.ask("prompt", "none", "id_token_hint", hint))); got.Get("code") == "" {
			t.Errorf("%s: %v", name, got)
		}
		if gone := out(w.Browser(t), hint); gone.Landed == nil { // nobody is signed in there
			t.Errorf("%s: at %s", name, gone.URL)
		}
	}
	for name, hint := range bad {
		_, got := answered(t, b.Get(t, w.ask("id_token_hint", hint)))
		if got.Get("error") != "invalid_request" || got.Get("state") != "st at&e=1" {
			t.Errorf("%s: %v", name, got)
		}
		if asked := out(b, hint); asked.Landed != nil || !asked.Has("logout-confirm") {
			t.Errorf("%s: sign-out at %s, landed %v", name, asked.URL, asked.Landed)
		}
	}
	for _, prompt := range []string{"", "none"} {
		_, got := answered(t, b.Get(t, w.ask("prompt", prompt, "id_token_hint", bad["to another"])))
		if !strings.Contains(got.Get("error_description"), "send the ID token inside") {
			t.Errorf("the app is not told what to do: %v", got)
		}
	}
	if out(b, good["ECDH"]); b.Landed == nil || b.Landed.String() != after {
		t.Errorf("at %s, landed %v", b.URL, b.Landed)
	}

	w = newObjectWorld(t, "signed", back) // without keys to encrypt to
	b = w.signedIn(t)
	if _, got := answered(t, b.Get(t, w.ask("id_token_hint", good["ECDH"]))); got.Get("error") != "invalid_request" {
		t.Errorf("where nothing encrypted is taken: %v", got)
	}
	if out(b, good["ECDH"]); b.Landed != nil || !b.Has("logout-confirm") {
		t.Errorf("where nothing encrypted is taken: %s", b.URL)
	}
}

// What is at a request_uri is read once for a request: what was judged is what counts to the end, whatever is there by then, and a fragment
// holds it to one content.
func TestRequestObject_WhatChangesAfterItWasJudged(t *testing.T) { // RFC 9101 section 10.4, OpenID Connect Core section 6.2
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		var mu sync.Mutex
		var contents []string // of the next fetches; the last stays
		asked := 0
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte(contents[0]))
			contents = contents[min(1, len(contents)-1):]
		}))
		defer site.Close()
		w := newObjectWorld(t, "signed", nil, loopback, engine)
		w.fetches(t, []string{site.URL + "/r"})
		one := w.sign(t, members{"state": "one", "scope": "openid", "redirect_uri": w.shop.RedirectURIs[0]}, "")
		two := w.sign(t, members{"state": "two", "scope": "openid email", "redirect_uri": w.shop.RedirectURIs[1]}, "")
		fetched := func(next ...string) (before int) {
			mu.Lock()
			defer mu.Unlock()
			contents, before = next, asked
			return before
		}
		count := func() int { mu.Lock(); defer mu.Unlock(); return asked }

		before := fetched(one, two)
		b := w.Browser(t).Get(t, w.ask("request_uri", site.URL+"/r"))
		b.SignIn(t, w.ada)
		if strings.Contains(b.Text("main"), "email address") {
			t.Errorf("asked for what the second content says: %s", b.Text("main"))
		}
		again := b.Interaction(t)
		_, got := answered(t, b.Allow(t))
		if got.Get("state") != "one" || got.Get("code") == "" || b.Landed.Path != "/cb" || count() != before+1 {
			t.Errorf("landed at %s %v after %d fetches", b.Landed, got, count()-before)
		}
		if _, got = answered(t, b.Get(t, "/oauth2/continue?i="+again)); got.Get("state") != "one" || b.Landed.Path != "/cb" ||
			count() != before+1 {
			t.Errorf("by Back: %s %v after %d fetches", b.Landed, got, count()-before)
		}
		// signed in and agreed, the answer comes at once: of one reading
		before = fetched(one, two)
		if _, got = answered(t, b.Get(t, w.ask("request_uri", site.URL+"/r"))); got.Get("state") != "one" || count() != before+1 {
			t.Errorf("at once: %v after %d fetches", got, count()-before)
		}
		// the fragment says which content is meant
		sum := sha256.Sum256([]byte(one))
		held := site.URL + "/r#" + base64.RawURLEncoding.EncodeToString(sum[:])
		fetched(one, two)
		if _, got = answered(t, b.Get(t, w.ask("request_uri", held))); got.Get("state") != "one" {
			t.Errorf("with its hash: %v", got)
		}
		if _, got = answered(t, b.Get(t, w.ask("request_uri", held))); got.Get("error") != "invalid_request_uri" ||
			got.Get("state") != "st at&e=1" {
			t.Errorf("another content than its hash: %v", got)
		}
	})
}
