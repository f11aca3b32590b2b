package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signet/admin"
	"signet/clients"
	"signet/clients/claimmap"
	"signet/server/servertest"
	"signet/users/membership"
)

var everywhere = []string{claimmap.IDToken, claimmap.Userinfo, claimmap.AccessToken}

// shopRules is a map with a rule of each kind.
func shopRules(m *clients.Metadata) {
	m.ClaimsMap = []claimmap.Rule{
		{Claim: "department", From: "metadata.work.dept", Into: everywhere}, {Claim: "level", From: "metadata.level"},
		{Claim: "https://shop.example/plan", Value: "basic", From: "metadata.plan", Into: []string{claimmap.AccessToken}},
		{Claim: "roles", From: "groups", Prefix: "shop-", Into: everywhere}, {Claim: "login", From: "claims.email"},
		{Claim: "phone_no", From: "claims.phone_number"}, {Claim: "vip", From: "groups", Values: map[string]string{"vip": "yes"}, As: "bool"},
		{Claim: "offline", Value: "yes", Scope: "offline_access", Into: everywhere}, {Claim: "later", Value: "yes", Scope: "later:scope"},
	}
}

// TestClaimsMap: what a map says is in the tokens and at userinfo as the preview shows it, follows the person at the next refresh, and goes
// with them; on both engines.
func TestClaimsMap(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		acts, root := s.Services().Admin, s.Services().Host("t")
		ada := s.Person(t, "ada@example.com")
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		set := func(change string) {
			t.Helper()
			_, err := acts.SetMetadata(t.Context(), root, ada.ID, "", json.RawMessage(change))
			ok(err)
		}
		set(`{"work":{"dept":"Sales"},"level":3,"salary":100000}`)
		for _, group := range []string{"shop-clerk", "board"} {
			ok(acts.PutGroup(t.Context(), root, group, ""))
			ok(acts.AddMember(t.Context(), root, group, ada.ID))
		}
		app := s.App(t, "shop", shopRules)
		tokens := app.Login(t, s.Browser(t), ada)
		id, at := claimsOf(t, tokens.Extra("id_token").(string)), claimsOf(t, tokens.AccessToken)
		info := app.Userinfo(t, tokens.AccessToken)
		for what, c := range map[string]struct{ got, want map[string]any }{
			"ID token": {id, map[string]any{"department": "Sales", "level": 3., "roles": []any{"clerk"}, "login": "ada@example.com", "vip": false,
				"offline": "yes", "https://shop.example/plan": nil, "phone_no": nil, "later": nil, "salary": nil}},
			"userinfo": {info, map[string]any{"department": "Sales", "roles": []any{"clerk"}, "login": "ada@example.com", "sub": ada.ID,
				"salary": nil}},
			"access token": {at, map[string]any{"department": "Sales", "https://shop.example/plan": "basic", "roles": []any{"clerk"}, "level": nil,
				"login": nil, "sub": ada.ID, "client_id": "shop", "salary": nil}},
		} {
			for claim, want := range c.want {
				if !reflect.DeepEqual(c.got[claim], want) {
					t.Errorf("%s: %s is %v, want %v", what, claim, c.got[claim], want)
				}
			}
		}
		if _, answer := app.Post(t, "/oauth2/introspect", url.Values{"token": {tokens.AccessToken}}); answer["active"] != true ||
			answer["department"] != "Sales" || !reflect.DeepEqual(answer["roles"], []any{"clerk"}) || answer["client_id"] != "shop" {
			t.Errorf("introspection says %v", answer)
		}

		p, err := acts.PreviewClaims(t.Context(), root, ada.ID, "shop", nil)
		ok(err)
		for what, c := range map[string]struct{ preview, told map[string]any }{
			"ID token": {p.IDToken, id}, "userinfo": {p.Userinfo, info}, "access token": {p.AccessToken, at},
		} {
			raw, err := json.Marshal(c.preview)
			ok(err)
			var preview map[string]any
			ok(json.Unmarshal(raw, &preview))
			for claim, value := range preview {
				if !reflect.DeepEqual(c.told[claim], value) {
					t.Errorf("%s: the preview has %s %v, and the app got %v", what, claim, value, c.told[claim])
				}
			}
			protocol := strings.Fields("iss aud exp iat nbf jti nonce acr amr auth_time at_hash sid azp client_id scope grant_id status sub")
			for _, claim := range slices.Sorted(maps.Keys(c.told)) {
				if _, there := preview[claim]; !there && !slices.Contains(protocol, claim) {
					t.Errorf("%s: the app got %s, which the preview does not have", what, claim)
				}
			}
		}

		set(`{"work":null,"plan":"gold"}`)
		ok(acts.RemoveMember(t.Context(), root, "shop-clerk", ada.ID))
		again := app.Refresh(t, tokens.RefreshToken)
		at = claimsOf(t, again.AccessToken)
		if at["department"] != nil || at["https://shop.example/plan"] != "gold" || !reflect.DeepEqual(at["roles"], []any{}) {
			t.Errorf("after the change: %v", at)
		}
		other := s.App(t, "other")
		tokens = other.Login(t, s.Browser(t), ada)
		if got := claimsOf(t, tokens.AccessToken); got["https://shop.example/plan"] != nil || got["roles"] != nil {
			t.Errorf("an app without a map got %v", got)
		}
		_, err = acts.DeletePerson(t.Context(), root, ada.ID, "", true)
		ok(err)
		if raw, err := s.Services().DB.UserMetadata(t.Context(), ada.ID); err != nil || raw != nil {
			t.Errorf("after the person: %s, %v", raw, err)
		}
	})
}

