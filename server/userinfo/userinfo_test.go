package userinfo_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/server/userinfo"
	"signet/server/web"
	"signet/storage/storagetest"
)

type endpoint struct {
	*oauthtest.Protocol
	handler http.Handler
}

func open(t *testing.T) *endpoint {
	t.Helper()
	h := oauthtest.New(t, oauthtest.Options{DB: storagetest.SQLite(t)})
	h.SignIn(t)
	return serve(t, h)
}

func serve(t testing.TB, h *oauthtest.Protocol) *endpoint {
	t.Helper()
	handler, err := userinfo.New(h.Provider, userinfo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := url.Parse(oauthtest.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux(web.Options{Issuer: issuer, Log: slog.New(slog.DiscardHandler), Origins: h.Registry.OriginAllowed})
	handler.Mount(mux)
	return &endpoint{Protocol: h, handler: mux.Handler()}
}

// ask sends a request; form "" is none.
func (d *endpoint) ask(method, path, authorization, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, oauthtest.Issuer+path, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

func (d *endpoint) token(t *testing.T, scope string) *oauth.Answer {
	t.Helper()
	a, err := d.Provider.Token(t.Context(),
		oauth.TokenRequest{Client: d.Client(t, "shop"), Form: oauthtest.Exchange(d.Code(t, "shop", scope, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWhereTheTokenMayStand(t *testing.T) { // RFC 6750 section 2, OpenID Connect Core section 5.3.1, A10
	d := open(t)
	token := d.token(t, "openid email").AccessToken
	form := "access_token=" + token
	for name, w := range map[string]*httptest.ResponseRecorder{
		"get":              d.ask("GET", "/userinfo", "Bearer "+token, ""),
		"lower-case":       d.ask("GET", "/userinfo", "bearer "+token, ""),
		"post-header":      d.ask("POST", "/userinfo", "Bearer "+token, ""),
		"post-other-field": d.ask("POST", "/userinfo", "BEARER "+token, "x=y"),
		"post-form":        d.ask("POST", "/userinfo", "", form),
	} {
		var m map[string]any
		if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &m) != nil || m["sub"] != oauthtest.Ada || m["email"] != "ada@example.com" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("%s: headers %v", name, w.Header())
		}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"query":           d.ask("GET", "/userinfo?"+form, "", ""),
		"query-beside":    d.ask("GET", "/userinfo?"+form, "Bearer "+token, ""),
		"post-query":      d.ask("POST", "/userinfo?"+form, "", ""),
		"header-and-form": d.ask("POST", "/userinfo", "Bearer "+token, form),
		"twice-in-form":   d.ask("POST", "/userinfo", "", form+"&"+form),
		"empty":           d.ask("GET", "/userinfo", "Bearer ", ""),
	} {
		if w.Code != 400 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="invalid_request"`) {
			t.Errorf("%s: %d %q %s", name, w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
		}
	}
}

func TestChallenges(t *testing.T) { // RFC 6750 section 3
	d := open(t)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"nothing": d.ask("GET", "/userinfo", "", ""),
		"basic":   d.ask("GET", "/userinfo", "Basic eDp5", ""),
		"post":    d.ask("POST", "/userinfo", "", ""),
		"form":    d.ask("POST", "/userinfo", "", "x=y"),
	} {
		if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="signet"` || w.Body.Len() != 0 {
			t.Errorf("%s: %d %q %s; an error would be told to one who did not try", name, w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
		}
	}
	one := d.token(t, "openid")
	for name, token := range map[string]string{ // decision 0002, rule K04
		"garbage": "garbage", "refresh": one.RefreshToken, "id": one.IDToken, "api": d.token(t, "api:read").AccessToken,
	} {
		w := d.ask("GET", "/userinfo", "Bearer "+token, "")
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != 401 || !strings.HasPrefix(challenge, `Bearer realm="signet", error="invalid_token", error_description="`) {
			t.Errorf("%s: %d %q", name, w.Code, challenge)
		}
		if strings.Contains(w.Body.String()+challenge, token) {
			t.Errorf("%s: the token is echoed", name)
		}
	}
}

func TestExpiredAndRevoked(t *testing.T) { // decision 0002
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		one, two := d.token(t, "openid"), d.token(t, "openid")
		if err := d.Provider.Revoke(t.Context(), d.Client(t, "shop"), one.RefreshToken); err != nil {
			t.Fatal(err)
		}
		if w := d.ask("GET", "/userinfo", "Bearer "+one.AccessToken, ""); w.Code != 401 {
			t.Errorf("revoked: %d %s", w.Code, w.Body)
		}
		time.Sleep(61 * time.Minute)
		if w := d.ask("GET", "/userinfo", "Bearer "+two.AccessToken, ""); w.Code != 401 || !strings.Contains(w.Body.String(), "invalid_token") {
			t.Errorf("expired: %d %s", w.Code, w.Body)
		}
	})
}

func TestSignedAnswer(t *testing.T) { // OpenID Connect Core section 5.3.2
	d := open(t)
	m := d.Client(t, "shop").Metadata
	m.UserinfoSignedResponseAlg = "ES256"
	d = serve(t, d.WithClient(t, m))
	w := d.ask("GET", "/userinfo", "Bearer "+d.token(t, "openid").AccessToken, "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/jwt" || strings.Count(w.Body.String(), ".") != 2 {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestInteractionID(t *testing.T) { // FAPI 1.0 Part 1 section 6.2.1, item 11
	h := oauthtest.New(t, oauthtest.Options{DB: oauthtest.Database(t)})
	d := serve(t, h)
	for sent, back := range map[string]bool{
		"9fD197f7-27F4-407f-Bc79-6Ac2179EcB9e": true, "": false, "x": false, "9fd197f7-27f4-407f-bc79-6ac2179ecb9": false,
		"9fd197f7-27f4-407f-bc79-6ac2179ecb9g": false, "9fd197f7027f4-407f-bc79-6ac2179ecb9e": false,
		"9fd197f7-27f4-407f-bc79-6ac2179ecb9e0": false, "<script>": false, "9fd197f7-27f4-407f-bc79-6ac2179ecb9e\nx: y": false,
	} {
		r := httptest.NewRequest("GET", oauthtest.Issuer+"/userinfo", nil)
		r.Header["X-Fapi-Interaction-Id"] = []string{sent}
		w := httptest.NewRecorder()
		d.handler.ServeHTTP(w, r) // without a token: refusals have it, too
		got, has := w.Header()["X-Fapi-Interaction-Id"]
		if has != back || back && got[0] != sent {
			t.Errorf("%q: %q", sent, got)
		}
	}
}

func TestUnreachableDatabase(t *testing.T) { // rule A18
	d := open(t)
	token := d.token(t, "openid").AccessToken
	if err := d.DB.Close(); err != nil {
		t.Fatal(err)
	}
	w := d.ask("GET", "/userinfo", "Bearer "+token, "")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestCORS(t *testing.T) {
	d := open(t)
	r := httptest.NewRequest("GET", oauthtest.Issuer+"/userinfo", nil)
	r.Header.Set("Origin", "https://shop.test")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "https://shop.test" {
		t.Errorf("got %q", got)
	}
}
