package consent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/audit"
	"signet/clients"
	"signet/oauth/consent"
	"signet/oauth/flow"
	"signet/storage"
	"signet/storage/storagetest"
)

// apps: shop asks, robot acts by itself, own is the operator's, cli the operator's own on people's computers.
func apps(t testing.TB) market {
	t.Helper()
	app := func(id string, change func(m *clients.Metadata)) clients.Metadata {
		m := clients.Metadata{
			ClientID: id, RedirectURIs: []string{"https://" + id + ".example/cb"}, GrantTypes: []string{"authorization_code", "refresh_token"},
			TokenEndpointAuthMethod: clients.MethodBasic, ClientSecret: strings.Repeat("s", 43),
			Scope: "openid profile email groups offline_access api:read api:write api:basic api:admin shared",
		}
		change(&m)
		return m
	}
	registry, err := clients.New(t.Context(), clients.Options{
		Store: noClients{}, Issuer: "https://id.example.com", SecretKeys: [][]byte{make([]byte, 32)},
		Declared: []clients.Metadata{
			app("shop", func(*clients.Metadata) {}),
			app("own", func(m *clients.Metadata) { m.FirstParty = true }),
			app("robot", func(m *clients.Metadata) { m.Agent = true }),
			app("cli", func(m *clients.Metadata) {
				m.FirstParty, m.ApplicationType, m.RedirectURIs = true, clients.Native, []string{"http://127.0.0.1/cb"}
				m.TokenEndpointAuthMethod, m.ClientSecret = clients.MethodNone, ""
			}),
		},
		Resources: []clients.Resource{
			{Identifier: "https://api.example.com", Name: "API", Scopes: words("api:read api:write api:basic api:admin shared"),
				Details: map[string]clients.ScopeDetails{
					"api:basic": {Required: true}, "api:admin": {Sensitive: true}, "shared": {Required: true},
				}},
			{Identifier: "https://files.example.com", Scopes: words("shared")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return market{t, registry}
}

// market is where the apps and APIs are.
type market struct {
	t testing.TB
	*clients.Registry
}

func (m market) asked(app string, req flow.Request) consent.Asked {
	c, err := m.Client(context.Background(), app)
	if err != nil {
		m.t.Fatal(err)
	}
	return consent.Asked{Client: c, Resources: m.Resources(), Request: req}
}

// noClients is a registry's store with nothing in it.
type noClients struct{ clients.Store }

func (noClients) Resources(context.Context) ([]storage.Resource, error) { return nil, nil }
func (noClients) Clients(context.Context, string, int) ([]storage.Client, error) {
	return nil, nil
}

func words(s string) []string { return strings.Fields(s) }

func TestI02_AskedOnlyForWhatWasNotYetOffered(t *testing.T) {
	app := apps(t)
	row := func(offered, granted string, resources ...string) storage.Consent {
		now := time.Now()
		return storage.Consent{Epoch: 3, Offered: words(offered), Granted: words(granted), Resources: resources, CreatedAt: now, UpdatedAt: now}
	}
	const mail = `{"userinfo":{"email":null}}`
	tests := map[string]struct {
		app            string
		req            flow.Request
		row            storage.Consent
		needed         bool
		fixed, choices string
		granted        string
		claims         string // granted of the claims parameter
	}{
		"first time": {req: flow.Request{Scopes: words("openid api:read api:write")}, needed: true, fixed: "openid",
			choices: "api:read api:write"},
		"remembered": {req: flow.Request{Scopes: words("openid api:read")},
			row: row("openid api:read", "openid api:read"), fixed: "openid", choices: "api:read", granted: "openid api:read"},
		"left out before, not asked again": {req: flow.Request{Scopes: words("openid api:read")}, row: row("openid api:read", "openid"),
			fixed: "openid", choices: "api:read", granted: "openid"},
		"a new scope": {req: flow.Request{Scopes: words("openid api:write")},
			row: row("openid api:read", "openid api:read"), needed: true, fixed: "openid", choices: "api:write", granted: "openid"},
		"first offline_access": {req: flow.Request{Scopes: words("openid offline_access")}, row: row("openid", "openid"),
			needed: true, fixed: "openid", choices: "offline_access", granted: "openid"},
		"a new resource": {req: flow.Request{Scopes: words("openid"), Resources: []string{"https://api.example.com"}},
			row: row("openid", "openid"), needed: true, fixed: "openid", granted: "openid"},
		"the resource seen before": {req: flow.Request{Scopes: words("openid"), Resources: []string{"https://api.example.com"}},
			row: row("openid", "openid", "https://api.example.com"), fixed: "openid", granted: "openid"},
		"nothing asked for was granted": {req: flow.Request{Scopes: words("api:read api:write")},
			row: row("openid api:read api:write", "openid"), needed: true, choices: "api:read api:write"},
		"one thing is no choice": {req: flow.Request{Scopes: words("api:write")}, needed: true, fixed: "api:write"},
		"V04 claims are a choice": {req: flow.Request{Scopes: words("openid"), Claims: mail}, row: row("openid", "openid"),
			needed: true, fixed: "openid", choices: "email", granted: "openid"},
		"V04 claims allowed before": {req: flow.Request{Scopes: words("openid"), Claims: mail}, row: row("openid email", "openid email"),
			fixed: "openid", choices: "email", granted: "openid", claims: mail},
		"V04 claims left out before": {req: flow.Request{Scopes: words("openid"), Claims: mail}, row: row("openid email", "openid"),
			fixed: "openid", choices: "email", granted: "openid"},
		"V04 claims of an asked scope": {req: flow.Request{Scopes: words("openid email"), Claims: mail},
			row: row("openid email", "openid email"), fixed: "openid email", granted: "openid email", claims: mail},
		"V04 claims not registered": {req: flow.Request{Scopes: words("openid"), Claims: `{"userinfo":{"roles":null}}`},
			row: row("openid roles", "openid roles"), fixed: "openid", granted: "openid"},
		"V04 claims without openid": {req: flow.Request{Scopes: words("api:write"), Claims: mail}, needed: true, fixed: "api:write"},
		"V04 claims, first party": {app: "own", req: flow.Request{Scopes: words("openid"), Claims: mail}, fixed: "openid",
			choices: "email", granted: "openid", claims: mail},
		"V04 claims left out, first party": {app: "own", req: flow.Request{Scopes: words("openid"), Claims: mail},
			row: row("openid email", "openid"), fixed: "openid", choices: "email", granted: "openid"},
		"withdrawn": {req: flow.Request{Scopes: words("openid")}, row: row("", ""), needed: true, fixed: "openid"},
		"no longer registered (H22)": {req: flow.Request{Scopes: words("openid admin")}, row: row("openid admin", "openid admin"),
			fixed: "openid", granted: "openid"},
		"I03 first party": {app: "own",
			req: flow.Request{Scopes: words("openid api:write"), Resources: []string{"https://api.example.com"}}, fixed: "openid",
			choices: "api:write", granted: "openid api:write"},
		"first party, something left out": {app: "own", req: flow.Request{Scopes: words("openid api:write offline_access")},
			row: row("openid api:write", "openid"), fixed: "openid", choices: "api:write offline_access", granted: "openid offline_access"},
		"first party, all left out": {app: "own", req: flow.Request{Scopes: words("api:read api:write")}, row: row("api:read api:write", ""),
			needed: true, choices: "api:read api:write"},
		"I03 first party, but posable": {app: "cli", req: flow.Request{Scopes: words("openid")}, needed: true, fixed: "openid"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tt.req.Scopes)
			if tt.app == "" {
				tt.app = "shop"
			}
			q := consent.Ask(app.asked(tt.app, tt.req), tt.row)
			if q.Needed != tt.needed {
				t.Errorf("needed %v", q.Needed)
			}
			for what, got := range map[string][2]string{
				"fixed": {strings.Join(q.Fixed, " "), tt.fixed}, "choices": {strings.Join(q.Choices, " "), tt.choices},
				"granted": {strings.Join(q.Granted(), " "), tt.granted},
				"claims":  {q.GrantedClaims().String(), tt.claims},
			} {
				if got[0] != got[1] {
					t.Errorf("%s: got %q, want %q", what, got[0], got[1])
				}
			}
			if q.Epoch != tt.row.Epoch || !slices.Equal(before, tt.req.Scopes) {
				t.Error("the epoch is another, or the request was changed")
			}
		})
	}
}

// fixture is a store of consents on a fresh database.
type fixture struct {
	*consent.Consents
	db  *storage.DB
	app market
}

func onEngines(t *testing.T, test func(t *testing.T, d fixture)) {
	t.Helper()
	app := apps(t)
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		test(t, fixture{&consent.Consents{Store: db, Audit: audit.New(db)}, db, app})
	})
}

