package authorize_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/oauth/tokens"
	"signet/server/servertest"
)

const everyType = api + `
authorization: {response_types: [code, none, id_token, token id_token, id_token code, code token, code id_token token]}
`

// oldWorld offers every response type, and has an app that registered all of them.
func oldWorld(t *testing.T, opts ...servertest.Option) *world {
	t.Helper()
	s := servertest.New(t, append([]servertest.Option{servertest.HandlerOnly(), servertest.YAML(everyType)}, opts...)...)
	return &world{Server: s, ada: s.Person(t, "ada@example.com"), shop: s.App(t, "shop", func(m *clients.Metadata) {
		m.Scope += " api:read"
		m.GrantTypes = append(m.GrantTypes, clients.Implicit)
		m.ResponseTypes = clients.ResponseTypes
		m.RedirectURIs = []string{"https://shop.example/cb?z=1"}
	})}
}

// answered are the parameters where a browser landed: in the query or in the fragment.
func answered(t *testing.T, b *servertest.Browser) (mode string, params url.Values) {
	t.Helper()
	if b.Landed == nil {
		t.Fatalf("at %s, status %d: %s", b.URL, b.Status, b.Text("main"))
	}
	if b.Landed.Fragment == "" {
		return "query", b.Landed.Query()
	}
	if got := b.Landed.RawQuery; got != "z=1" && got != "z=1&a=%20x" {
		t.Errorf("the query of the redirect URI became %q", got)
	}
	params, err := url.ParseQuery(b.Landed.EscapedFragment())
	if err != nil {
		t.Fatal(err)
	}
	return "fragment", params
}

func TestResponseTypes_AnswerWithWhatTheyName(t *testing.T) { // OpenID Connect Core sections 3.2.2.5 and 3.3.2.5
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := oldWorld(t, engine)
		b := w.signedIn(t)
		for _, kind := range clients.ResponseTypes {
			t.Run(kind, func(t *testing.T) {
				words := strings.Fields(kind)
				mode, got := answered(t, b.Get(t, w.ask("response_type", kind)))
				want := "query"
				if clients.FromFront(kind) {
					want = "fragment"
				}
				if mode != want || got.Get("state") != "st at&e=1" || got.Get("iss") != w.URL || got.Has("refresh_token") || got.Has("error") {
					t.Fatalf("%s: %v", mode, got)
				}
				for _, p := range [][2]string{{"code", "code"}, {"token", "access_token"}, {"id_token", "id_token"}} {
					if got.Has(p[1]) != clients.Answers(kind, p[0]) {
						t.Errorf("%s for %q: %t", p[1], words, got.Has(p[1]))
					}
				}
				if got.Has("access_token") {
					if got.Get("token_type") != "Bearer" || got.Get("expires_in") != "600" || got.Get("scope") != "openid profile" {
						t.Errorf("beside the access token: %v", got)
					}
					if told := w.shop.Userinfo(t, got.Get("access_token")); told["sub"] != w.ada.ID {
						t.Errorf("userinfo: %v", told)
					}
				}
				if got.Has("id_token") {
					w.identity(t, kind, got)
				}
				if got.Has("code") {
					status, answer := w.shop.Post(t, "/oauth2/token",
						url.Values{"grant_type": {"authorization_code"}, "code": {got.Get("code")}, "redirect_uri": {w.shop.RedirectURIs[0]}})
					if status != http.StatusOK || answer["refresh_token"] == nil || answer["id_token"] == nil {
						t.Errorf("exchange: %d %v", status, answer)
					}
				}
			})
		}
	})
}

// identity judges an ID token from the authorization endpoint (OpenID Connect Core sections 3.2.2.9 to 3.2.2.11, 3.3.2.10 and 3.3.2.11).
func (w *world) identity(t *testing.T, kind string, got url.Values) {
	t.Helper()
	id := w.shop.IDToken(t, got.Get("id_token"))
	var c struct {
		Code   string `json:"c_hash"`
		Access string `json:"at_hash"`
		Name   string `json:"name"`
		SID    string `json:"sid"`
	}
	if err := id.Claims(&c); err != nil {
		t.Fatal(err)
	}
	hash := func(name string) string {
		if got.Get(name) == "" {
			return ""
		}
		return tokens.Hash("RS256", got.Get(name))
	}
	if id.Subject != w.ada.ID || id.Nonce != "n" || c.SID == "" || c.Code != hash("code") || c.Access != hash("access_token") {
		t.Errorf("%+v, nonce %q, sub %q", c, id.Nonce, id.Subject)
	}
	if (c.Name != "") != (kind == "id_token") { // section 5.4: who gets no access token cannot ask userinfo
		t.Errorf("name is %q", c.Name)
	}
}

