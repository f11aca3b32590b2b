package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/oauth"
	"signet/oauth/oauthtest"
	"signet/oauth/tokens"
	"signet/storage"
)

// acting is the form of an exchange in which somebody else acts.
func acting(subject, actor string) url.Values {
	return exchange(subject, "resource", stock, "actor_token", actor, "actor_token_type", tokenType)
}

// TestRFC8693_4_1_WhoActedMayStill: clients that acted, and the person who acted last, are asked again for what came of their acts.
func TestRFC8693_4_1_WhoActedMayStill(t *testing.T) {
	o := exchangers()
	for i := range o.Clients {
		if o.Clients[i].ClientID == "gate" {
			o.Clients[i].Exchange.Actors = append(o.Clients[i].Exchange.Actors, "helper", "web")
		}
	}
	h := protocol(t, o)
	for _, m := range []clients.Metadata{
		{ClientID: "helper", GrantTypes: []string{"client_credentials"}},
		{ClientID: "web", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{oauthtest.Callback}},
	} {
		m.ClientName, m.Scope = m.ClientID, "openid api:read"
		if _, err := h.Registry.Create(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	disable := func(id string, yes bool) {
		t.Helper()
		if err := h.Registry.SetDisabled(t.Context(), id, yes); err != nil {
			t.Fatal(err)
		}
	}
	one := ofSpa(t, h)
	helper := get(t, h, "helper", url.Values{"grant_type": {"client_credentials"}})
	person := first(t, h, "web", "openid api:read")
	for actor, a := range map[string]*oauth.Answer{"helper": helper, "web": person} {
		two := get(t, h, "gate", acting(one.AccessToken, a.AccessToken))
		three := get(t, h, "back", exchange(two.AccessToken, "resource", plain)) // whose earlier actor it is
		for _, off := range []bool{true, false} {
			disable(actor, off)
			if about(t, h, "gate", two.AccessToken).Active == off || about(t, h, "back", three.AccessToken).Active == off {
				t.Errorf("%s disabled: %v, and the tokens are otherwise", actor, off)
			}
			if off {
				refused(t, h, "back", exchange(two.AccessToken, "resource", plain), "invalid_request")
			}
		}
		if actor == "helper" {
			continue
		}
		grant := claims(t, h, a).GrantID
		if act := string(claims(t, h, two).Act); act != `{"sub":"`+oauthtest.Ada+`","client_id":"web","grant_id":"`+grant+`"}` {
			t.Errorf("act of a person: %s", act)
		}
		ctx, stats := storage.WithStats(t.Context())
		if got, err := h.Provider.Introspect(ctx, h.Client(t, "back"), three.AccessToken); err != nil || !got.Active ||
			stats.Reads() != 2 || stats.Writes() != 0 {
			t.Errorf("%v %v, %d reads and %d writes", got, err, stats.Reads(), stats.Writes())
		}
		if _, err := h.DB.RevokeGrant(t.Context(), grant, "test", time.Now()); err != nil {
			t.Fatal(err)
		}
		if about(t, h, "gate", two.AccessToken).Active || about(t, h, "back", three.AccessToken).Active {
			t.Error("the grant of who acts has ended, and what came of it lives on")
		}
	}
	if !about(t, h, "shop-api", one.AccessToken).Active {
		t.Error("the subject's own token ended with its actor")
	}
}

// TestRFC8693_AnActorTokenForSomebodyElseIsNotTaken: it is for a resource that names who presents it, or whoever was called with it could
// act as the caller.
func TestRFC8693_AnActorTokenForSomebodyElseIsNotTaken(t *testing.T) {
	h := protocol(t, exchangers())
	one := ofSpa(t, h)
	robot := get(t, h, "robot", url.Values{"grant_type": {"client_credentials"}})
	get(t, h, "gate", acting(one.AccessToken, robot.AccessToken))
	for _, aud := range []string{oauthtest.Files, oauthtest.Issuer, stock} {
		elsewhere := resign(t, h, robot, func(a *tokens.Access) { a.Audience = []string{aud} })
		refused(t, h, "gate", acting(one.AccessToken, elsewhere), "invalid_request")
	}
}

// TestRFC9728_ATargetIsUserinfo: the issuer may be named as what it serves, in the policy and in the request.
func TestRFC9728_ATargetIsUserinfo(t *testing.T) {
	o := exchangers()
	for i := range o.Clients {
		if o.Clients[i].ClientID == "gate" {
			o.Clients[i].Exchange.Targets = []string{"https://ID.test/userinfo", "https://STOCK.test:443/"}
			o.Clients[i].Exchange.Scopes = []string{"openid", "api:read"}
		}
	}
	h := protocol(t, o)
	one := get(t, h, "spa", oauthtest.Exchange(h.Code(t, "spa", "openid api:read", nil)))
	for _, name := range []string{oauthtest.Issuer, oauthtest.Issuer + "/userinfo", oauthtest.Issuer + "/"} {
		if c := claims(t, h, get(t, h, "gate", exchange(one.AccessToken, "resource", name))); strings.Join(c.Audience, " ") != oauthtest.Issuer {
			t.Errorf("%s: aud %v", name, c.Audience)
		}
	}
	get(t, h, "gate", exchange(one.AccessToken, "resource", stock))
	refused(t, h, "gate", exchange(one.AccessToken, "resource", plain), "invalid_target")
}

// TestRFC9470_ThePasswordGrantAsksWhatAResourceDemands: nobody is asked for more than the password, so it is refused.
func TestRFC9470_ThePasswordGrantAsksWhatAResourceDemands(t *testing.T) {
	o := exchangers()
	o.Passwords = passwords{}
	o.Resources = append(o.Resources, clients.Resource{Identifier: "https://safe.test", Scopes: []string{"safe"}, RequireSecondFactor: true},
		clients.Resource{Identifier: "https://young.test", Scopes: []string{"young"}, MaxAge: 60})
	o.Clients = append(o.Clients, clients.Metadata{ClientID: "old", ClientSecret: oauthtest.Secret, FirstParty: true,
		GrantTypes: []string{clients.Password, clients.RefreshToken}, Scope: "openid safe young files:read offline_access"})
	h := protocol(t, o)
	refused(t, h, "old", passwordForm("scope", "safe"), "invalid_target")
	refused(t, h, "old", passwordForm("scope", "safe files:read"), "invalid_target")
	get(t, h, "old", passwordForm("scope", "young"))
	both := get(t, h, "old", passwordForm("scope", "safe young files:read offline_access", "resource", oauthtest.Files))
	both = get(t, h, "old", with(oauthtest.Refresh(both.RefreshToken), "resource", "https://young.test"))
	refused(t, h, "old", with(oauthtest.Refresh(both.RefreshToken), "resource", "https://safe.test"), "invalid_target")
}

// TestRFC8705_ABoundTokenSaysWhatIsMissing: one that is bound to a certificate does not ask for a proof of a key alone.
func TestRFC8705_ABoundTokenSaysWhatIsMissing(t *testing.T) {
	h := protocol(t, exchangers())
	bound := resign(t, h, ofSpa(t, h), func(a *tokens.Access) { a.Cnf = []byte(`{"x5t#S256":"abc"}`) })
	_, err := token(t, h, "gate", exchange(bound, "resource", stock))
	wants(t, err, "invalid_request")
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("says %v", err)
	}
	bound = resign(t, h, ofSpa(t, h), func(a *tokens.Access) { a.Cnf = []byte(`{"jkt":"abc"}`) })
	refused(t, h, "gate", exchange(bound, "resource", stock), "invalid_dpop_proof")
}
