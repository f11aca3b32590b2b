package clients

import "testing"

func TestH03_Loopback(t *testing.T) { // RFC 8252 sections 7.3 and 8.3, RFC 3986 section 6.2.3
	registered := []string{"http://127.0.0.1", "http://[::1]/", "http://localhost?x=1", "http://127.8.9.10/cb"}
	native := newClient(Metadata{ApplicationType: Native, RedirectURIs: registered, PostLogoutRedirectURIs: registered})
	web := newClient(Metadata{ApplicationType: Web, RedirectURIs: registered, PostLogoutRedirectURIs: registered})
	for sent, ok := range map[string]bool{
		"http://127.0.0.1:4000":          true,
		"http://127.0.0.1:4000/":         true,
		"http://127.0.0.1/":              true,
		"http://127.0.0.1:4000//":        false,
		"http://127.0.0.1:4000/x":        false,
		"http://[::1]:4000":              true,
		"http://[::1]:4000/":             true,
		"http://[::1]":                   true,
		"http://localhost:4000/?x=1":     true,
		"http://localhost:4000?x=1":      true,
		"http://localhost:4000/":         false,
		"http://127.8.9.10:4000/cb":      true,
		"http://127.8.9.10:4000/cb/":     false,
		"http://127.8.9.11:4000/cb":      false, // another host
		"http://[0:0:0:0:0:0:0:1]:4000/": false,
		"http://[::1%25lo]:4000/":        false,
		"http://::1:4000/":               false,
		"http://[127.0.0.1]:4000/":       false,
		"http://127.1:4000/":             false,
		"http://128.0.0.1:4000/":         false,
		"http://127.0.0.1:4000:1/":       false,
		"http://127.0.0.1:/":             false,
		"http://localhost.evil.test/":    false,
		"https://127.0.0.1:4000/":        false,
	} {
		if _, got := native.MatchRedirect(sent); got != ok {
			t.Errorf("redirect_uri %s: got %v", sent, got)
		}
		if _, got := native.MatchPostLogoutRedirect(sent); got != ok {
			t.Errorf("post_logout_redirect_uri %s: got %v", sent, got)
		}
		if _, got := web.MatchRedirect(sent); got {
			t.Errorf("%s: an app that is not native may choose the port", sent)
		}
	}
}