// TestClaimsMapIsLikeGivingRoles: who may not give roles changes no map, by no road; who may not keep metadata keeps none, and nobody does
// of people who hold more.
func TestClaimsMapIsLikeGivingRoles(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet())
	acts, root := s.Services().Admin, s.Services().Host("t")
	ada, boss := s.Person(t, "ada@example.com"), s.Person(t, "boss@example.com")
	s.MakeAdmin(t, boss)
	all := admin.SetOf(admin.All()...)
	without := func(p ...admin.Permission) admin.Actor {
		held := maps.Clone(all)
		for _, one := range p {
			delete(held, one)
		}
		return admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: held}
	}
	refused := func(what string, err error, missing admin.Permission) {
		t.Helper()
		no, ok := err.(*admin.Refused)
		if !ok || !slices.Contains(no.Missing, missing) {
			t.Errorf("%s: %v, want a refusal for want of %s", what, err, missing)
		}
	}
	owner := without(admin.RolesGive)
	m := clients.Metadata{ClientID: "mine", RedirectURIs: []string{"https://app.example/cb"}}
	shopRules(&m)
	_, err := acts.CreateClient(t.Context(), owner, m)
	refused("create with a map", err, admin.RolesGive)
	plain := m
	plain.ClaimsMap = nil
	if _, err := acts.CreateClient(t.Context(), owner, plain); err != nil {
		t.Fatal(err)
	}
	change := func(a admin.Actor, do func(m *clients.Metadata)) error {
		_, err := acts.ChangeClient(t.Context(), a, "mine", "", func(m *clients.Metadata) error { do(m); return nil })
		return err
	}
	refused("set a map", change(owner, shopRules), admin.RolesGive)
	if err := change(root, shopRules); err != nil {
		t.Fatal(err)
	}
	refused("take a map away", change(owner, func(m *clients.Metadata) { m.ClaimsMap = nil }), admin.RolesGive)
	refused("change a rule", change(owner, func(m *clients.Metadata) {
		m.ClaimsMap = slices.Clone(m.ClaimsMap)
		m.ClaimsMap[2].Value = "gold"
	}), admin.RolesGive)
	if err := change(owner, func(m *clients.Metadata) { m.ClientName = "Mine" }); err != nil {
		t.Errorf("a change of something else: %v", err)
	}

	_, err = acts.SetMetadata(t.Context(), without(admin.PeopleMetadata), ada.ID, "", json.RawMessage(`{"role":"admin"}`))
	refused("set metadata", err, admin.PeopleMetadata)
	_, err = acts.CreatePerson(t.Context(), without(admin.PeopleMetadata), admin.NewPerson{Email: "eve@example.com",
		Metadata: json.RawMessage(`{"role":"admin"}`)})
	refused("create with metadata", err, admin.PeopleMetadata)
	few := admin.Actor{Kind: admin.KindPerson, ID: "x", Holds: admin.SetOf(admin.PeopleMetadata)}
	_, err = acts.SetMetadata(t.Context(), few, boss.ID, "", json.RawMessage(`{"role":"none"}`))
	refused("of somebody who holds more", err, admin.RolesGive)
	_, err = acts.PreviewClaims(t.Context(), without(admin.PeopleRead), ada.ID, "mine", nil)
	refused("preview", err, admin.PeopleRead)
	_, err = acts.PreviewClaims(t.Context(), without(admin.ClientsRead), ada.ID, "mine", nil)
	refused("preview", err, admin.ClientsRead)
	for role, may := range map[string]bool{membership.Admin: true, admin.RoleSupport: false, admin.RoleApps: false, admin.RoleAuditor: false} {
		bob := s.Person(t, strings.TrimPrefix(role, admin.ScopePrefix)+"2@example.com")
		if err := acts.GiveRole(t.Context(), root, role, membership.Holder{UserID: bob.ID}); err != nil {
			t.Fatal(err)
		}
		if held, err := acts.Held(t.Context(), bob.ID); err != nil || held[admin.PeopleMetadata] != may {
			t.Errorf("%s: %v, %v", role, held, err)
		}
	}
}

