package browser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"signet/audit"
	"signet/oauth/flow"
	"signet/server/browser"
	"signet/server/web"
	"signet/storage"
	"signet/storage/storagetest"
)

// from is a request of a browser at an address.
func (c tab) from(t testing.TB, method, target, address string) *http.Request {
	t.Helper()
	r := c.request(t, method, target)
	return r.WithContext(audit.WithOrigin(r.Context(), audit.Origin{Address: address, Network: web.Network(netip.MustParseAddr(address))}))
}

// starts begins a sign-in, a second time with the cookie where that has to be shown first.
func (c tab) starts(t testing.TB, b *browser.Browser, address string) (flow.Interaction, error) {
	t.Helper()
	for {
		w := httptest.NewRecorder()
		in, err := b.Begin(w, c.from(t, "GET", "/oauth2/authorize", address), flow.PurposeAuthorize, flow.Request{})
		shown := len(c) > 0
		c.keep(w)
		if !errors.Is(err, browser.ErrCookieFirst) || shown {
			return in, err
		}
	}
}

// floods begins n sign-ins that nobody goes on with; with cookies of the attacker's invention, or without.
func floods(t testing.TB, b *browser.Browser, n int, invent bool, address func(i int) string) {
	t.Helper()
	for i := range n {
		c := tab{}
		if invent {
			c["signet_9400_browser"] = fmt.Sprint("invented ", i, time.Now().UnixNano())
		}
		_, err := b.Begin(httptest.NewRecorder(), c.from(t, "GET", "/oauth2/authorize", address(i)), flow.PurposeAuthorize, flow.Request{})
		if err != nil && !errors.Is(err, browser.ErrCookieFirst) && kind(err) != "too_many" {
			t.Fatal(err)
		}
	}
}

const person4, same4 = "192.0.2.7", "192.0.2.8"

// Somebody at full speed beside a person who types for three minutes.
func TestV06_PersonWhoTypesKeepsTheirSignIn(t *testing.T) {
	tests := map[string]struct {
		invent  bool
		address func(i int) string
		barred  bool // a browser nobody knows cannot begin: all the network has is young and of few
	}{
		"the same address":                 {address: func(int) string { return person4 }},
		"the same network":                 {address: func(int) string { return same4 }},
		"the same network, all of it":      {address: func(i int) string { return fmt.Sprint("192.0.2.", i%250) }},
		"cookies, one address":             {invent: true, address: func(int) string { return same4 }},
		"cookies, the same address":        {invent: true, address: func(int) string { return person4 }, barred: true},
		"cookies, all of the same network": {invent: true, address: func(i int) string { return fmt.Sprint("192.0.2.", i%250) }, barred: true},
		"cookies, networks without end": {invent: true, address: func(i int) string { return fmt.Sprintf("10.%d.%d.1", i/250%250, i%250) },
			barred: true},
		"cookies, IPv6 networks of one provider": {invent: true, address: func(i int) string {
			return fmt.Sprintf("2001:db8:%x:%x00::1", i%7, i%200)
		}},
	}
	inBubbles(t, func(t *testing.T, bubble func(t *testing.T, part func(t *testing.T, db *storage.DB))) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, db *storage.DB) {
					b := newBrowser(t, db, "http://localhost:9400", browser.Options{MaxInteractions: 20, MaxTotal: 120})
					person, known := tab{}, tab{}
					known.signIn(t, b, ada(t, db), false)
					in, err := person.starts(t, b, person4)
					if err != nil {
						t.Fatal(err)
					}
					for range 6 {
						floods(t, b, 50, tt.invent, tt.address)
						time.Sleep(30 * time.Second)
					}
					if _, err := person.post(t, b, in); err != nil {
						t.Errorf("after three minutes: %v", err)
					}
					if _, err := known.starts(t, b, person4); err != nil {
						t.Errorf("a known browser: %v", err)
					}
					if _, err := (tab{}).starts(t, b, person4); (kind(err) == "too_many") != tt.barred || err != nil && !tt.barred {
						t.Errorf("a new browser: %v", err)
					}
					for range 7 { // posted, it stays beyond the ten minutes as long as others may go
						time.Sleep(3 * time.Minute)
						floods(t, b, 50, tt.invent, tt.address)
					}
					if _, err := person.post(t, b, in); err != nil && !tt.barred {
						t.Errorf("after 24 minutes: %v", err)
					}
					held, err := db.CountInteractions(t.Context(), time.Now())
					if err != nil {
						t.Fatal(err)
					}
					total := 0
					for network, n := range held {
						if total += n[0] + n[1]; n[0] > 20+4 {
							t.Errorf("%s has %d", network, n[0])
						}
					}
					if total > 2*120+4 {
						t.Errorf("%d altogether", total)
					}
				})
			})
		}
	})
}

