package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/admin"
	"signet/admin/setting"
	"signet/admin/thing"
	"signet/server/servertest"
)

// TestUpstreams_WhatAFormLeavesAsItWasStays: what it shows in another writing than the kept one, and what it has no field for, as that of a
// page which an earlier release made.
func TestUpstreams_WhatAFormLeavesAsItWasStays(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	was := setting.Upstream{ID: "work", Kind: "oidc", Name: "Work", Issuer: "https://work.example", ClientID: "c", GroupsClaim: "groups",
		Scopes: []string{"a,b", "openid"}, Claims: map[string]string{"nickname": "of=them"}, SignOut: true, Profile: "always",
		Groups: map[string]string{"CN=Staff,OU=eu": "staff", "CN=Staff,OU=us": "staff", " led by a blank": "led"}}
	if _, err := w.Services().Admin.CreateUpstream(t.Context(), root, was, setting.Secrets{}); err != nil {
		t.Fatal(err)
	}
	same := func(a, b setting.Upstream) bool {
		return thing.Same(thing.Upstream{Upstream: a}, thing.Upstream{Upstream: b})
	}
	const page = "/admin/upstreams/work"
	change := func(want int, form url.Values) setting.Upstream {
		t.Helper()
		b.Get(t, page)
		_, rest, _ := strings.Cut(b.Body, `value="change `)
		tag, _, _ := strings.Cut(rest, `"`)
		all := url.Values{"what": {"change " + tag}}
		maps.Copy(all, form)
		if b.Post(t, page, all); b.Status != want {
			t.Fatalf("%v: %d %s", form, b.Status, b.Text("main"))
		}
		u, err := w.Services().Admin.Upstream(t.Context(), root, "work")
		if err != nil {
			t.Fatal(err)
		}
		return u.Upstream
	}
	shown := url.Values{"name": {"Works"}, "client_id": {"c"}, "issuer": {was.Issuer}, "scopes": {"a,b openid"}, "domains": {""},
		"routes": {""}, "new_accounts": {"as_signup"}, "trust_second_factor": {"no"}, "profile": {"always"}, "sign_out": {"yes"},
		"groups_claim": {"groups"}, "claims": {"nickname = of=them\r\n"},
		"groups": {" led by a blank = led\r\nCN=Staff,OU=eu = staff\r\nCN=Staff,OU=us = staff\r\n"}}
	want := was
	want.Name = "Works"
	if got := change(http.StatusOK, shown); !same(got, want) {
		t.Errorf("the name was changed, and there is\n%+v", got)
	}
	want.Name = "Earlier"
	if got := change(http.StatusOK, url.Values{"name": {"Earlier"}}); !same(got, want) {
		t.Errorf("a form without most fields made of it\n%+v", got)
	}
	shown.Set("name", "Earlier")
	shown.Set("groups", "CN=Staff,OU=us = staff\r\nCN=Bosses,OU=eu=bosses")
	want.Groups = map[string]string{"CN=Staff,OU=us": "staff", "CN=Bosses,OU=eu": "bosses"}
	if got := change(http.StatusOK, shown); !same(got, want) {
		t.Errorf("other groups made of it\n%+v", got)
	}
	shown.Set("groups", "a = staff\r\na = bosses")
	if got := change(http.StatusUnprocessableEntity, shown); !same(got, want) {
		t.Errorf("a group that is there twice made of it\n%+v", got)
	}
}

// TestUpstreams_AreBoundedByEveryWay: what the document of the API bounds, files, the console and the command line cannot pass either, and
// nothing is kept that nobody sees.
func TestUpstreams_AreBoundedByEveryWay(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	for name, change := range map[string]map[string]any{
		"name over lines":   {"name": "Work\nSet-Cookie: a=b"},
		"name turned":       {"name": "Work\u202egro"},
		"name of blanks":    {"name": "  "},
		"client over lines": {"client_id": "c\r\nX: y"},
		"prompt over lines": {"prompt": "login\nx"},
		"long prompt":       {"prompt": strings.Repeat("x", 101)},
		"scope of two":      {"scopes": []string{"openid email"}},
		"scope in quotes":   {"scopes": []string{`"openid"`}},
		"many scopes":       {"scopes": strings.Fields(strings.Repeat("a bb ccc dddd ", 20) + many(60))},
		"group":             {"groups_claim": "g", "groups": map[string]string{"theirs": "no group"}},
		"no group":          {"groups_claim": "g", "groups": map[string]string{"theirs": ""}},
		"group of nobody":   {"groups_claim": "g", "groups": map[string]string{"": "staff"}},
		"group over lines":  {"groups_claim": "g", "groups": map[string]string{"a = b\nc": "staff"}},
		"long secret":       {"client_secret": strings.Repeat("x", 1025)},
		"secret of zeros":   {"client_secret": "\x00\x00"},
	} {
		body := w.work()
		maps.Copy(body, change)
		status, answer := w.call("POST /upstreams", body)
		if status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %v", name, status, answer)
		}
		raw, _ := json.Marshal(body)
		var given setting.Secrets
		var u setting.Upstream
		if json.Unmarshal(raw, &given) != nil || json.Unmarshal(raw, &u) != nil {
			t.Fatal(name)
		}
		if _, err := w.Services().Admin.CreateUpstream(t.Context(), root, u, given); err == nil {
			t.Errorf("%s: the act keeps it", name)
		}
	}
	good := w.work()
	good["groups_claim"], good["groups"] = "g", map[string]string{"CN=Domain Admins,OU=é": "eu/staff"}
	w.does(http.StatusCreated, "POST /upstreams", good)
}

