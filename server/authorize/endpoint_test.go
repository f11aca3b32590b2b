package authorize_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
)

const api = `
resources:
  - {identifier: "https://api.example.com/", name: Shop API, scopes: [api:read, api:write]}
`

// world is a server without sockets, one person, and the app shop, which may ask for the API as well.
type world struct {
	*servertest.Server
	ada  servertest.Person
	shop *servertest.App
}

func newWorld(t *testing.T, opts ...servertest.Option) *world {
	t.Helper()
	s := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.YAML(api)}, opts...)...)
	return &world{Server: s, ada: s.Person(t, "ada@example.com"), shop: s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope += " api:read api:write"
		m.RedirectURIs = []string{"https://shop.example/cb?z=1&a=%20x"}
	})}
}

// ask is a plain authorization request of the shop, changed by pairs of name and value ("" removes).
func (w *world) ask(pairs ...string) string {
	q := url.Values{"client_id": {"shop"}, "redirect_uri": {w.shop.RedirectURIs[0]}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"st at&e=1"}, "nonce": {"n"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return "/oauth2/authorize?" + q.Encode()
}

// signedIn is a browser in which Ada is signed in and has allowed the shop all it asks for.
func (w *world) signedIn(t *testing.T) *servertest.Browser {
	t.Helper()
	b := w.Browser(t)
	w.shop.Login(t, b, w.ada)
	return b
}

func TestH01_NoRedirectToAnAddressThatIsNotRegistered(t *testing.T) { // RFC 6749 section 4.1.2.1, RFC 9700 section 2.1
	w := newWorld(t)
	good := w.shop.RedirectURIs[0]
	for name, bad := range map[string]string{
		"other host": "https://evil.example/cb?z=1&a=%20x", "other case": "https://shop.example/CB?z=1&a=%20x",
		"slash":    "https://shop.example/cb/?z=1&a=%20x",
		"no query": "https://shop.example/cb", "more query": good + "&b=2", "other order": "https://shop.example/cb?a=%20x&z=1",
		"user name": "https://x@shop.example/cb?z=1&a=%20x",
		"fragment":  good + "#f", "decoded": "https://shop.example/cb?z=1&a= x", "port": "https://shop.example:443/cb?z=1&a=%20x",
		"dots":   "https://shop.example/x/../cb?z=1&a=%20x",
		"script": "javascript:alert(1)", "none": "", "backslash": `https://shop.example\@evil.example/cb`,
	} {
		b := w.Browser(t).Get(t, w.ask("redirect_uri", bad))
		if b.Landed != nil || b.Status != http.StatusBadRequest {
			t.Errorf("%s: %d, landed at %v", name, b.Status, b.Landed)
		}
		if strings.Contains(b.Body, `href="https://evil`) || strings.Contains(b.Body, `href="javascript`) {
			t.Errorf("%s: the page links there", name)
		}
	}
	for name, id := range map[string]string{"unknown client": "nobody", "no client": "", "odd client": "\x00'\"<xss>"} {
		if b := w.Browser(t).Get(t, w.ask("client_id", id)); b.Landed != nil || b.Status != http.StatusBadRequest ||
			strings.Contains(b.Body, "<xss>") {
			t.Errorf("%s: %d, landed at %v", name, b.Status, b.Landed)
		}
	}
	if err := w.Services().Clients.SetDisabled(t.Context(), "shop", true); err != nil {
		t.Fatal(err)
	}
	if b := w.Browser(t).Get(t, w.ask()); b.Landed != nil || b.Status != http.StatusBadRequest {
		t.Errorf("disabled client: %d, landed at %v", b.Status, b.Landed)
	}
}

func TestH12_E7_ErrorsCarryIssAndState(t *testing.T) { // RFC 6749 section 4.1.2.1, RFC 9207 section 2
	w := newWorld(t)
	tests := map[string]struct {
		pairs []string
		code  string
	}{
		"no response_type":      {[]string{"response_type", ""}, "invalid_request"},
		"token":                 {[]string{"response_type", "token"}, "unsupported_response_type"},
		"hybrid":                {[]string{"response_type", "code id_token"}, "unsupported_response_type"},
		"unknown mode":          {[]string{"response_mode", "web_message"}, "invalid_request"},
		"plain PKCE":            {[]string{"code_challenge", strings.Repeat("a", 43)}, "invalid_request"},
		"short challenge":       {[]string{"code_challenge", "short", "code_challenge_method", "S256"}, "invalid_request"},
		"method alone":          {[]string{"code_challenge_method", "S256"}, "invalid_request"},
		"unknown prompt":        {[]string{"prompt", "sometimes"}, "invalid_request"},
		"none and create":       {[]string{"prompt", "none create"}, "invalid_request"},
		"none and login":        {[]string{"prompt", "none login"}, "invalid_request"},
		"max_age not a number":  {[]string{"max_age", "soon"}, "invalid_request"},
		"max_age negative":      {[]string{"max_age", "-1"}, "invalid_request"},
		"max_age too large":     {[]string{"max_age", "99999999999999999999"}, "invalid_request"},
		"request object":        {[]string{"request", "e30.e30."}, "invalid_request_object"},
		"request_uri":           {[]string{"request_uri", "https://shop.example/r"}, "invalid_request_uri"},
		"registration":          {[]string{"registration", "{}"}, "registration_not_supported"},
		"claims not JSON":       {[]string{"claims", "{"}, "invalid_request"},
		"unknown scopes only":   {[]string{"scope", "nope *"}, "invalid_scope"},
		"unknown resource":      {[]string{"resource", "https://other.example.com"}, "invalid_target"},
		"garbage id_token_hint": {[]string{"id_token_hint", "e30.e30.e30"}, "invalid_request"},
		"nonce too long":        {[]string{"nonce", strings.Repeat("n", 513)}, "invalid_request"},
		"nobody, prompt none":   {[]string{"prompt", "none"}, "login_required"},
		"control characters":    {[]string{"login_hint", "a\x00b"}, "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := w.Browser(t).Get(t, w.ask(tt.pairs...))
			if b.Landed == nil {
				t.Fatalf("stayed at %s (%d): %s", b.URL.Path, b.Status, b.Text("main"))
			}
			q, mark := b.Landed.Query(), "&error="
			if len(tt.pairs) == 2 && tt.pairs[0] == "response_type" && strings.Contains(tt.pairs[1], "token") { // a token was asked for
				_, q = answered(t, b)
				mark = "#error="
			}
			if q.Get("error") != tt.code || q.Get("state") != "st at&e=1" || q.Get("iss") != w.URL || q.Has("code") {
				t.Errorf("answer %v", q)
			}
			for _, c := range q.Get("error_description") {
				if c < ' ' || c > '~' || c == '"' || c == '\\' {
					t.Errorf("description has %q", c)
				}
			}
			if !strings.HasPrefix(b.Landed.String(), w.shop.RedirectURIs[0]+mark) {
				t.Errorf("A10: the registered query was touched: %s", b.Landed)
			}
		})
	}
}

