package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/config"
	"signet/server/servertest"
	"signet/server/upstream/upstreamtest"
	"signet/storage"
	"signet/users/federation/federationtest"
	"signet/users/membership"
)

// adminAt makes an administrator whose only way to sign in is an upstream.
func (w *storedWorld) adminAt(upstream string) {
	w.Helper()
	id := upstream + "-admin"
	now, db := time.Now(), w.Services().DB
	for _, err := range []error{
		db.InsertUser(w.Context(), storage.User{ID: id, Email: id + "@x.example", EmailKey: id + "@x.example", CreatedAt: now, UpdatedAt: now}),
		db.InsertIdentity(w.Context(), storage.Identity{ID: "login-of-" + id, Upstream: upstream, Issuer: w.up.Work.Issuer(), Subject: id,
			UserID: id, CreatedAt: now}),
	} {
		if err != nil {
			w.Fatal(err)
		}
	}
	w.gives(id)
}

// gives makes somebody an administrator.
func (w *storedWorld) gives(userID string) {
	w.Helper()
	m := w.Services().Members
	_ = m.CreateRole(w.Context(), membership.Admin, "") // it may be there
	if _, err := m.Give(w.Context(), membership.Admin, membership.Holder{UserID: userID}); err != nil {
		w.Fatal(err)
	}
}

// TestADM21_AnAdministratorCanSignInStill: where the only administrators who can sign in do so at an upstream, it is neither disabled nor
// removed, and nobody is disabled who is the last that can.
func TestADM21_AnAdministratorCanSignInStill(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		w.adminAt("work")
		refused := func(route string, body any, headers ...string) {
			t.Helper()
			if answer := w.does(http.StatusConflict, route, body, headers...); !strings.Contains(answer["detail"].(string),
				"no administrator could sign in any more") {
				t.Errorf("%s: %v", route, answer)
			}
		}
		refused("POST /upstreams/work/disable", nil)
		refused("PATCH /upstreams/work", map[string]any{"disabled": true}, "If-Match: *")
		refused("DELETE /upstreams/work", nil, "If-Match: *")
		w.does(http.StatusOK, "PATCH /upstreams/work", map[string]any{"name": "Works"}, "If-Match: *")
		if list := append(w.named("upstream.disabled"), w.named("upstream.deleted")...); len(list) > 0 {
			t.Errorf("events of what was refused: %v", list)
		}

		second := w.Person(t, "second@example.com") // with a password
		w.gives(second.ID)
		w.does(http.StatusOK, "POST /upstreams/work/disable", nil)
		refused("POST /people/"+second.ID+"/disable", nil)
		w.does(http.StatusOK, "POST /upstreams/work/enable", nil)
		w.does(http.StatusOK, "POST /people/"+second.ID+"/disable", nil)
		refused("DELETE /upstreams/work", nil, "If-Match: *")
	})
}

// TestN06_WhatAnotherProviderProvedIsGone: an upstream is removed and made anew, with another issuer, while people are on their way there,
// or decide here what becomes of an identity that the provider before has proven.
func TestN06_WhatAnotherProviderProvedIsGone(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		before := federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Before"}, federationtest.Account{ // which names no iss
			Subject: upstreamtest.WorkAda, Email: "ada@work.example", EmailVerified: true, Name: "Ada of Work"})
		before.Register("https://id.example.com/signin/with/work/callback")
		after := w.work()
		w.up.Work = before
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		w.watch()
		deciding := w.Browser(t)
		page := w.up.SignIn(t, deciding, "work", upstreamtest.WorkAda)
		begun := w.Browser(t).Get(t, "/signin")
		upstreamtest.Press(t, begun, "work")
		callback := w.up.Callback(t, begun, "work", upstreamtest.WorkAda)
		w.does(http.StatusNoContent, "DELETE /upstreams/work", nil, "If-Match: *")
		w.does(http.StatusCreated, "POST /upstreams", after)
		w.watch()
		page.Submit(t, "newaccount-submit", nil)
		upstreamtest.NoVisitor(t, deciding)
		begun.Get(t, callback)
		upstreamtest.NoVisitor(t, begun)
		if list := w.named("user.created"); len(list) > 0 {
			t.Errorf("accounts were made: %v", list)
		}
		failed := w.named("signin.failed")
		if len(failed) != 1 || !strings.Contains(string(failed[0].Detail), "mix-up") {
			t.Errorf("the event: %v", failed)
		}
	})
}

