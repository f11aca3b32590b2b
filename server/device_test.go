package server_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/factor"
)

// tv drives an app on a device.
type tv struct {
	*testing.T
	s   *servertest.Server
	app *servertest.App
}

// onDevice is a change for App: a public app on a device.
func onDevice(m *clients.Metadata) {
	m.TokenEndpointAuthMethod, m.RedirectURIs = clients.MethodNone, nil
	m.GrantTypes = []string{clients.DeviceCode, clients.RefreshToken}
}

func newTV(t *testing.T, s *servertest.Server, id string, change ...func(*clients.Metadata)) tv {
	t.Helper()
	return tv{t, s, s.App(t, id, append([]func(*clients.Metadata){onDevice}, change...)...)}
}

// begin asks for codes.
func (d tv) begin(scope string) (deviceCode, userCode string) {
	d.Helper()
	form := url.Values{"scope": {scope}}
	if d.app.ClientSecret == "" {
		form.Set("client_id", d.app.ClientID)
	}
	status, got := d.app.Post(d.T, "/oauth2/device_authorization", form)
	deviceCode, _ = got["device_code"].(string)
	userCode, _ = got["user_code"].(string)
	if status != 200 || len(deviceCode) < 43 || len(userCode) != 9 || got["verification_uri"] != d.s.URL+"/device" ||
		got["verification_uri_complete"] != d.s.URL+"/device?user_code="+userCode || got["expires_in"] != 600.0 || got["interval"] != 5.0 {
		d.Fatalf("%d %v", status, got)
	}
	return deviceCode, userCode
}

func (d tv) poll(deviceCode string) (int, map[string]any) {
	d.Helper()
	form := url.Values{"grant_type": {clients.DeviceCode}, "device_code": {deviceCode}}
	if d.app.ClientSecret == "" {
		form.Set("client_id", d.app.ClientID)
	}
	return d.app.Post(d.T, "/oauth2/token", form)
}

func (d tv) wants(what, deviceCode, wrong string) {
	d.Helper()
	if status, got := d.poll(deviceCode); status != 400 || got["error"] != wrong {
		d.Errorf("%s: %d %v, want %s", what, status, got, wrong)
	}
}

// asked is a browser that shows what is to become of the device.
func (d tv) asked(b *servertest.Browser, who servertest.Person, userCode string) {
	d.Helper()
	b.Get(d.T, d.s.URL+"/device?user_code="+userCode)
	if b.Has("login-submit") {
		b.SignIn(d.T, who)
	}
	if !b.Has("device-allow") || b.Text("device-code") != userCode {
		d.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
}

func TestRFC8628_ADeviceIsConnected(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s := servertest.New(t, servertest.HandlerOnly(), servertest.On(open(t)))
			ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
			device, user := d.begin("openid email offline_access")
			d.wants("nobody decided", device, "authorization_pending")
			d.wants("too soon", device, "slow_down")
			b := s.Browser(t)
			b.Get(t, s.URL+"/device").SignIn(t, ada)
			if !b.Has("device-submit") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
			b.Submit(t, "device-submit", url.Values{"user_code": {" " + strings.ToLower(strings.ReplaceAll(user, "-", " "))}})
			if b.Text("device-code") != user || !strings.Contains(b.Text("main"), "Tv") {
				t.Fatalf("at %s: %s", b.URL, b.Text("main"))
			}
			twice := b.Tab(t).Get(t, b.URL.RequestURI())
			if b.Submit(t, "device-allow", nil); b.URL.Path != "/device/done" || !strings.Contains(b.Text("main"), "connected") {
				t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
			}
			if twice.Submit(t, "device-allow", nil); twice.URL.Path != "/device/done" { // a second click leads where the first did
				t.Errorf("twice: at %s (%d): %s", twice.URL, twice.Status, twice.Text("main"))
			}
			status, got := d.poll(device)
			if status != 200 || got["token_type"] != "Bearer" || got["scope"] != "openid email offline_access" || got["refresh_token"] == nil {
				t.Fatalf("%d %v", status, got)
			}
			if id := claimsOf(t, got["id_token"].(string)); id["sub"] != ada.ID || id["aud"] != "tv" || id["nonce"] != nil || id["sid"] != nil {
				t.Errorf("ID token %v", id)
			}
			if info := d.app.Userinfo(t, got["access_token"].(string)); info["email"] != ada.Email {
				t.Errorf("userinfo %v", info)
			}
			d.wants("once more", device, "invalid_grant")
			refresh := refreshForm(got["refresh_token"])
			refresh.Set("client_id", "tv")
			if status, again := d.app.Post(t, "/oauth2/token", refresh); status != 200 || again["id_token"] == nil {
				t.Errorf("refresh: %d %v", status, again)
			}
			b.Get(t, s.URL+"/account/apps")
			if !strings.Contains(b.Text("main"), "Tv") {
				t.Errorf("the account does not show the app: %s", b.Text("main"))
			}
			b.Post(t, s.URL+"/account/apps", url.Values{"app": {"tv"}})
			if status, again := d.app.Post(t, "/oauth2/token", refresh); status != 400 || again["error"] != "invalid_grant" {
				t.Errorf("refresh after the app was removed: %d %v", status, again)
			}
		})
	}
}

