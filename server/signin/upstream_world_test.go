package signin_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/federation/federationtest"
)

// fake is an upstream of a test.
type fake interface {
	Answer(t testing.TB, begin *url.URL, subject string) (callback string, values url.Values)
	Register(redirectURIs ...string)
	SetAccounts(accounts ...federationtest.Account)
	Down(on bool, paths ...string)
}

var (
	gmailAda = federationtest.Account{Subject: "110169484474386276334", Email: "ada@gmail.com", EmailVerified: true, Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Locale: "en"}
	gmailBob = federationtest.Account{Subject: "110169484474386276335", Email: "bob@gmail.com", EmailVerified: true, Name: "Bob"}
	fbAda    = federationtest.Account{Subject: "10150001", Email: "ada@example.com", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace"}
	fbEve    = federationtest.Account{Subject: "10150002", Name: "Eve"}
)

// world is a server with Google, Facebook and an OpenID provider of its own as upstreams.
type world struct {
	*servertest.Server
	google   *federationtest.Google
	facebook *federationtest.Facebook
	work     *federationtest.OIDC
	box      *mailtest.Box // nil = no mail
}

func (w *world) of(id string) fake {
	return map[string]fake{"google": w.google, "facebook": w.facebook, "work": w.work}[id]
}

// upstreams opens one; change may alter the configuration of an upstream by its id.
func upstreams(t *testing.T, mail bool, change map[string]func(*config.Upstream), opts ...servertest.Option) *world {
	t.Helper()
	w := &world{
		google: federationtest.NewGoogle(t, gmailAda, gmailBob), facebook: federationtest.NewFacebook(t, fbAda, fbEve),
		work: federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work", EndSession: true, Iss: true, Groups: "groups", AMR: []string{"pwd", "mfa"}},
			federationtest.Account{Subject: "w-1", Email: "ada@work.example", EmailVerified: true, Name: "Ada of Work", Groups: []string{"staff-eu", "other"}}),
	}
	list := []config.Upstream{
		{ID: "google", Kind: config.UpstreamGoogle, Issuer: w.google.Issuer(), ClientID: w.google.ClientID, ClientSecret: config.NewSecret(w.google.ClientSecret)},
		{ID: "facebook", Kind: config.UpstreamFacebook, Issuer: w.facebook.URL, ClientID: w.facebook.ClientID, ClientSecret: config.NewSecret(w.facebook.ClientSecret)},
		{ID: "work", Kind: config.UpstreamOIDC, Name: "Work", Issuer: w.work.Issuer(), ClientID: w.work.ClientID, ClientSecret: config.NewSecret(w.work.ClientSecret)},
	}
	for i, u := range list {
		w.of(u.ID).Register("https://id.example.com/signin/with/" + u.ID + "/callback")
		if f := change[u.ID]; f != nil {
			f(&list[i])
		}
	}
	w.work.RegisterSignedOut("https://id.example.com/signin/with/signed-out")
	opts = append(opts, servertest.HandlerOnly(), servertest.Change(func(c *config.Config) {
		c.Upstreams, c.Egress.AllowHosts = list, []string{"127.0.0.1"}
	}))
	if mail {
		w.box = mailtest.Start(t)
		opts = append(opts, servertest.Mail(w.box))
	}
	w.Server = servertest.New(t, opts...)
	return w
}

// press uses an upstream's button on the page in view.
func press(t *testing.T, b *servertest.Browser, id string) *servertest.Browser {
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

// back answers at the upstream where the browser is, and comes back; "" refuses.
func (w *world) back(t *testing.T, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	return b.Get(t, w.answer(t, b, id, subject))
}

// answer is the address that the upstream sends back to.
func (w *world) answer(t *testing.T, b *servertest.Browser, id, subject string) string {
	t.Helper()
	if b.Landed == nil {
		t.Fatalf("not at the upstream but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	callback, values := w.of(id).Answer(t, b.Landed, subject)
	return callback + "?" + values.Encode()
}

// through signs in at an upstream from the sign-in page.
func (w *world) through(t *testing.T, b *servertest.Browser, id, subject string) *servertest.Browser {
	t.Helper()
	if b.URL == nil || !strings.HasPrefix(b.URL.Path, "/signin") {
		b.Get(t, "/signin")
	}
	return w.back(t, press(t, b, id), id, subject)
}

// joined has an account made by an upstream that answers for the address.
func (w *world) joined(t *testing.T, b *servertest.Browser, id, subject string) storage.User {
	t.Helper()
	w.through(t, b, id, subject).Submit(t, "newaccount-submit", nil)
	return w.here(t, b)
}

// here is who is signed in in a browser.
func (w *world) here(t *testing.T, b *servertest.Browser) storage.User {
	t.Helper()
	b.Tab(t).Get(t, "/account")
	export := b.Tab(t).Get(t, "/account/profile")
	if export.URL.Path != "/account/profile" {
		t.Fatalf("nobody is signed in: at %s", export.URL)
	}
	email := ""
	for f := range strings.FieldsSeq(b.Tab(t).Get(t, "/account").Text("main")) {
		if strings.Contains(f, "@") {
			email = strings.Trim(f, ",")
			break
		}
	}
	u, err := w.House().People.Show(t.Context(), email)
	if err != nil {
		t.Fatalf("%q: %v", email, err)
	}
	return u
}

func nobody(t *testing.T, b *servertest.Browser) {
	t.Helper()
	if tab := b.Tab(t).Get(t, "/account"); tab.URL.Path != "/signin" {
		t.Errorf("somebody is signed in: %s", tab.Text("main"))
	}
}

// told says which problem a page shows, by a piece of its text.
func told(t *testing.T, b *servertest.Browser, status int, piece string) {
	t.Helper()
	if b.Status != status || !strings.Contains(b.Text("main"), piece) {
		t.Errorf("got %d at %s: %s; want %d with %q", b.Status, b.URL, b.Text("main"), status, piece)
	}
}

// events counts a person's events by name.
func (w *world) events(t *testing.T, userID string) map[string]int {
	t.Helper()
	list, _, err := w.House().People.Activity(t.Context(), userID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range list {
		counts[e.Name]++
	}
	return maps.Clone(counts)
}
