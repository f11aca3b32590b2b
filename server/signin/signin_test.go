package signin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signet/server/login/logintest"
	"signet/server/signin"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users/password"
)

// newServer is a small server with the page.
func newServer(t *testing.T, db *storage.DB, o logintest.Options) *logintest.Server {
	t.Helper()
	o.Handlers = func(s *logintest.Server) ([]web.Mounter, error) {
		h, err := signin.New(signin.Options{
			Login: s.Login, Browser: s.Browser, Pages: s.Pages, People: s.People, Codes: s.People, Count: s.Count,
		})
		return []web.Mounter{h}, err
	}
	return logintest.New(t, db, o)
}

func TestSignInLeadsBackToTheApp(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	u := s.Person(t, "ada@example.org")
	b := s.Tab().Get(t, "/oauth2/authorize?login_hint=ada%40example.org")
	b.Want(t, 200, `value="ada@example.org"`, "The shop", `autocomplete="username webauthn"`, `autocomplete="current-password"`,
		"/signup?i=", "/forgot?i=")
	if csp := b.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https:") {
		t.Errorf("the form's answer may not lead to the app: %s", csp) // B02
	}
	form := b.At
	b.SignIn(t, form, "ada@example.org", "wrong password").Want(t, 403, `value="ada@example.org"`, "We could not sign you in", "The shop",
		"!wrong password")
	if b.At != form {
		t.Errorf("at %s", b.At)
	}
	b.SignIn(t, form, "ada@example.org", logintest.Password).Want(t, 200, "continue user="+u.ID+" at=true cancelled=false")
	if s.Counted("password", "success") != 1 || s.Counted("password", "failure") != 1 {
		t.Errorf("%d right, %d wrong", s.Counted("password", "success"), s.Counted("password", "failure"))
	}
	// Signed in, the plain page has nothing to ask (Back leads here).
	b.Get(t, "/signin").Want(t, 200, "account of ada@example.org")
}

func TestPlainSignInLeadsToTheAccount(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Person(t, "ada@example.org")
	b := s.Tab().Get(t, "/signin")
	b.Want(t, 200, "to your account", `action="/signin"`)
	b.Do(t, "POST", "/signin", url.Values{"username": {"ada@example.org"}, "password": {logintest.Password}, "remember": {"1"}}).Want(t, 200,
		"account of ada@example.org")
}

func TestE10_OneAnswerForAllWhoFail(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Person(t, "ada@example.org")
	off := s.Person(t, "off@example.org")
	if err := s.People.Disable(t.Context(), off.ID); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for name, pw := range map[string]string{"ada@example.org": "wrong password", "off@example.org": logintest.Password,
		"nil@example.org": logintest.Password} {
		b := s.Tab().Get(t, "/signin").SignIn(t, "/signin", name, pw)
		head := b.Header().Clone()
		head.Del("Set-Cookie")
		seen[fmt.Sprint(b.Code, head)+strings.ReplaceAll(b.Body.String(), name, "NAME")] = name
	}
	if len(seen) != 1 {
		t.Errorf("%d different answers", len(seen))
	}
}

func TestF04_ThrottledSaysHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		s := newServer(t, db, logintest.Options{})
		s.Person(t, "ada@example.org")
		answers := map[string]string{}
		for _, name := range []string{"ada@example.org", "nil@example.org"} {
			b := s.Tab().Get(t, "/signin")
			for range 11 {
				b.SignIn(t, "/signin", name, "wrong password")
			}
			b.Want(t, 429, "Too many attempts", "Wait 1 second")
			if b.Header().Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", b.Header().Get("Retry-After"))
			}
			answers[strings.ReplaceAll(b.Body.String(), name, "NAME")] = name
		}
		if len(answers) != 1 {
			t.Error("throttling tells who exists")
		}
		time.Sleep(time.Second)
		s.Tab().Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password).Want(t, 200, "account of")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestF02_KnownBrowserSignsInAtOnceDespiteStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		s := newServer(t, db, logintest.Options{})
		s.Person(t, "ada@example.org")
		owner := s.Tab().Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password)
		delete(owner.Cookies, "signet_9400_session") // signed out
		stranger := s.Tab().Get(t, "/signin")
		for range 1000 {
			stranger.SignIn(t, "/signin", "ada@example.org", "wrong password")
		}
		stranger.Want(t, 429)
		owner.Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password).Want(t, 200, "account of ada@example.org")
		s.Tab().Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password).Want(t, 429)
		time.Sleep(time.Minute)
		s.Tab().Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password).Want(t, 200, "account of ada@example.org")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReauthenticationFixesTheNameButNotTheTyped(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	ada, bob := s.Person(t, "ada@example.org"), s.Person(t, "bob@example.org")
	b := s.Tab().Get(t, "/signin").SignIn(t, "/signin", "ada@example.org", logintest.Password)
	b.Get(t, "/oauth2/authorize?prompt=login").Want(t, 200, "Sign in again", `value="ada@example.org" readonly`, "&amp;other=1")
	form := b.At
	b.Get(t, form+"&other=1").Want(t, 200, "!readonly", "!Sign in again")
	b.SignIn(t, form, "bob@example.org", logintest.Password).Want(t, 200, "continue user="+bob.ID)
	b.Get(t, "/oauth2/authorize?prompt=select_account&other=1").Want(t, 200, "!readonly")
	b.Get(t, "/oauth2/authorize?prompt=login&hint="+ada.ID).Want(t, 200, "!readonly")
	b.Get(t, "/oauth2/authorize?prompt=login&hint="+bob.ID).Want(t, 200, "readonly")
}

func TestCancelRefusesTheApp(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	b := s.Tab().Get(t, "/oauth2/authorize")
	b.Want(t, 200, "cancel=1")
	b.Get(t, b.At+"&cancel=1").Want(t, 200, "cancelled=true")
}

func TestE08_BusyIs503WithRetryAfter(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{Passwords: password.Options{Cost: 9, Workers: 1, Queue: time.Nanosecond}})
	busy := 0
	for tries := 0; busy == 0 && tries < 20; tries++ { // on a machine that is busy they may come one after the other
		codes := make(chan *httptest.ResponseRecorder, 12)
		var wg sync.WaitGroup
		for i := range cap(codes) {
			b := s.Tab().Get(t, "/signin")
			wg.Go(func() {
				codes <- b.SignIn(t, "/signin", fmt.Sprintf("p%d-%d@example.org", tries, i), "x").ResponseRecorder
			})
		}
		wg.Wait()
		close(codes)
		for w := range codes {
			if w.Code == http.StatusServiceUnavailable {
				busy++
				if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "A lot of people are signing in") {
					t.Errorf("headers %v", w.Header())
				}
			} else if w.Code != http.StatusForbidden {
				t.Errorf("status %d", w.Code)
			}
		}
	}
	if busy == 0 {
		t.Error("nobody was asked to wait")
	}
}

func TestA18_DatabaseAwayIs503(t *testing.T) {
	db := storagetest.SQLite(t)
	s := newServer(t, db, logintest.Options{})
	b := s.Tab().Get(t, "/signin")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b.SignIn(t, "/signin", "ada@example.org", logintest.Password).Want(t, 503)
	if b.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
