package signup_test

import (
	"net/url"
	"strings"
	"testing"

	"signet/server/login/logintest"
	"signet/server/signin"
	"signet/server/signup"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
	"signet/users"
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

func TestSignUpMakesAndSignsIn(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{})
	b := s.Tab().Get(t, "/oauth2/authorize")
	b.Get(t, strings.Replace(b.At, "/signin", "/signup", 1))
	b.Want(t, 200, "Create your account", `autocomplete="new-password"`, `autocomplete="username"`, `autocomplete="name"`,
		"At least 12 characters", "The shop")
	form := b.At
	typed := url.Values{"name": {`Ada <i>"L"`}, "username": {"ada@example"}, "handle": {"a b"}, "password": {"short"}}
	b.Do(t, "POST", form, typed).Want(t, 400, "Ada &lt;i&gt;", `value="ada@example"`, `value="a b"`, "complete email address",
		"Use 3 to 64 letters", "Use at least 12 characters", `!value="short"`)
	typed = url.Values{"name": {"Ada Lovelace"}, "username": {"ada@example.org"}, "handle": {"ada"}, "password": {logintest.Password}}
	b.Do(t, "POST", form, typed).Want(t, 200, "continue user=", "at=true")
	u, err := s.People.Show(t.Context(), "ada@example.org")
	if err != nil || u.EmailVerified || u.Username != "ada" {
		t.Errorf("made %+v (%v)", u, err)
	}
	s.Tab().Get(t, "/signup").Do(t, "POST", "/signup", typed).Want(t, 400, "There is already an account with this address",
		"This username is taken")
	other := s.Tab().Get(t, "/signup")
	typed.Set("username", "bob@example.org")
	typed.Set("handle", "")
	other.Do(t, "POST", "/signup", typed).Want(t, 200, "account of bob@example.org")
	if other.At != "/account?done=signup" {
		t.Errorf("at %s", other.At)
	}
}

func TestD12_SignUpClosedSaysSo(t *testing.T) {
	s := newServer(t, storagetest.SQLite(t), logintest.Options{Signup: users.Signup{Closed: true}})
	b := s.Tab().Get(t, "/signup")
	b.Want(t, 403, "Sign-up is closed")
	b.Get(t, "/signin").Want(t, 200, "!/signup")
	b.Do(t, "POST", "/signup", url.Values{"name": {"Ada"}, "username": {"ada@example.org"}, "password": {logintest.Password}}).Want(t, 403,
		"Sign-up is closed")
	if list, err := s.People.List(t.Context(), "", 10); len(list) != 0 || err != nil {
		t.Errorf("%d accounts (%v)", len(list), err)
	}
}