// many are words.
func many(n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString("w" + strings.Repeat("x", i) + " ")
	}
	return all.String()
}

// TestADM26_StepsAreOfEveryKind: what files can have, the API carries out.
func TestADM26_StepsAreOfEveryKind(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	looks := `{"id":"branding","name":"Acme"}`
	d.want(204, "POST /steps:check", `{"kind":"settings","key":"branding","owner":"o","after":`+looks+`,"applied":`+looks+`}`)
	d.want(204, "POST /steps", `{"kind":"settings","key":"branding","owner":"o","after":`+looks+`,"applied":`+looks+`}`)
	d.want(200, "GET /managed", nil)
	for _, kind := range thing.Kinds() {
		status, answer := d.call("POST /steps:check", `{"kind":"`+kind+`","key":"x","owner":"o"}`)
		if raw, _ := json.Marshal(answer); status == 422 && strings.Contains(string(raw), "/kind") {
			t.Errorf("%s: %s", kind, raw)
		}
	}
}

// TestADM27_AStepTellsNothingToWhoMayNot carry it out: not where others sign in, nor what is kept.
func TestADM27_AStepTellsNothingToWhoMayNot(t *testing.T) {
	t.Parallel()
	w := newStored(t)
	routed := w.work()
	routed["routes"] = []string{"routed.example"}
	w.does(http.StatusCreated, "POST /upstreams", routed)
	token, _, err := w.Services().HostToken(t.Context(), "less@host", []string{"clients:read", "apply", "upstreams:write"}, 1e12)
	if err != nil {
		t.Fatal(err)
	}
	w.token = token
	mine := `{"id":"mine","kind":"oidc","name":"M","issuer":"https://m.example","client_id":"c","routes":["routed.example"]}`
	for _, route := range []string{"POST /steps:check", "POST /steps"} {
		w.does(http.StatusForbidden, route, json.RawMessage(`{"kind":"upstreams","key":"mine","owner":"o","after":`+mine+`,"applied":`+mine+`}`))
	}
}

// TestADM_AConditionHoldsForSecrets: who gives another secret on what they saw, gives none over one that somebody else gave meanwhile.
func TestADM_AConditionHoldsForSecrets(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		mail := map[string]any{"from": "id@acme.example", "host": "smtp.acme.example", "username": "u", "password": "x"}
		w.does(http.StatusOK, "PUT /settings/mail", mail, "If-Match: *")
		for path, field := range map[string]string{"/upstreams/work": "client_secret", "/settings/mail": "password"} {
			body := map[string]map[string]any{"client_secret": w.work(), "password": mail}[field]
			w.does(http.StatusOK, "GET "+path, nil)
			tag := "If-Match: " + w.etag
			body[field] = "one"
			w.does(http.StatusOK, "PUT "+path, body, tag)
			answered := w.etag
			body[field] = "two"
			w.does(http.StatusPreconditionFailed, "PUT "+path, body, tag)
			if w.does(http.StatusOK, "GET "+path, nil); w.etag != answered {
				t.Errorf("%s: answered with %s, and is %s", path, answered, w.etag)
			}
		}
	})
}

// TestRFC9110_8_8_3_WhatIsMadeAnewHasAnotherTag: who saw what was removed and made anew with the same content changes nothing of it unseen,
// for its secret may be another one.
func TestRFC9110_8_8_3_WhatIsMadeAnewHasAnotherTag(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		mail := map[string]any{"from": "id@acme.example", "host": "smtp.acme.example", "username": "u", "password": "x"}
		for path, make := range map[string]func(){
			"/upstreams/work":    func() { w.does(http.StatusCreated, "POST /upstreams", w.work()) },
			"/settings/mail":     func() { w.does(http.StatusOK, "PUT /settings/mail", mail, "If-Match: *") },
			"/settings/branding": func() { w.does(http.StatusOK, "PUT /settings/branding", map[string]any{"name": "Acme"}, "If-Match: *") },
		} {
			body := map[string]any{"name": "Other"}
			switch path {
			case "/upstreams/work":
				body = w.work()
			case "/settings/mail":
				body = mail
			}
			seen := map[string]bool{}
			for range 3 {
				make()
				if w.does(http.StatusOK, "GET "+path, nil); seen[w.etag] {
					t.Errorf("%s: made anew with the tag %s, which it had before", path, w.etag)
				}
				tag := w.etag
				for before := range seen {
					w.does(http.StatusPreconditionFailed, "PUT "+path, body, "If-Match: "+before)
				}
				seen[tag] = true
				w.does(http.StatusNoContent, "DELETE "+path, nil, "If-Match: "+tag)
			}
		}
	})
}