func TestRFC8628_3_5_TimeAndSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
		device, user := d.begin("openid")
		for range 3 {
			d.wants("in time", device, "authorization_pending")
			time.Sleep(5 * time.Second)
		}
		d.wants("in time", device, "authorization_pending")
		time.Sleep(time.Second)
		d.wants("too soon", device, "slow_down") // 10 s from now on
		time.Sleep(5 * time.Second)
		d.wants("too soon for the new interval", device, "slow_down") // 15 s
		time.Sleep(10 * time.Second)
		d.wants("slower", device, "authorization_pending")
		b := s.Browser(t)
		d.asked(b, ada, user)
		time.Sleep(10 * time.Minute)
		if b.Submit(t, "device-allow", nil); b.Status != 400 || !strings.Contains(b.Text("main"), "No device is waiting") {
			t.Errorf("too late: at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		d.wants("too late", device, "expired_token")

		device, user = d.begin("openid")
		d.asked(b, ada, user)
		time.Sleep(10*time.Minute - time.Second)
		b.Submit(t, "device-allow", nil)
		time.Sleep(30 * time.Second)
		if status, got := d.poll(device); status != 200 || got["id_token"] == nil || got["refresh_token"] == nil {
			t.Errorf("allowed in the last second: %d %v", status, got)
		}
		device, user = d.begin("openid")
		d.asked(b, ada, user)
		b.Submit(t, "device-allow", nil)
		time.Sleep(11 * time.Minute)
		d.wants("allowed and not fetched", device, "expired_token")
	})
}

// TestRFC8628_ARealClient polls as golang.org/x/oauth2 does.
func TestRFC8628_ARealClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
		config := d.app.OAuth
		config.Endpoint.DeviceAuthURL = s.URL + "/oauth2/device_authorization"
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, s.HTTP)
		begun, err := config.DeviceAuth(ctx)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(17 * time.Second)
			b := s.Browser(t)
			d.asked(b, ada, begun.UserCode)
			b.Submit(t, "device-allow", nil)
		}()
		token, err := config.DeviceAccessToken(ctx, begun)
		if err != nil || token.Extra("id_token") == nil || token.RefreshToken == "" {
			t.Errorf("%v %v", token, err)
		}
	})
}

func TestRFC8628_WhatIsRefused(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	other, web := newTV(t, s, "radio"), s.App(t, "web")
	secret := newTV(t, s, "box", func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodBasic })
	b := s.Browser(t)
	for what, test := range map[string]struct {
		app   *servertest.App
		form  url.Values
		code  int
		error string
	}{
		"not registered for it": {web, url.Values{"scope": {"openid"}}, 400, "unauthorized_client"},
		"nobody":                {d.app, url.Values{"client_id": {"nobody"}}, 401, "invalid_client"},
		"no secret":             {d.app, url.Values{"client_id": {"box"}}, 401, "invalid_client"},
		"foreign scopes":        {d.app, url.Values{"client_id": {"tv"}, "scope": {"admin"}}, 400, "invalid_scope"},
		"foreign resource":      {d.app, url.Values{"client_id": {"tv"}, "resource": {"https://nobody.example"}}, 400, "invalid_target"},
		"repeated":              {d.app, url.Values{"client_id": {"tv"}, "scope": {"openid", "email"}}, 400, "invalid_request"},
	} {
		if code, got := test.app.Post(t, "/oauth2/device_authorization", test.form); code != test.code || got["error"] != test.error {
			t.Errorf("%s: %d %v", what, code, got)
		}
	}
	device, user := secret.begin("openid")
	secret.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	other.wants("another client's", device, "invalid_grant")
	other.wants("nobody's", strings.Repeat("x", 43), "invalid_grant")
	// it is no authorization code, and an authorization code is none of these
	status, got := secret.app.Post(t, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {device}})
	if status != 400 || got["error"] != "unauthorized_client" {
		t.Errorf("as an authorization code of a client that has none: %d %v", status, got)
	}
	both := newTV(t, s, "both", func(m *clients.Metadata) {
		m.GrantTypes = append(m.GrantTypes, clients.AuthorizationCode)
		m.RedirectURIs, m.TokenEndpointAuthMethod = []string{"https://both.example/cb"}, clients.MethodBasic
	})
	mine, user := both.begin("openid")
	both.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	status, got = both.app.Post(t, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {mine},
		"redirect_uri": {"https://both.example/cb"}})
	if status != 400 || got["error"] != "invalid_grant" {
		t.Errorf("as an authorization code: %d %v", status, got)
	}
	r := both.app.Begin(t, b)
	if b.Has("consent-allow") {
		b.Allow(t)
	}
	both.wants("an authorization code", r.Code(t, b), "invalid_grant")
	if status, got := both.poll(mine); status != 200 {
		t.Errorf("after that: %d %v", status, got)
	}
	if status, got := secret.poll(device); status != 200 { // nothing of it was used up by others
		t.Errorf("the owner: %d %v", status, got)
	}
	device, user = d.begin("openid")
	d.asked(b, ada, user)
	if b.Submit(t, "device-deny", nil); !strings.Contains(b.Text("main"), "not connected") {
		t.Errorf("denied: %s", b.Text("main"))
	}
	d.wants("denied", device, "access_denied")
	if b.Get(t, s.URL+"/device?user_code="+user); !strings.Contains(b.Text("main"), "not connected") {
		t.Errorf("denied, and again: %s", b.Text("main"))
	}
	b = s.Browser(t)
	b.Get(t, s.URL+"/device").SignIn(t, ada)
	for _, page := range []string{"/device?user_code=" + user, "/device?user_code=BCDF", "/device?user_code=%00%3Cb%3E"} {
		if b.Get(t, s.URL+page); b.Status != 400 || b.Has("device-allow") {
			t.Errorf("%s: %d %s", page, b.Status, b.Text("main"))
		}
	}
}

