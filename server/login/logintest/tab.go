package logintest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Tab is a browser with its cookies and the page in view.
type Tab struct {
	*httptest.ResponseRecorder
	Cookies     map[string]string
	KeepsNone   bool   // keeps no cookies
	At          string // path and query of the page in view
	s           *Server
	crossOrigin string
}

// Tab opens a browser.
func (s *Server) Tab() *Tab { return &Tab{s: s, Cookies: map[string]string{}} }

// Do sends a request as a page of ours would, and follows.
func (b *Tab) Do(t testing.TB, method, target string, form url.Values) *Tab {
	t.Helper()
	for range 10 {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:9400"+target, strings.NewReader(form.Encode()))
		r.RemoteAddr = "203.0.113.24:1234"
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			if b.crossOrigin != "" {
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Origin", b.crossOrigin)
			}
		}
		for name, value := range b.Cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		b.ResponseRecorder, b.At = httptest.NewRecorder(), target
		b.s.ServeHTTP(b, r)
		b.keep()
		if b.Code != http.StatusSeeOther && b.Code != http.StatusFound {
			return b
		}
		method, target, form = http.MethodGet, b.Header().Get("Location"), nil
	}
	t.Fatal("too many redirects")
	return nil
}

func (b *Tab) keep() {
	for _, k := range b.Result().Cookies() {
		if k.MaxAge < 0 {
			delete(b.Cookies, k.Name)
		} else if !b.KeepsNone {
			b.Cookies[k.Name] = k.Value
		}
	}
}

// Get opens a page.
func (b *Tab) Get(t testing.TB, target string) *Tab {
	t.Helper()
	return b.Do(t, http.MethodGet, target, nil)
}

// PostFrom sends a form as a page of another origin would.
func (b *Tab) PostFrom(t testing.TB, origin, target string, form url.Values) *Tab {
	t.Helper()
	b.crossOrigin = origin
	defer func() { b.crossOrigin = "" }()
	return b.Do(t, http.MethodPost, target, form)
}

// SignIn sends name and password.
func (b *Tab) SignIn(t testing.TB, target, name, password string) *Tab {
	t.Helper()
	return b.Do(t, http.MethodPost, target, url.Values{"username": {name}, "password": {password}})
}

// Want checks the status of the page in view and that it has the parts; one after "!" it must not have.
func (b *Tab) Want(t testing.TB, status int, parts ...string) {
	t.Helper()
	if b.Code != status {
		t.Errorf("%s: status %d, want %d", b.At, b.Code, status)
	}
	body := b.Body.String()
	for _, p := range parts {
		if miss, not := strings.CutPrefix(p, "!"); not && strings.Contains(body, miss) {
			t.Errorf("%s: page holds %q", b.At, miss)
		} else if !not && !strings.Contains(body, p) {
			t.Errorf("%s: page lacks %q:\n%.3000s", b.At, p, body)
		}
	}
}