func TestA08_RepeatedParametersAreRefused(t *testing.T) { // RFC 6749 section 3.1
	w := newWorld(t)
	for _, name := range []string{"client_id", "redirect_uri", "state"} {
		if b := w.Browser(t).Get(t, w.ask()+"&"+name+"=x"); b.Landed != nil || b.Status != http.StatusBadRequest {
			t.Errorf("%s twice: %d, landed at %v", name, b.Status, b.Landed)
		}
	}
	for _, name := range []string{"scope", "nonce", "response_type", "unknown"} {
		b := w.Browser(t).Get(t, w.ask()+"&"+name+"=x&"+name+"=x")
		if b.Landed == nil || b.Landed.Query().Get("error") != "invalid_request" {
			t.Errorf("%s twice: %d, landed at %v", name, b.Status, b.Landed)
		}
	}
	if b := w.Browser(t).Get(t,
		w.ask("scope", "openid api:read")+"&resource=https://api.example.com&resource="+url.QueryEscape(w.URL)); !b.Has("login-submit") {
		t.Errorf("two resources (RFC 8707 section 2): %d, landed at %v", b.Status, b.Landed)
	}
}

func TestStateIsOptional(t *testing.T) { // RFC 6749 section 4.1.1
	w := newWorld(t)
	b := w.signedIn(t).Get(t, w.ask("state", "", "nonce", ""))
	if b.Landed == nil || b.Landed.Query().Get("code") == "" || b.Landed.Query().Has("state") {
		t.Fatalf("landed at %v", b.Landed)
	}
	if b.Landed.Query().Has("scope") {
		t.Error("A10: scope in the answer")
	}
}

