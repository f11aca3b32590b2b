package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/federationtest"
	"signet/users/passkey/passkeytest"
)

// The servers of the table: two factors if a person wants them, two factors from everybody, and no mail.
const (
	optional = "optional"
	everyone = "everyone"
	noMail   = "no mail"
)

// ways is one of those servers, with upstreams.
type ways struct {
	*servertest.Server
	kind     string
	box      *mailtest.Box // nil = no mail
	google   *federationtest.Google
	facebook *federationtest.Facebook
	work     *federationtest.OIDC
	people   atomic.Int64
}

// maxPeople is how many a server of the table knows at its upstreams.
const maxPeople = 4000

// fakePerson is what an upstream knows of somebody: a subject of their own at each.
func fakePerson(n int, stranger bool) federationtest.Account {
	a := federationtest.Account{Subject: fmt.Sprint(10_000_000 + n), Email: addressOf(n), EmailVerified: true, Name: "Ada Lovelace"}
	if stranger {
		a.Subject, a.Email = fmt.Sprint(20_000_000+n), "new-"+a.Email
	}
	return a
}

// addressOf somebody is one that Google answers for.
func addressOf(n int) string { return fmt.Sprintf("p%d@gmail.com", n) }

func newWays(t *testing.T, kind string, engine servertest.Option) *ways {
	t.Helper()
	var known []federationtest.Account
	for n := range maxPeople {
		known = append(known, fakePerson(n, false), fakePerson(n, true))
	}
	w := &ways{kind: kind, google: federationtest.NewGoogle(t, known...), facebook: federationtest.NewFacebook(t, known...)}
	w.work = federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work"}, known...)
	for id, u := range map[string]interface{ Register(...string) }{"google": w.google, "facebook": w.facebook, "work": w.work} {
		u.Register("https://id.example.com/signin/with/" + id + "/callback")
	}
	options := []servertest.Option{engine, servertest.HandlerOnly(), servertest.Quiet(), servertest.Change(func(c *config.Config) {
		c.Upstreams, c.Egress.AllowHosts = w.upstreams(), []string{"127.0.0.1"}
		c.Factors.Required, c.Factors.RecoveryWait, c.Signin.MailedCode = optional, 1, true
		c.Admin.MCP = config.ToolsWrite
		if kind == everyone {
			c.Factors.Required = everyone
		}
	})}
	if kind != noMail {
		w.box = mailtest.Start(t)
		options = append(options, servertest.Mail(w.box))
	}
	w.Server = servertest.New(t, options...)
	return w
}

// upstreams are those of the configuration.
func (w *ways) upstreams() []config.Upstream {
	one := func(id, kind, issuer, client, secret string) config.Upstream {
		return config.Upstream{ID: id, Kind: kind, Issuer: issuer, ClientID: client, ClientSecret: config.NewSecret(secret), Name: id}
	}
	return []config.Upstream{
		one("google", config.UpstreamGoogle, w.google.Issuer(), w.google.ClientID, w.google.ClientSecret),
		one("facebook", config.UpstreamFacebook, w.facebook.URL, w.facebook.ClientID, w.facebook.ClientSecret),
		one("work", config.UpstreamOIDC, w.work.Issuer(), w.work.ClientID, w.work.ClientSecret),
	}
}

// cell is one square of the table: somebody with an account, and a browser in a state of sign-in.
type cell struct {
	t       *testing.T
	w       *ways
	n       int
	p       servertest.Person // their password is the one of now
	b       *servertest.Browser
	i       string                    // the sign-in in progress
	app     *servertest.Authenticator // nil = none
	key     *passkeytest.Device       // nil = none
	trusted bool                      // the browser is, before anything is sent
	email   string                    // of an account that may come into being
	kept    string                    // how the password is kept
	made    int                       // addresses so far
	same    bool                      // the last driver left all as it was
}