// TestRFC8628_5_4_NothingIsAllowedByALink: whoever is led to the page has to decide, with the device before their eyes.
func TestRFC8628_5_4_NothingIsAllowedByALink(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv", func(m *clients.Metadata) { m.FirstParty = true })
	b := s.Browser(t)
	for range 2 { // … the second time, too
		device, user := d.begin("openid offline_access")
		d.asked(b, ada, user)
		for _, part := range []string{"Does your device show this code?", "If someone sent you this code", "Network", user} {
			if !strings.Contains(b.Text("main"), part) {
				t.Errorf("%q is not on the page: %s", part, b.Text("main"))
			}
		}
		b.Get(t, s.URL+"/device/decide?decision=allow&user_code="+user)
		d.wants("a link", device, "authorization_pending")
		b.PostFrom(t, "https://evil.example", s.URL+"/device/decide",
			url.Values{"decision": {"allow"}, "user_code": {user}, "scope": {"offline_access"}})
		d.wants("a form of another site", device, "slow_down")
		d.asked(b, ada, user)
		b.Submit(t, "device-allow", url.Values{"scope": nil})
		if status, got := d.poll(device); status != 200 || got["scope"] != "openid" {
			t.Errorf("with a box unticked: %d %v", status, got)
		}
	}
}

// TestRFC8628_5_4_ANeighbourIsNoneOfOurs: the page says that the device is where its person is of the very address only.
func TestRFC8628_5_4_ANeighbourIsNoneOfOurs(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	_, user := d.begin("openid")
	for address, near := range map[string]bool{"192.0.2.1": true, "192.0.2.2": false, "203.0.113.1": false} {
		b := s.Browser(t)
		b.Address = address
		d.asked(b, ada, user)
		if got := strings.Contains(b.Text("main"), "The same network as yours"); got != near {
			t.Errorf("%s: %v: %s", address, got, b.Text("main"))
		}
	}
}

func TestDevices_ASecondStepIsAskedForWhereTheAppDemandsOne(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv", func(m *clients.Metadata) { m.RequireSecondFactor = true })
	device, user := d.begin("openid")
	b := s.Browser(t)
	b.Get(t, s.URL+"/device?user_code="+user).SignIn(t, ada)
	if b.Status != http.StatusForbidden || b.Has("device-allow") || !strings.Contains(b.Text("main"), "two-step verification") {
		t.Errorf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	b.Post(t, s.URL+"/device/decide", url.Values{"decision": {"allow"}, "user_code": {user}})
	d.wants("decided all the same", device, "authorization_pending")
}

func TestDevices_WrongCodesAreSlowedDown(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	b := s.Browser(t)
	b.Get(t, s.URL+"/device").SignIn(t, ada)
	slow := false
	for range 20 {
		b.Get(t, s.URL+"/device?user_code=BCDF-GHJK")
		slow = slow || b.Status == http.StatusTooManyRequests && b.Header.Get("Retry-After") != ""
	}
	if !slow {
		t.Error("twenty wrong codes")
	}
	_, user := d.begin("openid")
	bob := s.Person(t, "bob@example.com")
	d.asked(s.Browser(t), bob, user) // nobody else is refused
}

// TestDevices_Races: two decisions and many polls at once: one decision holds, one poll gets tokens.
func TestDevices_Races(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.On(storagetest.Postgres(t)))
	ada, d := s.Person(t, "ada@example.com"), newTV(t, s, "tv")
	device, user := d.begin("openid")
	b := s.Browser(t)
	d.asked(b, ada, user)
	var all sync.WaitGroup
	for _, decision := range []string{"allow", "allow", "deny"} {
		tab := b.Tab(t)
		all.Go(func() {
			tab.Post(t, s.URL+"/device/decide",
				url.Values{"decision": {decision}, "user_code": {user}, "as": {b.FormWith("device-allow").Fields.Get("as")}})
		})
	}
	all.Wait()
	var won, denied atomic.Int64
	for range 8 {
		all.Go(func() {
			switch status, got := d.poll(device); {
			case status == 200:
				won.Add(1)
			case got["error"] == "access_denied":
				denied.Add(1)
			case got["error"] != "invalid_grant":
				t.Errorf("%d %v", status, got)
			}
		})
	}
	all.Wait()
	if !(won.Load() == 1 && denied.Load() == 0 || won.Load() == 0 && denied.Load() == 8) {
		t.Errorf("%d got tokens, %d were denied", won.Load(), denied.Load())
	}
}