func TestUnknownScopesAndParametersAreIgnored(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	b := w.signedIn(t).Get(t,
		w.ask("scope", "openid nope admin", "unknown", "x", "display", "popup", "ui_locales", "se de", "acr_values", "1 2", "claims_locales",
			"se"))
	if b.Landed == nil || b.Landed.Query().Get("code") == "" {
		t.Fatalf("%d at %v: %s", b.Status, b.URL, b.Text("main"))
	}
}

func TestPromptsAndAge(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.signedIn(t)
		time.Sleep(time.Hour)
		step := func(button string, pairs ...string) *servertest.Browser {
			t.Helper()
			b.Get(t, w.ask(pairs...))
			switch {
			case button == "" && b.Landed == nil:
				t.Errorf("%v: asked at %s", pairs, b.URL.Path)
			case button != "" && (b.Landed != nil || !b.Has(button)):
				t.Errorf("%v: no %s, landed at %v", pairs, button, b.Landed)
			}
			return b
		}
		lands := func(b *servertest.Browser) {
			t.Helper()
			if b.Landed == nil || b.Landed.Query().Get("code") == "" {
				t.Errorf("no code: %d at %s, %v", b.Status, b.URL.Path, b.Landed)
			}
		}
		lands(step(""))
		lands(step("", "prompt", "none"))
		lands(step("", "max_age", "3600"))
		step("login-submit", "max_age", "3599")
		step("consent-allow", "prompt", "consent")
		b.Submit(t, "consent-allow", nil)
		lands(b)
		step("choose-continue", "prompt", "select_account")
		b.Submit(t, "choose-continue", nil)
		lands(b)
		step("choose-continue", "prompt", "select_account")
		b.Submit(t, "choose-other", nil)
		if !b.Has("login-submit") {
			t.Errorf("another account: at %s", b.URL.Path)
		}
		step("login-submit", "prompt", "login")
		b.SignIn(t, w.ada)
		lands(b)
		step("login-submit", "max_age", "0") // A7: 0 is now, though the sign-in is no second old
		time.Sleep(5 * time.Minute)          // taking one's time does not ask again and again
		b.SignIn(t, w.ada)
		lands(b)
	})
}

func TestH16_IDTokenHint(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	b := w.Browser(t)
	hint := w.shop.Login(t, b, w.ada).Extra("id_token").(string)
	if b.Get(t, w.ask("prompt", "none", "id_token_hint", hint)); b.Landed == nil || b.Landed.Query().Get("code") == "" {
		t.Errorf("the same person: %v", b.Landed)
	}
	bob := w.Person(t, "bob@example.com")
	other := w.Browser(t)
	w.shop.Login(t, other, bob)
	if other.Get(t, w.ask("prompt", "none", "id_token_hint", hint)); other.Landed == nil ||
		other.Landed.Query().Get("error") != "login_required" {
		t.Errorf("another person: %v", other.Landed)
	}
	other.Get(t, w.ask("id_token_hint", hint))
	if other.SignIn(t, bob); other.Landed == nil || other.Landed.Query().Get("error") != "login_required" {
		t.Errorf("another person signs in all the same: %v at %s", other.Landed, other.URL)
	}
	w.App(t, "rival")
	if b.Get(t, strings.Replace(w.ask("id_token_hint", hint, "redirect_uri", "https://rival.example/cb"), "client_id=shop",
		"client_id=rival", 1)); b.Landed == nil || b.Landed.Query().Get("error") != "invalid_request" {
		t.Errorf("a hint of another client: %v", b.Landed)
	}
}

