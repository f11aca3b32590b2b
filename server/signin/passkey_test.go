package signin_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/server/servertest"
	"signet/users/passkey/passkeytest"
)

func device(s *servertest.Server) *passkeytest.Device {
	u, _ := url.Parse(s.URL)
	return passkeytest.New(u.Hostname(), u.Scheme+"://"+u.Host)
}

// options plays the script's first part with a button of the page in view.
func options(t *testing.T, b *servertest.Browser, button string, fields url.Values) json.RawMessage {
	t.Helper()
	at := b.Attribute(button, "data-options")
	if at == "" {
		t.Fatalf("no %s at %s", button, b.URL)
	}
	to, err := b.URL.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	tab := b.Tab(t)
	if fields == nil {
		fields = url.Values{}
	}
	if form := b.FormWith(button); form != nil && form.Fields.Has("as") {
		fields.Set("as", form.Fields.Get("as"))
	}
	tab.Post(t, to.String(), fields)
	if tab.Status != http.StatusOK || !strings.HasPrefix(tab.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("options: %d %s", tab.Status, tab.Text("main"))
	}
	return json.RawMessage(tab.Body)
}

// show plays the second part.
func show(t *testing.T, b *servertest.Browser, button, answer string) *servertest.Browser {
	t.Helper()
	return b.Post(t, b.Attribute(button, "formaction"), url.Values{"credential": {answer}})
}

// addPasskey gives the person signed in in the browser one.
func addPasskey(t *testing.T, s *servertest.Server, b *servertest.Browser) *passkeytest.Device {
	t.Helper()
	d := device(s)
	b.Get(t, "/account/passkeys")
	show(t, b, "passkey-add", d.Create(t, options(t, b, "passkey-add", nil)))
	if !strings.Contains(b.Text("main"), "Your passkey is ready") {
		t.Fatalf("adding ends with %d: %s", b.Status, b.Text("main"))
	}
	return d
}

func TestPasskey_SignsInAndTheTokenSaysSo(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		before := b.Cookies()
		d := addPasskey(t, s, b)

		app := s.App(t, "shop").With("openid")
		fresh := s.Browser(t)
		r := app.Begin(t, fresh)
		show(t, fresh, "login-passkey", d.Get(t, options(t, fresh, "login-passkey", nil)))
		if fresh.Has("consent-allow") {
			fresh.Allow(t)
		}
		id := app.IDToken(t, r.Exchange(t, r.Code(t, fresh)).Extra("id_token").(string))
		var claims struct {
			Sub, ACR string
			AMR      []string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "phr" || claims.Sub != ada.ID || !slices.Equal(claims.AMR, []string{"hwk", "user", "mfa"}) {
			t.Errorf("%+v, %v", claims, err)
		}

		// F05: in a browser that was signed in the secret is a new one.
		app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
		if !b.Has("login-passkey") {
			t.Fatalf("no button at %s", b.URL)
		}
		show(t, b, "login-passkey", d.Get(t, options(t, b, "login-passkey", nil)))
		if same := slices.ContainsFunc(b.Cookies(), func(c *http.Cookie) bool {
			return strings.Contains(c.Name, "session") && slices.ContainsFunc(before, func(o *http.Cookie) bool { return o.Value == c.Value })
		}); same {
			t.Error("the old secret lives on")
		}
	})
}

func TestG06_APasskeyOfAnotherTabOrBrowser(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	d := addPasskey(t, s, b)
	one, two := s.Browser(t), s.Browser(t)
	one.Get(t, "/signin")
	two.Get(t, "/signin")
	answer := d.Get(t, options(t, one, "login-passkey", nil))
	show(t, two, "login-passkey", answer) // stolen
	wrong := two.Text("main")
	if two.Status != http.StatusForbidden || !strings.Contains(wrong, "did not work with this passkey") {
		t.Errorf("another browser: %d %s", two.Status, wrong)
	}
	show(t, one, "login-passkey", answer) // and spent by it
	if one.Status != http.StatusForbidden {
		t.Errorf("replay: %d", one.Status)
	}

	// What an unknown passkey, a wrong signature and a person who is shut out are answered is the same (D01, G08).
	seen := map[string]string{}
	try := func(name string, d *passkeytest.Device) {
		x := s.Browser(t)
		x.Get(t, "/signin")
		show(t, x, "login-passkey", d.Get(t, options(t, x, "login-passkey", nil)))
		seen[name] = x.Text("main")
		if x.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, x.Status)
		}
	}
	stranger := device(s)
	stranger.Bearer.Options.UserHandle = d.Bearer.Options.UserHandle
	try("unknown", stranger)
	forged := *d
	forged.Key.Key = device(s).Key.Key
	try("signature", &forged)
	if err := s.House().People.Disable(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	try("disabled", d)
	for name, text := range seen {
		if text != seen["unknown"] {
			t.Errorf("%s is answered %q", name, text)
		}
	}
}

