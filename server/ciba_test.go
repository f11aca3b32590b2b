package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"signet/clients"
	"signet/config"
	"signet/server/servertest"
	"signet/storage"
	"signet/storage/storagetest"
)

// counter drives an app that asks people who are elsewhere, as one of a bank's counter is.
type counter struct {
	*testing.T
	s   *servertest.Server
	app *servertest.App
}

// atCounter is a change for App.
func atCounter(m *clients.Metadata) {
	m.RedirectURIs, m.GrantTypes = nil, []string{clients.CIBA, clients.RefreshToken}
}

func newCounter(t *testing.T, s *servertest.Server, id string, change ...func(*clients.Metadata)) counter {
	t.Helper()
	return counter{t, s, s.App(t, id, append([]func(*clients.Metadata){atCounter}, change...)...)}
}

// ask sends a request; more are pairs.
func (c counter) ask(hint string, more ...string) (int, map[string]any) {
	c.Helper()
	form := url.Values{"scope": {"openid email offline_access"}}
	if hint != "" {
		form.Set("login_hint", hint)
	}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return c.app.Post(c.T, "/oauth2/bc-authorize", form)
}

func (c counter) begin(hint string, more ...string) string {
	c.Helper()
	status, got := c.ask(hint, more...)
	id, _ := got["auth_req_id"].(string)
	if status != 200 || len(id) < 43 || got["interval"] != 5.0 || got["expires_in"] == nil {
		c.Fatalf("%d %v", status, got)
	}
	return id
}

func (c counter) poll(id string) (int, map[string]any) {
	c.Helper()
	return c.app.Post(c.T, "/oauth2/token", url.Values{"grant_type": {clients.CIBA}, "auth_req_id": {id}})
}

func (c counter) wants(what, id, wrong string) {
	c.Helper()
	if status, got := c.poll(id); status != 400 || got["error"] != wrong {
		c.Errorf("%s: %d %v, want %s", what, status, got, wrong)
	}
}

// sees opens the one request that waits for the person.
func (c counter) sees(b *servertest.Browser, who servertest.Person, number int) {
	c.Helper()
	b.Get(c.T, c.s.URL+"/account/requests")
	if b.Has("login-submit") {
		b.SignIn(c.T, who)
	}
	links := strings.Split(b.Body, "/account/requests?request=")
	if len(links) <= number {
		c.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	id, _, _ := strings.Cut(links[number], `"`)
	if b.Get(c.T, c.s.URL+"/account/requests?request="+id); !b.Has("request-allow") {
		c.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
}

func TestCIBA_SomebodyElsewhereIsAsked(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *storage.DB{"sqlite": storagetest.SQLite, "postgres": storagetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			s, box := servertest.NewWithMail(t, servertest.On(open(t)))
			ada, c := s.Person(t, "ada@example.com"), newCounter(t, s, "bank")
			id := c.begin("Ada@example.com", "binding_message", "W4SCT <b>")
			c.wants("nobody decided", id, "authorization_pending")
			c.wants("too soon", id, "slow_down")
			mailed := box.Wait(t, ada.Email)
			for _, part := range []string{"Bank", "W4SCT", "192.0.2.x", s.URL + "/account/requests"} {
				if !strings.Contains(mailed.Text, part) {
					t.Errorf("%q is not in the email: %s", part, mailed.Text)
				}
			}
			if strings.Contains(mailed.Text, "/account/requests?") || strings.Contains(mailed.Text, id) {
				t.Errorf("the email leads further than to the page: %s", mailed.Text)
			}
			b := s.Browser(t)
			c.sees(b, ada, 1)
			if b.Text("request-message") != "W4SCT <b>" || strings.Contains(b.Body, "<b>W") || !strings.Contains(b.Text("main"), "192.0.2") {
				t.Errorf("%s", b.Text("main"))
			}
			twice := b.Tab(t).Get(t, b.URL.RequestURI())
			b.Get(t, b.URL.RequestURI()+"&decision=allow") // no GET decides
			c.wants("a link", id, "slow_down")
			if b.Submit(t, "request-allow", nil); b.URL.Path != "/account/requests" || !strings.Contains(b.Text("outcome"), "Allowed") {
				t.Fatalf("at %s (%d): %s", b.URL, b.Status, b.Text("main"))
			}
			if twice.Submit(t, "request-allow", nil); !strings.Contains(twice.Text("outcome"), "Allowed") { // a second click
				t.Errorf("twice: at %s (%d): %s", twice.URL, twice.Status, twice.Text("main"))
			}
			status, got := c.poll(id)
			if status != 200 || got["scope"] != "openid email offline_access" || got["refresh_token"] == nil {
				t.Fatalf("%d %v", status, got)
			}
			if claims := claimsOf(t, got["id_token"].(string)); claims["sub"] != ada.ID || claims["aud"] != "bank" || claims["auth_time"] == nil {
				t.Errorf("ID token %v", claims)
			}
			c.wants("once more", id, "invalid_grant")
			refresh := refreshForm(got["refresh_token"])
			if status, again := c.app.Post(t, "/oauth2/token", refresh); status != 200 {
				t.Errorf("refresh: %d %v", status, again)
			}
			b.Post(t, s.URL+"/account/apps", url.Values{"app": {"bank"}})
			if status, again := c.app.Post(t, "/oauth2/token", refresh); status != 400 || again["error"] != "invalid_grant" {
				t.Errorf("refresh after the app was removed: %d %v", status, again)
			}
			// by the ID token it got
			id = c.begin("", "id_token_hint", got["id_token"].(string))
			c.sees(b, ada, 1)
			if b.Submit(t, "request-deny", nil); !strings.Contains(b.Text("outcome"), "Denied") {
				t.Errorf("denied: %s", b.Text("main"))
			}
			c.wants("denied", id, "access_denied")
		})
	}
}

