package server_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/internal/generatedtest"
	"signet/server/servertest"
)

// TestEndpointsAreDocumented makes docs/endpoints.md of the routes that are mounted, and of what they touch.
func TestEndpointsAreDocumented(t *testing.T) {
	t.Parallel()
	w := newWays(t, optional, servertest.YAML("registration: {mode: open}\nsessions: {check_iframe: true}\n"))
	routes, touches := w.Routes().Mounted(), w.Routes().Touches()
	var out strings.Builder
	out.WriteString(
		"# Endpoints\n\nEvery route of a server on which all features are on: under the path of the issuer, if it has one. What a request may " +
			"change of how an\n" +
			"account is signed in to is beside it. Metrics are on a listener of their own ([operations](operations.md)).\n\n" +
			"Generated from the routes that are mounted: `go test ./server -run EndpointsAreDocumented -update`.\n")
	for _, part := range []struct {
		title string
		has   func(path string) bool
	}{
		{"For applications", func(p string) bool {
			return strings.HasPrefix(p, "/oauth2/") || strings.HasPrefix(p, "/.well-known/") || p == "/userinfo"
		}},
		{"The account", func(p string) bool { return strings.HasPrefix(p, "/account") }},
		{"Signing in, and the rest", func(string) bool { return true }},
	} {
		fmt.Fprintf(&out, "\n## %s\n\n| route | touches |\n|---|---|\n", part.title)
		var left []string
		for _, route := range slices.Compact(slices.Sorted(slices.Values(routes))) {
			method, path, _ := strings.Cut(route, " ")
			if method == "OPTIONS" {
				continue
			}
			if !part.has(path) {
				left = append(left, route)
				continue
			}
			var names []string
			for _, touch := range touches[route] {
				names = append(names, fmt.Sprint(touch))
			}
			fmt.Fprintf(&out, "| `%s` | %s |\n", route, strings.Join(names, ", "))
		}
		routes = left
	}
	generatedtest.File(t, *update, filepath.Join("..", "docs", "endpoints.md"), out.String())
}

// TestNoAddressOfAFormIsADeadEnd: a browser that reloads what a form was answered with asks by GET, and comes to a page.
func TestNoAddressOfAFormIsADeadEnd(t *testing.T) {
	t.Parallel()
	w := newWays(t, optional, servertest.YAML("registration: {mode: open}\n"))
	shown := map[string]bool{}
	for _, route := range w.Routes().Mounted() {
		if path, ok := strings.CutPrefix(route, "GET "); ok {
			shown[path] = true
		}
	}
	tried := 0
	for _, route := range w.Routes().Mounted() {
		path, posted := strings.CutPrefix(route, "POST ")
		if !posted || shown[path] {
			continue
		}
		path = strings.NewReplacer("{upstream}", "google", "{", "", "}", "").Replace(path)
		b := w.Browser(t).Get(t, path)
		if strings.Contains(b.Header.Get("Content-Type"), "json") {
			continue // for programs
		}
		tried++
		if b.Status >= http.StatusInternalServerError || b.Status == http.StatusMethodNotAllowed || b.URL.Path == path {
			t.Errorf("%s: got %d at %s, want a page", path, b.Status, b.URL)
		}
	}
	if tried < 20 {
		t.Errorf("only %d addresses of forms were tried", tried)
	}
}