func TestResponseTypes_ErrorsGoWhereTheAnswerWould(t *testing.T) { // Multiple Response Type Encoding Practices section 5
	w := oldWorld(t)
	b := w.signedIn(t)
	for name, tt := range map[string]struct {
		ask        []string
		mode, code string
	}{
		"no response type":             {[]string{"response_type", ""}, "query", "invalid_request"},
		"made up":                      {[]string{"response_type", "banana"}, "query", "unsupported_response_type"},
		"token alone":                  {[]string{"response_type", "token"}, "fragment", "unsupported_response_type"},
		"one word twice":               {[]string{"response_type", "code code"}, "query", "unsupported_response_type"},
		"code and none":                {[]string{"response_type", "code none"}, "query", "unsupported_response_type"},
		"tokens in the query":          {[]string{"response_type", "code id_token", "response_mode", "query"}, "fragment", "invalid_request"},
		"unknown mode":                 {[]string{"response_type", "id_token", "response_mode", "web_message"}, "fragment", "invalid_request"},
		"code in the fragment, prompt": {[]string{"response_mode", "fragment", "prompt", "dance"}, "fragment", "invalid_request"},
		"no nonce":                     {[]string{"response_type", "id_token", "nonce", ""}, "fragment", "invalid_request"},
		"hybrid without nonce":         {[]string{"response_type", "code id_token token", "nonce", ""}, "fragment", "invalid_request"},
		"no openid":                    {[]string{"response_type", "id_token token", "scope", "api:read"}, "fragment", "invalid_request"},
		"prompt none and login":        {[]string{"response_type", "code token", "prompt", "none login"}, "fragment", "invalid_request"},
	} {
		mode, got := answered(t, b.Get(t, w.ask(tt.ask...)))
		if mode != tt.mode || got.Get("error") != tt.code || got.Get("state") != "st at&e=1" || got.Has("code") || got.Has("access_token") {
			t.Errorf("%s: %s %v", name, mode, got)
		}
	}
	for _, kind := range clients.ResponseTypes { // nobody is signed in
		want := "query"
		if clients.FromFront(kind) {
			want = "fragment"
		}
		if mode, got := answered(t, w.Browser(t).Get(t, w.ask("response_type", kind, "prompt", "none"))); mode != want ||
			got.Get("error") != "login_required" {
			t.Errorf("%s: %s %v", kind, mode, got)
		}
	}
}

func TestResponseTypes_WordsInAnyOrderAndFormPost(t *testing.T) { // RFC 6749 section 3.1.1, OAuth 2.0 Form Post Response Mode
	w := oldWorld(t)
	b := w.signedIn(t)
	if mode, got := answered(t, b.Get(t, w.ask("response_type", "token  id_token code"))); mode != "fragment" || !got.Has("code") ||
		!got.Has("id_token") || !got.Has("access_token") {
		t.Errorf("%s %v", mode, got)
	}
	if mode, got := answered(t, b.Get(t, w.ask("response_mode", "fragment"))); mode != "fragment" || !got.Has("code") {
		t.Errorf("%s %v", mode, got)
	}
	for _, kind := range clients.ResponseTypes {
		page := b.Get(t, w.ask("response_type", kind, "response_mode", "form_post"))
		if page.Landed != nil || page.Status != http.StatusOK ||
			clients.Answers(kind, "id_token") != strings.Contains(page.Body, `name="id_token"`) {
			t.Errorf("%s: %d, landed at %v", kind, page.Status, page.Landed)
		}
	}
}

func TestResponseTypes_OffUnlessServerAndClientSaySo(t *testing.T) {
	w := newWorld(t)
	b := w.signedIn(t)
	if mode, got := answered(t, b.Get(t, w.ask("response_type", "code id_token"))); mode != "fragment" ||
		got.Get("error") != "unsupported_response_type" {
		t.Errorf("by default: %s %v", mode, got)
	}
	w = oldWorld(t)
	w.App(t, "plain", func(m *clients.Metadata) { m.RedirectURIs = w.shop.RedirectURIs })
	b = w.signedIn(t)
	if mode, got := answered(t, b.Get(t, w.ask("client_id", "plain", "response_type", "id_token"))); mode != "fragment" ||
		got.Get("error") != "unauthorized_client" {
		t.Errorf("a client that did not register it: %s %v", mode, got)
	}
}