// TestMetadataOverTheAPI: merged and replaced under a condition, previewed, and refused with what is wrong.
func TestMetadataOverTheAPI(t *testing.T) {
	d := newAdminAPI(t)
	made := d.want(201, "POST /people", map[string]any{"email": "ada@example.com", "metadata": map[string]any{"dept": "Sales", "level": 3}})
	id := made["id"].(string)
	if !reflect.DeepEqual(made["metadata"], map[string]any{"dept": "Sales", "level": 3.}) {
		t.Errorf("made %v", made)
	}
	path := "/people/" + id + "/metadata"
	d.want(428, "PATCH "+path, `{"dept":null}`)
	d.want(428, "PUT "+path, `{"dept":"x"}`)
	seen := d.patched(id)
	if got := d.want(200, "PATCH "+path, `{"dept":null,"plan":"gold"}`, "If-Match: "+seen); !reflect.DeepEqual(got["metadata"],
		map[string]any{"level": 3., "plan": "gold"}) {
		t.Errorf("merged %v", got["metadata"])
	}
	d.want(412, "PATCH "+path, `{"dept":"x"}`, "If-Match: "+seen)
	d.want(412, "PUT "+path, `{}`, "If-Match: "+seen)
	if got := d.want(200, "PUT "+path, `{"dept":"Ops"}`, "If-Match: "+d.patched(id)); !reflect.DeepEqual(got["metadata"],
		map[string]any{"dept": "Ops"}) {
		t.Errorf("replaced %v", got["metadata"])
	}
	for _, bad := range []string{`{"a b":1}`, `{"a":{"b":1,"b":2}}`, `{"a":"` + strings.Repeat("x", 9<<10) + `"}`} {
		if status, answer := d.call("PATCH "+path, bad, "If-Match: *"); status != 422 && status != 400 {
			t.Errorf("%.40s: %d %v", bad, status, answer)
		}
	}
	d.want(404, "PATCH /people/nobody/metadata", `{}`, "If-Match: *")
	d.want(201, "POST /clients", map[string]any{"client_id": "shop", "redirect_uris": []string{"https://shop.example/cb"},
		"scope":      "openid email",
		"claims_map": []any{map[string]any{"claim": "department", "from": "metadata.dept", "into": []string{"access_token"}}}})
	preview := d.want(200, "GET /people/"+id+"/preview-claims?client_id=shop", nil)
	if !reflect.DeepEqual(preview["access_token"], map[string]any{"department": "Ops"}) || preview["sub"] != id {
		t.Errorf("preview %v", preview)
	}
	d.want(200, "GET /people/"+id+"/preview-claims?client_id=shop&scope=openid", nil)
	d.want(404, "GET /people/"+id+"/preview-claims?client_id=nobody", nil)
	d.want(404, "GET /people/nobody/preview-claims?client_id=shop", nil)
	for _, query := range []string{"", "?client_id=shop&scope=signet:people:read"} {
		if status, answer := d.call("GET /people/"+id+"/preview-claims"+query, nil); status != 422 && status != 400 {
			t.Errorf("%q: %d %v", query, status, answer)
		}
	}
	if status, answer := d.call("PATCH /clients/shop", map[string]any{"claims_map": []any{map[string]any{"claim": "aud", "value": "x"}}},
		"If-Match: *"); status != 422 && status != 400 || !strings.Contains(fmt.Sprint(answer), "claims_map") {
		t.Errorf("a reserved claim: %d %v", status, answer)
	}
}
