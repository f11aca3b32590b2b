package signin_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"signet/server/servertest"
	"signet/users/federation/federationtest"
)

// What stands in a signed token can still be nothing that a database keeps, or a page shows.
func TestN08_WhatAnUpstreamSaysIsTextOrLeftOut(t *testing.T) {
	servertest.Engines(t, func(t *testing.T, engine servertest.Option) {
		w := upstreams(t, false, nil, engine)
		for name, odd := range map[string]struct {
			claims  map[string]any
			refused bool
		}{
			"sub with NUL":        {map[string]any{"sub": "w\x001"}, true},
			"sub that lost bytes": {map[string]any{"sub": "w\ufffd1"}, true},
			"sub of two lines":    {map[string]any{"sub": "w\n1"}, true},
			"sid with NUL":        {map[string]any{"sid": "s\x001"}, false},
			"sid too long":        {map[string]any{"sid": strings.Repeat("s", 9000)}, false},
			"name with NUL":       {map[string]any{"name": "A\x00B"}, false},
			"locale with NUL":     {map[string]any{"locale": "e\x00n"}, false},
			"address with NUL":    {map[string]any{"email": "a\x00da@work.example"}, false},
			"long name":           {map[string]any{"name": strings.Repeat("ä", 300)}, false},
			"long address":        {map[string]any{"email": strings.Repeat("ä", 100) + "@" + strings.Repeat("ö", 20) + ".example"}, false},
		} {
			t.Run(name, func(t *testing.T) {
				w.work.SetAccounts(federationtest.Account{Subject: "s " + name, Email: "x@work.example", EmailVerified: true, Name: "X"})
				w.work.Tamper(func(c map[string]any) { maps.Copy(c, odd.claims) })
				defer w.work.Tamper(nil)
				b := w.Browser(t)
				w.through(t, b, "work", "s "+name)
				if odd.refused {
					told(t, b, http.StatusForbidden, "could not be verified")
					return
				}
				email := strings.ReplaceAll(name, " ", "") + "@work.example"
				b.Submit(t, "newaccount-submit", url.Values{"name": {"Fine"}, "email": {email}})
				if b.Status != http.StatusOK || w.here(t, b).Email != email {
					t.Errorf("got %d at %s: %s", b.Status, b.URL, b.Text("main"))
				}
			})
		}
	})
}