// inBubbles runs a test on both engines; bubble runs a part of it in a bubble of synctest with a fresh database, which is made outside and
// opened inside, so that the goroutines of its pool belong to the bubble. Whoever waits for a socket lets no time pass.
func inBubbles(t *testing.T, test func(t *testing.T, bubble func(t *testing.T, part func(t *testing.T, db *storage.DB)))) {
	for engine, dsn := range storagetest.Addresses {
		t.Run(engine, func(t *testing.T) {
			test(t, func(t *testing.T, part func(t *testing.T, db *storage.DB)) {
				o := storage.Options{DSN: dsn(t)}
				synctest.Test(t, func(t *testing.T) {
					db, err := storage.Open(t.Context(), o)
					if err != nil {
						t.Fatal(err)
					}
					part(t, db)
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
			})
		})
	}
}

func ada(t testing.TB, db *storage.DB) string { t.Helper(); return person(t, db, "ada") }

func (c tab) post(t testing.TB, b *browser.Browser, in flow.Interaction) (flow.Interaction, error) {
	t.Helper()
	return b.Interaction(c.from(t, "POST", b.Path("/signin", &in), person4))
}

// What another site's page loads as a part of itself stores nothing.
func TestV06_PartsOfAnotherSitesPageStoreNothing(t *testing.T) {
	storagetest.Engines(t, partsOfAnotherSitesPage)
}

func partsOfAnotherSitesPage(t *testing.T, open func(t *testing.T) *storage.DB) {
	db := open(t)
	b := newBrowser(t, db, "http://localhost:9400", browser.Options{})
	for i, tt := range []struct {
		site, mode, dest string
		stored           bool
	}{
		{"cross-site", "no-cors", "image", false}, {"cross-site", "navigate", "iframe", false}, {"cross-site", "cors", "empty", false},
		{"cross-site", "no-cors", "", false}, {"cross-site", "navigate", "object", false}, {"cross-site", "", "image", false},
		{"cross-site", "navigate", "document", true}, {"cross-site", "navigate", "", true}, {"", "", "", true},
		{"same-origin", "navigate", "document", true}, {"none", "navigate", "document", true}, {"same-site", "navigate", "document", true},
	} {
		r := (tab{}).from(t, "GET", "/oauth2/authorize", fmt.Sprintf("10.0.%d.1", i))
		for name, value := range map[string]string{"Sec-Fetch-Site": tt.site, "Sec-Fetch-Mode": tt.mode, "Sec-Fetch-Dest": tt.dest} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		ctx, stats := storage.WithStats(r.Context())
		w := httptest.NewRecorder()
		_, err := b.Begin(w, r.WithContext(ctx), flow.PurposeAuthorize, flow.Request{})
		if (err == nil) != tt.stored || (stats.Writes() > 0) != tt.stored ||
			!tt.stored && (kind(err) != "cross_site" || w.Header().Get("Set-Cookie") != "") {
			t.Errorf("%+v: %v, %d writes", tt, err, stats.Writes())
		}
	}
}

// IPv6 is charged by /56, /48 and /32: somebody with a /32 cannot take the share of others.
func TestV06_WholeServerIsBounded(t *testing.T) {
	storagetest.Engines(t, func(t *testing.T, open func(t *testing.T) *storage.DB) {
		db := open(t)
		const most = 200
		b := newBrowser(t, db, "http://localhost:9400", browser.Options{MaxInteractions: 50, MaxTotal: most})
		floods(t, b, 500, true, func(i int) string { return fmt.Sprintf("2001:db8:%x:%x00::1", i%40, i/40%200) })
		if n := held(t, db); n > most/4+1 {
			t.Errorf("a /32 has %d, want at most a quarter of %d", n, most)
		}
		floods(t, b, 500, true, func(i int) string { return fmt.Sprintf("2001:db9:1:%x00::1", i%200) })
		if n := held(t, db); n > most/4+most/8+2 {
			t.Errorf("a /48 has the rest of %d, want at most an eighth of %d", n, most)
		}
		floods(t, b, 3000, true, func(i int) string { return fmt.Sprintf("10.%d.%d.1", i/200, i%200) })
		if n := held(t, db); n > 2*most {
			t.Errorf("%d altogether, want at most %d", n, 2*most)
		}
	})
}

func held(t testing.TB, db *storage.DB) (n int) {
	t.Helper()
	list, err := db.CountInteractions(context.WithoutCancel(t.Context()), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		n += c[0] + c[1]
	}
	return n
}