func TestC04_PostFromAnotherSite(t *testing.T) { // OpenID Connect Core section 3.1.2.1
	w := newWorld(t)
	b := w.signedIn(t)
	_, query, _ := strings.Cut(w.ask(), "?")
	form, _ := url.ParseQuery(query)
	if b.PostFrom(t, "https://shop.example", "/oauth2/authorize", form); b.Landed == nil || b.Landed.Query().Get("code") == "" {
		t.Errorf("%d at %s, landed %v", b.Status, b.URL, b.Landed)
	}
	form.Set("state", strings.Repeat("s", 8<<10))
	if b.PostFrom(t, "https://shop.example", "/oauth2/authorize", form); b.Status >= 500 || b.Landed != nil {
		t.Errorf("too large: %d", b.Status)
	}
	form.Set("state", "x")
	if b.PostFrom(t, "https://shop.example", "/oauth2/authorize?state=y", form); b.Landed != nil || b.Status != http.StatusBadRequest {
		t.Errorf("state in URL and body: %d, landed %v", b.Status, b.Landed)
	}
}

func TestFormPostAnswer(t *testing.T) { // OAuth 2.0 Form Post Response Mode; B02
	w := newWorld(t)
	b := w.signedIn(t).Get(t, w.ask("response_mode", "form_post"))
	form := b.FormWith("code")
	if form == nil || form.Action != w.shop.RedirectURIs[0] || form.Fields.Get("iss") != w.URL || form.Fields.Get("state") != "st at&e=1" {
		t.Fatalf("form %+v: %s", form, b.Body)
	}
	if strings.Contains(b.URL.String(), form.Fields.Get("code")) || b.Header.Get("Cache-Control") != "no-store" {
		t.Error("the code is in the URL, or the page is cached")
	}
	b.Get(t, w.ask("response_mode", "form_post", "scope", "nope"))
	if form = b.FormWith("error"); form == nil || form.Fields.Get("error") != "invalid_scope" {
		t.Errorf("error form %+v", form)
	}
}

func TestC06_InteractionOfAnotherBrowser(t *testing.T) {
	servertest.Engines(t, anothersInteraction)
}

func anothersInteraction(t *testing.T, engine servertest.Option) {
	w := newWorld(t, engine)
	victim := w.Browser(t).Get(t, w.ask())
	stranger := w.signedIn(t)
	for path, status := range map[string]int{
		"/oauth2/continue": http.StatusBadRequest, "/consent": http.StatusBadRequest, "/oauth2/return": http.StatusBadRequest,
		"/choose": http.StatusOK, // among the stranger's own accounts
	} {
		stranger.Get(t, path+"?i="+victim.URL.Query().Get("i"))
		if stranger.Landed != nil || stranger.Status != status || strings.Contains(stranger.Body, "Shop") {
			t.Errorf("%s: %d, landed %v", path, stranger.Status, stranger.Landed)
		}
	}
}

func TestC01_FormsOfOtherSitesChangeNothing(t *testing.T) {
	w := newWorld(t)
	b := w.Browser(t).Get(t, w.ask("scope", "openid api:write"))
	b.SignIn(t, w.ada)
	for path, form := range map[string]url.Values{
		b.URL.RequestURI():                          {"decision": {"allow"}, "scope": {"api:write"}},
		"/choose?i=" + b.URL.Query().Get("i"):       {"decision": {"continue"}},
		"/oauth2/logout/confirm":                    {"decision": {"sign-out"}},
		"/account/apps":                             {"app": {"shop"}},
		"/signin?i=" + b.URL.Query().Get("i") + "&": {"username": {"x"}, "password": {"y"}},
	} {
		tab := b.Tab(t)
		if tab.PostFrom(t, "https://evil.example", path, form); tab.Status != http.StatusForbidden {
			t.Errorf("%s: %d", path, tab.Status)
		}
	}
	if list, err := w.Services().DB.ConsentsOfUser(t.Context(), w.ada.ID, "", 10); err != nil || len(list) != 0 {
		t.Errorf("consents %v %v", list, err)
	}
}