func (d fixture) allow(t *testing.T, scopes, ticked string) string {
	t.Helper()
	done, err := d.Allow(t.Context(), consent.Decision{
		Asked: d.app.asked("shop", flow.Request{Scopes: words(scopes)}), UserID: "ada", Ticked: words(ticked),
	})
	if err != nil {
		t.Fatal(err)
	}
	if row := d.row(t); len(done.Granted) > 0 && done.Epoch != row.Epoch {
		t.Errorf("epoch %d, the row has %d", done.Epoch, row.Epoch)
	}
	return strings.Join(done.Granted, " ")
}

func (d fixture) row(t *testing.T) storage.Consent {
	t.Helper()
	row, err := d.Read(t.Context(), "ada", "shop")
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestI04_OnlyWhatWasOfferedCanBeTicked(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		if got := d.allow(t, "openid api:read api:write", "api:read admin offline_access"); got != "openid api:read" {
			t.Errorf("granted %q", got)
		}
		if row := d.row(t); strings.Join(row.Granted, " ") != "openid api:read" || strings.Join(row.Offered, " ") != "openid api:read api:write" {
			t.Errorf("row %+v", row)
		}
		// What was granted before and is not asked now stays; what is asked and unticked goes.
		d.allow(t, "openid offline_access", "offline_access")
		if row := d.row(t); !slices.Contains(row.Granted, "api:read") || !slices.Contains(row.Granted, "offline_access") {
			t.Errorf("row %+v", row)
		}
		d.allow(t, "openid api:read", "")
		if row := d.row(t); slices.Contains(row.Granted, "api:read") || row.Epoch != 1 {
			t.Errorf("row %+v", row)
		}
	})
}