func TestCIBA_WhatIsRefused(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	s.Person(t, "ada@example.com")
	c, other, web := newCounter(t, s, "bank"), newCounter(t, s, "shop"), s.App(t, "web")
	ada := url.Values{"scope": {"openid"}, "login_hint": {"ada@example.com"}}
	with := func(change ...string) url.Values {
		form := url.Values{}
		maps.Copy(form, ada)
		for i := 0; i < len(change); i += 2 {
			form[change[i]] = []string{change[i+1]}
		}
		return form
	}
	for what, test := range map[string]struct {
		app   *servertest.App
		form  url.Values
		code  int
		error string
	}{
		"not registered for it":  {web, ada, 400, "unauthorized_client"},
		"without openid":         {c.app, with("scope", "email"), 400, "invalid_scope"},
		"nobody named":           {c.app, url.Values{"scope": {"openid"}}, 400, "invalid_request"},
		"two names":              {c.app, with("id_token_hint", "x"), 400, "invalid_request"},
		"no ID token":            {c.app, url.Values{"scope": {"openid"}, "id_token_hint": {"x.y.z"}}, 400, "invalid_request"},
		"no login_hint_token":    {c.app, url.Values{"scope": {"openid"}, "login_hint_token": {"x.y.z"}}, 400, "invalid_request"},
		"long message":           {c.app, with("binding_message", strings.Repeat("m", 65)), 400, "invalid_binding_message"},
		"message with a link":    {c.app, with("binding_message", "go to evil.example"), 400, "invalid_binding_message"},
		"hidden in the message":  {c.app, with("binding_message", "a\u202eb"), 400, "invalid_binding_message"},
		"blank message":          {c.app, with("binding_message", "\u3164"), 400, "invalid_binding_message"},
		"message with a heap":    {c.app, with("binding_message", "a"+strings.Repeat("\u0301", 30)), 400, "invalid_binding_message"},
		"link by another dot":    {c.app, with("binding_message", "evil\u2024example"), 400, "invalid_binding_message"},
		"link by numbers":        {c.app, with("binding_message", "10.1.2.3/pay"), 400, "invalid_binding_message"},
		"link without a scheme":  {c.app, with("binding_message", "//evil/pay"), 400, "invalid_binding_message"},
		"link to a port":         {c.app, with("binding_message", "localhost:9/pay"), 400, "invalid_binding_message"},
		"link to a number":       {c.app, with("binding_message", "tel:0800123456"), 400, "invalid_binding_message"},
		"lines in the message":   {c.app, with("binding_message", "a\nb"), 400, "invalid_request"},
		"expiry":                 {c.app, with("requested_expiry", "-1"), 400, "invalid_request"},
		"expiry in words":        {c.app, with("requested_expiry", "soon"), 400, "invalid_request"},
		"foreign scope":          {c.app, with("scope", "openid", "resource", "https://nobody.example"), 400, "invalid_target"},
		"unsigned request":       {c.app, url.Values{"request": {"eyJhbGciOiJub25lIn0.e30."}}, 400, "invalid_request"},
		"outside of the request": {c.app, with("request", "x.y.z"), 400, "invalid_request"},
		"repeated":               {c.app, url.Values{"scope": {"openid", "openid"}, "login_hint": {"a"}}, 400, "invalid_request"},
	} {
		if code, got := test.app.Post(t, "/oauth2/bc-authorize", test.form); code != test.code || got["error"] != test.error {
			t.Errorf("%s: %d %v", what, code, got)
		}
	}
	id := c.begin("ada@example.com", "requested_expiry", "60")
	other.wants("another client's", id, "invalid_grant")
	other.wants("nobody's", strings.Repeat("x", 43), "invalid_grant")
	if status, got := web.Post(t, "/oauth2/token", url.Values{"grant_type": {clients.CIBA}, "auth_req_id": {id}}); status != 400 ||
		got["error"] != "unauthorized_client" {
		t.Errorf("of a client without the grant: %d %v", status, got)
	}
	for _, mode := range []func(*clients.Metadata){
		func(m *clients.Metadata) { m.BackchannelDelivery = "push" },
		func(m *clients.Metadata) { m.BackchannelDelivery = "ping" },
		func(m *clients.Metadata) { m.TokenEndpointAuthMethod = clients.MethodNone },
		func(m *clients.Metadata) {
			m.BackchannelDelivery, m.BackchannelNotification = "ping", "http://10.0.0.1/x"
		},
		func(m *clients.Metadata) { m.BackchannelSigningAlg = "none" },
	} {
		m := clients.Metadata{ClientID: "odd", Scope: "openid"}
		atCounter(&m)
		mode(&m)
		if _, err := s.Services().Clients.Create(t.Context(), m); err == nil {
			t.Errorf("registered %+v", m)
		}
	}
}