// TestADM21_TwoUpstreamsAreDisabledAtOnce, each of which is the only way in of an administrator: one stays. TestStoredUpstreams names the
// rest of what a change of one does.
func TestADM21_TwoUpstreamsAreDisabledAtOnce(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		home := w.work()
		home["id"] = "home"
		w.does(http.StatusCreated, "POST /upstreams", home)
		w.adminAt("work")
		w.adminAt("home")
		for range 3 {
			got := map[int]int{}
			var wg sync.WaitGroup
			var mu sync.Mutex
			for _, id := range []string{"work", "home"} {
				wg.Go(func() {
					status := w.send("POST", "/upstreams/"+id+"/disable")
					mu.Lock()
					got[status]++
					mu.Unlock()
				})
			}
			wg.Wait()
			if got[http.StatusOK] != 1 || got[http.StatusConflict] != 1 {
				t.Fatalf("disabled at once: %v", got)
			}
			for _, id := range []string{"work", "home"} {
				w.does(http.StatusOK, "POST /upstreams/"+id+"/enable", nil)
			}
		}
	})
}

// send is call on a goroutine of its own.
func (w *storedWorld) send(method, path string) int {
	req, err := http.NewRequestWithContext(w.Context(), method, w.URL+"/api/admin/v1"+path, nil)
	if err != nil {
		w.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	res, err := w.HTTP.Do(req)
	if err != nil {
		w.Error(err)
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestOneDomainSignsInAtOneUpstream, too, where several are given it at once.
func TestOneDomainSignsInAtOneUpstream(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		ids := []string{"one", "two", "three", "four"}
		for _, id := range ids {
			u := w.work()
			u["id"], u["disabled"], u["routes"] = id, true, []string{id + ".example"}
			w.does(http.StatusCreated, "POST /upstreams", u)
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() { w.patch("/upstreams/"+id, `{"routes": ["same.example"]}`) })
		}
		wg.Wait()
		n := 0
		for _, id := range ids {
			if routes, _ := w.does(http.StatusOK, "GET /upstreams/"+id, nil)["routes"].([]any); len(routes) == 1 && routes[0] == "same.example" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d upstreams have the domain", n)
		}
	})
}

func (w *storedWorld) patch(path, body string) {
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPatch, w.URL+"/api/admin/v1"+path, strings.NewReader(body))
	if err != nil {
		w.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", "*")
	res, err := w.HTTP.Do(req)
	if err != nil {
		w.Error(err)
		return
	}
	_ = res.Body.Close()
}

// TestARowThatNobodyCanReadTakesNothingDown: a server starts and takes up the rest, the row is told of, and can be replaced or removed.
func TestARowThatNobodyCanReadTakesNothingDown(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newStored(t, engine)
		w.does(http.StatusCreated, "POST /upstreams", w.work())
		db := w.Services().DB
		for id, data := range map[string]string{"cut": `{"kind":"oidc","na`, "later": `{"kind":["oidc"],"scopes":7}`, "other": `[]`, "none": ""} {
			if _, err := db.InsertSetting(t.Context(), "upstreams/"+id, []byte(data), nil); err != nil {
				t.Fatal(err)
			}
		}
		w.watch()
		w.button(true)
		beside := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), servertest.On(db),
			servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} }))
		if b := beside.Browser(t).Get(t, "/signin"); !strings.Contains(b.Body, `id="with-work"`) {
			t.Errorf("a server that starts then: %s", b.Text("main"))
		}
		w.does(http.StatusOK, "GET /upstreams/cut", nil)
		w.does(http.StatusUnprocessableEntity, "POST /upstreams/later/disable", nil) // what a later release wrote there stays
		w.does(http.StatusNoContent, "DELETE /upstreams/cut", nil, "If-Match: *")
		whole := w.work()
		whole["id"] = "other"
		w.does(http.StatusOK, "PUT /upstreams/other", whole, "If-Match: *")
		w.watch()
		if b := w.Browser(t).Get(t, "/signin"); !strings.Contains(b.Body, `id="with-other"`) {
			t.Errorf("one that was replaced: %s", b.Text("main"))
		}
	})
}