func TestPasskey_IsASecondStepWhereTwoAreWanted(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada)
	d := addPasskey(t, s, b)
	makeAdmin(t, s, ada)
	fresh := s.Browser(t)
	fresh.Get(t, "/signin").SignIn(t, ada)
	if fresh.URL.Path != "/signin/factor" || !fresh.Has("factor-passkey") || fresh.Has("code") {
		t.Fatalf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
	other := s.Browser(t)
	other.Get(t, "/signin")
	show(t, fresh, "factor-passkey", d.Get(t, options(t, other, "login-passkey", nil))) // for another purpose
	if fresh.Status != http.StatusForbidden || !fresh.Has("factor-passkey") {
		t.Errorf("a sign-in's answer: %d at %s", fresh.Status, fresh.URL)
	}
	d.Bearer.Options.UserNotVerified = true // the password was the first factor
	show(t, fresh, "factor-passkey", d.Get(t, options(t, fresh, "factor-passkey", nil)))
	if fresh.URL.Path != "/account" {
		t.Errorf("at %s: %s", fresh.URL, fresh.Text("main"))
	}
}

func TestPasskey_SignUp(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		b := s.Browser(t)
		b.Get(t, "/signup")
		form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}
		d := device(s)
		answer := d.Create(t, options(t, b, "signup-passkey", form))
		to := b.Attribute("signup-passkey", "formaction")
		send := func(b *servertest.Browser, name, email, answer string) *servertest.Browser {
			return b.Post(t, to, url.Values{"name": {name}, "username": {email}, "credential": {answer}})
		}
		if send(b, "", "nobody", ""); b.Status != http.StatusBadRequest || !strings.Contains(b.Text("main"), "e-mail") {
			t.Errorf("mistakes: %d %s", b.Status, b.Text("main"))
		}
		if send(b, "Ada", "ada@example.com", answer); b.URL.Path != "/account" || b.Status != http.StatusOK {
			t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		if text := b.Text("main"); !strings.Contains(text, "None set") || !strings.Contains(text, "1 passkey") {
			t.Errorf("overview: %s", text)
		}
		again := s.Browser(t)
		again.Get(t, "/signup")
		if send(again, "Eve", "eve@example.com", answer); again.Status != http.StatusBadRequest {
			t.Errorf("replayed in another browser: %d at %s", again.Status, again.URL)
		}
		if send(again, "Ada", "ada@example.com", ""); !strings.Contains(again.Text("main"), "There is already") && again.Status != http.StatusBadRequest {
			t.Errorf("taken: %d %s", again.Status, again.Text("main"))
		}
		again.Get(t, "/signin")
		show(t, again, "login-passkey", d.Get(t, options(t, again, "login-passkey", nil)))
		if again.URL.Path != "/account" {
			t.Errorf("sign-in: %d at %s", again.Status, again.URL)
		}
	})
}

