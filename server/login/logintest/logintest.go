// Package logintest is a small server for tests of the pages of a sign-in: login.Login over a test's database, with the pages that are
// given to it, between a stub of the authorization endpoint and one of the account page. Its one app is "shop", its people have no
// second factor. What needs the whole server is tested through server/servertest. Begin with New.
package logintest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"signet/clients"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/login"
	"signet/server/pages"
	"signet/server/web"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/password"
	"signet/users/userstest"
)

// Options of New.
type Options struct {
	Signup    users.Signup
	Passwords password.Options // the zero value has the cheapest hash
	// Handlers makes the pages; they may keep what they need of the server.
	Handlers func(s *Server) ([]web.Mounter, error)
}

// Server is a small one.
type Server struct {
	http.Handler
	DB      *storage.DB
	People  *users.Service
	Browser *browser.Browser
	Pages   *pages.Pages
	Login   *login.Login

	mu     sync.Mutex
	counts map[string]int
}

// Password of every Person.
const Password = userstest.Password

const redirectURI = "https://shop.example/cb"

// New makes one over a database.
func New(t testing.TB, db *storage.DB, o Options) *Server {
	t.Helper()
	s := &Server{DB: db, counts: map[string]int{}}
	issuer, err := url.Parse("http://localhost:9400")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.open(t, issuer, o); err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux(web.Options{Issuer: issuer, Errors: s.Pages.Error, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	handlers, err := o.Handlers(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range handlers {
		h.Mount(mux)
	}
	mux.Page("GET /oauth2/authorize", s.authorize)
	mux.Page("GET /oauth2/continue", s.proceed)
	mux.Page("GET /account", s.account)
	s.Handler = mux.Handler()
	return s
}

func (s *Server) open(t testing.TB, issuer *url.URL, o Options) (err error) {
	o.Passwords.Cost = cmp.Or(o.Passwords.Cost, bcrypt.MinCost)
	passwords, err := password.New(o.Passwords)
	if err != nil {
		return err
	}
	people := userstest.New(t, s.DB, func(to *users.Options) { to.Signup, to.Passwords = o.Signup, passwords })
	s.People = people.Service
	s.Browser, err = browser.New(browser.Options{
		Issuer: issuer, Store: s.DB, Bounds: s.DB, Past: s.DB, Sessions: people.Sessions, DeviceKeys: [][]byte{[]byte("some key")},
	})
	if err != nil {
		return err
	}
	if s.Pages, err = pages.New(pages.Options{}); err != nil {
		return err
	}
	s.Login, err = login.New(login.Options{
		Browser: s.Browser, Pages: s.Pages, People: s.People, Factors: noFactors{}, Consents: noConsents{}, Client: client,
		Resources: noResources, App: app, Tx: s.DB.Tx,
		Tickets: people.Tickets, Count: s.Count,
	})
	return err
}

// Count notes an outcome; Counted tells how often it was noted.
func (s *Server) Count(way, outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[way+" "+outcome]++
}

// Counted is how often an outcome was noted of a way.
func (s *Server) Counted(way, outcome string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[way+" "+outcome]
}

// Person makes an account with Password.
func (s *Server) Person(t testing.TB, email string) storage.User {
	t.Helper()
	r := users.Registration{Email: email, Name: "Ada", Method: users.WithPassword(Password), Voucher: users.VouchedByOperator()}
	u, err := s.People.CreateAccount(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// authorize begins a request of the app and leads to the sign-in page. The parameter hint is the sub of an id_token_hint; with other,
// somebody else is to sign in, as the page of accounts leads there.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	in, err := s.Browser.Begin(w, r, flow.PurposeAuthorize, flow.Request{
		ClientID: "shop", RedirectURI: redirectURI, LoginHint: q.Get("login_hint"), Prompts: strings.Fields(q.Get("prompt")),
		HintSubject: q.Get("hint"), UILocales: strings.Fields(q.Get("ui_locales")),
	})
	if err != nil {
		return err
	}
	if q.Has("other") {
		return web.Redirect(w, r, s.Login.Another(in))
	}
	return s.Login.ToStep(w, r, &login.State{In: in}, flow.SignIn)
}

// proceed shows where the dispatcher of an app's request would go on from.
func (s *Server) proceed(w http.ResponseWriter, r *http.Request) error {
	in, err := s.Browser.Interaction(r)
	if err != nil {
		return err
	}
	p := in.Progress
	_, err = fmt.Fprintf(w, "continue user=%s at=%t cancelled=%t granted=%v", p.UserID, !p.SignedInAt.IsZero(), p.Cancelled, p.Granted)
	return err
}

func (s *Server) account(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Browser.Visitor(r)
	if err != nil || v == nil {
		return err
	}
	_, err = fmt.Fprintf(w, "account of %s", v.Person.Email)
	return err
}

func client(_ context.Context, id string) (*clients.Client, error) {
	return &clients.Client{Metadata: clients.Metadata{
		ClientID: id, ClientName: "The " + id, ApplicationType: clients.Web, RedirectURIs: []string{redirectURI},
	}}, nil
}

func app(_ context.Context, id, _ string) *pages.App {
	return &pages.App{ID: id, Name: "The " + id, Host: "shop.example"}
}

// noFactors are those of people without any.
type noFactors struct{}

func (noFactors) Of(context.Context, string) (factor.Enrolled, error)     { return factor.Enrolled{}, nil }
func (noFactors) Required(context.Context, string) (bool, error)          { return false, nil }
func (noFactors) Reachable(context.Context, string) (factor.Level, error) { return factor.Single, nil }

func (noFactors) Account(context.Context, storage.User) (factor.Account, error) {
	return factor.Account{Password: true}, nil
}

// noResources are those of a server without APIs.
func noResources() *clients.Resources { return new(clients.Resources) }

// noConsents remember nothing.
type noConsents struct{}

func (noConsents) Read(context.Context, string, string) (storage.Consent, error) {
	return storage.Consent{}, nil
}
