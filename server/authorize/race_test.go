package authorize_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/oauth/flow"
	"signet/server/servertest"
	"signet/storage"
	"signet/users/factor"
)

// answers are what many clicks at once came to.
type answers struct {
	mu    sync.Mutex
	codes []string
	told  int // pages that say that the request was answered, with the link back to the app
}

// click notes what one of them came to.
func (a *answers) click(t *testing.T, tab *servertest.Browser) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case tab.Landed != nil && tab.Landed.Query().Get("code") != "":
		a.codes = append(a.codes, tab.Landed.Query().Get("code"))
	case tab.Landed == nil && tab.Status == http.StatusConflict && strings.Contains(tab.Body, "/oauth2/return?i="):
		a.told++
	default:
		t.Errorf("%d at %s, landed %v: %s", tab.Status, tab.URL, tab.Landed, tab.Text("main"))
	}
}

// check wants as many answers as there may be, all but the newest dead, and one live grant of the request.
func (a *answers) check(t *testing.T, w *world, r *servertest.Request, clicks int, before int64) {
	t.Helper()
	if len(a.codes) != flow.MaxAnswers || a.told != clicks-flow.MaxAnswers {
		t.Errorf("%d answers and %d told, want %d and %d", len(a.codes), a.told, flow.MaxAnswers, clicks-flow.MaxAnswers)
	}
	if twice := len(a.codes) - len(slices.Compact(slices.Sorted(slices.Values(a.codes)))); twice > 0 {
		t.Errorf("%d codes were given twice", twice)
	}
	if n := w.liveGrants(t) - before; n != 1 {
		t.Errorf("%d live grants of the request, want 1", n)
	}
	good := 0
	for _, code := range a.codes {
		_, err := r.TryExchange(t.Context(), code)
		if err == nil {
			good++
			continue
		}
		servertest.Refused(t, err, "invalid_grant")
	}
	if n := w.liveGrants(t) - before; good != 1 || n != 1 {
		t.Errorf("%d codes are good, %d live grants after; want 1 and 1", good, n)
	}
}

// liveGrants is how many Ada has, with their codes used or not: as many as could be revoked.
func (w *world) liveGrants(t *testing.T) (n int64) {
	t.Helper()
	undo := errors.New("undo")
	err := w.Services().DB.Tx(t.Context(), func(ctx context.Context) (err error) {
		if n, err = w.Services().DB.RevokeGrants(ctx, storage.GrantFilter{UserID: w.ada.ID}, "test", time.Now()); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	return n
}

// Two tabs, double clicks: each leads where the first one led, with a fresh code, a few times; one grant comes of it.
func TestB01_ManyClicksAtOnceMakeOneGrant(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.Browser(t)
		r := w.shop.Begin(t, b)
		b.SignIn(t, w.ada)
		page, form := b.URL.RequestURI(), b.FormWith("consent-allow").Fields
		form.Set("decision", "allow")
		const clicks = 16
		var got answers
		var wg sync.WaitGroup
		for range clicks {
			tab := b.Tab(t)
			wg.Go(func() { tab.Post(t, page, form); got.click(t, tab) })
		}
		wg.Wait()
		got.check(t, w, r, clicks, 0)
	})
}

// Many tabs come back to the dispatcher with everything done: the same.
func TestB01_ManyFinishesAtOnceMakeOneGrant(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.signedIn(t)
		for range 4 {
			before := w.liveGrants(t)
			// The question comes because it was asked for; its answer is recorded, and not followed to the end.
			r := w.shop.Begin(t, b, oauth2.SetAuthURLParam("prompt", "consent"))
			again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
			form := b.FormWith("consent-allow")
			form.Fields.Set("decision", "allow")
			w.postOnly(t, b, b.URL.RequestURI(), form.Fields)
			const clicks = 8
			var got answers
			var wg sync.WaitGroup
			for range clicks {
				tab := b.Tab(t)
				wg.Go(func() { tab.Get(t, again); got.click(t, tab) })
			}
			wg.Wait()
			got.check(t, w, r, clicks, before)
		}
	})
}

// A code that was used stays used: the next answer is a grant of its own. Nobody but the person answered about gets one.
func TestB01_AUsedCodeIsNotReplaced(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		b := w.Browser(t)
		r := w.shop.Begin(t, b)
		again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
		b.SignIn(t, w.ada).Allow(t)
		first := r.Exchange(t, r.Code(t, b))
		for n := 1; n < flow.MaxAnswers; n++ {
			r.Exchange(t, r.Code(t, b.Get(t, again)))
			if live := w.liveGrants(t); live != int64(n)+1 {
				t.Errorf("%d live grants after %d codes used", live, n+1)
			}
		}
		if b.Get(t, again); b.Landed != nil || b.Status != http.StatusConflict {
			t.Errorf("one answer more: %d, landed %v", b.Status, b.Landed)
		}
		if _, err := w.shop.TryRefresh(t.Context(), first.RefreshToken); err != nil {
			t.Errorf("the first grant: %v", err)
		}
	})
}

func TestB01_NoAnswerForAnotherPerson(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		bob := w.Person(t, "bob@example.com")
		b := w.Browser(t)
		r := w.shop.Begin(t, b)
		again := "/oauth2/continue?i=" + b.URL.Query().Get("i")
		b.SignIn(t, w.ada).Allow(t)
		code := r.Code(t, b)
		bobs := b.Tab(t)
		w.shop.Login(t, bobs.Get(t, "/signin?other=1").SignIn(t, bob), bob) // he has allowed the app everything
		if b.Get(t, again); b.Landed != nil || b.Status != http.StatusConflict || !strings.Contains(b.Body, "/oauth2/return?i=") {
			t.Errorf("Bob in view: %d at %s, landed %v", b.Status, b.URL, b.Landed)
		}
		r.Exchange(t, code) // Ada's is as good as before
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
			return w.Services().People.SetPassword(ctx, servertest.Permit(t, w.ada.ID, factor.ResetPassword), "another horse battery staple")
		}},
		"disabled": {everything, func(ctx context.Context, w *world) error { return w.Services().People.Disable(ctx, w.ada.ID) }},
		"consent withdrawn": {everything, func(ctx context.Context, w *world) error {
			return w.Services().People.Disconnect(ctx, w.ada.ID, "shop")
		}},
		"signed out everywhere": {online, func(ctx context.Context, w *world) error {
			_, err := w.Services().Sessions.EndAll(ctx, w.ada.ID, "", "signed out everywhere")
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