// TestCIBA_NobodyLearnsWhoIsKnown: the answer, the polls and the bounds are the same for people who are not known, or cannot decide.
func TestCIBA_NobodyLearnsWhoIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		s.Person(t, "ada@example.com")
		bob := s.Person(t, "bob@example.com")
		if err := s.Services().People.Disable(t.Context(), bob.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Services().DB.RefuseRequests(t.Context(), s.Person(t, "carol@example.com").ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		apps := []counter{newCounter(t, s, "a"), newCounter(t, s, "b"), newCounter(t, s, "c"), newCounter(t, s, "d")}
		var seen []string
		for _, hint := range []string{"ada@example.com", "nobody@example.com", "bob@example.com", "carol@example.com",
			"no address", strings.Repeat("x", 200)} {
			var story []string
			note := func(status int, got map[string]any) {
				delete(got, "auth_req_id")
				story = append(story, fmt.Sprint(status, got))
			}
			first := apps[0].begin(hint)
			for _, c := range apps[1:] {
				note(c.ask(hint)) // the fourth finds three others
			}
			note(apps[0].poll(first))
			note(apps[0].ask(hint)) // in place of its first
			note(apps[0].poll(first))
			time.Sleep(6 * time.Minute)
			note(apps[0].poll(first))
			for range 9 {
				note(apps[0].ask(hint))
				time.Sleep(time.Second)
			}
			seen = append(seen, strings.Join(story, "\n"))
			time.Sleep(11 * time.Minute)
		}
		for _, other := range seen[1:] {
			if other != seen[0] {
				t.Errorf("known:\n%s\nother:\n%s", seen[0], other)
			}
		}
		if !strings.Contains(seen[0], "429") || !strings.Contains(seen[0], "expired_token") {
			t.Errorf("%s", seen[0])
		}
	})
}

