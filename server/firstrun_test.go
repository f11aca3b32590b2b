package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"signet/config"
	"signet/server/servertest"
	"signet/users/membership"
)

// firstLink is the path of the page that makes the first administrator.
func firstLink(t *testing.T, s *servertest.Server) string {
	t.Helper()
	link, err := s.Services().FirstRunLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return servertest.Local(t, link)
}

// TestFirstRun makes the first administrator without script: the form, a second factor, the first app.
func TestFirstRun(t *testing.T) {
	for _, required := range []string{config.FactorsAdministrators, config.FactorsOptional} {
		t.Run(required, func(t *testing.T) {
			servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
				s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
					c.Factors.Required, c.Signup.Mode = required, config.SignupClosed
				}))
				b := s.Browser(t)
				if b.Get(t, "/setup"); b.Status != http.StatusNotFound {
					t.Errorf("without a link: %d", b.Status)
				}
				link := firstLink(t, s)
				b.Get(t, link)
				b.Submit(t, "signup-submit", url.Values{"name": {"Ada"}, "username": {"ada@"}, "password": {"short"}})
				if b.Status != http.StatusBadRequest || !b.Has("signup-submit") {
					t.Fatalf("mistakes: %d %s", b.Status, b.Text("main"))
				}
				b.Submit(t, "signup-submit", url.Values{"name": {"Ada"}, "username": {"ada@example.com"}, "password": {servertest.NewPassword}})
				if b.URL.Path != "/signin/factor/setup" {
					t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
				}
				b.Submit(t, "totp-confirm", url.Values{"code": {servertest.TOTP(t, b.Text("totp-secret"))}})
				b.Get(t, b.Attribute("codes-next", "href"))
				if b.URL.RequestURI() != "/admin/apps?first=1" || !strings.Contains(b.Text("main"), "You are the administrator now") {
					t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
				}
				b.Post(t, "/admin/apps", url.Values{"what": {"create"}, "name": {"Shop"}, "kind": {"web"},
					"redirect": {"https://shop.example/cb"}, "scope": {"openid"}})
				if !strings.Contains(b.Text("key"), `"kty":"EC"`) {
					t.Errorf("the first app: %d %s", b.Status, b.Text("main"))
				}
				if another := s.Browser(t); another.Get(t, link).Status != http.StatusNotFound {
					t.Errorf("the link once more: %d", another.Status)
				}
				if again, err := s.Services().FirstRunLink(t.Context()); again != "" || err != nil {
					t.Errorf("another link: %q, %v", again, err)
				}
			})
		})
	}
}

// With a passkey nothing else is needed.
func TestFirstRunWithAPasskey(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly())
		b := s.Browser(t)
		link := firstLink(t, s)
		b.Get(t, link)
		form := url.Values{"name": {"Ada"}, "username": {"ada@example.com"}, "t": {b.FormWith("signup-submit").Fields.Get("t")}}
		to := b.Attribute("signup-passkey", "formaction")
		b.Post(t, to, url.Values{"t": form["t"], "username": {"nobody"}, "credential": {""}})
		if b.Status != http.StatusBadRequest || !b.Has("signup-submit") {
			t.Errorf("mistakes: %d %s", b.Status, b.Text("main"))
		}
		b.Post(t, to, url.Values{"t": form["t"], "name": {"Ada"}, "username": {"ada@example.com"}, "credential": {"{}"}})
		if b.Status != http.StatusBadRequest || !b.Has("signup-submit") {
			t.Errorf("nonsense: %d %s", b.Status, b.Text("main"))
		}
		stray := s.Browser(t).Get(t, "/signin")
		if stray.Post(t, to+"/options", url.Values{"t": {gone}, "name": {"Eve"}, "username": {"eve@example.com"}}); stray.Status != 404 {
			t.Errorf("options without the link: %d", stray.Status)
		}
		form.Set("credential", s.Device().Create(t, b.PasskeyOptions(t, "signup-passkey", form)))
		if b.Post(t, to, form); b.URL.RequestURI() != "/admin/apps?first=1" || b.Status != http.StatusOK {
			t.Fatalf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		people, _, err := s.Services().Members.Holders(t.Context(), membership.Admin)
		if err != nil || len(people) != 1 {
			t.Errorf("administrators %v, %v", people, err)
		}
	})
}

// TestFirstRunTellsStrangersNothing: no link, a wrong one and a used one look alike, also without cookies; who guesses is slowed down.
func TestFirstRunTellsStrangersNothing(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		fields := url.Values{"name": {"Eve"}, "username": {"eve@example.com"}, "password": {servertest.NewPassword}, "t": {gone}}
		look := func(state string) {
			t.Helper()
			for _, request := range []func(b *servertest.Browser) *servertest.Browser{
				func(b *servertest.Browser) *servertest.Browser { return b.Get(t, "/setup") },
				func(b *servertest.Browser) *servertest.Browser { return b.Get(t, "/setup?t="+gone) },
				func(b *servertest.Browser) *servertest.Browser {
					return b.Get(t, "/setup?t="+strings.Repeat("A", 4000))
				},
				func(b *servertest.Browser) *servertest.Browser { return b.Post(t, "/setup", fields) },
				func(b *servertest.Browser) *servertest.Browser { return b.Get(t, "/signin").Post(t, "/setup", fields) },
				func(b *servertest.Browser) *servertest.Browser { return b.Post(t, "/setup/passkey", fields) },
				func(b *servertest.Browser) *servertest.Browser { return b.Post(t, "/setup/passkey/options", fields) },
			} {
				b := request(s.Browser(t))
				if b.Status != http.StatusNotFound || b.Has("signup-submit") {
					t.Errorf("%s: %d at %s: %s", state, b.Status, b.URL, b.Text("main"))
				}
			}
		}
		look("no link")
		link := firstLink(t, s)
		look("another link")
		late := s.Browser(t)
		for range 11 {
			late.Get(t, "/setup?t="+gone)
		}
		if late.Status != http.StatusTooManyRequests {
			t.Errorf("guessing: %d", late.Status)
		}
		b := s.Browser(t)
		if b.Get(t, link); b.Status != http.StatusOK {
			t.Errorf("who has the link: %d", b.Status)
		}
		fields.Set("t", link[strings.Index(link, "=")+1:])
		if bare := s.Browser(t).Post(t, "/setup", fields); bare.Status != http.StatusBadRequest || bare.URL.Path != "/setup" {
			t.Errorf("without cookies: %d at %s: %s", bare.Status, bare.URL, bare.Text("main"))
		}
	})
}

// Two browsers send the form of one link at the same moment.
func TestFirstRunRace(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, engine, servertest.HandlerOnly(), servertest.Quiet())
		link := firstLink(t, s)
		browsers := make([]*servertest.Browser, 3)
		for i := range browsers {
			browsers[i] = s.Browser(t).Get(t, link)
		}
		var wg sync.WaitGroup
		for i, b := range browsers {
			wg.Go(func() {
				b.Submit(t, "signup-submit", url.Values{"name": {"A"}, "username": {string(rune('a'+i)) + "@example.com"},
					"password": {servertest.NewPassword}})
			})
		}
		wg.Wait()
		in := 0
		for _, b := range browsers {
			if b.URL.Path == "/signin/factor/setup" {
				in++
			} else if b.Status != http.StatusNotFound {
				t.Errorf("%d at %s: %s", b.Status, b.URL, b.Text("main"))
			}
		}
		people, _, err := s.Services().Members.Holders(t.Context(), membership.Admin)
		if in != 1 || len(people) != 1 || err != nil {
			t.Errorf("%d got in, administrators %v, %v", in, people, err)
		}
	})
}
