package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/internal/mail"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/membership"
)

// TestADM50_ConsoleOfTheServer: who may see mail, settings, upstreams and health, and who does not even see that there are such pages.
func TestADM50_ConsoleOfTheServer(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	roles := map[string][]string{ // and the pages that they see
		membership.Admin: {"mail", "settings", "upstreams", "health"}, admin.RoleAuditor: {"mail", "settings", "upstreams", "health"},
		admin.RoleSupport: nil, admin.RoleApps: nil,
	}
	root := admin.Actor{Kind: admin.KindCommand, ID: "t", Holds: admin.SetOf(admin.All()...)}
	for role, sees := range roles {
		p := w.Person(t, strings.ReplaceAll(role, ":", "-")+"@role.example")
		if role == membership.Admin {
			p = w.boss
		} else if err := w.Services().Admin.GiveRole(t.Context(), root, role, membership.Holder{UserID: p.ID}); err != nil {
			t.Fatal(err)
		}
		b := w.Browser(t)
		signInWith(t, b, p, w.AddAuthenticator(t, p))
		b.Get(t, "/admin")
		menu := b.Body
		for _, page := range []string{"mail", "settings", "upstreams", "health"} {
			want := http.StatusForbidden
			for _, one := range sees {
				if one == page {
					want = http.StatusOK
				}
			}
			if b.Get(t, "/admin/"+page); b.Status != want {
				t.Errorf("%s sees %s: %d, want %d", role, page, b.Status, want)
			}
			if in := strings.Contains(menu, `href="/admin/`+page+`"`); in != (want == http.StatusOK) {
				t.Errorf("%s has %s in the menu: %v", role, page, in)
			}
		}
	}
}

// waitingMail puts an email to a person, given up, into the queue.
func waitingMail(t *testing.T, s *servertest.Server, userID string) (id string) {
	t.Helper()
	h := s.Services()
	err := h.DB.Tx(t.Context(), func(ctx context.Context) error {
		before, err := h.DB.Messages(ctx, "", 100)
		if err != nil {
			return err
		}
		err = h.Outbox.Put(ctx, mail.Email{Kind: "reset", To: "to@hidden.example", UserID: userID, Link: s.URL + "/reset?t=hidden"})
		if err != nil {
			return err
		}
		after, err := h.DB.Messages(ctx, "", 100)
		if err != nil {
			return err
		}
		for _, m := range after {
			if !slices.ContainsFunc(before, func(b storage.Message) bool { return b.ID == m.ID }) {
				id = m.ID
			}
		}
		return h.DB.FailMessage(ctx, id, time.Now(), "550 no such mailbox")
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestADM51_MailIsTriedAgainAndDropped: on the page, which shows neither address nor link, and never a warning to somebody who holds more.
func TestADM51_MailIsTriedAgainAndDropped(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s, _ := servertest.NewWithMail(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		boss, bob := s.Person(t, "boss@example.com"), s.Person(t, "bob@example.com")
		s.MakeAdmin(t, boss)
		b := s.Browser(t)
		signInWith(t, b, boss, s.AddAuthenticator(t, boss))
		id := waitingMail(t, s, bob.ID)
		for _, page := range []string{"/admin", "/admin/mail", "/admin/mail/" + id, "/admin/health"} {
			if b.Get(t, page); b.Status != http.StatusOK || strings.Contains(b.Body, "hidden.example") ||
				strings.Contains(b.Body, "t=hidden") {
				t.Errorf("%s: %d, or it shows what the email says", page, b.Status)
			}
		}
		if !strings.Contains(b.Text("main"), "1 given up") {
			t.Errorf("health: %s", b.Text("main"))
		}
		if b.Post(t, "/admin/mail/"+id, url.Values{"what": {"retry"}}); b.Status != http.StatusOK || b.URL.Path != "/admin/mail" {
			t.Fatalf("retry: %d at %s: %s", b.Status, b.URL, b.Text("main"))
		}
		m, err := s.Services().DB.Message(t.Context(), id)
		if err == nil && !m.FailedAt.IsZero() || err != nil && !errors.Is(err, storage.ErrNotFound) { // it may have been sent by now
			t.Errorf("after it: %+v %v", m, err)
		}
		id = waitingMail(t, s, bob.ID)
		if b.Post(t, "/admin/mail/"+id, url.Values{"what": {"drop"}}); b.Status != http.StatusOK || b.URL.Path != "/admin/mail" {
			t.Fatalf("drop: %d %s", b.Status, b.URL)
		}
		if _, err := s.Services().DB.Message(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("after it: %v", err)
		}
		if b.Get(t, "/admin/mail/"+id); b.Status != http.StatusNotFound {
			t.Errorf("gone: %d", b.Status)
		}
		for _, name := range []string{"mail.retried", "mail.dropped"} {
			list, err := s.Services().DB.EventsLike(t.Context(), storage.Event{Name: name}, "", 10)
			if err != nil || len(list) != 1 || list[0].UserID != bob.ID || list[0].ActorID != boss.ID {
				t.Errorf("%s: %+v %v", name, list, err)
			}
		}
		clerk := admin.Actor{Kind: admin.KindPerson, ID: bob.ID, Holds: admin.SetOf(admin.MailRead, admin.MailRetry)}
		warning := waitingMail(t, s, boss.ID)
		for act, err := range map[string]error{"retry": s.Services().Admin.RetryMail(t.Context(), clerk, warning),
			"drop": s.Services().Admin.DropMail(t.Context(), clerk, warning)} {
			if no, ok := errors.AsType[*admin.Refused](err); !ok || !no.Over {
				t.Errorf("%s what warns an administrator: %v", act, err)
			}
		}
	})
}

// TestADM52_SettingsAreShownWithoutSecrets pages through them all: no secret among them, and each says where it comes from.
func TestADM52_SettingsAreShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t, servertest.YAML("upstreams:\n  - {id: partner, kind: oidc, name: Partner, issuer: \"https://partner.example\", "+
		"client_id: us, client_secret: verysecretvalue}\n"))
	pages, after, seen := 0, "", map[string]map[string]any{}
	for pages < 20 {
		pages++
		got := d.want(200, "GET /settings?limit=50&after="+url.QueryEscape(after), nil)
		for _, one := range items(got) {
			seen[one.(map[string]any)["key"].(string)] = one.(map[string]any)
		}
		if after, _ = got["next"].(string); after == "" {
			break
		}
	}
	if len(seen) < 60 || seen["upstreams"] == nil || seen["upstreams"]["origin"] == "default" || seen["tokens.access_lifetime"] == nil {
		t.Errorf("%d settings on %d pages, upstreams %v", len(seen), pages, seen["upstreams"])
	}
	for key, one := range seen {
		if strings.Contains(one["value"].(string), "verysecretvalue") || one["origin"] == "" {
			t.Errorf("%s: %v", key, one)
		}
	}
	list := items(d.want(200, "GET /upstreams", nil))
	if one := list[0].(map[string]any); len(list) != 1 || one["failed_at"] != nil ||
		one["redirect_uri"] != d.URL+"/signin/with/partner/callback" {
		t.Errorf("upstreams %v", list)
	}
	for _, one := range items(d.want(200, "GET /health", nil)) {
		if f := one.(map[string]any); f["state"] == "problem" {
			t.Errorf("health: %v", f)
		}
	}
}