func TestDevices_CanBeTurnedOff(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.Device.Enabled = false }))
	d := newTV(t, s, "tv")
	if b := s.Browser(t).Get(t, s.URL+"/device"); b.Status != 404 {
		t.Errorf("page: %d", b.Status)
	}
	d.wants("grant", "x", "unsupported_grant_type")
}

// TestDevices_WhatEndsBeforeTheTokensAreFetched: what was approved is no more than what holds when it is fetched.
func TestDevices_WhatEndsBeforeTheTokensAreFetched(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	for name, test := range map[string]struct {
		change func(t *testing.T, d tv, b *servertest.Browser, who servertest.Person)
		status int
		wrong  string
	}{
		"app removed": {func(t *testing.T, d tv, b *servertest.Browser, _ servertest.Person) {
			b.Post(t, s.URL+"/account/apps", url.Values{"app": {d.app.ClientID}})
		}, 400, "invalid_grant"},
		"signed out everywhere": {func(t *testing.T, _ tv, b *servertest.Browser, _ servertest.Person) {
			b.Post(t, s.URL+"/account/sessions", url.Values{"session": {"all"}})
		}, 200, ""}, // it has no session: the app was let in on its own
		"new password": {func(t *testing.T, _ tv, _ *servertest.Browser, who servertest.Person) {
			if err := s.Services().People.SetPassword(t.Context(), factor.ForOperator(who.ID, factor.ResetPassword),
				servertest.NewPassword); err != nil {
				t.Fatal(err)
			}
		}, 400, "invalid_grant"},
		"fewer scopes": {func(t *testing.T, d tv, _ *servertest.Browser, _ servertest.Person) {
			m := d.app.Metadata
			m.Scope = "openid"
			if err := s.Services().Clients.Update(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}, 200, ""},
		"grant type taken away": {func(t *testing.T, d tv, _ *servertest.Browser, _ servertest.Person) {
			m := d.app.Metadata
			m.GrantTypes, m.RedirectURIs, m.ResponseTypes = []string{clients.AuthorizationCode}, []string{"https://tv.example/cb"}, []string{"code"}
			if err := s.Services().Clients.Update(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}, 400, "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			who, d := s.Person(t, id+"@example.com"), newTV(t, s, id)
			d.T = t
			device, user := d.begin("openid email")
			b := s.Browser(t)
			d.asked(b, who, user)
			b.Submit(t, "device-allow", nil)
			test.change(t, d, b, who)
			status, got := d.poll(device)
			if status != test.status || test.wrong != "" && got["error"] != test.wrong {
				t.Errorf("%d %v", status, got)
			}
			if name == "fewer scopes" && got["scope"] != "openid" {
				t.Errorf("scope %v", got["scope"])
			}
		})
	}
}

// TestRFC8628_ADeviceThatAsksForMore: the page asks for what is new alone.
func TestRFC8628_ADeviceThatAsksForMore(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, d, b := s.Person(t, "ada@example.com"), newTV(t, s, "tv"), s.Browser(t)
	_, user := d.begin("openid email")
	d.asked(b, ada, user)
	b.Submit(t, "device-allow", nil)
	device, user := d.begin("openid email offline_access")
	d.asked(b, ada, user)
	form := b.FormWith("device-allow")
	if strings.Join(form.Fields["before"], " ") != "email" || strings.Join(form.Boxes, " ") != "scope=offline_access" || !b.Has("before") {
		t.Errorf("%+v: %s", form, b.Text("main"))
	}
	b.Submit(t, "device-allow", nil)
	if status, got := d.poll(device); status != 200 || got["scope"] != "openid email offline_access" {
		t.Errorf("%d %v", status, got)
	}
}
