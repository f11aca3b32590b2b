package confirm_test

import (
	"cmp"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
	"signet/users/federation/federationtest"
)

// fake is an upstream of a test.
type fake interface {
	Answer(t testing.TB, begin *url.URL, subject string) (callback string, values url.Values)
	Register(redirectURIs ...string)
	SetAccounts(accounts ...federationtest.Account)
}

const subject = "1001"

// world is a server with an upstream of each kind that can be asked for a new proof.
type world struct {
	*servertest.Server
	box     *mailtest.Box // nil = no mail
	fakes   map[string]fake
	issuers map[string]string // of their identities
	oidc    map[string]*federationtest.OIDC
}

func newWorld(t *testing.T, mail bool, opts ...servertest.Option) *world {
	t.Helper()
	ada := federationtest.Account{Subject: subject, Email: "ada@example.com", EmailVerified: true, Name: "Ada Lovelace"}
	google, facebook, github := federationtest.NewGoogle(t, ada), federationtest.NewFacebook(t, ada), federationtest.NewGitHub(t, ada)
	microsoft, work := federationtest.NewMicrosoft(t, "common", ada), federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work"}, ada)
	w := &world{
		fakes: map[string]fake{"google": google, "facebook": facebook, "github": github, "microsoft": microsoft, "work": work},
		issuers: map[string]string{
			"google": google.Issuer(), "facebook": facebook.URL, "github": github.URL, "work": work.Issuer(),
			"microsoft": microsoft.URL + "/" + microsoft.TenantID + "/v2.0",
		},
		oidc: map[string]*federationtest.OIDC{"google": google.OIDC, "microsoft": microsoft.OIDC, "work": work},
	}
	one := func(id, kind, issuer, client, secret string) config.Upstream {
		return config.Upstream{ID: id, Kind: kind, Issuer: issuer, ClientID: client, ClientSecret: config.NewSecret(secret),
			Name: strings.ToUpper(id)}
	}
	list := []config.Upstream{
		one("google", config.UpstreamGoogle, google.Issuer(), google.ClientID, google.ClientSecret),
		one("facebook", config.UpstreamFacebook, facebook.URL, facebook.ClientID, facebook.ClientSecret),
		one("github", config.UpstreamGitHub, github.URL, github.ClientID, github.ClientSecret),
		one("microsoft", config.UpstreamMicrosoft, microsoft.URL, microsoft.ClientID, microsoft.ClientSecret),
		one("work", config.UpstreamOIDC, work.Issuer(), work.ClientID, work.ClientSecret),
	}
	for id, u := range w.fakes {
		u.Register("https://id.example.com/signin/with/" + id + "/callback")
	}
	opts = append(opts, servertest.HandlerOnly(), servertest.Quiet(), servertest.Change(func(c *config.Config) {
		c.Upstreams, c.Egress.AllowHosts = list, []string{"127.0.0.1"}
	}))
	if mail {
		w.box = mailtest.Start(t)
		opts = append(opts, servertest.Mail(w.box))
	}
	w.Server = servertest.New(t, opts...)
	return w
}

// person is somebody with an account that is linked with an upstream.
type person struct {
	servertest.Person
	upstream string
}

// linked makes somebody who signs in at an upstream only.
func (w *world) linked(t *testing.T, upstream string, change ...func(r *users.Registration)) person {
	t.Helper()
	p := w.withPassword(t, upstream, change...)
	if _, err := w.Services().DB.DeleteCredentials(t.Context(), p.ID, "password"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) withPassword(t *testing.T, upstream string, change ...func(r *users.Registration)) person {
	t.Helper()
	p := w.Person(t, "ada@example.com", change...)
	now := time.Now()
	err := w.Services().DB.InsertIdentity(t.Context(), storage.Identity{
		ID: "id-" + upstream, Upstream: upstream, Issuer: w.issuers[upstream], Subject: subject, UserID: p.ID, CreatedAt: now, LastUsedAt: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return person{p, upstream}
}

// noAddress leaves the address unverified.
func noAddress(r *users.Registration) { r.Verification = users.Verification{} }

// strip takes out of a request to an upstream what whoever sits at the browser can take out.
func strip(begin *url.URL) *url.URL {
	stripped := *begin
	q := stripped.Query()
	for _, name := range []string{"prompt", "max_age", "auth_type", "auth_nonce"} {
		q.Del(name)
	}
	stripped.RawQuery = q.Encode()
	return &stripped
}

// through uses the button of the person's upstream on the page in view, and comes back; change may alter the request to the upstream.
func (w *world) through(t *testing.T, b *servertest.Browser, p person, change func(*url.URL) *url.URL) *servertest.Browser {
	t.Helper()
	w.press(t, b, p)
	at := b.Landed
	if change != nil {
		at = change(at)
	}
	callback, values := w.fakes[p.upstream].Answer(t, at, subject)
	return b.Get(t, callback+"?"+values.Encode())
}

// press uses the button, and fails where it does not lead to the upstream.
func (w *world) press(t *testing.T, b *servertest.Browser, p person) {
	t.Helper()
	button := "with-" + p.upstream
	action, fields := b.Attribute(button, "formaction"), url.Values{}
	if form := b.FormWith(button); form != nil {
		action, fields = cmp.Or(action, form.Action), form.Fields
	}
	if action == "" {
		t.Fatalf("no button of %s at %s (%d): %s", p.upstream, b.URL, b.Status, b.Text("main"))
	}
	b.Post(t, action, fields)
	if b.Landed == nil {
		t.Fatalf("not at the upstream but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
}

// signedIn is a browser in which the person signed in at their upstream long ago.
func (w *world) signedIn(t *testing.T, p person) *servertest.Browser {
	t.Helper()
	b := w.Browser(t).Get(t, "/signin")
	if w.through(t, b, p, strip); b.URL.Path != "/account" {
		t.Fatalf("%s: signing in ends at %s (%d): %s", p.upstream, b.URL, b.Status, b.Text("main"))
	}
	w.AgeSessions(t, p.ID, time.Hour)
	return b
}

// proof is when and how the person signed in, in their one session.
type proof struct {
	at  int64
	acr string
}

func (w *world) proof(t *testing.T, p person) proof {
	t.Helper()
	list, err := w.Services().DB.SessionsOfUser(t.Context(), p.ID, time.Now(), 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	return proof{list[0].AuthTime.Unix(), list[0].ACR}
}

// code is the one in the next email that has one.
func (w *world) code(t *testing.T, p person) string {
	t.Helper()
	for {
		if m := w.box.Wait(t, p.Email); strings.Contains(m.Subject, "your code") {
			return m.Code(t)
		}
	}
}

// confirm confirms by a mailed code on the page in view.
func (w *world) confirm(t *testing.T, b *servertest.Browser, p person) *servertest.Browser {
	t.Helper()
	if b.URL.Path != "/signin/confirm" {
		t.Fatalf("not asked to confirm but at %s (%d): %s", b.URL, b.Status, b.Text("main"))
	}
	b.Submit(t, "confirm-ask", nil)
	return b.Submit(t, "confirm-submit", url.Values{"code": {w.code(t, p)}})
}

// events counts a person's by name.
func (w *world) events(t *testing.T, userID string) map[string]int {
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

func at(t *testing.T, b *servertest.Browser, what, path string, status int) {
	t.Helper()
	if b.URL.Path != path || b.Status != status {
		t.Fatalf("%s: at %s (%d), want %s (%d): %s", what, b.URL, b.Status, path, status, b.Text("main"))
	}
}
