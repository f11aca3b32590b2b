package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signet/oauth/flow"
	"signet/server/login/logintest"
	"signet/server/signin"
	"signet/server/signup"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
)

// newServer is a small server with the pages of signing in and up.
func newServer(t *testing.T, db *storage.DB, o logintest.Options) *logintest.Server {
	t.Helper()
	o.Handlers = func(s *logintest.Server) ([]web.Mounter, error) {
		in, err := signin.New(signin.Options{
			Login: s.Login, Browser: s.Browser, Pages: s.Pages, People: s.People, Codes: s.People, Count: s.Count,
		})
		if err != nil {
			return nil, err
		}
		up, err := signup.New(signup.Options{
			Login: s.Login, Browser: s.Browser, Pages: s.Pages, Accounts: s.People, Rules: s.People, Count: s.Count,
		})
		return []web.Mounter{in, up}, err
	}
	return logintest.New(t, db, o)
}

// A sign-in page that was left open for too long says so, and how to go on.
func TestB02_AnOldPageSaysHowToGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storagetest.SQLite(t)
		s := newServer(t, db, logintest.Options{})
		s.Person(t, "ada@example.org")
		b := s.Tab().Get(t, "/oauth2/authorize")
		form := b.At
		other := s.Tab().Get(t, form) // C06: another browser learns nothing
		other.Want(t, 200, "Sign in", "open for too long", "!The shop")
		time.Sleep(31 * time.Minute)
		link := `href="/oauth2/return?i=` + strings.TrimPrefix(form, "/signin?i=") + `"`
		b.Get(t, form).Want(t, 400, "This took too long", "Return to <bdi>The shop", link, "!password")
		b.SignIn(t, form, "ada@example.org", logintest.Password).Want(t, 400, "This took too long", link)
		b.Get(t, "/account").Want(t, 200, "!account of")
		other.Get(t, form).Want(t, 200, "open for too long", `action="/signin"`, "!The shop", "!/oauth2/return")
		other.SignIn(t, form, "ada@example.org", logintest.Password).Want(t, 200, "account of ada@example.org")
		if other.At != "/account?done=late" {
			t.Errorf("at %s", other.At)
		}
		time.Sleep(24 * time.Hour) // it is known no more
		b.Get(t, form).Want(t, 200, "open for too long", `action="/signin"`, "!The shop")
		b.SignIn(t, form, "ada@example.org", logintest.Password).Want(t, 200, "account of ada@example.org")
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBrowserWithoutCookiesIsTold(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Person(t, "ada@example.org")
	for _, path := range []string{"/signin", "/signup"} {
		b := s.Tab()
		b.KeepsNone = true
		b.Get(t, "/oauth2/authorize")
		b.SignIn(t, path, "ada@example.org", logintest.Password).Want(t, 400, "Cookies are needed")
	}
}

func TestTwoTabsSignInTwice(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	ada, bob := s.Person(t, "ada@example.org"), s.Person(t, "bob@example.org")
	one := s.Tab()
	two := s.Tab()
	two.Cookies = one.Cookies
	first, second := one.Get(t, "/oauth2/authorize").At, two.Get(t, "/oauth2/authorize").At
	one.SignIn(t, first, "ada@example.org", logintest.Password).Want(t, 200, "continue user="+ada.ID)
	two.SignIn(t, second, "ada@example.org", logintest.Password).Want(t, 200, "continue user="+ada.ID)
	one.SignIn(t, first, "ada@example.org", logintest.Password).Want(t, 200, "continue user="+ada.ID) // Back, and once more
	two.SignIn(t, second, "bob@example.org", logintest.Password).Want(t, 200, "continue user="+bob.ID)
	one.Get(t, "/account").Want(t, 200, "account of bob@example.org")
}

func TestWhatAnotherPersonDecidedIsForgotten(t *testing.T) { // consent is the person's own (OpenID Connect Core section 3.1.2.4)
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Person(t, "ada@example.org")
	bob := s.Person(t, "bob@example.org")
	b := s.Tab().Get(t, "/oauth2/authorize")
	form := b.At
	b.SignIn(t, form, "ada@example.org", logintest.Password)
	row, err := s.DB.InteractionByID(t.Context(), strings.TrimPrefix(form, "/signin?i="), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in := flow.Interaction{ID: row.ID}
	err = s.Browser.Record(t.Context(), &in, func(p *flow.Progress) { p.DecidedAt, p.Granted = time.Now(), []string{"email"} })
	if err != nil {
		t.Fatal(err)
	}
	b.SignIn(t, form, "ada@example.org", logintest.Password).Want(t, 200, "granted=[email]")
	b.SignIn(t, form, "bob@example.org", logintest.Password).Want(t, 200, "user="+bob.ID, "granted=[]")
}

func TestAppsLanguageIsSpoken(t *testing.T) { // OpenID Connect Core section 3.1.2.1, ui_locales
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Tab().Get(t, "/oauth2/authorize?ui_locales=de-AT+en").Want(t, 200, "Anmelden", `lang="de"`)
}

func TestC01_FormsOfOtherSitesAreStopped(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	s.Person(t, "ada@example.org")
	b := s.Tab().Get(t, "/signin")
	for _, path := range []string{"/signin", "/signup"} {
		form := url.Values{"username": {"ada@example.org"}, "password": {logintest.Password}, "name": {"X"}}
		b.PostFrom(t, "https://evil.example", path, form)
		if b.Code != http.StatusForbidden || len(b.Result().Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", path, b.Code, b.Result().Cookies())
		}
	}
}

func TestOddForms(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	b := s.Tab().Get(t, "/signin")
	for _, body := range []string{
		"", "username=%00%ff&password=x", "username=" + strings.Repeat("%C3%A4", 3000) + "&password=x",
		"username=a&username=b&password=c&password=d", "password=" + strings.Repeat("x", 60000) + "&username=a",
	} {
		for _, path := range []string{"/signin", "/signup", "/signin?i=%00", "/signin?i=" + strings.Repeat("x", 3000)} {
			form, err := url.ParseQuery(body)
			if err != nil {
				t.Fatal(err)
			}
			if b.Do(t, "POST", path, form); b.Code != 400 && b.Code != 403 && b.Code != 429 {
				t.Errorf("%.60s %.40q: status %d", path, body, b.Code)
			}
		}
	}
}
