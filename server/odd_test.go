package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/server/servertest"
)

// oddFields are those that handlers look rows up by, and some that they write.
var oddFields = []string{"i", "before", "session", "app", "passkey", "login", "account", "username", "t", "state", "code", "name",
	"upstream"}

func TestOddBytesAreNeverOurFault(t *testing.T) {
	if racing {
		return // one request after the other: the gate runs it without the race detector
	}
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := newWays(t, optional, engine)
		ada := w.Person(t, "ada@example.com")
		b := w.Browser(t).Get(t, "/signin").SignIn(t, ada)
		for _, route := range slices.Compact(slices.Sorted(slices.Values(w.Routes().Mounted()))) {
			method, path, _ := strings.Cut(route, " ")
			if method != http.MethodGet && method != http.MethodPost || slices.Contains(ending, route) {
				continue
			}
			sendOdd(t, b, method, path)
		}
		for _, route := range ending {
			method, path, _ := strings.Cut(route, " ")
			sendOdd(t, b, method, path)
		}
	})
}

// sendOdd puts odd bytes into every place of a request, one after the other.
func sendOdd(t *testing.T, b *servertest.Browser, method, path string) {
	t.Helper()
	const odd = "a\x00\xff" // storage's own tests send the one and the other
	path = strings.TrimSuffix(path, "{$}")
	for _, field := range oddFields {
		query := "?" + url.Values{field: {odd}}.Encode()
		tab := b.Tab(t)
		if to := named(path, "work"); method == http.MethodGet {
			tab.Get(t, to+query)
		} else if tab.Post(t, to, url.Values{field: {odd}}); field == "i" {
			tab.Post(t, to+query, url.Values{})
		}
		if tab.Status >= http.StatusInternalServerError {
			t.Errorf("%s %s, %s=%q: %d", method, path, field, odd, tab.Status)
		}
	}
	if tab := b.Tab(t); method == http.MethodGet && strings.Contains(path, "{") {
		if tab.Get(t, named(path, url.PathEscape(odd))); tab.Status >= http.StatusInternalServerError {
			t.Errorf("%s %s with %q: %d", method, path, odd, tab.Status)
		}
	}
}

// named puts a value into the places of a pattern.
func named(path, value string) string {
	parts := strings.Split(path, "/")
	for n, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[n] = value
		}
	}
	return strings.Join(parts, "/")
}
