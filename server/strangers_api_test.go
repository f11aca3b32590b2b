package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"signet/clients"
	"signet/clients/registration"
	"signet/server/servertest"
)

const shortSecret = "a-declared-secret-of-31-symbols"

func TestV05_StrangersAndTheTokenEndpoint(t *testing.T) {
	apps := servertest.YAML("clients: [{client_id: declared, client_name: D, client_secret: " + shortSecret +
		", grant_types: [client_credentials], scope: 'api:read'}]\nresources: [{identifier: 'https://api.example.com', name: API," +
		" scopes: ['api:read'], introspected_by: [shop]}]\n")
	fromEverywhere(t, func(x strangers) {
		ada := x.s.Person(x.T, "ada@example.com")
		machine := func(m *clients.Metadata) { m.Scope += " api:read" }
		shop, spa := x.s.App(x.T, "shop", machine), x.s.App(x.T, "spa", servertest.Public)
		tokens, chain := shop.Login(x.T, x.browser(x.honest), ada), spa.Login(x.T, x.browser(x.honest), ada)
		for i := range 120 {
			at := x.eve(i)
			for _, id := range []string{"shop", "declared", fmt.Sprint("made-up", i)} {
				x.send(at, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, id, fmt.Sprint("wrong ", i))
				x.send(at, "/oauth2/introspect", url.Values{"token": {tokens.AccessToken}}, id, fmt.Sprint("wrong ", i))
				x.send(at, "/oauth2/revoke", url.Values{"token": {tokens.RefreshToken}}, id, fmt.Sprint("wrong ", i))
			}
			x.send(at, "/oauth2/token",
				url.Values{"grant_type": {"refresh_token"}, "client_id": {"spa"}, "refresh_token": {fmt.Sprint("made up ", i)}})
			x.send(at, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"spa"}, "code": {fmt.Sprint("made up ", i)},
				"redirect_uri": {"https://spa.example/cb"}, "code_verifier": {"A2345678901234567890123456789012345678901234567890"}})
			x.send(at, "/oauth2/device_authorization", url.Values{}, "shop", fmt.Sprint("wrong ", i))
		}
		honest := x.at(x.honest).Declared(shop.Metadata)
		if status, got := honest.Post(x.T, "/oauth2/token",
			url.Values{"grant_type": {"client_credentials"}, "scope": {"api:read"}}); status != 200 {
			x.Errorf("a secret that was made here: %d %v", status, got)
		} else if status, got = honest.Post(x.T, "/oauth2/introspect",
			url.Values{"token": {got["access_token"].(string)}}); got["active"] != true {
			x.Errorf("introspection: %d %v", status, got)
		}
		if _, err := honest.TryRefresh(x.Context(), tokens.RefreshToken); err != nil {
			x.Errorf("refresh: %v", err)
		}
		if _, err := x.at(x.honest).Declared(spa.Metadata).TryRefresh(x.Context(), chain.RefreshToken); err != nil {
			x.Errorf("refresh of a public client: %v", err)
		}
		b := x.browser(x.honest) // a whole sign-in, with the code
		r := honest.Begin(x.T, b)
		if b.Has("login-submit") {
			b.SignIn(x.T, ada)
		}
		if b.Has("consent-allow") {
			b.Allow(x.T)
		}
		if _, err := r.TryExchange(x.Context(), r.Code(x.T, b)); err != nil {
			x.Errorf("code: %v", err)
		}
		status, got := x.send(x.honest, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}}, "declared", shortSecret)
		if !x.one && status != 200 {
			x.Errorf("a secret that could be guessed, from another network: %d %v", status, got)
		}
	}, apps)
}

