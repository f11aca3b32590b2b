package server_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signet/admin"
	"signet/clients"
	"signet/config"
	"signet/internal/ratelimit"
	"signet/server/servertest"
	"signet/storage"
)

// checkedSites is a server whose apps may name this machine, and a site there.
func checkedSites(t *testing.T, site http.HandlerFunc, opts ...servertest.Option) (*adminAPI, string) {
	t.Helper()
	there := httptest.NewTLSServer(site)
	t.Cleanup(there.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: there.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d := newAdminAPI(t, append([]servertest.Option{servertest.Change(func(c *config.Config) {
		c.Egress.AllowHosts, c.Egress.CAFile = []string{"127.0.0.1"}, ca
	})}, opts...)...)
	return d, there.URL
}

// found is what a check of an app said, by field.
func (d *adminAPI) found(id string) map[string]string {
	d.Helper()
	status, answer := d.call("POST /clients/"+id+"/check", nil)
	if status != http.StatusOK {
		d.Fatalf("check %s: %d %v", id, status, answer)
	}
	all := map[string]string{}
	for _, one := range items(answer) {
		f := one.(map[string]any)
		all[f["check"].(string)] += f["state"].(string) + ": " + f["text"].(string) + "\n"
	}
	return all
}

// TestCheckOfAnApp asks for what it names, by the way that the server takes, and changes nothing but the log of events.
func TestCheckOfAnApp(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		var cookies, bodies atomic.Int64
		d, at := checkedSites(t, func(w http.ResponseWriter, r *http.Request) {
			if len(r.Cookies()) > 0 || r.Method != http.MethodGet {
				cookies.Add(1)
			}
			switch r.URL.Path {
			case "/gone":
				http.NotFound(w, r)
			case "/away":
				http.Redirect(w, r, "https://169.254.169.254/latest", http.StatusFound)
			case "/endless":
				for r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return
					}
					bodies.Add(1)
				}
			case "/secret":
				_, _ = w.Write([]byte("hush"))
			}
		}, engine)
		d.App(t, "shop", func(m *clients.Metadata) {
			m.RedirectURIs = []string{at + "/cb", at + "/gone", at + "/endless"}
			m.LogoURI, m.BackchannelLogoutURI, m.PolicyURI = at+"/secret", at+"/away", at+"/away"
			m.Upstreams, m.Scope = []string{"nowhere"}, "openid gone"
		})
		_, before := d.call("GET /clients/shop", nil)
		all := d.found("shop")
		for check, want := range map[string]string{
			"redirect_uris": "notice: " + at + "/gone: it answers with status 404", "logo_uri": "notice: " + at + "/secret: its answer is",
			"backchannel_logout_uri": "problem: " + at + "/away: it answers with a redirect (302)", "policy_uri": "good: ",
			"upstreams": "problem: none of", "scope": `problem: no API has the scope "gone"`, "registration": "good: ",
		} {
			if !strings.Contains(all[check], want) {
				t.Errorf("%s: %q, want %q", check, all[check], want)
			}
		}
		if n := strings.Count(all["redirect_uris"], "good: "); n != 2 {
			t.Errorf("redirect URIs: %s", all["redirect_uris"])
		}
		if raw, _ := json.Marshal(all); strings.Contains(string(raw), "hush") || strings.Contains(string(raw), "169.254") {
			t.Errorf("what was answered is told: %s", raw)
		}
		if cookies.Load() > 0 || bodies.Load() > 1000 {
			t.Errorf("%d requests with cookies, or not GET; %d parts of an endless body", cookies.Load(), bodies.Load())
		}
		if _, after := d.call("GET /clients/shop", nil); !reflect.DeepEqual(before, after) {
			t.Errorf("it was changed: %v", after)
		}
		events, err := d.Services().DB.EventsLike(t.Context(), storage.Event{Name: "client.checked"}, "", 10)
		if err != nil || len(events) != 1 || events[0].ClientID != "shop" {
			t.Errorf("events: %v %v", events, err)
		}
		if status, _ := d.call("POST /clients/nobody/check", nil); status != http.StatusNotFound {
			t.Errorf("an app that is not there: %d", status)
		}
	})
}