// newCell makes the account that a state is about. Everybody has a password and is known at two upstreams.
func newCell(t *testing.T, w *ways, s *state) *cell {
	t.Helper()
	c := &cell{t: t, w: w, n: int(w.people.Add(1))}
	if c.n >= maxPeople {
		t.Fatal("the upstreams know no more people")
	}
	c.p = w.Person(t, addressOf(c.n), func(r *users.Registration) {
		if s.unproven {
			r.Verification = users.Verification{}
		}
	})
	c.b = c.browser()
	for upstream, issuer := range map[string]string{"work": w.work.Issuer(), "facebook": w.facebook.URL} {
		err := w.Services().DB.InsertIdentity(t.Context(), storage.Identity{
			ID: fmt.Sprint(upstream, c.n), Upstream: upstream, Issuer: issuer, Subject: fakePerson(c.n, false).Subject, UserID: c.p.ID,
			CreatedAt: c.p.CreatedAt, LastUsedAt: c.p.CreatedAt,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.bare {
		if _, err := w.Services().DB.DeleteCredentials(t.Context(), c.p.ID, "password"); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(s.has, "T") {
		c.app = w.AddAuthenticator(t, c.p)
	}
	if strings.Contains(s.has, "K") {
		c.addPasskey()
	}
	s.begin(c)
	for _, row := range c.credentials(c.p.ID, "password") {
		c.kept = row.Data
	}
	if c.i == "" {
		c.i = c.b.URL.Query().Get("i")
	}
	s.check(c)
	return c
}

// addPasskey gives the person one, and recovery codes if they have none yet.
func (c *cell) addPasskey() {
	c.t.Helper()
	c.key = c.w.AddPasskey(c.t, c.p)
	if c.app == nil {
		codes, err := c.w.Services().Factors.NewCodes(c.t.Context(), servertest.Permit(c.t, c.p.ID, factor.MakeRecoveryCodes))
		if err != nil {
			c.t.Fatal(err)
		}
		c.app = &servertest.Authenticator{Recovery: codes}
	}
}

// browser opens another one, at an address of the cell's own.
func (c *cell) browser() *servertest.Browser {
	c.t.Helper()
	b := c.w.Browser(c.t)
	b.Address = fmt.Sprintf("10.%d.%d.7", c.n/250, c.n%250)
	return b.Get(c.t, "/signin")
}

// at is a path within the sign-in in progress.
func (c *cell) at(path string) string {
	if c.i == "" {
		return path
	}
	return path + "?i=" + c.i
}

// other is an address that nobody has.
func (c *cell) other() string {
	c.made++
	return fmt.Sprintf("other%d-%d@gmail.com", c.made, c.n)
}

// mailed waits for an email with a link whose address holds the piece, and is the link as a path of the server.
func (c *cell) mailed(to, piece string) string {
	c.t.Helper()
	for {
		m := c.w.box.Wait(c.t, to)
		if !strings.Contains(m.Text, piece) {
			continue
		}
		u, err := url.Parse(m.LinkWith(c.t, piece))
		if err != nil {
			c.t.Fatal(err)
		}
		return u.RequestURI()
	}
}

// mailedCode waits for an email with a code.
func (c *cell) mailedCode() string {
	c.t.Helper()
	for {
		if m := c.w.box.Wait(c.t, c.p.Email); strings.Contains(m.Subject, "code") && !strings.Contains(m.Subject, "codes") {
			return m.Code(c.t)
		}
	}
}

// secretOf a link.
func secretOf(link string) string { return link[strings.Index(link, "?t=")+len("?t="):] }

// answer says at the upstream where the browser is who it is; it is the address that the upstream sends back to, "" if the browser
// is not there.
func (c *cell) answer(b *servertest.Browser, id, subject string) string {
	c.t.Helper()
	if b.Landed == nil {
		return ""
	}
	var callback string
	var values url.Values
	switch id {
	case "google":
		callback, values = c.w.google.Answer(c.t, b.Landed, subject)
	case "facebook":
		callback, values = c.w.facebook.Answer(c.t, b.Landed, subject)
	default:
		callback, values = c.w.work.Answer(c.t, b.Landed, subject)
	}
	return callback + "?" + values.Encode()
}