func TestI02_AskedOnlyForWhatIsNew(t *testing.T) {
	w := newWorld(t)
	b := w.Browser(t)
	narrow := w.shop.With("openid", "profile", "api:read", "api:write", "offline_access")
	r := narrow.Begin(t, b)
	b.SignIn(t, w.ada)
	form := b.FormWith("consent-allow")
	if len(form.Boxes) != 3 || len(form.Fields["scope"]) != 3 {
		t.Fatalf("boxes %v, ticked %v", form.Boxes, form.Fields["scope"])
	}
	b.Submit(t, "consent-allow", url.Values{"scope": {"api:read", "admin", "email"}}) // I04: what was not offered does not count
	token := r.Exchange(t, r.Code(t, b))
	if got := token.Extra("scope"); got != "openid profile api:read" {
		t.Errorf("granted %q", got)
	}
	if narrow.Begin(t, b); b.Landed == nil {
		t.Error("asked again for what was left out")
	}
	more := w.shop.With("openid", "email", "api:write")
	more.Begin(t, b)
	if b.Landed != nil {
		t.Fatal("e-mail was given without asking")
	}
	if form := b.FormWith("consent-allow"); len(form.Boxes) != 1 || form.Fields.Has("scope") {
		t.Errorf("boxes %v, ticked %v", form.Boxes, form.Fields["scope"])
	}
	r = more.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
	b.Submit(t, "consent-allow", url.Values{"scope": {"api:write"}})
	if got := r.Exchange(t, r.Code(t, b)).Extra("scope"); got != "openid email api:write" {
		t.Errorf("granted %q", got)
	}
	r = narrow.Begin(t, b)
	if got := r.Exchange(t, r.Code(t, b)).Extra("scope"); got != "openid profile api:read api:write" {
		t.Errorf("what was granted before was lost: %q", got)
	}
}

func TestI03_FirstPartySkipsTheQuestion(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(t)
	own := w.App(t, "own", func(m *clients.Metadata) { m.FirstParty = true })
	if own.Begin(t, b); b.Landed == nil {
		t.Errorf("asked at %s", b.URL.Path)
	}
	native := w.App(t, "cli", servertest.Public, func(m *clients.Metadata) {
		m.FirstParty, m.ApplicationType, m.RedirectURIs = true, clients.Native, []string{"http://127.0.0.1/cb"}
	})
	if native.Begin(t, b); b.Landed != nil {
		t.Error("a public app on loopback was let in without a click (RFC 8252 section 8.6)")
	}
}

func TestLoopbackPortOfNativeApps(t *testing.T) { // RFC 8252 section 7.3
	w := newWorld(t)
	w.App(t, "cli", servertest.Public, func(m *clients.Metadata) {
		m.ApplicationType, m.RedirectURIs = clients.Native, []string{"http://localhost/cb", "http://[::1]/cb"}
	})
	for address, ok := range map[string]bool{"http://localhost:5123/cb": true, "http://[::1]:9/cb": true, "http://127.0.0.1:5123/cb": false,
		"https://localhost:1/cb": false, "http://localhost:1/c%62": false, "http://localhost:1@evil.example/cb": false} {
		b := w.Browser(t).Get(t,
			"/oauth2/authorize?"+url.Values{"client_id": {"cli"}, "redirect_uri": {address}, "response_type": {"code"}, "scope": {"openid"},
				"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}.Encode())
		if b.Has("login-submit") != ok {
			t.Errorf("%s: %d at %s", address, b.Status, b.URL.Path)
		}
	}
}
