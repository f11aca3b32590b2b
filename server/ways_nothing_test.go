package server_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"signet/server/web"
)

// ending are the routes that end the session, which is why they come last.
var ending = []string{"POST /account/sessions", "POST /choose", "POST /oauth2/logout/confirm"}

// untouched sends all that a form of ours may hold to the routes that declare Nothing, one after the other, and looks whether that is
// true.
func untouched(t *testing.T, w *ways, s *state) {
	t.Helper()
	c := newCell(t, w, s)
	before := c.ways(c.user())
	touches := w.Routes().Touches()
	routes := slices.DeleteFunc(slices.Sorted(maps.Keys(touches)), func(route string) bool {
		return !slices.Contains(touches[route], web.Nothing) || slices.Contains(ending, route)
	})
	for _, route := range append(routes, ending...) {
		_, path, _ := strings.Cut(route, " ")
		c.b.Post(t, c.at(strings.ReplaceAll(path, "{upstream}", "work")), c.everything())
		if differ := c.ways(c.user()).since(before); len(differ) > 0 {
			t.Fatalf("%s: %s declares nothing and changes %s", s.name, route, list(differ))
		}
	}
}

// everything is a value for each field that forms of ours have, right where somebody could know it.
func (c *cell) everything() url.Values {
	return url.Values{
		"username": {c.p.Email}, "password": {c.p.Password}, "current": {c.p.Password}, "email": {c.other()}, "name": {"Eve"},
		"code": {c.code()}, "t": {gone}, "credential": {"{}"}, "decision": {"accept"}, "trust": {"1"}, "remember": {"1"}, "passkeys": {"yes"},
		"passkey": {c.credential("passkey")}, "login": {c.credential("totp")}, "confirm": {c.p.Email}, "step": {"send"}, "session": {"others"},
	}
}
