package authorize_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"signet/server/servertest"
)

// Two tabs, double clicks: one interaction gives one code.
func TestOneInteractionOneCode(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.Browser(t).Get(t, w.ask("scope", "openid"))
		b.SignIn(t, w.ada)
		i := b.URL.Query().Get("i")
		form := url.Values{"decision": {"allow"}}
		codes := make(chan string, 16)
		var wg sync.WaitGroup
		for range 16 {
			tab := b.Tab(t)
			wg.Go(func() {
				if tab.Post(t, "/consent?i="+i, form); tab.Landed != nil {
					codes <- tab.Landed.Query().Get("code")
				} else if tab.Status >= 500 {
					t.Errorf("%d: %s", tab.Status, tab.Text("main"))
				}
			})
		}
		wg.Wait()
		close(codes)
		var got []string
		for c := range codes {
			got = append(got, c)
		}
		if len(got) != 1 || got[0] == "" {
			t.Errorf("%d codes, want 1", len(got))
		}
	})
}

// Two tabs come back to the dispatcher with everything done: the app gets one code, the other tab is told that it was answered.
func TestSecondFinishIsToldSo(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.signedIn(t)
		for range 4 {
			// The question comes because it was asked for; its answer is recorded, and not followed to the end.
			b.Get(t, w.ask("prompt", "consent"))
			again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
			form := b.FormWith("consent-allow")
			form.Fields.Set("decision", "allow")
			w.postOnly(t, b, b.URL.RequestURI(), form.Fields)
			var mu sync.Mutex
			outcomes := map[string]int{}
			var wg sync.WaitGroup
			for range 8 {
				tab := b.Tab(t)
				wg.Go(func() {
					tab.Get(t, again)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case tab.Landed != nil && tab.Landed.Query().Get("code") != "":
						outcomes["code"]++
					case tab.Status == http.StatusConflict, tab.Status == http.StatusBadRequest: // answered, or gone already
						outcomes["told"]++
					default:
						t.Errorf("%d at %s, landed %v", tab.Status, tab.URL, tab.Landed)
					}
				})
			}
			wg.Wait()
			if outcomes["code"] != 1 || outcomes["told"] != 7 {
				t.Errorf("%v", outcomes)
			}
		}
	})
}

// postOnly sends a form with the browser's cookies and does not follow.
func (w *world) postOnly(t *testing.T, b *servertest.Browser, path string, form url.Values) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range b.Cookies() {
		req.AddCookie(c)
	}
	res, err := w.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("answered %d", res.StatusCode)
	}
}

// What ends everything, raced against authorizations in flight, leaves nothing alive.
func TestNoAuthorizationInFlightSurvives(t *testing.T) {
	everything := []string{"openid", "profile", "offline_access"}
	online := []string{"openid", "profile"}
	acts := map[string]struct {
		scopes []string
		do     func(ctx context.Context, w *world) error
	}{
		"password set": {everything, func(ctx context.Context, w *world) error {
			return w.House().People.SetPassword(ctx, w.ada.ID, "another horse battery staple")
		}},
		"disabled":          {everything, func(ctx context.Context, w *world) error { return w.House().People.Disable(ctx, w.ada.ID) }},
		"consent withdrawn": {everything, func(ctx context.Context, w *world) error { return w.House().People.Disconnect(ctx, w.ada.ID, "shop") }},
		"signed out everywhere": {online, func(ctx context.Context, w *world) error {
			_, err := w.House().Sessions.EndAll(ctx, w.ada.ID, "", "signed out everywhere")
			return err
		}},
	}
	for name, act := range acts {
		t.Run(name, func(t *testing.T) {
			servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
				w := newWorld(t, engine)
				w.shop = w.shop.With(act.scopes...)
				f := flight{app: w.shop, enough: make(chan struct{})}
				b := w.signedIn(t)
				var wg sync.WaitGroup
				for i := range 6 {
					tab := b.Tab(t)
					wg.Go(func() { f.fly(t, tab, i) })
				}
				<-f.enough
				if err := act.do(t.Context(), w); err != nil {
					t.Error(err)
				}
				wg.Wait() // each tab goes on until it is asked something
				f.dead(t)
			})
		})
	}
}

// flight is authorizations one after the other, in several tabs.
type flight struct {
	app    *servertest.App
	enough chan struct{} // closed when there is something to end

	mu      sync.Mutex
	refresh []string    // tokens got
	codes   [][2]string // not exchanged, with their verifiers
}

func (f *flight) fly(t *testing.T, tab *servertest.Browser, i int) {
	for n := i; ; n++ {
		r := f.app.Begin(t, tab)
		if tab.Landed == nil { // a page: it is over
			return
		}
		code, token := tab.Landed.Query().Get("code"), ""
		if n%3 > 0 {
			tokens, err := r.TryExchange(t.Context(), code)
			if err != nil { // it ended in between
				continue
			}
			token = tokens.RefreshToken
		}
		f.mu.Lock()
		if token != "" {
			f.refresh = append(f.refresh, token)
		} else {
			f.codes = append(f.codes, [2]string{code, r.Verifier})
		}
		if len(f.refresh)+len(f.codes) == 30 {
			close(f.enough)
		}
		f.mu.Unlock()
	}
}

// dead wants all of them refused.
func (f *flight) dead(t *testing.T) {
	t.Helper()
	for _, token := range f.refresh {
		_, err := f.app.TryRefresh(t.Context(), token)
		servertest.Refused(t, err, "invalid_grant")
	}
	for _, c := range f.codes {
		_, err := f.app.OAuth.Exchange(f.app.Context(t.Context()), c[0], oauth2.VerifierOption(c[1]))
		servertest.Refused(t, err, "invalid_grant")
	}
	if len(f.refresh) == 0 || len(f.codes) == 0 {
		t.Errorf("%d refresh tokens and %d codes: the race did not run", len(f.refresh), len(f.codes))
	}
}