// Allow with nothing ticked is neither a grant nor a refusal: nothing is remembered, and nothing is written down.
func TestAllowingNothingIsAskedAgain(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		for name, tt := range map[string][2]string{
			"nothing":               {"api:read api:write", ""},
			"what was not asked":    {"api:read api:write", "admin openid"},
			"only for how long":     {"api:read offline_access", "offline_access"},
			"sensitive, one":        {"api:admin", ""},
			"sensitive and offline": {"api:admin offline_access", "offline_access"},
		} {
			_, err := d.Allow(t.Context(), consent.Decision{
				Asked: d.app.asked("shop", flow.Request{Scopes: words(tt[0])}), UserID: "ada", Ticked: words(tt[1]),
			})
			if !errors.Is(err, consent.ErrNothing) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if row := d.row(t); row.Epoch != 0 {
			t.Errorf("remembered %+v", row)
		}
		if events, err := d.db.EventsOfUser(t.Context(), "ada", "", 10); err != nil || len(events) != 0 {
			t.Errorf("events %+v %v", events, err)
		}
		for asked, want := range map[string]string{"api:basic api:read": "api:basic", "openid api:read": "openid",
			"offline_access": "offline_access", "api:write": "api:write"} {
			if got := d.allow(t, asked, ""); got != want {
				t.Errorf("%s with nothing ticked: granted %q, want %q", asked, got, want)
			}
		}
	})
}

// What an app asked is ticked, but for what a resource calls sensitive and what the person left out before.
func TestWhatWasAskedIsTicked(t *testing.T) {
	app := apps(t)
	api, files := "https://api.example.com", "https://files.example.com/"
	for name, tt := range map[string]struct {
		asked, offered, granted      string
		resources                    []string
		claims                       string
		fixed, choices, ticked, left string
		needed                       bool
	}{
		"first time": {asked: "openid api:read groups offline_access", fixed: "openid",
			choices: "api:read groups offline_access", ticked: "api:read groups offline_access", needed: true},
		"claims parameter": {asked: "openid", claims: `{"userinfo":{"email":null}}`, fixed: "openid", choices: "email",
			ticked: "email", needed: true},
		"required": {asked: "api:basic api:read", fixed: "api:basic", choices: "api:read", ticked: "api:read", needed: true},
		"sensitive": {asked: "openid api:read api:admin", fixed: "openid", choices: "api:read api:admin", ticked: "api:read",
			needed: true},
		"sensitive, alone": {asked: "api:admin", choices: "api:admin", needed: true},
		"sensitive, granted before": {asked: "openid api:admin api:read", offered: "openid api:admin", granted: "openid api:admin",
			fixed: "openid", choices: "api:admin api:read", ticked: "api:admin api:read", needed: true},
		"left out before": {asked: "openid api:read api:write", offered: "openid api:read", granted: "openid", fixed: "openid",
			choices: "api:read api:write", ticked: "api:write", left: "api:read", needed: true},
		"all left out before": {asked: "api:read api:write", offered: "openid api:read api:write", granted: "openid",
			choices: "api:read api:write", ticked: "api:read api:write", needed: true},
		"required since": {asked: "openid api:basic", offered: "openid api:basic", granted: "openid", fixed: "openid api:basic",
			needed: true},
		"fixed, left out as a claim": {asked: "openid email", offered: "openid email", granted: "openid", fixed: "openid email", needed: true},
		"required by one of two":     {asked: "openid shared", fixed: "openid", choices: "shared", ticked: "shared", needed: true},
		"… of the one that is named": {asked: "openid shared", resources: []string{api}, fixed: "openid shared", needed: true},
		"… not of the other": {asked: "openid shared", resources: []string{files}, fixed: "openid", choices: "shared", ticked: "shared",
			needed: true},
		"remembered": {asked: "openid api:basic api:admin", offered: "openid api:basic api:admin", granted: "openid api:basic",
			fixed: "openid api:basic", choices: "api:admin", left: "api:admin"},
	} {
		t.Run(name, func(t *testing.T) {
			q := consent.Ask(app.asked("shop", flow.Request{Scopes: words(tt.asked), Resources: tt.resources, Claims: tt.claims}),
				storage.Consent{Offered: words(tt.offered), Granted: words(tt.granted)})
			for what, got := range map[string][2]string{
				"fixed": {strings.Join(q.Fixed, " "), tt.fixed}, "choices": {strings.Join(q.Choices, " "), tt.choices},
				"ticked": {strings.Join(q.Ticked, " "), tt.ticked}, "left out": {strings.Join(q.LeftOut, " "), tt.left},
			} {
				if got[0] != got[1] {
					t.Errorf("%s: got %q, want %q", what, got[0], got[1])
				}
			}
			if q.Needed != tt.needed {
				t.Errorf("needed %v", q.Needed)
			}
		})
	}
}

