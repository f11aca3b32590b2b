package authorize_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"signet/server/servertest"
)

// What another site's page loads as a part of itself: nothing is stored, whatever page is asked for; prompt=none is answered.
func TestV06_PartsOfAnotherSitesPage(t *testing.T) { // Fetch Metadata; OpenID Connect Core section 3.1.2.1
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWorld(t, engine)
		get := func(path, dest string) *http.Response {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
			if err != nil {
				t.Fatal(err)
			}
			mode := "navigate"
			if dest == "image" {
				mode = "no-cors"
			}
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Sec-Fetch-Mode", mode)
			req.Header.Set("Sec-Fetch-Dest", dest)
			res, err := w.HTTP.Transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			return res
		}
		ask := w.shop.OAuth.AuthCodeURL("a state of mine")
		for range 300 {
			if res := get(ask, "image"); res.StatusCode != 403 {
				t.Fatalf("an image: %s", res.Status)
			}
		}
		for _, path := range []string{ask, w.URL + "/signin", w.URL + "/signup", w.URL + "/account", w.URL + "/forgot"} {
			if res := get(path, "iframe"); res.StatusCode != 403 || res.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s in a frame: %s %v", path, res.Status, res.Header["Set-Cookie"])
			}
		}
		if n, err := w.Services().DB.CountInteractions(t.Context(), time.Now()); err != nil || len(n) > 0 {
			t.Errorf("stored: %v, %v", n, err)
		}
		if res := get(ask+"&prompt=none", "iframe"); res.StatusCode != 303 ||
			!strings.Contains(res.Header.Get("Location"), "error=login_required") {
			t.Errorf("prompt=none in a frame: %s to %s", res.Status, res.Header.Get("Location"))
		}
		if n, err := w.Services().DB.CountInteractions(t.Context(), time.Now()); err != nil || len(n) > 0 {
			t.Errorf("stored by prompt=none: %v, %v", n, err)
		}
		b := w.Browser(t)
		w.shop.Begin(t, b)
		b.SignIn(t, w.ada)
		if !b.Has("consent-allow") {
			t.Errorf("a person of the network: at %s, %d", b.URL, b.Status)
		}
	})
}

// From the fifth browser without a cookie at an address on, each shows its cookie first; one that keeps none is told so.
func TestV06_CookieIsShownFirst(t *testing.T) { servertest.Engines(t, cookieIsShownFirst) }

func cookieIsShownFirst(t *testing.T, engine servertest.Option) {
	w := newWorld(t, engine)
	for i := range 8 {
		b := w.Browser(t)
		w.shop.Begin(t, b)
		if again := b.SignIn(t, w.ada); !again.Has("consent-allow") {
			t.Fatalf("browser %d: at %s, %d", i, b.URL, b.Status)
		}
	}
	to, seen := w.shop.OAuth.AuthCodeURL("state of a browser without cookies"), 0
	for range 4 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", to, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := w.HTTP.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode == 303 && seen == 0 {
			seen++
			to = w.URL + strings.TrimPrefix(res.Header.Get("Location"), w.URL)
			continue
		}
		if res.StatusCode != 400 || !strings.Contains(strings.ToLower(string(body)), "cookie") {
			t.Errorf("%s %s", res.Status, res.Header.Get("Location"))
		}
		break
	}
	if seen != 1 {
		t.Errorf("sent round %d times, want once", seen)
	}
}

// A POST carries what no address holds: from another site's page, through a page of ours that sends it again, to the sign-in.
func TestPostCarries32KiB(t *testing.T) { // OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2
	w := newWorld(t)
	ask, err := url.Parse(w.shop.OAuth.AuthCodeURL("a state of mine"))
	if err != nil {
		t.Fatal(err)
	}
	form := ask.Query()
	for i := range 9 {
		form.Set(fmt.Sprint("more", i), strings.Repeat("x", 3<<10))
	}
	b := w.signedIn(t)
	b.PostFrom(t, "https://shop.example", "/oauth2/authorize", form)
	if b.Status != 200 || !b.Has("formpost-submit") {
		t.Fatalf("at %s: %d %s", b.URL, b.Status, b.Text("main"))
	}
	b.Submit(t, "formpost-submit", nil)
	if b.Landed == nil || b.Landed.Query().Get("code") == "" || b.Landed.Query().Get("state") != "a state of mine" {
		t.Errorf("at %s, landed %v: %s", b.URL, b.Landed, b.Text("main"))
	}
	form.Set("signet_again", "1") // another site's page cannot leave the page out
	if b.PostFrom(t, "https://shop.example", "/oauth2/authorize", form); !b.Has("formpost-submit") {
		t.Errorf("taken from elsewhere: at %s, landed %v", b.URL, b.Landed)
	}
	for range 6 { // also where browsers have to show their cookie first
		b := w.Browser(t)
		if b.PostFrom(t, "https://shop.example", "/oauth2/authorize", form).Submit(t, "formpost-submit", nil); b.Has("formpost-submit") {
			b.Submit(t, "formpost-submit", nil)
		}
		if !b.Has("login-submit") {
			t.Fatalf("at %s: %d %s", b.URL, b.Status, b.Text("main"))
		}
	}
	hinted := ask.Query()
	hinted.Set("id_token_hint", strings.Repeat("x", 15<<10)) // read, and found to be nobody's
	hinted.Set("prompt", "none")
	if b.PostFrom(t, "https://shop.example", "/oauth2/authorize", hinted).Submit(t, "formpost-submit", nil); b.Landed == nil ||
		strings.Contains(b.Landed.Query().Get("error_description"), "too long") {
		t.Errorf("hint: at %s, landed %v", b.URL, b.Landed)
	}
	out := url.Values{"client_id": {"shop"}, "id_token_hint": {strings.Repeat("x", 32<<10)}}
	if b.PostFrom(t, "https://shop.example", "/oauth2/logout", out); b.Status != 200 || !b.Has("formpost-submit") {
		t.Fatalf("logout: at %s: %d %s", b.URL, b.Status, b.Text("main"))
	}
	if b.Submit(t, "formpost-submit", nil); !b.Has("logout-confirm") {
		t.Errorf("logout: at %s: %d %s", b.URL, b.Status, b.Text("main"))
	}
}