// TestADM53_AnAppIsWaitedFor: the page says that nobody came, then why the first attempt failed, then that somebody is signed in.
func TestADM53_AnAppIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	app := w.App(t, "shop", func(m *clients.Metadata) { m.ClientName = "Shop" })
	b.Get(t, "/admin/apps/shop")
	if !strings.Contains(b.Body, `href="/admin/apps/shop/first?looks=120"`) {
		t.Errorf("no way to the page: %s", b.Text("main"))
	}
	b.Get(t, "/admin/apps/shop/first?looks=3")
	if !strings.Contains(b.Text("main"), "No one has signed in") ||
		!strings.Contains(b.Body, `content="3; url=/admin/apps/shop/first?looks=2"`) {
		t.Fatalf("before: %d %s", b.Status, b.Body)
	}
	for _, looks := range []string{"0", "-1", "x", ""} {
		if b.Get(t, "/admin/apps/shop/first?looks="+looks); strings.Contains(b.Body, "http-equiv") {
			t.Errorf("looks=%s: it goes on", looks)
		}
	}
	stranger := w.Browser(t)
	stranger.Get(t, "/oauth2/authorize?"+url.Values{"client_id": {"shop"}, "response_type": {"code"}, "scope": {"openid"},
		"redirect_uri": {"https://elsewhere.example/cb"}}.Encode())
	b.Get(t, "/admin/apps/shop/first?looks=3")
	if text := b.Text("main"); !strings.Contains(text, "was refused") || !strings.Contains(text, "redirect") {
		t.Errorf("after a wrong address: %s", text)
	}
	app.Login(t, w.Browser(t), w.bob)
	b.Get(t, "/admin/apps/shop/first?looks=3")
	if text := b.Text("main"); !strings.Contains(text, "It works") || strings.Contains(b.Body, "http-equiv") {
		t.Errorf("after a sign-in: %s", text)
	}
	if b.Get(t, "/admin/apps/nobody/first"); b.Status != http.StatusNotFound {
		t.Errorf("of no app: %d", b.Status)
	}
}

// TestRFC7591_2_2_AdministratorsSeeEveryNameOfAnApp, and one that they give it is not translated by the app's own words.
func TestRFC7591_2_2_AdministratorsSeeEveryNameOfAnApp(t *testing.T) {
	t.Parallel()
	w := newConsole(t)
	b := w.Browser(t)
	signInWith(t, b, w.boss, w.AddAuthenticator(t, w.boss))
	w.App(t, "shop", func(m *clients.Metadata) {
		m.ClientName = "Shop"
		m.Localized = map[string]string{"client_name#de": "Deutsche Bank", "tos_uri#de": "https://shop.example/agb"}
	})
	if b.Get(t, "/admin/apps/shop"); !strings.Contains(b.Text("main"), "de: Deutsche Bank") {
		t.Errorf("not shown: %s", b.Text("main"))
	}
	for _, name := range []string{"Shop", "The shop"} {
		b.Post(t, "/admin/apps/shop",
			url.Values{"what": {"change"}, "name": {name}, "redirect": {"https://shop.example/cb"}, "scope": {"openid"}})
		c, err := w.Services().Clients.Client(t.Context(), "shop")
		if err != nil || b.Status != http.StatusOK || c.ClientName != name || (c.Localized["client_name#de"] != "") != (name == "Shop") ||
			c.Localized["tos_uri#de"] == "" {
			t.Errorf("%s: %d %+v %v", name, b.Status, c.Metadata, err)
		}
	}
}
