package kit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		var ended []string
		var fails error
		h := w.api.Logout("app", func(_ context.Context, sub, sid string) error {
			if fails == nil {
				ended = append(ended, sub+"/"+sid)
			}
			return fails
		})
		claims := func(changes body) body {
			now := time.Now().Unix()
			return changed(body{"iss": issuer, "aud": "app", "iat": now, "exp": now + 120, "jti": "l-1", "sub": "ada", "sid": "s",
				"events": body{logoutEvent: body{}}}, changes)
		}
		signed := func(c body) string {
			return w.sign("es", "ES256", header{"alg": "ES256", "typ": "logout+jwt", "kid": "es"}, c)
		}
		send := func(form string) int {
			r := httptest.NewRequest("POST", "/logout", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			got := httptest.NewRecorder()
			h.ServeHTTP(got, r)
			if got.Header().Get("Cache-Control") != "no-store" {
				t.Error("may be stored")
			}
			return got.Code
		}
		token := func(t string) string { return url.Values{"logout_token": {t}}.Encode() }
		for name, form := range map[string]string{
			"nothing":              "",
			"another client's":     token(signed(claims(body{"aud": "other"}))),
			"another issuer's":     token(signed(claims(body{"iss": "https://evil.example"}))),
			"with a nonce":         token(signed(claims(body{"nonce": "n"}))),
			"without an event":     token(signed(claims(body{"events": nil}))),
			"with another event":   token(signed(claims(body{"events": body{"x": body{}}}))),
			"an event that is not": token(signed(claims(body{"events": body{logoutEvent: nil}}))),
			"of nobody":            token(signed(claims(body{"sub": nil, "sid": nil}))),
			"without jti":          token(signed(claims(body{"jti": nil}))),
			"without exp":          token(signed(claims(body{"exp": nil}))),
			"over":                 token(signed(claims(body{"exp": time.Now().Unix() - 60}))),
			"an access token":      token(w.now(nil)),
			"an ID token":          token(w.sign("es", "ES256", header{"alg": "ES256", "typ": "JWT", "kid": "es"}, claims(nil))),
			"a stranger's":         token(w.sign("stranger", "ES256", header{"alg": "ES256", "typ": "logout+jwt", "kid": "es"}, claims(nil))),
			"two":                  token(signed(claims(nil))) + "&" + token(signed(claims(nil))),
			"more than is read":    "logout_token=" + strings.Repeat("a", 40<<10),
		} {
			if code := send(form); code != 400 {
				t.Errorf("%s: %d", name, code)
			}
		}
		fails = errors.New("the database is away")
		first := token(signed(claims(nil)))
		if code := send(first); code != 503 || len(ended) > 0 {
			t.Errorf("it could not be ended: %d", code)
		}
		fails = nil
		if code := send(first); code != 200 || len(ended) != 1 || ended[0] != "ada/s" {
			t.Errorf("the issuer tries again: %d %v", code, ended)
		}
		if code := send(first); code != 400 || len(ended) != 1 {
			t.Errorf("somebody sends it again: %d %v", code, ended)
		}
		if code := send(token(signed(claims(body{"jti": "l-2", "sid": nil})))); code != 200 || ended[1] != "ada/" {
			t.Errorf("all sessions: %d %v", code, ended)
		}
		got := httptest.NewRecorder()
		if h.ServeHTTP(got, httptest.NewRequest("GET", "/logout?"+first, nil)); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", got.Code)
		}
	})
}