// broken is an audit log that fails.
type broken struct{}

func (broken) Record(context.Context, audit.Event) error { return errors.New("no ink") }

func TestAnswerAndItsEventAreOneThing(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		d.Audit = broken{}
		_, err := d.Allow(t.Context(), consent.Decision{Asked: d.app.asked("shop", flow.Request{Scopes: words("openid")}), UserID: "ada"})
		if err == nil {
			t.Error("no error")
		}
		if row := d.row(t); row.Epoch != 0 {
			t.Errorf("written in part: %+v", row)
		}
	})
}

// Answers raced against a withdrawal: none fails, and what was granted under the old epoch stays dead.
func TestI06_WithdrawnWhileAnswersAreOnTheirWay(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		d.allow(t, "openid", "")
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if i == 6 {
					if _, err := d.db.WithdrawConsent(context.Background(), "ada", "shop", time.Now()); err != nil {
						t.Error(err)
					}
					return
				}
				done, err := d.Allow(context.Background(), consent.Decision{
					Asked: d.app.asked("shop", flow.Request{Scopes: words("openid email")}), UserID: "ada",
				})
				if err != nil || len(done.Granted) != 2 {
					t.Errorf("%v %v", done, err)
				}
			})
		}
		wg.Wait()
		row := d.row(t)
		if row.Epoch != 2 {
			t.Errorf("epoch %d, want 2", row.Epoch)
		}
		if q := consent.Ask(d.app.asked("shop", flow.Request{Scopes: words("openid email")}), row); q.Needed != (len(row.Granted) == 0) {
			t.Errorf("needed %v with %+v", q.Needed, row)
		}
	})
}

// Answers to different questions of one app in several tabs add up.
func TestTabsAnswerAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, d fixture) {
		all := words("openid profile email offline_access api:read api:write")
		var wg sync.WaitGroup
		for _, s := range all {
			wg.Go(func() {
				_, err := d.Allow(context.Background(), consent.Decision{
					Asked: d.app.asked("shop", flow.Request{Scopes: []string{s}}), UserID: "ada",
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if row := d.row(t); len(row.Granted) != len(all) || len(row.Offered) != len(all) || row.Epoch != 1 {
			t.Errorf("row %+v", row)
		}
	})
}

// FuzzAsk: nothing is ever granted that was not asked, registered and agreed to.
func FuzzAsk(f *testing.F) {
	app := apps(f)
	shop := app.asked("shop", flow.Request{}).Client
	f.Add("openid api:read", `{"userinfo":{"email":null}}`, "openid", "openid")
	f.Add("admin", "{", "admin", "admin")
	f.Fuzz(func(t *testing.T, scopes, claims, offered, granted string) {
		req := flow.Request{Scopes: words(scopes), Claims: claims}
		row := storage.Consent{Offered: words(offered), Granted: words(granted), Epoch: 1, UpdatedAt: time.Now()}
		q := consent.Ask(app.asked("shop", req), row)
		for _, s := range q.Granted() {
			if !slices.Contains(req.Scopes, s) || !shop.HasScope(s) || !slices.Contains(row.Granted, s) {
				t.Errorf("%q was granted", s)
			}
		}
		for _, s := range slices.Concat(q.Fixed, q.Choices) {
			if !shop.HasScope(s) {
				t.Errorf("%q is offered", s)
			}
		}
		for _, s := range q.GrantedClaims().Scopes() {
			if !shop.HasScope(s) || !slices.Contains(row.Granted, s) {
				t.Errorf("claims of %q were granted", s)
			}
		}
		if !q.Needed && len(q.Granted()) == 0 {
			t.Error("nothing granted, and not asked")
		}
	})
}
