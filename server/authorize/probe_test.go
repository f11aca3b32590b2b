package authorize_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// silently is what an app gets without a page: the error with its text, or that there is a code.
func silently(t *testing.T, b *servertest.Browser) string {
	t.Helper()
	_, got := answered(t, b)
	if got.Get("code") != "" {
		return "code"
	}
	return got.Get("error") + ": " + got.Get("error_description")
}

// TestI05_PromptNoneTellsNothingOfStrangers: an app that somebody has not agreed to learns by prompt=none that somebody is signed in, and
// nothing else, whatever it guesses: not who, who else is signed in in the browser, how, or how long ago (RFC 9700 section 4.11.2,
// OpenID Connect Core section 3.1.2.6).
func TestI05_PromptNoneTellsNothingOfStrangers(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b, bob := w.both(t) // Ada is in view, Bob behind her
		w.AddAuthenticator(t, bob)
		eve := w.Person(t, "eve@example.com")
		w.App(t, "nosy", func(m *clients.Metadata) { m.RedirectURIs = w.shop.RedirectURIs })
		ask := func(pairs ...string) string {
			return silently(t, b.Get(t, w.ask(append([]string{"client_id", "nosy", "scope", "openid email", "prompt", "none"}, pairs...)...)))
		}
		sub := func(id string) string { return `{"id_token":{"sub":{"value":"` + id + `"}}}` }
		nobody := ask("claims", sub("nobody-at-all"))
		if !strings.HasPrefix(nobody, "login_required: ") {
			t.Errorf("a made-up person: %s", nobody)
		}
		for name, p := range map[string]servertest.Person{"in view": w.ada, "behind": bob, "elsewhere": eve} {
			if got := ask("claims", sub(p.ID)); got != nobody {
				t.Errorf("sub of somebody %s: %s", name, got)
			}
			two := `{"id_token":{"sub":{"values":["x","` + p.ID + `"]}}}`
			if got := ask("claims", two); got != nobody {
				t.Errorf("one of two subs, of somebody %s: %s", name, got)
			}
		}
		plain := ask()
		if !strings.HasPrefix(plain, "consent_required: ") {
			t.Errorf("without a hint: %s", plain)
		}
		for name, pairs := range map[string][]string{
			"the address in view": {"login_hint", w.ada.Email}, "the address behind": {"login_hint", bob.Email},
			"an address elsewhere": {"login_hint", eve.Email}, "nobody's address": {"login_hint", "nobody@example.com"},
			"how long ago": {"max_age", "1"}, "just now": {"max_age", "0"},
			"whether she has a second factor": {"acr_values", "2"}, "how, as a wish": {"acr_values", "phr"},
			"how":                        {"claims", `{"id_token":{"acr":{"essential":true,"value":"2"}}}`},
			"how, of the address behind": {"login_hint", bob.Email, "claims", `{"id_token":{"acr":{"essential":true,"value":"2"}}}`},
			"nothing but that":           {"response_mode", "fragment"},
		} {
			if got := ask(pairs...); got != plain {
				t.Errorf("%s: %s, without it %s", name, got, plain)
			}
		}
		// whom Ada agreed to is told of Ada as ever, and of Bob no more than of nobody
		shop := func(pairs ...string) string {
			return silently(t, b.Get(t, w.ask(append([]string{"prompt", "none"}, pairs...)...)))
		}
		w.shop.Login(t, b, w.ada)
		for _, hint := range []string{"", w.ada.Email, bob.Email, eve.Email, "nobody@example.com"} {
			if got := shop("login_hint", hint); got != "code" {
				t.Errorf("login_hint %q: %s", hint, got)
			}
		}
		if got := shop("claims", sub(w.ada.ID)); got != "code" {
			t.Errorf("sub of Ada: %s", got)
		}
		if one, other := shop("claims", sub(bob.ID)), shop("claims", sub(eve.ID)); one != other || one != nobody {
			t.Errorf("sub of Bob: %s; of Eve: %s", one, other)
		}
	})
}

// TestResponseTypes_NoneTellsNoMoreThanOthers: the type none is asked for like every other, so that nobody finds out by it what people
// agreed to (OAuth 2.0 Multiple Response Type Encoding Practices section 4).
func TestResponseTypes_NoneTellsNoMoreThanOthers(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := oldWorld(t, engine)
		b := w.Browser(t).Get(t, "/signin").SignIn(t, w.ada)
		silent := func() string { return silently(t, b.Get(t, w.ask("response_type", "none", "prompt", "none"))) }
		if got := silent(); !strings.HasPrefix(got, "consent_required: ") {
			t.Errorf("before the person agreed: %s", got)
		}
		if b.Get(t, w.ask("response_type", "none")); b.Landed != nil || !b.Has("consent-allow") {
			t.Fatalf("nobody was asked: %v", b.Landed)
		}
		if _, got := answered(t, b.Deny(t)); got.Get("error") != "access_denied" {
			t.Errorf("refused: %v", got)
		}
		if got := silent(); !strings.HasPrefix(got, "consent_required: ") {
			t.Errorf("after the person refused: %s", got)
		}
		_, got := answered(t, b.Get(t, w.ask("response_type", "none")).Allow(t))
		if len(got) != 3 && len(got) != 4 || got.Get("state") != "st at&e=1" || got.Get("iss") != w.URL { // with the redirect URI's own
			t.Errorf("allowed: %v", got)
		}
		if grants := w.liveGrants(t); grants != 0 {
			t.Errorf("%d grants", grants)
		}
	})
}

