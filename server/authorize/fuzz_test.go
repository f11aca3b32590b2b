package authorize_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"signet/clients"
	"signet/server/servertest"
)

// FuzzAuthorize: whatever the query, the answer is a page, one of our own steps, or the registered address with an error, iss
// and the state as it was sent; never a code, never a 500.
func FuzzAuthorize(f *testing.F) {
	s := servertest.New(f, servertest.HandlerOnly(), servertest.YAML(api))
	const back = "https://shop.example/cb?z=1&a=%20x"
	s.App(f, "shop", func(m *clients.Metadata) {
		m.Scope += " api:read"
		m.RedirectURIs = []string{back}
	})
	good := url.Values{"client_id": {"shop"}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s&t"}}.Encode()
	for _, more := range []string{"", "&prompt=none", "&max_age=-1", "&claims=%7B%7D", "&state=x", "&resource=%00",
		"&response_mode=form_post", "&id_token_hint=a.b.c", "&ui_locales=de", "&lang=de", "&%zz", ";"} {
		f.Add(good + more)
	}
	f.Add("client_id=shop&redirect_uri=https://evil.example/")
	n := 0
	f.Fuzz(func(t *testing.T, query string) {
		n++
		r := httptest.NewRequest(http.MethodGet, "https://id.example.com/oauth2/authorize", nil)
		r.URL.RawQuery = query
		r.RequestURI = "/oauth2/authorize" // the limits of URLs are package web's
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:99", n>>8&255, n&255)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		to := w.Header().Get("Location")
		switch {
		case w.Code == http.StatusOK, w.Code >= 400 && w.Code < 500:
			if to != "" {
				t.Errorf("%d with Location %q", w.Code, to)
			}
		case w.Code != http.StatusSeeOther:
			t.Errorf("%q: %d", query, w.Code)
		case strings.HasPrefix(to, "/signin?i="):
		default:
			sent, _ := url.ParseQuery(query)
			rest, ok := strings.CutPrefix(to, back+"&")
			q, err := url.ParseQuery(rest)
			if !ok || err != nil || q.Get("error") == "" || q.Get("iss") != s.URL || q.Has("code") || q.Get("state") != sent.Get("state") {
				t.Errorf("%q leads to %q", query, to)
			}
		}
	})
}
