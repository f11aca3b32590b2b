package token_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/server/token"
	"signet/server/web"
	"signet/storage"
)

// endpoint is the handler behind the middleware.
type endpoint struct {
	*oauthtest.Protocol
	handler http.Handler
	log     *bytes.Buffer
}

func open(t testing.TB, o oauthtest.Options) *endpoint {
	t.Helper()
	if o.DB == nil {
		o.DB = oauthtest.Database(t)
	}
	h := oauthtest.New(t, o)
	h.SignIn(t)
	return serve(t, h)
}

func serve(t testing.TB, h *oauthtest.Protocol) *endpoint {
	t.Helper()
	handler, err := token.New(h.Provider, h.Auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := url.Parse(oauthtest.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	d := &endpoint{Protocol: h, log: new(bytes.Buffer)}
	mux := web.NewMux(web.Options{
		Issuer: issuer, Log: slog.New(slog.NewJSONHandler(d.log, nil)), Origins: h.Registry.OriginAllowed,
	})
	handler.Mount(mux)
	d.handler = mux.Handler()
	return d
}

// post sends a form; a client that is not "" authenticates with its secret.
func (d *endpoint) post(path, client string, form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", oauthtest.Issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(oauthtest.Secret))
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

func body(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return m
}

// fails checks the whole of an error answer (RFC 6749 section 5.2).
func fails(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	m := body(t, w)
	if w.Code != status || m["error"] != code {
		t.Fatalf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Errorf("headers %v", w.Header())
	}
	description, _ := m["error_description"].(string)
	if !regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`).MatchString(description) {
		t.Errorf("error_description %q", description)
	}
	for name := range m {
		if name != "error" && name != "error_description" {
			t.Errorf("member %q in an error", name)
		}
	}
	if (status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
		t.Errorf("status %d with WWW-Authenticate %q", status, w.Header().Get("WWW-Authenticate"))
	}
}

func credentials() url.Values { return url.Values{"grant_type": {"client_credentials"}} }

func TestTokenResponse(t *testing.T) { // RFC 6749 section 5.1, decision 0002
	d := open(t, oauthtest.Options{})
	w := d.post("/oauth2/token", "shop", oauthtest.Exchange(d.Code(t, "shop", "openid api:read", nil)))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	order := regexp.MustCompile(
		`^\{"access_token":"[^"]+","token_type":"Bearer","expires_in":600,` +
			`"refresh_token":"[^"]+","id_token":"[^"]+","scope":"openid api:read"\}\n$`)
	if !order.Match(w.Body.Bytes()) {
		t.Errorf("body %s", w.Body)
	}
	w = d.post("/oauth2/token", "robot", credentials())
	m := body(t, w)
	if w.Code != 200 || m["scope"] != "api:read api:write" || m["expires_in"] != 600.0 || len(m) != 4 {
		t.Errorf("%d %v", w.Code, m)
	}
}

func TestUnknownGrantType(t *testing.T) { // decision 0002; RFC 6749 section 5.2
	d := open(t, oauthtest.Options{})
	fails(t, d.post("/oauth2/token", "shop", url.Values{"grant_type": {"urn:nope"}}), 400, "unsupported_grant_type")
	fails(t, d.post("/oauth2/token", "", url.Values{"grant_type": {"urn:nope"}}), 400, "unsupported_grant_type")
	fails(t, d.post("/oauth2/token", "shop", url.Values{"code": {"x"}}), 400, "invalid_request")
	fails(t, d.post("/oauth2/token", "shop", url.Values{}), 400, "invalid_request")
	fails(t, d.post("/oauth2/token", "shop", credentials()), 400, "unauthorized_client")
}

func TestA08_RepeatedParameters(t *testing.T) { // decision 0002; RFC 6749 section 3.2, A08
	d := open(t, oauthtest.Options{})
	form := oauthtest.Exchange(d.Code(t, "shop", "openid api:read", nil))
	for name := range form {
		twice := url.Values{}
		maps.Copy(twice, form)
		twice[name] = []string{form.Get(name), form.Get(name)}
		fails(t, d.post("/oauth2/token", "shop", twice), 400, "invalid_request")
	}
	form["resource"] = []string{oauthtest.API, oauthtest.Issuer} // this one may repeat (RFC 8707 section 2)
	if w := d.post("/oauth2/token", "shop", form); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestA09_A10_A11_OnlyFormsInTheBody(t *testing.T) { // decision 0002; rule A09, A10, A11
	d := open(t, oauthtest.Options{})
	form := credentials()
	media := func(s string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", s) }
	}
	for _, m := range []string{"multipart/form-data; boundary=x", "application/json", "text/plain", ""} {
		fails(t, d.post("/oauth2/token", "robot", form, media(m)), 400, "invalid_request")
	}
	fails(t, d.post("/oauth2/token?grant_type=client_credentials", "robot", form), 400, "invalid_request")
	fails(t, d.post("/oauth2/token", "robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"a\x00b"}}), 400, "invalid_request")
	fails(t, d.post("/oauth2/token", "robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"\xff"}}), 400, "invalid_request")
	long := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Repeat("x", 70_000)}}
	fails(t, d.post("/oauth2/token", "robot", long), 413, "invalid_request")
	r := httptest.NewRequest("GET", oauthtest.Issuer+"/oauth2/token", nil)
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if w.Code != 405 || w.Header().Get("Allow") == "" {
		t.Errorf("GET: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	utf8 := media("application/x-www-form-urlencoded; charset=UTF-8")
	if w := d.post("/oauth2/token", "robot", form, utf8); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestJ01_J02_ClientAuthenticationErrors(t *testing.T) { // decision 0002; RFC 6749 sections 2.3 and 5.2, J01, J02
	d := open(t, oauthtest.Options{})
	wrong := func(r *http.Request) { r.SetBasicAuth("robot", "wrong") }
	w := d.post("/oauth2/token", "", credentials(), wrong)
	fails(t, w, 401, "invalid_client")
	if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("WWW-Authenticate %q", w.Header().Get("WWW-Authenticate"))
	}
	unknown := d.post("/oauth2/token", "", credentials(), func(r *http.Request) { r.SetBasicAuth("nobody", "wrong") })
	if unknown.Code != w.Code || unknown.Body.String() != w.Body.String() || !reflect.DeepEqual(unknown.Header(), w.Header()) {
		t.Errorf("an unknown client is told from a wrong secret: %s, %s", unknown.Body, w.Body)
	}
	fails(t, d.post("/oauth2/token", "", credentials()), 401, "invalid_client")
	both := credentials()
	both.Set("client_secret", oauthtest.Secret)
	fails(t, d.post("/oauth2/token", "robot", both), 400, "invalid_request")
	differs := credentials()
	differs.Set("client_id", "shop")
	fails(t, d.post("/oauth2/token", "robot", differs), 400, "invalid_request")
	public := oauthtest.Exchange(d.Code(t, "spa", "openid", nil))
	public.Set("client_id", "spa")
	public.Set("client_secret", "x")
	fails(t, d.post("/oauth2/token", "", public), 401, "invalid_client")
	public.Del("client_secret")
	if w := d.post("/oauth2/token", "", public); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	posted := oauthtest.Exchange(d.Code(t, "post", "openid", nil))
	posted.Set("client_id", "post")
	posted.Set("client_secret", oauthtest.Secret)
	if w := d.post("/oauth2/token", "", posted); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestUnreachableDatabase(t *testing.T) { // rule A18: 503 with Retry-After, never invalid_client
	d := open(t, oauthtest.Options{})
	code := d.Code(t, "shop", "openid", nil)
	one := body(t, d.post("/oauth2/token", "shop", oauthtest.Exchange(d.Code(t, "shop", "openid", nil))))
	if err := d.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"code":          d.post("/oauth2/token", "shop", oauthtest.Exchange(code)),
		"refresh":       d.post("/oauth2/token", "shop", oauthtest.Refresh(one["refresh_token"].(string))),
		"introspection": d.post("/oauth2/introspect", "shop", url.Values{"token": {one["access_token"].(string)}}),
		"revocation":    d.post("/oauth2/revoke", "shop", url.Values{"token": {one["access_token"].(string)}}),
		"stored-client": d.post("/oauth2/token", "", credentials(), func(r *http.Request) { r.SetBasicAuth("stored", "x") }),
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, w, 503, "temporarily_unavailable")
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
	if w := d.post("/oauth2/token", "robot", credentials()); w.Code != 200 { // needs no database
		t.Errorf("client credentials: %d %s", w.Code, w.Body)
	}
}

func TestL03_IntrospectionEndpoint(t *testing.T) { // RFC 7662 section 2, decision 0002
	d := open(t, oauthtest.Options{})
	one := body(t, d.post("/oauth2/token", "shop", oauthtest.Exchange(d.Code(t, "shop", "openid api:read", nil))))
	access := one["access_token"].(string)
	ask := url.Values{"token": {access}, "token_type_hint": {"refresh_token"}} // a wrong hint does not matter
	w := d.post("/oauth2/introspect", "shop-api", ask)
	if m := body(t, w); w.Code != 200 || m["active"] != true || m["sub"] != oauthtest.Ada || m["client_id"] != "shop" ||
		m["token_type"] != "Bearer" || m["iss"] != oauthtest.Issuer || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := d.post("/oauth2/introspect", "other", ask); w.Code != 200 || w.Body.String() != "{\"active\":false}\n" {
		t.Errorf("a stranger: %d %s", w.Code, w.Body)
	}
	fails(t, d.post("/oauth2/introspect", "", ask), 401, "invalid_client")
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }
	fails(t, d.post("/oauth2/introspect", "", ask, bearer), 401, "invalid_client") // a token is no client
	fails(t, d.post("/oauth2/introspect", "", url.Values{"token": {access}, "client_id": {"spa"}}), 401, "invalid_client")
	fails(t, d.post("/oauth2/introspect", "shop", url.Values{}), 400, "invalid_request")
	fails(t, d.post("/oauth2/introspect?token="+access, "shop", url.Values{}), 400, "invalid_request")
}

func TestRevocationEndpoint(t *testing.T) { // RFC 7009 section 2, decision 0002
	d := open(t, oauthtest.Options{})
	one := body(t, d.post("/oauth2/token", "shop", oauthtest.Exchange(d.Code(t, "shop", "openid", nil))))
	for _, token := range []string{one["access_token"].(string), "garbage", one["refresh_token"].(string), one["refresh_token"].(string)} {
		w := d.post("/oauth2/revoke", "shop", url.Values{"token": {token}, "token_type_hint": {"nonsense"}})
		if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
		}
	}
	fails(t, d.post("/oauth2/revoke", "shop", url.Values{}), 400, "invalid_request") // fosite says 200
	fails(t, d.post("/oauth2/revoke", "", url.Values{"token": {"x"}}), 401, "invalid_client")
	fails(t, d.post("/oauth2/token", "shop", oauthtest.Refresh(one["refresh_token"].(string))), 400, "invalid_grant")
	public := url.Values{"token": {"x"}, "client_id": {"spa"}}
	if w := d.post("/oauth2/revoke", "", public); w.Code != 200 {
		t.Errorf("a public client: %d %s", w.Code, w.Body)
	}
}

func TestB10_B11_CORS(t *testing.T) { // decision 0002: browser apps read token and revocation, never introspection
	d := open(t, oauthtest.Options{})
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", origin) }
	}
	for path, want := range map[string]string{"/oauth2/token": "https://shop.test", "/oauth2/revoke": "https://shop.test",
		"/oauth2/introspect": ""} {
		w := d.post(path, "robot", credentials(), from("https://shop.test"))
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		w = d.post(path, "robot", credentials(), from("https://evil.test"))
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: %q for a stranger", path, got)
		}
	}
}

func TestParallelFirstRequests(t *testing.T) { // decision 0002: its own configuration races on the first requests (-race)
	d := open(t, oauthtest.Options{})
	var wg sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() { codes[i] = d.post("/oauth2/token", "robot", credentials()).Code })
	}
	wg.Wait()
	if slices.ContainsFunc(codes, func(c int) bool { return c != 200 }) {
		t.Errorf("got %v", codes)
	}
}

func TestT01_NothingSecretIsLogged(t *testing.T) { // rule T01, A14
	d := open(t, oauthtest.Options{})
	form := oauthtest.Exchange(d.Code(t, "shop", "openid", nil))
	wrong := oauthtest.Exchange(form.Get("code"))
	wrong.Set("code_verifier", strings.Repeat("w", 43))
	d.post("/oauth2/token", "shop", wrong)
	one := body(t, d.post("/oauth2/token", "shop", form))
	d.post("/oauth2/token", "shop", oauthtest.Refresh(one["refresh_token"].(string)+"x"))
	d.post("/oauth2/introspect", "shop", url.Values{"token": {one["access_token"].(string)}})
	d.post("/oauth2/token", "shop", form)
	for name, secret := range map[string]string{
		"code": form.Get("code"), "verifier": oauthtest.Verifier, "wrong verifier": strings.Repeat("w", 43), "secret": oauthtest.Secret,
		"access": one["access_token"].(string), "refresh": one["refresh_token"].(string), "id": one["id_token"].(string),
	} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log has the %s", name)
		}
	}
	if !strings.Contains(d.log.String(), `"client_id":"shop"`) || !strings.Contains(d.log.String(), `"grant_type":"authorization_code"`) {
		t.Errorf("log:\n%s", d.log)
	}
}

