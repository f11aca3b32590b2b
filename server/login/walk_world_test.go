package login_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"signet/clients"
	"signet/config"
	"signet/internal/mail/mailtest"
	"signet/server/servertest"
	"signet/storage"
	"signet/users"
	"signet/users/factor"
	"signet/users/federation/federationtest"
	"signet/users/passkey/passkeytest"
)

// walkWorld is a server with apps that walks go through, one after the other.
type walkWorld struct {
	*servertest.Server
	everyone bool // two factors from everybody, and terms of service
	bubble   bool // time may be made to pass
	box      *mailtest.Box
	google   *federationtest.Google
	work     *federationtest.OIDC
	apps     []*servertest.App
	devices  []*passkeytest.Device // with passkeys that may be registered
	walks    int
	tokens   int // how often apps got some, and they were right
}

// walkPerson is somebody who may sign in.
type walkPerson struct {
	n           int
	id          string // "" = has no account, as far as is known
	email, name string
	subject     string   // at the upstreams
	recovery    []string // codes
	secrets     []string // of authenticator apps that may be set up
	tries       int
	second      bool     // had a second factor that is always asked for before the walk began
	links       []string // mailed
	code        string   // mailed
}

// newUpstreamWorld has upstreams and mail, for which it needs the real time.
func newUpstreamWorld(t testing.TB, engine ...servertest.Option) *walkWorld {
	t.Helper()
	w := &walkWorld{box: mailtest.Start(t), google: federationtest.NewGoogle(t)}
	w.work = federationtest.NewOIDC(t, federationtest.OIDCOptions{Name: "Work"})
	for id, u := range map[string]interface{ Register(...string) }{"google": w.google, "work": w.work} {
		u.Register("https://id.example.com/signin/with/" + id + "/callback")
	}
	one := func(id, kind string, u *federationtest.OIDC) config.Upstream {
		return config.Upstream{
			ID: id, Kind: kind, Issuer: u.Issuer(), ClientID: u.ClientID, ClientSecret: config.NewSecret(u.ClientSecret), Name: id,
		}
	}
	return w.open(t, append(engine, servertest.Mail(w.box), servertest.Change(func(c *config.Config) {
		c.Upstreams = []config.Upstream{one("google", config.UpstreamGoogle, w.google.OIDC), one("work", config.UpstreamOIDC, w.work)}
		c.Egress.AllowHosts = []string{"127.0.0.1"}
		c.Signin.MailedCode = true
	})))
}

// newBubbleWorld has neither, and works in a bubble.
func newBubbleWorld(t testing.TB, everyone bool) *walkWorld {
	t.Helper()
	w := &walkWorld{everyone: everyone, bubble: true}
	return w.open(t, []servertest.Option{servertest.Change(func(c *config.Config) {
		if everyone {
			c.Factors.Required = config.FactorsEveryone
			c.Terms.URL, c.Terms.Version = "https://id.example.com/terms.html", "2"
		}
	})})
}

func (w *walkWorld) open(t testing.TB, options []servertest.Option) *walkWorld {
	t.Helper()
	options = append(options, servertest.HandlerOnly(), servertest.Quiet(), servertest.Change(func(c *config.Config) {
		if !w.everyone {
			c.Factors.Required = config.FactorsOptional
		}
	}))
	w.Server = servertest.New(t, options...)
	age := int64(60)
	for id, change := range map[string]func(m *clients.Metadata){
		"third":  func(*clients.Metadata) {},
		"own":    func(m *clients.Metadata) { m.FirstParty = true },
		"strong": func(m *clients.Metadata) { m.RequireSecondFactor = true },
		"aged":   func(m *clients.Metadata) { m.DefaultMaxAge = &age },
	} {
		w.apps = append(w.apps, w.App(t, id, change))
	}
	for i := range w.apps { // in one order, whatever that of the map was
		for j := range i {
			if w.apps[i].ClientID < w.apps[j].ClientID {
				w.apps[i], w.apps[j] = w.apps[j], w.apps[i]
			}
		}
	}
	return w
}

// The sorts of people of a walk: what they have beside a password. The last two have no account.
var walkSorts = []string{"", "T", "K", "TK", "W", "new", "new"}

// population makes the people of one walk, whom no other walk knows.
func (w *walkWorld) population(t testing.TB) (people []*walkPerson) {
	t.Helper()
	w.walks++
	w.devices = nil
	for n, sort := range walkSorts {
		tag := fmt.Sprintf("%dq%d", w.walks, n)
		p := &walkPerson{n: n, email: "mail" + tag + "@gmail.com", name: "Zoe Named" + tag + "x"}
		p.subject = fmt.Sprint(1_000_000 + 100*w.walks + n)
		people = append(people, p)
		if sort != "new" {
			w.endow(t, p, sort)
		}
	}
	if w.google == nil {
		return people
	}
	var known []federationtest.Account
	for _, p := range people {
		known = append(known, federationtest.Account{Subject: p.subject, Email: p.email, EmailVerified: true, Name: p.name})
	}
	w.google.SetAccounts(known...)
	w.work.SetAccounts(known...)
	return people
}

// endow gives the person an account with what the sort says.
func (w *walkWorld) endow(t testing.TB, p *walkPerson, sort string) {
	t.Helper()
	made := w.Person(t, p.email, func(r *users.Registration) { r.Name = p.name })
	p.id = made.ID
	if strings.Contains(sort, "T") {
		authn := w.AddAuthenticator(t, made)
		p.secrets, p.recovery, p.second = []string{authn.Secret}, authn.Recovery, true
	}
	if strings.Contains(sort, "K") {
		w.devices = append(w.devices, w.AddPasskey(t, made))
	}
	if strings.Contains(sort, "W") && w.work != nil {
		err := w.Services().DB.InsertIdentity(t.Context(), storage.Identity{
			ID: "work" + p.subject, Upstream: "work", Issuer: w.work.Issuer(), Subject: p.subject, UserID: p.id,
			CreatedAt: made.CreatedAt, LastUsedAt: made.CreatedAt,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.second = p.second || w.everyone
}

// totp is a code of the person's authenticator app, good however often it is asked for: the server is made to forget which one was
// used last. Where it is not known which app is set up, the next one is tried.
func (w *walkWorld) totp(t testing.TB, p *walkPerson) string {
	t.Helper()
	if len(p.secrets) == 0 {
		return "000000"
	}
	list, err := w.Services().DB.Credentials(t.Context(), p.id, factor.KindTOTP)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if err := w.Services().DB.UseCredential(t.Context(), c.ID, c.Data, c.Counter, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	p.tries++
	return servertest.TOTP(t, p.secrets[p.tries%len(p.secrets)])
}

// device has a passkey of the person; nil = they have none.
func (w *walkWorld) device(t testing.TB, p *walkPerson) *passkeytest.Device {
	t.Helper()
	if p.id == "" {
		return nil
	}
	list, err := w.Services().DB.Credentials(t.Context(), p.id, factor.KindPasskey)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range w.devices {
		for _, c := range list {
			if c.Handle == base64.RawURLEncoding.EncodeToString(d.Key.ID) {
				return d
			}
		}
	}
	return nil
}
