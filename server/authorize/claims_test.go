package authorize_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"signet/clients"
	"signet/server/servertest"
	"signet/users"
	"signet/users/membership"
)

// claimsWorld is a server with Ada, who has everything that can be asked for, and apps that registered for it.
type claimsWorld struct {
	*servertest.Server
	ada servertest.Person
}

const everyScope = "openid profile email phone address groups roles offline_access"

func newClaimsWorld(t *testing.T, engine servertest.Option) claimsWorld {
	t.Helper()
	s := servertest.New(t, servertest.HandlerOnly(), engine)
	w := claimsWorld{s, s.Person(t, "ada@example.com", func(n *users.Registration) {
		n.Claims = json.RawMessage(`{"phone_number":"+442079460000","address":{"country":"UK"},"nickname":"Countess"}`)
	})}
	m := s.Services().Members
	for _, step := range []func() error{
		func() error { return m.CreateGroup(t.Context(), "staff", "") },
		func() error { return m.CreateRole(t.Context(), "editor", "") },
		func() error { _, err := m.Add(t.Context(), "staff", w.ada.ID); return err },
		func() error {
			_, err := m.Give(t.Context(), "editor", membership.Holder{Group: "staff"})
			return err
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// app registers for all scopes, or those given.
func (w claimsWorld) app(t *testing.T, id, registered string, firstParty bool) *servertest.App {
	t.Helper()
	return w.App(t, id, func(m *clients.Metadata) { m.Scope, m.FirstParty = registered, firstParty })
}

// told is which claims about persons an answer has, sorted.
func told(m map[string]any) string {
	var names []string
	for name := range m {
		if !slices.Contains([]string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash"}, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// expect compares what an app was told by each way there is.
func (w claimsWorld) expect(t *testing.T, app *servertest.App, tokens *oauth2.Token, scope, idToken, userinfo string) {
	t.Helper()
	_, active := app.Post(t, "/oauth2/introspect", url.Values{"token": {tokens.AccessToken}})
	for what, got := range map[string][2]string{
		"ID token": {told(claimsIn(t, app, tokens)), idToken},
		"userinfo": {told(app.Userinfo(t, tokens.AccessToken)), userinfo},
		"scope":    {active["scope"].(string), scope},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: got %q, want %q", what, got[0], got[1])
		}
	}
	for _, name := range []string{"groups", "roles"} { // an access token has them by their scope only
		if has, want := active[name] != nil, slices.Contains(strings.Fields(scope), name); has != want {
			t.Errorf("introspection: %s %v", name, active[name])
		}
	}
}

func TestV04_ClaimsParameterReleasesOnlyWhatThePersonGranted(t *testing.T) { // OpenID Connect Core sections 5.4 and 5.5
	tests := map[string]struct {
		registered, scopes, claims string // registered "" = everyScope
		firstParty                 bool
		offered, ticked            string
		scope, idToken, userinfo   string
	}{
		"groups unticked": {
			scopes: "openid groups", claims: `{"id_token":{"groups":null},"userinfo":{"groups":{"essential":true}}}`, offered: "groups",
			scope: "openid",
		},
		"roles unticked, groups ticked": {
			scopes: "openid groups roles", claims: `{"id_token":{"groups":null,"roles":null},"userinfo":{"groups":null,"roles":null}}`,
			offered: "groups roles", ticked: "groups", scope: "openid groups", idToken: "groups", userinfo: "groups",
		},
		"claims alone, nothing ticked": {
			scopes:  "openid",
			claims:  `{"userinfo":{"email":null,"phone_number":null,"groups":null},"id_token":{"email":{"essential":true},"roles":null}}`,
			offered: "email groups phone roles", scope: "openid",
		},
		"claims alone, some ticked": {
			scopes: "openid", claims: `{"userinfo":{"email":null,"phone_number":null,"groups":null},"id_token":{"nickname":null,"roles":null}}`,
			offered: "email groups phone profile roles", ticked: "phone roles", scope: "openid", idToken: "roles", userinfo: "phone_number",
		},
		"all ticked, each where it was asked for": {
			scopes: "openid", claims: `{"userinfo":{"email":null,"groups":null},"id_token":{"nickname":null,"address":null}}`,
			offered: "address email groups profile", ticked: "address email groups profile", scope: "openid",
			idToken: "address nickname", userinfo: "email groups",
		},
		"essential and by value": {
			scopes:  "openid",
			claims:  `{"id_token":{"email":{"essential":true,"value":"ada@example.com"},"phone_number":{"values":["+442079460000"]}}}`,
			offered: "email phone", ticked: "phone", scope: "openid", idToken: "phone_number",
		},
		"of an asked scope": {
			scopes: "openid email", claims: `{"id_token":{"email":null}}`, scope: "openid email", idToken: "email", userinfo: "email email_verified",
		},
		"in a language": {
			scopes: "openid", claims: `{"userinfo":{"nickname#de":null,"groups#de":null}}`, scope: "openid",
		},
		"not registered": {
			registered: "openid email", scopes: "openid", claims: `{"userinfo":{"email":null,"phone_number":null,"groups":null}}`,
			offered: "email", ticked: "email phone groups", scope: "openid", userinfo: "email",
		},
		"consent skipped by the operator": {
			firstParty: true, registered: "openid email groups", scopes: "openid",
			claims: `{"userinfo":{"email":null,"phone_number":null},"id_token":{"groups":null}}`,
			scope:  "openid", idToken: "groups", userinfo: "email",
		},
	}
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newClaimsWorld(t, engine)
		n := 0
		for name, tt := range tests {
			n++
			id := "app" + string(rune('a'+n))
			t.Run(name, func(t *testing.T) {
				if tt.registered == "" {
					tt.registered = everyScope
				}
				app := w.app(t, id, tt.registered, tt.firstParty).With(strings.Fields(tt.scopes)...)
				b, parameter := w.Browser(t), oauth2.SetAuthURLParam("claims", tt.claims)
				r := app.Begin(t, b, parameter)
				b.SignIn(t, w.ada)
				if form := b.FormWith("consent-allow"); !tt.firstParty && form != nil {
					slices.Sort(form.Boxes)
					if got := strings.ReplaceAll(strings.Join(form.Boxes, " "), "scope=", ""); got != tt.offered {
						t.Errorf("offered %q, want %q", got, tt.offered)
					}
					b.Submit(t, "consent-allow", url.Values{"scope": strings.Fields(tt.ticked)})
				}
				w.expect(t, app, r.Exchange(t, r.Code(t, b)), tt.scope, tt.idToken, tt.userinfo)
				again := app.Begin(t, b, parameter, oauth2.SetAuthURLParam("prompt", "none")) // remembered, as scopes are
				w.expect(t, app, again.Exchange(t, again.Code(t, b)), tt.scope, tt.idToken, tt.userinfo)
			})
		}
	})
}

// A refreshed token tells what the first one told, and a wider registration adds nothing to what the person granted.
func TestV04_GrantedClaimsStayAsTheyWereGranted(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newClaimsWorld(t, engine)
		app := w.app(t, "wiki", "openid email phone offline_access", false).With("openid", "offline_access")
		b := w.Browser(t)
		parameter := oauth2.SetAuthURLParam("claims",
			`{"userinfo":{"email":null,"phone_number":null,"roles":null},"id_token":{"email":null,"phone_number":null,"groups":null}}`)
		r := app.Begin(t, b, parameter)
		b.SignIn(t, w.ada).Allow(t, "email", "offline_access")
		tokens := r.Exchange(t, r.Code(t, b))
		w.expect(t, app, tokens, "openid offline_access", "email", "email")

		m := app.Metadata
		m.Scope = everyScope
		if err := w.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.expect(t, app, tokens, "openid offline_access", "email", "email")
		tokens = app.Refresh(t, tokens.RefreshToken)
		w.expect(t, app, tokens, "openid offline_access", "email", "email")

		// What is new is asked, and it alone: never without a page, and what was allowed before stays.
		asked := app.Begin(t, b, parameter, oauth2.SetAuthURLParam("prompt", "none"))
		if got := asked.Answer(t, b).Get("error"); got != "consent_required" {
			t.Errorf("error %q", got)
		}
		asked = app.Begin(t, b, parameter)
		b.Allow(t, "groups")
		w.expect(t, app, asked.Exchange(t, asked.Code(t, b)), "openid offline_access", "email groups", "email")

		m.Scope = "openid email offline_access" // and a narrower registration takes away at once
		if err := w.Services().Clients.Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		w.expect(t, app, app.Refresh(t, tokens.RefreshToken), "openid offline_access", "email", "email")
	})
}
