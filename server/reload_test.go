package server_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/config"
	"signet/server"
	"signet/server/servertest"
)

// TestAServerTakesUpItsConfiguration: at once, while it answers, and all of it or nothing.
func TestAServerTakesUpItsConfiguration(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.Quiet())
	ada := s.Person(t, "ada@example.com")
	app := s.App(t, "web")
	browser := s.Browser(t)
	token := app.Login(t, browser, ada)
	c := s.Services().Config

	stop := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			res, err := s.HTTP.Get(s.URL + "/oauth2/jwks")
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("while it reloads: %v, %v", res, err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	for _, name := range []string{"Once", "Twice", "Shop & Sons"} {
		c.Branding.Name = name
		changed, err := s.Reload(t.Context(), c)
		if err != nil || len(changed) != 1 || changed[0] != "branding.name" {
			t.Fatalf("changed %v, %v", changed, err)
		}
	}
	close(stop)
	asking.Wait()
	if page := s.Browser(t).Get(t, "/signin").Body; !strings.Contains(page, "Shop &amp; Sons") {
		t.Error("the page does not say the new name")
	}
	if changed, err := s.Reload(t.Context(), c); err != nil || len(changed) != 0 {
		t.Errorf("nothing was changed: %v, %v", changed, err)
	}
	app.Userinfo(t, token.AccessToken) // what was given before is good
	app.Login(t, browser, ada)

	other := c
	other.Server.Issuer, other.Storage.PoolSize, other.Branding.Name = "https://other.example", 3, "Lost"
	_, err := s.Reload(t.Context(), other)
	if !errors.Is(err, server.ErrFixed) || !strings.Contains(err.Error(), "server.issuer") || !strings.Contains(err.Error(),
		"storage.pool_size") {
		t.Errorf("what a restart is for: %v", err)
	}
	broken := c
	broken.Branding.Name, broken.Branding.Languages = "Lost", "/nowhere"
	if _, err := s.Reload(t.Context(), broken); err == nil {
		t.Error("languages that are not there were taken up")
	}
	page := s.Browser(t).Get(t, "/signin").Body
	if strings.Contains(page, "Lost") || !strings.Contains(page, "Shop &amp; Sons") {
		t.Error("a configuration that was refused shows")
	}
	w := httptest.NewRecorder()
	s.InternalHandler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if !strings.Contains(w.Body.String(), "\nsignet_config_reload_failed 1") {
		t.Error("the metric does not say that it failed")
	}
	list, err := s.Services().DB.Events(t.Context(), "", 200)
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, e := range list {
		if e.Name == "config.loaded" && strings.Contains(string(e.Detail), "branding.name") {
			loaded++
		}
	}
	if loaded != 3 {
		t.Errorf("%d events, want 3", loaded)
	}
}

// TestReloadsAndRequestsRace: many at once, of requests and of reloads.
func TestReloadsAndRequestsRace(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.Quiet(), servertest.HandlerOnly())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			c := s.Services().Config
			for n := range 3 {
				c.Branding.Name = strings.Repeat("x", 1+i*3+n)
				if _, err := s.Reload(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 10 {
				res, err := s.HTTP.Get(s.URL + "/.well-known/openid-configuration")
				if err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%v, %v", res, err)
				}
			}
		})
	}
	all.Wait()
}

// TestAStormOfReloadsHarmsNoRequest: fifty of them, while an app refreshes its tokens, asks who that is, and people open pages.
func TestAStormOfReloadsHarmsNoRequest(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.Quiet())
	app := s.App(t, "web").With("openid", "offline_access")
	token := app.Login(t, s.Browser(t), s.Person(t, "ada@example.com"))
	stop := make(chan struct{})
	var asking sync.WaitGroup
	until := func(ask func() error) {
		asking.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					if n > 1 {
						return
					}
				default:
				}
				if err := ask(); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
			}
		})
	}
	refresh := token.RefreshToken
	until(func() error {
		next, err := app.TryRefresh(t.Context(), refresh)
		if err == nil {
			refresh = next.RefreshToken
		}
		return err
	})
	for path, bearer := range map[string]string{"/userinfo": token.AccessToken, "/signin": "", "/oauth2/jwks": ""} {
		until(func() error {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
			if err != nil {
				return err
			}
			if bearer != "" {
				r.Header.Set("Authorization", "Bearer "+bearer)
			}
			res, err := s.HTTP.Do(r)
			if err != nil {
				return err
			}
			if _, err = io.Copy(io.Discard, res.Body); res.StatusCode != http.StatusOK {
				err = errors.New(path + ": " + res.Status)
			}
			return errors.Join(err, res.Body.Close())
		})
	}
	c := s.Services().Config
	for n := range 50 {
		c.Branding.Name = strings.Repeat("x", 1+n)
		if _, err := s.Reload(t.Context(), c); err != nil {
			t.Errorf("reload %d: %v", n, err)
		}
	}
	close(stop)
	asking.Wait()
}

func TestChangedSettingsAreTold(t *testing.T) {
	t.Parallel()
	c := config.Default()
	d := c
	d.Mail.SMTP.Password, d.MasterKey, d.Keys.Rotation = config.NewSecret("a"), config.NewSecret("b"), time.Hour
	if got := strings.Join(d.Changed(c), " "); got != "keys.rotation mail.smtp.password (master key)" {
		t.Errorf("got %s", got)
	}
	if got := c.Changed(config.Default()); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