func TestStoredClientIsReadOnce(t *testing.T) { // decision 0001: client_credentials 0 reads, 0 writes once the client is cached
	d := open(t, oauthtest.Options{})
	m, err := d.Registry.Create(t.Context(),
		clients.Metadata{ClientName: "stored", GrantTypes: []string{"client_credentials"}, Scope: "api:read"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		ctx, stats := storage.WithStats(t.Context())
		r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(credentials().Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(m.ClientID, m.ClientSecret)
		c, err := d.Auth.Authenticate(ctx, r, credentials())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Provider.Token(ctx, oauth.TokenRequest{Client: c, Form: credentials()}); err != nil {
			t.Fatal(err)
		}
		if i > 0 && stats.Reads()+stats.Writes() > 0 {
			t.Errorf("request %d: %d reads, %d writes", i, stats.Reads(), stats.Writes())
		}
	}
}

func FuzzTokenForm(f *testing.F) { // rule A11: whatever is sent, never 500
	f.Add("grant_type=client_credentials&scope=api:read")
	f.Add("grant_type=authorization_code&code=x&code_verifier=y&redirect_uri=z")
	f.Add("grant_type=refresh_token&refresh_token=a.b.c&scope=%00")
	f.Add("grant_type=password&username=a&password=b&resource=x&resource=y")
	d := open(f, oauthtest.Options{})
	f.Fuzz(func(t *testing.T, form string) {
		for _, client := range []string{"shop", "robot", "legacy"} {
			r := httptest.NewRequest("POST", oauthtest.Issuer+"/oauth2/token", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(client, oauthtest.Secret)
			w := httptest.NewRecorder()
			d.handler.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	})
}