// TestCheckTellsNothingOfTheInside: an address inside is not connected to, whether there is somebody or not, and what is said of it is the
// same as of a name that is none.
func TestCheckTellsNothingOfTheInside(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = c.Close()
		}
	}()
	d := newAdminAPI(t)
	said := map[string]bool{}
	for i, host := range []string{"127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "nowhere.invalid",
		"metadata.localhost"} {
		id := "app" + string(rune('a'+i))
		d.App(t, id, func(m *clients.Metadata) {
			m.RedirectURIs = []string{"https://" + host + "/cb"}
			m.BackchannelLogoutURI, m.JWKSURI = "https://"+host+"/out", "https://"+host+"/keys"
		})
		all := d.found(id)
		said[strings.ReplaceAll(all["redirect_uris"]+all["backchannel_logout_uri"]+all["jwks_uri"], host, "HOST")] = true
	}
	if len(said) != 1 {
		t.Errorf("%d answers, which tell what is inside: %v", len(said), said)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	said = map[string]bool{}
	for i, at := range []string{port, "1"} { // one where somebody listens, one where nobody does
		id := "port" + string(rune('a'+i))
		d.App(t, id, func(m *clients.Metadata) { m.BackchannelLogoutURI = "https://127.0.0.1:" + at + "/out" })
		said[strings.ReplaceAll(d.found(id)["backchannel_logout_uri"], ":"+at+"/", ":PORT/")] = true
	}
	if len(said) != 1 || asked.Load() > 0 {
		t.Errorf("%d connections inside; said %v", asked.Load(), said)
	}
}

// TestChecksAreCounted: who asks again and again waits, the host's commands excepted; and who may not look at apps has none checked.
func TestChecksAreCounted(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	d.App(t, "shop", func(m *clients.Metadata) { m.RedirectURIs = []string{"http://127.0.0.1/cb"} })
	for i := range 22 {
		want := http.StatusOK
		if i >= 20 {
			want = http.StatusTooManyRequests
		}
		if status, answer := d.call("POST /clients/shop/check", nil); status != want {
			t.Fatalf("check %d: %d %v", i, status, answer)
		}
	}
	h := d.Services()
	for range 25 {
		if _, err := h.Admin.CheckClient(t.Context(), h.Host("root@host"), "shop"); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	d.token, _, err = h.HostToken(t.Context(), "root@host", []string{"people:read", "clients:write", "clients:secrets"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := d.call("POST /clients/shop/check", nil); status != http.StatusForbidden {
		t.Errorf("without clients:read: %d", status)
	}
}

// TestChecksByKeysOfOneAppAreCountedTogether: another API key of an app has no further checks.
func TestChecksByKeysOfOneAppAreCountedTogether(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		s := servertest.New(t, servertest.HandlerOnly(), servertest.Quiet(), engine)
		acts, holds := s.Services().Admin, admin.SetOf(admin.ClientsRead)
		s.App(t, "shop", func(m *clients.Metadata) { m.RedirectURIs = []string{"http://127.0.0.1/cb"} })
		check := func(kind admin.Kind, id string) error {
			_, err := acts.CheckClient(t.Context(), admin.Actor{Kind: kind, ID: id, Holds: holds}, "shop")
			return err
		}
		for i := range 20 {
			if err := check(admin.KindKey, "a/b/"+strconv.Itoa(i)); err != nil {
				t.Fatalf("check %d: %v", i, err)
			}
		}
		for kind, id := range map[admin.Kind]string{admin.KindKey: "a/b/20", admin.KindClient: "a/b"} {
			if _, late := errors.AsType[*ratelimit.Throttled](check(kind, id)); !late {
				t.Errorf("%s %s has checks of its own", kind, id)
			}
		}
		if err := check(admin.KindKey, "a/1"); err != nil {
			t.Errorf("another app: %v", err)
		}
	})
}