func TestCIBA_TimeAndSlowness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servertest.New(t, servertest.HandlerOnly())
		ada, c := s.Person(t, "ada@example.com"), newCounter(t, s, "bank")
		id := c.begin(ada.Email, "requested_expiry", "120")
		c.wants("in time", id, "authorization_pending")
		time.Sleep(4 * time.Second)
		c.wants("too soon", id, "slow_down")
		time.Sleep(6 * time.Second)
		c.wants("slower", id, "authorization_pending")
		b := s.Browser(t)
		c.sees(b, ada, 1)
		time.Sleep(2 * time.Minute)
		if b.Submit(t, "request-allow", nil); b.Status != 400 || !strings.Contains(b.Text("main"), "has expired") {
			t.Errorf("too late: at %s (%d): %s", b.URL, b.Status, b.Text("main"))
		}
		c.wants("too late", id, "expired_token")
		id = c.begin(ada.Email)
		c.sees(b, ada, 1)
		time.Sleep(5*time.Minute - time.Second)
		b.Submit(t, "request-allow", nil)
		time.Sleep(30 * time.Second)
		if status, got := c.poll(id); status != 200 || got["id_token"] == nil {
			t.Errorf("allowed in the last second: %d %v", status, got)
		}
	})
}

// TestCIBA_OnlyThePersonDecides: who is signed in sees what is asked of them, and nobody decides for somebody else, for an app that is
// gone, or twice.
func TestCIBA_OnlyThePersonDecides(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	ada, eve := s.Person(t, "ada@example.com"), s.Person(t, "eve@example.com")
	c := newCounter(t, s, "bank")
	first := c.begin(ada.Email)
	b, stranger := s.Browser(t), s.Browser(t)
	c.sees(b, ada, 1)
	request := b.FormWith("request-allow").Fields.Get("request")
	stranger.Get(t, s.URL+"/account/requests").SignIn(t, eve)
	if strings.Contains(stranger.Text("main"), "Bank") {
		t.Errorf("somebody else sees it: %s", stranger.Text("main"))
	}
	if stranger.Get(t, s.URL+"/account/requests?request="+request); stranger.Has("request-allow") {
		t.Error("somebody else is asked")
	}
	stranger.Post(t, s.URL+"/account/requests", url.Values{"request": {request}, "decision": {"allow"}})
	c.wants("somebody else allowed it", first, "authorization_pending")
	b.PostFrom(t, "https://evil.example", s.URL+"/account/requests", url.Values{"request": {request}, "decision": {"allow"}})
	c.wants("another site allowed it", first, "slow_down")
	c.sees(b, ada, 1)
	second := c.begin(ada.Email, "binding_message", "other") // takes its place
	if b.Submit(t, "request-allow", nil); b.Status != 400 {
		t.Errorf("the one before: %d %s", b.Status, b.Text("main"))
	}
	c.wants("the one before", first, "expired_token")
	c.wants("the one in its place", second, "authorization_pending")
	if b.Get(t, s.URL+"/account"); !b.Has("requests") {
		t.Error("the account does not tell of it")
	}
	c.sees(b, ada, 1)
	if err := s.Services().Clients.Delete(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	next := newCounter(t, s, "bank")
	if b.Submit(t, "request-allow", nil); b.Status != 400 {
		t.Errorf("for a client that is gone: %d %s", b.Status, b.Text("main"))
	}
	next.wants("of the client before", second, "invalid_grant")
}

// TestCIBA_Races: requests, decisions and polls at once, on two replicas: one request is live, one decision holds, one poll gets tokens.
func TestCIBA_Races(t *testing.T) {
	db := storagetest.Postgres(t)
	one, two := servertest.New(t, servertest.HandlerOnly(), servertest.On(db)), servertest.New(t, servertest.HandlerOnly(), servertest.On(db))
	ada, c := one.Person(t, "ada@example.com"), newCounter(t, one, "bank")
	there := counter{t, two, two.Declared(c.app.Metadata)}
	var all sync.WaitGroup
	ids := make(chan string, 6)
	for i := range 6 {
		all.Go(func() { ids <- []counter{c, there}[i%2].begin(ada.Email) })
	}
	all.Wait()
	close(ids)
	live := ""
	for id := range ids {
		if _, got := c.poll(id); got["error"] == "authorization_pending" {
			if live != "" {
				t.Error("two are live")
			}
			live = id
		}
	}
	b := one.Browser(t)
	c.sees(b, ada, 1)
	form := b.FormWith("request-allow").Fields
	for _, decision := range []string{"allow", "allow", "deny"} {
		tab, sent := b.Tab(t), url.Values{"decision": {decision}}
		for k, v := range form {
			if k != "decision" {
				sent[k] = v
			}
		}
		all.Go(func() { tab.Post(t, one.URL+"/account/requests", sent) })
	}
	all.Wait()
	var won, denied atomic.Int64
	for i := range 8 {
		all.Go(func() {
			switch status, got := []counter{c, there}[i%2].poll(live); {
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

// TestCIBA_APing tells the app at once that somebody decided, with its token, and nothing else.
func TestCIBA_APing(t *testing.T) {
	told := make(chan string, 8)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Content-Type") + " " + string(body)
		http.Redirect(w, r, "/elsewhere", http.StatusFound) // is not followed
	}))
	t.Cleanup(app.Close)
	s := servertest.New(t, servertest.Change(func(c *config.Config) { c.Egress.AllowHosts = []string{"127.0.0.1"} }))
	ada := s.Person(t, "ada@example.com")
	c := newCounter(t, s, "bank", func(m *clients.Metadata) {
		m.BackchannelDelivery, m.BackchannelNotification = "ping", app.URL+"/told"
	})
	for _, token := range []string{"", "with space", strings.Repeat("x", 1025), "a\r\nX: y"} {
		if status, got := c.ask(ada.Email, "client_notification_token", token); status != 400 || got["error"] != "invalid_request" {
			t.Errorf("%q: %d %v", token, status, got)
		}
	}
	id := c.begin(ada.Email, "client_notification_token", "8d67dc78-7faa-4d41")
	b := s.Browser(t)
	c.sees(b, ada, 1)
	select {
	case early := <-told:
		t.Errorf("before the decision: %s", early)
	default:
	}
	b.Submit(t, "request-allow", nil)
	body, _ := json.Marshal(map[string]string{"auth_req_id": id})
	select {
	case got := <-told:
		if want := "POST /told Bearer 8d67dc78-7faa-4d41 application/json " + string(body); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("not told")
	}
	if status, got := c.poll(id); status != 200 {
		t.Errorf("%d %v", status, got)
	}
	select {
	case again := <-told:
		t.Errorf("again: %s", again)
	case <-time.After(300 * time.Millisecond):
	}
}

func TestCIBA_CanBeTurnedOff(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) { c.CIBA.Enabled = false }))
	c := newCounter(t, s, "bank")
	if b := s.Browser(t).Get(t, s.URL+"/account/requests"); b.Status != 404 {
		t.Errorf("page: %d", b.Status)
	}
	c.wants("grant", "x", "unsupported_grant_type")
}

// From the fifth browser without a cookie at an address on, each shows its cookie first, also at the pages where people decide about what
// happens elsewhere; one that keeps none is told so, and is not sent round without end.
func TestV06_PagesOfPeopleSendABrowserRoundForItsCookie(t *testing.T) {
	s := servertest.New(t, servertest.HandlerOnly())
	for _, page := range []string{"/account/requests", "/account/requests?request=x", "/device?user_code=BCDF-GHJK"} {
		for i := range 7 {
			if b := s.Browser(t).Get(t, page); b.URL.Path != "/signin" || !b.Has("login-submit") {
				t.Fatalf("%s, browser %d: at %s (%d): %s", page, i, b.URL, b.Status, b.Text("main"))
			}
		}
		path, query, _ := strings.Cut(page, "?")
		b := s.Browser(t).Get(t, path+"?"+query+"&signet_cookie=1")
		if b.Status != 400 || !strings.Contains(strings.ToLower(b.Text("main")), "cookie") {
			t.Errorf("%s: without a cookie: at %s (%d): %s", page, b.URL, b.Status, b.Text("main"))
		}
	}
}