// A token from the authorization endpoint dies with the session it came of; no grant is left of response type none.
func TestResponseTypes_FrontTokensDieWithTheSession(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := oldWorld(t, engine)
		b := w.signedIn(t)
		_, got := answered(t, b.Get(t, w.ask("response_type", "id_token token")))
		w.shop.Userinfo(t, got.Get("access_token"))
		status, answer := w.shop.Post(t, "/oauth2/introspect", url.Values{"token": {got.Get("access_token")}})
		if status != http.StatusOK || answer["active"] != true {
			t.Fatalf("%d %v", status, answer)
		}
		b.Get(t, "/oauth2/logout").Submit(t, "logout-confirm", nil)
		if _, answer = w.shop.Post(t, "/oauth2/introspect", url.Values{"token": {got.Get("access_token")}}); answer["active"] != false {
			t.Errorf("after sign-out: %v", answer)
		}
	})
}

// Back and a second tab get tokens of their own, as often as any answer may be had.
func TestResponseTypes_ASecondAnswerIsGood(t *testing.T) {
	w := oldWorld(t)
	b := w.signedIn(t)
	b.Get(t, w.ask("response_type", "code id_token token", "prompt", "consent"))
	again := b.Interaction(t)
	_, first := answered(t, b.Allow(t))
	_, second := answered(t, b.Get(t, "/oauth2/continue?i="+again))
	if first.Get("code") == second.Get("code") || second.Get("access_token") == "" {
		t.Fatalf("%v %v", first, second)
	}
	w.shop.Userinfo(t, second.Get("access_token"))
	form := url.Values{"grant_type": {"authorization_code"}, "code": {first.Get("code")}, "redirect_uri": {w.shop.RedirectURIs[0]}}
	if status, _ := w.shop.Post(t, "/oauth2/token", form); status != http.StatusBadRequest {
		t.Errorf("the code of the first answer: %d", status)
	}
	form.Set("code", second.Get("code"))
	if status, answer := w.shop.Post(t, "/oauth2/token", form); status != http.StatusOK {
		t.Errorf("the code of the second answer: %d %v", status, answer)
	}
}

// An answer that is longer than addresses may be does not go into one; by a form it does.
func TestResponseTypes_LongAnswersGoByAForm(t *testing.T) {
	w := oldWorld(t)
	groups := w.App(t, "many", func(m *clients.Metadata) {
		m.Scope, m.FirstParty, m.RedirectURIs = "openid groups", true, w.shop.RedirectURIs
		m.GrantTypes, m.ResponseTypes = append(m.GrantTypes, clients.Implicit), clients.ResponseTypes
	})
	for i := range 120 {
		name := fmt.Sprintf("group-of-a-name-that-is-rather-long-%03d", i)
		err := w.Services().Members.CreateGroup(t.Context(), name, "")
		if err == nil {
			_, err = w.Services().Members.Add(t.Context(), name, w.ada.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b := w.Browser(t)
	b.Get(t, "/signin").SignIn(t, w.ada)
	ask := func(kind, mode string) *servertest.Browser {
		return b.Get(t, w.ask("client_id", groups.ClientID, "scope", "openid groups", "response_type", kind, "response_mode", mode))
	}
	for _, mode := range []string{"", "fragment", "jwt"} {
		way, got := answered(t, ask("id_token", mode))
		if way != "fragment" || got.Has("id_token") || mode != "jwt" && got.Get("error") != "invalid_request" ||
			len(b.Landed.String()) > 4<<10 {
			t.Errorf("%q: %s, %d bytes, %v", mode, way, len(b.Landed.String()), got.Get("error"))
		}
	}
	form := ask("id_token", "form_post").FormWith("id_token")
	if form == nil || len(form.Fields.Get("id_token")) < 4<<10 {
		t.Errorf("by a form: %d %s", b.Status, b.Text("main"))
	}
	if _, got := answered(t, ask("code", "")); got.Get("code") == "" {
		t.Errorf("a code alone: %v", got)
	}
}
