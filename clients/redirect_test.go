package clients

import (
	"strings"
	"testing"
)

func TestH02_H03_MatchRedirect(t *testing.T) { // RFC 9700 section 2.1, RFC 8252 sections 7.3 and 8.3
	web := newClient(
		Metadata{ApplicationType: Web,
			RedirectURIs: []string{"https://shop.example/cb", "https://shop.example/q?a=%20b&c", "http://localhost:3000/cb"}})
	native := newClient(
		Metadata{ApplicationType: Native,
			RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:8080/cb?x=1", "http://localhost/cb", "com.example.app:/cb",
				"https://127.0.0.1/tls"}})
	tests := []struct {
		c    *Client
		sent string
		ok   bool
	}{
		{web, "https://shop.example/cb", true},
		{web, "https://shop.example/q?a=%20b&c", true},
		{web, "http://localhost:3000/cb", true},
		{web, "http://localhost:3001/cb", false}, // only native apps have any port
		{web, "https://shop.example/cb/", false},
		{web, "https://SHOP.example/cb", false},
		{web, "https://shop.example:443/cb", false},
		{web, "https://shop.example/cb?", false},
		{web, "https://shop.example/cb#", false},
		{web, "https://shop.example/%63b", false},
		{web, "https://shop.example/q?a=+b&c", false},
		{web, "https://shop.example.evil.example/cb", false},
		{web, "", false},
		{native, "http://127.0.0.1/cb", true},
		{native, "http://127.0.0.1:1/cb", true},
		{native, "http://127.0.0.1:65535/cb", true},
		{native, "http://[::1]:9/cb?x=1", true},
		{native, "http://localhost:4711/cb", true},
		{native, "com.example.app:/cb", true},
		{native, "com.example.app:/cb2", false},
		{native, "http://127.0.0.1:0/cb", false},
		{native, "http://127.0.0.1:65536/cb", false},
		{native, "http://127.0.0.1:080/cb", false},
		{native, "http://127.0.0.1:/cb", false},
		{native, "http://127.0.0.1:1/cb?", false},
		{native, "http://127.0.0.1:1/%63b", false}, // R2: fosite decodes the path
		{native, "http://127.0.0.1:1/cb#f", false},
		{native, "http://127.0.0.2:1/cb", false},
		{native, "http://user:pw@127.0.0.1:1/cb", false}, // R2: fosite does not compare it
		{native, "http://127.0.0.1:1@evil.example/cb", false},
		{native, `http://127.0.0.1:1\@evil.example/cb`, false},
		{native, "http://127.0.0.1.evil.example/cb", false},
		{native, "http://localhost.evil.example/cb", false},
		{native, "HTTP://127.0.0.1:1/cb", false},
		{native, "http://LOCALHOST:1/cb", false},
		{native, "http://[::1]:9/cb", false},
		{native, "http://[::ffff:127.0.0.1]/cb", false},
		{native, "http://127.0.0.1:9/tls", false}, // R2: the registered scheme counts
		{native, "https://127.0.0.1:9/tls", false},
	}
	for _, tt := range tests {
		if got, ok := tt.c.MatchRedirect(tt.sent); ok != tt.ok || ok && got != tt.sent {
			t.Errorf("%q: got %q %v, want %v", tt.sent, got, ok, tt.ok)
		}
	}
}

func TestH06_RedirectURIsAtRegistration(t *testing.T) { // RFC 6749 section 3.1.2, RFC 8252 section 7.1
	for uri, want := range map[string]struct{ web, native bool }{
		"https://shop.example/cb": {true, true}, "http://localhost:3000/cb": {true, true}, "http://127.0.0.1/cb": {true, true},
		"http://[::1]/cb":     {true, true},
		"com.example.app:/cb": {false, true}, "myapp:/cb": {false, false}, "http://shop.example/cb": {false, false},
		"https://*.shop.example/cb": {false, false},
		"https://shop.example/cb#f": {false, false}, "https://u@shop.example/cb": {false, false}, "javascript:alert(1)": {false, false},
		"data:text/html,x":   {false, false},
		"file:///etc/passwd": {false, false}, "/cb": {false, false}, "https:///cb": {false, false},
		"https://shop.example/a%2fb": {false, false}, "https://shop.example/ cb": {false, false},
		"https://shop.example/" + strings.Repeat("x", 512): {false, false}, `https://shop.example\cb`: {false, false}, "": {false, false},
	} {
		if got := redirectMistake(uri, false, nil); (got == "") != want.web {
			t.Errorf("web %q: %q", uri, got)
		}
		if got := redirectMistake(uri, true, nil); (got == "") != want.native {
			t.Errorf("native %q: %q", uri, got)
		}
	}
}

func FuzzMatchRedirect(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:1/cb", "http://[::1]:9/cb", "http://localhost:4711/cb?x",
		"http://127.0.0.1:1@evil.example/cb", "https://shop.example/cb"} {
		f.Add(s)
	}
	c := newClient(Metadata{ApplicationType: Native,
		RedirectURIs: []string{"http://127.0.0.1/cb", "http://localhost/cb?x", "http://[::1]/cb", "https://shop.example/cb"}})
	f.Fuzz(func(t *testing.T, sent string) {
		got, ok := c.MatchRedirect(sent)
		if !ok {
			return
		}
		if got != sent {
			t.Fatalf("%q became %q", sent, got)
		}
		if sent == "https://shop.example/cb" {
			return
		}
		// nothing but a port may stand between host and path
		for _, prefix := range []string{"http://127.0.0.1", "http://localhost", "http://[::1]"} {
			if rest, ok := strings.CutPrefix(sent, prefix); ok {
				port, path, _ := strings.Cut(rest, "/")
				if (port == "" || strings.Trim(port, ":0123456789") == "") && (path == "cb" || path == "cb?x") {
					return
				}
			}
		}
		t.Fatalf("%q was taken", sent)
	})
}