func TestV05_StrangersAndDevices(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		ada, mallory := x.s.Person(x.T, "ada@example.com"), x.s.Person(x.T, "mallory@example.com")
		tv := x.s.App(x.T, "tv", onDevice)
		box := x.s.App(x.T, "box", onDevice, func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodBasic })
		b, eve := x.browser(x.honest), x.browser(x.eve(0))
		b.Get(x.T, "/account").SignIn(x.T, ada)
		eve.Get(x.T, "/account").SignIn(x.T, mallory)
		app, begin := x.at(x.honest).Declared(box.Metadata), url.Values{"scope": {"openid"}}
		if !x.one { // an app without a secret shares what its network may have
			app, begin = x.at(x.honest).Declared(tv.Metadata), url.Values{"scope": {"openid"}, "client_id": {"tv"}}
		}
		status, device := app.Post(x.T, "/oauth2/device_authorization", begin)
		if status != 200 {
			x.Fatalf("%d %v", status, device)
		}
		for i := range 150 {
			x.send(x.eve(i), "/oauth2/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"openid"}})
			x.send(x.eve(i), "/oauth2/token", url.Values{"grant_type": {clients.DeviceCode}, "client_id": {"tv"},
				"device_code": {fmt.Sprint("made up", i)}})
			eve.Extra.Set("X-Forwarded-For", x.eve(i))
			eve.Get(x.T, "/device?user_code=BCDFGHJ"+string("BCDFGHJKLMNPQRSTVWXZ"[i%20]))
			if i%12 == 11 { // one more account
				eve = x.browser(x.eve(i))
				eve.Get(x.T, "/account").SignIn(x.T, x.s.Person(x.T, fmt.Sprintf("mallory%d@example.com", i)))
			}
		}
		b.Get(x.T, "/device?user_code="+device["user_code"].(string))
		if !b.Has("device-allow") {
			x.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		b.Submit(x.T, "device-allow", nil)
		time.Sleep(5 * time.Second)
		poll := url.Values{"grant_type": {clients.DeviceCode}, "device_code": {device["device_code"].(string)}}
		if app.ClientSecret == "" {
			poll.Set("client_id", "tv")
		}
		if status, got := app.Post(x.T, "/oauth2/token", poll); status != 200 {
			x.Errorf("tokens: %d %v", status, got)
		}
		if status, got := app.Post(x.T, "/oauth2/device_authorization", begin); status != 200 {
			x.Errorf("another device: %d %v", status, got)
		}
	})
}

func TestV06_StrangersAndPushedRequests(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		ada := x.s.Person(x.T, "ada@example.com")
		shop, spa := x.s.App(x.T, "shop"), x.s.App(x.T, "spa", servertest.Public)
		here := x.at(x.honest)
		p, public := pushes{x.T, here, here.Declared(shop.Metadata)}, pushes{x.T, here, here.Declared(spa.Metadata)}
		before, _ := p.push(nil)
		beforePublic, _ := public.push(nil)
		begun, _ := public.push(nil)
		b := x.browser(x.honest)
		public.open(b, begun)
		for i := range 150 {
			form, _ := public.form(nil)
			x.send(x.eve(i), "/oauth2/par", form)
			form.Set("client_id", "shop")
			x.send(x.eve(i), "/oauth2/par", form, "shop", "wrong")
		}
		if got := public.through(b, ada); got.Get("code") == "" {
			x.Errorf("what was being signed in to: %v", got)
		}
		after, _ := p.push(nil)
		for what, uri := range map[string]string{"pushed before": before, "pushed after": after} {
			b := x.browser(x.honest)
			if p.open(b, uri); p.through(b, ada).Get("code") == "" {
				x.Errorf("%s: %v", what, b.Landed)
			}
		}
		public.push(nil)
		if b := x.browser(x.honest); !x.one {
			if public.open(b, beforePublic); public.through(b, ada).Get("code") == "" {
				x.Errorf("of an app without a secret: %v", b.Landed)
			}
		}
	})
}

func TestV06_StrangersAndRegistration(t *testing.T) {
	fromEverywhere(t, func(x strangers) {
		token, row := registration.NewInitialToken("", 1, time.Now(), time.Now().Add(time.Hour))
		if err := x.s.Services().DB.InsertInitialToken(x.Context(), row); err != nil {
			x.Fatal(err)
		}
		document := map[string]any{"redirect_uris": []string{"https://app.example/cb"}}
		status, mine := x.send(x.honest, "/oauth2/register", document)
		if status != http.StatusCreated {
			x.Fatalf("%d %v", status, mine)
		}
		made := 0
		for i := range 100 {
			at := x.eve(i % 4) // of four networks, or of one
			if status, _ := x.send(at, "/oauth2/register", document); status == http.StatusCreated {
				made++
			}
			x.send(at, "/oauth2/register", document, fmt.Sprint("sgr_madeup", i))
		}
		if most := 20; x.one && made >= most || made > 4*most {
			x.Errorf("%d were registered", made)
		}
		if status, got := x.send(x.honest, "/oauth2/register", document, token); status != http.StatusCreated {
			x.Errorf("with an initial token: %d %v", status, got)
		}
		if status, got := x.send(x.honest, "/oauth2/register", document); !x.one && status != http.StatusCreated {
			x.Errorf("from another network: %d %v", status, got)
		}
		r, err := http.NewRequestWithContext(x.Context(), http.MethodGet, mine["registration_client_uri"].(string), nil)
		if err != nil {
			x.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+mine["registration_access_token"].(string))
		res, err := x.at(x.honest).HTTP.Do(r)
		if err != nil {
			x.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			x.Errorf("a client's own token: %d", res.StatusCode)
		}
	}, servertest.YAML("registration: {mode: open, scopes: [openid, profile, email]}\n"))
}