func TestF10_ConfirmWithAPasskey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		b := s.Browser(t)
		b.Get(t, "/signup")
		d := device(s)
		answer := d.Create(t, options(t, b, "signup-passkey", url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}))
		b.Post(t, "/signup/passkey", url.Values{"name": {"Ada"}, "username": {"ada@example.com"}, "credential": {answer}})
		time.Sleep(11 * time.Minute)
		b.Get(t, "/account/delete")
		if b.URL.Path != "/signin" || !b.Has("login-passkey") {
			t.Fatalf("at %s", b.URL)
		}
		eve := s.Browser(t)
		eve.Get(t, "/signin")
		show(t, b, "login-passkey", d.Get(t, options(t, eve, "login-passkey", nil))) // not asked for this
		if b.Status != http.StatusForbidden {
			t.Errorf("a sign-in's answer confirms: %d at %s", b.Status, b.URL)
		}
		show(t, b, "login-passkey", d.Get(t, options(t, b, "login-passkey", nil)))
		if b.URL.Path != "/account/delete" {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
	})
}

func TestPasskey_WellKnown(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Path("/tenant"), servertest.YAML("passkeys: {rp_id: example.com, origins: ['https://shop.example.com']}"))
	b := s.Browser(t)
	page := s.URL + "/account/passkeys"
	for _, at := range []string{s.URL + "/.well-known/passkey-endpoints", strings.TrimSuffix(s.URL, "/tenant") + "/.well-known/passkey-endpoints"} {
		var got map[string]string
		if b.Get(t, at); json.Unmarshal([]byte(b.Body), &got) != nil || got["enroll"] != page || got["manage"] != page {
			t.Errorf("%s: %d %s", at, b.Status, b.Body)
		}
	}
	var got struct{ Origins []string }
	if b.Get(t, strings.TrimSuffix(s.URL, "/tenant")+"/.well-known/webauthn"); json.Unmarshal([]byte(b.Body), &got) != nil || !slices.Contains(got.Origins, "https://shop.example.com") {
		t.Errorf("related origins: %d %s", b.Status, b.Body)
	}
	b.Get(t, s.URL+"/signin")
	if !strings.Contains(string(options(t, b, "login-passkey", nil)), `"rpId":"example.com"`) {
		t.Error("the RP ID is not the configured one")
	}
}

func TestPasskey_OfferedOnceAfterAPassword(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, eve := s.Person(t, "ada@example.com"), s.Person(t, "eve@example.com")
	able := func(p servertest.Person) url.Values {
		return url.Values{"username": {p.Email}, "password": {p.Password}, "passkeys": {"yes"}}
	}
	b := s.Browser(t)
	b.Get(t, "/signin").SignIn(t, ada) // a browser that cannot, or has no script
	if b.URL.Path != "/account" {
		t.Errorf("offered without a word of the script: %s", b.URL)
	}
	app := s.App(t, "shop").With("openid")
	b = s.Browser(t)
	r := app.Begin(t, b)
	b.Submit(t, "login-submit", able(ada))
	if b.URL.Path != "/signin/offer" {
		t.Fatalf("at %s", b.URL)
	}
	b.Submit(t, "offer-no", nil) // and the errand goes on
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	r.Exchange(t, r.Code(t, b))
	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(ada))
	if b.URL.Path != "/account" {
		t.Errorf("offered again: %s", b.URL)
	}
	if b.Get(t, "/signin/offer"); b.URL.Path != "/account" {
		t.Errorf("offered again: %s", b.URL)
	}

	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(eve))
	d := device(s)
	at := b.URL.RequestURI()
	if b.Post(t, at, url.Values{"credential": {"{}"}}); b.Status != http.StatusBadRequest {
		t.Errorf("nonsense: %d at %s", b.Status, b.URL)
	}
	b.Post(t, at, url.Values{"credential": {d.Create(t, options(t, b, "offer-add", nil))}})
	if b.URL.Path != "/account" || !strings.Contains(b.Text("main"), "1 passkey") {
		t.Errorf("at %s: %s", b.URL, b.Text("main"))
	}
	b = s.Browser(t)
	b.Get(t, "/signin").Submit(t, "login-submit", able(eve))
	if b.URL.Path != "/account" {
		t.Errorf("offered to somebody who has one: %s", b.URL)
	}
	if b.Get(t, "/signin/offer"); b.URL.Path != "/account" {
		t.Errorf("offered to somebody who has one: %s", b.URL)
	}
	stranger := s.Browser(t)
	if stranger.Get(t, "/signin/offer"); stranger.URL.Path != "/signin" {
		t.Errorf("offered to nobody: %s", stranger.URL)
	}
}
