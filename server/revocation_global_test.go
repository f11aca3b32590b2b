package server_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"signet/audit"
	"signet/server/servertest"
)

// alive asks what is left of a sign-in: the browser's session, the refresh token, the access token at userinfo.
func alive(t *testing.T, s *servertest.Server, app *servertest.App, b *servertest.Browser, got *oauth2.Token) (all []string) {
	t.Helper()
	b.Get(t, "/account")
	if b.Status == http.StatusOK && b.URL.Path == "/account" {
		all = append(all, "session")
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, s.HTTP)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	got.SetAuthHeader(r)
	res, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusOK {
		all = append(all, "access")
	}
	if _, err := app.OAuth.TokenSource(ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token(); err == nil {
		all = append(all, "refresh")
	}
	return all
}

const globalRevocation = "POST /global-token-revocation"

func subID(pairs ...string) map[string]any {
	id := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		id[pairs[i]] = pairs[i+1]
	}
	return map[string]any{"sub_id": id}
}

// TestGlobalRevocation ends all that one person's sign-ins gave, and nothing of anybody else, however the person is named.
func TestGlobalRevocation(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		app := d.App(t, "shop").With("openid email offline_access")
		grace := d.Person(t, "grace@example.com")
		others := d.Browser(t)
		kept := app.Login(t, others, grace)
		ada := d.Person(t, "ada@example.com")
		for name, id := range map[string]map[string]any{
			"iss_sub": subID("format", "iss_sub", "iss", d.URL, "sub", ada.ID),
			"email":   subID("format", "email", "email", "Ada@example.com"),
			"opaque":  subID("format", "opaque", "id", ada.ID),
		} {
			b := d.Browser(t)
			got := app.Login(t, b, ada)
			d.want(204, globalRevocation, id)
			if left := alive(t, d.Server, app, b, got); len(left) > 0 {
				t.Errorf("%s: %v is left", name, left)
			}
			d.want(204, globalRevocation, id) // done twice is done
		}
		if left := alive(t, d.Server, app, others, kept); len(left) != 3 {
			t.Errorf("of somebody else %v is left", left)
		}
		events, err := d.Services().DB.EventsAfter(t.Context(), "", 1000)
		n := 0
		for _, e := range events {
			if e.Name == string(audit.UserEnded) && e.UserID == ada.ID && e.ActorID != "" {
				n++
			}
		}
		if err != nil || n != 6 {
			t.Errorf("%d events, %v", n, err)
		}
	})
}

// TestGlobalRevocationByStrangers: who may not, or names nobody of this server, ends nothing and learns nothing of who there is.
func TestGlobalRevocationByStrangers(t *testing.T) {
	t.Parallel()
	d := newAdminAPI(t)
	app := d.App(t, "shop").With("openid email offline_access")
	ada, boss := d.Person(t, "ada@example.com"), d.Person(t, "boss@example.com")
	d.MakeAdmin(t, boss)
	b := d.Browser(t)
	got := app.Login(t, b, ada)
	id := subID("format", "opaque", "id", ada.ID)
	for name, body := range map[string]any{
		"another issuer":  subID("format", "iss_sub", "iss", "https://elsewhere.example", "sub", ada.ID),
		"a slash more":    subID("format", "iss_sub", "iss", d.URL+"/", "sub", ada.ID),
		"nobody":          subID("format", "opaque", "id", "nobody"),
		"nobody's":        subID("format", "email", "email", "nobody@example.com"),
		"an email as sub": subID("format", "iss_sub", "iss", d.URL, "sub", "ada@example.com"),
		"no email":        subID("format", "email", "email", "ada"),
		"no email at all": subID("format", "email", "email", "\u202e@.."),
	} {
		if status, answer := d.call(globalRevocation, body); status != 404 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for name, body := range map[string]any{
		"no subject": map[string]any{}, "empty": subID("format", "opaque"),
		"no issuer":      subID("format", "iss_sub", "sub", ada.ID),
		"two people":     subID("format", "opaque", "id", ada.ID, "email", "ada@example.com"),
		"no sub":         subID("format", "iss_sub", "iss", d.URL),
		"long one":       subID("format", "email", "email", strings.Repeat("a", 300)),
		"another format": subID("format", "phone_number", "id", ada.ID),
		"more":           `{"sub_id":{"format":"opaque","id":"` + ada.ID + `"},"all":true}`, "a list": `{"sub_id":["` + ada.ID + `"]}`,
		"long": subID("format", "opaque", "id", strings.Repeat("a", 300)), "not JSON": "{",
	} {
		if status, answer := d.call(globalRevocation, body); status != 422 && status != 400 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	all := d.token
	for name, scopes := range map[string][]string{
		"sessions alone": {"sessions:revoke"}, "grants alone": {"grants:revoke"}, "reading": {"people:read"},
	} {
		token, _, err := d.Services().HostToken(t.Context(), "root@host", scopes, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		d.token = token
		if status, answer := d.call(globalRevocation, id); status != 403 {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	token, _, err := d.Services().HostToken(t.Context(), "root@host", []string{"sessions:revoke", "grants:revoke"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d.token = token
	if status, answer := d.call(globalRevocation, subID("format", "opaque", "id", boss.ID)); status != 403 {
		t.Errorf("somebody who holds more: %d %v", status, answer)
	}
	d.token = ""
	if status, answer := d.call(globalRevocation, id); status != 401 {
		t.Errorf("without a token: %d %v", status, answer)
	}
	d.token = got.AccessToken
	if status, answer := d.call(globalRevocation, id); status != 401 {
		t.Errorf("with an app's token: %d %v", status, answer)
	}
	if left := alive(t, d.Server, app, b, got); len(left) != 3 {
		t.Errorf("%v is left", left)
	}
	d.token = all
}

// TestGlobalRevocationWhileTokensAreRefreshed: whoever refreshes at the same moment has nothing that lives after it.
func TestGlobalRevocationWhileTokensAreRefreshed(t *testing.T) {
	t.Parallel()
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		d := newAdminAPI(t, engine)
		app := d.App(t, "shop").With("openid email offline_access")
		ada := d.Person(t, "ada@example.com")
		b := d.Browser(t)
		got := app.Login(t, b, ada)
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, d.HTTP)
		var wg sync.WaitGroup
		var last sync.Map
		for i := range 8 {
			wg.Go(func() {
				if next, err := app.OAuth.TokenSource(ctx, &oauth2.Token{RefreshToken: got.RefreshToken}).Token(); err == nil {
					last.Store(i, next)
				}
			})
		}
		wg.Go(func() { d.call(globalRevocation, subID("format", "opaque", "id", ada.ID)) })
		wg.Wait()
		last.Range(func(_, next any) bool {
			if left := alive(t, d.Server, app, b, next.(*oauth2.Token)); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
			return true
		})
	})
}