// answerAt is an answer wherever it came: in the query, the fragment, a form, or signed in one of them.
func (w *world) answerAt(t *testing.T, b *servertest.Browser) (way string, got url.Values) {
	t.Helper()
	if form := b.FormWith("iss"); b.Landed == nil && form != nil {
		way, got = "form_post", form.Fields
	} else if form := b.FormWith("response"); b.Landed == nil && form != nil {
		way, got = "form_post", form.Fields
	} else {
		way, got = answered(t, b)
	}
	if got.Has("response") {
		all := url.Values{}
		for name, value := range w.opened(t, got, "RS256", "shop") {
			if text, ok := value.(string); ok {
				all.Set(name, text)
			}
		}
		return way + ".jwt", all
	}
	return way, got
}

// TestResponseTypes_EveryEndGoesWhereTheAnswerWould: whatever becomes of a request, at whichever endpoint and page, the app is told where
// its response type and mode say, with the state, and nothing of it is anywhere else (OAuth 2.0 Multiple Response Type Encoding Practices
// section 5, OpenID Connect Core section 3.2.2.6).
func TestResponseTypes_EveryEndGoesWhereTheAnswerWould(t *testing.T) {
	w := oldWorld(t)
	cancel := func(b *servertest.Browser) { b.Get(t, b.URL.RequestURI()+"&cancel=1") }
	refuse := func(b *servertest.Browser) { b.SignIn(t, w.ada).Deny(t) }
	another := `{"id_token":{"sub":{"value":"x"}}}`
	strong := `{"id_token":{"acr":{"essential":true,"value":"9"}}}`
	ends := map[string]struct {
		in   bool // Ada is signed in and has agreed to all
		more []string
		do   func(b *servertest.Browser)
		code string
	}{
		"nobody is signed in":               {false, []string{"prompt", "none"}, nil, "login_required"},
		"cancelled at sign-in":              {false, nil, cancel, "access_denied"},
		"refused":                           {false, []string{"prompt", "consent"}, refuse, "access_denied"},
		"not agreed":                        {true, []string{"prompt", "none", "scope", "openid email"}, nil, "consent_required"},
		"too old":                           {true, []string{"prompt", "none", "max_age", "0"}, nil, "login_required"},
		"somebody else":                     {true, []string{"prompt", "none", "claims", another}, nil, "login_required"},
		"not strong enough":                 {true, []string{"claims", strong}, nil, "unmet_authentication_requirements"},
		"no such scope":                     {true, []string{"scope", "nope"}, nil, ""},
		"no such resource":                  {true, []string{"resource", "https://nowhere.example"}, nil, "invalid_target"},
		"malformed claims":                  {true, []string{"claims", "{"}, nil, "invalid_request"},
		"malformed max_age":                 {true, []string{"max_age", "-1"}, nil, "invalid_request"},
		"a prompt that is none":             {true, []string{"prompt", "dance"}, nil, "invalid_request"},
		"a hint that is none":               {true, []string{"id_token_hint", "x.y.z"}, nil, "invalid_request"},
		"an object that is none":            {true, []string{"request", "x.y.z"}, nil, "invalid_request_object"},
		"an address that is not registered": {true, []string{"request_uri", "https://shop.example/r"}, nil, "invalid_request_uri"},
		"registration":                      {true, []string{"registration", "{}"}, nil, "registration_not_supported"},
		"answered before, given back": {false, []string{"prompt", "consent"}, func(b *servertest.Browser) {
			b.SignIn(t, w.ada)
			again := b.Interaction(t)
			b.Deny(t)
			b.Get(t, "/oauth2/return?i="+again)
		}, "access_denied"},
	}
	here := w.Browser(t)
	w.shop.With("openid", "profile").Login(t, here, w.ada)
	for _, kind := range clients.ResponseTypes {
		for _, mode := range []string{"", "fragment", "form_post", "jwt", "fragment.jwt", "form_post.jwt"} {
			want := mode
			switch {
			case mode == "" && clients.FromFront(kind):
				want = "fragment"
			case mode == "":
				want = "query"
			case mode == "jwt" && clients.FromFront(kind):
				want = "fragment.jwt"
			case mode == "jwt":
				want = "query.jwt"
			}
			for name, end := range ends {
				b := w.Browser(t)
				if end.in {
					b = here.Tab(t)
				}
				b.Get(t, w.ask(append([]string{"response_type", kind, "response_mode", mode}, end.more...)...))
				if end.do != nil {
					end.do(b)
				}
				way, got := w.answerAt(t, b)
				if way != want || end.code != "" && got.Get("error") != end.code || got.Get("state") != "st at&e=1" || got.Get("iss") != w.URL ||
					got.Has("code") || got.Has("access_token") || got.Has("id_token") {
					t.Errorf("%s by %q, %s: at the %s %v", kind, mode, name, way, got)
				}
			}
		}
	}
}
