// Package upstreamtest is a whole server with upstreams that people can sign in at: Google, Facebook and an OpenID provider called Work.
// Begin with New; World.SignIn goes through one of them.
package upstreamtest

import (
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/federation/federationtest"
)

// upstream is one of a test.
type upstream interface {
	Answer(t testing.TB, begin *url.URL, subject string) (callback string, values url.Values)
	Register(redirectURIs ...string)
	SetAccounts(accounts ...federationtest.Account)
	Down(on bool, paths ...string)
}

// Who has an account at an upstream: Ada and Bob at Google, Ada and Eve at Facebook.
var (
	GoogleAda = federationtest.Account{
		Subject: "110169484474386276334", Email: "ada@gmail.com", EmailVerified: true, Name: "Ada Lovelace", GivenName: "Ada",
		FamilyName: "Lovelace", Locale: "en",
	}
	GoogleBob   = federationtest.Account{Subject: "110169484474386276335", Email: "bob@gmail.com", EmailVerified: true, Name: "Bob"}
	FacebookAda = federationtest.Account{
		Subject: "10150001", Email: "ada@example.com", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace",
	}
	FacebookEve = federationtest.Account{Subject: "10150002", Name: "Eve"}
)

// WorkAda is Ada's subject at Work.
const WorkAda = "w-1"

// World is the server with its upstreams, whose ids are "google", "facebook" and "work".
type World struct {
	*servertest.Server
	Google   *federationtest.Google
	Facebook *federationtest.Facebook
	Work     *federationtest.OIDC
	Box      *mailtest.Box // nil = no mail
}

// Changes alter the configuration of upstreams by their ids.
type Changes map[string]func(*config.Upstream)

// New opens one, with mail or without.
func New(t testing.TB, mail bool, change Changes, opts ...servertest.Option) *World {
	t.Helper()
	w := &World{
		Google:   federationtest.NewGoogle(t, GoogleAda, GoogleBob),
		Facebook: federationtest.NewFacebook(t, FacebookAda, FacebookEve),
		Work: federationtest.NewOIDC(t,
			federationtest.OIDCOptions{Name: "Work", EndSession: true, Iss: true, Groups: "groups", AMR: []string{"pwd", "mfa"}},
			federationtest.Account{
				Subject: WorkAda, Email: "ada@work.example", EmailVerified: true, Name: "Ada of Work", Groups: []string{"staff-eu", "other"},
			}),
	}
	list := w.configured()
	for i, u := range list {
		w.of(u.ID).Register("https://id.example.com/signin/with/" + u.ID + "/callback")
		if f := change[u.ID]; f != nil {
			f(&list[i])
		}
	}
	w.Work.RegisterSignedOut("https://id.example.com/signin/with/signed-out")
	opts = append(opts, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		c.Upstreams, c.Egress.AllowHosts = list, []string{"127.0.0.1"}
	}))
	if mail {
		w.Box = mailtest.Start(t)
		opts = append(opts, servertest.Mail(w.Box))
	}
	w.Server = servertest.New(t, opts...)
	return w
}

func (w *World) configured() []config.Upstream {
	return []config.Upstream{
		{
			ID: "google", Kind: config.UpstreamGoogle, Issuer: w.Google.Issuer(), ClientID: w.Google.ClientID,
			ClientSecret: config.NewSecret(w.Google.ClientSecret),
		},
		{
			ID: "facebook", Kind: config.UpstreamFacebook, Issuer: w.Facebook.URL, ClientID: w.Facebook.ClientID,
			ClientSecret: config.NewSecret(w.Facebook.ClientSecret),
		},
		{
			ID: "work", Kind: config.UpstreamOIDC, Name: "Work", Issuer: w.Work.Issuer(), ClientID: w.Work.ClientID,
			ClientSecret: config.NewSecret(w.Work.ClientSecret),
		},
	}
}

func (w *World) of(id string) upstream {
	return map[string]upstream{"google": w.Google, "facebook": w.Facebook, "work": w.Work}[id]
}

// Press uses an upstream's button on the page in view.
func Press(t testing.TB, b *servertest.Browser, id string) *servertest.Browser {
	t.Helper()
	action := b.Attribute("with-"+id, "formaction")
	if action == "" {
		t.Fatalf("no button of %s at %s: %s", id, b.URL, b.Text("main"))
	}
	to, err := b.URL.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	fields := url.Values{}
	if form := b.FormWith("with-" + id); form != nil {
		fields = form.Fields
	}
	return b.Post(t, to.String(), fields)
}

// Return answers at the upstream where the browser is, and comes back; "" refuses.
func (w *World) Return(t testing.TB, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	return b.Get(t, w.Callback(t, b, id, subject))
}

// Callback is the address that the upstream where the browser is sends back to.
func (w *World) Callback(t testing.TB, b *servertest.Browser, id, subject string) string {
	t.Helper()
	if b.Landed == nil {
		t.Fatalf("not at the upstream but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	callback, values := w.of(id).Answer(t, b.Landed, subject)
	return callback + "?" + values.Encode()
}

// SignIn signs in at an upstream from the sign-in page.
func (w *World) SignIn(t testing.TB, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	if b.URL == nil || !strings.HasPrefix(b.URL.Path, "/signin") {
		b.Get(t, "/signin")
	}
	return w.Return(t, Press(t, b, id), id, subject)
}

// Join has an account made by an upstream that answers for the address.
func (w *World) Join(t testing.TB, b *servertest.Browser, id, subject string) storage.User {
	t.Helper()
	w.SignIn(t, b, id, subject).Submit(t, "newaccount-submit", nil)
	return w.Visitor(t, b)
}

// Visitor is who is signed in in a browser.
func (w *World) Visitor(t testing.TB, b *servertest.Browser) storage.User {
	t.Helper()
	if tab := b.Tab(t).Get(t, "/account/profile"); tab.URL.Path != "/account/profile" {
		t.Fatalf("nobody is signed in: at %s", tab.URL)
	}
	email := ""
	for f := range strings.FieldsSeq(b.Tab(t).Get(t, "/account").Text("main")) {
		if strings.Contains(f, "@") {
			email = strings.Trim(f, ",")
			break
		}
	}
	u, err := w.Services().People.Show(t.Context(), email)
	if err != nil {
		t.Fatalf("%q: %v", email, err)
	}
	return u
}

// NoVisitor wants nobody to be signed in in a browser.
func NoVisitor(t testing.TB, b *servertest.Browser) {
	t.Helper()
	if tab := b.Tab(t).Get(t, "/account"); tab.URL.Path != "/signin" {
		t.Errorf("somebody is signed in: %s", tab.Text("main"))
	}
}

// Shows wants the page in view to have a status and a piece of text.
func Shows(t testing.TB, b *servertest.Browser, status int, piece string) {
	t.Helper()
	if b.Status != status || !strings.Contains(b.Text("main"), piece) {
		t.Errorf("got %d at %s: %s; want %d with %q", b.Status, b.URL, b.Text("main"), status, piece)
	}
}

// Linked are the identities of a person.
func (w *World) Linked(t testing.TB, userID string) []storage.Identity {
	t.Helper()
	list, err := w.Services().Federation.Linked(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Events counts a person's events by name.
func (w *World) Events(t testing.TB, userID string) map[string]int {
	t.Helper()
	list, _, err := w.Services().People.Activity(t.Context(), userID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range list {
		counts[e.Name]++
	}
	return counts
}
