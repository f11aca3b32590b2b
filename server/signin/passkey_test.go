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
	"signet/users/factor"
	"signet/users/passkey/passkeytest"
)

func TestPasskey_SignsInAndTheTokenSaysSo(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		ada := s.Person(t, "ada@example.com")
		b := s.Browser(t)
		b.Get(t, "/signin").SignIn(t, ada)
		before := b.Cookies()
		d := s.AddPasskey(t, ada)

		app := s.App(t, "shop").With("openid")
		fresh := s.Browser(t)
		r := app.Begin(t, fresh)
		fresh.SendPasskey(t, "login-passkey", d.Get(t, fresh.PasskeyOptions(t, "login-passkey", nil)))
		if fresh.Has("consent-allow") {
			fresh.Allow(t)
		}
		id := app.IDToken(t, r.Exchange(t, r.Code(t, fresh)).Extra("id_token").(string))
		var claims struct {
			Sub, ACR string
			AMR      []string
		}
		if err := id.Claims(&claims); err != nil || claims.ACR != "phr" || claims.Sub != ada.ID ||
			!slices.Equal(claims.AMR, []string{"hwk", "user", "mfa"}) {
			t.Errorf("%+v, %v", claims, err)
		}

		// F05: in a browser that was signed in the secret is a new one.
		app.Begin(t, b, oauth2.SetAuthURLParam("prompt", "login"))
		if !b.Has("login-passkey") {
			t.Fatalf("no button at %s", b.URL)
		}
		b.SendPasskey(t, "login-passkey", d.Get(t, b.PasskeyOptions(t, "login-passkey", nil)))
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
	d := s.AddPasskey(t, ada)
	one, two := s.Browser(t), s.Browser(t)
	one.Get(t, "/signin")
	two.Get(t, "/signin")
	answer := d.Get(t, one.PasskeyOptions(t, "login-passkey", nil))
	two.SendPasskey(t, "login-passkey", answer) // taken from another browser
	wrong := two.Text("main")
	if two.Status != http.StatusForbidden || !strings.Contains(wrong, "This passkey did not work") {
		t.Errorf("another browser: %d %s", two.Status, wrong)
	}
	one.SendPasskey(t, "login-passkey", answer) // and spent by it
	if one.Status != http.StatusForbidden {
		t.Errorf("replay: %d", one.Status)
	}

	// What an unknown passkey, a wrong signature and a disabled person are answered is the same (D01, G08).
	seen := map[string]string{}
	try := func(name string, d *passkeytest.Device) {
		x := s.Browser(t)
		x.Get(t, "/signin")
		x.SendPasskey(t, "login-passkey", d.Get(t, x.PasskeyOptions(t, "login-passkey", nil)))
		seen[name] = x.Text("main")
		if x.Status != http.StatusForbidden {
			t.Errorf("%s: %d", name, x.Status)
		}
	}
	stranger := s.Device()
	stranger.Bearer.Options.UserHandle = d.Bearer.Options.UserHandle
	try("unknown", stranger)
	forged := *d
	forged.Key.Key = s.Device().Key.Key
	try("signature", &forged)
	if err := s.Services().People.Disable(t.Context(), ada.ID); err != nil {
		t.Fatal(err)
	}
	try("disabled", d)
	for name, text := range seen {
		if text != seen["unknown"] {
			t.Errorf("%s is answered %q", name, text)
		}
	}
}

func TestF10_ConfirmWithAPasskey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		b := s.Browser(t)
		b.Get(t, "/signup")
		d := s.Device()
		answer := d.Create(t, b.PasskeyOptions(t, "signup-passkey", url.Values{"name": {"Ada"}, "username": {"ada@example.com"}}))
		b.Post(t, "/signup/passkey", url.Values{"name": {"Ada"}, "username": {"ada@example.com"}, "credential": {answer}})
		time.Sleep(11 * time.Minute)
		b.Get(t, "/account/delete")
		if b.URL.Path != "/signin" || !b.Has("login-passkey") {
			t.Fatalf("at %s", b.URL)
		}
		eve := s.Browser(t)
		eve.Get(t, "/signin")
		b.SendPasskey(t, "login-passkey", d.Get(t, eve.PasskeyOptions(t, "login-passkey", nil))) // not asked for this
		if b.Status != http.StatusForbidden {
			t.Errorf("a sign-in's answer confirms: %d at %s", b.Status, b.URL)
		}
		b.SendPasskey(t, "login-passkey", d.Get(t, b.PasskeyOptions(t, "login-passkey", nil)))
		if b.URL.Path != "/account/delete" {
			t.Errorf("at %s: %s", b.URL, b.Text("main"))
		}
	})
}

func TestPasskey_WellKnown(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Path("/tenant"),
		servertest.YAML("passkeys: {rp_id: example.com, origins: ['https://shop.example.com']}"))
	b := s.Browser(t)
	page := s.URL + "/account/passkeys"
	for _, at := range []string{s.URL + "/.well-known/passkey-endpoints",
		strings.TrimSuffix(s.URL, "/tenant") + "/.well-known/passkey-endpoints"} {
		var got map[string]string
		if b.Get(t, at); json.Unmarshal([]byte(b.Body), &got) != nil || got["enroll"] != page || got["manage"] != page {
			t.Errorf("%s: %d %s", at, b.Status, b.Body)
		}
	}
	var got struct{ Origins []string }
	if b.Get(t, strings.TrimSuffix(s.URL, "/tenant")+"/.well-known/webauthn"); json.Unmarshal([]byte(b.Body), &got) != nil ||
		!slices.Contains(got.Origins, "https://shop.example.com") {
		t.Errorf("related origins: %d %s", b.Status, b.Body)
	}
	b.Get(t, s.URL+"/signin")
	if !strings.Contains(string(b.PasskeyOptions(t, "login-passkey", nil)), `"rpId":"example.com"`) {
		t.Error("the RP ID is not the configured one")
	}
}

// What a password manager keeps although the account has it no more: the script of the page learns it.
func TestAPasskeyThatNobodyHasIsForgotten(t *testing.T) { // WebAuthn Level 3 section 5.1.10
	s := servertest.New(t, servertest.HandlerOnly())
	ada := s.Person(t, "ada@example.com")
	d := s.AddPasskey(t, ada)
	b := s.Browser(t)
	b.Get(t, "/signin")
	answer := strings.Replace(d.Get(t, b.PasskeyOptions(t, "login-passkey", nil)), `"signature":"`, `"signature":"AAAA`, 1)
	if b.SendPasskey(t, "login-passkey", answer); b.Status != http.StatusForbidden || strings.Contains(b.Body, "data-passkey-unknown") {
		t.Errorf("a wrong signature: %d, to be forgotten: %s", b.Status, b.Text("main"))
	}
	list, err := s.Services().Passkeys.List(t.Context(), ada.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("passkeys %v, %v", list, err)
	}
	if err := s.Services().Passkeys.Remove(t.Context(), servertest.Permit(t, ada.ID, factor.RemovePasskey), ada.User, list[0].ID); err != nil {
		t.Fatal(err)
	}
	b.Get(t, "/signin")
	b.SendPasskey(t, "login-passkey", d.Get(t, b.PasskeyOptions(t, "login-passkey", nil)))
	if b.Status != http.StatusForbidden || !strings.Contains(b.Body, "data-passkey-unknown") {
		t.Errorf("a removed passkey: %d: %s", b.Status, b.Text("main"))
	}
}
